"""The slow half of the SQLite store: what is removed, merged, counted and made durable, in a thread, in pieces of milliseconds.

Two connections of its own: one that writes, with commits held back meanwhile, and one beside the commits that reads and makes
checkpoints.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sightline_server.errors import DiskFull
from sightline_server.storage import layout
from sightline_server.storage.contract import SMALL_BYTES, Block, Bounds, EndedLog, EndedTotals, Outline
from sightline_server.storage.layout import (
    BLOCK_COLUMNS,
    OUTLINE_COLUMNS,
    bounds_of,
    first_seq_of,
    row_ids,
    to_outline,
    transaction,
)
from sightline_server.storage.reserve import Reserve
from sightline_server.storage.segments import SegmentFiles
from sightline_server.storage.wholes import WholeFiles

T = TypeVar("T")

ROWS_AT_ONCE = 1000  # blocks removed in one transaction: a few milliseconds
ROWS_OF_SESSION = 40  # blocks that take as long to remove as a session's other rows
SESSIONS_AT_ONCE = 100  # hidden sessions whose blocks are removed together
COMMIT_BYTES = 8192  # about what one commit adds to SQLite's log beside its inline blocks: two pages
CHECKPOINT_BYTES = 4 * 1024 * 1024  # of SQLite's log after which a checkpoint is due
RESTART_BYTES = 16 * 1024 * 1024  # of SQLite's log from which it must be begun anew, with commits held back for that moment
SPARE_PAGES = 4096  # free pages that the database keeps for what comes next, or a quarter of it: the rest goes back to the disk
VACUUM_PAGES = 256  # given back in one step


class SqliteUpkeep:
    """See `contract.Store`, under *beside* and *slow*.

    Args:
        path: the database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = SegmentFiles(path.with_name(path.name + ".blocks"))
        self._wholes = WholeFiles(path.with_name(path.name + ".blocks"))
        self._upkeep: sqlite3.Connection
        self._beside: sqlite3.Connection
        self._unchecked = 0  # bytes committed since the last checkpoint
        self._reserve = Reserve(path.with_name(path.name + ".reserve"))
        self._has_spare = True  # pages may have become free
        self._has_unmerged = True
        self._ended_changes = 0  # of what ended sessions keep
        self._ended_totals: tuple[int, EndedTotals] | None = None  # as they were counted, and after how many changes

    def _open_upkeep(self) -> None:
        self._upkeep = layout.connect(self._path)
        self._beside = layout.connect(self._path)
        self._reserve.lay_in()

    # --- beside

    def outline(self, number: int, seq: int) -> Outline | None:
        row = self._beside.execute(
            f"SELECT {OUTLINE_COLUMNS} FROM block WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1",  # noqa: S608
            row_ids(number, 0, seq),
        ).fetchone()
        return to_outline(row) if row else None

    def extent(self, number: int) -> Bounds:
        return bounds_of(self._beside, number)

    def ended_totals(self) -> EndedTotals:
        changes = self._ended_changes  # before looking: what ends meanwhile is to be counted the next time
        if self._ended_totals is None or self._ended_totals[0] != changes:
            found = self._beside.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM ended").fetchone()
            self._ended_totals = changes, EndedTotals(*found)
        return self._ended_totals[1]

    def ended_logs(self, limit: int, *, over: int = 0) -> list[EndedLog]:
        rows = self._beside.execute(
            "SELECT number, bytes, first_time, last_time FROM ended"
            " WHERE ?1 = 0 OR bytes > ?1 ORDER BY first_time, number LIMIT ?2",
            (over, limit),
        )
        return [EndedLog(*row) for row in rows.fetchall()]

    def unmerged(self, limit: int) -> list[int]:
        if not self._has_unmerged:
            return []
        self._has_unmerged = False  # before looking: one that ends meanwhile sets it again
        rows = self._beside.execute("SELECT number FROM ended WHERE NOT merged LIMIT ?", (limit,)).fetchall()
        self._has_unmerged = self._has_unmerged or bool(rows)
        return [number for (number,) in rows]

    def small_blocks(self, number: int, after_seq: int, up_to_seq: int, limit: int) -> list[Outline]:
        rows = self._beside.execute(
            f"SELECT {OUTLINE_COLUMNS} FROM block WHERE id BETWEEN ? AND ? AND length <= ? AND last_seq <= ? ORDER BY id LIMIT ?",  # noqa: S608
            (*row_ids(number, after_seq + 1, up_to_seq), SMALL_BYTES, up_to_seq, limit),
        )
        return [to_outline(row) for row in rows.fetchall()]

    def disk_bytes(self) -> int:
        names = (self._path, Path(f"{self._path}-wal"), Path(f"{self._path}-shm"))
        return sum(size_of(path) for path in names) + self._files.disk_bytes()

    # --- slow: removing

    def hide(self, numbers: Sequence[int]) -> None:
        self._insist(lambda: self._hide(numbers))

    def _hide(self, numbers: Sequence[int]) -> None:
        each = [(number,) for number in numbers]
        with transaction(self._upkeep, self._path):
            # The request id goes with the row, so that it can be used again.
            self._upkeep.executemany("UPDATE session SET hidden=1, live=0, request_id='' WHERE number=?", each)
            self._upkeep.executemany("DELETE FROM ended WHERE number=?", each)
        self._ended_changes += 1
        self._unchecked += COMMIT_BYTES

    def sweep(self) -> Iterator[bool]:
        hidden = "SELECT number FROM session WHERE hidden ORDER BY number LIMIT ?"
        while numbers := [number for (number,) in self._beside.execute(hidden, (SESSIONS_AT_ONCE,)).fetchall()]:
            yield False
            for number in numbers:
                self._files.remove(number)
            while numbers:
                yield True
                numbers = self._insist(partial(self._sweep_rows, numbers))

    def _sweep_rows(self, numbers: Sequence[int]) -> list[int]:
        """One transaction's worth; returns the sessions that are still to be done."""
        left = list(numbers)
        rows = ROWS_AT_ONCE
        with transaction(self._upkeep, self._path):
            while left and rows > 0:
                count = self._remove(left[0], row_ids(left[0])[1], 1 << 62, rows)[0]
                rows -= count + ROWS_OF_SESSION
                if rows > 0:
                    for table in ("source", "input", "ended", "session"):
                        self._upkeep.execute(f"DELETE FROM {table} WHERE number=?", (left[0],))  # noqa: S608 - names of ours
                    del left[0]
        return left

    def trim(self, number: int, up_to_seq: int, max_bytes: int) -> Bounds:
        return self._insist(lambda: self._trim(number, up_to_seq, max_bytes))

    def _trim(self, number: int, up_to_seq: int, max_bytes: int) -> Bounds:
        with transaction(self._upkeep, self._path):
            _, file = self._remove(number, row_ids(number, 0, up_to_seq)[1], max_bytes, ROWS_AT_ONCE, up_to_seq)
            bounds = bounds_of(self._upkeep, number)
            oldest, _ = row_ids(number, bounds.oldest_seq)
            self._upkeep.execute(
                "UPDATE ended SET bytes=?, first_time=coalesce((SELECT first_time FROM block WHERE id=?), 0) WHERE number=?",
                (bounds.end_offset - bounds.oldest_offset, oldest, number),
            )
        self._ended_changes += 1
        if file is not None:
            self._files.remove_before(number, file)
            self._wholes.remove(number, before=bounds.oldest_seq if bounds.head_seq else up_to_seq + 1)
        return bounds

    def _remove(self, number: int, last_id: int, max_bytes: int, max_rows: int, up_to_seq: int = 1 << 62) -> tuple[int, int | None]:
        """Deletes blocks from the oldest on; returns how many, and the newest file that held some of them."""
        rows = self._upkeep.execute(
            "SELECT id, length, file FROM block WHERE id BETWEEN ? AND ? AND last_seq <= ? ORDER BY id LIMIT ?",
            (row_ids(number)[0], last_id, up_to_seq, max_rows),
        ).fetchall()
        size = count = 0
        file: int | None = None
        for _, length, of_file in rows:
            count += 1
            size += length
            file = file if of_file is None else of_file
            if size >= max_bytes:
                break
        if count:
            self._upkeep.execute("DELETE FROM block WHERE id BETWEEN ? AND ?", (rows[0][0], rows[count - 1][0]))
            self._unchecked += COMMIT_BYTES + count * 64
            self._has_spare = True
        return count, file

    def _insist(self, remove: Callable[[], T]) -> T:
        """Removes also when the disk is full: SQLite writes down first what it removes, and that needs room."""
        for last_resort in (self._begin_log_anew, self._reserve.give_up):
            try:
                return remove()
            except DiskFull:
                last_resort()
        return remove()

    def _begin_log_anew(self) -> None:
        with contextlib.suppress(DiskFull):
            self._checkpoint(self._upkeep, "RESTART")  # the room that SQLite's log has taken can be used again

    # --- slow: merging

    def merge(self, number: int, first_seq: int, last_seq: int) -> None:
        ids = row_ids(number, first_seq, last_seq)
        with transaction(self._upkeep, self._path):
            rows = self._upkeep.execute(
                f"SELECT {BLOCK_COLUMNS} FROM block WHERE id BETWEEN ? AND ? ORDER BY id",  # noqa: S608
                ids,
            ).fetchall()
            merged = joined(rows)
            if merged is None or (merged.first_seq, merged.last_seq) != (first_seq, last_seq):
                return
            self._upkeep.execute("DELETE FROM block WHERE id BETWEEN ? AND ?", ids)
            self._upkeep.execute(layout.INSERT_BLOCK, layout.to_row(number, merged, None))
        self._unchecked += COMMIT_BYTES + len(merged.data)

    def set_merged(self, numbers: Sequence[int]) -> None:
        with transaction(self._upkeep, self._path):
            self._upkeep.executemany("UPDATE ended SET merged=1 WHERE number=?", [(number,) for number in numbers])
        self._unchecked += COMMIT_BYTES

    # --- slow: housekeeping

    def needs_upkeep(self) -> bool:
        self._files.close_removed()
        return self._unchecked >= CHECKPOINT_BYTES or self._has_spare

    def upkeep(self) -> Iterator[bool]:
        if self._unchecked >= CHECKPOINT_BYTES:
            yield from self._checkpoints()
        self._has_spare = False
        self._reserve.lay_in()
        while self._spare_pages() > 0:
            yield True
            with self._room_needed():
                # Each step of this pragma is one page, and `execute` makes a single one: a script goes to its end.
                self._upkeep.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
            self._unchecked += COMMIT_BYTES + VACUUM_PAGES * 4096
            if self._unchecked >= CHECKPOINT_BYTES:
                yield from self._checkpoints()

    def _checkpoints(self) -> Iterator[bool]:
        yield False
        self._unchecked = 0
        self._files.sync()  # before the rows that name those bytes are made durable
        self._wholes.sync()
        self._checkpoint(self._beside, "PASSIVE")  # beside the commits: most of the work, all of the waiting for the disk
        if size_of(Path(f"{self._path}-wal")) >= RESTART_BYTES:
            yield False
            self._checkpoint(self._beside, "PASSIVE")  # what came during the first one: a fraction
            yield True
            self._checkpoint(self._upkeep, "RESTART")  # what came during the second, and the log begins anew

    def _checkpoint(self, connection: sqlite3.Connection, mode: str) -> None:
        with self._room_needed():
            connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()

    @contextlib.contextmanager
    def _room_needed(self) -> Iterator[None]:
        """A full disk becomes `DiskFull`."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if layout.is_full(error):
                raise DiskFull(path=self._path) from error
            raise

    def _spare_pages(self) -> int:
        """How many free pages should go back to the disk."""
        if not self._value("PRAGMA auto_vacuum"):
            return 0  # a database of the first layout keeps them
        return self._value("PRAGMA freelist_count") - max(SPARE_PAGES, self._value("PRAGMA page_count") // 4)

    def _value(self, statement: str) -> int:
        return int(self._beside.execute(statement).fetchone()[0])


def joined(rows: Sequence[Sequence[Any]]) -> Block | None:
    """One block of neighbouring inline rows of `BLOCK_COLUMNS`; None: they are none, or one is damaged."""
    index: list[bytes] = []
    parts: list[bytes] = []
    expected: tuple[int, int] | None = None
    for row_id, last_seq, _, _, offset, length, entries, data, _, _, checksum in rows:
        if data is None or expected not in (None, (first_seq_of(row_id), offset)):
            return None
        if not layout.is_whole(entries, data, length, checksum):
            return None
        expected = (last_seq + 1, offset + length)
        index.append(entries)
        parts.append(data)
    if not rows:
        return None
    first, last = to_outline(tuple(rows[0][:6])), to_outline(tuple(rows[-1][:6]))
    return Block(first.first_seq, last.last_seq, first.first_time, last.last_time, first.offset, b"".join(parts), b"".join(index))


def size_of(path: Path) -> int:
    """Bytes that a file takes on the disk; 0 if it is not there."""
    with contextlib.suppress(OSError):
        return path.stat().st_blocks * 512
    return 0
