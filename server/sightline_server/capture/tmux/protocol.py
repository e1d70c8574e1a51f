"""tmux's control protocol without I/O: bytes in, messages out; and how words become a command line of tmux.

Knows the syntax alone: no sockets, no processes, nothing of what the commands do.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

_PLAIN = re.compile(rb"[A-Za-z0-9_./:@=+,-]+")
_ESCAPED = re.compile(rb"\\([0-7]{3})")
# `~` and `$` would be expanded inside double quotes too; a newline would end the command.
_QUOTED = re.compile(rb'[\x00-\x1f\x7f"\\$~]')
_OURS = b"1"  # the flag of a reply to a command that this client sent


@dataclass(frozen=True)
class Reply:
    """The answer to one command.

    Attributes:
        ok: False: `lines` say what went wrong.
        ours: a command that this client sent; False: what attaching itself had to say.
        lines: what the command printed, without line ends.
    """

    ok: bool
    ours: bool
    lines: tuple[bytes, ...]


@dataclass(frozen=True)
class PaneOutput:
    """Bytes that a pane's program wrote."""

    pane: bytes
    data: bytes


@dataclass(frozen=True)
class Notification:
    """Anything else that tmux says by itself, such as `session-changed`; without a name: words for people, such as an error."""

    name: bytes
    words: bytes


Message = Reply | PaneOutput | Notification


class ControlParser:
    """What a control client prints, taken apart. Any cut of the bytes gives the same messages."""

    def __init__(self) -> None:
        self._rest = b""
        self._block: tuple[bytes, ...] | None = None  # time, number and flags of the reply under way
        self._lines: list[bytes] = []
        self._least = 0
        self._expected: deque[int] = deque()

    def expect(self, lines: int) -> None:
        """Announces a command and how many lines its reply has at least: a program may show one that looks like a reply's end."""
        self._expected.append(lines)

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [message for line in lines if (message := self._line(line)) is not None]

    def _line(self, line: bytes) -> Message | None:
        if self._block is not None:
            return self._in_block(line)
        if not line.startswith(b"%"):
            return Notification(b"", line) if line else None
        name, _, words = line[1:].partition(b" ")
        if name == b"output":
            pane, _, escaped = words.partition(b" ")
            return PaneOutput(pane, unescape(escaped))
        if name == b"begin":
            self._block = tuple(words.split())
            self._lines = []
            ours = self._block[-1:] == (_OURS,)
            self._least = self._expected.popleft() if ours and self._expected else 0
            return None
        return Notification(name, words)

    def _in_block(self, line: bytes) -> Message | None:
        name, _, words = line.partition(b" ")
        if name in (b"%end", b"%error") and tuple(words.split()) == self._block:
            ok = name == b"%end"
            if not ok or len(self._lines) >= self._least:
                reply = Reply(ok, self._block[-1:] == (_OURS,), tuple(self._lines))
                self._block = None
                return reply
        self._lines.append(line)
        return None


def unescape(data: bytes) -> bytes:
    """Bytes of `%output` as the program wrote them: tmux writes those below 0x20 and the backslash as three octal digits."""
    if b"\\" not in data:
        return data
    return _ESCAPED.sub(lambda match: bytes((int(match[1], 8),)), data)


def quote(word: str | bytes) -> bytes:
    """One word, so that tmux's command parser gives exactly this word again. Raises ValueError for a NUL, which it cannot hold."""
    raw = word.encode("utf-8", "surrogateescape") if isinstance(word, str) else word
    if b"\0" in raw:
        raise ValueError("a NUL byte in a tmux command")
    if _PLAIN.fullmatch(raw):
        return raw
    return b'"' + _QUOTED.sub(lambda match: b"\\%03o" % match[0][0], raw) + b'"'


def command_line(words: Iterable[str | bytes]) -> bytes:
    """One command as a line for a control client."""
    return b" ".join(quote(word) for word in words) + b"\n"


def escape_argument(word: str) -> str:
    """A word for tmux's argv, where one that ends in `;` would end the command."""
    return f"{word[:-1]}\\;" if word.endswith(";") else word


def escape_format(text: str) -> str:
    """Text that stays as it is where tmux expands formats."""
    return text.replace("#", "##")


def escape_time(text: str) -> str:
    """Text that stays as it is where tmux expands formats and the time."""
    return escape_format(text).replace("%", "%%")
