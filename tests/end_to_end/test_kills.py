"""`kill -9` of the server, restarts, and going down: nothing is lost, doubled or taken back."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import grpc
import pytest
import sightline
from grpc_health.v1 import health_pb2
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import Event, Outcome
from sightline.v1.session_pb2 import Cursor
from support.load import EXIT_CODE, Load, written
from support.server import PATIENCE, ServerProcess, completed, connect, create, data_of, follow, health, is_relay, reason_of
from support.watched import Watched


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    written(tmp_path / "lines", 40_000_000)
    return tmp_path / "lines"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.soak)])
async def test_a_server_killed_under_load_loses_doubles_and_takes_back_nothing(
    server: ServerProcess, tmp_path: Path, kills: int
) -> None:
    """A watcher that resumes follows a command and a pane through all kills, and sees each event once."""
    seed = int(os.environ.get("SIGHTLINE_TEST_SEED") or random.randrange(1 << 32))
    print(f"to repeat: SIGHTLINE_TEST_SEED={seed}")  # noqa: T201 - shown when it fails
    chance = random.Random(seed)
    load = Load(tmp_path, kills)
    try:
        with connect(server.target) as stub:
            ids = load.start(stub)
        seen = {ids[name]: watched for name, watched in load.watched().items()}
        outages = Outages()
        following = asyncio.create_task(watch(server.target, seen, outages))
        for kill in range(kills):
            await until_seen(seen, load.release(), following, chance, partial(outages.are_over, kill))
            server.kill()
            if chance.random() < 0.25:  # also while it starts: it takes up sessions before it serves
                server.spawn()
                await asyncio.sleep(chance.random() * 0.5)
                server.kill()
            if kill == kills - 1:
                load.end()
            await asyncio.to_thread(server.start)
        await asyncio.wait_for(following, 600)
        assert outages.begun >= kills
    finally:
        load.close()
    with connect(server.target) as stub:
        for name, stored in load.watched().items():
            for response in stub.Subscribe(pb.SubscribeRequest(sessions=[ids[name]]), timeout=600):
                for event in response.events:
                    stored.see(event)
            for watched in (stored, seen[ids[name]]):
                last = watched.check_end()
                assert (last.outcome, last.exit_code) == (Outcome.OUTCOME_FAILED, EXIT_CODE)
            assert stored.head == seen[ids[name]].head
    assert "Traceback" not in server.log()


class Outages:
    """What a watcher is told of them."""

    def __init__(self) -> None:
        self.begun = 0
        self._ended = 0

    def begin(self, _error: object) -> None:
        self.begun += 1

    def end(self) -> None:
        self._ended += 1

    def are_over(self, count: int) -> bool:
        return self.begun == self._ended >= count


async def watch(target: str, sessions: dict[str, Watched], outages: Outages) -> None:
    """Follows to the end, through every break."""
    async with (
        sightline.connect(target) as client,
        client.subscribe(*sessions, on_disconnect=outages.begin, on_reconnect=outages.end) as subscription,
    ):
        async for response in subscription.batches():
            assert not response.HasField("gap")
            for event in response.events:
                sessions[event.session_id].see(event)


async def until_seen(
    sessions: dict[str, Watched], written: int, following: asyncio.Task[None], chance: random.Random, is_back: Callable[[], bool]
) -> None:
    """Until a random part of what is still to come has been seen, by a watcher that is back from the last outage."""

    def bytes_seen() -> int:
        return sum(session.size for session in sessions.values())

    goal = bytes_seen() + chance.randrange(max(1, written - bytes_seen()))
    async with asyncio.timeout(120):
        while bytes_seen() < goal or not is_back():
            if following.done():
                following.result()
            await asyncio.sleep(0.002)


def test_what_was_told_is_never_taken_back(server: ServerProcess, lines: Path) -> None:
    """A watcher sees the same events before and after the kill, and goes on at its cursor."""
    with connect(server.target) as stub:
        session = create(stub, "cat", str(lines))
        before: list[Event] = []
        for response in stub.Subscribe(pb.SubscribeRequest(sessions=[session.id]), timeout=PATIENCE):
            before += response.events
            if sum(len(event.output.data) for event in before) > 5_000_000:
                break
        server.kill()
    server.start()
    with connect(server.target) as stub:
        whole = follow(stub, session.id)
        assert whole[: len(before)] == before
        epoch = stub.Get(pb.GetRequest(session=session.id)).session.epoch
        cursors = pb.Cursors(cursors=[Cursor(session_id=session.id, epoch=epoch, seq=before[-1].seq)])
        rest = [e for r in stub.Subscribe(pb.SubscribeRequest(sessions=[session.id], after=cursors)) for e in r.events]
        assert before + rest == whole


def test_the_exit_code_of_what_ended_meanwhile_is_known(server: ServerProcess, tmp_path: Path) -> None:
    gates = [tmp_path / "one", tmp_path / "other"]
    for gate in gates:
        os.mkfifo(gate)
    with connect(server.target) as stub:
        session = create(stub, "sh", "-c", f"read x <{gates[0]}; echo $x; exit 5")
        killed = create(stub, "sh", "-c", f"read x <{gates[1]}; kill -KILL $$")
    server.kill()
    for gate in gates:
        gate.write_text("go\n")
    wait_for_exit_files(server.home, {session.id, killed.id})
    server.start()
    with connect(server.target) as stub:
        events = follow(stub, session.id)
        assert data_of(events, "stdout") == b"go\n"
        assert completed(events).exit_code == 5
        assert completed(follow(stub, killed.id)).signal == signal.SIGKILL


def wait_for_exit_files(home: Path, sessions: set[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not all((home / "spool" / session / "exit").exists() for session in sessions):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_program_that_fills_its_spool_waits_with_no_server_there(server: ServerProcess, tmp_path: Path) -> None:
    marks, gate = tmp_path / "marks", tmp_path / "gate"
    os.mkfifo(gate)
    script = f"read go <{gate}; for n in $(seq 60); do head -c 2000000 /dev/zero; echo $n >>{marks}; done"
    with connect(server.target) as stub:
        session = create(stub, "sh", "-c", script)
    server.kill()
    gate.write_text("go\n")
    assert 0 < count_when_settled(marks) < 60, "120 MB were written though nobody read them"
    spooled = sum(path.stat().st_size for path in (server.home / "spool" / session.id).iterdir())
    assert spooled <= 40_000_000
    server.start()
    with connect(server.target) as stub:
        events = follow(stub, session.id)
    assert sum(len(event.output.data) for event in events) == 120_000_000
    assert completed(events).outcome == Outcome.OUTCOME_SUCCEEDED


def count_when_settled(marks: Path) -> int:
    """How many marks there are once no more come."""
    seen, since = -1, time.monotonic()
    deadline = since + PATIENCE
    while seen <= 0 or time.monotonic() - since < 0.5:
        now = len(marks.read_bytes().split()) if marks.exists() else 0
        if now != seen:
            seen, since = now, time.monotonic()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return seen


def test_a_session_whose_relay_died_is_lost_and_says_so(server: ServerProcess) -> None:
    with connect(server.target) as stub:
        session = create(stub, "sleep", "61")
        relays = [path.parent for path in Path("/proc").glob("[0-9]*/cmdline") if is_relay(path, session.id)]
        (relay,) = relays
        os.kill(int(relay.name), signal.SIGKILL)
        events = follow(stub, session.id)
        assert completed(events).outcome == Outcome.OUTCOME_LOST
        assert completed(events).error


def test_sigterm_drains(server: ServerProcess) -> None:
    with connect(server.target) as stub:
        session = create(stub, "cat", stdin=True)
        call = stub.Subscribe(pb.SubscribeRequest(sessions=[session.id]))
        signs: list[str | None] = []
        for response in call:
            signs.append(response.WhichOneof("sign"))
            if signs[-1] == "caught_up":
                server.process.send_signal(signal.SIGTERM)
        assert signs[-1] == "end"
        assert response.end.reason == pb.END_REASON_DRAINING
        assert server.process.wait(5) == 0
    assert health(server.target) == health_pb2.HealthCheckResponse.UNKNOWN
    server.start()
    with connect(server.target) as stub:  # the program is still there, and takes input
        stub.Send(pb.SendRequest(session=session.id, text="after the restart", eof=True))
        assert data_of(follow(stub, session.id), "stdout") == b"after the restart"


def test_after_a_crash_nobody_says_whether_an_input_was_typed(server: ServerProcess) -> None:
    with connect(server.target) as stub:
        session = create(stub, "cat", stdin=True)
        request = pb.SendRequest(session=session.id, text="perhaps\n", request_id="r")
        first = stub.Send(request)
        server.kill()
    server.start()
    with connect(server.target) as stub:
        again = stub.Send(request)
        assert (again.seq, again.delivered) == (first.seq, pb.DELIVERY_UNKNOWN)
        stub.Send(pb.SendRequest(session=session.id, eof=True))
        assert data_of(follow(stub, session.id), "stdout") == b"perhaps\n"


def test_a_create_repeated_after_a_crash_gives_the_same_session(server: ServerProcess) -> None:
    with connect(server.target) as stub:
        session = create(stub, "cat", stdin=True, request_id="once")
        server.kill()
    server.start()
    with connect(server.target) as stub:
        assert create(stub, "cat", stdin=True, request_id="once").id == session.id


def test_a_cursor_of_another_epoch_is_refused(server: ServerProcess) -> None:
    with connect(server.target) as stub:
        session = create(stub, "true")
        follow(stub, session.id)
        epoch = stub.Get(pb.GetRequest(session=session.id)).session.epoch
        server.terminate()
    database = server.home / "sightline.db"
    database.write_bytes(database.read_bytes())  # what a restored backup looks like is tried in the store's tests
    (server.home / "sightline.db.opened").write_text("another run")
    server.start()
    with connect(server.target) as stub:
        assert stub.Get(pb.GetRequest(session=session.id)).session.epoch != epoch
        cursors = pb.Cursors(cursors=[Cursor(session_id=session.id, epoch=epoch, seq=1)])
        with pytest.raises(grpc.RpcError) as error:
            list(stub.Subscribe(pb.SubscribeRequest(sessions=[session.id], after=cursors)))
        assert reason_of(error.value) == "EPOCH_CHANGED"
