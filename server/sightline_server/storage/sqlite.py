"""The embedded store: one SQLite database in WAL mode, and files for the large blocks (`segments`).

The loop's own connection for everything hot; `upkeep` has those for the rest, used in a thread. SQLite has one writer at a time, so
the log keeps its commits back (the gate) while another connection writes; no call here ever waits for a lock.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sightline_server.errors import CannotStore, CorruptDatabase, DatabaseDamaged, DiskFull
from sightline_server.storage import layout
from sightline_server.storage.contract import (
    SMALL_BYTES,
    Block,
    Bounds,
    Commit,
    Part,
    SessionRow,
    SourcePosition,
    new_epoch,
)
from sightline_server.storage.layout import (
    INSERT_BLOCK,
    NOTE_ENDED,
    ROW_COLUMNS,
    bounds_of,
    first_seq_of,
    is_whole,
    row_ids,
    to_row,
    transaction,
)
from sightline_server.storage.reading import BlockReader, SqliteReader
from sightline_server.storage.segments import Place
from sightline_server.storage.upkeep import COMMIT_BYTES, SqliteUpkeep

logger = logging.getLogger(__name__)

INLINE_BYTES = SMALL_BYTES  # a block of at most so many bytes is kept in its row
NEWEST_BLOCKS = 1000  # looked through for the end of the last large one, once after each start


class SqliteStore(SqliteUpkeep):
    """See `contract.Store`.

    Args:
        path: the database; its directory exists. Made at the first `open`.
        boot_id: which run of the machine this is, as in `/proc/sys/kernel/random/boot_id`.
    """

    def __init__(self, path: Path, boot_id: str) -> None:
        super().__init__(path)
        self._guard = path.with_name(path.name + ".opened")
        self._boot_id = boot_id
        self._last_places: dict[int, Place | None] = {}  # of live sessions: where their last large block ends
        self._hot: sqlite3.Connection
        self._blocks: BlockReader
        self._closed = False

    # --- opening and closing

    def open(self) -> None:
        try:
            self._hot = layout.connect(self._path)
            layout.prepare(self._hot, self._path)
            self._blocks = BlockReader(self._hot, self._files, self._path)
            self._open_upkeep()
            self._begin_epoch()
        except sqlite3.DatabaseError as error:
            if layout.is_full(error):
                raise DiskFull(path=self._path) from error
            raise CorruptDatabase(path=self._path, problem=error) from error

    def _begin_epoch(self) -> None:
        """Gives logs new epochs if what was told may have been taken back, then notes that the database is open."""
        meta: dict[str, str] = dict(self._hot.execute("SELECT key, value FROM meta"))
        place = self._path.stat()
        inode = f"{place.st_dev}:{place.st_ino}"
        token = secrets.token_hex(16)
        guard = self._guard.read_text() if self._guard.exists() else ""
        crashed = meta.get("clean") == "0" and meta.get("boot_id") != self._boot_id
        restored = bool(meta) and (meta.get("inode") != inode or meta.get("token") != guard)
        with transaction(self._hot, self._path):
            if crashed or restored:
                numbers = [number for (number,) in self._hot.execute("SELECT number FROM session")]
                self._hot.executemany("UPDATE session SET epoch=? WHERE number=?", [(new_epoch(), number) for number in numbers])
                for number in numbers:
                    self._cut_damaged_end(number)
            values = {"clean": "0", "boot_id": self._boot_id, "inode": inode, "token": token}
            self._hot.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())
        descriptor = os.open(self._guard, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(token)

    def _cut_damaged_end(self, number: int) -> None:
        """Removes blocks whose rows reached the disk before their bytes did; only the last file of a log can have such."""
        last = self._last_place(number)
        if last is None:
            return
        rows = self._hot.execute(
            "SELECT id, position, length, entries, checksum FROM block WHERE id BETWEEN ? AND ? AND file = ? ORDER BY id",
            (*row_ids(number), last.file),
        ).fetchall()
        for block_id, position, length, index, checksum in rows:
            if not is_whole(index, self._files.read(number, Place(last.file, position, length)), length, checksum):
                self._hot.execute("DELETE FROM block WHERE id BETWEEN ? AND ?", (block_id, row_ids(number)[1]))
                self._wholes.remove(number, behind=first_seq_of(block_id) - 1)
                self._hot.execute(f"{NOTE_ENDED} AND s.number=?", (number,))
                del self._last_places[number]
                return

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(sqlite3.OperationalError, DiskFull):  # the next open then takes this for a crash, rightly
            with transaction(self._hot, self._path):
                self._hot.execute("INSERT OR REPLACE INTO meta VALUES ('clean', '1')")
            self._hot.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._beside.close()
        self._upkeep.close()
        self._hot.close()
        self._files.close()

    def reader(self) -> SqliteReader:
        return SqliteReader(self._path)

    # --- hot

    def commit(self, commit: Commit) -> None:
        try:
            self._commit(commit)
        except Exception as error:
            for number, seq, _ in commit.wholes:  # they may have taken the room that was missing
                self._wholes.remove_one(number, seq)
            if isinstance(error, (sqlite3.OperationalError, OSError)):  # somebody's lock, no descriptor, a disk gone read-only
                raise CannotStore(path=self._path, problem=error) from error
            raise

    def _commit(self, commit: Commit) -> None:
        hot = self._hot
        places = self._write_large(commit)
        with transaction(hot, self._path):
            if commit.rows:
                hot.executemany(
                    f"INSERT OR REPLACE INTO session ({ROW_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                    [
                        (r.number, r.session_id, r.name, r.epoch, r.live, r.request_id, r.fingerprint, r.record, r.private)
                        for r in commit.rows
                    ],
                )
            for (number, block), place in zip(commit.blocks, places, strict=True):
                hot.execute(INSERT_BLOCK, to_row(number, block, place))
            if commit.rows:  # last, because the last blocks of those that end are here too: what is kept can be noted once for all
                hot.executemany(f"{NOTE_ENDED} AND s.number=?", [(r.number,) for r in commit.rows if not r.live])
            for p in commit.positions:
                hot.execute("INSERT OR REPLACE INTO source VALUES (?, ?, ?, ?)", (p.number, p.source_id, p.name, p.position))
            if commit.inputs:
                hot.executemany("INSERT INTO input VALUES (?, ?, ?)", commit.inputs)
        self._unchecked += COMMIT_BYTES * (1 + len(commit.blocks))
        for (number, _), place in zip(commit.blocks, places, strict=True):
            if place is not None:
                self._last_places[number] = place
        for row in commit.rows:
            if not row.live:
                self._last_places.pop(row.number, None)
                self._ended_changes += 1
                self._has_unmerged = True

    def _write_large(self, commit: Commit) -> list[Place | None]:
        """Writes what does not go into rows. A failed commit leaves these bytes unnamed, and the next block overwrites them."""
        places: list[Place | None] = []
        ends: dict[int, Place] = {}
        with self._room_for_files():
            for number, seq, whole in commit.wholes:
                self._wholes.write(number, seq, whole)
            for number, block in commit.blocks:
                if len(block.data) <= INLINE_BYTES:
                    places.append(None)
                    continue
                last = ends.get(number) or self._last_place(number)
                ends[number] = self._files.append(number, block.first_seq, block.data, last)
                places.append(ends[number])
        return places

    @contextlib.contextmanager
    def _room_for_files(self) -> Iterator[None]:
        """A full disk becomes `DiskFull`."""
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(path=self._path) from error
            raise

    def _last_place(self, number: int) -> Place | None:
        """Where the last large block ends, if there is one among the newest: else the next one begins a file."""
        if number not in self._last_places:
            rows = self._ask(
                "SELECT file, position, length FROM"
                " (SELECT id, file, position, length FROM block WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?)"
                " WHERE file IS NOT NULL ORDER BY id DESC LIMIT 1",
                *row_ids(number),
                NEWEST_BLOCKS,
            )
            self._last_places[number] = Place(*rows[0]) if rows else None
        return self._last_places[number]

    def blocks_after(self, number: int, seq: int, max_bytes: int) -> list[Block]:
        return self._blocks.blocks_after(number, seq, max_bytes)

    def block_with(self, number: int, seq: int) -> Block | None:
        return self._blocks.block_with(number, seq)

    def whole_part(self, number: int, seq: int, place: int) -> Part | None:
        return self._wholes.part(number, seq, place)

    def bounds(self, number: int) -> Bounds:
        try:
            return bounds_of(self._hot, number)
        except sqlite3.DatabaseError as error:
            raise DatabaseDamaged(path=self._path, problem=error) from error

    def positions(self, number: int) -> list[SourcePosition]:
        statement = "SELECT number, source_id, name, position FROM source WHERE number=? ORDER BY source_id"
        return [SourcePosition(*row) for row in self._ask(statement, number)]

    def input_seq(self, number: int, request_id: str) -> int | None:
        rows = self._ask("SELECT seq FROM input WHERE number=? AND request_id=?", number, request_id)
        return rows[0][0] if rows else None

    def last_number(self) -> int:
        return int(self._value("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name='session'"))

    def row(self, session_id: str) -> SessionRow | None:
        return self._one("session_id=?", session_id)

    def newest_named(self, name: str) -> SessionRow | None:
        return self._one("name=? ORDER BY live DESC, number DESC LIMIT 1", name)

    def requested(self, request_id: str) -> SessionRow | None:
        return self._one("request_id=? AND request_id != ''", request_id)

    def live_rows(self) -> list[SessionRow]:
        return self._rows("live ORDER BY number")

    def rows_before(self, number: int, limit: int) -> list[SessionRow]:
        return self._rows("number < ? ORDER BY number DESC LIMIT ?", number, limit)

    # --- plumbing

    def _ask(self, statement: str, *values: object) -> list[Any]:
        """All rows. Raises `DatabaseDamaged`."""
        return self._blocks.ask(statement, *values)

    def _value(self, statement: str, *values: object) -> Any:
        return self._ask(statement, *values)[0][0]

    def _rows(self, condition: str, *values: object) -> list[SessionRow]:
        found = self._ask(f"SELECT {ROW_COLUMNS} FROM session WHERE NOT hidden AND {condition}", *values)  # noqa: S608
        return [SessionRow(n, i, name, epoch, bool(live), *rest) for n, i, name, epoch, live, *rest in found]

    def _one(self, condition: str, *values: object) -> SessionRow | None:
        rows = self._rows(condition, *values)
        return rows[0] if rows else None
