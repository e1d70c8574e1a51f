"""Panes of the user's own that are adopted: followed, left undisturbed, and let go without a trace.

Knows what may be done to a pane of somebody else and what can be known of its end.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

from sightline.v1.event_pb2 import CaptureState
from sightline.v1.session_pb2 import SessionKind, Tmux

from sightline_server import errors
from sightline_server.capture import processes
from sightline_server.capture.base import Ending, Sink
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.relay_link import Exit
from sightline_server.capture.tmux import pipe
from sightline_server.capture.tmux.control import ClientGone, CommandFailed
from sightline_server.capture.tmux.pane import Held
from sightline_server.capture.tmux.server import PaneState, TmuxServer
from sightline_server.capture.tmux.source import RELAY_SECONDS, START_SECONDS, PaneSource, told
from sightline_server.capture.tmux.tail import PaneTail

POLL_SECONDS = 2.0  # for what an adopted pane does not tell by itself
REAP_SECONDS = 0.01  # for tmux to tell by itself how an adopted program ended; doubled each time that it is asked
REAPS = 12  # times that it is asked before that is given up: 12 s or so
TAIL_CAPTURE = (
    "the pane's output is piped elsewhere by its owner, so tmux repeats it for us: slower (15 MB/s), and without what "
    "is written while this server is down, or just before the pane closes"
)
TAIL_END = "tmux repeats nothing more of a pane that has closed: its last output may be missing"
TAIL_HOLE = "tmux's repeating of the pane's output was interrupted: what was written meanwhile is not known"
UNSEEN = "the exit code of a program that Sightline did not start is not known"


class AdoptedSource(PaneSource):
    """A pane of the user's own: followed, typed into when asked, otherwise left as it is.

    For `start` it needs the `pane` as `discovery.resolve` gives it; a source that resumes does not.
    """

    kind = SessionKind.SESSION_KIND_TMUX

    def __init__(self, sink: Sink, inotify: Inotify, server: TmuxServer, *, pane: Tmux | None = None) -> None:
        super().__init__(sink, inotify, server)
        self._target = pane or Tmux()
        self._tail: PaneTail | None = None
        self._reaped = 0
        self._poll_seconds = POLL_SECONDS
        self._releasing = asyncio.Event()

    async def start(self) -> None:
        """See `Source`."""
        self._look_out()
        try:
            await self._take_over()
            self._follow()
            await self._say_how()
        except BaseException as error:
            if self._relay and not self._is_relay_gone():
                await self._close_pipe()
            await self._let_go()
            if isinstance(error, CommandFailed | ClientGone):
                raise self._not_found() from None
            raise

    async def resume(self) -> None:
        """See `Source`."""
        held = Held.read(self._sink.directory)
        if held is None:
            await self._sink.ended(Ending(observed=False, error="the server went down before the pane was followed"))
            return
        try:
            self._hold(held)
            self._look_out()
            if held.piped:
                self._follow_relay(pipe.read_relay(self._sink.directory))
            else:
                self._follow_output(held)
            self._follow()
            await self._say_how()
        except (OSError, errors.SightlineError) as error:
            await self._sink.capture(CaptureState.CAPTURE_STATE_BLIND, str(error))

    async def resize(self, columns: int, rows: int) -> None:  # noqa: ARG002 - the contract's
        """See `Source`."""
        raise errors.NotResizable(session=self._sink.session_name)

    async def release(self) -> None:
        """See `Source`."""
        self._releasing.set()
        self._changed.set()

    async def _look(self) -> Ending | None:
        if self._releasing.is_set():
            await self._close_pipe()
            return Ending(released=True)
        try:
            state = await self._state()
            if state is None:
                why = "the pane was closed" if self._server_lives() else "its tmux server is gone"
                return Ending(observed=False, error=f"{why}: {UNSEEN}")
            if state.dead:
                return await self._dead(state)
            if self._tail:
                if self._tail.broken:
                    await self._tail.attach()
                    await self._note_hole(TAIL_HOLE)
            elif self._is_relay_gone() and not self._blind:
                await self._without_pipe()
        except (errors.SightlineError, CommandFailed, ClientGone):
            return None  # it is there and does not answer: at the next look, perhaps
        return None

    async def _dead(self, state: PaneState) -> Ending | None:
        """Its owner keeps panes whose program has exited. tmux may not have noticed how yet, or only notice when asked (`reap`)."""
        if state.code is None and not state.signal and self._reaped < REAPS:
            self._reaped += 1
            self._poll_seconds = min(REAP_SECONDS * 2**self._reaped, POLL_SECONDS)
            await self._server.reap(self._present().pane_id)
            return None
        return told(Exit(state.code, state.signal))

    async def _completed(self, ending: Ending) -> Ending:
        if self._tail and not ending.released:
            await self._note_hole(TAIL_END)
        return ending

    async def _take_over(self) -> None:
        """Puts a relay at the pane's pipe, or, where its owner has something there already, listens to its output."""
        pane = self._target.pane_id
        state = await self._server.state(pane)
        server = processes.identify(self._target.server_pid)
        program = processes.identify(state.pid) if state else None
        if state is None or server is None or program is None or state.dead:
            raise self._not_found()
        held = Held(pane, state.tty, server, program)
        # Written first: a relay that a killed server left behind must be found again.
        held.write(self._sink.directory)
        self._hold(held)
        if await pipe.open_pipe(self._server, pane, self._sink.directory):
            if not await self._until_relay():
                await self._server.ask(pane, ["pipe-pane", "-t", pane])
                raise errors.StartTimeout(what="the relay of the pane", seconds=START_SECONDS)
            return
        held = replace(held, piped=False)
        held.write(self._sink.directory)
        await self._follow_output(held).attach()

    def _follow_output(self, held: Held) -> PaneTail:
        self._blind = True
        self._pump = self._tail = PaneTail(self._sink, self._server, held.pane, self._changed.set)
        return self._tail

    async def _say_how(self) -> None:
        if self._tail:
            await self._sink.capture(CaptureState.CAPTURE_STATE_FOLLOWING, TAIL_CAPTURE)

    async def _close_pipe(self) -> None:
        """Takes our pipe off the pane. The relay then sees its end and goes."""
        assert self._held is not None  # noqa: S101 - it was taken over
        if self._relay is None or self._relay_gone is None or self._relay_gone.done():
            return
        with suppress(CommandFailed, ClientGone, errors.SightlineError):
            await pipe.close_pipe(self._server, self._held.pane, self._relay)
            await asyncio.wait([self._relay_gone], timeout=RELAY_SECONDS)

    def _not_found(self) -> errors.SightlineError:
        return errors.PaneNotFound(target=self._target.target or self._target.pane_id, socket=self._server.socket)
