"""A replay at work: the pieces, the keys, and every way out. Knows a terminal and events, nothing of where these come from."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

from sightline.progress import Item
from sightline.v1.event_pb2 import Event
from sightline.v1.session_pb2 import SessionKind
from sightline.v1.session_service_pb2 import Gap, Header

from sightline_cli import codes, intake, printing, reach, terminal
from sightline_cli.outlet import Outlet
from sightline_cli.playing import Pace
from sightline_cli.recordings.recording import Timeline

KEYS, SCREEN = 0, 1  # descriptors
FAREWELL = 2.0  # seconds for what is still to be written when somebody leaves
TURN = 64  # events shown without a wait before keys and signals have their turn


class Replaying:
    """Shows events of one session when they are due.

    Args:
        name: of the session or the file.
        size: columns and rows it was recorded in; zeros: not known, or no terminal.
        speed: see `Pace`.
        max_idle: see `Pace`.
        skip: see `Pace`.
        screens: see `printing.Look`.
    """

    def __init__(
        self, name: str, size: tuple[int, int], speed: float, max_idle: float | None, skip: float, *, screens: bool = True
    ) -> None:
        self._name = name
        self._size = size
        self._loop = asyncio.get_running_loop()
        self._outlet = Outlet()
        self._printer = printing.ScreenPrinter(self._outlet, printing.look(screens=screens))
        self._pace = Pace(speed, max_idle, skip, self._loop.time())
        self._timeline = Timeline(SessionKind.SESSION_KIND_UNSPECIFIED)
        self._changed = asyncio.Event()
        self._left: asyncio.Future[int] = self._loop.create_future()

    async def run(self, items: AsyncIterator[Item]) -> int:
        """Shows all of it, or until somebody leaves; returns the exit code."""
        with_keys = sys.stdin.isatty() and sys.stdout.isatty()
        self._introduce(with_keys)
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        with ExitStack() as stack:
            if sys.stdout.isatty():
                stack.enter_context(terminal.shown(KEYS if with_keys else SCREEN, keys=with_keys, as_recorded=all(self._size)))
            for number in numbers:
                self._loop.add_signal_handler(number, self._leave, codes.BY_SIGNAL + number)
            try:
                return await self._until_over(items, with_keys)
            finally:
                for number in numbers:
                    self._loop.remove_signal_handler(number)

    def _introduce(self, with_keys: bool) -> None:
        if not sys.stdout.isatty():
            return
        columns, rows = self._size
        here = terminal.size(SCREEN)
        if columns > here[0] or rows > here[1]:
            reach.note(
                f"{self._name} was recorded in {columns}x{rows}; this terminal is {here[0]}x{here[1]}, and may show it broken"
            )
        if with_keys:
            reach.note(f"replaying {self._name}: space pauses, + and - change the speed, q leaves")

    async def _until_over(self, items: AsyncIterator[Item], with_keys: bool) -> int:
        showing = asyncio.create_task(self._show(items))
        tasks: list[asyncio.Task[None]] = [showing]
        if with_keys:
            tasks.append(asyncio.create_task(self._read_keys()))
        try:
            ways_out: set[asyncio.Future[Any]] = {showing, self._left}
            await asyncio.wait(ways_out, return_when=asyncio.FIRST_COMPLETED)
            if showing.done():
                showing.result()
            return self._left.result() if self._left.done() else codes.OK
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._restore(everything=showing.done() and not showing.cancelled())

    async def _restore(self, *, everything: bool) -> None:
        try:
            self._printer.finish()
        except OSError:
            return  # nobody reads any more
        if everything:
            await self._outlet.drain()
        else:
            await self._outlet.drain_within(FAREWELL)

    async def _show(self, items: AsyncIterator[Item]) -> None:
        count = 0
        async for item in items:
            if isinstance(item, Event):
                if (moment := self._timeline.moment(item)) is not None:
                    self._pace.reach(moment, self._loop.time())
                    await self._until_due()
                self._printer.event(item)
            elif isinstance(item, Gap):
                self._printer.gap(item)
            elif isinstance(item, Header):
                self._timeline = Timeline(item.session.kind)
                self._printer.session(item.session)
            await self._outlet.room()
            count += 1
            if count % TURN == 0:
                await asyncio.sleep(0)

    async def _until_due(self) -> None:
        while (left := self._pace.left(self._loop.time())) != 0:
            self._changed.clear()
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _read_keys(self) -> None:
        async for typed in intake.chunks(KEYS):
            for key in typed.decode(errors="replace"):
                now = self._loop.time()
                if key in "qQ\x03":
                    self._leave(codes.OK if key in "qQ" else codes.INTERRUPTED)
                elif key == " ":
                    self._pace.toggle(now)
                elif key in "+=-_":
                    self._pace.change(now, faster=key in "+=")
                self._changed.set()

    def _leave(self, code: int) -> None:
        if not self._left.done():
            self._left.set_result(code)
