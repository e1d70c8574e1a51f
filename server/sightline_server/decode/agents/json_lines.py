r"""Bytes into lines, and lines into JSON objects. A line ends with ``\n`` and nothing else: U+2028 stands raw inside strings.

Knows nothing of agents. Strict JSON is decoded by msgspec, five times as fast as `json`; what it refuses and `json` can read (a
lone surrogate, a raw control character, bytes that are no UTF-8, a number out of range) takes the slow way: nothing is lost.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

MAX_LINE = 16 * 1024 * 1024  # bytes: the longest line that is decoded; a longer one is handed on in pieces of this size
MAX_GLUED = 1000  # objects on one line

decode = msgspec.json.Decoder().decode
"""One JSON value, strict and fast. Raises REFUSED."""
REFUSED = (ValueError, RecursionError, msgspec.MsgspecError)

_spans = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_lenient = json.JSONDecoder(strict=False)


class Lines:
    """Cuts a stream into lines, whatever its chunks. The end of a line is not part of it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now."""
        lines = data.split(b"\n")
        rest = lines.pop()
        longest = len(data)
        if self._parts and lines:
            self._parts.append(lines[0])
            lines[0] = b"".join(self._parts)
            longest = max(longest, len(lines[0]))
            self._parts.clear()
            self._size = 0
        if rest:
            self._parts.append(rest)
            self._size += len(rest)
        if longest > MAX_LINE or self._size > MAX_LINE:
            lines = self._in_pieces(lines)
        return lines

    def _in_pieces(self, lines: list[bytes]) -> list[bytes]:
        pieces = [line[start : start + MAX_LINE] for line in lines for start in range(0, max(1, len(line)), MAX_LINE)]
        if self._size > MAX_LINE:
            rest = b"".join(self._parts)
            whole = len(rest) // MAX_LINE * MAX_LINE
            pieces += [rest[start : start + MAX_LINE] for start in range(0, whole, MAX_LINE)]
            self._parts = [rest[whole:]]
            self._size = len(rest) - whole
        return pieces

    def rest(self) -> bytes:
        """What stands behind the last line end: half a line, or nothing. It is taken out."""
        rest = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return rest


def objects(line: bytes) -> list[dict[str, Any]] | None:
    """The JSON objects of one line: one, or several that were glued together. None: it is something else. Never raises."""
    try:
        found = decode(line)
    except REFUSED:
        return _with_patience(line)
    return [found] if type(found) is dict else None


def _with_patience(line: bytes) -> list[dict[str, Any]] | None:
    text = line.decode("utf-8", "replace").strip("\ufeff \t\r\0")
    if not text.startswith("{"):
        return None
    found: list[dict[str, Any]] = []
    place = 0
    try:
        while place < len(text) and len(found) < MAX_GLUED:
            one, place = _lenient.raw_decode(text, place)
            if not isinstance(one, dict):
                return None
            found.append(one)
            while place < len(text) and text[place] in " \t\r,":
                place += 1
    except (ValueError, RecursionError):
        return None
    return [whole_text(one) for one in found] if place == len(text) else None


def whole_text(value: Any) -> Any:
    """The same value with `?` for lone surrogates, which no UTF-8 can carry."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if not value.isascii() else value
    if isinstance(value, dict):
        return {whole_text(key): whole_text(one) for key, one in value.items()}
    if isinstance(value, list):
        return [whole_text(one) for one in value]
    return value


def span(line: bytes, *path: str | int) -> bytes:
    """The agent's own bytes of a value inside a line, by keys and places in lists; empty where that is not to be had."""
    try:
        for step in path:
            raw = _items(line)[step] if isinstance(step, int) else _spans(line)[step]
            line = bytes(raw)
    except (ValueError, RecursionError, LookupError, msgspec.MsgspecError):
        return b""
    return line
