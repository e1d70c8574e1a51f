"""Writing to standard output and standard error without stopping everything else.

A write to a pipe or a terminal waits for whoever reads there, and a pager may wait for a person. So one thread writes, in the
order in which bytes were given for all descriptors together, and the event loop goes on: signals, typed keys and the connection
live. Knows bytes and descriptors, nothing else.
"""

from __future__ import annotations

import asyncio
import os
import select
import threading
from collections import deque
from contextlib import suppress

MAX_WAITING = 4 * 1024 * 1024  # bytes given and not yet written, from which `room` waits
MAX_JOINED = 256 * 1024  # bytes in one write


class Outlet:
    """A writer of bytes to descriptors. Used within one running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = threading.Condition()
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._size = 0
        self._broken: OSError | None = None
        self._closed = False
        self._woken: asyncio.Future[None] | None = None
        # A daemon: a reader that never reads again must not keep the process alive.
        self._thread = threading.Thread(target=self._write_all, name="outlet", daemon=True)
        self._thread.start()

    def put(self, descriptor: int, data: bytes) -> None:
        """Takes bytes to be written behind everything given before. Raises what an earlier write failed with (BrokenPipeError)."""
        if not data:
            return
        with self._changed:
            if self._broken is not None:
                raise self._broken
            self._waiting.append((descriptor, data))
            self._size += len(data)
            self._changed.notify()

    async def room(self) -> None:
        """Returns when less than `MAX_WAITING` is waiting to be written. Raises what a write failed with."""
        if self._size >= MAX_WAITING:
            await self._until(MAX_WAITING // 2)

    async def drain(self) -> None:
        """Returns when all is written. Raises what a write failed with."""
        await self._until(0)

    async def drain_within(self, seconds: float) -> None:
        """As `drain`, but gives up after so many seconds, or when nobody reads: for those who leave anyway."""
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(seconds):
                await self.drain()

    def close(self) -> None:
        """No more bytes will come. What is waiting is still written, by and by, if the process lives."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    async def _until(self, size: int) -> None:
        while True:
            with self._changed:
                if self._broken is not None:
                    raise self._broken
                if self._size <= size:
                    return
                self._woken = self._loop.create_future()
            await self._woken

    def _write_all(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                descriptor, data = self._next()
            try:
                write_all(descriptor, data)
            except OSError as error:
                self._broken = error
            with self._changed:
                self._size -= len(data)
                if self._broken is not None:
                    self._waiting.clear()
                    self._closed = True
                woken, self._woken = self._woken, None
            if woken is not None:
                self._wake(woken)

    def _next(self) -> tuple[int, bytes]:
        """Neighbours that go to the same place, joined: many short lines are one write."""
        descriptor, data = self._waiting.popleft()
        if len(data) > MAX_JOINED:
            self._waiting.appendleft((descriptor, data[MAX_JOINED:]))
            return descriptor, data[:MAX_JOINED]
        if not self._waiting or self._waiting[0][0] != descriptor:
            return descriptor, data
        parts, size = [data], len(data)
        while self._waiting and self._waiting[0][0] == descriptor and size < MAX_JOINED:
            part = self._waiting.popleft()[1]
            parts.append(part)
            size += len(part)
        return descriptor, b"".join(parts)

    def _wake(self, woken: asyncio.Future[None]) -> None:
        try:
            self._loop.call_soon_threadsafe(settle, woken)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more


def settle(woken: asyncio.Future[None]) -> None:
    """Wakes whoever waits, if it still does."""
    if not woken.done():
        woken.set_result(None)


def write_all(descriptor: int, data: bytes) -> None:
    """Writes everything, also where the descriptor was made non-blocking by another program that shares it."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            select.select([], [descriptor], [])
