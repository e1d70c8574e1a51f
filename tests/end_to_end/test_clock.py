"""The clock stepped back by an hour under a running server: logs stay in order, and nothing waits for the hour to pass."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import Event, Outcome
from sightline.v1.session_service_pb2_grpc import SessionServiceStub
from sightline_server.app import Application
from sightline_server.settings import Settings
from support.server import PATIENCE, ServerProcess, check_log, completed, connect, create, data_of, follow, until

Stub = Any  # the asynchronous one, which only type checkers know by a name

HOUR = 3600 * 10**9  # nanoseconds


class Clock:
    """The machine's, and as far beside it as the test says."""

    def __init__(self) -> None:
        self.step = 0

    def __call__(self) -> int:
        return time.time_ns() + self.step


@asynccontextmanager
async def serving(home: Path, clock: Clock) -> AsyncIterator[Stub]:
    """A server in this process, by that clock; what it follows goes on when it goes."""
    application = Application(Settings(home=home, grpc_address=None), clock)
    await application.start()
    try:
        async with grpc.aio.insecure_channel(f"unix:{home}/sightline.sock") as channel:
            yield SessionServiceStub(channel)
    finally:
        await application.stop()


def reading_back(*argv: str) -> pb.CreateRequest:
    """A command that is typed into."""
    request = pb.CreateRequest()
    request.command.argv.extend(argv)
    request.command.stdin = request.command.STDIN_OPEN
    return request


async def events_of(stub: Stub, request: pb.SubscribeRequest) -> list[Event]:
    """All that the stream brings, to its end."""
    return [event async for response in stub.Subscribe(request, timeout=PATIENCE) for event in response.events]


async def typed(stub: Stub, session: str, line: str) -> None:
    """Types a line into `cat`, and waits until it came back."""
    await stub.Send(pb.SendRequest(session=session, text=line))
    request = pb.SubscribeRequest(sessions=[session])
    async for response in (call := stub.Subscribe(request, timeout=PATIENCE)):
        if any(event.output.data == line.encode() for event in response.events):
            call.cancel()
            return


@pytest.fixture
def home() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="sl"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


async def test_times_never_decrease_and_are_found_again(home: Path) -> None:
    clock = Clock()
    async with serving(home, clock) as stub:
        session = (await stub.Create(reading_back("cat"))).session.id
        await typed(stub, session, "before\n")
        clock.step = -HOUR
        await typed(stub, session, "behind\n")
    async with serving(home, clock) as stub:  # nor over a restart
        await typed(stub, session, "after the restart\n")
        clock.step = 0
        await typed(stub, session, "right again\n")
        await stub.Send(pb.SendRequest(session=session, eof=True))
        events = await events_of(stub, pb.SubscribeRequest(sessions=[session]))
        check_log(events)
        assert data_of(events, "stdout") == b"before\nbehind\nafter the restart\nright again\n"
        times = [event.time.ToNanoseconds() for event in events]
        assert times[-1] - times[0] < HOUR  # the step is nowhere in it
        for moment in {*times, *(time + 1 for time in times), times[0] - HOUR, times[-1] - HOUR}:
            request = pb.SubscribeRequest(sessions=[session])
            request.at_time.FromNanoseconds(moment)
            wanted = [event for event in events if event.time.ToNanoseconds() >= moment]
            assert await events_of(stub, request) == wanted, moment


async def test_nobody_waits_for_the_hour_to_pass(home: Path) -> None:
    clock = Clock()
    async with serving(home, clock) as stub:
        session = (await stub.Create(reading_back("sh", "-c", "read x; exit 3"))).session
        request = pb.SubscribeRequest(sessions=[session.id])
        request.heartbeat_interval.FromMilliseconds(100)
        beats = 0
        async for response in (call := stub.Subscribe(request, timeout=PATIENCE)):
            beats += response.HasField("heartbeat")
            if beats == 1:
                clock.step = -HOUR
            if beats == 4:
                call.cancel()
                break
        waiting = pb.WaitRequest(session=session.id)
        waiting.timeout.FromMilliseconds(200)
        assert (await stub.Wait(waiting, timeout=PATIENCE)).timed_out
        await stub.Send(pb.SendRequest(session=session.id, submit=True))
        ended = (await stub.Wait(pb.WaitRequest(session=session.id), timeout=PATIENCE)).session
        assert (ended.outcome, ended.exit_code) == (Outcome.OUTCOME_FAILED, 3)
        assert ended.end_time.ToNanoseconds() >= session.create_time.ToNanoseconds()
        other = (await stub.Create(reading_back("cat"))).session.id  # begins in the hour before: order is by creation
        assert [each.id for each in (await stub.List(pb.ListRequest())).sessions] == [other, session.id]
        await stub.Interrupt(pb.InterruptRequest(session=other))
        assert completed(await events_of(stub, pb.SubscribeRequest(sessions=[other]))).outcome == Outcome.OUTCOME_INTERRUPTED


def test_an_end_that_was_noted_by_a_clock_ahead_is_not_waited_for(server: ServerProcess, tmp_path: Path) -> None:
    """The pipes are given a second behind the exit, by the file that says so: its time may lie an hour ahead."""
    os.mkfifo(tmp_path / "gate")
    with connect(server.target) as stub:
        session = create(stub, "sh", "-c", f"sleep 60 & echo $!; read x <{tmp_path}/gate; exit 5")
    server.kill()
    (tmp_path / "gate").write_text("go\n")
    noted = server.home / "spool" / session.id / "exit"
    until(noted.exists)
    ahead = time.time() + 3600
    os.utime(noted, (ahead, ahead))
    server.start()
    with connect(server.target) as stub:
        events = follow(stub, session.id)
    assert (completed(events).exit_code, completed(events).descendants_left) == (5, 1)
    os.kill(int(data_of(events, "stdout")), signal.SIGKILL)
