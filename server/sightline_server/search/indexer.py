"""The thread that keeps the index up: which log is next, how much of it, and how politely. Knows no queries.

It reads logs beside the store, as of their last commit, and nothing waits for it. What it adds and how far that is are one
transaction of the index, so that a killed process leaves neither a line twice nor one missing. It takes a share of one core, a
smaller one while the rest of the process works; a flood is read later, and the log that is least behind comes first.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sightline_server.errors import SightlineError
from sightline_server.log import record
from sightline_server.search.index import BREATH, Index, Progress
from sightline_server.search.lines import Line, Lines
from sightline_server.storage.contract import Block, LogHead, Reader
from sightline_server.storage.layout import is_damage

logger = logging.getLogger(__name__)

T = TypeVar("T")

START_SECONDS = 1.0  # that a starting server is left alone
LOOK_SECONDS = 1.0  # between looks for what is new
GATHER_SECONDS = 10.0  # a log that grows slowly is indexed so often, unless somebody searches
GATHER_BYTES = 64 * 1024  # of log that are indexed at the next look
TIDY_SECONDS = 20.0  # between looks for what retention took
BEYOND = 1 << 62  # any `seq`
READ_BYTES = 256 * 1024  # of log read together
BATCH_BYTES = 512 * 1024  # of log added in one transaction: a tenth of a second; half as many take a tenth longer in all
BATCH_LINES = 10_000
LINES_AT_ONCE = 100  # after which the loop may have its turn: a fraction of a millisecond
REMOVED_AT_ONCE = 16  # pages in one transaction
PAUSE_SECONDS = 10.0  # after the index could not be written, or a log not read
MIN_FREE = 64 * 1024 * 1024  # bytes on the disk below which nothing is added: logs need it more
REST = 1.0  # seconds of rest for each of work, in a quiet process
BUSY_REST = 3.0  # the same while the others of the process work: a quarter of a core
BUSY = 0.1  # of a core, from which on the others are at work


@dataclass
class Behind:
    """A log that is not indexed to its end.

    Attributes:
        head: which log.
        bytes: how much is to be read.
        since: when that was first seen, in seconds of a steady clock.
        end: `seq` of its last event.
    """

    head: LogHead
    bytes: int
    since: float
    end: int


@dataclass
class Known:
    """What the thread knows of all logs."""

    progress: dict[int, Progress]
    done: set[int] = field(default_factory=set)  # ended, and indexed to the end
    behind: dict[int, Behind] = field(default_factory=dict)
    lines: dict[int, Lines] = field(default_factory=dict)  # of logs that are being read


class Indexer:
    """Keeps an index up.

    Args:
        index: not open yet.
        path: its file; None: it is in memory.
        reader: makes one who reads the logs.
        tidy_seconds: between looks for what retention took.
    """

    def __init__(
        self, index: Index, path: Path | None, reader: Callable[[], Reader], *, tidy_seconds: float = TIDY_SECONDS
    ) -> None:
        self._tidy_seconds = tidy_seconds
        self._index = index
        self._path = path
        self._new_reader = reader
        self._reader: Reader
        self._known = Known({})
        self._version = -1
        self._tidied = 0.0
        self._urgent_until = 0.0
        self._is_stale = True  # what is known has to be read from the index again
        self._others = 0.0  # seconds of processor that the rest of the process had had
        self._rested = 0.0  # when that was looked at
        self._thread = threading.Thread(target=self._run, name="search-index", daemon=True)
        self._change = threading.Condition()
        self._asked = 0  # how often somebody wanted it now
        self._answered = 0  # how many of those have got it
        self._stopping = False
        self._complaint = ""
        self._damage_seen = False
        self.is_open = False

    def start(self) -> None:
        """Begins in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when the thread has gone, if it was begun; what it was at is done again after the next start."""
        with self._change:
            self._stopping = True
            self._change.notify_all()
        while self._thread.is_alive():
            if self.is_open:
                self._index.interrupt()
            self._thread.join(0.1)
        if self.is_open:
            self._index.close()

    @property
    def is_started(self) -> bool:
        """It was begun."""
        return self._thread.ident is not None

    def catch_up(self, seconds: float) -> bool:
        """Returns when all that is committed now can be found: True; or after so long. For a thread."""
        with self._change:
            self._asked += 1
            asked = self._asked
            self._urgent_until = time.monotonic() + seconds
            self._change.notify_all()
            self._change.wait_for(lambda: self._answered >= asked or self._stopping, seconds)
            return self._answered >= asked

    def wait_open(self, seconds: float) -> bool:
        """Waits until the index can be looked at, at most so long, and not if there is a reason why it cannot. For a thread."""
        with self._change:
            self._change.wait_for(lambda: self.is_open or self._complaint or self._stopping, seconds)
        return self.is_open

    @property
    def complaint(self) -> str:
        """Why nothing is indexed; empty: nothing is in the way."""
        return self._complaint

    def is_done(self, number: int) -> bool:
        """The session has ended and is known to be indexed to its end."""
        return number in self._known.done

    def is_damaged(self) -> None:
        """Who looks things up found the index so: it is made anew at the next look."""
        self._damage_seen = True

    # --- the thread

    def _run(self) -> None:
        self._reader = self._new_reader()
        try:
            self._rest(START_SECONDS)
            while not self._stopping:
                self._look()
        finally:
            self._reader.close()

    def _look(self) -> None:
        """One round, and the rest after it."""
        try:
            self._round()
        except Stopped:
            return
        except (sqlite3.Error, SightlineError, OSError) as error:
            if self._stopping:
                return
            self._is_stale = True
            if isinstance(error, sqlite3.DatabaseError) and is_damage(error):
                self._damage_seen = True
                return
            self._complain(f"indexing for search pauses: {error}")
            self._rest(PAUSE_SECONDS)

    def _complain(self, text: str) -> None:
        if text != self._complaint:
            logger.warning("%s", text)
        with self._change:
            self._complaint = text
            self._change.notify_all()

    def _round(self) -> None:
        with self._change:
            asked = self._asked
        self._see_to_index()
        self._take_stock()
        self._tidy()
        now = time.monotonic()
        urgent = now < self._urgent_until
        due = [
            one
            for one in self._known.behind.values()
            if urgent or not one.head.live or one.bytes >= GATHER_BYTES or now - one.since >= GATHER_SECONDS
        ]
        for one in sorted(due, key=lambda one: one.bytes):
            self._advance(one)
        if self._known.behind and due:
            return  # a log that is long has had its turn; now the next look
        with self._change:
            self._answered = max(self._answered, asked)
            self._change.notify_all()
            if self._asked == asked and not self._stopping:
                self._change.wait(LOOK_SECONDS)

    def _see_to_index(self) -> None:
        """It is open, whole, and what is known of it is true."""
        if self._damage_seen:
            logger.warning("the search index is damaged: it is made anew from the logs")
            self._index.remake()
            self._damage_seen = False
        elif not self.is_open or not self._index.is_there():
            if self.is_open:
                logger.warning("the search index was removed: it is made anew from the logs")
            self._index.close()
            self.is_open = False
            if self._path is not None and not self._path.exists():
                self._check_room()
            self._index.open()
        elif not self._is_stale:
            return
        self._known = Known({one.number: one for one in self._index.progress()})
        self._version = -1
        self._is_stale = False
        with self._change:
            self.is_open = True
            self._change.notify_all()

    def _take_stock(self) -> None:
        """Looks which logs have grown, and which are gone."""
        version = self._reader.version()
        if version == self._version:
            return
        self._version = version
        known = self._known
        heads = self._reader.heads()
        for head in heads:
            if head.number not in known.done:
                self._measure(head)
        kept = {head.number for head in heads}
        for number in [number for number in known.behind if number not in kept]:
            del known.behind[number]
        for progress in [*known.progress.values()]:
            if progress.number not in kept and not progress.gone:
                self._is_gone(progress)

    def _measure(self, head: LogHead) -> None:
        """How far a log is behind."""
        known = self._known
        progress = known.progress.get(head.number)
        if progress is not None and not progress.gone and (progress.session_id, progress.epoch) != (head.session_id, head.epoch):
            self._other_epoch(progress, head)
        if progress is not None and progress.gone:
            return  # what was of that number has to go first
        bounds = self._reader.bounds(head.number)
        if bounds.head_seq > (progress.seq if progress else 0):
            left = bounds.end_offset - max(progress.offset if progress else 0, bounds.oldest_offset)
            since = known.behind[head.number].since if head.number in known.behind else time.monotonic()
            known.behind[head.number] = Behind(head, left, since, bounds.head_seq)
        elif not head.live:
            known.done.add(head.number)
            known.lines.pop(head.number, None)

    def _other_epoch(self, progress: Progress, head: LogHead) -> None:
        """The log has a new epoch: the same history, if the last indexed event is where it was; else another one."""
        if progress.session_id == head.session_id and self._time_at(head.number, progress.seq) == progress.seq_time:
            progress.epoch = head.epoch
            self._index.put(progress)
        else:
            self._is_gone(progress)

    def _time_at(self, number: int, seq: int) -> int:
        for block in self._reader.blocks_after(number, seq - 1, 1):
            for event in record.decode(block.data):
                if event.seq == seq:
                    return event.time.seconds * record.NANOSECONDS + event.time.nanos
        return -1

    def _is_gone(self, progress: Progress) -> None:
        """Nothing of it is found from here on; `_tidy` removes it bit by bit."""
        progress.gone = True
        self._index.put(progress)
        self._known.lines.pop(progress.number, None)
        self._known.behind.pop(progress.number, None)
        self._known.done.discard(progress.number)

    def _tidy(self) -> None:
        """Removes what is gone: whole logs at once, what retention took off the others now and then."""
        everything = time.monotonic() - self._tidied >= self._tidy_seconds
        for progress in [*self._known.progress.values()]:
            if progress.gone:
                self._remove(progress.number, BEYOND)
                self._index.forget(progress.number)
                del self._known.progress[progress.number]
                self._version = -1  # its number may have another log
            elif everything:
                self._remove(progress.number, self._reader.bounds(progress.number).oldest_seq)
        if everything:
            self._tidied = time.monotonic()

    def _remove(self, number: int, before_seq: int) -> None:
        while self._in_turn(lambda: self._index.remove(number, before_seq, REMOVED_AT_ONCE)):
            pass

    # --- one log

    def _advance(self, one: Behind) -> None:
        """Adds the next part of a log."""
        self._check_room()
        self._in_turn(lambda: self._add(one))

    def _check_room(self) -> None:
        if self._path is not None and free_bytes(self._path) < MIN_FREE:
            raise NoRoom(f"less than {MIN_FREE >> 20} MiB are free on the disk of {self._path}")

    def _add(self, one: Behind) -> None:
        number = one.head.number
        known = self._known
        progress = known.progress.get(number) or Progress(number, one.head.session_id, one.head.epoch)
        lines = known.lines.pop(number, None) or Lines(progress.state)
        ended: list[Line] = []
        size = 0
        while size < BATCH_BYTES and len(ended) < BATCH_LINES and progress.seq < one.end and not self._stopping:
            blocks = self._reader.blocks_after(number, progress.seq, READ_BYTES)
            if not blocks:  # removed meanwhile
                one.end = progress.seq
            for block in blocks:
                size += len(block.data)
                self._take(block, progress, lines, ended)
        is_last = progress.seq >= one.end
        rest = lines.rest() if is_last else []
        self._index.add(progress, ended, rest, lines.settle)
        known.progress[number] = progress
        known.lines[number] = lines
        self._complaint = ""
        if is_last:
            known.behind.pop(number, None)
            self._version = -1  # it may have grown meanwhile
        else:
            one.bytes = max(0, one.bytes - size)

    def _take(self, block: Block, progress: Progress, lines: Lines, ended: list[Line]) -> None:
        """The lines of one block."""
        if block.first_seq > progress.seq + 1 and progress.seq:
            ended += lines.interrupted()
        if not block.data:  # damaged
            ended += lines.interrupted()
        given = len(ended)
        for event in record.decode(block.data):
            if event.seq > progress.seq:
                ended += lines.feed(event)
            if len(ended) - given >= LINES_AT_ONCE:
                given = len(ended)
                time.sleep(BREATH)
        progress.seq = block.last_seq
        progress.seq_time = block.last_time
        progress.offset = block.offset + len(block.data)

    # --- manners

    def _in_turn(self, work: Callable[[], T]) -> T:
        """Does a piece of work, and rests as long as it took, or longer; not while somebody waits. Raises `Stopped`."""
        if self._stopping:
            raise Stopped
        began = time.thread_time()
        result = work()
        spent = time.thread_time() - began
        others = time.process_time() - time.thread_time()
        passed = time.monotonic() - self._rested
        rest = BUSY_REST if others - self._others > BUSY * passed else REST
        self._others, self._rested = others, time.monotonic()
        if time.monotonic() >= self._urgent_until:
            self._rest(spent * rest)
        return result

    def _rest(self, seconds: float) -> None:
        with self._change:
            self._change.wait_for(lambda: self._stopping or time.monotonic() < self._urgent_until, seconds)


class NoRoom(OSError):
    """The disk has little room left, and that is for logs."""


class Stopped(Exception):
    """The thread is to go."""


def free_bytes(path: Path) -> int:
    """What anybody may still write on the disk."""
    found = os.statvfs(path.parent)
    return int(found.f_bavail * found.f_frsize)
