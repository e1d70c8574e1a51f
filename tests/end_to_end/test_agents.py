"""Agents that Sightline runs: typed events, exactly once, also over `kill -9` of the server."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import CaptureState, Event, Outcome
from sightline.v1.session_pb2 import Agent, Command, Session
from sightline.v1.session_service_pb2_grpc import SessionServiceStub
from sightline_server.decode.agents.choose import STREAMS
from sightline_server.decode.agents.decoder import End
from support.disks import small_disk
from support.server import PATIENCE, ServerProcess, completed, connect, follow, until

RECORDINGS = Path(__file__).parents[1] / "data" / "agents"
OURS = {"state_changed", "progress"}


def run(stub: SessionServiceStub, name: str, *argv: str, cwd: str = "/", **agent: object) -> Session:
    """Starts an agent."""
    request = pb.CreateRequest(cwd=cwd, agent=Agent(name=name, **agent), command=Command(argv=argv))  # type: ignore[arg-type]
    return stub.Create(request, timeout=PATIENCE).session


def said(events: Sequence[Event]) -> list[Event]:
    """What the agent said, without what the log adds to an event."""
    kept = []
    for event in events:
        if event.WhichOneof("payload") not in OURS:
            bare = Event()
            bare.CopyFrom(event)
            for field in ("session_id", "seq", "time"):
                bare.ClearField(field)
            if bare.HasField("completed"):
                bare.ClearField("source")
            kept.append(bare)
    return kept


def decoded(name: str, data: bytes, end: End) -> list[Event]:
    """The same bytes, decoded in one go."""
    decoder = STREAMS[name]()
    return said([*decoder.feed(data), *decoder.close(end)])


@pytest.mark.parametrize("path", ["claude/ok.jsonl", "codex/ok.jsonl", "gemini/ok.jsonl", "opencode/ok.jsonl", "qwen/ok.jsonl"])
def test_a_recording_that_is_run_gives_what_decoding_it_gives(grpc_stub: SessionServiceStub, path: str) -> None:
    name = path.partition("/")[0]
    events = follow(grpc_stub, run(grpc_stub, name, "cat", str(RECORDINGS / path)).id)
    assert said(events) == decoded(name, (RECORDINGS / path).read_bytes(), End(exit_code=0))
    assert completed(events).outcome == Outcome.OUTCOME_SUCCEEDED
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


class Feed:
    """Writes a recording into a FIFO, as far as it is told."""

    def __init__(self, path: Path, data: bytes) -> None:
        os.mkfifo(path)
        self._path = path
        self._data = data
        self._file: int | None = None
        self.place = 0

    def up_to(self, place: int) -> None:
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY)
        while self.place < place:
            self.place += os.write(self._file, self._data[self.place : place])

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


@pytest.mark.parametrize("path", ["claude/ok_partial.jsonl", "claude/sub.jsonl", "codex/ok.jsonl", "gemini/ok.jsonl"])
def test_an_agents_events_come_once_whenever_the_server_is_killed(server: ServerProcess, tmp_path: Path, path: str) -> None:
    name = path.partition("/")[0]
    data = (RECORDINGS / path).read_bytes()
    seed = int(os.environ.get("SIGHTLINE_TEST_SEED") or random.randrange(1 << 32))
    print(f"to repeat: SIGHTLINE_TEST_SEED={seed}")  # noqa: T201 - shown when it fails
    chance = random.Random(seed)
    feed = Feed(tmp_path / "feed", data)
    with connect(server.target) as stub:
        session = run(stub, name, "cat", str(tmp_path / "feed"))
    for place in sorted(chance.sample(range(1, len(data)), 6)):
        feed.up_to(place)
        if chance.random() < 0.5:
            with connect(server.target) as stub:
                count = len(STREAMS[name]().feed(data[:place]))
                until(lambda stub=stub, count=count: told(stub, session.id) >= count)  # type: ignore[misc]
        server.kill()
        server.start()
    feed.up_to(len(data))
    feed.close()
    with connect(server.target) as stub:
        events = follow(stub, session.id)
    assert said(events) == decoded(name, data, End(exit_code=0))
    assert "Traceback" not in server.log()


def told(stub: SessionServiceStub, session: str) -> int:
    """How many events of the agent are in the log."""
    events = stub.ListEvents(pb.ListEventsRequest(session=session), timeout=PATIENCE).events
    return len(said(events))


def test_a_flood_of_events_comes_once_through_kills(server: ServerProcess, tmp_path: Path) -> None:
    lines = [b'{"type":"text","text":"line %d %s"}\n' % (number, b"x" * 100) for number in range(100_000)]
    (tmp_path / "flood").write_bytes(b"".join(lines))
    with connect(server.target) as stub:
        session = run(stub, "blocks", "cat", str(tmp_path / "flood"))
    for share in (0.1, 0.3, 0.5, 0.8):
        with connect(server.target) as stub:
            until(lambda stub=stub, share=share: stub.Get(pb.GetRequest(session=session.id)).session.head_seq > share * len(lines))  # type: ignore[misc]
        server.kill()
        server.start()
    with connect(server.target) as stub:
        events = follow(stub, session.id)
    texts = [event.message.text.split()[1] for event in events if event.HasField("message")]
    assert texts == [str(number) for number in range(len(lines))]
    assert completed(events).result_text == f"line 99999 {'x' * 100}"


def test_an_agents_events_come_once_through_a_full_disk_and_a_kill(tmp_path: Path) -> None:
    lines = [b'{"type":"text","text":"line %d %s"}\n' % (number, b"x" * 200) for number in range(40_000)]
    (tmp_path / "flood").write_bytes(b"".join(lines))
    with small_disk(24 * 1024 * 1024) as home:
        server = ServerProcess(home)
        try:
            server.start()
            (home / "filler").write_bytes(bytes(14_000_000))
            with connect(server.target) as stub:
                session = run(stub, "blocks", "cat", str(tmp_path / "flood"))
                paused = CaptureState.CAPTURE_STATE_PAUSED
                until(lambda: stub.Get(pb.GetRequest(session=session.id)).session.capture == paused)
            server.kill()
            (home / "filler").unlink()
            server.start()
            with connect(server.target) as stub:
                texts = [event.message.text.split()[1] for event in follow(stub, session.id) if event.HasField("message")]
            assert texts == [str(number) for number in range(len(lines))]
        finally:
            (home / "filler").unlink(missing_ok=True)
            server.close()
