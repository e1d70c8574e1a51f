"""A window of screen in which `script` writes a typescript: one session. Its bytes come from the file, input goes to screen.

Nothing is left on the screen session: it writes no log for us. Knows how a `script` is found in a window.
"""

from __future__ import annotations

import asyncio

from sightline.v1.session_pb2 import Screen, SessionKind, Snapshot, Typescript

from sightline_server import errors
from sightline_server.capture import processes
from sightline_server.capture.base import Ending, Sink, Typed
from sightline_server.capture.foreground import Tty
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.screen import discovery
from sightline_server.capture.screen.client import ScreenProgram
from sightline_server.capture.screen.hand import Hand, Held
from sightline_server.capture.typescript.source import TypescriptSource
from sightline_server.capture.typescript.writers import Lookout


class RecordedSource(TypescriptSource):
    """See above, and `Source`.

    Args:
        screen: the window, as the session's record has it.
    """

    def __init__(
        self,
        sink: Sink,
        inotify: Inotify,
        lookout: Lookout,
        program: ScreenProgram,
        *,
        screen: Screen,
        typescript: Typescript,
        kind: SessionKind.ValueType,
    ) -> None:
        super().__init__(sink, inotify, lookout, typescript)
        self.kind = kind
        self._program = program
        self._screen = screen
        self._hand: Hand | None = None

    async def start(self) -> None:
        """See `Source`."""
        session, window = await discovery.resolve(self._program, self._screen)
        server = processes.identify(session.pid)
        if server is None:
            raise errors.ScreenNotFound(name=self._screen.name)
        held = Held(session.address, server, window)
        held.write(self._sink.directory)
        self._hold(held)
        await super().start()

    async def resume(self) -> None:
        """See `Source`."""
        held = Held.read(self._sink.directory)
        if held is None:
            await self._sink.ended(Ending(observed=False, error="the server went down before the typescript was followed"))
            return
        self._hold(held)
        await super().resume()

    def check_send(self, typed: Typed) -> None:
        """See `Source`."""
        self._present().check(typed)

    async def send(self, typed: Typed) -> None:
        """See `Source`."""
        await self._find_terminal()
        await self._present().type(typed)

    async def echo_is_off(self) -> bool:
        """See `Source`."""
        await self._find_terminal()
        return self._present().echo_is_off()

    def tty(self) -> Tty | None:
        """See `OnTty`. `script` has the window; its terminal is found behind it."""
        return Tty(self._hand.window.tty, self._hand.window.program) if self._hand else None

    async def interrupt(self) -> None:
        """See `Source`."""
        await self._present().interrupt()

    async def resize(self, columns: int, rows: int) -> None:  # noqa: ARG002 - the contract's
        """See `Source`."""
        raise errors.NotResizable(session=self._sink.session_name)

    async def snapshot(self) -> Snapshot:
        """See `Source`."""
        return await self._present().picture()

    def _hold(self, held: Held) -> None:
        self._hand = Hand(self._program, held, self._sink.directory, self._sink.session_name)

    async def _find_terminal(self) -> None:
        """What is typed into the window `script` hands on to the terminal that it made: there it must be read."""
        hand = self._present()
        if hand.tty == hand.window.tty:
            writer = await self._recording.writer()
            inner = await asyncio.to_thread(discovery.terminal_of, writer.process.pid) if writer else ""
            hand.tty = inner or hand.tty

    def _present(self) -> Hand:
        if self._hand is None:
            raise errors.SourceGone(session=self._sink.session_name, why="its window is not there any more")
        return self._hand
