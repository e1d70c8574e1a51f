"""What can be done with a window of screen: typing, its echo, its picture.

What is typed goes through screen's registers and `paste`, not through `stuff`: the latter's text stands in an argv that everybody
may read, and it hangs screen 4.09 for good when a program does not read what it got before (a loop without an end, seen). While the
window's owner reads back in copy mode, screen gives either to that mode, and tells nobody: it is not known here.
Knows the window and the `screen` program, nothing of sinks.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import termios
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sightline.v1.session_pb2 import Snapshot

from sightline_server import errors
from sightline_server.capture import processes
from sightline_server.capture.base import Typed
from sightline_server.capture.processes import Identity
from sightline_server.capture.screen import windows
from sightline_server.capture.screen.client import ScreenProgram, quoted
from sightline_server.capture.screen.windows import Window
from sightline_server.capture.tmux import keys

ROOM = 4095  # bytes that a terminal surely takes while nobody reads
PIECE = 170  # bytes in one register, each written as four in a line of at most `client.MAX_LINE`
FIRST_REGISTER = 0o200  # of those that no key of a person's writes
PATIENCE = 2.0  # s, for a program to read what it was typed before
TICK_SECONDS = 0.005  # between looks whether it has
BETWEEN_WRITES = 0.01  # s, between text and Enter: full-screen programs take what comes at once for pasted
MAX_PICTURE = 16 * 1024 * 1024  # bytes

_PLACE = re.compile(r"\((\d+),(\d+)\)/\((\d+),(\d+)\)")


@dataclass(frozen=True)
class Held:
    """What a session must remember of its window, in the file `screen.json`.

    Attributes:
        session: the screen session's address, `PID.NAME`.
        server: the screen process: another one may have a session of that name.
        window: the window.
        log: the log that the window's owner keeps; empty: the log is ours.
        begin: how long that was.
    """

    session: str
    server: Identity
    window: Window
    log: str = ""
    begin: int = 0

    def write(self, directory: Path) -> None:
        """Writes it, whole or not at all."""
        fresh = directory / ".screen.json.new"
        fresh.write_text(json.dumps(asdict(self)), encoding="utf-8")
        fresh.replace(directory / "screen.json")

    @classmethod
    def read(cls, directory: Path) -> Held | None:
        """The one of a directory; None: nothing was held yet."""
        try:
            fields = json.loads((directory / "screen.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        window = fields.pop("window")
        server = Identity(**fields.pop("server"))
        return cls(server=server, window=Window(window["number"], Identity(**window["program"]), window["tty"]), **fields)


class Hand:
    """See above.

    Args:
        program: `screen`.
        held: which window.
        directory: where a picture may lie for a moment; private.
        name: the session's name here, for errors.
    """

    def __init__(self, program: ScreenProgram, held: Held, directory: Path, name: str) -> None:
        self.tty = held.window.tty
        """The terminal that what is typed ends in."""
        self.window = held.window
        self.server = held.server
        self.session = held.session
        self._program = program
        self._directory = directory
        self._name = name
        self._owed = ROOM  # bytes typed since the terminal was seen to be empty; at first it was not
        self._using = asyncio.Lock()

    def check(self, typed: Typed) -> None:
        """Raises `UnknownKey`."""
        for key in typed.keys:
            keys.key_bytes(key)

    async def type(self, typed: Typed) -> None:
        """Types the parts in their order, Enter by itself. Raises `SourceGone`, `InputBlocked`, `InputCut`, `UnknownKey`."""
        # Whether the program has asked for the other form of the arrow keys, screen does not tell.
        pressed = b"".join(keys.key_bytes(key) for key in typed.keys)
        async with self._using:
            await self._write(typed.data)
            await self._write(pressed)
            if typed.submit:
                if typed.data or pressed:
                    await asyncio.sleep(BETWEEN_WRITES)
                await self._write(keys.key_bytes("Enter"))
            if typed.eof:
                await self._write(keys.END_OF_FILE)

    async def interrupt(self) -> None:
        """Ctrl-C, whatever waits to be read. Raises `SourceGone`."""
        async with self._using:
            self._check_there()
            await self._paste(keys.INTERRUPT)

    def echo_is_off(self) -> bool:
        """The terminal's ECHO flag is off, or cannot be seen."""
        with suppress(OSError, termios.error):
            return not windows.echoes(self.tty)
        return True

    async def picture(self) -> Snapshot:
        """The window's picture, never `exact`: screen writes characters beyond Latin-1 as others, and no attributes."""
        path = self._directory / "picture"
        async with self._using:
            self._check_there()
            try:
                await asyncio.to_thread(_make_private, path)
                await self._program.command(self.session, self.window.number, "hardcopy", quoted(os.fsencode(path)))
                await self._program.settle(self.session)
                data = await asyncio.to_thread(_read, path)
                facts = await self._program.query(self.session, self.window.number, "info")
            except errors.SightlineError as error:
                raise self._gone(str(error)) from None
            finally:
                path.unlink(missing_ok=True)
        return _snapshot(data, facts or "", windows.size(self.window.tty))

    async def _write(self, data: bytes) -> None:
        for begin in range(0, len(data), ROOM):
            part = data[begin : begin + ROOM]
            try:
                await self._until_room(len(part))
            except errors.InputBlocked:
                if begin:
                    raise errors.InputCut(session=self._name, typed=begin, size=len(data)) from None
                raise
            await self._paste(part)

    async def _until_room(self, count: int) -> None:
        """Waits until nothing typed can be lost: a second paste takes the place of one that the program has not read."""
        self._check_there()
        try:
            if self._owed + count > ROOM:
                async with asyncio.timeout(PATIENCE):
                    while windows.unread(self.tty):  # noqa: ASYNC110 - nobody would set an event
                        await asyncio.sleep(TICK_SECONDS)
                self._owed = 0
        except TimeoutError:
            raise errors.InputBlocked(session=self._name) from None
        except OSError as error:
            raise self._gone(f"its terminal is closed ({error.strerror})") from None
        self._owed += count

    async def _paste(self, data: bytes) -> None:
        pieces = [data[begin : begin + PIECE] for begin in range(0, len(data), PIECE)]
        # Of a single register screen pastes the very bytes, and would read them after they were cleared: never less than two.
        names = [quoted(bytes((FIRST_REGISTER + number,))) for number in range(len(pieces) + 1)]
        lines = [f'register "{name}" "{quoted(piece)}"\n' for name, piece in zip(names, [b"", *pieces], strict=True)]
        cleared = [f'register "{name}" ""\n' for name in names]
        try:
            await self._program.feed(self.session, "".join(lines).encode("ascii"))
            try:
                await self._program.command(self.session, self.window.number, "paste", "".join(names))
            finally:
                with suppress(errors.ScreenNotFound):  # what was typed may have ended it
                    await self._program.feed(self.session, "".join(cleared).encode("ascii"))
        except errors.SightlineError as error:
            raise self._gone(str(error)) from None

    def _check_there(self) -> None:
        if not processes.alive(self.server):
            raise self._gone("its screen session is gone")
        if not processes.alive(self.window.program):
            raise self._gone("the window's program has ended")

    def _gone(self, why: str) -> errors.SourceGone:
        return errors.SourceGone(session=self._name, why=why)


def _snapshot(data: bytes, facts: str, terminal: tuple[int, int]) -> Snapshot:
    """A picture as screen writes it: a byte for each character, the low one where it has more."""
    rows = data.decode("latin-1").split("\n")[:-1]
    found = _PLACE.match(facts)
    columns, height = (int(found[3]), int(found[4])) if found else terminal
    rows += [""] * (height - len(rows))
    screen = Snapshot(columns=columns, rows=height, text=[row.rstrip(" ") for row in rows[:height]])
    screen.ansi = b"\x1b[0m\x1b[H\x1b[2J" + "\r\n".join(screen.text).encode()
    if found:
        screen.cursor_column, screen.cursor_row = int(found[1]) - 1, int(found[2]) - 1
        screen.cursor_visible = True
        screen.ansi += b"\x1b[%d;%dH" % (screen.cursor_row + 1, screen.cursor_column + 1)
    return screen


def _make_private(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_PICTURE)
