"""A tool's answer of 15 MiB: cut in the log, whole when it is asked for, over `kill -9`, in exports, and gone with its session."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from google.protobuf.json_format import Parse
from sightline import sync
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import Event
from sightline.v1.session_pb2 import Agent, Command, Session
from sightline.v1.session_service_pb2_grpc import SessionServiceStub
from support.server import PATIENCE, SIGHTLINE, ServerProcess, connect, follow, running, until

MIB = 1024 * 1024
ANSWER = "0123456789abcde\n" * (15 * MIB // 16)


def recording(path: Path) -> Path:
    item = {"id": "item_0", "type": "command_execution", "command": "seq", "exit_code": 0, "status": "completed"}
    lines = [
        {"type": "thread.started", "thread_id": "t"},
        {"type": "turn.started"},
        {"type": "item.completed", "item": {**item, "aggregated_output": ANSWER}},
        {"type": "item.completed", "item": {"id": "item_1", "type": "agent_message", "text": "That was a lot."}},
        {"type": "turn.completed", "usage": {}},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def run(stub: SessionServiceStub, path: Path) -> Session:
    request = pb.CreateRequest(name="large", cwd="/", agent=Agent(name="codex"), command=Command(argv=["cat", str(path)]))
    return stub.Create(request, timeout=PATIENCE).session


def test_a_tools_answer_of_15_mib_is_cut_and_whole_beside_the_log(server: ServerProcess, tmp_path: Path) -> None:
    with connect(server.target) as stub:
        session = run(stub, recording(tmp_path / "recording"))
        events = follow(stub, session.id)
    (cut,) = [event for event in events if event.HasField("tool_result")]
    assert cut.ByteSize() <= MIB
    assert len(cut.tool_result.content) + cut.truncated_bytes == len(ANSWER)
    (said,) = [event for event in events if event.HasField("message")]
    assert said.message.text == "That was a lot."
    server.kill()
    server.start()
    with sync.connect(server.target) as client:
        (whole,) = client.list_events("large", full=cut.seq)
        assert isinstance(whole, Event)
        assert whole.tool_result.content == ANSWER
        words = [*SIGHTLINE, "export", "large", "-f", "jsonl", "--full"]
        exported = subprocess.run(words, env=server.environ, capture_output=True, timeout=PATIENCE, check=True).stdout
        assert [Parse(line, Event()) for line in exported.splitlines()][cut.seq - 1] == whole
        files = server.home / "sightline.db.blocks"
        assert any(files.glob("*/*.whole"))
        client.delete("large")
        until(lambda: not any(files.glob("*/*.whole")))


def test_such_answers_count_for_retention(tmp_path: Path) -> None:
    with running(SIGHTLINE_MAX_SESSION_BYTES=str(40 * MIB)) as server, connect(server.target) as stub:
        path = recording(tmp_path / "recording")
        path.write_bytes(path.read_bytes() * 6)
        session = run(stub, path)
        follow(stub, session.id)
        until(lambda: on_disk(server) <= 60 * MIB)  # the oldest one that is kept may stand before the limit
        assert on_disk(server) > MIB
        page = stub.ListEvents(pb.ListEventsRequest(session=session.id, full=3))
        assert (page.gap.first_seq, page.part) == (3, b"")


def on_disk(server: ServerProcess) -> int:
    """Bytes of the log's files."""
    return sum(path.stat().st_size for path in (server.home / "sightline.db.blocks").glob("*/*"))
