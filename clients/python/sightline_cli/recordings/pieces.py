"""Bytes that come in pieces of any size: taken by line, by count, or to the end. Nothing is held longer than it must be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sightline_cli.recordings.recording import BadRecording

MAX_LINE = 16 * 1024 * 1024  # bytes: an event of 1 MiB whose every byte is written as \u0000 has 6
PIECE = 64 * 1024  # bytes given at a time where a count is large


def lines(pieces: Iterable[bytes], limit: int = MAX_LINE) -> Iterator[bytes]:
    """Lines without their end; the last one may have had none. Raises BadRecording for one that is longer than `limit`."""
    parts: list[bytes] = []
    size = number = 0
    for piece in pieces:
        begin = 0
        while (end := piece.find(b"\n", begin)) >= 0:
            number += 1
            _check(size + end - begin, limit, number)
            parts.append(piece[begin:end])
            yield b"".join(parts)
            parts.clear()
            begin, size = end + 1, 0
        parts.append(piece[begin:])
        size += len(piece) - begin
        _check(size, limit, number + 1)
    if size:
        yield b"".join(parts)


def _check(size: int, limit: int, number: int) -> None:
    if size > limit:
        raise BadRecording(f"line {number} has more than {limit >> 20} MiB: no recording has such lines, so it is none, or damaged")


class Pieces:
    """Bytes that are taken by count."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._ahead = b""

    def peek(self, count: int) -> bytes:
        """The next so many bytes, or all that are left; they stay."""
        parts = [self._ahead]
        size = len(self._ahead)
        while size < count and (piece := self._next()):
            parts.append(piece)
            size += len(piece)
        self._ahead = b"".join(parts)
        return self._ahead[:count]

    def take(self, count: int) -> Iterator[bytes]:
        """The next so many bytes, or all that are left, in pieces."""
        while count > 0:
            piece = self._ahead or self._next()
            if not piece:
                return
            now, self._ahead = piece[: min(count, PIECE)], piece[min(count, PIECE) :]
            count -= len(now)
            yield now

    def rest(self) -> Iterator[bytes]:
        """All that is left, in pieces."""
        while piece := self._ahead or self._next():
            self._ahead = b""
            yield piece

    def _next(self) -> bytes:
        """One that is not empty; empty: the end."""
        return next((piece for piece in self._pieces if piece), b"")
