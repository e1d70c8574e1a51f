"""A client of an earlier design, as the bridge's dialects have them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
from support.bridge import RunningBridge
from support.server import PATIENCE

Said = dict[str, Any]  # one message, as JSON has it


class OldClient:
    """A client of an earlier design: it knows JSON and its own words, and nothing of Sightline.

    Attributes:
        ws: its socket.
        heard: all messages so far.
    """

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.heard: list[Said] = []

    async def say(self, **message: object) -> None:
        """Sends one message."""
        await self.ws.send_str(json.dumps(message))

    async def hear(self) -> Said:
        """The next message. Fails when the socket is closed instead, or nothing comes."""
        frame = await self.ws.receive(PATIENCE)
        assert frame.type is aiohttp.WSMsgType.TEXT, frame
        said: Said = json.loads(frame.data)
        self.heard.append(said)
        return said

    async def until(self, fits: Callable[[Said], object]) -> Said:
        """The next message that fits; those before it are in `heard`."""
        async with asyncio.timeout(PATIENCE):
            while not fits(said := await self.hear()):
                pass
        return said

    async def of_type(self, *types: str) -> Said:
        """The next message of one of these types."""
        return await self.until(lambda said: said["type"] in types)

    async def closed(self) -> int:
        """The close code that comes, whatever comes before."""
        async with asyncio.timeout(PATIENCE):
            while not self.ws.closed:
                frame = await self.ws.receive()
                if frame.type is aiohttp.WSMsgType.TEXT and frame.data.startswith("{"):
                    self.heard.append(json.loads(frame.data))
        return self.ws.close_code or 0


@contextlib.asynccontextmanager
async def old_client(bridge: RunningBridge, path: str, **headers: str) -> AsyncIterator[OldClient]:
    """A client of a dialect, which shows no token."""
    async with bridge.connect("", path=path, headers=headers) as peer:
        yield OldClient(peer.ws)
