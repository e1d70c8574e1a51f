"""A client's harness as a process: orders go in, lines come out. Knows no scenario."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

PATIENCE = 30.0  # seconds for anything that should take a moment, on a machine that is busy
MAX_LINE = 1 << 26  # bytes of one answer

Line = dict[str, Any]


class Harness:
    """One client under trial.

    Args:
        argv: starts it.
        cwd: where.
        environ: its environment.
    """

    def __init__(self, argv: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> None:
        self._argv = argv
        self._cwd = cwd
        self._environ = dict(environ)
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._connected = 0
        self.lines: dict[int, list[Line]] = {}
        self._orders = 0

    async def __aenter__(self) -> Harness:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._argv, cwd=self._cwd, env=self._environ, stdin=pipe, stdout=pipe, limit=MAX_LINE
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._reading is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE):
                code = await self._process.wait()
                await self._reading
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise AssertionError("the harness did not end at the end of its orders") from None
        assert code == 0, f"the harness ended with {code}"

    async def connect(self, **where: str) -> None:
        """Makes a new client."""
        known = self._connected
        await self._say(do="connect", **where)
        await self._until(lambda: self._connected > known, lambda: "it did not say that it is connected")

    async def call(self, method: str, request: Line, timeout: float | None = None) -> Line:
        """Its answer: `response` or `error`."""
        number = await self._order(do="call", method=method, request=request, **({"timeout": timeout} if timeout else {}))
        return (await self.until(number, bool))[0]

    async def subscribe(self, request: Line, **more: Any) -> int:
        """Begins; gives its number."""
        return await self._order(do="subscribe", request=request, **more)

    async def cancel(self, number: int) -> None:
        """Cancels a subscription, until it says so."""
        await self._say(do="cancel", id=number)
        await self.until(number, lambda lines: lines[-1:] == [{"id": number, "cancelled": True}])

    async def until(self, number: int, holds: Callable[[list[Line]], bool]) -> list[Line]:
        """The lines of an order, as soon as something holds for them."""
        lines = self.lines[number]
        await self._until(lambda: holds(lines), lambda: f"it said no more than {str(lines[-3:])[-1000:]} ({len(lines)} lines)")
        return lines

    async def _until(self, holds: Callable[[], bool], otherwise: Callable[[], str]) -> None:
        try:
            async with asyncio.timeout(PATIENCE), self._changed:
                await self._changed.wait_for(lambda: holds() or (self._reading is not None and self._reading.done()))
        except TimeoutError:
            raise AssertionError(otherwise()) from None
        assert holds(), f"the harness has ended: {otherwise()}"

    async def _order(self, **order: Any) -> int:
        self._orders += 1
        self.lines[self._orders] = []
        await self._say(id=self._orders, **order)
        return self._orders

    async def _say(self, **order: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            while text := await self._process.stdout.readline():
                line = json.loads(text)
                async with self._changed:
                    if "connected" in line:
                        self._connected += 1
                    else:
                        self.lines[line["id"]].append(line)
                    self._changed.notify_all()
        finally:
            async with self._changed:
                self._changed.notify_all()
