"""What all sources in tmux have in common: a pane that is held by its id, its relay, and following it until it is over.

Knows when to look and what to do at the end; what a look means for a pane of ours or of somebody else is theirs to say (`tmux`).
"""

from __future__ import annotations

import asyncio
import logging
import signal as signals
from abc import abstractmethod
from dataclasses import replace

from sightline.v1.event_pb2 import CaptureState, Channel, Event, OutputLost
from sightline.v1.session_pb2 import Snapshot

from sightline_server import errors
from sightline_server.capture import processes
from sightline_server.capture.base import Ending, Sink, Typed
from sightline_server.capture.foreground import Tty
from sightline_server.capture.inotify import APPEARED, Inotify, Watch
from sightline_server.capture.processes import Identity
from sightline_server.capture.pump import Pump
from sightline_server.capture.relay_link import Exit
from sightline_server.capture.tmux import pipe
from sightline_server.capture.tmux.pane import Held, Pane, check_keys
from sightline_server.capture.tmux.server import PaneState, TmuxServer
from sightline_server.capture.tmux.tail import PaneTail

log = logging.getLogger(__name__)

START_SECONDS = 10.0  # for a relay to come up
RELAY_SECONDS = 5.0  # for a relay to take what is in its pipe and go, when it is told to
SNAPSHOT_TRIES = 3
SETTLE_SECONDS = 0.01  # from tmux's screen to the spool: what is on one is in the other by then, at rest


class PaneSource:
    """A pane that is followed. Subclasses say how it begins (`start`, `resume`) and when it is over (`_look`)."""

    def __init__(self, sink: Sink, inotify: Inotify, server: TmuxServer) -> None:
        self._sink = sink
        self._inotify = inotify
        self._server = server
        self._pump: Pump | PaneTail = Pump(sink, inotify, sink.directory, (pipe.CHANNEL,))
        self._changed = asyncio.Event()
        self._watch: Watch | None = None
        self._held: Held | None = None
        self._pane: Pane | None = None
        self._relay: Identity | None = None
        self._relay_gone: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None
        self._poll_seconds: float | None = None  # between looks when nothing happens
        self._blind = False
        self._drained = False

    # --- `Source`, as far as all panes are alike

    def check_send(self, typed: Typed) -> None:
        """See `Source`."""
        check_keys(typed)

    async def send(self, typed: Typed) -> None:
        """See `Source`."""
        await self._present().type(typed)

    async def echo_is_off(self) -> bool:
        """See `Source`."""
        return await self._present().echo_is_off()

    def tty(self) -> Tty | None:
        """See `OnTty`."""
        return Tty(self._held.tty, self._held.program) if self._held else None

    async def interrupt(self) -> None:
        """See `Source`."""
        await self._present().interrupt()

    async def terminate(self, signal: int, grace: float) -> None:
        """See `Source`."""
        left = await processes.end_tree(self._sink.session_id, self._root(), signal, grace)
        if left:
            log.warning("session %s: %d processes could not be ended", self._sink.session_id, left)

    async def snapshot(self) -> Snapshot:
        """See `Source`. Exact when the spool did not grow around the look, and all of it is given to the sink."""
        pane = self._present()
        for _ in range(SNAPSHOT_TRIES):
            before = self._spooled()
            screen = await pane.screen()
            if self._drained:
                screen.exact = True
                return screen
            if before is None:
                return screen
            await asyncio.sleep(SETTLE_SECONDS)
            if self._spooled() == before and await self._committed(before):
                screen.exact = True
                return screen
        return screen

    async def detach(self) -> None:
        """See `Source`."""
        for task in (self._following, self._relay_gone):
            if task:
                task.cancel()
                await asyncio.wait([task])
        await self._let_go()

    def root(self) -> Identity | None:
        """The process whose descendants are the session's; None: there is none yet."""
        return self._root()

    # --- for subclasses

    @abstractmethod
    async def _look(self) -> Ending | None:
        """How it ended; None: it goes on. Called at first, when something happened, and every `_poll_seconds`."""

    async def _completed(self, ending: Ending) -> Ending:
        """The ending with what can be said only when all is taken."""
        return ending

    def _root(self) -> Identity | None:
        """The process whose descendants are the session's."""
        return self._held.program if self._held else None

    async def _after_end(self) -> None:
        """What there is to clear away when the end was reported."""

    def _look_out(self) -> None:
        def look(mask: int) -> None:
            if mask & APPEARED:
                self._changed.set()

        self._watch = self._inotify.watch(self._sink.directory, look)
        self._server.watch(self._changed.set)

    async def _let_go(self) -> None:
        """Stops following; the pane and its relay stay as they are."""
        if self._watch:
            self._watch.close()
            self._watch = None
        await self._pump.stop()
        await self._server.unwatch(self._changed.set)

    def _hold(self, held: Held) -> None:
        self._held = held
        self._pane = Pane(self._server, held, self._sink.directory, self._sink.session_name)

    async def _until_relay(self) -> bool:
        """Waits until the relay says that it is there. False: it does not."""
        before = self._relay
        try:
            async with asyncio.timeout(START_SECONDS):
                while (relay := pipe.read_relay(self._sink.directory)) in (None, before):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        self._follow_relay(relay)
        return True

    def _follow_relay(self, relay: Identity | None) -> None:
        """Wakes up when the relay goes."""

        async def gone() -> None:
            if relay:
                await processes.exited(relay)

        self._relay = relay
        self._relay_gone = asyncio.create_task(gone(), name=f"relay of {self._sink.session_id}")
        self._relay_gone.add_done_callback(lambda _task: self._changed.set())

    def _follow(self) -> None:
        self._pump.start()
        self._following = asyncio.create_task(self._run(), name=f"pane {self._sink.session_id}")

    async def _state(self) -> PaneState | None:
        """The pane; None: it is gone, or its server is. Raises a domain error when the server lives and does not answer."""
        return await self._pane.state() if self._pane else None

    def _server_lives(self) -> bool:
        return self._held is not None and processes.alive(self._held.server)

    async def _without_pipe(self) -> None:
        """The pane lives and our relay is gone. One that was killed is replaced; a pipe that was taken away stays away."""
        assert self._held is not None  # noqa: S101 - it is followed
        if pipe.has_ended(self._sink.directory):
            self._blind = True
            why = "the pane's pipe was closed or taken over in tmux: what it shows from here on is not seen"
            await self._sink.capture(CaptureState.CAPTURE_STATE_BLIND, why)
            return
        await pipe.replace_pipe(self._server, self._held.pane, self._sink.directory)
        if await self._until_relay():
            why = "the relay of this pane was killed: what was written until a new one stood is not known"
            await self._note_hole(why)

    async def _note_hole(self, why: str) -> None:
        lost = OutputLost(channel=Channel.CHANNEL_TERMINAL, reason=why)
        await self._sink.event(Event(output_lost=lost), pipe.CHANNEL)

    # --- following

    async def _run(self) -> None:
        try:
            ending = await self._until_over()
            await self._take_the_rest()
            ending = replace(await self._completed(ending), screen=await self._last_screen())
            await self._let_go()
            await self._after_end()
            await self._sink.ended(ending)
        except Exception as error:
            log.exception("session %s: following stopped", self._sink.session_id)
            await self._sink.capture(CaptureState.CAPTURE_STATE_BLIND, str(error))

    async def _until_over(self) -> Ending:
        drained = asyncio.create_task(self._pump.drained())
        drained.add_done_callback(lambda _task: self._changed.set())
        try:
            while True:
                self._changed.clear()
                if drained.done():
                    drained.result()  # a sink that failed ends the following
                ending = await self._look()
                if ending:
                    return ending
                try:
                    async with asyncio.timeout(self._poll_seconds):
                        await self._changed.wait()
                except TimeoutError:
                    continue
        finally:
            drained.cancel()

    async def _take_the_rest(self) -> None:
        """Everything that the program wrote is with the relay: it takes that and goes, and all of it is committed."""
        if self._relay and self._relay_gone and not self._relay_gone.done():
            pipe.finish(self._relay)
            await asyncio.wait([self._relay_gone], timeout=RELAY_SECONDS)
            if not self._relay_gone.done():
                processes.send_signal(self._relay, signals.SIGKILL)
                await self._relay_gone
        self._pump.finish()
        await self._pump.drained()
        self._drained = True

    async def _last_screen(self) -> Snapshot | None:
        try:
            return await self.snapshot()
        except errors.SightlineError:
            return None  # the pane is gone, and its screen with it

    def _is_relay_gone(self) -> bool:
        return self._relay_gone is None or self._relay_gone.done()

    def _present(self) -> Pane:
        if self._pane is None:
            raise errors.SourceGone(session=self._sink.session_name, why="its pane is not there any more")
        return self._pane

    def _spooled(self) -> int | None:
        """How much is spooled; None: the screen says more than the spool will ever have."""
        return None if self._blind else self._pump.sizes()[pipe.CHANNEL]

    async def _committed(self, size: int) -> bool:
        """Waits a little until so much is given to the sink; False: it was not, or more came meanwhile."""
        try:
            async with asyncio.timeout(1.0):
                await self._pump.reach({pipe.CHANNEL: size})
        except TimeoutError:
            return False
        return self._spooled() == size


def told(exited: Exit) -> Ending:
    """An ending from what a launcher or tmux says about a program."""
    if exited.error:
        return Ending(started=False, error=exited.error[1])
    if exited.code is None and not exited.signal:
        return Ending(observed=False, error="tmux does not say how the program ended")
    return Ending(exit_code=exited.code, signal=exited.signal)
