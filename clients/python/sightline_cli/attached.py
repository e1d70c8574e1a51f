"""A terminal that is attached: three flows (the screen, the keys, the sends) and every way out of them."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sightline import errors
from sightline.v1.event_pb2 import CHANNEL_TERMINAL, Completed, Event
from sightline.v1.session_pb2 import Session, SessionKind, Snapshot

from sightline_cli import codes, intake, reach, terminal, words
from sightline_cli.modes import Modes
from sightline_cli.outlet import Outlet
from sightline_cli.queries import QueryFilter
from sightline_cli.typist import Typist

if TYPE_CHECKING:
    from sightline import Client

KEYS, DRAWING = 0, 1  # descriptors
BELL = b"\x07"
RETRY = 0.1  # seconds between two tries to type
FAREWELL = 2.0  # seconds that what was typed last gets to arrive
TWICE = 2.0  # seconds within which the key to leave must come again where leaving ends the session


class Attached:
    """One session on one terminal.

    Args:
        place: where the session runs.
        session: it lives, and has a terminal.
        key: the key that leaves.
    """

    def __init__(self, place: reach.Place, session: Session, key: terminal.DetachKey) -> None:
        self._client: Client = place.client
        self._local = place.local
        self._session = session
        self._key = key
        self._ours = session.kind == SessionKind.SESSION_KIND_TERMINAL
        self._outlet = Outlet()
        self._filter = QueryFilter()
        self._modes = Modes()
        self._typist = Typist(self._send)
        self._connected = asyncio.Event()
        self._connected.set()
        self._left: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._left_at = 0.0
        self._farewell = ""
        self._resizing: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Attaches; returns the exit code when the session has ended or the person has left."""
        columns, rows = terminal.size(DRAWING)
        await self._introduce(columns, rows)
        loop = asyncio.get_running_loop()
        with terminal.raw(KEYS):
            loop.add_signal_handler(signal.SIGWINCH, self._window_changed)
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                loop.add_signal_handler(number, self._leave, codes.BY_SIGNAL + number)
            try:
                return await self._until_over(rows)
            finally:
                loop.remove_signal_handler(signal.SIGWINCH)
                await self._restore()

    async def _introduce(self, columns: int, rows: int) -> None:
        leave = "" if self._key.name == "none" else f"; {self._key.name} leaves"
        reach.note(f"attached to {self._session.name}{leave}")
        if self._ours:
            with suppress(errors.FailedPrecondition):  # it has ended: the log will say how
                await self._client.resize(self._session, columns, rows)
            return
        there = await self._client.snapshot(self._session)
        if (there.columns, there.rows) != (columns, rows):
            reach.note(
                f"{self._session.name} is a pane of {there.columns}x{there.rows} and keeps its size; "
                f"this terminal is {columns}x{rows}, and may show it broken"
            )

    async def _until_over(self, rows: int) -> int:
        drawing = asyncio.create_task(self._draw(rows))
        flows: list[asyncio.Future[Any]] = [
            drawing,
            asyncio.create_task(self._typist.run()),
            asyncio.create_task(self._read_keys()),
        ]
        try:
            await asyncio.wait({*flows, self._left}, return_when=asyncio.FIRST_COMPLETED)
            if self._left.done():
                with suppress(TimeoutError):
                    async with asyncio.timeout(FAREWELL):
                        await self._typist.sent()
                return await self._leave_for_good()
            for flow in flows:
                if flow.done() and flow is not drawing:
                    flow.result()  # the keys or the sends failed: that is the error to tell
            return self._ended(await drawing)
        finally:
            for flow in flows:
                flow.cancel()
            await asyncio.gather(*flows, return_exceptions=True)

    def _ended(self, completed: Completed | None) -> int:
        if completed is None:
            self._farewell = f"the end of {self._session.name} was not seen"
            return codes.FAILED
        self._farewell = f"{self._session.name} {words.completed(completed)}"
        return codes.of_ending(completed.exit_code if completed.HasField("exit_code") else None, completed.signal)

    # --- the screen

    async def _draw(self, rows: int) -> Completed | None:
        # What is on the screen now moves up, so that it can be scrolled back to.
        self._outlet.put(DRAWING, b"\x1b[%d;1H" % rows + b"\n" * rows + b"\x1b[H\x1b[2J")
        subscription = self._client.subscribe(self._session, snapshot=True, on_disconnect=self._lost, on_reconnect=self._back)
        async with subscription:
            async for item in subscription:
                if isinstance(item, Event):
                    # What steps before it have written is not on the terminal.
                    if item.HasField("output") and item.output.channel == CHANNEL_TERMINAL:
                        self._show(self._filter.feed(item.output.data))
                    elif item.HasField("completed"):
                        return item.completed
                elif isinstance(item, Snapshot):
                    self._show(item.ansi)
                await self._outlet.room()
        return None

    def _show(self, data: bytes) -> None:
        self._modes.feed(data)
        self._outlet.put(DRAWING, data)

    def _lost(self, _: errors.SightlineError) -> None:
        self._connected.clear()
        self._outlet.put(DRAWING, BELL + terminal.title(f"{self._session.name}: the server went away, waiting for it"))

    def _back(self) -> None:
        self._connected.set()
        self._outlet.put(DRAWING, terminal.title(f"{self._session.name}: the server is back"))

    def _window_changed(self) -> None:
        if self._ours and (self._resizing is None or self._resizing.done()):
            self._resizing = asyncio.create_task(self._resize())

    async def _resize(self) -> None:
        told = None
        while told != (now := terminal.size(DRAWING)):
            try:
                await self._client.resize(self._session, *now)
            except errors.SightlineError:
                return  # it ended, or the server is away: the next change tells it
            told = now

    # --- the keys

    async def _read_keys(self) -> None:
        async for typed in intake.chunks(KEYS):
            before, leaves = self._key.split(typed)
            if not self._typist.type(before):
                self._outlet.put(DRAWING, BELL)
            if leaves:
                self._asked_to_leave()
        self._leave(codes.BY_SIGNAL + signal.SIGHUP)

    async def _send(self, data: bytes) -> None:
        request_id = secrets.token_hex(16)
        while True:
            try:
                await self._client.send(self._session, data=data, request_id=request_id, author="attach")
            except errors.Unavailable:
                # The same id again: what was typed is not typed twice.
                await asyncio.sleep(RETRY)
                await self._connected.wait()
            except errors.ResourceExhausted as error:
                if error.reason != "INPUT_BLOCKED":
                    raise
                self._outlet.put(DRAWING, BELL)
                await asyncio.sleep(RETRY)
                request_id = secrets.token_hex(16)
            except errors.FailedPrecondition:
                return  # it has ended, which the log will say
            else:
                return

    # --- the ways out

    def _asked_to_leave(self) -> None:
        now = time.monotonic()
        if self._local and now - self._left_at >= TWICE:
            self._left_at = now
            again = f"leaving ends {self._session.name}, because no server runs: {self._key.name} again within {TWICE:.0f} s"
            self._outlet.put(DRAWING, BELL + terminal.title(again))
            return
        self._leave(codes.INTERRUPTED if self._local else codes.OK)

    def _leave(self, code: int) -> None:
        if not self._left.done():
            self._left.set_result(code)

    async def _leave_for_good(self) -> int:
        name = self._session.name
        if not self._local:
            self._farewell = f"{name} goes on: `sightline attach {name}` comes back, `sightline stop {name}` ends it"
        else:
            self._farewell = f"{name} was ended"
            try:
                # As a terminal does that is closed: a shell that somebody types in heeds no SIGTERM.
                await self._client.terminate(self._session, signal=signal.SIGHUP)
            except errors.SightlineError as error:
                self._farewell = f"{name} could not be ended: {error.message}"
        return self._left.result()

    async def _restore(self) -> None:
        was_alternate = self._modes.alternate
        try:
            self._outlet.put(DRAWING, self._filter.finish() + self._modes.restore() + (b"" if was_alternate else b"\r\n"))
        except OSError:
            return  # the terminal is gone
        await self._outlet.drain_within(FAREWELL)
        if self._farewell:
            sys.stderr.write(f"\r[sightline] {self._farewell}\r\n")
