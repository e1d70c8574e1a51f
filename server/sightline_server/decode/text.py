"""A stream of bytes as lines of text: without escape codes, each line as it would stay on a terminal. Bytes in, text out.

What is written over (a progress bar after a carriage return) is not given. A line is given when it is over; what stands on one that
is not, when it is asked for. Going to another row, as full-screen programs do, ends a line if something stands on it, and so
each place where such a program writes is a line of its own; its alternate screen is text like any other.
"""

from __future__ import annotations

import copy
import re

from sightline_server.decode.escapes import ANOTHER_ROW, CUT_CHARACTER, ERASE_TO_END, Stripper
from sightline_server.decode.line import MAX_LINE, TAB, Line, erased_until

RAW_BYTES = MAX_LINE // TAB // 2  # of a line that are kept as they came; too few to be more than a line holds


STILL = re.compile(rb"[^\b\r\x1b]*")
FIRST_LINE = re.compile(rb"[^\n\x0b]*[\n\x0b]")
ROW_AT_BEGINNING = re.compile(rb"(?:^|(?<=\x0b))\x0b+", re.MULTILINE)  # nothing stands there


class TextDecoder:
    """Text of one stream. The same for any cutting of it."""

    def __init__(self) -> None:
        self._stripper = Stripper(edits=True)
        self._line = Line()  # what of the line is written already
        self._raw = b""  # what is still to be written on it

    def copy(self) -> TextDecoder:
        """Another one in the same state."""
        other = copy.copy(self)
        other._stripper = self._stripper.copy()
        other._line = self._line.copy()
        return other

    def feed(self, data: bytes) -> bytes:
        """The lines that are over with the next bytes, each with its newline; the beginning of one that gets too long."""
        return self._take(self._stripper.feed(data))

    def flush(self) -> bytes:
        """What stands on the line that is not over, but was not given. If what was given is gone from it, on a new line."""
        self._write(b"")
        self._line.give()
        return self._taken()

    def end(self) -> bytes:
        """All that is left, without a newline that was not there. What may come yet is no part of a character that was cut here."""
        lines = self._take(self._stripper.end())
        self._write(b"", all_of_it=True)
        return lines + self.flush()

    @property
    def pending(self) -> bytes:
        """What `flush` would give."""
        self._write(b"")
        return encoded(self._line.rest())

    @property
    def has_more(self) -> bool:
        """`end` would give something."""
        return bool(self._stripper.is_holding or self.pending or self._raw)  # the last: a character that an escape code cut

    @property
    def is_in_line(self) -> bool:
        """Something stands on the line that is not over."""
        return bool(self._raw) or not self._line.is_fresh

    @property
    def is_rewritten(self) -> bool:
        """What is pending is no mere beginning of a line, a prompt perhaps, but one on which something was replaced: progress."""
        self._write(b"")
        return self._line.is_rewritten

    def _take(self, text: bytes) -> bytes:
        end = max(text.rfind(b"\n"), text.rfind(ANOTHER_ROW)) + 1
        lines = b""
        if end:
            place = 0
            if not self._line.is_fresh:
                place = FIRST_LINE.match(text).end()  # type: ignore[union-attr]  # there is an end
                self._write(text[:place])
                lines = self._taken()
            if end > place:
                lines += whole_lines(self._raw + text[place:end])
                self._raw = b""
            text = text[end:]
        self._raw += text
        if b"\x1b" in text or len(self._raw) > RAW_BYTES:
            self._write(b"")
            lines += self._taken()
        return lines

    def _write(self, text: bytes, *, all_of_it: bool = False) -> None:
        """Writes on the line all but a character that is cut at the end."""
        data = self._raw + text
        cut = None if all_of_it or data[-1:] < b"\x80" else CUT_CHARACTER.search(data, max(0, len(data) - 3))
        end = len(data) if cut is None else cut.start()
        self._raw = data[end:]
        if end:
            self._line.apply(data[:end])

    def _taken(self) -> bytes:
        out, self._line.out = self._line.out, []
        return encoded("".join(out))


def whole_lines(lines: bytes) -> bytes:
    """Lines as they would stay, each given with its newline, from what `escapes.Stripper` gives."""
    before_newlines = lines.count(b"\r\n")
    if before_newlines:
        alone = lines.count(b"\r") > before_newlines
        lines = lines.replace(b"\r\n", b"\n") if alone else lines.translate(None, b"\r")  # which is twice as fast
    if b"\r" not in lines and b"\b" not in lines and b"\x1b" not in lines:
        return unmoved(lines)
    given: list[bytes] = []
    done = 0
    while (place := STILL.match(lines, done).end()) < len(lines):  # type: ignore[union-attr]  # nothing is still, too
        start = lines.rfind(b"\n", done, place) + 1 or done
        end = lines.find(b"\n", place)
        end = len(lines) if end < 0 else end
        given += (unmoved(lines[done:start]), one_line(lines[start:end]))
        done = end
    given.append(unmoved(lines[done:]))
    return b"".join(given)


def unmoved(lines: bytes) -> bytes:
    """The same, if the cursor never moves back: then nothing stands where the rest of a line is erased."""
    lines = lines.translate(None, ERASE_TO_END)
    if ANOTHER_ROW in lines:
        lines = ROW_AT_BEGINNING.sub(b"", lines)
        lines = lines.replace(ANOTHER_ROW, b"\n")
    return lines


def one_line(data: bytes) -> bytes:
    """The same for one, without its newline; it may have become several."""
    data = data.rstrip(b"\r")
    if len(data) < RAW_BYTES:
        rest = data[erased_until(data) :]
        if b"\r" not in rest and b"\b" not in rest and b"\x1b" not in rest and ANOTHER_ROW not in rest:
            return rest.replace(ERASE_TO_END, b"")
    line = Line()
    line.apply(data)
    line.finish()
    return encoded("".join(line.out))[:-1]


def encoded(text: str) -> bytes:
    """The bytes that were decoded, whatever they were."""
    return text.encode("utf-8", "surrogateescape")


def to_text(data: bytes) -> bytes:
    """A whole stream as text."""
    decoder = TextDecoder()
    return decoder.feed(data) + decoder.end()
