"""Following opencode through its own server: recordings of the real one, given out by a server that can hang up in the middle."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from server.capture.memory_sink import MemorySink
from sightline.v1.event_pb2 import CaptureState, Event, Outcome
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.transcript import http
from sightline_server.capture.transcript.opencode import OpencodeSource
from sightline_server.decode.agents.opencode_server import OpencodeServer
from sightline_server.errors import AgentServerUnreachable

RECORDING = Path(__file__).parents[2] / "data" / "opencode-server" / "ok.jsonl"
LINES = RECORDING.read_bytes().splitlines()


class Server:
    """What opencode's server was at a moment of the recording, and what it told from there on.

    Attributes:
        told: how many lines have happened.
        listening: how many listen to its events now.
    """

    def __init__(self) -> None:
        self.told = 0
        self.listening = 0
        self._changed = asyncio.Event()
        self._hang_up = False
        self._server: asyncio.Server

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    def go(self, count: int) -> None:
        """So many more lines happen."""
        self.told = min(self.told + count, len(LINES))
        self._changed.set()

    async def hang_up(self) -> None:
        """Ends all connections, and answers no more."""
        self._hang_up = True
        self._changed.set()
        self._server.close()
        async with asyncio.timeout(20):
            while self.listening:  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.01)
        self._hang_up = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        if path == "/event":
            await self._tell(writer)
        else:
            body = json.dumps(self._state(path)).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    async def _tell(self, writer: asyncio.StreamWriter) -> None:
        self.listening += 1
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n")
        self._chunk(writer, LINES[0])  # server.connected
        place = self.told
        while not self._hang_up:
            for line in LINES[place : self.told]:
                self._chunk(writer, line)
            place = self.told
            self._changed.clear()
            await self._changed.wait()
        self.listening -= 1

    def _chunk(self, writer: asyncio.StreamWriter, line: bytes) -> None:
        data = b"data: " + line + b"\n\n"
        for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def _state(self, path: str) -> Any:  # noqa: C901 - a table of kinds
        sessions: dict[str, Any] = {}
        messages: dict[str, Any] = {}
        asked: dict[str, Any] = {}
        busy: dict[str, Any] = {}
        for one in map(json.loads, LINES[: self.told]):
            about = one["properties"]
            match one["type"]:
                case "session.created" | "session.updated":
                    sessions[about["info"]["id"]] = about["info"]
                case "message.updated":
                    messages.setdefault(about["info"]["id"], {"parts": {}})["info"] = about["info"]
                case "message.part.updated":
                    messages[about["part"]["messageID"]]["parts"][about["part"]["id"]] = about["part"]
                case "permission.asked":
                    asked[about["id"]] = about
                case "permission.replied":
                    del asked[about["requestID"]]
                case "session.status" if about["status"]["type"] == "busy":
                    busy[about["sessionID"]] = about["status"]
                case "session.idle":
                    busy.pop(about["sessionID"], None)
        if path == "/session":
            return list(sessions.values())
        if path.endswith("/message"):
            return [{"info": one["info"], "parts": list(one["parts"].values())} for one in messages.values()]
        return list(asked.values()) if path == "/permission" else busy


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    await made.start()
    yield made
    await made.hang_up()


def facts(events: list[Event]) -> list[tuple[str, str]]:
    """What was told, whatever its pieces: turns, calls, results, requests, and every text once."""
    found: list[tuple[str, str]] = []
    texts: dict[str, str] = {}
    for event in events:
        match event.WhichOneof("payload"):
            case "message" | "thinking" as kind:
                said = getattr(event, kind)
                texts[said.message_id] = texts.get(said.message_id, "") + said.text if said.delta else said.text
            case "turn_started":
                found.append(("turn", event.turn_started.prompt))
            case "turn_finished":
                found.append((Outcome.Name(event.turn_finished.outcome), event.turn_finished.text))
            case "tool_call":
                found.append(("call", event.tool_call.title))
            case "tool_result":
                found.append(("result", f"{event.tool_result.tool_call_id} {event.tool_result.status}"))
    return [*found, *texts.items()]


def whole() -> list[tuple[str, str]]:
    return facts(OpencodeServer().feed(b"\n".join(LINES) + b"\n"))


@pytest.mark.asyncio
@pytest.mark.parametrize("step", [7, 29, 60])
async def test_what_opencode_told_while_nobody_listened_is_told_once_afterwards(server: Server, tmp_path: Path, step: int) -> None:
    sink = MemorySink(tmp_path)
    inotify = Inotify()
    port = server.port
    source = OpencodeSource(sink, inotify, f"http://127.0.0.1:{port}")
    server.go(2)
    await source.start()
    server.go(step)
    await sink.until(lambda: bool(sink.of_kind("turn_started")))
    await server.hang_up()
    await sink.until(lambda: sink.states[-1][0] == CaptureState.CAPTURE_STATE_DISCONNECTED)
    server.go(step)  # nobody hears this
    await server.start(port)
    await sink.until(lambda: sink.states[-1][0] == CaptureState.CAPTURE_STATE_FOLLOWING)
    await source.detach()  # the server of ours goes, and comes back
    server.go(3)
    source = OpencodeSource(sink, inotify)
    await source.resume()
    server.go(len(LINES))
    await sink.until(lambda: bool(sink.of_kind("turn_finished")))
    assert sorted(facts(sink.log)) == sorted(whole())
    assert len(sink.of_kind("request")) == len(sink.of_kind("request_resolved"))
    assert not [event for event in sink.log if event.HasField("notice")]
    await source.release()
    assert (await sink.ending()).released
    inotify.close()


@pytest.mark.asyncio
async def test_a_port_without_opencode_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    async def hello(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        writer.close()

    other = await asyncio.start_server(hello, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    inotify = Inotify()
    for _ in range(2):  # one that is something else, then nobody
        with pytest.raises(AgentServerUnreachable, match=f"no opencode answers at http://127.0.0.1:{port}/"):
            await OpencodeSource(MemorySink(tmp_path), inotify, f"http://127.0.0.1:{port}").start()
        other.close()
        await other.wait_closed()
    inotify.close()


@pytest.mark.parametrize(
    "url",
    ["http://192.0.2.1:4096", "http://user:secret@127.0.0.1:4096", "ftp://127.0.0.1", "http://", "http://127.0.0.1:4096/?token=x"],
)
def test_nothing_is_spoken_to_in_the_clear_beyond_this_host_and_no_secret_stands_in_a_url(url: str) -> None:
    with pytest.raises(ValueError, match=r"give http|no user|only this host"):
        http.parse(url)


def test_every_cut_of_opencodes_events_gives_the_same_and_twice_all_of_them_says_nothing_new() -> None:
    data = b"\n".join(LINES) + b"\n"
    events = OpencodeServer().feed(data)
    decoder = OpencodeServer()
    assert [event for start in range(0, len(data), 97) for event in decoder.feed(data[start : start + 97])] == events
    assert decoder.unknown_lines == 0
    assert [event.WhichOneof("payload") for event in decoder.feed(data) if not event.HasField("plan")] == []
    assert decoder.close()[-1].completed.outcome == Outcome.OUTCOME_SUCCEEDED
