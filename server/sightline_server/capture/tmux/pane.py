"""One pane as its session deals with it: typing, echo, the screen. The same for our own panes and for those of others.

Knows the pane and its server, nothing of sinks. What is typed goes as bytes, whatever mode the pane's owner has put it into.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import termios
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sightline.v1.session_pb2 import Snapshot

from sightline_server.capture import processes
from sightline_server.capture.base import Typed
from sightline_server.capture.processes import Identity
from sightline_server.capture.tmux import keys, screen
from sightline_server.capture.tmux.control import ClientGone, CommandFailed
from sightline_server.capture.tmux.protocol import escape_format
from sightline_server.capture.tmux.server import PaneState, TmuxServer
from sightline_server.errors import NoInput, SightlineError, SourceGone

SHORT = 1024  # bytes typed by `send-keys`; more goes through a paste buffer
BETWEEN_WRITES = 0.01  # s, between text and Enter: full-screen programs take what comes at once for pasted


@dataclass(frozen=True)
class Held:
    """What a session must remember of its pane, in the file `pane.json`.

    Attributes:
        pane: its id.
        tty: its terminal's path.
        server: the tmux server's process: another server may have a pane of the same id.
        program: the pane's process.
        piped: our relay is at its pipe; False: somebody else's is, and it is followed in another way.
    """

    pane: str
    tty: str
    server: Identity
    program: Identity
    piped: bool = True

    def write(self, directory: Path) -> None:
        """Writes it, whole or not at all."""
        fresh = directory / ".pane.json.new"
        fresh.write_text(json.dumps(asdict(self)), encoding="ascii")
        fresh.replace(directory / "pane.json")

    @classmethod
    def read(cls, directory: Path) -> Held | None:
        """The one of a directory; None: nothing was held yet."""
        try:
            fields = json.loads((directory / "pane.json").read_text(encoding="ascii"))
        except FileNotFoundError:
            return None
        server, program = Identity(**fields.pop("server")), Identity(**fields.pop("program"))
        return cls(server=server, program=program, **fields)


class Pane:
    """A pane by its id.

    Args:
        server: where it is.
        held: which it is.
        directory: where a long input may lie for a moment; private.
        name: the session's name, for errors.
    """

    def __init__(self, server: TmuxServer, held: Held, directory: Path, name: str) -> None:
        self.server = server
        self.pane_id = held.pane
        self._held = held
        self._directory = directory
        self._name = name

    async def state(self) -> PaneState | None:
        """What tmux says; None: the pane is gone, or its server is. Raises as `TmuxServer.state` does."""
        if not processes.alive(self._held.server):
            return None
        return await self.server.state(self.pane_id)

    async def type(self, typed: Typed) -> None:
        """Types the parts in their order, Enter as a write of its own. Raises `NoInput`, `SourceGone`, `UnknownKey`."""
        check_keys(typed)
        state = await self._state_for_input()
        await self._write(typed.data, state)
        pressed = b"".join(keys.key_bytes(key, application_cursor=state.application_cursor) for key in typed.keys)
        await self._write(pressed, state)
        if typed.submit:
            if typed.data or pressed:
                await asyncio.sleep(BETWEEN_WRITES)
            await self._write(keys.key_bytes("Enter"), state)
        if typed.eof:
            await self._write(keys.END_OF_FILE, state)

    async def interrupt(self) -> None:
        """Ctrl-C. Raises as `type` does."""
        await self._write(keys.INTERRUPT, await self._state_for_input())

    async def echo_is_off(self) -> bool:
        """The terminal's ECHO flag is off."""
        return await asyncio.to_thread(_echo_is_off, self._held.tty)

    async def screen(self) -> Snapshot:
        """The screen now, `exact` not set. Raises `SourceGone`."""
        if not processes.alive(self._held.server):
            raise self._gone("its tmux server is gone")
        facts, picture = screen.questions(self.pane_id)
        try:
            ((height,),) = await self.server.query(self.pane_id, ["display-message", "-p", "-t", self.pane_id, "#{pane_height}"])
            (line,), rows = await self.server.query(self.pane_id, facts, picture, least_lines=(1, int(height or 0)))
            return screen.snapshot(line, rows)
        except (CommandFailed, ValueError):
            raise self._gone("its pane is closed") from None
        except SightlineError as error:
            raise self._gone(str(error)) from None

    async def _state_for_input(self) -> PaneState:
        try:
            state = await self.state()
        except SightlineError as error:
            raise self._gone(str(error)) from None
        if state is None:
            raise self._gone("its pane is closed")
        if state.dead:
            raise NoInput(session=self._name, why="its program has ended")
        if state.input_off:
            raise NoInput(session=self._name, why="the pane's input is switched off (`tmux select-pane -e` switches it on)")
        return state

    async def _write(self, data: bytes, state: PaneState) -> None:
        if not data:
            return
        try:
            # A paste goes to the program whatever mode the pane is in, and to no pane but this one.
            if len(data) > SHORT or state.in_mode or state.synchronized:
                await self._paste(data)
            else:
                await self.server.ask(self.pane_id, ["send-keys", "-t", self.pane_id, "-H", *(f"{byte:02x}" for byte in data)])
        except (CommandFailed, ClientGone) as error:
            raise self._gone(str(error) or "its tmux server went while it was typed to") from None

    async def _paste(self, data: bytes) -> None:
        """Through a buffer that is read from a private file: neither has a limit, and no text is in anybody's argv."""
        token = secrets.token_hex(4)
        path = self._directory / f".input-{token}"
        buffer = f"sightline-{token}"
        # Where the program can tell pasted from typed, it gets to know; not with codes inside, whose sender knows what they mean.
        bracketed = [] if b"\x1b" in data or len(data) <= SHORT else ["-p"]
        await asyncio.to_thread(_put, path, data)
        try:
            await self.server.ask(
                self.pane_id,
                ["load-buffer", "-b", buffer, escape_format(str(path))],
                ["paste-buffer", "-d", "-r", *bracketed, "-b", buffer, "-t", self.pane_id],
            )
        finally:
            path.unlink(missing_ok=True)

    def _gone(self, why: str) -> SourceGone:
        return SourceGone(session=self._name, why=why)


def check_keys(typed: Typed) -> None:
    """Raises `UnknownKey`."""
    for key in typed.keys:
        keys.key_bytes(key)


def _put(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(fd, "wb") as file:
        file.write(data)


def _echo_is_off(tty: str) -> bool:
    with suppress(OSError, termios.error):
        fd = os.open(tty, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            return not termios.tcgetattr(fd)[3] & termios.ECHO
        finally:
            os.close(fd)
    return False
