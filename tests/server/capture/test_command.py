"""Commands: real programs behind real relays, with servers that go and are killed."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from server.capture import command_host
from server.capture.memory_sink import MemorySink
from sightline_server import errors
from sightline_server.capture import command as capture_command
from sightline_server.capture import processes, relay, relay_link
from sightline_server.capture.base import Ending, Typed
from sightline_server.capture.command import MAX_INPUT, CommandSource
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.relay import SEGMENT_BYTES, SEGMENTS

WAIT = 30.0
ENV = {"PATH": os.environ["PATH"]}


@pytest_asyncio.fixture
async def inotify() -> AsyncIterator[Inotify]:
    inotify = Inotify()
    yield inotify
    inotify.close()


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[MemorySink]:
    directory = tmp_path / "spool"
    directory.mkdir(0o700)
    sink = MemorySink(directory, session_id=f"s-{uuid.uuid4().hex}")
    yield sink
    for left in processes.tree(sink.session_id, None):
        processes.send_signal(left, signal.SIGKILL)


@asynccontextmanager
async def running(
    sink: MemorySink, inotify: Inotify, *argv: str, env: Mapping[str, str] = ENV, cwd: str = "/tmp", stdin_open: bool = False
) -> AsyncIterator[CommandSource]:
    """A started command; let go of at the end."""
    source = CommandSource(sink, inotify, argv=argv, env=env, cwd=cwd, stdin_open=stdin_open)
    await source.start()
    try:
        yield source
    finally:
        await source.detach()


@asynccontextmanager
async def resumed(sink: MemorySink, inotify: Inotify) -> AsyncIterator[CommandSource]:
    source = CommandSource(sink, inotify)
    await source.resume()
    try:
        yield source
    finally:
        await source.detach()


async def until(condition: Callable[[], object]) -> None:
    """Waits until something outside of the sink holds."""
    async with asyncio.timeout(WAIT):
        while not condition():  # noqa: ASYNC110 - other processes set no events of ours
            await asyncio.sleep(0.005)


def spooled(sink: MemorySink) -> int:
    """Bytes of stdout that are in the spool."""
    return sum(path.stat().st_size for path in sink.directory.glob("stdout.0*"))


# --- to the end


async def test_outputs_come_apart_and_the_end_last(sink: MemorySink, inotify: Inotify) -> None:
    async with running(sink, inotify, "sh", "-c", "echo out; echo err >&2; exit 3"):
        assert await sink.ending() == Ending(exit_code=3)
    assert sink.written("stdout") == b"out\n"
    assert sink.written("stderr") == b"err\n"


async def test_a_signal_that_ends_the_program_is_told(sink: MemorySink, inotify: Inotify) -> None:
    async with running(sink, inotify, "sh", "-c", "kill -SEGV $$"):
        assert await sink.ending() == Ending(signal=signal.SIGSEGV)


async def test_the_program_runs_where_and_as_the_caller_says_and_knows_its_session(
    sink: MemorySink, inotify: Inotify, tmp_path: Path
) -> None:
    async with running(sink, inotify, "sh", "-c", "pwd; env", env={**ENV, "KEY": "value"}, cwd=str(tmp_path)):
        await sink.ending()
    directory, *variables = sink.written("stdout").decode().splitlines()
    assert directory == str(tmp_path)
    assert {"KEY=value", f"SIGHTLINE_SESSION_ID={sink.session_id}"} <= set(variables)


@pytest.mark.parametrize(
    ("argv", "cwd", "error"),
    [
        ([], "/", errors.EmptyArgv),
        ([""], "/", errors.EmptyArgv),
        (["true"], "/no/such/directory", errors.CwdNotFound),
        (["true"], "/etc/passwd", errors.CwdNotFound),
        (["no-such-program"], "/", errors.ProgramNotFound),
        (["/no/such/program"], "/", errors.ProgramNotFound),
        (["/etc/passwd"], "/", errors.ProgramNotStarted),
        (["echo", "a\0b"], "/", errors.BadField),
    ],
)
async def test_what_cannot_run_is_refused_with_its_reason_and_nothing_is_left(
    sink: MemorySink, inotify: Inotify, argv: list[str], cwd: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        async with running(sink, inotify, *argv, cwd=cwd):
            raise AssertionError("it started")
    assert not sink.endings
    assert not processes.tree(sink.session_id, None)


async def test_a_program_is_looked_for_on_its_own_path(sink: MemorySink, inotify: Inotify, tmp_path: Path) -> None:
    tool = tmp_path / "some-tool"
    tool.write_text("#!/bin/sh\necho found\n")
    tool.chmod(0o700)
    async with running(sink, inotify, "some-tool", env={"PATH": str(tmp_path)}):
        await sink.ending()
    assert sink.written("stdout") == b"found\n"


async def test_a_background_child_that_holds_the_outputs_is_left_behind_and_lives(
    sink: MemorySink, inotify: Inotify, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    script = f"(read go < {tmp_path}/go; head -c 300000 /dev/zero && echo survived > {mark}) & echo bye"
    os.mkfifo(tmp_path / "go")
    async with running(sink, inotify, "sh", "-c", script):
        ending = await sink.ending()
        assert ending == Ending(exit_code=0, descendants_left=1)
        assert sink.written("stdout") == b"bye\n"
        await asyncio.to_thread((tmp_path / "go").write_text, "go\n")
        await until(lambda: mark.exists() and mark.read_text() == "survived\n")
    assert spooled(sink) == len("bye\n"), "what nobody will read is not kept"


async def test_a_child_that_ends_soon_after_is_waited_for(sink: MemorySink, inotify: Inotify) -> None:
    async with running(sink, inotify, "sh", "-c", "(sleep 0.2; echo late) & echo early"):
        assert await sink.ending() == Ending(exit_code=0)
    assert sink.written("stdout") == b"early\nlate\n"


async def test_a_program_that_closes_its_outputs_is_followed_to_its_exit(sink: MemorySink, inotify: Inotify) -> None:
    async with running(sink, inotify, "sh", "-c", "exec >&- 2>&-; sleep 0.2; exit 4"):
        assert await sink.ending() == Ending(exit_code=4)


# --- typing


async def test_what_is_sent_arrives_in_order_and_eof_ends_it(sink: MemorySink, inotify: Inotify) -> None:
    async with running(sink, inotify, "cat", stdin_open=True) as source:
        await source.send(Typed(data=b"one"))
        await sink.until(lambda: sink.written("stdout") == b"one")
        await source.send(Typed(data=b" two", keys=("Enter",)))
        await source.send(Typed(data=b"three", submit=True, eof=True))
        assert await sink.ending() == Ending(exit_code=0)
    assert sink.written("stdout") == b"one two\nthree\n"
    with pytest.raises(errors.NoInput):
        await source.send(Typed(data=b"more"))


async def test_the_largest_send_fits_whole_or_is_refused_whole(sink: MemorySink, inotify: Inotify) -> None:
    async with running(sink, inotify, "sh", "-c", "read first; cat", stdin_open=True) as source:
        (largest := bytearray(b"x" * MAX_INPUT))[-1:] = b"\n"
        with pytest.raises(errors.InputTooLarge):
            await source.send(Typed(data=bytes(largest), submit=True))
        await source.send(Typed(data=bytes(largest)))
        await send_when_it_reads(source, Typed(data=b"end\n", eof=True))
        await sink.ending()
    assert sink.written("stdout") == b"end\n"


async def send_when_it_reads(source: CommandSource, typed: Typed) -> None:
    """Sends once there is room."""
    async with asyncio.timeout(WAIT):
        while True:
            try:
                return await source.send(typed)
            except errors.InputBlocked:
                await asyncio.sleep(0.005)


async def test_a_program_that_does_not_read_is_never_waited_for(sink: MemorySink, inotify: Inotify) -> None:
    async with running(sink, inotify, "sh", "-c", "sleep 60 & wait; cat", stdin_open=True) as source:
        for size in (8000, 5000, 4096):
            with pytest.raises(errors.InputBlocked):
                await send_until_blocked(source, b"y" * size)
        await source.terminate(signal.SIGTERM, 5)
        await sink.ending()


async def send_until_blocked(source: CommandSource, data: bytes) -> None:
    for _ in range(2 * MAX_INPUT):
        await source.send(Typed(data=data))


@pytest.mark.parametrize("stdin_open", [True, False])
async def test_input_that_cannot_be_typed_is_refused_beforehand(sink: MemorySink, inotify: Inotify, stdin_open: bool) -> None:
    async with running(sink, inotify, "sleep", "60", stdin_open=stdin_open) as source:
        with pytest.raises(errors.UnknownKey):
            source.check_send(Typed(keys=("C-c",)))
        if not stdin_open:
            with pytest.raises(errors.NoInput):
                await source.send(Typed(data=b"x"))
        await source.terminate(signal.SIGKILL, 0)
        await sink.ending()


async def test_a_program_that_has_closed_its_stdin_takes_no_input(sink: MemorySink, inotify: Inotify) -> None:
    async with running(sink, inotify, "sh", "-c", "exec <&-; echo closed; sleep 60", stdin_open=True) as source:
        await sink.until(lambda: bool(sink.log))
        with pytest.raises(errors.NoInput):
            await source.send(Typed(data=b"x"))
        await source.terminate(signal.SIGKILL, 0)
        await sink.ending()


async def test_a_command_has_no_terminal(sink: MemorySink, inotify: Inotify) -> None:
    async with running(sink, inotify, "true") as source:
        assert not await source.echo_is_off()
        with pytest.raises(errors.NoTerminal):
            await source.resize(80, 24)
        with pytest.raises(errors.NoTerminal):
            await source.snapshot()
        with pytest.raises(errors.NotAdopted):
            await source.release()
        await sink.ending()


async def test_a_descriptor_that_means_something_else_by_now_is_not_written_to(sink: MemorySink, inotify: Inotify) -> None:
    async with running(sink, inotify, "cat", stdin_open=True) as source:
        started = relay_link.read_started(sink.directory)
        assert started
        assert started.stdin
        other = dataclasses.replace(started, stdin=relay_link.Pipe(started.control.number, started.stdin.inode))
        with pytest.raises(FileNotFoundError):
            relay_link.type_bytes(other, relay.CONTROL_EOF)
        await source.send(Typed(data=b"still open", eof=True))
        await sink.ending()
    assert sink.written("stdout") == b"still open"


# --- ending


async def test_an_interrupt_reaches_the_whole_group_and_not_the_relay(sink: MemorySink, inotify: Inotify) -> None:
    script = "trap 'echo outer; exit 130' INT; sh -c \"trap 'echo inner; exit' INT; echo up; while :; do sleep 0.01; done\""
    async with running(sink, inotify, "sh", "-c", script) as source:
        await sink.until(lambda: sink.written("stdout") == b"up\n")
        await source.interrupt()
        assert await sink.ending() == Ending(exit_code=130)
    assert sink.written("stdout") == b"up\ninner\nouter\n"


async def test_terminating_ends_the_whole_tree_and_what_was_written_stays(
    sink: MemorySink, inotify: Inotify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_command, "LINGER_SECONDS", 20.0)  # nobody is left behind before the time to go is over
    script = "setsid sh -c 'trap \"\" TERM; echo up; while :; do sleep 1; done' & trap 'echo going; exit 1' TERM; wait"
    async with running(sink, inotify, "sh", "-c", script) as source:
        await sink.until(lambda: sink.written("stdout") == b"up\n")
        await source.terminate(signal.SIGTERM, 2.0)
        assert not processes.tree(sink.session_id, None)
        assert await sink.ending() == Ending(exit_code=1)
    assert sink.written("stdout") == b"up\ngoing\n"


async def test_a_command_that_a_full_spool_holds_can_be_terminated(sink: MemorySink, inotify: Inotify) -> None:
    sink.gate.clear()
    async with running(sink, inotify, "yes") as source:
        await until(lambda: len(list(sink.directory.glob("stdout.0*"))) == SEGMENTS)
        await source.terminate(signal.SIGTERM, 5)
        sink.gate.set()
        assert await sink.ending() == Ending(signal=signal.SIGTERM)
    assert len(sink.written("stdout")) >= (SEGMENTS - 1) * SEGMENT_BYTES


# --- servers that go


async def test_a_server_that_goes_leaves_the_program_to_the_next_one(sink: MemorySink, inotify: Inotify) -> None:
    async with running(sink, inotify, "sh", "-c", "echo one; read go; echo two; exit 9", stdin_open=True):
        await sink.until(lambda: bool(sink.log))
    assert not sink.endings
    async with resumed(sink, inotify) as source:
        await source.send(Typed(data=b"go\n"))
        assert await sink.ending() == Ending(exit_code=9)
    assert sink.written("stdout") == b"one\ntwo\n"


async def test_what_ended_meanwhile_is_known_afterwards(sink: MemorySink, inotify: Inotify) -> None:
    async with running(sink, inotify, "sh", "-c", "read go; seq 100000; exit 9", stdin_open=True) as source:
        await source.send(Typed(data=b"go\n"))
    await until(lambda: (sink.directory / "stdout.end").exists() and (sink.directory / "exit").exists())
    async with resumed(sink, inotify):
        assert await sink.ending() == Ending(exit_code=9)
    assert sink.written("stdout") == b"".join(b"%d\n" % number for number in range(1, 100_001))


async def test_a_relay_that_was_killed_leaves_an_unobserved_end_and_all_that_it_wrote(sink: MemorySink, inotify: Inotify) -> None:
    async with running(sink, inotify, "sh", "-c", "echo some; sleep 60"):
        await sink.until(lambda: bool(sink.log))
        started = relay_link.read_started(sink.directory)
        assert started
        processes.send_signal(started.relay, signal.SIGKILL)
        ending = await sink.ending()
    assert not ending.observed
    assert ending.exit_code is None
    assert "relay" in ending.error
    assert sink.written("stdout") == b"some\n"


async def test_another_boot_of_the_machine_is_an_unobserved_end(sink: MemorySink, inotify: Inotify) -> None:
    async with running(sink, inotify, "sh", "-c", "echo some; sleep 60"):
        await sink.until(lambda: bool(sink.log))
    started = sink.directory / "started"
    started.write_text(started.read_text().replace(processes.boot_id(), "another"))
    async with resumed(sink, inotify):
        assert not (await sink.ending()).observed


async def test_a_program_that_was_never_started_is_said_on_resume(sink: MemorySink, inotify: Inotify) -> None:
    async with resumed(sink, inotify):
        ending = await sink.ending()
    assert not ending.started
    assert ending.error


# --- servers that are killed


@contextmanager
def host(directory: Path, how: str, *argv: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that hosts one command; killed without a word at the end."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([sys.executable, command_host.__file__, str(directory), how, *argv], env=env, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def ending(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "ending").read_text())
    return found


async def test_over_killed_servers_every_byte_is_logged_once(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir(0o700)
    journal = tmp_path / "journal"
    script = "seq 4000000; echo half >&2; seq 4000000; exit 7"
    for kill in range(4):
        with host(tmp_path, "resume" if kill else "start", "sh", "-c", script):
            before = size(journal)
            await until(lambda before=before: size(journal) > before + 6_000_000)  # type: ignore[misc]
    with host(tmp_path, "resume") as last:
        assert await asyncio.to_thread(last.wait, WAIT) == 0
    written, positions, _ = command_host.read_journal(journal)
    expected = b"".join(b"%d\n" % number for number in range(1, 4_000_001)) * 2
    assert len(expected) > 50_000_000
    assert written["stdout"] == expected
    assert written["stderr"] == b"half\n"
    assert positions == {"stdout": len(expected), "stderr": 5}
    assert ending(tmp_path)["exit_code"] == 7


async def test_with_its_server_killed_a_full_spool_holds_the_program_and_it_goes_on_with_the_next(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir(0o700)
    total = (SEGMENTS + 3) * SEGMENT_BYTES
    with host(tmp_path, "start", "sh", "-c", f"echo up; read go; head -c {total} /dev/zero; exit 5"):
        await until(lambda: size(tmp_path / "journal"))
    started = relay_link.read_started(spool)
    assert started
    relay_link.type_bytes(started, b"go\n")
    full = SEGMENTS * SEGMENT_BYTES
    await until(lambda: sum(size(path) for path in spool.glob("stdout.0*")) == full)
    assert processes.alive(started.child)
    with host(tmp_path, "resume") as last:
        assert await asyncio.to_thread(last.wait, WAIT) == 0
    written, _, _ = command_host.read_journal(tmp_path / "journal")
    assert written["stdout"] == b"up\n" + bytes(total)
    assert ending(tmp_path)["exit_code"] == 5
