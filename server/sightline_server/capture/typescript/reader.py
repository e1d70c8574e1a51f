"""The bytes of a growing typescript as output: without the lines that `script` adds, with the times of its timing.

A `file_tail.Reader`. The typescript's bytes count, and the timing only places them: one that lags, lies or is torn costs times,
never a byte. Knows the two files, nothing of who writes them.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

from sightline.v1.event_pb2 import Event, Notice, Resized

from sightline_server.capture.file_tail import Taken
from sightline_server.decode import typescript
from sightline_server.decode.lines import MAX_CHUNK, cut_anywhere
from sightline_server.decode.typescript import MAX_SIZE, SECOND, Footer, Header, Timeline

TIMING_BYTES = 128 * 1024  # of the timing, in one look: some 20 ms of work
EARLIEST = 2 * SECOND  # a timing that was written to so long before its typescript began is another one's


class TypescriptReader:
    """See `file_tail.Reader`.

    Args:
        timing: its timing file; need not exist (yet).
        notes: a file that keeps, over restarts, which time the timing counts from and what was said about it.
        on_footer: called when what may be the last line has come.
        on_timing: called with the descriptor of the timing when it was opened.

    Attributes:
        header: the first line, once it is read.
        footer: what stands at the end now and is the last line if nothing comes behind it.
        ended: nobody writes any more: set by who knows.
    """

    def __init__(self, timing: Path, notes: Path, on_footer: Callable[[], None], on_timing: Callable[[int], None]) -> None:
        self.header: Header | None = None
        self.footer: Footer | None = None
        self.ended = False
        self._timing: Path | None = timing
        self._notes = notes
        self._on_footer = on_footer
        self._on_timing = on_timing
        self._fd = -1
        self._timing_fd = -1
        self._timing_read = 0
        self._timeline = Timeline()
        self._start = -1  # offset of the first byte of output; -1: not known yet
        self._base = 0  # ns since 1970 that the timing counts from; 0: not known yet
        self._size = (0, 0)
        self._output_end = 0  # bytes of output that were shown
        self._held_back = 0  # bytes of what may be the beginning of the last line
        self._late = False  # the timing was waited for, and did not come
        self._said = ""
        self._generation = 0

    @property
    def size(self) -> tuple[int, int]:
        """The terminal's columns and rows, as far as they are known; zeros: they are not."""
        if self._start < 0:
            return 0, 0
        return self._size

    def begin(self, fd: int, offset: int) -> None:
        """See `Reader`."""
        self._fd = fd
        self._start = -1
        self.header = self.footer = None
        self._generation += 1
        self.close()
        self._timeline = Timeline()
        self._timing_read = 0
        if self._generation == 1:
            self._recall()
        else:  # the timing counts from the first file's beginning, or is about to be replaced as well
            self._base = 0
        if offset and not self._learn_start(os.pread(fd, typescript.MAX_FRAME, 0), waited=True):
            self._start = 0  # it was decided before

    def close(self) -> None:
        """Closes the timing."""
        if self._timing_fd >= 0:
            os.close(self._timing_fd)
            self._timing_fd = -1

    def take(self, data: bytes, offset: int, *, waited: bool) -> Taken:
        """See `Reader`."""
        if self._start < 0 and not self._learn_start(data, waited=waited):
            return Taken(0)
        if offset < self._start:
            return self._first_line(len(data))
        held = self._held(data, offset, waited=waited)
        data = data[: len(data) - held]
        if not data:
            return Taken(held if self.ended else 0)
        return self._output(data, offset - self._start, waited=waited)

    # --- the lines that `script` adds

    def _learn_start(self, data: bytes, *, waited: bool) -> bool:
        """Where the output begins. False: more bytes are needed to know."""
        self.header = typescript.header(data)
        if self.header is None and not self.ended and typescript.may_be_header(data, surely=waited):
            return False
        self._start = self.header.length if self.header else 0
        if self.header:
            self._size = (self.header.columns, self.header.rows)
        elif self._generation > 1:
            self._timing = None  # what is left of a truncated typescript is no beginning that a timing could count from
        return True

    def _first_line(self, count: int) -> Taken:
        assert self.header is not None  # noqa: S101 - without one the output begins with the file
        if not self.header.columns:
            return Taken(min(count, self.header.length))
        resized = Resized(columns=self.header.columns, rows=self.header.rows)
        return Taken(min(count, self.header.length), event=Event(resized=resized))

    def _held(self, data: bytes, offset: int, *, waited: bool) -> int:
        """How many bytes at the end are no output, or may turn out to be none."""
        at_end = os.fstat(self._fd).st_size <= offset + len(data)
        last = typescript.footer(data) if at_end else None
        if last != self.footer:
            self.footer = last
            if last:
                self._on_footer()
        if last:
            return last.length
        held = typescript.held_back(data) if at_end and not self.ended else 0
        grows, self._held_back = held != self._held_back, held
        return held if grows or not waited else 0

    # --- the output and its times

    def _output(self, data: bytes, offset: int, *, waited: bool) -> Taken:
        timeline = self._timeline
        end = self._output_end = offset + len(data)
        more = self._timing is not None and self._read_timing(end)
        if self._problem():
            self._said = timeline.problem
            self._note()
            return Taken(0, event=complaint(self._said))
        if self._timing_fd < 0 or timeline.problem:
            return Taken(len(data), cut_anywhere(data))
        late = timeline.told < end and not self.ended
        if more or (late and not self._late and not waited):
            return Taken(0, again=more)  # `script` writes the timing after the bytes: it is on its way
        self._late = late
        timeline.forget(offset)
        size = timeline.size(offset)
        if all(size) and size != self._size:
            self._size = size
            return Taken(0, event=Event(resized=Resized(columns=size[0], rows=size[1])))
        return self._placed(data[: timeline.same_size(offset, len(data))], offset)

    def _placed(self, data: bytes, offset: int) -> Taken:
        """Output that is cut where it paused, with its times."""
        base = self._since()
        chunks, times, begin = [], [], 0
        for count, elapsed in self._timeline.pieces(offset, len(data), MAX_CHUNK):
            chunks.append(data[begin : begin + count])
            times.append(base + elapsed if base and elapsed >= 0 else 0)
            begin += count
        return Taken(len(data), chunks, times)

    def _read_timing(self, needed: int) -> bool:
        """Reads the timing up to what tells of so much output. True: there is more to read before that."""
        timeline = self._timeline
        if not self._open_timing() or timeline.told >= needed or timeline.problem:
            return False
        status = os.fstat(self._timing_fd)
        if status.st_size < self._timing_read:
            timeline.distrust("the timing was truncated")
        began = self.header.started if self.header else 0
        if began and status.st_mtime_ns < began - EARLIEST:
            timeline.distrust("the timing is older than the typescript: it is another one's")
        try:
            data = os.pread(self._timing_fd, TIMING_BYTES, self._timing_read)
        except OSError as error:
            timeline.distrust(f"the timing cannot be read ({error.strerror})")
            return False
        self._timing_read += len(data)
        timeline.feed(data)
        if began and timeline.started and abs(began - timeline.started) > EARLIEST:
            timeline.distrust("the timing began at another time than the typescript: it is another one's")
        if timeline.mixed:
            timeline.distrust("what was typed stands between the output, and cannot be told apart while it grows")
        return len(data) == TIMING_BYTES and timeline.told < needed and not timeline.problem

    def _open_timing(self) -> bool:
        """False: there is none, or none yet."""
        if self._timing_fd >= 0:
            return True
        assert self._timing is not None  # noqa: S101 - asked for only where there may be one
        try:
            self._timing_fd = os.open(self._timing, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError:
            return False
        if stat.S_ISREG(os.fstat(self._timing_fd).st_mode):
            self._on_timing(self._timing_fd)
        else:
            self._timeline.distrust("the timing is no regular file")
        return True

    def check_end(self) -> str:
        """What is wrong with the timing of a recording that has ended, and was not said before; empty: nothing."""
        if self._timing_fd < 0 or self._timeline.problem:
            return ""
        while self._read_timing(MAX_SIZE):
            pass
        if self._timeline.told == self._output_end or self._problem():
            return self._problem()
        return f"the timing tells of {self._timeline.told} bytes of output, and the typescript has {self._output_end}"

    def _since(self) -> int:
        """The moment that the timing counts from: to the second by its own words, finer by when it was written to last."""
        if not self._base:
            started = self._timeline.started or (self.header.started if self.header else 0)
            if not started:
                return 0
            status = os.fstat(self._timing_fd)
            fine = status.st_mtime_ns - self._timeline.elapsed
            at_its_end = status.st_size == self._timing_read
            self._base = fine if at_its_end and started <= fine < started + SECOND else started
            self._note()
        return self._base

    def _problem(self) -> str:
        problem = self._timeline.problem
        return problem if problem != self._said else ""

    # --- over restarts

    def _note(self) -> None:
        fd = os.open(self._notes, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            json.dump({"base": self._base, "said": self._said}, file)

    def _recall(self) -> None:
        try:
            noted = json.loads(self._notes.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # killed while it was written: said again, at worst
            return
        self._base, self._said = noted["base"], noted["said"]


def complaint(problem: str) -> Event:
    """What the log says of a timing that cannot be believed."""
    text = f"{problem}: every byte of the output is here, without the time of its writing where that is not known"
    return Event(notice=Notice(code="timing_unusable", text=text))
