"""tmux servers: one held control client for each, shared by all sessions that have a pane there; and tmux as a program to run.

Knows sockets, clients and formats, nothing of sessions, spools or what is in the panes.
"""

from __future__ import annotations

import asyncio
import functools
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sightline_server.capture.tmux.control import ClientGone, Command, CommandFailed, ControlClient, text
from sightline_server.capture.tmux.protocol import PaneOutput, escape_argument
from sightline_server.errors import TmuxNotInstalled, TmuxServerNotFound, TmuxSilent, TmuxTooOld

ANSWER_SECONDS = 10.0  # for a command over the held client, or a tmux process
NEEDED = (3, 2)  # the first with flags for clients, without which ours would resize the user's windows

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@functools.cache
def program() -> str:
    """The path of tmux. Raises `TmuxNotInstalled`, `TmuxTooOld`. Takes some ms the first time."""
    found = shutil.which("tmux")
    if found is None:
        raise TmuxNotInstalled
    said = subprocess.run([found, "-V"], capture_output=True, check=False, timeout=ANSWER_SECONDS).stdout.decode()
    number = re.search(r"(\d+)\.(\d+)", said)
    if number and tuple(map(int, number.groups())) < NEEDED:
        raise TmuxTooOld(version=said.removeprefix("tmux").strip(), feature="following a terminal", needed="3.2")
    return found


def environment() -> dict[str, str]:
    """All that our tmux processes get to see. A private server hands this on to its panes: nothing of a caller may be in it."""
    return {"PATH": os.environ.get("PATH", SYSTEM_PATH), "LC_CTYPE": "C.UTF-8", "TERM": "dumb", "SHELL": "/bin/sh"}


@dataclass(frozen=True)
class PaneState:
    """What tmux says about a pane now.

    Attributes:
        pid: the pane's process.
        dead: its program has exited and the pane was kept.
        code: the program's exit code; None while it runs, when a signal ended it, or when tmux does not say.
        signal: what ended it; 0: none.
        piped: its output goes through `pipe-pane`.
        in_mode: somebody reads back in it: keys go to tmux, not to the program.
        synchronized: keys go to the window's other panes too.
        input_off: it takes no input.
        application_cursor: the program asked for the other form of the arrow keys.
        tty: its terminal's path.
    """

    pid: int
    dead: bool
    code: int | None
    signal: int
    piped: bool
    in_mode: bool
    synchronized: bool
    input_off: bool
    application_cursor: bool
    tty: str


_STATE = "|".join(
    f"#{{{name}}}"
    for name in (
        "pane_id",
        "pane_pid",
        "pane_dead",
        "pane_dead_status",
        "pane_dead_signal",
        "pane_pipe",
        "pane_in_mode",
        "pane_synchronized",
        "pane_input_off",
        "keypad_cursor_flag",
        "pane_tty",
    )
)


class TmuxServer:
    """One tmux server, by its socket.

    Args:
        socket: its socket.
        config: a configuration file for a server that is not there yet; None: never start one.
    """

    def __init__(self, socket: Path, config: Path | None = None) -> None:
        self.socket = socket
        self._config = config
        self._client: ControlClient | None = None
        self._connecting = asyncio.Lock()
        self._watchers: list[Callable[[], None]] = []

    # --- users

    def watch(self, on_lost: Callable[[], None]) -> None:
        """Says that a pane here is followed. `on_lost` is called when the held client went, mostly because the server did."""
        self._watchers.append(on_lost)

    async def unwatch(self, on_lost: Callable[[], None]) -> None:
        """The pane is no longer followed: with the last one the held client goes."""
        if on_lost in self._watchers:
            self._watchers.remove(on_lost)
        if not self._watchers:
            await self.close()

    async def leave_others(self, pid: int) -> None:
        """Detaches from a server that is not the one of this pid: it had the same socket before."""
        if self._client and self._client.server_pid != pid:
            await self.close()

    async def close(self) -> None:
        """Detaches."""
        async with self._connecting:
            client, self._client = self._client, None
            if client:
                await client.close()

    # --- asking

    async def run(self, *commands: Command) -> list[str]:
        """Runs commands by a tmux process of its own, and gives the lines printed.

        Raises `CommandFailed`, `TmuxServerNotFound`, `TmuxNotInstalled`, `TmuxTooOld`, `TmuxSilent`.
        """
        words: list[str] = []
        for command in commands:
            words += [";"] * bool(words)
            words += [escape_argument(os.fsdecode(word)) for word in command]
        argv = [*await self._argv(), *words]
        try:
            done = await asyncio.to_thread(_run, argv)
        except subprocess.TimeoutExpired:
            raise TmuxSilent(socket=self.socket) from None
        if done.returncode:
            raise self._failure(CommandFailed(text([done.stderr])))
        return done.stdout.decode("utf-8", "replace").splitlines()

    async def ask(self, pane: str, *commands: Command, least_lines: Sequence[int] = ()) -> list[tuple[bytes, ...]]:
        """Sends commands about a pane over the held client, all at once; gives the lines of each reply.

        Not for commands that run others (`if-shell`, `source-file`): those answer too, and nobody waits for that.
        Raises `CommandFailed`, `ClientGone`, `TmuxServerNotFound`, `TmuxSilent`.
        """
        client = self._client
        if client is None or client.gone:
            client = await self._connect(pane)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await client.ask(commands, least_lines)
        except TimeoutError:
            client.kill()  # what it still has to say would be taken for the answer to something else
            raise TmuxSilent(socket=self.socket) from None

    async def query(self, pane: str, *commands: Command, least_lines: Sequence[int] = ()) -> list[tuple[bytes, ...]]:
        """`ask` for what may be asked twice: once more if the client went meanwhile."""
        try:
            return await self.ask(pane, *commands, least_lines=least_lines)
        except ClientGone:
            pass
        try:
            return await self.ask(pane, *commands, least_lines=least_lines)
        except ClientGone:
            raise TmuxServerNotFound(socket=self.socket) from None

    async def state(self, pane: str) -> PaneState | None:
        """What the server says about a pane; None: there is none of that id. Raises `TmuxServerNotFound`, `TmuxSilent`."""
        try:
            (lines,) = await self.query(pane, ["display-message", "-p", "-t", pane, _STATE])
        except CommandFailed:
            return None
        name, pid, dead, code, signal, *flags, tty = text(lines).split("|")
        if name != pane:
            return None
        piped, in_mode, synchronized, input_off, application_cursor = (flag not in ("", "0") for flag in flags)
        return PaneState(
            pid=int(pid or 0),
            dead=dead == "1",
            code=int(code) if code and not signal else None,
            signal=int(signal or 0),
            piped=piped,
            in_mode=in_mode,
            synchronized=synchronized,
            input_off=input_off,
            application_cursor=application_cursor,
            tty=tty,
        )

    async def reap(self, pane: str) -> None:
        """Makes the server look for programs that have exited. Raises as `ask` does.

        A tmux built with libutempter, as Debian's is, misses the SIGCHLD of a program whose terminal it is just signing off, until
        another child of it exits.
        """
        await self.ask(pane, ["run-shell", "-b", ":"])

    async def attach(
        self, pane: str, flags: str, on_gone: Callable[[], None], on_output: Callable[[PaneOutput], None] | None = None
    ) -> ControlClient:
        """Attaches a control client to a session that has the pane, without a trace on it.

        `-E`: the session's environment stays as it is. `-N`: no server is started. What cannot be helped: tmux takes any client
        that attaches for the latest one, so that where people with terminals of different sizes share the session, its window may
        get another one's size until somebody types. Raises `CommandFailed` when the pane is gone,
        `TmuxServerNotFound`, `TmuxSilent`.
        """
        (found,) = await self.run(["display-message", "-p", "-t", pane, "#{session_id} #{pid}"]) or [" 0"]
        session, _, pid = found.partition(" ")
        if not session:
            raise CommandFailed(f"can't find pane: {pane}")
        argv = [*await self._argv(), "-N", "-C", "attach-session", "-E", "-f", flags, "-t", session]
        try:
            client = await ControlClient.attach(argv, environment(), on_gone, on_output)
        except CommandFailed as failed:
            raise self._failure(failed) from None
        except TimeoutError:
            raise TmuxSilent(socket=self.socket) from None
        client.server_pid = int(pid)
        return client

    async def _connect(self, pane: str) -> ControlClient:
        async with self._connecting:
            if self._client is None or self._client.gone:
                self._client = await self.attach(pane, "no-output,ignore-size", self._lost)
            return self._client

    def _lost(self) -> None:
        for watcher in tuple(self._watchers):
            watcher()

    async def _argv(self) -> list[str]:
        config = str(self._config) if self._config else "/dev/null"
        return [await asyncio.to_thread(program), "-u", "-S", str(self.socket), "-f", config]

    def _failure(self, failed: CommandFailed) -> Exception:
        """What tmux says as an error of ours, where they mean that there is no server."""
        said = str(failed)
        if re.search("no server running|error connecting|lost server|server exited|no sessions", said):
            return TmuxServerNotFound(socket=self.socket)
        return failed


def _run(argv: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    null = subprocess.DEVNULL
    return subprocess.run(argv, env=environment(), cwd="/", stdin=null, capture_output=True, check=False, timeout=ANSWER_SECONDS)
