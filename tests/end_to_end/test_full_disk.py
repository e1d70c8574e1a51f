"""A full disk, on a real small one: capture pauses and says so, the service answers, and when there is room nothing was lost."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import CaptureState, Event, Outcome, SessionState
from sightline.v1.session_pb2 import Session
from sightline.v1.session_service_pb2_grpc import SessionServiceStub as Stub
from support.disks import fill, small_disk
from support.server import (
    PATIENCE,
    SIGHTLINE,
    ServerProcess,
    completed,
    connect,
    create,
    data_of,
    follow,
    is_relay,
    reason_of,
    until,
)

DISK = 24 * 1024 * 1024  # bytes
PAUSED, FOLLOWING = CaptureState.CAPTURE_STATE_PAUSED, CaptureState.CAPTURE_STATE_FOLLOWING
NO_ROOM = (grpc.StatusCode.RESOURCE_EXHAUSTED, "DISK_FULL")
LINES = "for n in $(seq 30000); do echo $n the quick brown fox jumps over the lazy dog, again and again and again; done"


@pytest.fixture
def cramped() -> Iterator[ServerProcess]:
    """A server whose home is a disk of its own; the file `filler` in it may be filled and removed."""
    with small_disk(DISK) as home:
        server = ServerProcess(home)
        try:
            server.start()
            yield server
        finally:
            (home / "filler").unlink(missing_ok=True)
            server.close()


def get(stub: Stub, session: str) -> Session:
    return stub.Get(pb.GetRequest(session=session), timeout=PATIENCE).session


def written(script: str) -> bytes:
    """What a script writes when nobody is in its way."""
    return subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout


def flood(server: ServerProcess, stub: Stub) -> tuple[Session, bytes]:
    """A command that writes more than the disk has room for, and what it will have written."""
    (server.home / "filler").write_bytes(b"x" * 14_000_000)
    script = f"for m in 1 2 3 4 5; do {LINES}; done; exit 4"
    return create(stub, "sh", "-c", script), written(LINES) * 5


def there_so_far(stub: Stub, session: str) -> list[Event]:
    request = pb.SubscribeRequest(sessions=[session], until_caught_up=True)
    return [event for response in stub.Subscribe(request, timeout=PATIENCE) for event in response.events]


def refused(call: object) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as error:
        call()  # type: ignore[operator]
    return error.value.code(), reason_of(error.value)


def errors_of(events: list[Event]) -> list[str]:
    return [event.error.code for event in events if event.HasField("error")]


def test_capture_pauses_the_service_answers_and_nothing_is_lost(cramped: ServerProcess) -> None:
    with connect(cramped.target) as stub:
        quiet = create(stub, "cat", stdin=True)
        loud, expected = flood(cramped, stub)
        until(lambda: get(stub, loud.id).capture == PAUSED)
        fill(cramped.home / "filler")

        # It answers, and says why it waits.
        listed = {session.id: session for session in stub.List(pb.ListRequest(), timeout=PATIENCE).sessions}
        assert {session.capture for session in listed.values()} == {PAUSED}
        assert all("full" in session.capture_reason for session in listed.values())
        so_far = there_so_far(stub, loud.id)
        assert [event.seq for event in so_far] == list(range(1, len(so_far) + 1))
        assert expected.startswith(data_of(so_far, "stdout"))
        assert len(data_of(so_far, "stdout")) < len(expected)
        page = stub.ListEvents(pb.ListEventsRequest(session=loud.id, page_size=5), timeout=PATIENCE)
        assert list(page.events) == so_far[:5]
        waited = pb.WaitRequest(session=loud.id)
        waited.timeout.FromMilliseconds(100)
        assert stub.Wait(waited, timeout=PATIENCE).timed_out

        # What would be new is refused, and was not done.
        assert refused(lambda: create(stub, "true")) == NO_ROOM
        assert refused(lambda: stub.Send(pb.SendRequest(session=quiet.id, text="no\n"), timeout=PATIENCE)) == NO_ROOM
        assert refused(lambda: stub.Interrupt(pb.InterruptRequest(session=quiet.id), timeout=PATIENCE)) == NO_ROOM

        # A reader that came meanwhile gets the rest by itself.
        live = stub.Subscribe(pb.SubscribeRequest(sessions=[loud.id]), timeout=60)
        (cramped.home / "filler").unlink()
        events = [event for response in live for event in response.events]
        assert events[: len(so_far)] == so_far
        assert events == follow(stub, loud.id)
        assert data_of(events, "stdout") == expected
        assert (completed(events).outcome, completed(events).exit_code) == (Outcome.OUTCOME_FAILED, 4)
        assert errors_of(events) == ["DISK_FULL"]
        assert get(stub, loud.id).capture == FOLLOWING

        stub.Send(pb.SendRequest(session=quiet.id, text="yes\n", eof=True), timeout=PATIENCE)
        events = follow(stub, quiet.id)
        assert data_of(events, "stdout") == b"yes\n"
        assert errors_of(events) == ["DISK_FULL"]
        changes = [event.state_changed.capture for event in events if event.HasField("state_changed")]
        assert changes[-2:] == [FOLLOWING, FOLLOWING]
    assert "Traceback" not in cramped.log()


def test_what_ended_meanwhile_has_its_code_and_its_end_is_last(cramped: ServerProcess, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with connect(cramped.target) as stub:
        ending = create(stub, "sh", "-c", f"read x <{gate}; exit 3")
        cramped.process.send_signal(signal.SIGSTOP)  # so that the end is in the spool before the disk is full
        gate.write_text("go\n")
        until((cramped.home / "spool" / ending.id / "exit").exists)
        fill(cramped.home / "filler")
        cramped.process.send_signal(signal.SIGCONT)
        assert refused(lambda: create(stub, "true")) == NO_ROOM
        (cramped.home / "filler").unlink()
        events = follow(stub, ending.id)
        assert (completed(events).outcome, completed(events).exit_code) == (Outcome.OUTCOME_FAILED, 3)
        assert errors_of(events) in ([], ["DISK_FULL"])  # it may have been over before it could be paused
        assert get(stub, ending.id).capture == FOLLOWING


def test_a_session_can_be_ended_on_a_full_disk(cramped: ServerProcess, tmp_path: Path) -> None:
    with connect(cramped.target) as stub:
        session = create(stub, "sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 300")
        until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith("\n"))
        pid = int((tmp_path / "pid").read_text())
        fill(cramped.home / "filler")
        assert refused(lambda: create(stub, "true")) == NO_ROOM
        ending = stub.Terminate.future(pb.TerminateRequest(session=session.id), timeout=PATIENCE)
        until(lambda: not Path(f"/proc/{pid}").exists())
        (cramped.home / "filler").unlink()
        assert ending.result().session.state == SessionState.SESSION_STATE_ENDED
        events = follow(stub, session.id)
        assert completed(events).outcome == Outcome.OUTCOME_CANCELLED
        assert errors_of(events) == ["DISK_FULL"]
        until(lambda: not relays_of(session.id))  # its last words found their room late, and it goes then


def relays_of(session: str) -> list[Path]:
    """The processes that hold a command for a server."""
    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if is_relay(path, session)]


def test_a_pane_names_what_a_full_disk_took(cramped: ServerProcess, tmp_path: Path) -> None:
    """A pane's program is never held back: every byte of it is there, or counted as lost."""
    os.mkfifo(tmp_path / "gate")
    with connect(cramped.target) as stub:
        script = f"read x <{tmp_path}/gate; {LINES}; touch {tmp_path}/half; {LINES}; exit 5"
        session = create(stub, "sh", "-c", script, terminal=True)
        fill(cramped.home / "filler")
        (tmp_path / "gate").write_text("go\n")
        until((tmp_path / "half").exists)
        (cramped.home / "filler").unlink()
        events = follow(stub, session.id)
    expected = len((written(LINES) * 2).replace(b"\n", b"\r\n"))
    lost = sum(event.output_lost.bytes for event in events)
    assert lost > 0
    assert len(data_of(events, "terminal")) + lost == expected
    assert completed(events).exit_code == 5


def test_a_server_killed_on_a_full_disk_goes_on_when_there_is_room(cramped: ServerProcess) -> None:
    with connect(cramped.target) as stub:
        loud, expected = flood(cramped, stub)
        until(lambda: get(stub, loud.id).capture == PAUSED)
        so_far = there_so_far(stub, loud.id)
    fill(cramped.home / "filler")
    cramped.kill()
    assert "is full" in refused_to_start(cramped)
    (cramped.home / "filler").unlink()
    cramped.start()
    with connect(cramped.target) as stub:
        events = follow(stub, loud.id)
    assert events[: len(so_far)] == so_far
    assert data_of(events, "stdout") == expected
    assert completed(events).exit_code == 4


def test_a_server_goes_in_order_on_a_full_disk(cramped: ServerProcess) -> None:
    with connect(cramped.target) as stub:
        loud, expected = flood(cramped, stub)
        until(lambda: get(stub, loud.id).capture == PAUSED)
    fill(cramped.home / "filler")
    assert cramped.terminate() == 0, cramped.log()
    (cramped.home / "filler").unlink()
    cramped.start()
    with connect(cramped.target) as stub:
        assert data_of(follow(stub, loud.id), "stdout") == expected


def test_a_first_start_on_a_full_disk_leaves_no_half_token() -> None:
    with small_disk(1024 * 1024) as home:
        server = ServerProcess(home)
        try:
            fill(home / "filler")
            assert "is full" in refused_to_start(server)
            (home / "filler").unlink()
            server.start()
            assert len((home / "token").read_text().strip()) > 30
        finally:
            server.close()


def refused_to_start(server: ServerProcess) -> str:
    """What a server says that does not start."""
    done = subprocess.run([*SIGHTLINE, "serve"], env=server.environ, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr
