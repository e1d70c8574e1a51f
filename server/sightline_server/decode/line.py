"""One line of a terminal: what stays visible of what was written on it. Knows columns, and what `escapes` leaves in; no stream.

Slow and exact, cell by cell; `text` uses it only for lines on which something moves back. A line has no width: the terminal's edge,
where it would go on in the next row, is not known here.
"""

from __future__ import annotations

import copy
import functools
import re
import unicodedata

from sightline_server.decode.escapes import ANOTHER_ROW, ERASE_TO_END

MAX_LINE = 64 * 1024  # cells; a longer line is given out in pieces of so many, and what was given out is not written over any more
FARTHEST = 512  # column to which a move goes where nothing stands: a terminal ends somewhere
MAX_ATTACHED = 16  # characters without a width that one cell takes
TAB = 8

NOTHING = "\0"  # a cell on which nothing stands: a space, if something stands behind it
HALF = "\1"  # the second cell of a wide character

PIECE = 16 * 1024  # bytes looked at together
SLICE = 4096  # characters, the same

HOME = (b"\r", b"\x1b[G", b"\x1b[1G")
ERASE = (ERASE_TO_END, b"\x1b[0K", b"\x1b[2K")
ERASING = tuple(code for home in HOME for code in (*(home + erase for erase in ERASE), home + b"\x1b[K", b"\x1b[2K" + home))
"""What leaves an empty line and the cursor at its beginning, as programs write it."""

MORE_THAN_THE_LINE = re.compile(rb"[\n\x0b\t]|\x1b(?:[^\[]|\[[0-9;]*+[^CDGKPX`aj])")
"""What does more than write within the line, or may make it longer than its bytes."""

RETURNS_ONLY = re.compile(rb"[\r\x20-\x7e]*")
TOKEN = re.compile(rb"([^\x01\b\t\n\x0b\r\x1b]+)|([\x01\b\t\n\x0b\r])|\x1b(?:\[([0-9]*)[0-9;]*)?([0-9@-~])")
_GAP_AND_TAB = re.compile("\0{0,7}\t")  # what one tab goes over


class Line:
    """The line that the cursor is on.

    Attributes:
        out: text to be given out; the caller takes it.
        given: what has been given out of this line already.
    """

    def __init__(self) -> None:
        self.out: list[str] = []
        self.given = ""
        self._cells: list[str] = []
        self._column = 0
        self._saved = -1
        self._rewritten = False

    def copy(self) -> Line:
        """Another one in the same state."""
        other = copy.copy(self)
        other.out = self.out[:]
        other._cells = self._cells[:]
        return other

    @property
    def is_fresh(self) -> bool:
        """Nothing came since the last line was over, or nothing is left of it."""
        return not (self._cells or self._column or self.given or self._rewritten) and self._saved < 0

    @property
    def visible(self) -> str:
        """What stands on it."""
        text = "".join(self._cells).rstrip(NOTHING)
        if NOTHING in text:
            text = _GAP_AND_TAB.sub("\t", text).replace(NOTHING, " ")
        return text.replace(HALF, "")

    @property
    def is_rewritten(self) -> bool:
        """It is no mere beginning of a line: something on it was replaced, or what was given is gone from it."""
        return self._rewritten or not self.visible.startswith(self.given)

    def rest(self) -> str:
        """What to give out so that all that stands on it is; on a new line if what was given out does not stand there any more."""
        text = self.visible
        if text.startswith(self.given):
            return text[len(self.given) :]
        return "\n" + text if text else ""

    def give(self) -> None:
        """Gives out what stands on it so far."""
        rest = self.rest()
        if rest:
            self.out.append(rest)
            self.given = self.visible

    def apply(self, data: bytes) -> None:
        """Writes what `escapes.Stripper` gives. A character that is cut at the end of `data` becomes two cells."""
        while len(data) > PIECE and (place := data.find(b"\r", PIECE)) > 0:
            self._apply(data[:place])
            data = data[place:]
        self._apply(data)

    def _apply(self, data: bytes) -> None:
        if b"\x1b" in data or ERASE_TO_END in data:
            data = self._since_erased(data)
        if RETURNS_ONLY.fullmatch(data) and self._has_room_for(data):
            self._returns(data.decode())
            return
        for text, control, number, final in TOKEN.findall(data):
            if text:
                self._write(text.decode("utf-8", "surrogateescape"))
            elif control:
                self._control(control)
            else:
                self._edit(final, number)

    def _has_room_for(self, data: bytes) -> bool:
        """However these bytes are written, the line does not get too long; unless they are tabs or insert something."""
        return max(self._column, len(self._cells)) + len(data) + FARTHEST < MAX_LINE

    def _since_erased(self, data: bytes) -> bytes:
        """Skips to where the whole line was erased last, with the cursor at its beginning: what came before has left nothing."""
        place = erased_until(data) if self._has_room_for(data) else 0
        if place:
            self._erase(0, len(self._cells))
            self._column = 0
        return data[place:]

    def _returns(self, text: str) -> None:
        """ASCII and carriage returns: of what is written over each other the last stays, and of what was before what is longer."""
        first, *others = text.split("\r")
        self._write(first)
        if not others:
            return
        if len(list(filter(None, others))) > 1:
            self._rewritten = True
        stays = last = others.pop()
        for piece in reversed(others):
            if len(piece) > len(stays):
                stays += piece[len(stays) :]
        self._column = 0
        self._write(stays)
        self._column = len(last)

    def _control(self, control: bytes) -> None:
        if control == b"\n":
            self.finish()
        elif control == ANOTHER_ROW:
            self._leave()
        elif control == ERASE_TO_END:
            self._erase(self._column, len(self._cells))
        elif control == b"\r":
            self._column = 0
        elif control == b"\b":
            self._column = max(0, self._column - 1)
        else:
            stop = (self._column // TAB + 1) * TAB
            if self._column >= len(self._cells):
                self._pad()
                self._cells += [NOTHING] * (stop - self._column - 1) + ["\t"]
            self._column = stop
            self._cut()

    def _edit(self, final: bytes, number: bytes) -> None:
        count = min(int(number), MAX_LINE) if number else 0
        if final in b"KJ" and (final == b"K" or count < 2):
            self._erase_part(count)
        elif final in b"CaDjG`":
            self._move(final, count or 1)
        elif final in b"XP@":
            self._change(final, count or 1)
        elif final in b"s7":
            self._saved = self._column
        elif final in b"u8" and self._saved >= 0:
            self._column = self._saved
        elif final in b"u8":
            self._leave()  # where that is, nobody knows

    def _erase_part(self, part: int) -> None:
        """What stands from the cursor on, up to it, or everywhere."""
        if part < 3:
            self._erase(self._column if part == 0 else 0, self._column + 1 if part == 1 else max(self._column, len(self._cells)))

    def _move(self, final: bytes, count: int) -> None:
        column = self._column + count if final in b"Ca" else self._column - count if final in b"Dj" else count - 1
        self._column = max(0, min(column, max(len(self._cells), self._column, FARTHEST), MAX_LINE - 1))

    def _change(self, final: bytes, count: int) -> None:
        if final == b"X":
            self._erase(self._column, self._column + count)
        elif final == b"P":
            self._delete(self._column, count)
        else:
            self._insert(self._column, count)

    # --- cells

    def _write(self, text: str) -> None:
        if text.isascii():
            place = 0
            while place < len(text):
                room = MAX_LINE - self._column
                self._put(list(text[place : place + room]))
                place += room
            return
        for place in range(0, len(text), SLICE):
            self._write_wide(text[place : place + SLICE])

    def _write_wide(self, text: str) -> None:
        widths = {width_of(character) for character in set(text)}
        if 0 not in widths and self._column + 2 * len(text) < MAX_LINE:
            self._put(list(text) if 2 not in widths else [cell for character in text for cell in cells_of(character)])
            return
        for character in text:
            if width_of(character) or not self._attach(character):
                self._put(cells_of(character))

    def _put(self, cells: list[str]) -> None:
        start, end = self._column, self._column + len(cells)
        if start < len(self._cells):
            self._part(start)
            self._part(end)
            self._rewritten = self._rewritten or any(cell != NOTHING for cell in self._cells[start:end])
        else:
            self._pad()
        self._cells[start:end] = cells
        self._column = end
        self._cut()

    def _attach(self, character: str) -> bool:
        """Puts a character without a width on the cell before the cursor; False: there is none that takes it."""
        place = min(self._column, len(self._cells)) - 1
        if place == self._column - 1 and place >= 0 and self._cells[place] == HALF:
            place -= 1
        if (
            place < 0
            or self._column > len(self._cells)
            or self._cells[place] in (NOTHING, "\t")
            or len(self._cells[place]) >= MAX_ATTACHED
        ):
            return False
        self._cells[place] += character
        return True

    def _part(self, column: int) -> None:
        """Before something changes up to or from here: of a wide character that is cut in two, two spaces are left."""
        if 0 < column < len(self._cells) and self._cells[column] == HALF:
            self._cells[column - 1] = self._cells[column] = " "

    def _part_with_tabs(self, column: int) -> None:
        """Before what stands from here on moves: a tab goes to a fixed place, and that is another one then."""
        if "\t" in self._cells:
            self._cells[column:] = [NOTHING if cell == "\t" else cell for cell in self._cells[column:]]

    def _pad(self) -> None:
        self._cells += [NOTHING] * (self._column - len(self._cells))

    def _erase(self, start: int, end: int) -> None:
        self._part(start)
        self._part(end)
        if end >= len(self._cells):
            del self._cells[start:]
            while self._cells and self._cells[-1] == NOTHING:
                self._cells.pop()
        else:
            self._cells[start:end] = [NOTHING] * (end - start)
        if not self._cells:
            self._rewritten = False

    def _delete(self, start: int, count: int) -> None:
        self._part(start)
        self._part(start + count)
        if start < len(self._cells):
            self._part_with_tabs(start)
            del self._cells[start : start + count]
            self._rewritten = bool(self._cells)

    def _insert(self, start: int, count: int) -> None:
        if start < len(self._cells):
            self._part(start)
            self._rewritten = True
            self._part_with_tabs(start)
            self._cells[start:start] = [NOTHING] * min(count, FARTHEST)
            del self._cells[MAX_LINE:]

    # --- its end

    def _cut(self) -> None:
        if self._column >= MAX_LINE:
            self.give()
            self._begin()

    def _leave(self) -> None:
        """The cursor goes elsewhere: what stands here is a line, if anything does."""
        if self._cells or self.given:
            self.finish()
        else:
            self._begin()

    def finish(self) -> None:
        """It is over."""
        self.out.append(self.rest() + "\n")
        self._begin()

    def _begin(self) -> None:
        self._cells = []
        self._column = 0
        self._saved = -1
        self._rewritten = False
        self.given = ""


def erased_until(data: bytes) -> int:
    """Where the line was erased last, the cursor at its beginning, if what came before only wrote on it; else 0."""
    place = max([data.rfind(code) + len(code) for code in ERASING if code in data], default=0)
    return 0 if place and MORE_THAN_THE_LINE.search(data, 0, place) else place


def cells_of(character: str) -> list[str]:
    """What it puts on the line, if it does not go on another one's cell."""
    return [character, HALF] if width_of(character) == 2 else [character]


@functools.lru_cache(4096)
def width_of(character: str) -> int:
    """How many cells a character takes: 0, 1 or 2. What cannot be known, an undecodable byte say, takes 1."""
    if unicodedata.east_asian_width(character) in "WF":
        return 2
    return 0 if unicodedata.category(character) in ("Mn", "Me", "Cf") else 1
