"""A tmux server on a host, and one pane there as its session deals with it: typing, echo, the screen.

Knows tmux and the held shell, nothing of sinks. What is typed goes over the shell's stdin, never through an argv.
"""

from __future__ import annotations

import asyncio
import secrets
import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from sightline.v1.session_pb2 import Snapshot

from sightline_server.capture.base import Typed
from sightline_server.capture.remote.host import Host
from sightline_server.capture.remote.scripts import line, octal
from sightline_server.capture.remote.shell import Refused
from sightline_server.capture.tmux import keys, screen
from sightline_server.capture.tmux.control import Command, CommandFailed, ControlClient
from sightline_server.capture.tmux.pane import BETWEEN_WRITES
from sightline_server.capture.tmux.protocol import PaneOutput, escape_argument
from sightline_server.capture.tmux.server import PaneState, TmuxServer
from sightline_server.errors import NoInput, SightlineError, SourceGone, TmuxSilent

TIMED_OUT = 124  # the status of `timeout`
SETTLE = "0.01"  # s, from tmux's screen to the spool: what is on one is in the other by then, at rest


class RemoteTmux(TmuxServer):
    """A tmux server on a host, by its socket there. Nothing is held but the host's own shell."""

    def __init__(self, host: Host, socket: str) -> None:
        super().__init__(Path(socket))
        self._host = host

    def command(self, *commands: Command) -> str:
        """What the held shell runs for these commands."""
        words: list[str] = []
        for command in commands:
            words += [";"] * bool(words)
            words += [
                escape_argument(word if isinstance(word, str) else word.decode("utf-8", "surrogateescape")) for word in command
            ]
        return line("sl_tmux", "-N", "-S", str(self.socket), *words)

    async def run(self, *commands: Command) -> list[str]:
        """See `TmuxServer`; raises `HostDisconnected` too."""
        return (await self._run(self.command(*commands))).decode("utf-8", "replace").splitlines()

    async def ask(self, pane: str, *commands: Command, least_lines: Sequence[int] = ()) -> list[tuple[bytes, ...]]:  # noqa: ARG002
        """See `TmuxServer`."""
        return [tuple((await self._run(self.command(command))).removesuffix(b"\n").split(b"\n")) for command in commands]

    async def attach(
        self, pane: str, flags: str, on_gone: Callable[[], None], on_output: Callable[[PaneOutput], None] | None = None
    ) -> ControlClient:
        """See `TmuxServer`: a client over a channel of its own."""
        (found,) = await self.run(["display-message", "-p", "-t", pane, "#{session_id}"]) or [""]
        if not found:
            raise CommandFailed(f"can't find pane: {pane}")
        words = ["tmux", "-u", "-S", str(self.socket), "-N", "-C", "attach-session", "-E", "-f", flags, "-t", found]
        program, *arguments = self._host.argv("exec " + shlex.join(words))
        try:
            return await ControlClient.attach(
                [shutil.which(program) or program, *arguments], self._host.environ, on_gone, on_output
            )
        except TimeoutError:
            raise TmuxSilent(socket=self.socket) from None

    async def run_in_shell(self, command: str) -> list[str]:
        """A command that has tmux in it; fails as `run` does."""
        return (await self._run(command)).decode("utf-8", "replace").splitlines()

    async def _run(self, command: str) -> bytes:
        try:
            return await self._host.ask_bytes(command)
        except Refused as refused:
            if refused.status == TIMED_OUT:
                raise TmuxSilent(socket=f"{self.socket} on {self._host.name}") from None
            raise self._failure(CommandFailed(str(refused))) from None


class RemotePane:
    """A pane on a host.

    Args:
        host: where.
        server: its tmux server.
        pane: its id.
        tty: its terminal's path there.
        name: the session's name, for errors.
    """

    def __init__(self, host: Host, server: RemoteTmux, pane: str, tty: str, name: str) -> None:
        self.pane_id = pane
        self.server = server
        self._host = host
        self._tty = tty
        self._name = name

    async def state(self) -> PaneState | None:
        """What tmux says; None: the pane is gone. Raises as `TmuxServer.state` does, and `HostDisconnected`."""
        return await self.server.state(self.pane_id)

    async def type(self, typed: Typed) -> None:
        """Types the parts in their order, Enter as a write of its own. Raises `NoInput`, `SourceGone`, `HostDisconnected`."""
        state = await self._state_for_input()
        pressed = b"".join(keys.key_bytes(key, application_cursor=state.application_cursor) for key in typed.keys)
        # Where the program can tell pasted from typed, it gets to know what is too long to be typed.
        await self._paste(typed.data, bracketed=len(typed.data) > 1024 and b"\x1b" not in typed.data)
        await self._paste(pressed)
        if typed.submit:
            if typed.data or pressed:
                await asyncio.sleep(BETWEEN_WRITES)
            await self._paste(keys.key_bytes("Enter"))
        if typed.eof:
            await self._paste(keys.END_OF_FILE)

    async def interrupt(self) -> None:
        """Ctrl-C. Raises as `type` does."""
        await self._state_for_input()
        await self._paste(keys.INTERRUPT)

    async def echo_is_off(self) -> bool:
        """The terminal's ECHO flag is off; True when that cannot be known."""
        try:
            return "-echo" in (await self._host.ask(f"stty -a <{line(self._tty)}")).split()
        except (SightlineError, Refused):
            return True

    async def screen(self, spool: str) -> tuple[Snapshot, str, str]:
        """The screen now, and what `spool` (a command) said before and a moment after. Raises `SourceGone`, `HostDisconnected`."""
        facts, picture = screen.questions(self.pane_id)
        token = secrets.token_hex(8)
        command = "\n".join(
            (spool, f"echo {token}", f"{self.server.command(facts, picture)} || return", f"sleep {SETTLE}", f"echo {token}", spool)
        )
        try:
            said = await self._host.ask_bytes(f"sl_look() {{ {command}\n}}; sl_look")
            before, drawn, after = said.split(token.encode() + b"\n")
            row, *rows = drawn.removesuffix(b"\n").split(b"\n")
            return screen.snapshot(row, tuple(rows)), before.decode().strip(), after.decode().strip()
        except (Refused, ValueError):
            raise self._gone("its pane is closed") from None

    async def _state_for_input(self) -> PaneState:
        try:
            state = await self.state()
        except (CommandFailed, TmuxSilent) as error:
            raise self._gone(str(error)) from None
        if state is None:
            raise self._gone("its pane is closed")
        if state.dead:
            raise NoInput(session=self._name, why="its program has ended")
        if state.input_off:
            raise NoInput(session=self._name, why="the pane's input is switched off (`tmux select-pane -e` switches it on)")
        return state

    async def _paste(self, data: bytes, *, bracketed: bool = False) -> None:
        if not data:
            return
        buffer = f"sightline-{secrets.token_hex(4)}"
        paste = ["paste-buffer", "-d", "-r", *["-p"] * bracketed, "-b", buffer, "-t", self.pane_id]
        try:
            load = self.server.command(["load-buffer", "-b", buffer, "-"], paste)
            await self.server.run_in_shell(f"printf {octal(data)} | {load}")
        except (CommandFailed, TmuxSilent) as error:
            raise self._gone(str(error)) from None

    def _gone(self, why: str) -> SourceGone:
        return SourceGone(session=self._name, why=why)
