"""Recordings of agents, played in real time into a real terminal of a real server: what it says is what was true, said once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import EventKind, SessionState, WaitingFor
from sightline.v1.session_pb2 import Command, Terminal
from sightline.v1.session_service_pb2_grpc import SessionServiceStub as Stub
from support import replay, verdicts
from support.server import PATIENCE, until

PLAYER = Path(__file__).parents[1] / "support" / "replay_player.py"


def said_of(stub: Stub, session: str) -> list[str]:
    """The states that the log tells, from the first rest on."""
    kinds = pb.Filter(kinds=[EventKind.EVENT_KIND_STATE_CHANGED])
    events = stub.ListEvents(pb.ListEventsRequest(session=session, filter=kinds), timeout=PATIENCE).events
    states = [
        f"{SessionState.Name(change.state).removeprefix('SESSION_STATE_')} "
        + (WaitingFor.Name(change.waiting_for).removeprefix("WAITING_FOR_") if change.waiting_for else "")
        for change in (event.state_changed for event in events)
    ]
    said = [state.strip() for state in states]
    return said[said.index("IDLE") :] if "IDLE" in said else []


@pytest.mark.parametrize("name", ["claude-permission", "codex-permission", "gemini-permission", "actor-claude"])
def test_a_recording_played_in_real_time_is_understood_while_it_is_played(grpc_stub: Stub, tmp_path: Path, name: str) -> None:
    recording, wants = replay.load(name), tmp_path / "wants"
    program = tmp_path / name.removeprefix("actor-").partition("-")[0]
    program.write_text(f"#!{sys.executable} -S\n{PLAYER.read_text()}")
    program.chmod(0o700)
    command = Command(
        argv=[str(program), str(replay.DATA / f"{name}.cast"), str(wants)],
        terminal=Terminal(columns=recording.columns, rows=recording.rows),
    )
    session = grpc_stub.Create(pb.CreateRequest(command=command, cwd="/"), timeout=PATIENCE).session.id
    typed = [data for _, kind, data in recording.cast if kind == "i"]
    for count, data in enumerate(typed, 1):
        until(lambda wanted=count: wants.exists() and len(wants.read_text().splitlines()) == wanted)  # type: ignore[misc]
        grpc_stub.Send(pb.SendRequest(session=session, data=data.encode()), timeout=PATIENCE)
    true = [moment for moment, _ in verdicts.stretches(recording) if moment.state != "STARTING"]
    expected = [f"{moment.state} {moment.waiting_for}".strip() for moment in true]
    until(lambda: len(said_of(grpc_stub, session)) >= len(expected))
    assert said_of(grpc_stub, session) == expected
    grpc_stub.Terminate(pb.TerminateRequest(session=session), timeout=PATIENCE)
