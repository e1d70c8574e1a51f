"""opencode, which writes no transcript: its own server tells what happens (`GET /event`), and that is kept as one.

What it tells goes into a file of the session's, line by line, and from there into the log like any transcript: exactly once,
whatever happens to us. What it told while nobody listened is asked for again when the connection stands: each part is told once
(`OpencodeServer`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from sightline.v1.event_pb2 import CaptureState

from sightline_server import errors
from sightline_server.capture.base import Ending, Sink, Typed
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.transcript import agents, http, notes
from sightline_server.capture.transcript.agents import Agent
from sightline_server.capture.transcript.http import Address, HttpProblem
from sightline_server.capture.transcript.notes import Notes
from sightline_server.capture.transcript.source import NOT_FOLLOWED, TranscriptSource

log = logging.getLogger(__name__)

FAMILY = "opencode"
FILE = "opencode.jsonl"
FIRST_WAIT = 0.2  # s, before the connection is tried again; doubles up to MOST_WAIT
MOST_WAIT = 5.0
PASSWORD = "OPENCODE_SERVER_PASSWORD"  # noqa: S105 - the variable's name
USER = "OPENCODE_SERVER_USERNAME"
_NOT_KEPT = ("server.", "plugin.", "catalog.", "integration.", "reference.", "lsp.", "file.", "session.diff", "project.")
_SESSION = re.compile(r"/session/(ses_[A-Za-z0-9]+)")


class OpencodeSource(TranscriptSource):
    """See `Source`. For `start` it needs its server's URL, which may name a session: `http://127.0.0.1:4096/session/ses_...`."""

    def __init__(self, sink: Sink, inotify: Inotify, url: str = "", *, keep_raw: bool = False) -> None:
        super().__init__(sink, inotify, keep_raw=keep_raw)
        self._url = url
        self._path = sink.directory / FILE
        self._followed: set[str] = set()  # ids of the session and of those that it started
        self._listening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """See `Source`. Raises `AgentServerUnreachable`."""
        address = http.parse(self._url)
        match = _SESSION.fullmatch(address.path.rstrip("/"))
        agent = await asyncio.to_thread(listener, address.port) if http.is_loopback(address.host) else None
        noted = Notes(FAMILY, self._keep_raw, process=agent.process if agent else None, url=self._url)
        noted.session_id = match[1] if match else ""
        self._following.noted = noted
        try:
            await self._sessions(await self._address())
        except (OSError, HttpProblem) as error:
            raise errors.AgentServerUnreachable(url=repr(address), why=error) from None
        self._following.write()
        self._path.touch(mode=0o600)
        await self._following.begin(self._path)
        self._listen()

    async def resume(self) -> None:
        """See `Source`."""
        noted = notes.read(self._sink.directory)
        if noted is None or not noted.files:
            await self._sink.ended(Ending(observed=False, error=NOT_FOLLOWED))
            return
        self._following.noted = noted
        await self._following.resume()
        self._listen()

    def check_send(self, typed: Typed) -> None:
        """See `Source`. A `Send` is the next turn."""
        if typed.keys or typed.eof or not typed.data:
            raise errors.NoInput(session=self._sink.session_name, why="opencode's server takes text alone, which is the next turn")
        if not self._following.noted.session_id:
            raise errors.NoInput(session=self._sink.session_name, why="opencode has no session yet")

    async def send(self, typed: Typed) -> None:
        """See `Source`."""
        self.check_send(typed)
        text = typed.data.decode("utf-8", "replace")
        await self._post("prompt_async", {"parts": [{"type": "text", "text": text}]})

    async def interrupt(self) -> None:
        """See `Source`."""
        if self._following.noted.session_id:
            await self._post("abort", {})

    async def detach(self) -> None:
        """See `Source`."""
        await self._stop_listening()
        await super().detach()

    # --- its server

    async def _address(self) -> Address:
        """With the password, if it has one, as the process has it in its environment: it is kept nowhere."""
        address = replace(http.parse(self._following.noted.url), path="/")
        process = self._following.noted.process
        agent = await asyncio.to_thread(agents.look_at, process.pid, FAMILY) if process else None
        if agent is None or agent.process != process:
            return address
        return replace(address, user=agent.environ.get(USER, FAMILY), password=agent.environ.get(PASSWORD, ""))

    async def _post(self, action: str, body: dict[str, Any]) -> None:
        try:
            await http.fetch(
                await self._address(), f"/session/{self._following.noted.session_id}/{action}", json.dumps(body).encode()
            )
        except (OSError, HttpProblem) as error:
            raise errors.SourceGone(session=self._sink.session_name, why=str(error)) from None

    async def _sessions(self, address: Address) -> list[dict[str, Any]]:
        found = json.loads(await http.fetch(address, "/session"))
        if not isinstance(found, list):
            raise HttpProblem("what answers is no opencode")
        return found

    def _listen(self) -> None:
        self._listening = asyncio.create_task(self._keep_listening(), name=f"opencode {self._sink.session_id}")
        self._watch(moves=False)

    async def _stop_listening(self) -> None:
        if self._listening:
            self._listening.cancel()
            await asyncio.wait([self._listening])

    async def _keep_listening(self) -> None:
        wait = FIRST_WAIT
        while True:
            try:
                async for line in http.events(await self._address(), "/event"):
                    wait = FIRST_WAIT
                    await self._take(line)
                why = "opencode's server has closed the connection"
            except (OSError, HttpProblem, TimeoutError, ValueError, LookupError, TypeError) as error:
                why = f"opencode's server is not heard: {error}"
                if isinstance(error, HttpProblem) and error.status in (401, 403):
                    why = f"opencode's server asks for a password, and its process cannot be asked for it ({PASSWORD})"
            await self._sink.capture(CaptureState.CAPTURE_STATE_DISCONNECTED, f"{why}; trying again")
            await asyncio.sleep(wait)
            wait = min(2 * wait, MOST_WAIT)

    async def _take(self, line: bytes) -> None:
        one = json.loads(line)
        kind, about = one["type"], one["properties"]
        if kind == "server.connected":
            await self._ask_again()
            await self._say_following()
            return
        if kind.startswith(_NOT_KEPT):
            return
        info = about.get("info") or {}
        if kind in ("session.created", "session.updated"):
            self._meet(info)
        if str(about.get("sessionID") or info.get("id") or "") in self._followed:
            self._write([line])

    def _meet(self, info: dict[str, Any]) -> None:
        """A session: the first that was started by nobody else is followed, and those that it starts."""
        noted = self._following.noted
        if not noted.session_id and not info.get("parentID"):
            noted.session_id = info["id"]
            self._following.write()
        if info["id"] == noted.session_id or info.get("parentID") in self._followed:
            self._followed.add(info["id"])

    async def _ask_again(self) -> None:
        """Writes the session as it is now, in the form of events."""
        address = await self._address()
        sessions = sorted(await self._sessions(address), key=lambda one: -one["time"]["updated"])
        for info in sessions:
            self._meet(info)
        for info in sessions:  # a child may have been changed later than its parent
            self._meet(info)
        lines: list[bytes] = []
        for info in sorted((one for one in sessions if one["id"] in self._followed), key=lambda one: one["time"]["created"]):
            lines.append(event("session.updated", sessionID=info["id"], info=info))
            for message in json.loads(await http.fetch(address, f"/session/{info['id']}/message")):
                lines.append(event("message.updated", sessionID=info["id"], info=message["info"]))
                lines += (event("message.part.updated", sessionID=info["id"], part=part) for part in message["parts"])
        asked = [one for one in json.loads(await http.fetch(address, "/permission")) if one["sessionID"] in self._followed]
        lines += (event("permission.asked", **one) for one in asked)
        lines.append(event("requests.open", ids=[one["id"] for one in asked]))
        busy = json.loads(await http.fetch(address, "/session/status"))
        if self._following.noted.session_id and self._following.noted.session_id not in busy:
            lines.append(event("session.idle", sessionID=self._following.noted.session_id))
        self._write(lines)

    def _write(self, lines: list[bytes]) -> None:
        """Keeps lines: in one piece, behind a line end also where a server was killed while it wrote."""
        data = b"".join(line.replace(b"\n", b" ") + b"\n" for line in lines)
        with open(self._path, "r+b", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            if end and os.pread(file.fileno(), 1, end - 1) != b"\n":
                data = b"\n" + data
            while data:
                data = data[file.write(data) or 0 :]

    # --- the end

    async def _gone(self) -> None:
        await self._stop_listening()
        await super()._gone()


def event(kind: str, **about: object) -> bytes:
    """A line as the server tells it."""
    return json.dumps({"type": kind, "properties": about}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def url_of(port: int) -> str:
    """Of a server on this host."""
    return f"http://127.0.0.1:{port}"


def listener(port: int) -> Agent | None:
    """The opencode that listens on a port of this host; None: none that can be seen. Call it in a thread."""
    return next((agent for agent in agents.running(FAMILY) if port in ports(agent)), None)


def ports(agent: Agent) -> set[int]:
    """The ports that an agent listens on. Call it in a thread."""
    sockets = set()
    with suppress(OSError):
        for number in os.listdir(f"/proc/{agent.process.pid}/fd"):
            with suppress(OSError):
                sockets.add(os.readlink(f"/proc/{agent.process.pid}/fd/{number}"))
    found = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/{agent.process.pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
                words = line.split()
                if words[3] == "0A" and f"socket:[{words[9]}]" in sockets:
                    found.add(int(words[1].rpartition(":")[2], 16))
    return found
