"""A WebSocket reader of the bridge in a process of its own; run as a program, it is that process.

It says `{}` when it is caught up (mode `clock`) or connected (`bytes`), and its `Report` when it is through.

- `bytes`: reads frames as they come and counts them, without decoding; begins when it is told to
- `clock`: decodes, and notes when each line with a time came
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp
from google.protobuf import json_format
from sightline.v1.bridge_pb2 import ClientFrame, ServerFrame
from sightline.v1.session_service_pb2 import SubscribeRequest, SubscribeResponse

from benchmarks.readers import heard
from benchmarks.run import ROOT

BINARY, JSON = "sightline.v1.protobuf", "sightline.v1.json"


@dataclass
class Report:
    """What it saw.

    Attributes:
        bytes: of frames.
        seconds: from its subscription to the end.
        delays: milliseconds that each line with a time was on its way.
    """

    bytes: int = 0
    seconds: float = 0.0
    delays: list[float] = field(default_factory=list)


class SocketReader:
    """The process, from outside; a context manager. `begin` where the mode is `bytes`, then `report`."""

    def __init__(self, mode: str, url: str, token: str, session: str, *, protocol: str = BINARY, lines: int = 0) -> None:
        self._spec = {"mode": mode, "url": url, "session": session, "protocol": protocol, "lines": lines}
        self._token = token
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> SocketReader:
        """Starts it; returns when it is connected, or caught up."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.sockets", json.dumps(self._spec)),
            env={"PYTHONPATH": str(ROOT / "scripts")},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=64 * 1024 * 1024,
        )
        await self._tell(self._token)  # not in argv, which everybody may read
        await heard(self._process)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """Ends it, where it still runs."""
        if self._process is not None:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()

    async def begin(self) -> None:
        """Lets it subscribe."""
        await self._tell("go")

    async def report(self) -> Report:
        """When it is through."""
        assert self._process is not None  # noqa: S101 - it is a context manager
        return Report(**await heard(self._process))

    async def _tell(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()


# --- the other end


def written(frame: ClientFrame, protocol: str) -> bytes | str:
    """A frame on a subprotocol."""
    return json_format.MessageToJson(frame, indent=None) if protocol == JSON else frame.SerializeToString()


async def send(ws: aiohttp.ClientWebSocketResponse[Any], frame: ClientFrame) -> None:
    """Sends it as the socket's subprotocol wants."""
    data = written(frame, ws.protocol or "")
    await (ws.send_bytes(data) if isinstance(data, bytes) else ws.send_str(data))


async def read(spec: dict[str, Any]) -> None:
    """What the process does."""
    token = (await asyncio.to_thread(sys.stdin.readline)).strip()
    headers = {"Authorization": f"Bearer {token}"}
    ask = ClientFrame(call=1, subscribe=SubscribeRequest(sessions=[spec["session"]]))
    report = Report()
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(
            spec["url"] + "/ws", headers=headers, protocols=[spec["protocol"]], max_msg_size=0, decode_text=False
        ) as ws,
    ):
        await ws.receive()  # the welcome
        if spec["mode"] == "bytes":
            tell({})
            await asyncio.to_thread(sys.stdin.readline)
            began = time.monotonic()
            await send(ws, ask)
            await count(ws, report)
            report.seconds = time.monotonic() - began
        else:
            await send(ws, ask)
            await note(ws, report, spec["lines"])
    tell(asdict(report))


async def count(ws: aiohttp.ClientWebSocketResponse[Any], report: Report) -> None:
    """Frames to the end of the call: small ones are looked at, since the end is one."""
    while True:
        data = (await ws.receive()).data
        report.bytes += len(data)
        if len(data) < 1024 and is_end(data, ws.protocol == JSON):
            return


def is_end(data: bytes, as_json: bool) -> bool:
    """Whether a frame says that the call is over. Raises RuntimeError where it did not end well."""
    frame = json_format.Parse(data, ServerFrame()) if as_json else ServerFrame.FromString(data)
    if frame.HasField("end") and frame.end.code:
        raise RuntimeError(f"the stream failed: {frame.end}")
    return frame.HasField("end")


async def note(ws: aiohttp.ClientWebSocketResponse[Any], report: Report, lines: int) -> None:
    """So many lines with a time."""
    while len(report.delays) < lines:
        data = (await ws.receive()).data
        now = time.monotonic_ns()
        response: SubscribeResponse = ServerFrame.FromString(data).subscribe
        if response.HasField("caught_up"):
            tell({})
        for event in response.events:
            report.delays += [(now - int(line)) / 1e6 for line in event.output.data.split() if line.isdigit()]


def tell(what: object) -> None:
    """To who started us."""
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(read(json.loads(sys.argv[1])))
