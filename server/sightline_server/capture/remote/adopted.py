"""Panes of the user's own on a host: followed, left undisturbed, and let go without a trace.

Knows what may be done to a pane of somebody else, and what can be known of its end.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

from sightline.v1.event_pb2 import CaptureState
from sightline.v1.session_pb2 import SessionKind, Tmux

from sightline_server import errors
from sightline_server.capture.base import Ending, Sink
from sightline_server.capture.remote.host import Host
from sightline_server.capture.remote.pane import RemoteTmux
from sightline_server.capture.remote.panes import RemotePaneSource
from sightline_server.capture.remote.scripts import PANE_SEGMENTS, line, put, quote, script
from sightline_server.capture.remote.shell import Refused
from sightline_server.capture.remote.source import Place
from sightline_server.capture.remote.stream import Stream
from sightline_server.capture.tmux.adopted import TAIL_CAPTURE, TAIL_END, TAIL_HOLE, UNSEEN
from sightline_server.capture.tmux.control import ClientGone, CommandFailed
from sightline_server.capture.tmux.protocol import escape_time
from sightline_server.capture.tmux.protocol import quote as tmux_quote
from sightline_server.capture.tmux.server import PaneState
from sightline_server.capture.tmux.tail import PaneTail
from sightline_server.errors import SightlineError

FEATURE = "following a pane on another host"
WRITER_SECONDS = 5.0  # for our writer to come up, or to go
TICK_SECONDS = 0.01  # between looks at that
POLL_SECONDS = 2.0  # for what a pane with a pipe of somebody else's does not tell by itself


class RemoteAdopted(RemotePaneSource):
    """A pane of the user's own on a host.

    For `start` it needs the `pane` as `discovery.resolve` gives it; a source that resumes does not.
    """

    kind = SessionKind.SESSION_KIND_TMUX

    def __init__(self, sink: Sink, host: Host, *, pane: Tmux | None = None) -> None:
        super().__init__(sink, host)
        self._target = pane or Tmux()
        self._tail: PaneTail | None = None
        self._releasing = False
        self._blind = False

    async def start(self) -> None:
        """See `Source`."""
        self._host.need_tmux(FEATURE)
        facts = await self._begin_place()
        self._host.need_tools(FEATURE)
        try:
            await self._take_over(facts.state)
            self._follow()
        except BaseException as error:
            with suppress(SightlineError, Refused, CommandFailed):
                await self._close_pipe()
            await self._forget()
            await self._let_go()
            if isinstance(error, CommandFailed | ClientGone | Refused):
                raise self._not_found() from None
            raise

    async def resize(self, columns: int, rows: int) -> None:  # noqa: ARG002 - the contract's
        """See `Source`."""
        raise errors.NotResizable(session=self._sink.session_name)

    async def release(self) -> None:
        """See `Source`. Raises `HostDisconnected`: what is ours there can only be taken away over the connection."""
        self._host.check_up()
        self._releasing = True
        self._changed.set()

    async def _signal(self, signal: int) -> int:
        """The pane's program and everything in its terminal's session: it carries no mark of ours."""
        pane = self._present()
        state = await pane.state()
        root = state.pid if state else 0
        return int(await self._host.ask(line("sl_signal_session", str(root), str(signal)))) if root else 0

    def _make_streams(self) -> list[Stream]:
        assert self._held is not None  # noqa: S101 - it was taken over
        return super()._make_streams() if self._held.piped else []

    async def _look(self) -> Ending | None:
        if self._releasing:
            await self._close_pipe()
            return Ending(released=True)
        if not self._streams:
            return await self._look_at_tail()
        (stream,) = self._streams
        if stream.ended:
            await stream.settle()
            if self._blind or await self._pane_lives():
                return await self._without_pipe()
            return Ending(observed=False, error=await self._why_gone())
        if await self._writer_was_killed(stream):
            return await self._replace_writer(stream)
        return None

    async def _pane_lives(self) -> bool:
        state = await self._state()
        return state is not None and not state.dead

    async def _state(self) -> PaneState | None:
        """The pane; None: it, or its server, is gone."""
        assert self._held is not None  # noqa: S101 - it is followed
        pid = self._held.server.partition(" ")[0]
        if await self._host.ask(f"sl_who {quote(pid)} || :") != self._held.server:
            return None
        try:
            return await self._present().state()
        except errors.TmuxServerNotFound:
            return None

    async def _why_gone(self) -> str:
        assert self._held is not None  # noqa: S101 - it is followed
        pid = self._held.server.partition(" ")[0]
        lives = await self._host.ask(f"sl_who {quote(pid)} || :") == self._held.server
        return f"{'the pane was closed' if lives else 'its tmux server is gone'}: {UNSEEN}"

    async def _without_pipe(self) -> Ending | None:
        """Its pipe was taken away while the pane lives: it stays away."""
        if not self._blind:
            self._blind = True
            why = "the pane's pipe was closed or taken over in tmux: what it shows from here on is not seen"
            await self._sink.capture(CaptureState.CAPTURE_STATE_BLIND, why)
        if await self._pane_lives():
            self._wake_later()
            return None
        return Ending(observed=False, error=await self._why_gone())

    async def _following_again(self) -> None:
        if self._tail:
            await self._sink.capture(CaptureState.CAPTURE_STATE_FOLLOWING, TAIL_CAPTURE)
        elif not self._blind:
            await super()._following_again()

    # --- a pane with a pipe of its owner's

    async def _attach(self) -> None:
        if self._held and not self._held.piped:
            self._host.check_up()
            if self._tail is None:
                self._tail = PaneTail(self._sink, self._present().server, self._present().pane_id, self._changed.set)
                await self._attach_tail(self._tail)
                self._tail.start()
            elif self._tail.broken:
                await self._attach_tail(self._tail)
                await self._note_hole(TAIL_HOLE)
        await super()._attach()

    async def _attach_tail(self, tail: PaneTail) -> None:
        with suppress(CommandFailed, ClientGone):  # the look that follows says what became of it
            await tail.attach()

    async def _look_at_tail(self) -> Ending | None:
        if await self._pane_lives():
            self._wake_later()
            return None
        if self._tail:
            self._tail.finish()
            await self._tail.drained()
            await self._note_hole(TAIL_END)
        return Ending(observed=False, error=await self._why_gone())

    def _wake_later(self) -> None:
        asyncio.get_running_loop().call_later(POLL_SECONDS, self._changed.set)

    async def _let_go(self) -> None:
        await super()._let_go()
        if self._tail:
            await self._tail.stop()

    # --- the pipe

    def _pipe(self) -> str:
        words = (f"{self._directory}/spool.sh", self._directory, "terminal", f"drop {PANE_SEGMENTS}", self._sink.session_id)
        return line("exec", "sh", *words)

    async def _take_over(self, state: str) -> None:
        """Puts a writer at the pane's pipe, unless its owner has something there."""
        assert self._held is not None  # noqa: S101 - its place is known
        directory, target = self._held.directory, self._target
        server = RemoteTmux(self._host, target.socket_path)
        who = await self._host.ask(f"sl_who {target.server_pid} || :")
        found = await server.state(target.pane_id)
        if not who or found is None or found.dead:
            raise self._not_found()
        held = Place(directory, target.pane_id, found.tty, target.socket_path, who)
        held.write(self._sink.directory)
        self._hold(held)
        made = [line("mkdir", "-p", state), line("mkdir", directory), put(f"{directory}/spool.sh", script("spool.sh"))]
        await self._host.ask(" && ".join(made))
        # The look and the pipe are one command, so that nobody's pipe can be taken in between.
        pipe = " ".join(("pipe-pane", "-t", target.pane_id, tmux_quote(escape_time(self._pipe())).decode()))
        look = ["display-message", "-p", "-t", target.pane_id, "#{pane_pipe}"]
        before = await server.run(look, ["if-shell", "-F", "-t", target.pane_id, "#{pane_pipe}", "", pipe])
        if before == ["0"]:
            await self._until_writer()
            return
        await self._forget()
        held = replace(held, piped=False)
        held.write(self._sink.directory)
        self._hold(held)

    async def _until_writer(self) -> None:
        if not await self._writer_comes():
            pane = self._present()
            await pane.server.run(["pipe-pane", "-t", pane.pane_id])
            raise errors.StartTimeout(what="the writer at the pane's pipe", seconds=WRITER_SECONDS)

    async def _writer_comes(self) -> bool:
        """Waits for the writer at the pane's pipe; False: it does not come up."""
        try:
            async with asyncio.timeout(WRITER_SECONDS):
                while not await self._writer_is_up():  # noqa: ASYNC110 - nobody there would tell
                    await asyncio.sleep(TICK_SECONDS)
        except TimeoutError:
            return False
        return True

    async def _replace_writer(self, stream: Stream) -> Ending | None:
        """Our writer was killed: its end would have been marked. The pane gets a new one, unless its owner has a pipe there now."""
        pane = self._present()
        state = await self._state()
        if state is None or state.dead:
            stream.finish()
            return None
        pipe = " ".join(("pipe-pane", "-t", pane.pane_id, tmux_quote(escape_time(self._pipe())).decode()))
        # A killed writer's copier reads on until its pipe is taken away: as long as it lives nobody else has one there.
        ours = await self._host.ask(line("sl_orphan", f"{self._directory}/terminal.copier"))
        await pane.server.run(["if-shell", "-F", "-t", pane.pane_id, "0" if ours else "#{pane_pipe}", "", pipe])
        if not await self._writer_comes():
            return await self._without_pipe()
        await self._note_hole("the writer at this pane's pipe was killed: what was written until a new one stood is not known")
        return None

    async def _close_pipe(self) -> None:
        """Takes our pipe off the pane: a pane has one, and a writer that lost it is gone."""
        if self._held is None or not self._held.pane or not self._held.piped:
            return
        pane = self._present()
        writer = line(f"{self._directory}/terminal.writer")
        await pane.server.run_in_shell(f"! sl_lives {writer} || {pane.server.command(['pipe-pane', '-t', pane.pane_id])}")
        with suppress(TimeoutError):
            async with asyncio.timeout(WRITER_SECONDS):
                while await self._writer_is_up():  # noqa: ASYNC110 - as above
                    await asyncio.sleep(TICK_SECONDS)

    async def _writer_is_up(self) -> bool:
        return bool(await self._host.ask(f"! sl_lives {line(self._directory + '/terminal.writer')} || echo up"))

    def _not_found(self) -> SightlineError:
        where = f"{self._target.socket_path} on {self._host.name}"
        return errors.PaneNotFound(target=self._target.target or self._target.pane_id, socket=where)
