"""The client on a whole server: real processes, real kills."""

import asyncio
import inspect
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sightline
import sightline.sync
from sightline import errors
from sightline.progress import Item
from sightline.v1.event_pb2 import Event, EventKind, SessionState
from sightline.v1.session_pb2 import Snapshot
from sightline.v1.session_service_pb2 import EndReason, Header
from support.server import ServerProcess, running

COUNT = "i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo line $i; sleep 0.005; done"


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with running(SIGHTLINE_GRPC_ADDRESS="127.0.0.1:0") as started:
        yield started


@pytest.fixture
async def client(server: ServerProcess) -> AsyncIterator[sightline.Client]:
    async with sightline.connect(server.target) as connected:
        yield connected


def output(items: list[Item]) -> bytes:
    return b"".join(item.output.data for item in items if isinstance(item, Event) and item.HasField("output"))


def seqs(items: list[Item]) -> list[int]:
    return [item.seq for item in items if isinstance(item, Event)]


async def until_gone(pid: int) -> None:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(process, gone.set)
    try:
        await gone.wait()
    finally:
        asyncio.get_running_loop().remove_reader(process)
        os.close(process)


@dataclass
class Tree:
    """A shell with a child of its own, whose pid it writes; `on_start` is called then."""

    on_start: Callable[[], object]
    argv: tuple[str, ...] = ("sh", "-c", "sleep 1000 & echo $!; wait")
    child: int = 0

    def on_event(self, event: Event) -> None:
        if event.HasField("output"):
            self.child = int(event.output.data)
            self.on_start()

    async def until_gone(self) -> None:
        assert self.child
        await until_gone(self.child)


# --- run


async def test_a_runs_result_is_what_the_command_did(client: sightline.Client, tmp_path: Path) -> None:
    script = 'echo out; echo "$WORD" >&2; pwd; exit 3'
    environ = {**os.environ, "WORD": "err"}
    result = await sightline.run(["sh", "-c", script], client=client, env=environ, cwd=tmp_path)
    assert (result.outcome, result.exit_code, result.signal) == ("FAILED", 3, 0)
    assert (result.stdout, result.stderr) == (f"out\n{tmp_path}\n".encode(), b"err\n")
    assert result.text == result.stdout.decode()
    assert (result.usage, result.complete) == (None, True)
    assert (await client.get(result.session_id)).exit_code == 3


async def test_a_run_by_a_signal_has_no_exit_code(client: sightline.Client) -> None:
    result = await sightline.run(["sh", "-c", "kill -9 $$"], client=client)
    assert (result.outcome, result.exit_code, result.signal) == ("FAILED", None, 9)


async def test_a_program_that_is_not_there_is_told_by_its_reason(client: sightline.Client) -> None:
    with pytest.raises(errors.NotFound) as raised:
        await sightline.run(["no-such-program"], client=client)
    assert raised.value.reason == "PROGRAM_NOT_FOUND"


async def test_every_event_goes_to_on_event_in_order_and_an_awaitable_is_awaited(client: sightline.Client) -> None:
    plain: list[int] = []
    awaited: list[int] = []

    async def later(event: Event) -> None:
        await asyncio.sleep(0)
        awaited.append(event.seq)

    await sightline.run(["echo", "hi"], client=client, on_event=lambda event: plain.append(event.seq))
    await sightline.run(["echo", "hi"], client=client, on_event=later)
    assert plain == list(range(1, len(plain) + 1))
    assert awaited == list(range(1, len(awaited) + 1))
    assert len(plain) > 2


async def test_a_cancelled_run_ends_its_tree_and_says_so(client: sightline.Client) -> None:
    started = asyncio.Event()
    tree = Tree(started.set)
    task = asyncio.create_task(sightline.run(tree.argv, client=client, on_event=tree.on_event))
    await started.wait()
    task.cancel()
    with pytest.raises(sightline.Cancelled) as raised:
        await task
    assert task.cancelled()
    assert "were ended" in "".join(raised.value.__notes__)
    await tree.until_gone()


async def test_a_timeout_around_a_run_is_a_timeout_and_ends_its_tree(client: sightline.Client) -> None:
    limit = asyncio.timeout(None)
    tree = Tree(lambda: limit.reschedule(0))
    with pytest.raises(TimeoutError):
        async with limit:
            await sightline.run(tree.argv, client=client, on_event=tree.on_event)
    await tree.until_gone()


async def test_a_failing_member_of_a_group_ends_the_runs_of_the_others(client: sightline.Client) -> None:
    started = asyncio.Event()
    tree = Tree(started.set)

    async def fails_when_started() -> None:
        await started.wait()
        raise RuntimeError("enough")

    async def group() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fails_when_started())
            await sightline.run(tree.argv, client=client, on_event=tree.on_event)

    with pytest.raises(ExceptionGroup) as raised:
        await group()
    assert [type(error) for error in raised.value.exceptions] == [RuntimeError]
    await tree.until_gone()


async def test_a_run_out_of_time_has_a_result_all_the_same(client: sightline.Client) -> None:
    with pytest.raises(errors.TimedOut) as raised:
        await sightline.run(["sh", "-c", "echo before; sleep 1000"], client=client, timeout=1)
    assert isinstance(raised.value, TimeoutError)
    assert raised.value.result.outcome == "CANCELLED"
    assert raised.value.result.stdout == b"before\n"


async def test_an_error_of_on_event_ends_the_tree_and_is_raised(client: sightline.Client) -> None:
    def fail() -> None:
        raise LookupError("mine")

    tree = Tree(fail)
    with pytest.raises(LookupError, match="mine"):
        await sightline.run(tree.argv, client=client, on_event=tree.on_event)
    await tree.until_gone()


async def test_a_cancellation_while_the_tree_is_ended_waits_for_that_and_is_not_swallowed(client: sightline.Client) -> None:
    def fail() -> None:
        asyncio.get_running_loop().call_soon(task.cancel)  # comes when `run` awaits next: the end of the tree
        raise LookupError("mine")

    tree = Tree(fail)
    task = asyncio.create_task(sightline.run(tree.argv, client=client, on_event=tree.on_event))
    with pytest.raises(sightline.Cancelled) as raised:
        await task
    assert "were ended" in str(raised.value)
    assert isinstance(raised.value.__cause__, LookupError)
    await tree.until_gone()


async def test_a_run_cancelled_before_its_session_is_there_leaves_nothing(client: sightline.Client) -> None:
    name = "cancelled-early"
    task = asyncio.create_task(sightline.run(["sleep", "1000"], client=client, name=name))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(sightline.Cancelled):
        await task
    live = [s async for s in client.list(name=name) if s.state != SessionState.SESSION_STATE_ENDED]
    assert live == []


# --- steering


async def test_a_command_is_sent_to_interrupted_and_waited_for(client: sightline.Client) -> None:
    session = await client.create(["cat"], stdin_open=True, name="steered")
    with pytest.raises(errors.AlreadyExists):
        await client.create(["cat"], name="steered")
    await client.send(session, "hello", submit=True)
    await client.send("steered", data=b"\xff", eof=True)
    ended = await client.wait(session, timeout=60)
    assert not ended.timed_out
    items = [item async for item in client.subscribe("steered")]
    assert output(items) == b"hello\n\xff"
    assert [type(item) for item in items[:1]] == [Header]
    assert [item.seq async for item in client.list_events(session) if isinstance(item, Event)] == seqs(items)
    await client.delete(session)
    with pytest.raises(errors.NotFound):
        await client.get(session)


async def test_a_terminal_is_run_typed_into_resized_and_shown(client: sightline.Client) -> None:
    result = await sightline.run(["sh", "-c", "echo out; echo err >&2; exit 4"], client=client, terminal=(80, 24))
    assert (result.exit_code, result.stdout, result.stderr) == (4, b"out\r\nerr\r\n", b"")
    session = await client.create(["sh", "-c", "read word; echo said $word; stty size; read end"], terminal=(60, 20))
    await client.resize(session, 70, 25)
    await client.send(session, "hello", submit=True)
    seen = b""
    async for item in client.subscribe(session):
        seen += output([item])
        if b"25 70" in seen:
            break
    screen = await client.snapshot(session)
    assert (screen.columns, screen.rows) == (70, 25)
    assert "said hello" in screen.text
    async for item in client.subscribe(session, snapshot=True):
        if isinstance(item, Snapshot):
            assert "said hello" in item.text
            break
    assert (await client.terminate(session, grace=0)).state == SessionState.SESSION_STATE_ENDED


async def test_tcp_needs_the_token(server: ServerProcess) -> None:
    found = re.search(r"127\.0\.0\.1:\d+", server.log())
    assert found is not None
    address = found[0]
    token = (server.home / "token").read_text().strip()
    async with sightline.connect(address, token="wrong") as client:
        with pytest.raises(errors.Unauthenticated):
            await client.get("s")
    async with sightline.connect(address, token=token) as client:
        assert (await sightline.run(["echo", "hi"], client=client)).stdout == b"hi\n"


# --- resuming


@pytest.fixture
def own_server() -> Iterator[ServerProcess]:
    with running() as started:
        yield started


@pytest.mark.parametrize("end", [ServerProcess.kill, ServerProcess.terminate])
async def test_a_stream_goes_on_over_restarts_without_loss_or_repetition(
    own_server: ServerProcess, end: object, tmp_path: Path
) -> None:
    assert callable(end)
    outages: list[object] = []
    hundreds = (
        "for part in 0 1 2; do until [ -e $part ]; do sleep 0.01; done; for k in $(seq 100); do echo line $((++i)); done; done"
    )
    (tmp_path / "0").touch()
    async with sightline.connect(own_server.target) as client:
        session = await client.create(["bash", "-c", hundreds], cwd=str(tmp_path))
        everything, named = client.subscribe("*"), client.subscribe(session, on_disconnect=outages.append)
        items: list[Item] = []
        under_star: list[Item] = []
        restarts = 0
        async for item in named:
            items.append(item)
            if restarts < 2 and len(output(items).splitlines()) == (restarts + 1) * 100:
                restarts += 1
                await asyncio.to_thread(end, own_server)
                await asyncio.to_thread(own_server.start)
                (tmp_path / str(restarts)).touch()  # what comes now comes over a connection that was made anew
        async for item in everything:
            under_star.append(item)
            if isinstance(item, Event) and item.HasField("completed"):
                break
    assert restarts == len(outages) == 2
    expected = b"".join(b"line %d\n" % number for number in range(1, 301))
    for got in (items, under_star):
        assert output(got) == expected
        assert seqs(got) == list(range(1, len(seqs(got)) + 1))
    assert named.end is not None
    assert named.end.reason == EndReason.END_REASON_ALL_ENDED


async def test_a_run_and_a_wait_do_not_notice_a_restart(own_server: ServerProcess) -> None:
    async with sightline.connect(own_server.target) as client:
        ready = asyncio.Event()
        run = asyncio.create_task(
            sightline.run(["sh", "-c", COUNT + "; exit 7"], client=client, name="long", on_event=lambda _: ready.set())
        )
        await ready.wait()
        waiting = asyncio.create_task(client.wait("long"))
        await asyncio.to_thread(own_server.kill)
        await asyncio.to_thread(own_server.start)
        assert (await waiting).session.exit_code == 7
        result = await run
    assert (result.exit_code, len(result.stdout.splitlines())) == (7, 400)


async def test_cursors_kept_by_a_program_go_on_in_the_next_one(client: sightline.Client) -> None:
    session = await client.create(["sh", "-c", "echo one; echo two; echo three"])
    await client.wait(session)
    first: list[Item] = []
    async with client.subscribe(session, kinds=["output"]) as stream:
        async for item in stream:
            first.append(item)
            if isinstance(item, Event):
                break
    second = [item async for item in client.subscribe(session, after=stream.cursors, kinds=[EventKind.EVENT_KIND_OUTPUT])]
    assert output(first) + output(second) == b"one\ntwo\nthree\n"


# --- sync


def test_the_blocking_client_does_the_same(server: ServerProcess) -> None:
    with sightline.sync.connect(server.target) as client:
        session = client.create(["sh", "-c", "seq 1000; echo err >&2; exit 2"])
        with client.subscribe(session) as stream:
            items = list(stream)
        assert stream.end is not None
        assert output(items).count(b"\n") == 1001
        assert client.wait(session, timeout=60).session.exit_code == 2
        assert session.id in [found.id for found in client.list()]
        assert [item.seq for item in client.list_events(session) if isinstance(item, Event)] == seqs(items)
        assert sum(len(response.events) for response in client.subscribe(session).batches()) == len(seqs(items))
        result = sightline.sync.run(["echo", "hi"], client=client)
        assert (result.outcome, result.stdout) == ("SUCCEEDED", b"hi\n")
        with pytest.raises(errors.NotFound):
            client.get("nobody")


def test_a_callback_that_would_wait_for_its_own_thread_is_told_so(server: ServerProcess) -> None:
    with sightline.sync.connect(server.target) as client, pytest.raises(RuntimeError, match="use the async client there"):
        sightline.sync.run(["echo", "hi"], client=client, on_event=lambda _: client.get("s"))


def test_ctrl_c_ends_the_tree_of_a_blocking_run(server: ServerProcess) -> None:
    script = textwrap.dedent(
        """
        import sys, sightline.sync
        def on_event(event):
            if event.HasField("output"):
                print(event.output.data.decode().strip(), flush=True)
        try:
            sightline.sync.run(["sh", "-c", "sleep 1000 & echo $!; wait"], target=sys.argv[1], on_event=on_event)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        """
    )
    program = subprocess.Popen([sys.executable, "-c", script, server.target], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    with program.stdout:
        child = int(program.stdout.readline())
        program.send_signal(signal.SIGINT)
        assert program.stdout.readline() == "interrupted\n"
    assert program.wait(30) == 0
    asyncio.run(asyncio.wait_for(until_gone(child), 30))


def test_ctrl_c_that_the_system_gives_to_another_thread_interrupts_too(server: ServerProcess) -> None:
    script = textwrap.dedent(
        """
        import signal, sys, threading, sightline.sync
        def on_event(event):
            if event.HasField("output"):
                signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        try:
            sightline.sync.run(["sh", "-c", "echo ready; sleep 1000"], target=sys.argv[1], on_event=on_event)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        """
    )
    program = subprocess.run(
        [sys.executable, "-c", script, server.target], stdout=subprocess.PIPE, text=True, timeout=60, check=False
    )
    assert program.stdout == "interrupted\n"
    assert program.returncode == 0


def test_a_blocking_stream_that_ctrl_c_interrupts_can_be_read_on(server: ServerProcess) -> None:
    script = textwrap.dedent(
        """
        import sys, sightline.sync
        seqs = []
        with sightline.sync.connect(sys.argv[1]) as client, client.subscribe(sys.argv[2]) as stream:
            while stream.end is None:
                try:
                    for item in stream:
                        if hasattr(item, "seq"):
                            seqs.append(item.seq)
                            if item.HasField("output"):
                                print("output", flush=True)
                except KeyboardInterrupt:
                    print("interrupted", flush=True)
        print(seqs == list(range(1, len(seqs) + 1)), flush=True)
        """
    )
    with sightline.sync.connect(server.target) as client:
        session = client.create(["cat"], stdin_open=True)
        client.send(session, "one", submit=True)
        argv = [sys.executable, "-c", script, server.target, session.id]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == "output\n"
            program.send_signal(signal.SIGINT)
            assert program.stdout.readline() == "interrupted\n"
            client.send(session, "two", submit=True, eof=True)
            assert program.stdout.read() == "output\nTrue\n"
    assert program.returncode == 0


def test_the_blocking_run_takes_what_the_async_one_takes() -> None:
    assert list(inspect.signature(sightline.sync.run).parameters) == list(inspect.signature(sightline.run).parameters)
