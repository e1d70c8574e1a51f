"""What `script` of util-linux writes around a program's output: its first and last line, and its timing, classic or advanced.

Bytes in, values out: no files, no clock, whole or byte by byte. The output itself is never changed here. `Timeline` says when each
byte of it was written, for as long as the timing makes sense; what does not is a `problem`, and then nothing has a time.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

SECOND = 1_000_000_000  # nanoseconds
MAX_FRAME = 64 * 1024  # bytes of the first line, or of the last two, at most: a command may be long
MAX_TIMING_LINE = 1024 * 1024  # bytes: an advanced timing holds the command
MAX_ELAPSED = 100 * 366 * 24 * 3600 * SECOND  # no recording takes longer
MAX_SIZE = 1 << 48  # bytes of output: no file is longer
GAP = 5_000_000  # ns: what was written closer together is one chunk, as far as it fits

_BEGAN = re.compile(
    rb"(?:Script started on [^\n]*"
    rb'|[^\n]*\d{4}-\d\d-\d\d [^\n]* \[(?:(?:COMMAND|TERM|TTY|COLUMNS)="[^\n]*|<[^\n<>]*>)\])\n'
)
"""The first line. The words before the date are in the language of whoever ran `script`."""
_ENDED = re.compile(
    rb"\n(?:Script done on [^\r\n]*"
    rb'|[^\r\n]*\d{4}-\d\d-\d\d [^\r\n]* \[(?:COMMAND_EXIT_CODE="-?\d+"|<[^\r\n]*>)\])\n\Z'
)
_BEGINS = b"Script started on "
_ENDS = b"\nScript done on "
_FACT = re.compile(rb'(COMMAND|COLUMNS|LINES|COMMAND_EXIT_CODE)="([^\n]*?)"(?= [A-Z<]|\])')
_WHY = re.compile(rb"\[<([^\r\n]*)>\]\n\Z")
_MOMENT = re.compile(rb"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,]\d+)?\s*(Z|[+-]\d\d:?\d\d)")
_STEP = re.compile(rb"(?:([IO]) )?(\d{1,10})(?:[.,](\d{1,9}))? (\d{1,15})\r?")
_SIGNAL = re.compile(rb"S (\d{1,10})(?:[.,](\d{1,9}))? (\S+) ?(.*)")
_TOLD = re.compile(rb"H \S+ (\S+) ?(.*)")
_SIZE = re.compile(rb"ROWS=(\d{1,5}) COLS=(\d{1,5})")


@dataclass(frozen=True)
class Header:
    """The first line.

    Attributes:
        length: of the line, in bytes, with its end.
        started: nanoseconds since 1970, in whole seconds; 0: it does not say.
        columns: of the terminal; 0: there was none, or it does not say.
        rows: as `columns`.
        command: for people; empty: an interactive shell.
    """

    length: int
    started: int = 0
    columns: int = 0
    rows: int = 0
    command: str = ""


@dataclass(frozen=True)
class Footer:
    """The last line.

    Attributes:
        length: in bytes, with the line end before it, which is no output either.
        exit_code: of the command; 128 and more may be a signal. None: it does not say.
        why: why `script` stopped by itself; empty: it did not.
    """

    length: int
    exit_code: int | None = None
    why: str = ""


def header(data: bytes) -> Header | None:
    """The first line of a typescript that begins with `data`; None: there is none, or not all of it (`may_be_header`)."""
    found = _BEGAN.match(data[:MAX_FRAME])
    if found is None:
        return None
    facts = dict(_FACT.findall(found[0]))
    columns, rows = _count(facts.get(b"COLUMNS", b"")), _count(facts.get(b"LINES", b""))
    return Header(
        length=found.end(),
        started=moment(found[0]),
        columns=columns if rows else 0,
        rows=rows if columns else 0,
        command=facts.get(b"COMMAND", b"").decode(errors="replace"),
    )


def may_be_header(data: bytes, *, surely: bool = False) -> bool:
    """Whether more bytes could make a first line of these; `surely`: they are its beginning, in English."""
    if len(data) >= MAX_FRAME or b"\n" in data:
        return False
    return _BEGINS.startswith(data[: len(_BEGINS)]) or (not surely and b" [" in data)


def footer(data: bytes) -> Footer | None:
    """The last line, where `data` ends with one; only at the end of a file is it one."""
    found = _ENDED.search(data, data.rfind(b"\n", 0, max(0, len(data) - 1)))
    if found is None:
        return None
    code = dict(_FACT.findall(found[0])).get(b"COMMAND_EXIT_CODE")
    why = _WHY.search(found[0])
    return Footer(len(found[0]), int(code) if code else None, why[1].decode(errors="replace") if why else "")


def held_back(data: bytes) -> int:
    """How many bytes at the end of `data`, output up to what was written last, may be the beginning of the last line.

    They nearly always are the program's own: to be held for a moment only, until the rest would have come.
    """
    start = data.rfind(b"\n", max(0, len(data) - MAX_FRAME))
    if start < 0:
        return 0
    tail = data[start:]
    if tail == b"\n":
        return int(data[start - 1 : start] != b"\r")
    return len(tail) if tail.startswith(_ENDS) or _ENDS.startswith(tail) else 0


def moment(text: bytes) -> int:
    """The first time in a text, in nanoseconds since 1970; 0: there is none."""
    found = _MOMENT.search(text)
    if found is None:
        return 0
    words = b"T".join((found[1], found[2])) + found[3].replace(b"Z", b"+00:00")
    try:
        return int(datetime.fromisoformat(words.decode()).timestamp()) * SECOND
    except (ValueError, OverflowError):
        return 0


@dataclass(frozen=True, slots=True)
class Step:
    """Some output.

    Attributes:
        end: bytes of output up to its end, since the recording's beginning.
        elapsed: ns since then.
        columns: the terminal has this size from here on; 0: it stays as it was.
        rows: as `columns`.
    """

    end: int
    elapsed: int
    columns: int = 0
    rows: int = 0


class Timeline:
    """When each byte of output was written. Offsets count output alone, without the first line.

    Attributes:
        told: bytes of output that the timing tells of so far.
        elapsed: ns from the beginning to the last thing that it tells.
        started: when it says that it began, in ns since 1970, in whole seconds; 0: it does not.
        problem: why it cannot be believed, for people; empty: it can.
    """

    def __init__(self) -> None:
        self.told = 0
        self.elapsed = 0
        self.started = 0
        self.problem = ""
        self._steps: deque[Step] = deque()
        self._rest = b""
        self._line = 0
        self._size = (0, 0)
        self._logs: dict[bytes, bytes] = {}

    @property
    def mixed(self) -> bool:
        """Typed bytes stand between the output's, in the same file."""
        return b"INPUT_LOG" in self._logs and self._logs.get(b"INPUT_LOG") == self._logs.get(b"OUTPUT_LOG")

    def feed(self, data: bytes) -> None:
        """More of the timing. A last line without its end waits for it."""
        if self.problem:
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line += 1
            if not self._take(line):
                self.distrust(f"line {self._line} of the timing makes no sense")
                return
        if len(self._rest) > MAX_TIMING_LINE:
            self.distrust(f"line {self._line + 1} of the timing has no end")

    def distrust(self, problem: str) -> None:
        """It is not to be believed from here on."""
        self.problem = self.problem or problem
        self._steps.clear()
        self._rest = b""

    def forget(self, offset: int) -> None:
        """Nobody asks for what lies before this offset again."""
        while self._steps and self._steps[0].end <= offset:
            step = self._steps.popleft()
            if step.columns:
                self._size = (step.columns, step.rows)

    def size(self, offset: int) -> tuple[int, int]:
        """Columns and rows as they were last set before the output at an offset; zeros: they were not."""
        size = self._size
        for step in self._steps:
            if step.end > offset:
                break
            if step.columns:
                size = (step.columns, step.rows)
        return size

    def same_size(self, offset: int, count: int) -> int:
        """How many of the `count` bytes from an offset were written before the terminal's size was set again."""
        for step in self._steps:
            if step.end >= offset + count:
                break
            if step.columns and step.end > offset:
                return step.end - offset
        return count

    def pieces(self, offset: int, count: int, most: int) -> Iterator[tuple[int, int]]:
        """How `count` bytes from `offset` are cut: bytes, at most `most`, and ns since the beginning; -1: not known."""
        end = offset + count
        begin, at = offset, -1
        for step in self._steps:
            if step.end <= begin:
                continue
            if begin > offset and at >= 0 and step.elapsed - at >= GAP and begin - offset:
                yield from _cut(begin - offset, at, most)
                offset = begin
            begin, at = min(step.end, end), step.elapsed
            if begin == end:
                break
            if begin - offset >= most:
                yield from _cut(begin - offset, at, most)
                offset = begin
        yield from _cut(begin - offset, at, most)
        yield from _cut(end - begin, -1, most)

    def _take(self, line: bytes) -> bool:
        if step := _STEP.fullmatch(line):
            self._pass(step[2], step[3])
            if step[1] != b"I":
                self.told += int(step[4])
                self._steps.append(Step(self.told, self.elapsed))
        elif signal := _SIGNAL.fullmatch(line):
            self._pass(signal[1], signal[2])
            size = _SIZE.search(signal[4]) if signal[3] == b"SIGWINCH" else None
            if size is not None and int(size[1]) and int(size[2]):
                self._steps.append(Step(self.told, self.elapsed, int(size[2]), int(size[1])))
        elif told := _TOLD.fullmatch(line):
            if told[1] == b"START_TIME":
                self.started = moment(told[2])
            elif told[1] in {b"INPUT_LOG", b"OUTPUT_LOG"}:
                self._logs[told[1]] = told[2]
        elif line.strip():
            return False
        return self.elapsed < MAX_ELAPSED and self.told < MAX_SIZE

    def _pass(self, whole: bytes, fraction: bytes | None) -> None:
        self.elapsed += int(whole) * SECOND + int((fraction or b"").ljust(9, b"0"))


def _cut(count: int, at: int, most: int) -> Iterator[tuple[int, int]]:
    while count > 0:
        yield min(count, most), at
        count -= most


def _count(text: bytes) -> int:
    number = int(text) if text.isdigit() and len(text) < 6 else 0
    return number if number <= 10_000 else 0
