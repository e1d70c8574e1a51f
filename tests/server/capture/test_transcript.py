"""Following an agent's transcripts: recordings of the real ones, written bit by bit; a restart is a new source on the same sink."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from server.capture.memory_sink import MemorySink
from sightline.v1.event_pb2 import CaptureState, Event, Outcome
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.processes import identify
from sightline_server.capture.transcript import finding, places
from sightline_server.capture.transcript.agents import Agent, family_of_words
from sightline_server.capture.transcript.finding import Found
from sightline_server.capture.transcript.source import TranscriptSource
from sightline_server.decode.agents.choose import TRANSCRIPTS
from sightline_server.errors import FileNotThere, UnknownTranscript

RECORDINGS = Path(__file__).parents[2] / "data" / "agents"
CLAUDE = (RECORDINGS / "claude-disk" / "ok.jsonl").read_bytes()
CODEX = (RECORDINGS / "codex-disk" / "ok_0.169.0.jsonl").read_bytes()


def decoded(family: str, data: bytes) -> list[Event]:
    return TRANSCRIPTS[family]().feed(data)


def plain(events: list[Event]) -> list[Event]:
    """As decoders make them."""
    copies = []
    for event in events:
        copies.append(Event())
        copies[-1].CopyFrom(event)
        for field in ("session_id", "seq"):
            copies[-1].ClearField(field)
    return copies


def is_open(path: Path) -> bool:
    return any(Path(f"/proc/self/fd/{fd}").resolve() == path for fd in os.listdir("/proc/self/fd"))


class Room:
    """A transcript, and who follows it."""

    def __init__(self, place: Path, family: str) -> None:
        self.family = family
        self.path = place / "projects" / "-p" / "one.jsonl"
        self.path.parent.mkdir(parents=True)
        self.path.touch()
        (place / "spool").mkdir()
        self.sink = MemorySink(place / "spool")
        self.inotify = Inotify()
        self.source = TranscriptSource(self.sink, self.inotify, Found(family, self.path, None))

    def write(self, data: bytes) -> None:
        with self.path.open("ab", buffering=0) as file:
            file.write(data)

    async def told(self, events: list[Event]) -> None:
        """Waits until the log has so many events, and checks that they are these."""
        await self.sink.until(lambda: len(self.sink.log) >= len(events))
        assert plain(self.sink.log) == events

    async def opened(self) -> None:
        """Waits until the transcript is open."""
        async with asyncio.timeout(20):
            while not is_open(self.path):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)

    async def restart(self) -> None:
        await self.source.detach()
        self.source = TranscriptSource(self.sink, self.inotify)
        await self.source.resume()


@pytest_asyncio.fixture(params=["claude", "codex"])
async def room(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Room]:
    made = Room(tmp_path, request.param)
    await made.source.start()
    yield made
    await made.source.detach()
    made.inotify.close()


@pytest.mark.asyncio
async def test_half_lines_are_told_when_they_are_whole_also_over_a_restart(room: Room) -> None:
    data = CLAUDE if room.family == "claude" else CODEX
    for begin in range(0, len(data), 4001):
        room.write(data[begin : begin + 4001])
        await room.told(decoded(room.family, data[: begin + 4001]))
        await room.restart()
    assert len(room.sink.log) == len(decoded(room.family, data))


@pytest.mark.asyncio
async def test_a_transcript_that_shrinks_is_named_and_read_on_with_what_comes_then(room: Room) -> None:
    data = CLAUDE if room.family == "claude" else CODEX
    room.write(data)
    expected = decoded(room.family, data)
    await room.told(expected)
    with room.path.open("r+b") as file:
        file.truncate(len(data) // 3)
    await room.sink.until(lambda: bool(room.sink.of_kind("output_lost")))
    later = data.replace(b"2026-", b"2027-").replace(b'uuid":"', b'uuid":"f').replace(b'"msg_', b'"msg_f')
    room.write(b"\n" + later)
    turns = len([event for event in expected if event.HasField("turn_finished")])
    await room.sink.until(lambda: len(room.sink.of_kind("turn_finished")) == 2 * turns)
    ids = [event.turn_id for event in room.sink.log if event.HasField("turn_started")]
    assert len(set(ids)) == len(ids)


@pytest.mark.asyncio
@pytest.mark.parametrize("restarted", [False, True])
async def test_half_a_line_of_a_file_that_is_replaced_spoils_no_line_of_the_new_one(room: Room, restarted: bool) -> None:
    data = CLAUDE if room.family == "claude" else CODEX
    room.write(data[:-20])
    before = decoded(room.family, data[:-20])
    await room.told(before)
    if restarted:  # nobody writes before the file is replaced: what was read is to be known nevertheless
        await room.restart()
        await room.opened()
    fresh = room.path.with_suffix(".new")
    fresh.write_bytes(b'{"type":"nobody-knows-this"}\n')
    fresh.replace(room.path)
    await room.sink.until(lambda: len(room.sink.log) >= len(before) + 3)
    codes = [event.notice.code for event in room.sink.log[len(before) :]]
    assert codes == ["file_replaced", "not_json", "unknown_line"]


@pytest.mark.asyncio
async def test_a_directory_that_vanishes_is_said_and_followed_again_when_it_is_back(room: Room) -> None:
    data = CLAUDE if room.family == "claude" else CODEX
    room.write(data)
    await room.told(decoded(room.family, data))
    kept = room.path.parent.with_name("moved")
    room.path.parent.rename(kept)
    await room.restart()
    await room.sink.until(lambda: room.sink.states[-1:] and room.sink.states[-1][0] == CaptureState.CAPTURE_STATE_DISCONNECTED)  # type: ignore[arg-type,return-value]
    kept.rename(room.path.parent)
    await room.sink.until(lambda: room.sink.states[-1][0] == CaptureState.CAPTURE_STATE_FOLLOWING)
    room.write(data.replace(b"2026-", b"2027-"))
    await room.sink.until(lambda: len(room.sink.log) > len(decoded(room.family, data)))
    shutil.rmtree(room.path.parent)
    await room.source.release()
    assert (await room.sink.ending()).released


@pytest.mark.asyncio
async def test_a_subagents_file_is_told_as_work_for_the_call_that_made_it(tmp_path: Path) -> None:
    room = Room(tmp_path, "claude")
    await room.source.start()
    head, *_ = CLAUDE.split(b"\n")
    about = {"sessionId": "one", "cwd": "/p", "version": "2.1.0", "isSidechain": False, "userType": "external"}

    def line(kind: str, number: int, content: object, **more: object) -> bytes:
        role = "assistant" if kind == "assistant" else "user"
        message = {"role": role, "content": content, "id": f"msg_{number}", "model": "m", "usage": {"output_tokens": 1}}
        fields = {"type": kind, "uuid": f"u{number}", "timestamp": f"2026-11-21T01:00:{number:02}.000Z", "message": message}
        return json.dumps({**about, **fields, **more}).encode() + b"\n"

    call = {"type": "tool_use", "id": "toolu_1", "name": "Task", "input": {"description": "look", "prompt": "look around"}}
    room.write(head + b"\n" + line("user", 1, "go") + line("assistant", 2, [call]))
    await room.sink.until(lambda: bool(room.sink.of_kind("tool_call")))
    folder = room.path.with_suffix("") / "subagents"
    folder.mkdir(parents=True)
    sub = folder / "agent-abc123.jsonl"
    inner = {"type": "tool_use", "id": "toolu_2", "name": "Bash", "input": {"command": "ls"}}
    first = line("user", 3, "look around", isSidechain=True, agentId="abc123")
    sub.write_bytes(first + line("assistant", 4, [inner], isSidechain=True, agentId="abc123"))
    await room.sink.until(lambda: len(room.sink.of_kind("tool_call")) == 2)
    await room.restart()
    with sub.open("ab") as file:
        file.write(line("assistant", 5, [{"type": "text", "text": "found it"}], isSidechain=True, agentId="abc123"))
    await room.sink.until(lambda: any(event.message.text == "found it" for event in room.sink.of_kind("message")))
    ours = [event for event in room.sink.log if event.parent_tool_call_id]
    assert {event.parent_tool_call_id for event in ours} == {"toolu_1"}
    assert [event.tool_call.tool_call_id for event in ours if event.HasField("tool_call")] == ["toolu_2"]
    assert len(room.sink.of_kind("turn_started")) == 1
    assert not room.sink.of_kind("turn_finished")
    await room.source.detach()
    room.inotify.close()


@pytest.mark.asyncio
async def test_an_agent_that_goes_without_its_last_word_is_lost_and_its_calls_are_closed(tmp_path: Path) -> None:
    room = Room(tmp_path, "codex")
    process = await asyncio.create_subprocess_exec("sleep", "1000")
    identity = identify(process.pid)
    assert identity
    source = TranscriptSource(room.sink, room.inotify, Found("codex", room.path, Agent("codex", identity)))
    await source.start()
    lines = CODEX.splitlines(keepends=True)
    upto = next(number for number, one in enumerate(lines, 1) if b'"custom_tool_call"' in one or b'"function_call"' in one)
    room.write(b"".join(lines[:upto]))
    process.kill()
    await process.wait()
    ending = await room.sink.ending()
    assert ending.said is not None
    assert ending.said.outcome == Outcome.OUTCOME_LOST
    assert "process is gone" in ending.said.error
    calls = [event.tool_call.tool_call_id for event in room.sink.of_kind("tool_call")]
    assert calls == [event.tool_result.tool_call_id for event in room.sink.of_kind("tool_result")]
    assert len(room.sink.of_kind("turn_finished")) == 1
    room.inotify.close()


def test_a_file_is_known_by_what_it_begins_with_and_refused_when_nobody_writes_so(tmp_path: Path) -> None:
    for family, name in (("claude", "ok"), ("codex", "ok_0.169.0"), ("gemini", "ok"), ("qwen", "ok")):
        assert finding.by_file(RECORDINGS / f"{family}-disk" / f"{name}.jsonl", "", os.environ).family == family
    (tmp_path / "other").write_text("nothing of the kind\n")
    with pytest.raises(UnknownTranscript):
        finding.by_file(tmp_path / "other", "", os.environ)
    with pytest.raises(FileNotThere):
        finding.by_file(tmp_path / "none", "claude", os.environ)


@pytest.mark.parametrize(
    ("words", "family"),
    [
        (["claude"], "claude"),
        (["/usr/bin/node", "/usr/local/bin/gemini", "-y"], "gemini"),
        (["node", "--max-old-space-size=8192", "/usr/lib/node_modules/@qwen-code/qwen-code/cli.js"], "qwen"),
        (["node", "/x/node_modules/@openai/codex/bin/codex.js"], "codex"),
        (["python3", "-SE", "/tmp/opencode"], "opencode"),
        (["vim", "claude"], ""),
        (["grep", "codex", "file"], ""),
        ([""], ""),
    ],
)
def test_an_agents_process_is_known_by_its_program(words: list[str], family: str) -> None:
    assert family_of_words(words) == family


def test_transcripts_of_a_directory_are_found_where_each_agent_keeps_them(tmp_path: Path) -> None:
    gemini = tmp_path / "tmp" / "proj" / "chats" / "session-1.jsonl"
    rollout = tmp_path / "sessions" / "2026" / "11" / "21" / "rollout-x.jsonl"
    claude = tmp_path / "projects" / "-home-dev-proj" / "a.jsonl"
    for path, recording in (
        (gemini, "gemini-disk/ok.jsonl"),
        (rollout, "codex-disk/ok_0.169.0.jsonl"),
        (claude, "claude-disk/ok.jsonl"),
    ):
        path.parent.mkdir(parents=True)
        path.write_bytes((RECORDINGS / recording).read_bytes())
    assert places.transcripts("gemini", tmp_path, "/home/dev/proj") == [gemini]
    assert places.transcripts("codex", tmp_path, "/home/dev/proj") == [rollout]
    assert places.transcripts("claude", tmp_path, "/home/dev/proj") == [claude]
    assert not any(places.transcripts(family, tmp_path, "/elsewhere") for family in places.FAMILIES)
