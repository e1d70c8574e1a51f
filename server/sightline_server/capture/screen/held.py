"""A program that Sightline starts in GNU screen: a detached session around `script`, whose typescript is followed.

    screen -dmS NAME  ──pty──>  script -f --timing=NAME.timing NAME.typescript  ──pty──>  launcher ──> program

Whoever likes attaches with `screen -r NAME`. What is typed goes through screen; size, echo and end are those of the terminal that
`script` made. Knows what differs from a program under `script` alone (`typescript.held`).
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from sightline.v1.session_pb2 import Screen, Snapshot

from sightline_server import errors
from sightline_server.capture import processes
from sightline_server.capture.base import Sink, Typed
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.screen import windows
from sightline_server.capture.screen.client import NO_WINDOW, Listed, ScreenProgram
from sightline_server.capture.screen.hand import Hand, Held
from sightline_server.capture.typescript.held import START_SECONDS, WITHOUT_A_WORD, HeldSource, own_environment
from sightline_server.capture.typescript.writers import Lookout

TERM = "xterm-256color"  # of whoever attaches, for all that is known before
LOOK_SECONDS = 0.5  # between looks whether what is being started still runs: they read of every process


class HeldScreenSource(HeldSource):
    """See above, and `Source`. For `start` it needs what `HeldSource` needs.

    Args:
        program: `screen`.
        screen: of the session's record: `name` is what the screen session will be called; the rest is filled in at the start.
        typescript: where `script` will write; its timing lies beside it.
    """

    def __init__(
        self,
        sink: Sink,
        inotify: Inotify,
        lookout: Lookout,
        program: ScreenProgram,
        *,
        screen: Screen,
        typescript: Path,
        argv: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: str = "/",
        columns: int = 80,
        rows: int = 24,
    ) -> None:
        super().__init__(sink, inotify, lookout, argv=argv, env=env, cwd=cwd, columns=columns, rows=rows, typescript=typescript)
        self._program = program
        self._screen = screen
        self._hand: Hand | None = None
        self._next_look = 0.0  # loop time
        self._over = False  # nothing runs any more that could go on with the start

    async def start(self) -> None:
        """See `Source`."""
        self._program.path()
        await super().start()

    async def resume(self) -> None:
        """See `Source`."""
        held = Held.read(self._sink.directory)
        if held:
            self._hold(held)
        await super().resume()

    def check_send(self, typed: Typed) -> None:
        """See `Source`."""
        self._present().check(typed)

    async def send(self, typed: Typed) -> None:
        """See `Source`."""
        await self._present().type(typed)

    async def interrupt(self) -> None:
        """See `Source`."""
        await self._present().interrupt()

    async def snapshot(self) -> Snapshot:
        """See `Source`. The picture has the size that screen has for itself: nobody's, until somebody attaches."""
        return await self._present().picture()

    async def _spawn(self, script: str) -> None:
        os.mkfifo(self._sink.directory / "spec", 0o600)
        for path in (self._typescript, self._timing):
            _make(path)
        env = {**self._program.environ, **own_environment(), "TERM": TERM}
        await self._program.start(self._screen.name, self._script_line(script, "classic"), env, "/")
        self._next_look = asyncio.get_running_loop().time() + LOOK_SECONDS

    async def _until_there(self, name: str) -> None:
        await super()._until_there(name)
        if self._hand is None:
            held = await self._find()
            held.write(self._sink.directory)
            self._hold(held)

    async def _tick(self) -> None:
        """As always; and nobody tells that `script` or screen have ended, with which nothing more would come."""
        await super()._tick()
        if self._over:  # since before the last look at what it may have left
            raise errors.ProgramNotStarted(program="script", why=WITHOUT_A_WORD)
        loop = asyncio.get_running_loop()
        if loop.time() >= self._next_look:
            self._over = not await asyncio.to_thread(_somebody_names, self._sink.directory)
            self._next_look = loop.time() + LOOK_SECONDS

    async def _find(self) -> Held:
        """The screen session that the launcher runs in."""
        launcher = self._launcher()
        parents = [launcher.pid, *windows.ancestors(launcher.pid)]
        for session in await self._program.sessions():
            server = processes.identify(session.pid)
            for window in windows.windows(session.pid) if server and session.pid in parents else ():
                if window.program.pid in parents and server:
                    return Held(session.address, server, window)
        raise errors.StartTimeout(what="screen", seconds=START_SECONDS)

    def _hold(self, held: Held) -> None:
        self._hand = Hand(self._program, held, self._sink.directory, self._sink.session_name)
        self._hand.tty = self._terminal()
        self._screen.pid, self._screen.window = held.server.pid, held.window.number

    async def _undo_start(self) -> None:
        await super()._undo_start()
        with suppress(errors.SightlineError):
            for address in await self._ours():
                await self._program.command(address, NO_WINDOW, "quit")

    async def _ours(self) -> list[str]:
        """The screen sessions of a start that failed: those whose window runs our launcher."""
        if self._hand:
            return [self._hand.session] if processes.alive(self._hand.server) else []
        marker = os.fsencode(self._sink.directory)

        def is_ours(session: Listed) -> bool:
            return any(marker in _command_line(pid) for pid in windows.children(session.pid))

        sessions = [one for one in await self._program.sessions() if not one.dead and one.name == self._screen.name]
        return [one.address for one in await asyncio.to_thread(lambda: list(filter(is_ours, sessions)))]

    def _present(self) -> Hand:
        if self._hand is None:
            raise errors.SourceGone(session=self._sink.session_name, why="its screen session is not there any more")
        return self._hand


def _make(path: Path) -> None:
    """Makes a private file: `script` empties one that is there, and leaves its mode. Raises `ProgramNotStarted`."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
        regular = stat.S_ISREG(os.fstat(fd).st_mode)
        os.close(fd)
    except OSError as error:
        raise errors.ProgramNotStarted(program="script", why=f"{path}: {error.strerror}") from None
    if not regular:
        raise errors.ProgramNotStarted(program="script", why=f"{path} is no regular file")


def _somebody_names(directory: Path) -> bool:
    """Whether a process has a session's directory in its command line, as screen, `script` and the launcher do."""
    marker = os.fsencode(directory)
    return any(marker in _command_line(int(pid)) for pid in filter(str.isdigit, os.listdir("/proc")))


def _command_line(pid: int) -> bytes:
    with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read()
    return b""
