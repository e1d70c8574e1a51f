"""Gathers what is typed while one send is on its way, so that order is kept and a slow way costs fewer, larger sends.

Knows nothing of terminals or servers: bytes come in by `type`, and go out by the function it was made with, one call at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

MAX_SEND = 64 * 1024  # bytes in one send: well below the server's 1 MiB, and a paste stays steerable
MAX_GATHERED = 1024 * 1024  # bytes typed and not sent; beyond, new ones are refused


class Typist:
    """Takes typed bytes at any time; sends them in order, one send in flight.

    Args:
        send: types some bytes and returns when that is done. What it raises ends `run`.
    """

    def __init__(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._send = send
        self._gathered = bytearray()
        self._more = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def type(self, data: bytes) -> bool:
        """Takes bytes to send behind all before. False: too much waits already, and these are not taken."""
        if len(self._gathered) + len(data) > MAX_GATHERED:
            return False
        if data:
            self._gathered += data
            self._empty.clear()
            self._more.set()
        return True

    async def run(self) -> None:
        """Sends until it is cancelled."""
        while True:
            await self._more.wait()
            piece = bytes(self._gathered[:MAX_SEND])
            del self._gathered[:MAX_SEND]
            if not self._gathered:
                self._more.clear()
            await self._send(piece)
            if not self._gathered:
                self._empty.set()

    async def sent(self) -> None:
        """Returns when all that was typed is sent."""
        await self._empty.wait()
