"""A real bridge before a real server, and a client of its sockets: `bridging(server)` gives one, its `connect` the other.

The bridge runs in the test's own loop, so that a test can give it a clock and look into it; what it is asked comes over real
sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from google.protobuf import json_format
from sightline.client import Client
from sightline.target import find
from sightline.v1.bridge_pb2 import ClientFrame, ServerFrame
from sightline_bridge import pages
from sightline_bridge import settings as bridge_settings
from sightline_bridge.app import Bridge
from sightline_bridge.limits import Limits
from support.server import PATIENCE, ServerProcess

BINARY, JSON = "sightline.v1.protobuf", "sightline.v1.json"


class Peer:
    """The other end of one socket. It reads only when it is asked to.

    Args:
        ws: the socket.
        protocol: `BINARY` or `JSON`; empty: a dialect, for which `ws` alone is used.
    """

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, protocol: str = "") -> None:
        self.ws = ws
        self._protocol = protocol

    async def say(self, call: int = 0, *, credit: int = 0, **say: object) -> None:
        """Sends one frame: `await peer.say(1, list=ListRequest())`."""
        await self.send(ClientFrame(call=call, credit=credit, **say))  # type: ignore[arg-type]

    async def send(self, frame: ClientFrame) -> None:
        """Sends one frame."""
        if self._protocol == JSON:
            await self.ws.send_str(json_format.MessageToJson(frame, indent=None))
        else:
            await self.ws.send_bytes(frame.SerializeToString())

    async def hear(self, seconds: float = PATIENCE) -> ServerFrame:
        """The next frame. Fails when the socket is closed instead, or nothing comes."""
        message = await self.ws.receive(seconds)
        if self._protocol == JSON:
            assert message.type is aiohttp.WSMsgType.TEXT, message
            return json_format.Parse(message.data, ServerFrame())
        assert message.type is aiohttp.WSMsgType.BINARY, message
        return ServerFrame.FromString(message.data)

    async def ask(self, call: int, **say: object) -> ServerFrame:
        """A call of one response, with nothing else under way on the socket: its answer, or its `end`."""
        await self.send(ClientFrame(call=call, **say))  # type: ignore[arg-type]
        frame = await self.hear()
        assert frame.call == call, frame
        return frame

    async def closed(self, seconds: float = PATIENCE) -> int:
        """The close code that comes, whatever comes before."""
        async with asyncio.timeout(seconds):
            while not self.ws.closed:
                await self.ws.receive()
        return self.ws.close_code or 0


@dataclass
class RunningBridge:
    """A bridge that listens.

    Attributes:
        bridge: itself.
        server: the one behind it; None: it was told another target.
        client: an ordinary client of the server, beside the bridge.
        http: to ask with.
        url: `http://127.0.0.1:PORT`.
        token: that scripts show.
    """

    bridge: Bridge
    server: ServerProcess
    client: Client
    http: aiohttp.ClientSession
    url: str
    token: str = field(repr=False)

    @property
    def bearer(self) -> dict[str, str]:
        """The header that shows the token."""
        return {"Authorization": f"Bearer {self.token}"}

    @contextlib.asynccontextmanager
    async def connect(
        self,
        protocol: str = BINARY,
        *,
        path: str = "/ws",
        headers: Mapping[str, str] | None = None,
        welcome: bool = True,
        autoping: bool = True,
    ) -> AsyncIterator[Peer]:
        """A socket, logged in by the header unless other `headers` are given.

        Args:
            protocol: the subprotocol; empty: none is asked for, as clients of dialects do.
            path: with its query.
            headers: of the request, instead of the one that shows the token.
            welcome: take the bridge's first frame.
            autoping: answer pings, while it reads.
        """
        shown = self.bearer if headers is None else headers
        protocols = (protocol,) if protocol else ()
        opening = self.http.ws_connect(self.url + path, headers=shown, protocols=protocols, max_msg_size=0, autoping=autoping)
        async with opening as ws:
            peer = Peer(ws, protocol)
            if welcome and protocol:
                assert (await peer.hear()).HasField("welcome")
            yield peer


@contextlib.asynccontextmanager
async def bridging(
    server: ServerProcess,
    *,
    origins: tuple[str, ...] = (),
    addresses: tuple[str, ...] = ("127.0.0.1:0",),
    open_dialects: bool = False,
    environ: Mapping[str, str] | None = None,
    clock: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
    allowed: Limits | None = None,
    dashboard: Path = pages.ROOT,
) -> AsyncIterator[RunningBridge]:
    """A bridge for the length of a block.

    Args:
        server: a started server.
        origins: as `--allow-origin`.
        addresses: as `--web-address`.
        open_dialects: as `--open-dialects`.
        environ: further variables, for what dialects are told by them.
        clock: the bridge's.
        wall: the bridge's, since 1970.
        allowed: of sockets.
        dashboard: the built pages.
    """
    told = {"SIGHTLINE_HOME": str(server.home), "PATH": server.environ["PATH"], **(environ or {})}
    found = bridge_settings.load(told, addresses=addresses, origins=origins, open_dialects=open_dialects)
    bridge = Bridge(found, clock=clock, wall=wall, allowed=allowed, dashboard=dashboard)
    async with Client(find(server.target, None, told)) as client, aiohttp.ClientSession() as http:
        await bridge.start()
        try:
            host, port = bridge.addresses[0]
            yield RunningBridge(bridge, server, client, http, f"http://{host}:{port}", found.token)
        finally:
            await bridge.close()


class Clock:
    """A clock that the test moves."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(,|$)')
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")


def parsed(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What a strict reader of Prometheus's text format makes of it: values by name and labels. Fails where it breaks a rule."""
    assert text.endswith("\n")
    found: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    kinds: dict[str, str] = {}
    current = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split(" ")[2]
            assert NAME.fullmatch(current), line
            assert current not in kinds, f"{current} comes in two places"
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert (name, kind in {"counter", "gauge", "untyped"}) == (current, True), line
            kinds[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            assert name == current, line
            assert kinds[name] != "counter" or name.endswith("_total"), line
            read = [LABEL.match(labels or "", at) for at in _starts(labels or "")]
            pairs = tuple((one[1], _plain(one[2])) for one in read if one)
            assert (name, pairs) not in found, f"twice: {line}"
            found[name, pairs] = float(value)
    return found


def _starts(labels: str) -> Iterator[int]:
    at = 0
    while at < len(labels):
        yield at
        match = LABEL.match(labels, at)
        assert match, labels
        at = match.end()


def _plain(value: str) -> str:
    return re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match[1], match[1]), value)
