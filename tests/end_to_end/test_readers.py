"""Subscribers that are killed, stopped, reset, or do not read: they cost nothing, disturb nobody and miss nothing."""

from __future__ import annotations

import asyncio
import hashlib
import signal
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import grpc
import pytest
import sightline
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.session_pb2 import Session, Subscriber
from sightline.v1.session_service_pb2_grpc import SessionServiceStub as Stub
from support.load import written
from support.proxy import proxied
from support.readers import reading
from support.server import PATIENCE, ServerProcess, connect, create, resident, running, until

MEGABYTE = 1_000_000
ROUND = 20 * MEGABYTE  # bytes
FIFTY_MEGABYTES = 50 * 1024 * 1024  # what 50 subscribers that do not read may cost


class Flood:
    """A session that writes a file whenever it is told to."""

    def __init__(self, stub: Stub, path: Path, *, terminal: bool = False) -> None:
        self.content = written(path, ROUND)
        self.rounds = 0
        self._stub = stub
        quiet = "stty -echo;" if terminal else ""
        script = f"{quiet} while read go; do cat {path}; done"
        self.id = create(stub, "sh", "-c", script, stdin=not terminal, terminal=terminal).id

    def write(self, rounds: int = 1) -> None:
        """Returns when so many rounds more are in the log."""
        self.rounds += rounds
        self._stub.Send(pb.SendRequest(session=self.id, text="go\n" * rounds), timeout=PATIENCE)
        until(lambda: self.session().bytes >= self.rounds * len(self.content), 300)

    def write_to_the_end(self, rounds: int) -> None:
        self.write(rounds)
        self.end()

    def end(self) -> None:
        self._stub.Send(pb.SendRequest(session=self.id, eof=True), timeout=PATIENCE)
        self._stub.Wait(pb.WaitRequest(session=self.id), timeout=PATIENCE)

    def session(self) -> Session:
        return self._stub.Get(pb.GetRequest(session=self.id), timeout=PATIENCE).session

    def subscribers(self) -> list[Subscriber]:
        """As listed."""
        (session,) = (each for each in self._stub.List(pb.ListRequest(), timeout=PATIENCE).sessions if each.id == self.id)
        return list(session.subscribers)

    def digest(self) -> str:
        """Of all that it wrote."""
        return hashlib.sha256(self.content * self.rounds).hexdigest()

    def request(self, **fields: object) -> pb.SubscribeRequest:
        return pb.SubscribeRequest(sessions=[self.id], **fields)  # type: ignore[arg-type]


@pytest.fixture
def stub(server: ServerProcess) -> Iterator[Stub]:
    with connect(server.target) as stub:
        yield stub


@pytest.fixture
def flood(stub: Stub, tmp_path: Path) -> Flood:
    return Flood(stub, tmp_path / "lines")


def test_a_killed_reader_is_gone_a_stopped_one_lags_and_neither_disturbs(server: ServerProcess, flood: Flood) -> None:
    request = flood.request()
    with (
        reading(server.target, request) as killed,
        reading(server.target, request) as stopped,
        reading(server.target, request) as steady,
    ):
        flood.write()
        for readers in (killed, stopped, steady):
            readers.until_began()
        assert len(flood.subscribers()) == 3
        killed.process.send_signal(signal.SIGKILL)
        stopped.process.send_signal(signal.SIGSTOP)
        until(lambda: len(flood.subscribers()) == 2)
        flood.write(4)
        until(lambda: min(each.lag_bytes for each in flood.subscribers()) == 0)
        (lag,) = (each for each in flood.subscribers() if each.lag_bytes)
        assert lag.lag_bytes > 3 * ROUND
        assert lag.lag_events > 0
        flood.end()
        (got,) = steady.got()
        stopped.process.send_signal(signal.SIGCONT)
        (late,) = stopped.got()
    assert late == got
    assert (got.digest, got.size, got.dense, got.gaps) == (flood.digest(), flood.rounds * len(flood.content), True, [])
    assert got.end == "END_REASON_ALL_ENDED"
    until(lambda: not flood.subscribers())
    assert "Traceback" not in server.log(), server.log()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("count", "rounds", "read_on"), [(5, 10, 5), pytest.param(50, 250, 2, marks=pytest.mark.soak)], ids=["200 MB", "5 GB"]
)
def test_readers_that_do_not_read_cost_no_memory_and_miss_nothing(tmp_path: Path, count: int, rounds: int, read_on: int) -> None:
    with running(SIGHTLINE_MAX_SESSION_BYTES="16GiB") as server, connect(server.target) as stub:
        flood = Flood(stub, tmp_path / "lines")
        request = flood.request()
        with (
            reading(server.target, request) as steady,
            reading(server.target, request, read_on, stalled=True) as stalled,
            reading(server.target, request, count - read_on, stalled=True) if count > read_on else nullcontext(steady) as others,
        ):
            flood.write(2)
            for readers in {steady, stalled, others}:
                readers.until_began()
            before = resident(server.process.pid)
            flood.write(rounds)
            assert resident(server.process.pid) - before < FIFTY_MEGABYTES
            half = ROUND * rounds // 2  # who reads is behind for a moment too
            until(lambda: sum(each.lag_bytes > half for each in flood.subscribers()) == count)
            flood.end()
            (got,) = steady.got()
            assert (got.digest, got.dense, got.end) == (flood.digest(), True, "END_REASON_ALL_ENDED")
            stalled.read_on()
            assert stalled.got() == [got] * read_on


@pytest.mark.parametrize("terminal", [False, True], ids=["command", "pane"])
def test_a_stopped_reader_goes_to_the_latest_if_it_asked_for_that(
    server: ServerProcess, stub: Stub, tmp_path: Path, terminal: bool
) -> None:
    flood = Flood(stub, tmp_path / "lines", terminal=terminal)
    request = flood.request(on_slow=pb.ON_SLOW_TO_LATEST, max_lag_bytes=3 * ROUND // 2)
    with reading(server.target, request) as readers:
        flood.write()
        readers.until_began()
        readers.process.send_signal(signal.SIGSTOP)
        flood.write(3)
        lagging = flood.session().head_seq
        readers.process.send_signal(signal.SIGCONT)
        until(lambda: flood.subscribers()[0].lag_bytes == 0)
        flood.write()
        flood.end()
        (got,) = readers.got()
    assert got.dense
    assert got.last_seq == flood.session().head_seq
    assert {gap.reason for gap in got.gaps} == {"GAP_REASON_SLOW"}
    assert got.gaps[0].last_seq >= lagging
    assert 0 < got.size < flood.rounds * len(flood.content)
    assert got.end == "END_REASON_ALL_ENDED"
    if terminal:
        assert got.signs[got.signs.index("gap") + 1] == "snapshot"


def test_a_stopped_reader_is_ended_if_it_asked_for_that(server: ServerProcess, flood: Flood) -> None:
    with reading(server.target, flood.request(on_slow=pb.ON_SLOW_FAIL, max_lag_bytes=3 * ROUND // 2)) as readers:
        flood.write()
        readers.until_began()
        readers.process.send_signal(signal.SIGSTOP)
        flood.write(3)
        readers.process.send_signal(signal.SIGCONT)
        (got,) = readers.got()
    assert (got.end, got.dense, got.gaps) == ("END_REASON_TOO_SLOW", True, [])
    until(lambda: not flood.subscribers())


def test_calls_given_up_in_mid_stream_leave_no_follower(server: ServerProcess, flood: Flood) -> None:
    flood.write()
    for how in ["cancelled", "closed"] * 10:
        with grpc.insecure_channel(server.target) as channel:
            call = Stub(channel).Subscribe(flood.request())
            assert next(iter(call)).HasField("header")
            if how == "cancelled":
                call.cancel()
    until(lambda: not flood.subscribers())
    flood.write()
    assert "Traceback" not in server.log(), server.log()


async def test_a_reset_connection_is_gone_and_its_reader_resumes(tmp_path: Path) -> None:
    with running(SIGHTLINE_GRPC_ADDRESS="127.0.0.1:0") as server, connect(server.target) as stub, proxied(server.port) as proxy:
        flood = Flood(stub, tmp_path / "lines")
        token = (server.home / "token").read_text().strip()
        digest, seqs = hashlib.sha256(), []
        async with sightline.connect(proxy.address, token=token) as client, client.subscribe(flood.id) as subscription:
            writing = asyncio.create_task(asyncio.to_thread(flood.write_to_the_end, 5))
            resets = 0
            async for response in subscription.batches():
                for event in response.events:
                    seqs.append(event.seq)
                    digest.update(event.output.data)
                if resets < 5 and len(seqs) > (resets + 1) * 100:
                    proxy.reset()
                    resets += 1
            await writing
        assert (resets, proxy.accepted) == (5, 6)
        assert digest.hexdigest() == flood.digest()
        assert seqs == list(range(1, len(seqs) + 1))
        await asyncio.to_thread(until, lambda: not flood.subscribers())
        assert "Traceback" not in server.log(), server.log()


def test_a_reset_reader_of_a_quiet_session_is_gone_too(tmp_path: Path) -> None:
    with running(SIGHTLINE_GRPC_ADDRESS="127.0.0.1:0") as server, connect(server.target) as stub, proxied(server.port) as proxy:
        flood = Flood(stub, tmp_path / "lines")
        bearer = (("authorization", f"Bearer {(server.home / 'token').read_text().strip()}"),)
        with connect(proxy.address) as beyond:
            call = beyond.Subscribe(flood.request(), metadata=bearer)
            assert next(iter(call)).HasField("header")
            assert len(flood.subscribers()) == 1
            proxy.reset()
            until(lambda: not flood.subscribers())
