"""Bytes of several writers on one screen, made into prefixed lines. Sans-I/O: no descriptors, no clock, no events.

A writer without a prefix is not touched: its bytes pass as they are, as if it had the screen to itself. A prefixed line is
shown as it comes, not only when it is whole: a progress bar moves. When somebody else writes while a line is open, the line is
ended first and the rest of it gets its prefix again. After a carriage return the prefix is written again too, since the bar
would overwrite it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BREAKS = re.compile(rb"[^\r\n]+|\r\n|\r|\n")


@dataclass
class Line:
    """One writer's place: what stands at the head of its lines, and around its text."""

    prefix: bytes = b""
    before: bytes = b""
    """A colour to switch on."""
    after: bytes = b""
    """The colour to switch back to."""
    returned: bool = False
    """The last byte was a carriage return, and whether a newline follows is not known yet."""


class Screen:
    """Where lines of several writers meet: remembers whose line is open."""

    def __init__(self) -> None:
        self._open: Line | None = None

    def write(self, line: Line, data: bytes) -> bytes:
        """The bytes to show for what this writer wrote."""
        if not data:
            return b""
        switch = b"" if self._open is line else self._switch(line)
        if not line.prefix and not line.before:
            self._open = None if data.endswith(b"\n") else line
            return switch + data
        parts = [switch]
        for match in BREAKS.finditer(data):
            piece = match[0]
            if piece in (b"\n", b"\r\n"):
                parts.append(self._newline(line, piece))
            elif piece == b"\r":
                line.returned = True
                parts.append(piece)
            else:
                parts.append(self._text(line, piece))
        return b"".join(parts)

    def end_line(self) -> bytes:
        """What ends the open line, whoever owns it: nothing when none is open."""
        owner, self._open = self._open, None
        if owner is None:
            return b""
        owner.returned = False
        return owner.after + b"\n"

    def finish(self) -> bytes:
        """What is to be shown when nobody writes any more: an open line without a prefix is left as its writer left it."""
        owner, self._open = self._open, None
        if owner is None:
            return b""
        return owner.after + b"\n" if owner.prefix else owner.after

    def _switch(self, line: Line) -> bytes:
        owner = self._open
        if owner is not None and not owner.prefix and not line.prefix:
            self._open, owner.returned = None, False
            return owner.after
        return self.end_line()

    def _text(self, line: Line, piece: bytes) -> bytes:
        if self._open is line and not line.returned:
            return piece
        self._open, line.returned = line, False
        return line.prefix + line.before + piece

    def _newline(self, line: Line, piece: bytes) -> bytes:
        if self._open is line:
            self._open, line.returned = None, False
            return line.after + piece
        line.returned = False
        return line.prefix + piece  # an empty line is a line of its writer as well
