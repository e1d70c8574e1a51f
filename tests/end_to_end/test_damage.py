"""A damaged log under a whole server: its readers are told, and everything else goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.session_service_pb2_grpc import SessionServiceStub as Stub
from support.server import PATIENCE, ServerProcess, connect, create, follow


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    made = ServerProcess()
    yield made
    made.close()


def seqs(stub: Stub, session: str) -> tuple[list[int], list[tuple[int, int]]]:
    """What a reader gets of an ended session: events, and gaps."""
    events: list[int] = []
    gaps: list[tuple[int, int]] = []
    ended = False
    for response in stub.Subscribe(pb.SubscribeRequest(sessions=[session]), timeout=PATIENCE):
        events += [event.seq for event in response.events]
        if response.HasField("gap"):
            assert response.gap.reason == pb.GAP_REASON_DAMAGED
            gaps.append((response.gap.first_seq, response.gap.last_seq))
        ended = ended or response.HasField("end")
    assert ended
    return events, gaps


def largest_file(home: Path) -> Path:
    return max((home / "sightline.db.blocks").rglob("*.events"), key=lambda path: path.stat().st_size)


def test_a_damaged_block_is_a_gap_for_its_readers_and_no_more(server: ServerProcess) -> None:
    server.start()
    with connect(server.target) as stub:
        session = create(stub, "head", "-c", "3000000", "/dev/urandom", name="damaged")
        whole = [event.seq for event in follow(stub, session.id)]
        other = create(stub, "seq", "1000", name="other")
        follow(stub, other.id)
    server.kill()
    file = largest_file(server.home)
    os.truncate(file, file.stat().st_size - 1)
    server.start()
    with connect(server.target) as stub:
        events, gaps = seqs(stub, "damaged")
        assert len(gaps) == 1
        missing = list(range(gaps[0][0], gaps[0][1] + 1))
        assert missing
        assert sorted(events + missing) == whole
        assert events[-1] == whole[-1]
        assert not seqs(stub, "other")[1]
        with pytest.raises(grpc.RpcError) as error:
            list(stub.Subscribe(pb.SubscribeRequest(sessions=["damaged"], on_gap=pb.ON_GAP_FAIL), timeout=PATIENCE))
        assert error.value.code() == grpc.StatusCode.OUT_OF_RANGE
        page = stub.ListEvents(pb.ListEventsRequest(session="damaged", page_size=10_000), timeout=PATIENCE)
        assert [event.seq for event in page.events]


def test_a_live_session_goes_on_behind_its_damaged_last_block(server: ServerProcess) -> None:
    fifo = server.home / "go"
    os.mkfifo(fifo)
    server.start()
    with connect(server.target) as stub:
        script = f"head -c 500000 /dev/urandom; read line < {fifo}; echo after"
        session = create(stub, "sh", "-c", script, name="live")
        first = 0
        for response in stub.Subscribe(pb.SubscribeRequest(sessions=["live"]), timeout=PATIENCE):
            first += sum(len(event.output.data) for event in response.events)
            if first == 500_000:
                break
    server.kill()
    file = largest_file(server.home)
    with file.open("r+b") as events_file:
        events_file.seek(-1000, os.SEEK_END)
        events_file.write(bytes(500))
    server.start()
    with connect(server.target) as stub:
        subprocess.run(["sh", "-c", 'echo go > "$1"', "sh", str(fifo)], check=True, timeout=PATIENCE)
        stub.Wait(pb.WaitRequest(session=session.id), timeout=PATIENCE)
        events, gaps = seqs(stub, session.id)
        assert len(gaps) == 1
        head = stub.Get(pb.GetRequest(session=session.id)).session.head_seq
        assert sorted(events + list(range(gaps[0][0], gaps[0][1] + 1))) == list(range(1, head + 1))
        assert events[-1] == head


def test_damage_under_a_running_server_is_a_gap_for_who_comes_later(server: ServerProcess) -> None:
    server.start()
    with connect(server.target) as stub:
        session = create(stub, "sh", "-c", "head -c 3000000 /dev/urandom; read line; echo after", stdin=True)
        follower = stub.Subscribe(pb.SubscribeRequest(sessions=[session.id]), timeout=PATIENCE)
        whole: list[int] = []
        size = 0
        for response in follower:
            whole += [event.seq for event in response.events]
            size += sum(len(event.output.data) for event in response.events)
            if size == 3_000_000:
                break
        file = largest_file(server.home)
        with file.open("r+b") as events_file:
            events_file.seek(-1000, os.SEEK_END)
            events_file.write(bytes(500))
        stub.Send(pb.SendRequest(session=session.id, submit=True), timeout=PATIENCE)
        whole += [event.seq for response in follower for event in response.events]  # who was there has it all
        head = stub.Get(pb.GetRequest(session=session.id), timeout=PATIENCE).session.head_seq
        assert whole == list(range(1, head + 1))
    server.kill()  # the newest blocks are in its memory too
    server.start()
    with connect(server.target) as stub:
        events, gaps = seqs(stub, session.id)
        assert len(gaps) == 1
        assert sorted(events + list(range(gaps[0][0], gaps[0][1] + 1))) == whole
        assert events[-1] == head
    assert "Traceback" not in server.log()
