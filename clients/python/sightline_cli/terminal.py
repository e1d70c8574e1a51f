"""The person's own terminal: raw mode and back, its size, its title, and the keys that mean something to us. Knows no session."""

from __future__ import annotations

import os
import re
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sightline_cli.command import Complaint

OUTPUT, LOCAL = 1, 3  # places in what `tcgetattr` gives


@contextmanager
def raw(descriptor: int) -> Iterator[None]:
    """Every key comes as it is typed, for as long as the context lasts; whatever ends it, the terminal is as it was before."""
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor, termios.TCSADRAIN)
        yield
    finally:
        with suppress(termios.error):  # it may have been hung up
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def shown(descriptor: int, *, keys: bool, as_recorded: bool) -> Iterator[None]:
    """What was recorded is shown here, for as long as the context lasts; whatever ends it, the terminal is as it was before.

    Args:
        descriptor: of the terminal.
        keys: keys come as they are typed, without an echo; Ctrl-C interrupts all the same.
        as_recorded: bytes are shown as they are: they have been through a terminal already.
    """
    before = termios.tcgetattr(descriptor)
    now = termios.tcgetattr(descriptor)
    if keys:
        now[LOCAL] &= ~(termios.ICANON | termios.ECHO)
    if as_recorded:
        now[OUTPUT] &= ~termios.OPOST
    try:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, now)
        yield
    finally:
        with suppress(termios.error):  # it may have been hung up
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def size(descriptor: int) -> tuple[int, int]:
    """Columns and rows."""
    found = os.get_terminal_size(descriptor)
    return found.columns or 80, found.lines or 24


def title(text: str) -> bytes:
    """What sets the window's title."""
    return b"\x1b]2;" + "".join(character for character in text if character.isprintable()).encode() + b"\x07"


class DetachKey:
    """Finds the key that leaves in what is typed.

    A program may have asked the terminal to write control keys in a longer form (kitty's protocol, xterm's modifyOtherKeys): these
    are known too, or nobody could leave it.

    Args:
        word: `C-]`, `^q`, `C-space`, or `none`. Raises Complaint for anything else.
    """

    def __init__(self, word: str) -> None:
        self.name = word
        self._pattern: re.Pattern[bytes] | None = None
        if word == "none":
            return
        match = re.fullmatch(r"(?:C-|\^)(.)", word)
        if word != "C-space" and (match is None or not re.fullmatch(r"[a-zA-Z@\[\]\\^_]", match[1])):
            raise Complaint(f"{word!r} is no key to leave by: write one like C-], C-q, ^q, or none", code=2)
        letter = " " if match is None else match[1].lower()
        control = bytes([0 if letter in " @" else ord(letter.upper()) & 0x1F])
        point = ord(letter)
        forms = (control, b"\x1b[%d;5u" % point, b"\x1b[27;5;%d~" % point)
        self._pattern = re.compile(b"|".join(re.escape(form) for form in forms))

    def split(self, typed: bytes) -> tuple[bytes, bool]:
        """What was typed before the key, and whether the key was there."""
        match = self._pattern.search(typed) if self._pattern else None
        return (typed, False) if match is None else (typed[: match.start()], True)
