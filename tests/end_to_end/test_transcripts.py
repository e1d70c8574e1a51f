"""Agents that run already, through a real server: transcripts that grow, `kill -9` in between, agents that end and go on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import Event
from sightline.v1.session_pb2 import Agent, Session, Transcript
from sightline.v1.session_service_pb2_grpc import SessionServiceStub
from sightline_server.decode.agents.choose import TRANSCRIPTS
from support.server import PATIENCE, ServerProcess, connect, follow, until

RECORDINGS = Path(__file__).parents[1] / "data" / "agents"
CODEX = RECORDINGS / "codex-disk" / "ok_0.169.0.jsonl"


def decoded(family: str, data: bytes) -> list[Event]:
    """What its decoder makes of a whole transcript, without its end."""
    return TRANSCRIPTS[family]().feed(data)


def adopt(stub: SessionServiceStub, agent: str, *, cwd: str = "", name: str = "", **transcript: object) -> Session:
    request = pb.CreateRequest(agent=Agent(name=agent), transcript=Transcript(**transcript), cwd=cwd, name=name)  # type: ignore[arg-type]
    return stub.Create(request, timeout=PATIENCE).session


def events_of(stub: SessionServiceStub, session: str) -> list[Event]:
    """What is in its log now."""
    request = pb.SubscribeRequest(sessions=[session], until_caught_up=True)
    return [event for response in stub.Subscribe(request, timeout=PATIENCE) for event in response.events]


def said(events: list[Event], agent: str) -> list[Event]:
    """The agent's own events, as its decoder made them."""
    own = [event for event in events if event.source == agent]
    plain = []
    for event in own:
        copy = Event()
        copy.CopyFrom(event)
        for field in ("session_id", "seq", "time"):
            copy.ClearField(field)
        plain.append(copy)
    return plain


def test_a_transcript_that_grows_is_told_once_over_kills_of_the_server(server: ServerProcess, tmp_path: Path) -> None:
    data = CODEX.read_bytes() * 3
    path = tmp_path / "rollout-2026-11-21T01-00-00-x.jsonl"
    path.touch()
    places = sorted(random.Random(5).sample(range(len(data)), 12)) + [len(data)]  # noqa: S311 - half lines, too
    with connect(server.target) as stub:
        session = adopt(stub, "codex", path=str(path)).id
    written = 0
    for number, place in enumerate(places):
        with path.open("ab") as file:
            file.write(data[written:place])
        written = place
        expected = decoded("codex", data[:written])
        with connect(server.target) as stub:
            if number % 2:
                until(lambda: len(said(events_of(stub, session), "codex")) == len(expected))  # noqa: B023 - waited for at once
        server.kill()
        server.start()
    with connect(server.target) as stub:
        until(lambda: len(said(events_of(stub, session), "codex")) >= len(expected))
        assert said(events_of(stub, session), "codex") == expected
        stub.Release(pb.ReleaseRequest(session=session), timeout=PATIENCE)
        follow(stub, session)
