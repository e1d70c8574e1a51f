"""`StreamWriter` and `LogHandler` against real servers: killed, stopped, not there; in threads and forked children."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO, cast

import pytest
from sightline import LogHandler, StreamWriter, sync
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import Channel, Event
from sightline.v1.session_pb2 import Published
from support.server import PATIENCE, ServerProcess, connect, data_of, until

NOT_UTF8 = b"\xff\xfe caf\xe9 \x00\n"


@pytest.fixture(scope="module")
def house() -> Iterator[ServerProcess]:
    """A server that nobody harms."""
    made = ServerProcess()
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    """One to be killed and stopped."""
    made = ServerProcess()
    try:
        made.start()
        yield made
    finally:
        made.close()


def session_in(server: ServerProcess) -> str:
    with connect(server.target) as stub:
        return stub.Create(pb.CreateRequest(published=Published()), timeout=PATIENCE).session.id


def events_in(server: ServerProcess, session: str) -> list[Event]:
    with sync.connect(server.target) as client:
        return [event for event in client.list_events(session) if isinstance(event, Event)]


def written_in(server: ServerProcess, session: str) -> bytes:
    return b"".join(event.output.data for event in events_in(server, session))


def program(server: ServerProcess, session: str, source: str, seconds: float = 60) -> subprocess.CompletedProcess[bytes]:
    """Runs a program within a session, to its end."""
    environ = {**os.environ, "SIGHTLINE_TARGET": server.target, "SIGHTLINE_SESSION_ID": session}
    script = textwrap.dedent(source)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script], env=environ, capture_output=True, timeout=seconds, check=False
    )


def test_what_is_printed_is_output_of_the_session(house: ServerProcess) -> None:
    session = session_in(house)
    with StreamWriter(session, source="me", target=house.target) as writer:
        print("one", file=writer)
        with contextlib.redirect_stdout(cast(TextIO, writer)):
            print("two", "three")  # noqa: T201 - it is what is tested
        writer.buffer.write(NOT_UTF8)
        writer.write(NOT_UTF8.decode(errors="surrogateescape"))
        writer.write("unfinished")
        assert writer.flush(PATIENCE)
        assert written_in(house, session) == b"one\ntwo three\n" + NOT_UTF8 * 2 + b"unfinished"
        writer.writelines([" line\n", "last\n"])
    events = events_in(house, session)
    assert data_of(events, "me").endswith(b"unfinished line\nlast\n")
    assert {event.output.channel for event in events if event.HasField("output")} == {Channel.CHANNEL_STDOUT}
    assert all(event.HasField("source_time") for event in events if event.HasField("output"))


def test_a_line_waits_for_its_end_or_for_a_flush(house: ServerProcess) -> None:
    session = session_in(house)
    with StreamWriter(session, target=house.target, channel="stderr") as writer:
        writer.write("whole\nhalf")
        until(lambda: written_in(house, session) == b"whole\n")
        print("?", file=writer, end="", flush=True)
        until(lambda: written_in(house, session) == b"whole\nhalf?")
    assert events_in(house, session)[-1].output.channel == Channel.CHANNEL_STDERR


def test_it_behaves_as_a_text_file_does() -> None:
    writer = StreamWriter(session="")
    assert (writer.encoding, writer.errors, writer.isatty(), writer.writable(), writer.readable()) == (
        "utf-8", "surrogateescape", False, True, False,
    )  # fmt: skip
    for refused in (writer.fileno, writer.read, lambda: writer.seek(0), writer.buffer.fileno, writer.buffer.read):
        with pytest.raises(io.UnsupportedOperation):
            refused()
    with pytest.raises(TypeError, match="`buffer` takes bytes"):
        writer.write(b"bytes")  # type: ignore[arg-type]
    with pytest.raises(LookupError):
        StreamWriter(encoding="no-such-encoding")
    assert writer.write("\ud800 cannot be written") == len("\ud800 cannot be written")
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write("x")


def test_without_a_session_it_writes_to_tee_and_does_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGHTLINE_SESSION_ID", raising=False)
    raw = io.BytesIO()
    tee = io.TextIOWrapper(raw, encoding="utf-8")
    before = threading.active_count()
    with StreamWriter(tee=tee) as writer:
        print("hello", file=writer, flush=True)
        writer.buffer.write(NOT_UTF8)
        writer.buffer.flush()
        assert "SIGHTLINE_SESSION_ID" in writer.problem
        assert not writer.flush(60)
    assert raw.getvalue() == b"hello\n" + NOT_UTF8
    assert threading.active_count() == before


def test_with_no_server_the_program_goes_on_in_bounded_memory_and_the_loss_is_told_when_there_is_one() -> None:
    server = ServerProcess()
    try:
        server.start()
        session = session_in(server)
        server.kill()
        writer = StreamWriter(session, target=server.target, max_bytes=50_000)
        lines = [b"%06d\n" % number for number in range(20_000)]
        for line in lines:
            writer.buffer.write(line)
        until(lambda: writer.problem)
        assert writer.dropped_bytes > 0
        assert writer._outbox._size <= 50_000
        server.start()
        assert writer.flush(PATIENCE)
        assert not writer.problem
        events = events_in(server, session)
        lost = [event.output_lost for event in events if event.HasField("output_lost")]
        assert sum(one.bytes for one in lost) == writer.dropped_bytes
        assert all(one.from_time.ToNanoseconds() <= one.to_time.ToNanoseconds() for one in lost)
        kept = b"".join(event.output.data for event in events)
        assert len(kept) + writer.dropped_bytes == len(b"".join(lines))
        assert kept.endswith(lines[-1])
        place = 0
        for event in events:  # each loss stands where it is: what comes before and behind it fits
            if event.HasField("output_lost"):
                place += event.output_lost.bytes
            data = event.output.data
            assert data == b"".join(lines)[place : place + len(data)]
            place += len(data)
        writer.close()
    finally:
        server.close()


def test_over_kills_of_the_server_each_line_is_in_the_log_once(server: ServerProcess) -> None:
    session = session_in(server)
    writer = StreamWriter(session, target=server.target, max_bytes=64 << 20)
    stop = threading.Event()
    count = [0]

    def work() -> None:
        while not stop.is_set():
            print(count[0], file=writer)
            count[0] += 1
            if not count[0] % 50:
                stop.wait(0.001)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(4):
            head = len(events_in(server, session))
            until(lambda head=head: len(events_in(server, session)) > head + 2)  # type: ignore[misc]
            server.kill()
            before = count[0]
            until(lambda before=before: count[0] > before + 100)  # type: ignore[misc] # it never noticed
            server.start()
    finally:
        stop.set()
        thread.join()
    assert writer.flush(PATIENCE)
    assert writer.dropped_bytes == 0
    assert written_in(server, session).split() == [b"%d" % number for number in range(count[0])]
    writer.close()


def test_while_the_server_is_stopped_the_program_goes_on_and_ends(server: ServerProcess) -> None:
    session = session_in(server)
    source = """
        import sys
        from sightline import StreamWriter
        writer = StreamWriter()
        print("first", file=writer)
        assert writer.flush(20)
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(2000):
            print("x" * 100, file=writer)
        assert not writer.flush(0.1)
        print("done", flush=True)
    """
    environ = {**os.environ, "SIGHTLINE_TARGET": server.target, "SIGHTLINE_SESSION_ID": session}
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source)], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        server.process.send_signal(19)
        try:
            child.stdin.write(b"\n")
            child.stdin.flush()
            assert child.stdout.readline() == b"done\n"
            assert child.wait(PATIENCE) == 0
        finally:
            server.process.send_signal(18)
    assert b"first\n" in written_in(server, session)


def test_lines_of_many_threads_stay_whole_and_in_order(house: ServerProcess) -> None:
    session = session_in(house)
    writer = StreamWriter(session, target=house.target, max_bytes=64 << 20)

    def work(name: int) -> None:
        for number in range(500):
            print(name, number, "x" * 50, file=writer)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.flush(PATIENCE)
    lines = [line.split() for line in written_in(house, session).splitlines()]
    assert all(line[2] == b"x" * 50 for line in lines)
    for name in range(8):
        assert [int(number) for which, number, _ in lines if int(which) == name] == list(range(500))
    writer.close()


def test_a_program_that_just_ends_leaves_its_last_line(house: ServerProcess) -> None:
    session = session_in(house)
    done = program(
        house,
        session,
        """
        import sys
        from sightline import StreamWriter
        sys.stdout = StreamWriter(tee=sys.stdout)
        print("line")
        print("without an end", end="")
        raise SystemExit(3)
        """,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, b"line\nwithout an end", b"")
    assert written_in(house, session) == b"line\nwithout an end"


@pytest.mark.parametrize("begun", [True, False])
def test_what_forked_children_print_is_there_once(house: ServerProcess, begun: bool) -> None:
    session = session_in(house)
    done = program(
        house,
        session,
        f"""
        import multiprocessing, os, sys, threading, warnings
        warnings.simplefilter("ignore")
        from sightline import StreamWriter
        writer = sys.stdout = StreamWriter()
        if {begun}:
            print("parent")
            assert writer.flush(20), writer.problem
        def work(number):
            for line in range(100):
                print(f"child {{number}} {{line}}")
            return number
        with multiprocessing.get_context("fork").Pool(3) as pool:
            assert pool.map(work, range(6)) == list(range(6))
            pool.close()
            pool.join()
        print("half", end="")
        pid = os.fork()
        if not pid:
            print("by hand")
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        print(" and half")
        assert writer.flush(20), writer.problem
        """,
    )
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    lines = written_in(house, session).splitlines()
    assert sorted(lines) == sorted(
        [b"parent"] * begun + [b"child %d %d" % (n, line) for n in range(6) for line in range(100)] + [b"by hand", b"half and half"]
    )


def test_a_fork_in_the_middle_of_other_threads_prints_is_no_deadlock(house: ServerProcess) -> None:
    session = session_in(house)
    done = program(
        house,
        session,
        """
        import os, sys, threading, warnings
        warnings.simplefilter("ignore")
        from sightline import StreamWriter
        writer = StreamWriter(max_bytes=64 << 20)
        stop = threading.Event()
        def work():
            while not stop.is_set():
                print("noise", file=writer)
                stop.wait(0.0005)
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads: thread.start()
        for number in range(30):
            pid = os.fork()
            if not pid:
                print("child", number, file=writer)
                writer.flush(10)
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
        stop.set()
        for thread in threads: thread.join()
        assert writer.flush(20), writer.problem
        """,
    )
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    lines = [line for line in written_in(house, session).splitlines() if line != b"noise"]
    assert sorted(lines) == sorted(b"child %d" % number for number in range(30))


def test_a_child_that_outlives_its_parent_is_not_harmed(house: ServerProcess) -> None:
    session = session_in(house)
    done = program(
        house,
        session,
        """
        import os, sys
        from sightline import StreamWriter
        writer = StreamWriter()
        print("parent", file=writer)
        assert writer.flush(20)
        read, write = os.pipe()
        out = os.dup(1)
        if os.fork():
            os._exit(0)
        os.close(write)
        os.read(read, 1)  # the parent has gone: its end is closed
        for _ in range(5000):
            print("x" * 1000, file=writer)
        os.write(out, b"alive " + writer.problem.encode())
        sys.exit(0)
        """,
    )
    assert done.stdout.startswith(b"alive the process that talks to the server has ended")
    assert written_in(house, session).startswith(b"parent\n")


async def test_it_may_be_used_within_asyncio(house: ServerProcess) -> None:
    session = await asyncio.to_thread(session_in, house)
    writer = StreamWriter(session, target=house.target)
    print("from a coroutine", file=writer)
    assert await asyncio.to_thread(writer.flush, PATIENCE)
    assert await asyncio.to_thread(written_in, house, session) == b"from a coroutine\n"
    writer.close()


def test_what_has_not_arrived_when_the_writer_is_closed_is_counted(tmp_path: Path) -> None:
    writer = StreamWriter("nobody", target=f"unix:{tmp_path}/no.sock")
    print("one", file=writer)
    until(lambda: writer.problem)  # it is under way
    print("two", file=writer)
    writer.close(0)
    assert writer.dropped_bytes == len("one\ntwo\n")


def test_when_the_session_has_ended_the_writer_says_so_and_counts(house: ServerProcess) -> None:
    session = session_in(house)
    with connect(house.target) as stub:
        stub.Terminate(pb.TerminateRequest(session=session))
    with StreamWriter(session, target=house.target) as writer:
        print("too late", file=writer)
        until(lambda: writer.problem)
        assert "has ended" in writer.problem
        assert not writer.flush(0)
        print("later", file=writer)
        assert writer.dropped_bytes == len("too late\nlater\n")


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.Logger("app.db", logging.DEBUG)  # one of its own: a test's report cannot carry all that it is given
    yield made
    for handler in list(made.handlers):
        made.removeHandler(handler)
        handler.close()


def test_what_a_program_logs_becomes_events(house: ServerProcess, logger: logging.Logger) -> None:
    session = session_in(house)
    handler = LogHandler(logging.INFO, session=session, source="shop", target=house.target)
    logger.addHandler(handler)
    logger.debug("not wanted")
    logger.warning("slow: %d ms", 300)
    try:
        raise ValueError("wrong \ud800")
    except ValueError:
        logger.exception("it failed")
    logger.critical("x" * 100_000)
    assert handler.flush(PATIENCE)
    warning, failed, long = [event for event in events_in(house, session) if event.source == "shop"]
    assert (warning.notice.code, warning.notice.text) == ("log.warning", "app.db: slow: 300 ms")
    assert (failed.error.code, failed.error.fatal) == ("log.error", False)
    assert failed.error.message.startswith("app.db: it failed\nTraceback")
    assert (long.error.code, len(long.error.message)) == ("log.critical", 60_001)
    assert warning.HasField("source_time")


def test_a_mistake_in_a_log_call_breaks_nothing(
    house: ServerProcess, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    handler = LogHandler(session=session_in(house), target=house.target)
    logger.addHandler(handler)
    logger.warning("%d", "not a number")
    logger.warning("goes on")
    assert handler.flush(PATIENCE)


def test_a_handler_of_all_that_is_logged_does_not_feed_itself(house: ServerProcess) -> None:
    session = session_in(house)
    done = program(
        house,
        session,
        """
        import logging
        from sightline import LogHandler
        handler = LogHandler(source="all")
        logging.basicConfig(level=1, handlers=[handler])
        logging.info("once")
        assert handler.flush(20), handler.problem
        assert handler.flush(20)
        """,
    )
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    assert [event.notice.text for event in events_in(house, session) if event.source == "all"] == ["root: once"]
