"""A window of the user's own that is adopted: followed by its log, typed into when asked, and let go as it was.

Knows what may be done to a window of somebody else and what can be known of its end.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from contextlib import suppress
from pathlib import Path

from sightline.v1.event_pb2 import CaptureState
from sightline.v1.session_pb2 import Screen, SessionKind, Snapshot

from sightline_server import errors
from sightline_server.capture import processes
from sightline_server.capture.base import Ending, Sink, Typed
from sightline_server.capture.foreground import Tty
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.processes import Identity
from sightline_server.capture.screen import discovery
from sightline_server.capture.screen.client import ScreenProgram
from sightline_server.capture.screen.hand import Hand, Held
from sightline_server.capture.screen.log import OwnersLog, Place, ScreenLog, owners_log

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # between looks at what does not tell by itself: a log switched off, one that has become long
CLOSE_SECONDS = 3.0  # for screen to take the last words of a program that has ended
TICK_SECONDS = 0.02  # between looks whether it has
OWNERS = "the window's owner keeps a log of it, which is followed as it is"
UNSEEN = "the exit code of a program that Sightline did not start is not known"


class AdoptedSource:
    """See above, and `Source`. For `start` it needs the `screen` as it was asked for; a source that resumes does not.

    Args:
        followed: see `ScreenLog`.
    """

    kind = SessionKind.SESSION_KIND_SCREEN

    def __init__(
        self, sink: Sink, inotify: Inotify, program: ScreenProgram, followed: Counter[int], *, screen: Screen | None = None
    ) -> None:
        self._sink = sink
        self._inotify = inotify
        self._program = program
        self._followed = followed
        self._asked = screen or Screen()
        self._held: Held | None = None
        self._hand: Hand | None = None
        self._log: ScreenLog | OwnersLog | None = None
        self._gone: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self._releasing = False
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """See `Source`."""
        session, window = await discovery.resolve(self._program, self._asked)
        server = processes.identify(session.pid)
        if server is None:
            raise errors.ScreenNotFound(name=self._asked.name)
        path = await owners_log(self._program, Place(session.address, session.pid, window.number))
        begin = os.stat(path).st_size if path else 0
        held = Held(session.address, server, window, path, begin)
        # Written first: a log that a killed server left switched on must be found again.
        held.write(self._sink.directory)
        following = self._hold(held)
        try:
            await following.start()
            if path:
                await self._sink.capture(CaptureState.CAPTURE_STATE_FOLLOWING, OWNERS)
        except BaseException:
            with suppress(errors.SightlineError):
                await following.close()
            await following.stop()
            raise
        self._follow()

    async def resume(self) -> None:
        """See `Source`."""
        held = Held.read(self._sink.directory)
        if held is None:
            await self._sink.ended(Ending(observed=False, error="the server went down before the window was followed"))
            return
        try:
            await self._hold(held).resume()
            self._follow()
        except (OSError, errors.SightlineError) as error:
            await self._sink.capture(CaptureState.CAPTURE_STATE_BLIND, str(error))

    def check_send(self, typed: Typed) -> None:
        """See `Source`."""
        self._present().check(typed)

    async def send(self, typed: Typed) -> None:
        """See `Source`."""
        await self._present().type(typed)

    async def echo_is_off(self) -> bool:
        """See `Source`."""
        return self._present().echo_is_off()

    def tty(self) -> Tty | None:
        """See `OnTty`."""
        return Tty(self._held.window.tty, self._held.window.program) if self._held else None

    async def interrupt(self) -> None:
        """See `Source`."""
        await self._present().interrupt()

    async def resize(self, columns: int, rows: int) -> None:  # noqa: ARG002 - the contract's
        """See `Source`."""
        raise errors.NotResizable(session=self._sink.session_name)

    async def terminate(self, signal: int, grace: float) -> None:
        """See `Source`."""
        root = self._held.window.program if self._held else None
        left = await processes.end_tree(self._sink.session_id, root, signal, grace)
        if left:
            log.warning("session %s: %d processes could not be ended", self._sink.session_id, left)

    async def release(self) -> None:
        """See `Source`."""
        self._releasing = True
        self._changed.set()

    async def snapshot(self) -> Snapshot:
        """See `Source`."""
        return await self._present().picture()

    async def detach(self) -> None:
        """See `Source`."""
        for task in (self._following, *self._gone):
            if task:
                task.cancel()
                await asyncio.wait([task])
        if self._log:
            await self._log.stop()

    def _hold(self, held: Held) -> ScreenLog | OwnersLog:
        sink, place = self._sink, Place(held.session, held.server.pid, held.window.number)
        self._held = held
        self._hand = Hand(self._program, held, sink.directory, sink.session_name)
        if held.log:
            self._log = OwnersLog(sink, self._inotify, self._program, place, self._followed, path=Path(held.log), begin=held.begin)
        else:
            self._log = ScreenLog(sink, self._inotify, self._program, place, self._followed)
        return self._log

    def _follow(self) -> None:
        assert self._held is not None  # noqa: S101 - it was taken over, or read
        self._gone = [self._wake_when_gone(identity) for identity in (self._held.server, self._held.window.program)]
        self._following = asyncio.create_task(self._run(), name=f"screen {self._sink.session_id}")

    def _wake_when_gone(self, identity: Identity) -> asyncio.Task[None]:
        task = asyncio.create_task(processes.exited(identity), name=f"screen {identity.pid}")
        task.add_done_callback(lambda _task: self._changed.set())
        return task

    async def _run(self) -> None:
        assert self._log is not None  # noqa: S101 - it is followed
        try:
            ending = await self._until_over(self._log)
            await self._log.finish()
            await self._log.stop()
            for task in self._gone:
                task.cancel()
            await self._sink.ended(ending)
        except Exception as error:
            log.exception("session %s: following stopped", self._sink.session_id)
            await self._sink.capture(CaptureState.CAPTURE_STATE_BLIND, str(error))

    async def _until_over(self, following: ScreenLog | OwnersLog) -> Ending:
        server_gone, program_gone = self._gone
        drained = asyncio.create_task(following.drained())
        drained.add_done_callback(lambda _task: self._changed.set())
        try:
            while True:
                self._changed.clear()
                if drained.done():
                    drained.result()  # a sink that failed ends the following
                if server_gone.done():
                    return Ending(observed=False, error=f"the screen session is gone: {UNSEEN}")
                if program_gone.done():
                    await self._until_last_words(following)
                    return Ending(observed=False, error=f"the window's program has ended: {UNSEEN}")
                if self._releasing:
                    await self._let_go(following)
                    return Ending(released=True)
                await following.look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._changed.wait()
        finally:
            drained.cancel()

    async def _until_last_words(self, following: ScreenLog | OwnersLog) -> None:
        """Screen closes the log with the window, after the last that its program wrote; unless its owner keeps dead windows."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                while following.is_ours(unknown=not self._gone[0].done()):  # noqa: ASYNC110 - nobody would set an event
                    await asyncio.sleep(TICK_SECONDS)
        await self._let_go(following)

    async def _let_go(self, following: ScreenLog | OwnersLog) -> None:
        with suppress(errors.SightlineError):  # it went, or hangs: then there is nothing that could be put back
            await following.close()

    def _present(self) -> Hand:
        if self._hand is None:
            raise errors.SourceGone(session=self._sink.session_name, why="its window is not there any more")
        return self._hand
