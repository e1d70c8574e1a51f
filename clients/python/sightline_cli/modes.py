"""Remembers which modes a shown stream switched on in a person's terminal, so that they can be switched back. Sans-I/O.

A followed program that is left in the middle has the terminal in its alternate screen, reporting the mouse, with the cursor hidden.
Only what was switched is switched back: a reset of everything would also move the cursor or clear what the person wants to read.
"""

from __future__ import annotations

import re

HIDDEN_BY_DEFAULT = {7: True, 25: True}
"""Private modes that are on in a fresh terminal: wrapping, the cursor. All others are off."""
ALTERNATE = (47, 1047, 1049)
KEPT = {12, 2026, *ALTERNATE}
"""Private modes handled otherwise, or that end by themselves."""

CODES = re.compile(
    rb"""
      \x1b\[ \? (?P<private>[\d;]+) (?P<set>[hl])
    | \x1b\[ (?P<insert>4) (?P<insert_set>[hl])
    | \x1b\[ (?P<region>[\d;]*) r
    | \x1b\[ > [\d;]* (?P<push>u)
    | \x1b\[ < (?P<pop>\d*) u
    | \x1b\[ = [\d;]* (?P<flags>u)
    | \x1b\[ >4 (?P<modify>;\d+)? m
    | \x1b\[ (?P<shape>\d*) [ ] q
    | \x1b (?P<keypad>[=>])
    | \x1b\( (?P<charset>[0AB])
    """,
    re.VERBOSE,
)


class Modes:
    """What is switched. Feed it whole escape codes: it does not join codes that are cut in two."""

    alternate: bool
    """The alternate screen is shown."""
    _pushed: int
    """Levels of kitty's keyboard flags."""

    def __init__(self) -> None:
        self._private: dict[int, bool] = {}
        self._other: dict[str, bytes] = {}
        self._forget()

    def feed(self, data: bytes) -> None:
        """Looks at bytes that are shown."""
        if b"\x1b" not in data:
            return
        for code in CODES.finditer(data):
            kind = code.lastgroup
            if code["private"]:
                for word in filter(None, code["private"].split(b";")):
                    self._switch(int(word), on=code["set"] == b"h")
            elif kind == "push":
                self._pushed += 1
            elif kind == "pop":
                self._pushed = max(0, self._pushed - int(code["pop"] or 1))
            else:
                self._note(code)

    def restore(self) -> bytes:
        """The bytes that bring a terminal back to where it was; and forgets."""
        parts = [b"\x1b[0m"]
        if self._pushed:
            parts.append(b"\x1b[<%du" % self._pushed)
        parts += self._other.values()
        parts += [b"\x1b[?%d%c" % (mode, b"h"[0] if HIDDEN_BY_DEFAULT.get(mode) else b"l"[0]) for mode in self._private]
        if self.alternate:
            parts.append(b"\x1b[?1049l")
        self._forget()
        return b"".join(parts)

    def _forget(self) -> None:
        self._private.clear()
        self._other.clear()
        self._pushed = 0
        self.alternate = False

    def _switch(self, mode: int, on: bool) -> None:
        if mode in ALTERNATE:
            self.alternate = on
        elif mode not in KEPT:
            if on == HIDDEN_BY_DEFAULT.get(mode, False):
                self._private.pop(mode, None)
            else:
                self._private[mode] = on

    def _note(self, code: re.Match[bytes]) -> None:
        undo = {
            "insert": (b"\x1b[4l", code["insert_set"] == b"h"),
            # Setting the region moves the cursor home: it is put back.
            "region": (b"\x1b7\x1b[r\x1b8", bool(code["region"])),
            "flags": (b"\x1b[=0u", bool(code["flags"])),
            "modify": (b"\x1b[>4m", bool(code["modify"])),
            "shape": (b"\x1b[0 q", code["shape"] not in {None, b"", b"0"}),
            "keypad": (b"\x1b>", code["keypad"] == b"="),
            "charset": (b"\x1b(B", code["charset"] == b"0"),
        }
        for name, (bytes_, on) in undo.items():
            if code[name] is not None:
                if on:
                    self._other[name] = bytes_
                else:
                    self._other.pop(name, None)
