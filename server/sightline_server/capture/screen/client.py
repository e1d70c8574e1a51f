"""The `screen` program: asks which sessions there are, gives one of them commands, and knows when it has done them.

Nothing that is typed goes through an argv, where every user of the machine could read it, nor through a file: commands with text in
them are `source`d from a pipe that already holds all of it, so that screen never waits for us. When the pipe is empty, screen has
read it, and with it has done whatever it was told before. Knows no windows and no sinks.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import re
import shutil
import subprocess
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sightline_server import errors
from sightline_server.capture import processes
from sightline_server.capture.paths import is_utf8

PATIENCE = 5.0  # seconds for screen to answer
TICK_SECONDS = 0.001  # between looks at a pipe
MAX_FEED = 60_000  # bytes in one `feed`: a pipe takes 65536 without a reader
MAX_LINE = 700  # bytes of one command: screen 4.09 cuts at 768
NO_WINDOW = "-"  # a command that must not touch any window

_LISTED = re.compile(rb"\t(\d+)\.([^\t\n]*)\t.*\(([^()\n]*)\)\s*")
_ANSWERED_AT = re.compile(r"(.*)-query[A-Z0-9]", re.DOTALL)  # where a `screen -Q` listens: named after the session that it asks
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")


@dataclass(frozen=True)
class Listed:
    """A session as `screen -ls` shows it.

    Attributes:
        pid: of the screen process.
        name: without the pid.
        status: such as `Attached`, `Detached` or `Dead ???`.
    """

    pid: int
    name: str
    status: str

    @property
    def address(self) -> str:
        """What `screen -S` takes for exactly this one."""
        return f"{self.pid}.{self.name}"

    @property
    def dead(self) -> bool:
        """Its socket is there and nobody listens. One that is only too busy to answer is called dead by screen too."""
        if not any(word in self.status for word in ("Dead", "Removed", "Unreachable")):
            return False
        process = processes.identify(self.pid)
        with suppress(OSError), open(f"/proc/{self.pid}/comm", "rb") as file:
            return process is None or not processes.alive(process) or file.read() != b"screen\n"
        return True


class ScreenProgram:
    """See above.

    Args:
        environ: tells where the program and the sockets are (`PATH`, `SCREENDIR`, `HOME`).
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        # Run inside of a screen session, `screen` would mean that one.
        self.environ = {name: value for name, value in environ.items() if name not in ("STY", "WINDOW")}

    def path(self) -> str:
        """The program. Raises `ScreenNotInstalled`."""
        found = shutil.which("screen", path=self.environ.get("PATH", os.defpath))
        if found is None:
            raise errors.ScreenNotInstalled
        return found

    async def sessions(self) -> list[Listed]:
        """This user's sessions, dead ones too. Raises `ScreenNotInstalled`, `ScreenSilent`."""
        output = (await self._run("-ls")).stdout
        found = (_LISTED.fullmatch(line) for line in output.splitlines())
        listed = [Listed(int(one[1]), os.fsdecode(one[2]), os.fsdecode(one[3])) for one in found if one]
        names = {(one.pid, one.name) for one in listed}
        answers = [one for one in listed if (asked := _ANSWERED_AT.fullmatch(one.name)) and (one.pid, asked[1]) in names]
        return [one for one in listed if one not in answers and is_utf8(one.name)]  # nobody could ask for one that is not UTF-8

    async def command(self, session: str, window: int | str, *words: str) -> None:
        """Gives a command of words that are `quoted` where need be. It is done when `settle` says so. Raises as `sessions`."""
        await self._run("-S", session, "-p", str(window), "-X", *words)

    async def query(self, session: str, window: int | str, *words: str) -> str | None:
        """What a session answers; None: it, or the window, is not there. Shows for a moment to whoever is attached."""
        answer = await self._run("-S", session, "-p", str(window), "-Q", *words)
        return None if answer.returncode else os.fsdecode(answer.stdout)

    async def feed(self, session: str, lines: bytes) -> None:
        """Has a session execute lines of commands that need no window, and waits until it has.

        Raises as `sessions`, and `ScreenNotFound` when the session is gone.
        """
        pid = int(session.partition(".")[0])
        ours, theirs = os.pipe()
        try:
            try:
                os.write(theirs, lines or b"\n")
            finally:
                os.close(theirs)
            await self.command(session, NO_WINDOW, "source", f"/proc/{os.getpid()}/fd/{ours}")
            async with asyncio.timeout(PATIENCE):
                while _waiting(ours):
                    if processes.identify(pid) is None:
                        raise errors.ScreenNotFound(name=session)
                    await asyncio.sleep(TICK_SECONDS)
        except TimeoutError:
            raise errors.ScreenSilent(session=session, seconds=PATIENCE) from None
        finally:
            os.close(ours)

    async def settle(self, session: str) -> None:
        """Waits until a session has done all that it was told. Raises as `feed`."""
        await self.feed(session, b"\n")

    async def start(self, name: str, argv: Sequence[str], env: Mapping[str, str], cwd: str) -> None:
        """Starts a detached session around a program. Raises `ScreenNotInstalled`, `ProgramNotStarted`, `ScreenSilent`."""
        answer = await self._run("-dmS", name, *argv, env=env, cwd=cwd)
        if answer.returncode:
            why = os.fsdecode(answer.stdout + answer.stderr).strip() or f"exit code {answer.returncode}"
            raise errors.ProgramNotStarted(program="screen", why=why)

    async def _run(
        self, *words: str, env: Mapping[str, str] | None = None, cwd: str | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        argv = [self.path(), *words]
        environ = {**self.environ, "LC_ALL": "C"} if env is None else dict(env)
        try:
            # A few milliseconds, in a thread: asyncio's own subprocesses hang when they are cancelled while they start.
            return await asyncio.to_thread(
                subprocess.run,
                argv,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                env=environ,
                cwd=cwd,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            session = words[1] if words[0] == "-S" else "any"
            raise errors.ScreenSilent(session=session, seconds=PATIENCE) from None


def quoted(data: bytes) -> str:
    """Bytes as screen's parser gives them back, which knows quotes, variables, control characters and octal numbers."""
    return "".join(chr(byte) if byte in _PLAIN else f"\\{byte:03o}" for byte in data)


def _waiting(pipe: int) -> int:
    """Bytes that nobody has read yet."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]
