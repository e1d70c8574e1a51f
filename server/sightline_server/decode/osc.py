"""Finds titles, progress and shell marks in the raw bytes of a terminal. Bytes in, signs out; knows no clock and no meaning.

    OSC 0 or 2 ; TEXT                   the window's title
    OSC 9 ; 4 ; STATE [; PERCENT]       progress
    OSC 133 or 633 ; A | B | C | D      a shell's marks: prompt, input, the command's output, its end (with `;CODE`)
    OSC 7501 ; state=WORD:KEY=WORD...   a program's own state: working, blocked (with kind), idle, done, error (Codex 0.169)

A sequence ends with BEL or ESC backslash, and may be cut anywhere. Whatever else is in the stream is passed over by a search for
two bytes, so that plain output costs next to nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_SEQUENCE = 4096  # bytes of one that is waited for; a longer one says nothing
MAX_TITLE = 400  # characters that are kept
BEGIN = b"\x1b]"
NUMBERS = (b"0;", b"2;", b"9;4;", b"133;", b"633;", b"7501;")
FOUND = re.compile(
    rb"\x1b\](?:[02];([^\x00-\x1f\x7f]{0,%d})|9;4;([0-4])(?:;([0-9]{0,3}))?;?|[16]33;([A-D])([^\x00-\x1f\x7f]{0,%d})"
    rb"|7501;([a-z]+=[^\x00-\x1f\x7f]{0,%d}))(?:\x07|\x1b\\)" % (MAX_SEQUENCE, MAX_SEQUENCE, MAX_SEQUENCE)
)
CODE = re.compile(rb";(-?[0-9]{1,10})(?:;|$)")


@dataclass(frozen=True, slots=True)
class Signs:
    """What some bytes said, the last of each; None: nothing of it.

    Attributes:
        title: the window's title.
        progress: 0 none any more, 1 so much per cent, 2 an error, 3 of unknown length, 4 paused.
        percent: with `progress` 1, from 0 to 100.
        mark: `A` a prompt begins, `B` it stands and input can come, `C` a command runs, `D` it is over.
        exit_code: of the last command that a `D` told of with its code.
        state: the word for its own state that the program says.
        kind: with it, what it waits for.
    """

    title: str | None = None
    progress: int | None = None
    percent: int | None = None
    mark: str | None = None
    exit_code: int | None = None
    state: str | None = None
    kind: str | None = None


class Scanner:
    """One terminal's stream. Its whole state is the beginning of a sequence that was cut."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> Signs | None:
        """What the next bytes say; None, mostly: nothing."""
        if self._held:
            data = self._held + data
            self._held = b""
        # One byte is looked for at ten times the speed of two, and most output has no escape at all.
        first = data.find(BEGIN) if b"\x1b" in data else -1
        if first < 0:
            if data.endswith(b"\x1b"):
                self._held = b"\x1b"
            return None
        last = data.rfind(BEGIN)
        signs = _signs(data, first)
        self._held = _beginning(data, last)
        return signs


def _signs(data: bytes, first: int) -> Signs | None:
    title = progress = percent = mark = code = told = None
    for match in FOUND.finditer(data, first):
        if match[1] is not None:
            title = match[1]
        elif match[2] is not None:
            progress, percent = match[2], match[3]
        elif match[6] is not None:
            told = match[6]
        else:
            mark = match[4]
            if mark == b"D":
                found = CODE.match(match[5])
                code = found and found[1]
    if title is None and progress is None and mark is None and told is None:
        return None
    words = dict(word.partition("=")[::2] for word in told.decode("utf-8", "replace").split(":")) if told else {}
    return Signs(
        title=None if title is None else title.decode("utf-8", "replace")[:MAX_TITLE],
        progress=None if progress is None else int(progress),
        percent=min(100, int(percent)) if percent and progress == b"1" else None,
        mark=None if mark is None else mark.decode(),
        exit_code=int(code) if code else None,
        state=words.get("state"),
        kind=words.get("kind"),
    )


def _beginning(data: bytes, last: int) -> bytes:
    """What may be the beginning of a sequence of ours, cut off by the end of the data."""
    rest = data[last : last + MAX_SEQUENCE + 1]
    inside = rest[2:]
    ended = b"\x07" in inside or (b"\x1b" in inside and not inside.endswith(b"\x1b"))
    ours = any(inside.startswith(number) or number.startswith(inside) for number in NUMBERS)
    if ours and not ended and len(rest) <= MAX_SEQUENCE:
        return rest
    return b"\x1b" if data.endswith(b"\x1b") else b""
