"""A stream as text: exact on the forms, the same for any cutting, what a terminal would show, and linear on anything."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sightline_server.decode.escapes import MAX_C1_STRING, MAX_SEQUENCE, MAX_STRING, Stripper, strip
from sightline_server.decode.line import FARTHEST, MAX_LINE
from sightline_server.decode.text import TextDecoder, to_text

# --- the same, said once more: character by character, with nothing clever about it

LEADS = [  # of UTF-8: first byte, second byte, how many follow
    (range(0xC2, 0xE0), range(0x80, 0xC0), 1),
    (range(0xE0, 0xE1), range(0xA0, 0xC0), 2),
    (range(0xE1, 0xED), range(0x80, 0xC0), 2),
    (range(0xED, 0xEE), range(0x80, 0xA0), 2),
    (range(0xEE, 0xF0), range(0x80, 0xC0), 2),
    (range(0xF0, 0xF1), range(0x90, 0xC0), 3),
    (range(0xF1, 0xF4), range(0x80, 0xC0), 3),
    (range(0xF4, 0xF5), range(0x80, 0x90), 3),
]


def character_at(data: bytes, place: int) -> int:
    """Bytes of the character there, or of as much of one as is there; 1 where there is none."""
    for first, second, following in LEADS:
        if data[place] in first:
            length = 1
            allowed = second
            while length <= following and place + length < len(data) and data[place + length] in allowed:
                length += 1
                allowed = range(0x80, 0xC0)
            return length
    return 1


def seven_bit(data: bytes) -> bytes:
    """8-bit forms that are whole and well formed, in their 7-bit form."""
    out = b""
    place = 0
    while place < len(data):
        length = character_at(data, place)
        if length == 1 and data[place] == 0x9B:
            end = place + 1
            while end < len(data) and data[end] in range(0x30, 0x40):
                end += 1
            between = end
            while end < len(data) and data[end] in range(0x20, 0x30):
                end += 1
            if end < len(data) and data[end] in range(0x40, 0x7F) and between - place <= 65 and end - between <= 8:
                out += b"\x1b[" + data[place + 1 : end + 1]
                place = end + 1
                continue
        elif length == 1 and data[place] in b"\x90\x98\x9d\x9e\x9f":
            end, count = place + 1, 0
            while end < len(data) and count < MAX_C1_STRING and (0x20 <= data[end] < 0x7F or data[end] >= 0xC2):
                if data[end] > 0xF4:
                    break
                end += character_at(data, end)
                count += 1
            ends = next((end + len(code) for code in (b"\x07", b"\x9c", b"\x1b\\") if data[end : end + len(code)] == code), 0)
            if ends:
                out += b"\x1b\\"
                place = ends
                continue
        out += data[place : place + length]
        place += length
    return out


class Forms:
    """ECMA-48 as a state machine, a byte at a time. Gives text bytes, and complete sequences as (introducer, parameters, final)."""

    def __init__(self) -> None:
        self.state = "text"
        self.inside = b""

    def feed(self, byte: int) -> Iterator[bytes | tuple[bytes, bytes, bytes]]:  # noqa: C901 - plain, and in one place
        one = bytes([byte])
        if self.state in ("osc", "string", "title"):
            if byte in (0x18, 0x1A) or (byte == 0x07 and self.state != "string"):
                self.state = "text"
                return
            over = byte == 0x1B or (self.state == "title" and one in b"\r\n") or len(self.inside) >= MAX_STRING
            if not over:
                self.inside += one
                return
            self.state = "text"
        if byte == 0x1B:
            self.state, self.inside = "escape", b""
            return
        if self.state in ("csi", "nf"):
            if byte in (0x18, 0x1A):
                self.state = "text"
                return
            if byte in range(0x40 if self.state == "csi" else 0x30, 0x7F):
                if self.state == "csi":
                    yield b"[", bytes(code for code in self.inside if 0x20 <= code < 0x7F), one
                self.state = "text"
                return
            if byte < 0x80 and len(self.inside) < MAX_SEQUENCE:
                self.inside += one
                if byte < 0x20:
                    yield one
                return
            self.state = "text"
        elif self.state == "escape":
            self.state = {0x5B: "csi", 0x5D: "osc", 0x6B: "title"}.get(byte, "string" if one in b"PX^_" else "text")
            if self.state != "text":
                return
            if byte in range(0x20, 0x30):
                self.state = "nf"
                return
            if byte in range(0x30, 0x7F):
                yield b"", b"", one
                return
        yield one


def slowly_stripped(data: bytes) -> bytes:
    forms = Forms()
    out = b""
    for byte in seven_bit(data):
        for found in forms.feed(byte):
            if isinstance(found, bytes) and (found >= b" " or found in b"\b\t\n\v\f\r") and found != b"\x7f":
                out += b"\n" if found in (b"\v", b"\f") else found
    return out


@dataclass
class Paper:
    """What stands on a line, cell by cell: None where nothing does, the second cell of a wide character is ''."""

    out: str = ""
    cells: list[str | None] = field(default_factory=list)
    column: int = 0
    saved: int | None = None

    def text(self) -> str:
        cells = list(self.cells)
        while cells and cells[-1] is None:
            cells.pop()
        out = ""
        for place, cell in enumerate(cells):
            if cell is not None:
                out += cell
            elif next((later for later in cells[place : place + 8] if later is not None), "") != "\t":
                out += " "
        return out

    def line(self, end: str) -> None:
        self.out += self.text() + end
        self.cells, self.column, self.saved = [], 0, None

    def row(self) -> None:
        if self.cells:
            self.line("\n")
        self.column, self.saved = 0, None

    def clear(self, place: int, to: str | None = None) -> None:
        """Before a cell changes: a wide character of which it is a half becomes spaces."""
        if 0 < place < len(self.cells) and self.cells[place] == "":
            self.cells[place - 1] = self.cells[place] = " "

    def write(self, character: str) -> None:
        width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if unicodedata.category(character) in ("Mn", "Me", "Cf") and not character.isascii():
            place = self.column - 1
            if 0 <= place < len(self.cells) and self.cells[place] == "":
                place -= 1
            before = self.cells[place] if 0 <= place < len(self.cells) and self.column <= len(self.cells) else None
            if before not in (None, "\t") and len(str(before)) < 16:
                self.cells[place] = str(before) + character
                return
        if self.column < len(self.cells):
            self.clear(self.column)
            self.clear(self.column + width)
        self.cells += [None] * (self.column - len(self.cells))
        self.cells[self.column : self.column + width] = [character, ""][:width]
        self.column += width
        self.edge()

    def edge(self) -> None:
        if self.column >= MAX_LINE:
            self.line("")

    def tab(self) -> None:
        stop = (self.column // 8 + 1) * 8
        if self.column >= len(self.cells):
            self.cells += [None] * (stop - 1 - len(self.cells)) + ["\t"]
        self.column = stop
        self.edge()

    def erase(self, start: int, end: int) -> None:
        self.clear(start)
        self.clear(end)
        for place in range(start, min(end, len(self.cells))):
            self.cells[place] = None
        if end >= len(self.cells):
            del self.cells[start:]
            while self.cells and self.cells[-1] is None:
                self.cells.pop()

    def without_tabs(self) -> None:
        self.cells[self.column :] = [None if cell == "\t" else cell for cell in self.cells[self.column :]]

    def edit(self, final: str, number: int) -> None:  # noqa: C901 - the same
        many = number or 1
        to = {"C": self.column + many, "a": self.column + many, "D": self.column - many, "j": self.column - many}
        to |= {"G": many - 1, "`": many - 1}
        if final in to:
            self.column = max(0, min(to[final], max(len(self.cells), self.column, FARTHEST), MAX_LINE - 1))
        elif final in "KJ" and number == 0:
            self.erase(self.column, max(len(self.cells), self.column))
        elif final in "KJ" and number == 1:
            self.erase(0, self.column + 1)
        elif final == "K":
            self.erase(0, max(len(self.cells), self.column)) if number == 2 else None
        elif final == "X":
            self.erase(self.column, self.column + many)
        elif final == "P":
            self.clear(self.column)
            self.clear(self.column + many)
            self.without_tabs()
            del self.cells[self.column : self.column + many]
        elif final == "@":
            if self.column < len(self.cells):
                self.clear(self.column)
                self.without_tabs()
                self.cells[self.column : self.column] = [None] * min(many, FARTHEST)
                del self.cells[MAX_LINE:]
        elif final == "s":
            self.saved = self.column
        elif final == "u" and self.saved is not None:
            self.column = self.saved
        elif final in "uABEFHLMSTdefkJ":
            self.row()


def slowly(data: bytes) -> bytes:  # noqa: C901 - the same
    """The text of a stream."""
    forms, paper, pending = Forms(), Paper(), b""

    def write() -> None:
        nonlocal pending
        if pending:
            for character in pending.decode("utf-8", "surrogateescape"):
                paper.write(character)
            pending = b""

    for byte in seven_bit(data):
        for found in forms.feed(byte):
            if isinstance(found, bytes) and (found >= b" " and found != b"\x7f"):
                pending += found
                continue
            if isinstance(found, tuple):
                introducer, parameters, final = found
                known = len(parameters) <= 64 and all(code in b"0123456789;" for code in parameters)
                if introducer and known and final in b"@CDGJKPX`ajsuABEFHLMSTdefk":
                    write()
                    paper.edit(final.decode(), int(parameters.split(b";")[0] or b"0"))
                elif not introducer and final in b"78DEMc":
                    write()
                    paper.edit({b"7": "s", b"8": "u"}.get(final, "A"), 0)
                continue
            if found in b"\b\t\n\v\f\r":
                write()
                if found in b"\n\v\f":
                    paper.line("\n")
                elif found == b"\r":
                    paper.column = 0
                elif found == b"\b":
                    paper.column = max(0, paper.column - 1)
                else:
                    paper.tab()
    write()
    return (paper.out + paper.text()).encode("utf-8", "surrogateescape")


# --- the same

FRAGMENTS = [
    b"abc", b"xyz ", b"\r", b"\n", b"\r\n", b"\b", b"\t", b"\v", b"\f", b"\0", b"\x07", b"\x18", b"\x1a", b"\x1b", b"\x7f",
    b"\x1b[K", b"\x1b[1K", b"\x1b[2K", b"\x1b[3K", b"\r\x1b[K", b"\x1b[2K\x1b[1G",
    b"\x1b[3C", b"\x1b[2D", b"\x1b[5G", b"\x1b[2P", b"\x1b[2@",
    b"\x1b[2X", b"\x1b[J", b"\x1b[2J", b"\x1b[H", b"\x1b[3;4H", b"\x1bM", b"\x1bc", b"\x1b7", b"\x1b8", b"\x1b[s", b"\x1b[u",
    b"\x1b[31m", b"\x1b[1;38:2::1:2:3m", b"\x1b[?25h", b"\x1b[ q", b"\x1b[3\nm", b"\x1b[>4;1m", b"\x1b[!p", b"\x1b(B", b"\x1b#8",
    b"\x1b%G",
    b"\x1b]0;title\x07", b"\x1b]8;;u\x1b\\", b"\x1b]52;c;", b"\x1bP1;2q", b"\x1bX", b"\x1b^", b"\x1b_",
    b"\x1bkname\x1b\\", b"\x1b\\", b"\x1b[",
    b"\x9b31m", b"\x9b", b"\x9d0;t\x9c", b"\x9d", b"\x90q\x1b\\", b"\x9e", b"\x9c",
    b"\x80", b"\xff", b"\xc3", b"\xe2", b"\xe2\x9c", b"\xf0\x9f", b"\xc2",
    "é".encode(), "✓".encode(), "\u203a".encode(), "日本".encode(), "😀".encode(),
    "e\u0301".encode(), "\u200b".encode(), "\u009b".encode(),
    b"[", b"]", b"3", b";", b"m", b"K", b"\\", b" ",
]  # fmt: skip
streams = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), max_size=20).map(b"".join),
    st.lists(st.sampled_from(FRAGMENTS), max_size=8).map(b"".join).flatmap(lambda data: st.permutations(list(data)).map(bytes)),
    st.binary(max_size=40),
)
LONG = b"01234567" * (MAX_LINE // 8)


@settings(max_examples=400)
@given(streams)
def test_it_is_what_a_slow_and_plain_reading_gives(data: bytes) -> None:
    assert to_text(data) == slowly(data)
    assert strip(data) == slowly_stripped(data)


@settings(max_examples=300)
@given(streams, st.lists(st.integers(0, 200), max_size=8))
def test_however_it_is_cut_the_same_is_given_at_each_cut(data: bytes, places: list[int]) -> None:
    cuts = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    one_by_one, in_pieces, stripper = TextDecoder(), TextDecoder(), Stripper()
    stripped = b""
    for start, end in pairwise(cuts):
        slow = b"".join(one_by_one.feed(data[place : place + 1]) for place in range(start, end))
        assert in_pieces.feed(data[start:end]) == slow
        stripped += stripper.feed(data[start:end])
        assert (in_pieces.pending, in_pieces.has_more) == (one_by_one.pending, one_by_one.has_more)
        if in_pieces.pending:
            assert in_pieces.is_rewritten == one_by_one.is_rewritten
    assert in_pieces.end() == one_by_one.end()
    assert stripped + stripper.end() == strip(data)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"abc\rX\n", b"Xbc\n"),
        (b"abc\r\x1b[KX\n", b"X\n"),
        (b"10%\r20%\r100%\r\n", b"100%\n"),
        (b"\x1b[1;31mred\x1b[0m\r\n", b"red\n"),
        (b"\x9b1mred\x9bm", b"red"),
        ("ě \u203a ✓ \u009b1m".encode(), "ě \u203a ✓ \u009b1m".encode()),
        (b"na\xefve \x9b \x9d caf\xe9", b"na\xefve \x9b \x9d caf\xe9"),
        (b"\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b\x1b]8;;\x1b\\", b"ab"),
        (b"\x1bP1$r0m\x1b\\a\x1b_x\x07y\x1b\\b\x1bXz\x18c", b"abc"),
        (b"\x1bktitle\x1b\\$ \x1b(B", b"$ "),
        (b"pass\x1b[2Dword\b\b\n", b"paword\n"),
        (b"\x1b[?1049h\x1b[Hone\x1b[2;1Htwo\x1b[?1049l", b"one\ntwo"),
        (b"a\x1b[31", b"a"),
        (b"a\xe2\x9c", b"a\xe2\x9c"),
    ],
)
def test_the_forms_are_these(data: bytes, text: bytes) -> None:
    assert to_text(data) == text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (LONG + b"abcdef\rX\n", LONG + b"Xbcdef\n"),
        (LONG[:-3] + b"\r\x1b[99999CX\x1b[KYZ\rQ\n", LONG[:-3] + b"XYZQ\n"),
        (b"\t" * (MAX_LINE // 8) + b"\rX", b"\t" * (MAX_LINE // 8) + b"X"),
        ("日".encode() * (MAX_LINE // 2) + "日\rX".encode(), "日".encode() * (MAX_LINE // 2) + b"X "),
    ],
    ids=["text", "moves", "tabs", "wide"],
)
def test_a_line_that_is_too_long_is_given_in_pieces_that_are_not_written_over(data: bytes, text: bytes) -> None:
    assert to_text(data).rstrip(b" ") == text.rstrip(b" ")
    decoder = TextDecoder()
    pieces = [decoder.feed(data[place : place + 1000]) for place in range(0, len(data), 1000)]
    assert b"".join(pieces) + decoder.end() == to_text(data)


def test_a_string_without_its_end_hides_so_much_and_no_more() -> None:
    data = b"\x1b]0;" + b"x" * (MAX_STRING - 2) + b"seen\n"
    decoder = TextDecoder()
    assert b"".join(decoder.feed(data[place : place + 4096]) for place in range(0, len(data), 4096)) == to_text(data) == b"seen\n"
    assert to_text(b"\x1b[" + b"1" * MAX_SEQUENCE + b";seen\n") == b";seen\n"


# --- lines that are not over


def test_of_a_line_that_is_not_over_the_beginning_is_given_when_asked_and_then_only_the_rest() -> None:
    decoder = TextDecoder()
    assert decoder.feed(b"one\n$ ") == b"one\n"
    assert (decoder.pending, decoder.is_rewritten) == (b"$ ", False)
    assert decoder.flush() == b"$ "
    assert decoder.flush() == b""
    assert decoder.feed(b"ls\b\bls\r\n") == b"ls\n"


def test_what_was_given_and_is_written_over_comes_again_on_a_new_line() -> None:
    decoder = TextDecoder()
    assert decoder.feed(b"10%") + decoder.flush() == b"10%"
    assert decoder.feed(b"\r20%") == b""
    assert decoder.is_rewritten
    assert decoder.flush() == b"\n20%"
    assert decoder.feed(b"\r\x1b[K") + decoder.flush() == b""
    assert decoder.feed(b"done\n") == b"\ndone\n"


@given(streams, st.integers(0, 60))
def test_a_copy_goes_on_by_itself(data: bytes, place: int) -> None:
    decoder = TextDecoder()
    decoder.feed(data[:place])
    copied = decoder.copy()
    copied.feed(b"something else\x1b[\r\n")
    copied.end()
    fresh = TextDecoder()
    fresh.feed(data[:place])
    assert decoder.feed(data[place:]) + decoder.end() == fresh.feed(data[place:]) + fresh.end()


# --- a terminal shows the same

ON_ONE_LINE = [
    b"abc", b"\r", b"\b", b"xyz", b"\x1b[K", b"\x1b[1K", b"\x1b[2K", b"\x1b[2C", b"\x1b[2D", b"\x1b[4G", b"\x1b[31m",
    b"\x1b[2P", b"\x1b[2@", b"\x1b[2X",
    b"\x1b]0;t\x07", b"\x1b7", b"\x1b(B", b"\t", "é".encode(), b"10%", b" ",
]  # fmt: skip


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
def test_tmux_shows_the_same_lines(tmp_path: Path) -> None:
    """Two hundred lines that only move within themselves, in one pane, compared with what its screen shows."""
    chance = random.Random(7)
    lines = [b"".join(chance.choices(ON_ONE_LINE, k=chance.randrange(1, 12))) for _ in range(200)]
    (tmp_path / "data").write_bytes(b"\r\n".join(lines) + b"\r\n")
    tmux = ["tmux", "-S", str(tmp_path / "socket"), "-f", "/dev/null"]
    script = f"stty raw -echo; cat {tmp_path}/data; printf 'the end'; cat"
    subprocess.run(
        [*tmux, "new-session", "-d", "-x", "200", "-y", "300", "sh", "-c", script], check=True, env={"LC_ALL": "C.UTF-8"}
    )
    try:
        deadline = time.monotonic() + 20
        shown = b""
        while b"the end" not in shown:
            assert time.monotonic() < deadline, shown
            shown = subprocess.run([*tmux, "capture-pane", "-p"], check=True, capture_output=True).stdout
    finally:
        subprocess.run([*tmux, "kill-server"], check=True)
    seen = [line.rstrip() for line in shown.decode().expandtabs().splitlines()[:200]]
    ours = [line.rstrip() for line in to_text(b"\n".join(lines)).decode().expandtabs().split("\n")]
    assert dict(enumerate(ours)) == dict(enumerate(seen))


# --- linear

HOSTILE = {
    "unterminated strings": b"\x1b]",
    "unterminated sequences": b"\x1b[",
    "escapes alone": b"\x1b",
    "long parameters": b"\x1b[" + b"1;" * 100,
    "8-bit openers": b"\x9d",
    "8-bit strings that do not end": b"\x9d" + b"a" * (MAX_C1_STRING + 1),
    "cut characters": b"\xe2",
    "progress without an end": b"\r10% of it \x1b[K",
    "moves and inserts": b"\x1b[999C\b\x1b[999@",
    "tabs": b"\t",
    "rows": b"\x1b[3;4Hcell",
    "erasing": b"\x1b[1K\x1b[500CX",
}


def work(data: bytes, size: int) -> int:
    """Calls of functions, ours and built in, to decode it in pieces of a size."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    decoder = TextDecoder()
    pieces = [data[place : place + size] for place in range(0, len(data), size)]
    sys.setprofile(count)
    try:
        for piece in pieces:
            decoder.feed(piece)
        decoder.end()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("size", [1, 4096])
def test_twice_as_much_is_at_most_twice_the_work(unit: bytes, size: int) -> None:
    total = 8192 if size == 1 else 32 * 4096
    data = (unit * (total // len(unit) + 1))[:total]
    assert work(data + data, size) <= 3 * work(data, size) + 2000  # four times would be quadratic; long lines end in between
