"""The terminal's echo of what was typed: what it would look like, and taking exactly that out of the output. Pure.

Only what a terminal in its usual mode sends back is known here. A program that draws what is typed by itself (a shell's line
editor) switches that off, and what was typed is then not in the log either.
"""

from __future__ import annotations

from sightline.v1.event_pb2 import Input

MAX_EXPECTED = 8192  # bytes of echo that have not come; beyond, nothing is expected any more
NEWLINE = b"\r\n"

_UNKNOWN = (
    b"\x04\x08\x0f\x11\x12\x13\x15\x16\x17\x7f"  # what edits the line or controls the flow: its echo depends on what is there
)
_ECHOED = {byte: bytes([byte]) if byte >= 0x20 else b"^%c" % (byte + 0x40) for byte in range(0x100) if byte not in _UNKNOWN}
_ECHOED |= {ord("\t"): b"\t", ord("\r"): NEWLINE, ord("\n"): NEWLINE}


def echo_of(typed: Input) -> bytes | None:
    """What the terminal sends back; None: that cannot be known."""
    if typed.redacted:
        return None
    codes = [*typed.data, *map(_code_of, typed.keys)]
    if typed.interrupt:
        codes.append(ord("\x03"))
    if typed.submit:
        codes.append(ord("\r"))
    echoes = [_ECHOED.get(code) for code in codes]
    return None if None in echoes else b"".join(filter(None, echoes))


def _code_of(key: str) -> int:
    """The byte that a key types; -1: none, or several."""
    if key in ("Enter", "Return"):
        return ord("\r")
    if len(key) == len("C-c") and key.startswith("C-") and key[2].isascii() and key[2].isalpha():
        return ord(key[2].upper()) - 0x40
    return ord(key) if len(key) == 1 and key.isascii() else -1


class Echo:
    """What is expected in one terminal's output, and how much of it has come."""

    def __init__(self) -> None:
        self._expected = b""
        self._come = 0
        self._late = b""  # was taken for an echo and is none

    @property
    def is_expected(self) -> bool:
        """Something is still to come."""
        return bool(self._expected or self._late)

    def typed(self, event: Input) -> None:
        """Something was typed."""
        echo = echo_of(event)
        if echo is None or len(self._expected) + len(echo) > MAX_EXPECTED:
            self._late += self._not_expected()
        else:
            self._expected += echo

    def without(self, data: bytes, *, in_line: bool) -> bytes:
        """Output without what is expected at its beginning; with what was left out before, when something else comes.

        Args:
            data: the output.
            in_line: something stood on the line before the echo, a prompt say: its end is then left in.
        """
        late, self._late = self._late, b""
        expected = self._expected[self._come :]
        if data[: len(expected)] == expected[: len(data)]:
            self._come += min(len(data), len(expected))
            if self._come < len(self._expected):
                return late
            ended = self._expected.endswith(NEWLINE)
            self._expected, self._come = b"", 0
            return late + (NEWLINE if ended and in_line else b"") + data[len(expected) :]
        return late + self._not_expected() + data

    def _not_expected(self) -> bytes:
        come, self._expected, self._come = self._expected[: self._come], b"", 0
        return come
