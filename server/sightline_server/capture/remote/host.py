"""One host: a held shell, its heartbeat, reconnecting, and those who are told.

Knows when a connection is good and when it is made again, nothing of what the commands do or what is followed there.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import secrets
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sightline_server.capture.remote import ssh
from sightline_server.capture.remote.channel import Channel
from sightline_server.capture.remote.scripts import line, script
from sightline_server.capture.remote.shell import Shell, ShellGone
from sightline_server.errors import (
    HostDisconnected,
    HostLacks,
    HostTmuxTooOld,
    HostUnreachable,
    SightlineError,
    SshNotInstalled,
    WrongState,
)

ATTEMPT_SECONDS = 15.0  # for a connection to stand
BEAT_SECONDS = 1.0  # between looks at what is new there
SILENCE_SECONDS = 6.0  # without a byte, though an answer is due: the connection counts as lost
FIRST_RETRY_SECONDS = 0.2
LAST_RETRY_SECONDS = 30.0
STEADY_SECONDS = 5.0  # that a connection must have stood, for the next one to be made at once again
IDLE_SECONDS = 20.0  # that a connection is kept when nobody needs it
SHUN_SECONDS = 60.0  # that the user's own connection is left alone after it did not answer
TMUX = (3, 2)  # the first whose panes can be made and followed in the way that we do

TOOLS: Mapping[str, str] = {
    "stdbuf": "`stdbuf -o0 head -c` (in GNU coreutils)",
    "dd": "dd",
    "tail": "tail",
    "wc": "wc",
    "df": "df",
    "date": "date",
    "timeout": "timeout",
    "env": "env",
    "grep": "grep",
}
MORE_TOOLS: Mapping[str, str] = {
    "setsid": "a setsid that forks (`setsid -f`, in util-linux)",
    "mkfifo": "mkfifo",
    "proc": "/proc, by which the processes of a session are found",
}


class Watcher(Protocol):
    """Somebody who follows something on a host.

    Attributes:
        place: its directory there, which is looked at for news; empty: none.
    """

    place: str

    def changed(self) -> None:
        """The host can be reached now, or no more."""
        ...

    def news(self, words: Sequence[str]) -> None:
        """What is new about its directory; see `sl_news` in `sh/held.sh`."""
        ...


@dataclass(frozen=True)
class Facts:
    """What a host is.

    Attributes:
        state: where our things lie there.
        home: its user's home.
        sockets: where its user's tmux servers have their sockets.
        tmux: the version, as it says it; empty: none is installed.
        tools: those that it has.
    """

    state: str
    home: str
    sockets: str
    tmux: str
    tools: frozenset[str]

    @classmethod
    def of(cls, said: str) -> Facts:
        """From the answer to `sl_hello`."""
        state, home, sockets, tmux, tools = said.split("\n")[:5]
        return cls(state, home, sockets, "" if tmux == "none" else tmux.removeprefix("tmux "), frozenset(tools.split()))


class Host:
    """A host. It is connected to when somebody asks, and for as long as somebody watches.

    Args:
        name: as the user calls it; see `ssh.check_host`.
        program: ssh and its first arguments.
        environ: ssh's environment.
        controls: the directory for the socket of the shared connection; its path is short.
    """

    def __init__(self, name: str, program: Sequence[str], environ: Mapping[str, str], controls: Path) -> None:
        self.name = name
        self.problem: SightlineError | None = None
        self._program = tuple(program)
        self._environ = dict(environ)
        self._controls = controls
        self._control = ""
        self._shell: Shell | None = None
        self._facts: Facts | None = None
        self._watchers: list[Watcher] = []
        self._connecting = asyncio.Lock()
        self._wake = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._heard = 0.0  # monotonic s
        self._used = 0.0  # monotonic s
        self._shunned = 0.0  # monotonic s, until when

    # --- users

    @property
    def up(self) -> bool:
        """It is connected."""
        return self._shell is not None and self._facts is not None

    def watch(self, watcher: Watcher) -> None:
        """Something there is followed from now on: the connection is kept, and made again when it breaks."""
        self._watchers.append(watcher)
        self._keep()

    def unwatch(self, watcher: Watcher) -> None:
        """It is followed no longer."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def heard(self) -> None:
        """Something came from there."""
        self._heard = time.monotonic()

    async def connected(self) -> Facts:
        """Connects, where it is not; what the host is. Raises what is wrong with it."""
        self._used = time.monotonic()
        async with self._connecting:
            if self._shell is None or self._facts is None:
                await self._connect()
        self._keep()
        assert self._facts is not None  # noqa: S101 - it is connected
        return self._facts

    def check_up(self) -> None:
        """Raises `HostDisconnected` when it is known to be down; while the first attempt is under way, nothing is known."""
        if not self.up and self.problem is not None:
            raise HostDisconnected(host=self.name, why=self.problem)

    async def ask(self, command: str) -> str:
        """Runs a short command there. Raises `Refused`, `HostDisconnected` at once when there is no connection."""
        return (await self.ask_bytes(command)).decode("utf-8", "surrogateescape").removesuffix("\n")

    async def ask_bytes(self, command: str) -> bytes:
        """The same, as it came."""
        shell = await self._connected_shell()
        self._used = time.monotonic()
        try:
            return await shell.ask_bytes(command)
        except ShellGone:
            raise HostDisconnected(host=self.name, why=self.problem or "it broke while the command was under way") from None

    async def _connected_shell(self) -> Shell:
        self.check_up()
        if not self.up:
            await self.connected()
        if self._shell is None:
            raise HostDisconnected(host=self.name, why=self.problem or "the server goes")
        return self._shell

    async def channel(self, on_data: Callable[[bytes], None], on_gone: Callable[[], None], *, run: str = "exec sh") -> Channel:
        """One more channel over the shared connection. Raises `HostDisconnected`."""
        await self._connected_shell()
        return await Channel.start(self.argv(run), self._environ, on_data, on_gone)

    def argv(self, run: str) -> list[str]:
        """The command line that runs something over the shared connection."""
        return ssh.command(self._program, self.name, control=self._control, run=run)

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment of ssh."""
        return self._environ

    def need(self, tool: str, feature: str) -> None:
        """Raises `HostLacks` unless the host has a tool."""
        if self._facts is not None and tool not in self._facts.tools:
            raise HostLacks(host=self.name, what={**TOOLS, **MORE_TOOLS}[tool], feature=feature)

    def need_tmux(self, feature: str) -> None:
        """Raises `HostLacks` or `HostTmuxTooOld` unless the host's tmux will do."""
        version = self._facts.tmux if self._facts else ""
        if not version:
            raise HostLacks(host=self.name, what="tmux", feature=feature)
        number = re.search(r"(\d+)\.(\d+)", version)
        if number and tuple(map(int, number.groups())) < TMUX:
            raise HostTmuxTooOld(host=self.name, version=version, feature=feature, needed=".".join(map(str, TMUX)))

    def need_tools(self, feature: str) -> None:
        """Raises `HostLacks` unless it has all that a spool there needs."""
        for tool in TOOLS:
            self.need(tool, feature)

    async def close(self) -> None:
        """The server goes."""
        if self._keeper:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        await self._hang_up()

    # --- keeping the connection

    def _keep(self) -> None:
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep_up(), name=f"host {self.name}")
        self._wake.set()

    async def _keep_up(self) -> None:
        """Until nobody has needed the connection for a while."""
        delay = 0.0
        while self._watchers or time.monotonic() - self._used < IDLE_SECONDS:
            if self.up:
                since = time.monotonic()
                await self._beat()
                if time.monotonic() - since >= STEADY_SECONDS:
                    delay = 0.0
            elif self._watchers:
                await self._pause(LAST_RETRY_SECONDS if delay and isinstance(self.problem, WrongState) else delay)
                delay = min(max(delay * 2, FIRST_RETRY_SECONDS), LAST_RETRY_SECONDS)
                with contextlib.suppress(SightlineError):
                    async with self._connecting:
                        if not self.up:
                            await self._connect()
            else:
                return
        await self._hang_up()

    async def _pause(self, seconds: float) -> None:
        """Lets time pass before the next attempt, not the same for all hosts and servers."""
        await asyncio.sleep(seconds * random.uniform(0.5, 1.0))  # noqa: S311 - nobody guesses this

    async def _beat(self) -> None:
        """Asks what is new; while it is up, once each second. Returns when the connection is gone, or nobody needs it."""
        shell = self._shell
        while shell is not None and shell is self._shell and (self._watchers or time.monotonic() - self._used < IDLE_SECONDS):
            places = [watcher.place for watcher in self._watchers if watcher.place]
            asked = asyncio.ensure_future(shell.ask(line("sl_news", *places)))
            asked.add_done_callback(_look_at)
            due = time.monotonic()
            while not asked.done():
                await asyncio.wait([asked], timeout=BEAT_SECONDS)
                if not asked.done() and time.monotonic() - max(due, self._heard) > SILENCE_SECONDS:
                    asked.cancel()
                    self._shunned = time.monotonic() + SHUN_SECONDS
                    self._lost(shell, HostUnreachable(host=self.name, why=f"it did not answer for {SILENCE_SECONDS:.0f} s"))
                    return
            if asked.cancelled() or asked.exception():  # the connection is gone, and whoever noticed has told
                return
            self._tell(asked.result())
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._wake.wait()

    def _tell(self, said: str) -> None:
        for words in map(str.split, said.splitlines()):
            for watcher in tuple(self._watchers):
                if words and watcher.place.rpartition("/")[2] == words[0]:
                    watcher.news(words[1:])

    async def _connect(self) -> None:
        """One attempt. Raises what is wrong."""
        try:
            await self._attempt()
        except SightlineError as error:
            self._say(error)
            raise
        self.problem = None
        for watcher in tuple(self._watchers):
            watcher.changed()

    async def _attempt(self) -> None:
        theirs = time.monotonic() >= self._shunned and await self._has_own_connection()
        self._control = "" if theirs else str(self._controls / f"h.{secrets.token_hex(4)}")
        shells: list[Shell] = []
        argv = ssh.command(self._program, self.name, control=self._control, master=not theirs)
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                shell = await Shell.start(
                    argv, self._environ, script("held.sh").encode(), self.heard, lambda: self._broke(shells[0] if shells else None)
                )
                shells.append(shell)
                facts = Facts.of(await shell.ask("sl_hello"))
        except TimeoutError:
            await shells[0].channel.close()
            raise HostUnreachable(host=self.name, why=f"it did not answer within {ATTEMPT_SECONDS:.0f} s") from None
        except ShellGone:
            await shells[0].channel.wait(1.0)
            raise ssh.failure(self.name, shells[0].channel.said) from None
        except FileNotFoundError:
            raise SshNotInstalled(program=self._program[0]) from None
        except BaseException:
            for shell in shells:
                shell.channel.kill()
            raise
        self._shell, self._facts = shell, facts
        self.heard()

    async def _has_own_connection(self) -> bool:
        """The user has a live connection that others may share: it knows what we could not be told, such as a password."""

        def check() -> bool:
            argv = ssh.check_command(self._program, self.name)
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                done = subprocess.run(
                    argv, env=self._environ, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=ssh.ALIVE_SECONDS
                )
                return done.returncode == 0
            return False

        return await asyncio.to_thread(check)

    def _broke(self, shell: Shell | None) -> None:
        """The held shell has ended."""
        if shell is None or shell is not self._shell:
            return
        said = ssh.last_line(shell.channel.said)
        self._lost(shell, HostUnreachable(host=self.name, why=said or "the connection was closed"))

    def _lost(self, shell: Shell, problem: SightlineError) -> None:
        if shell is self._shell:
            self._shell = None
            self._say(problem)
            shell.channel.kill()
            self._forget_control()
            self._wake.set()

    def _say(self, problem: SightlineError) -> None:
        self.problem = problem
        for watcher in tuple(self._watchers):
            watcher.changed()

    async def _hang_up(self) -> None:
        shell, self._shell = self._shell, None
        if shell:
            await shell.channel.close()
        self._forget_control()

    def _forget_control(self) -> None:
        """A process that was killed leaves its socket behind."""
        if self._control:
            Path(self._control).unlink(missing_ok=True)


def _look_at(asked: asyncio.Future[str]) -> None:
    """What went wrong is known otherwise, also when nobody waits for the answer any more."""
    if not asked.cancelled():
        asked.exception()
