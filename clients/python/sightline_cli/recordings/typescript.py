"""Typescripts: what `script` of util-linux writes, with its timing in the classic or the advanced format, byte for byte.

    build.typescript   a line that tells how it began, then the output's bytes, then one that tells how it ended
    build.timing       how long after the step before so many bytes came; advanced: also typed bytes, sizes and the exit code
    build.input        the bytes that were typed; `script --log-io` writes them between the output's instead

The bytes count, the timing only places them: where the two disagree every byte is read, and what is wrong is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sightline.v1 import event_pb2 as e
from sightline_server.decode.typescript import MAX_FRAME, MAX_TIMING_LINE, Header, footer, header, moment

from sightline_cli.recordings import recording as r
from sightline_cli.recordings.pieces import Pieces, lines

SECONDS = rb"\d{1,10}(?:[.,]\d{1,9})?"
STEP = re.compile(rb"(?:([IO]) )?(%b) (\d{1,18})\r?" % SECONDS)
SIGNAL = re.compile(rb"S (%b) (\S+) ?(.*)" % SECONDS)
TOLD = re.compile(rb"H \S+ (\S+) ?(.*)")
SIZES = {b"COLUMNS": "columns", b"LINES": "rows"}
ROWS_AND_COLUMNS = re.compile(rb"ROWS=(\d{1,5}) COLS=(\d{1,5})")

# --- writing


class Writer:
    """Writes the typescript, its timing, and what was typed. See `recording.Writer`.

    Args:
        head: what is known of the recording.
        advanced: the timing tells also sizes, what was typed, and the end; False: the classic one, which older tools read.
        keep_input: write also what was typed; the classic timing has no room for it.
    """

    def __init__(self, head: r.Head, *, advanced: bool = True, keep_input: bool = True) -> None:
        self.problems: list[str] = []
        self._head = head
        self._advanced = advanced
        self._keep_input = keep_input and advanced
        self._size = (head.columns, head.rows)
        self._started = False
        self._start = 0
        self._written = 0  # microseconds from the start to the last step
        self._last: e.Completed | None = None
        self._frame = b""
        self._has_typed = False

    def event(self, event: e.Event, moment: int | None) -> tuple[bytes, bytes, bytes]:
        """See `recording.Writer`."""
        if moment is None:
            return b"", b"", b""
        head, timing = (b"", b"") if self._started else self._begin(moment)
        kind = event.WhichOneof("payload")
        data = typed = b""
        if kind == "output" and event.output.data:
            data = event.output.data
            timing += self._step("O", moment, str(len(data)))
        elif kind == "input" and self._keep_input and event.input.data and not event.input.redacted:
            typed = self._typed_frame() + event.input.data
            timing += self._step("I", moment, str(len(event.input.data)))
        elif kind == "resized":
            timing += self._resized((event.resized.columns, event.resized.rows), moment)
        elif kind == "completed":
            self._last = event.completed
            self._pass(moment)
        return head + data, timing, typed

    def finish(self) -> tuple[bytes, bytes, bytes]:
        """See `recording.Writer`."""
        frame, timing = (b"", b"") if self._started else self._begin(self._head.started)
        code = None if self._last is None else r.exit_code_of(self._last)
        if self._advanced:
            timing += _told("DURATION", f"{self._written // 1_000_000}.{self._written % 1_000_000:06d}")
            timing += b"" if code is None else _told("EXIT_CODE", str(code))
        if self._last is None:
            return frame, timing, b""  # it goes on: so does the typescript of a `script` that still runs
        how = "<its end was not seen>" if code is None else f'COMMAND_EXIT_CODE="{code}"'
        # From the whole second that the first line tells, so that the lines agree with each other.
        done = _moment(self._start // r.SECOND * r.SECOND + self._written * r.MICROSECOND)
        last = f"\nScript done on {done} [{how}]\n".encode()
        return frame + last, timing, last if self._has_typed else b""

    def _typed_frame(self) -> bytes:
        """The first line again: the file of what was typed has one too, if anything was."""
        first, self._has_typed = not self._has_typed, True
        return self._frame if first else b""

    def _resized(self, size: tuple[int, int], moment: int) -> bytes:
        changed, self._size = size != self._size, size
        if not (changed and self._advanced):
            return b""
        return self._step("S", moment, f"SIGWINCH ROWS={size[1]} COLS={size[0]}")

    def _step(self, kind: str, moment: int, rest: str) -> bytes:
        passed = self._pass(moment)
        word = f"{kind} " if self._advanced else ""
        return f"{word}{passed // 1_000_000}.{passed % 1_000_000:06d} {rest}\n".encode()

    def _pass(self, moment: int) -> int:
        """Goes on to that moment; how far that is from the step before, in microseconds."""
        now = max(self._written, (moment - self._start + r.MICROSECOND // 2) // r.MICROSECOND)
        passed, self._written = now - self._written, now
        return passed

    def _begin(self, moment: int) -> tuple[bytes, bytes]:
        self._started = True
        self._start = moment
        command = " ".join(self._head.command.split())
        has_terminal = all(self._size)
        facts = [f'COMMAND="{command}"'] if command else []
        facts.append(f'COLUMNS="{self._size[0]}" LINES="{self._size[1]}"' if has_terminal else "<not executed on terminal>")
        self._frame = f"Script started on {_moment(moment)} [{' '.join(facts)}]\n".encode()
        if not self._advanced:
            return self._frame, b""
        timing = _told("START_TIME", _moment(moment))
        if has_terminal:
            timing += _told("COLUMNS", str(self._size[0])) + _told("LINES", str(self._size[1]))
        return self._frame, timing + (_told("COMMAND", command) if command else b"")


def _told(name: str, value: str) -> bytes:
    return f"H 0.000000 {name} {value}\n".encode()


def _moment(moment: int) -> str:
    return datetime.fromtimestamp(moment // r.SECOND, UTC).isoformat(" ")


# --- reading


@dataclass(frozen=True)
class _Step:
    """One line of a timing: so long after the one before, in nanoseconds, came so many bytes, or something else happened."""

    kind: str
    passed: int = 0
    size: int = 0
    columns: int = 0
    rows: int = 0


def read(output: Iterable[bytes], timing: Iterable[bytes] | None, typed: Iterable[bytes] | None, began: int) -> r.Recording:
    """A recording by `script`.

    Args:
        output: the typescript's bytes.
        timing: its timing; None: there is none, and everything happened at once.
        typed: what was typed, where `script` wrote it to a file of its own.
        began: nanoseconds since 1970, for a typescript that does not say when it began.
    """
    script = Pieces(output)
    first = _first_line(script)
    head = r.Head(first.started, first.columns, first.rows, first.command)
    recording = r.Recording(head, iter(()))
    keys = None
    if typed is not None:
        keys = Pieces(typed)
        _first_line(keys)
    reader = _Reader(head, script, keys, recording.problems)
    steps = reader.steps(() if timing is None else lines(timing, MAX_TIMING_LINE))
    ahead = reader.facts(steps)
    recording.events = reader.read(ahead, steps, head.started or began, timed=timing is not None)
    return recording


class _Reader:
    def __init__(self, head: r.Head, output: Pieces, typed: Pieces | None, problems: list[str]) -> None:
        self.typed = typed
        self._head = head
        self._output = output
        self._problems = problems
        self._logs: dict[bytes, bytes] = {}
        self._code: int | None = None
        self._missing = 0
        self._beyond = 0
        self._lasted = 0

    def steps(self, timing: Iterable[bytes]) -> Iterator[_Step]:
        """What the timing says, up to where it makes no sense."""
        number = 0
        try:
            for number, line in enumerate(timing, 1):  # noqa: B007 - it is told
                step = self._step(line)
                if step is None:
                    raise r.BadRecording
                yield step
        except r.BadRecording:
            self._problems.append(
                f"line {number} of the timing makes no sense: what was written from there on is read without its times"
            )

    def _step(self, line: bytes) -> _Step | None:
        """None: it makes no sense."""
        if step := STEP.fullmatch(line):
            return _Step((step[1] or b"O").decode(), _passed(step[2]), int(step[3]))
        if signal := SIGNAL.fullmatch(line):
            size = ROWS_AND_COLUMNS.search(signal[3]) if signal[2] == b"SIGWINCH" else None
            known = size is not None and r.is_size(int(size[2]), int(size[1]))
            columns, rows = (int(size[2]), int(size[1])) if size is not None and known else (0, 0)
            return _Step("S", _passed(signal[1]), 0, columns, rows)
        if told := TOLD.fullmatch(line):
            self._learn(told[1], told[2])
            return _Step("H")
        return None if line.strip() else _Step("H")

    def facts(self, steps: Iterator[_Step]) -> _Step | None:
        """Reads what the timing tells at its begin; the first step behind it."""
        for step in steps:
            if step.kind != "H":
                return step
        return None

    def read(self, ahead: _Step | None, steps: Iterator[_Step], start: int, *, timed: bool) -> Iterator[e.Event]:
        """The events."""
        now = start
        if self._head.columns and self._head.rows:
            yield r.resized(self._head.columns, self._head.rows, now)
        step = ahead
        while step is not None:
            now += step.passed
            yield from self._happened(step, now)
            step = next(steps, None)
        if self._missing:
            self._problems.append(
                f"the timing tells of {self._missing} bytes that the typescript does not have: it was cut, "
                "or the two do not belong together"
            )
        yield from self._shown(self._output.rest(), now, None)
        if timed and self._beyond:
            self._problems.append(
                f"the typescript has {self._beyond} bytes that the timing does not tell of: "
                "they are read as if they came last, at once"
            )
        yield r.ended(self._code, max(now, start + self._lasted))

    def _happened(self, step: _Step, now: int) -> Iterator[e.Event]:
        if step.kind == "O":
            yield from self._shown(self._output.take(step.size), now, step.size)
        elif step.kind == "S" and step.columns:
            yield r.resized(step.columns, step.rows, now)
        elif step.kind == "I" and step.size:
            yield from self._was_typed(step.size, now)

    def _was_typed(self, size: int, now: int) -> Iterator[e.Event]:
        shared = self._logs.get(b"INPUT_LOG") == self._logs.get(b"OUTPUT_LOG", b"")
        source = self._output if shared and b"INPUT_LOG" in self._logs else self.typed
        if source is None:  # it is kept in a file that is not here
            hidden = e.Input(length=size, redacted=True)
            yield r.stamped(e.Event(source="terminal", input=hidden), now)
            return
        got = 0
        for piece in source.take(size):
            got += len(piece)
            yield from r.typed(piece, now)
        self._missing += size - got

    def _shown(self, pieces: Iterable[bytes], now: int, told: int | None) -> Iterator[e.Event]:
        """Output of which the timing told so many bytes. At the end of the file it is without the lines that `script` added."""
        held = b""
        got = 0
        for piece in pieces:
            got += len(piece)
            held += piece
            if len(held) > 2 * MAX_FRAME:
                yield from r.shown(held[:-MAX_FRAME], now)
                held = held[-MAX_FRAME:]
        if (told is None or got < told) and (last := footer(held)) is not None:
            got -= last.length
            held = held[: -last.length]
            self._code = last.exit_code if self._code is None else self._code
        yield from r.shown(held, now)
        if told is None:
            self._beyond += got
        else:
            self._missing += told - got

    def _learn(self, name: bytes, value: bytes) -> None:
        if name in SIZES and value.isdigit() and r.is_size(int(value[:6]), 1):
            setattr(self._head, SIZES[name], int(value))
        elif name == b"START_TIME":
            self._head.started = self._head.started or moment(value)
        elif name == b"COMMAND":
            self._head.command = self._head.command or value.decode(errors="replace")
        elif name == b"EXIT_CODE" and value.isdigit():
            self._code = int(value[:9])
        elif name == b"DURATION" and re.fullmatch(SECONDS, value):
            self._lasted = _passed(value)
        elif name in {b"INPUT_LOG", b"OUTPUT_LOG"}:
            self._logs[name] = value


def _first_line(file: Pieces) -> Header:
    """Takes the line that `script` wrote before anything else, if it is there."""
    found = header(file.peek(MAX_FRAME)) or Header(0)
    for _ in file.take(found.length):
        pass
    return found


def _passed(text: bytes) -> int:
    whole, _, fraction = text.replace(b",", b".").partition(b".")
    return int(whole) * r.SECOND + int(fraction.ljust(9, b"0") or b"0")
