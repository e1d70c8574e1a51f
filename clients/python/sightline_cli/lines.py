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
    apart: bool = False
    """It shares no line with another writer, though it has no prefix."""
    owed: bytes = b""
    """A carriage return that was not shown yet: whether it ends the line or begins it anew depends on what follows."""


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
        for match in BREAKS.finditer(line.owed + data if line.owed else data):
            piece = match[0]
            if piece == b"\r" and match.end() == len(match.string):
                line.owed = piece
                return b"".join(parts)
            parts.append(self._piece(line, piece))
        line.owed = b""
        return b"".join(parts)

    def is_open(self, line: Line) -> bool:
        """Whether this writer's line is the one that is not over."""
        return self._open is line

    def end_line(self) -> bytes:
        """What ends the open line, whoever owns it: nothing when none is open."""
        owner, self._open = self._open, None
        if owner is None:
            return b""
        owner.owed = b""
        return owner.after + b"\n"

    def finish(self) -> bytes:
        """What is to be shown when nobody writes any more: an open line without a prefix is left as its writer left it."""
        return self._leave() if self._open is not None and not self._open.prefix and not self._open.apart else self.end_line()

    def _switch(self, line: Line) -> bytes:
        both_bare = self._open is not None and not (self._open.prefix or self._open.apart or line.prefix or line.apart)
        return self._leave() if both_bare else self.end_line()

    def _leave(self) -> bytes:
        owner, self._open = self._open, None
        if owner is None:
            return b""
        owed, owner.owed = owner.owed, b""
        return owner.after + owed

    def _piece(self, line: Line, piece: bytes) -> bytes:
        is_open = self._open is line
        if piece == b"\r":
            self._open = None  # what follows begins the line anew
            return line.after + piece if is_open else piece
        if piece.endswith(b"\n"):
            self._open = None
            return line.after + piece if is_open else line.prefix + piece
        self._open = line
        return piece if is_open else line.prefix + line.before + piece
