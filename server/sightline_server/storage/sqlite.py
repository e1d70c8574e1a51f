"""The embedded store: one SQLite database in WAL mode, and files for the large blocks (`segments`).

Two connections: the loop's own for everything hot, and one for upkeep, used in a thread. SQLite has one writer at a time, so the
log keeps
its commits back (the gate) while the other connection writes; no call here ever waits for a lock.

A block's row id is `session number << 40 | first seq`: one tree, in the order of reading, without a second index. A block's bytes
are in the
row when they are few, else in a file, written before the row is committed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sightline_server.errors import CorruptDatabase, DiskFull, NewerDatabase
from sightline_server.storage.contract import Block, Bounds, Commit, SessionRow, SourcePosition, new_epoch
from sightline_server.storage.segments import Place, SegmentFiles

LAYOUT = 1  # PRAGMA user_version; a database of a higher one is refused
APPLICATION_ID = 0x51674E31  # PRAGMA application_id: tells a database of ours from anybody's
FILE_PAGE = 4096  # bytes that a file system writes at once; two empty ones in a row contain one that is aligned
INLINE_BYTES = 4096  # a block of at most so many bytes is kept in its row
SEQ_BITS = 40  # of a block's row id: 10^12 events a session, 8 million sessions
COMMIT_BYTES = 8192  # about what one commit adds to SQLite's log beside its inline blocks: two pages
CHECKPOINT_BYTES = 4 * 1024 * 1024  # of SQLite's log after which a checkpoint is due
RESTART_BYTES = 16 * 1024 * 1024  # of SQLite's log from which it must be begun anew, with commits held back for that moment

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE session (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, epoch INTEGER NOT NULL, live INTEGER NOT NULL,
  request_id TEXT NOT NULL, fingerprint BLOB NOT NULL, record BLOB NOT NULL, private TEXT NOT NULL,
  hidden INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX session_name ON session (name, live, number);
CREATE UNIQUE INDEX session_request ON session (request_id) WHERE request_id != '';
CREATE INDEX session_live ON session (number) WHERE live;
CREATE INDEX session_hidden ON session (number) WHERE hidden;
CREATE TABLE block (
  id INTEGER PRIMARY KEY,
  last_seq INTEGER NOT NULL, first_time INTEGER NOT NULL, last_time INTEGER NOT NULL, offset INTEGER NOT NULL,
  length INTEGER NOT NULL, entries BLOB NOT NULL, data BLOB, file INTEGER, position INTEGER
);
CREATE TABLE source (
  number INTEGER NOT NULL, source_id INTEGER NOT NULL, name TEXT NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY (number, source_id)
) WITHOUT ROWID;
CREATE TABLE input (
  number INTEGER NOT NULL, request_id TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (number, request_id)
) WITHOUT ROWID;
"""

ROW_COLUMNS = "number, session_id, name, epoch, live, request_id, fingerprint, record, private"
BLOCK_COLUMNS = "id, last_seq, first_time, last_time, offset, length, entries, data, file, position"
INSERT_BLOCK = f"INSERT INTO block ({BLOCK_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - names of ours
FULL_CODES = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


class SqliteStore:
    """See `contract.Store`.

    Args:
        path: the database; its directory exists. Made at the first `open`.
        boot_id: which run of the machine this is, as in `/proc/sys/kernel/random/boot_id`.
    """

    def __init__(self, path: Path, boot_id: str) -> None:
        self._path = path
        self._guard = path.with_name(path.name + ".opened")
        self._boot_id = boot_id
        self._files = SegmentFiles(path.with_name(path.name + ".blocks"))
        self._last_places: dict[int, Place | None] = {}  # of live sessions: where their last large block ends
        self._hot: sqlite3.Connection
        self._upkeep: sqlite3.Connection
        self._closed = False
        self._unchecked = 0  # bytes committed since the last checkpoint

    # --- opening and closing

    def open(self) -> None:
        try:
            self._hot = self._connect()
            self._prepare()
            self._upkeep = self._connect()
            self._begin_epoch()
        except sqlite3.DatabaseError as error:
            if is_full(error):
                raise DiskFull(path=self._path) from error
            raise CorruptDatabase(path=self._path, problem=error) from error

    def _connect(self) -> sqlite3.Connection:
        fresh = not self._path.exists()
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, cached_statements=64)
        if fresh:
            self._path.chmod(0o600)
        connection.execute("PRAGMA busy_timeout=0")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        return connection

    def _prepare(self) -> None:
        layout = self._value("PRAGMA user_version")
        if layout > LAYOUT:
            self._hot.close()
            raise NewerDatabase(path=self._path, found=layout, known=LAYOUT)
        if layout == 0:
            if self._value("SELECT count(*) FROM sqlite_master"):
                raise sqlite3.DatabaseError("it is a database of another program")
            with self._transaction(self._hot):
                for statement in SCHEMA.split(";\n"):
                    self._hot.execute(statement)
                self._hot.execute(f"PRAGMA application_id={APPLICATION_ID}")
                self._hot.execute(f"PRAGMA user_version={LAYOUT}")
        elif self._value("PRAGMA application_id") != APPLICATION_ID:
            raise sqlite3.DatabaseError("it is a database of another program")
        for table in ("session", "block", "source", "input"):  # reads each tree's root: damage there is seen now, not later
            self._hot.execute(f"SELECT * FROM {table} ORDER BY 1 DESC LIMIT 1").fetchall()  # noqa: S608 - names of ours

    def _begin_epoch(self) -> None:
        """Gives logs new epochs if what was told may have been taken back, then notes that the database is open."""
        meta: dict[str, str] = dict(self._hot.execute("SELECT key, value FROM meta"))
        place = self._path.stat()
        inode = f"{place.st_dev}:{place.st_ino}"
        token = secrets.token_hex(16)
        guard = self._guard.read_text() if self._guard.exists() else ""
        crashed = meta.get("clean") == "0" and meta.get("boot_id") != self._boot_id
        restored = bool(meta) and (meta.get("inode") != inode or meta.get("token") != guard)
        with self._transaction(self._hot):
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
            "SELECT id, position, length FROM block WHERE id BETWEEN ? AND ? AND file = ? ORDER BY id",
            (number << SEQ_BITS, (number + 1 << SEQ_BITS) - 1, last.file),
        ).fetchall()
        for block_id, position, length in rows:
            if not is_whole(self._files.read(number, Place(last.file, position, length)), length):
                self._hot.execute("DELETE FROM block WHERE id BETWEEN ? AND ?", (block_id, (number + 1 << SEQ_BITS) - 1))
                del self._last_places[number]
                return

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(sqlite3.OperationalError):  # a full disk: the next open then takes this for a crash, rightly
            with self._transaction(self._hot):
                self._hot.execute("INSERT OR REPLACE INTO meta VALUES ('clean', '1')")
            self._hot.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._upkeep.close()
        self._hot.close()
        self._files.close()

    # --- hot

    def commit(self, commit: Commit) -> None:
        hot = self._hot
        places = self._write_large(commit.blocks)
        with self._transaction(hot):
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

    def _write_large(self, blocks: Sequence[tuple[int, Block]]) -> list[Place | None]:
        """Writes what does not go into rows. A failed commit leaves these bytes unnamed, and the next block overwrites them."""
        places: list[Place | None] = []
        ends: dict[int, Place] = {}
        for number, block in blocks:
            if len(block.data) <= INLINE_BYTES:
                places.append(None)
                continue
            last = ends.get(number) or self._last_place(number)
            try:
                ends[number] = self._files.append(number, block.first_seq, block.data, last)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise DiskFull(path=self._path) from error
                raise
            places.append(ends[number])
        return places

    def _last_place(self, number: int) -> Place | None:
        if number not in self._last_places:
            row = self._hot.execute(
                "SELECT file, position, length FROM block WHERE id BETWEEN ? AND ? AND file IS NOT NULL ORDER BY id DESC LIMIT 1",
                (number << SEQ_BITS, (number + 1 << SEQ_BITS) - 1),
            ).fetchone()
            self._last_places[number] = Place(*row) if row else None
        return self._last_places[number]

    def blocks_after(self, number: int, seq: int, max_bytes: int) -> list[Block]:
        # `seq` + 1 may lie inside a block: begin at the last one that starts at or before it.
        start = self._value(
            "SELECT coalesce(max(id), ?1) FROM block WHERE id BETWEEN ?1 AND ?2", number << SEQ_BITS, number << SEQ_BITS | seq + 1
        )
        found: list[Block] = []
        size = 0
        cursor = self._hot.execute(
            f"SELECT {BLOCK_COLUMNS} FROM block WHERE id BETWEEN ? AND ? ORDER BY id",  # noqa: S608
            (start, (number + 1 << SEQ_BITS) - 1),
        )
        for row in cursor:
            if row[1] <= seq:
                continue
            size += row[5]
            if found and size > max_bytes:
                break
            found.append(self._to_block(number, row))
            if size >= max_bytes:
                break
        cursor.close()
        return found

    def block_with(self, number: int, seq: int) -> Block | None:
        row = self._hot.execute(
            f"SELECT {BLOCK_COLUMNS} FROM block WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1",  # noqa: S608
            (number << SEQ_BITS, number << SEQ_BITS | seq),
        ).fetchone()
        return self._to_block(number, row) if row else None

    def _to_block(self, number: int, row: Sequence[Any]) -> Block:
        block_id, last_seq, first_time, last_time, offset, length, index, data, file, position = row
        if data is None:
            data = self._files.read(number, Place(file, position, length))
        return Block(block_id & (1 << SEQ_BITS) - 1, last_seq, first_time, last_time, offset, data, index)

    def bounds(self, number: int) -> Bounds:
        return self._bounds(self._hot, number)

    def _bounds(self, connection: sqlite3.Connection, number: int) -> Bounds:
        oldest, newest = (
            connection.execute(
                "SELECT id, last_seq, last_time, offset, length FROM block"  # noqa: S608 - words of ours
                f" WHERE id BETWEEN ? AND ? ORDER BY id {order} LIMIT 1",
                (number << SEQ_BITS, (number + 1 << SEQ_BITS) - 1),
            ).fetchone()
            for order in ("ASC", "DESC")
        )
        if oldest is None:
            return Bounds()
        return Bounds(
            oldest_seq=oldest[0] & (1 << SEQ_BITS) - 1,
            head_seq=newest[1],
            oldest_offset=oldest[3],
            end_offset=newest[3] + newest[4],
            last_time=newest[2],
        )

    def positions(self, number: int) -> list[SourcePosition]:
        statement = "SELECT number, source_id, name, position FROM source WHERE number=? ORDER BY source_id"
        rows = self._hot.execute(statement, (number,))
        return [SourcePosition(*row) for row in rows]

    def input_seq(self, number: int, request_id: str) -> int | None:
        row = self._hot.execute("SELECT seq FROM input WHERE number=? AND request_id=?", (number, request_id)).fetchone()
        return row[0] if row else None

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

    # --- slow

    def hide(self, number: int) -> None:
        with self._transaction(self._upkeep):
            # The request id goes with the row, so that it can be used again.
            self._upkeep.execute("UPDATE session SET hidden=1, live=0, request_id='' WHERE number=?", (number,))

    def sweep(self, max_bytes: int) -> bool:
        row = self._upkeep.execute("SELECT number FROM session WHERE hidden ORDER BY number LIMIT 1").fetchone()
        if row is None:
            return False
        number = row[0]
        self._files.remove(number)
        with self._transaction(self._upkeep):
            if self._remove(number, (1 << SEQ_BITS) - 1, max_bytes):
                return True
            for table in ("source", "input", "session"):
                self._upkeep.execute(f"DELETE FROM {table} WHERE number=?", (number,))  # noqa: S608 - names of ours
        return True

    def trim(self, number: int, up_to_seq: int, max_bytes: int) -> Bounds:
        with self._transaction(self._upkeep):
            self._remove(number, up_to_seq, max_bytes)
        row = self._upkeep.execute(
            "SELECT file FROM block WHERE id BETWEEN ? AND ? AND file IS NOT NULL ORDER BY id LIMIT 1",
            (number << SEQ_BITS, (number + 1 << SEQ_BITS) - 1),
        ).fetchone()
        if row:
            self._files.remove_before(number, row[0])
        return self._bounds(self._upkeep, number)

    def _remove(self, number: int, up_to_seq: int, max_bytes: int) -> int:
        """Deletes blocks from the oldest on; returns how many."""
        rows = self._upkeep.execute(
            "SELECT id, length FROM block WHERE id BETWEEN ? AND ? AND last_seq <= ? ORDER BY id",
            (number << SEQ_BITS, number << SEQ_BITS | up_to_seq, up_to_seq),
        )
        size = 0
        chosen: list[tuple[int]] = []
        for block_id, length in rows:
            chosen.append((block_id,))
            size += length
            if size >= max_bytes:
                break
        rows.close()
        self._upkeep.executemany("DELETE FROM block WHERE id=?", chosen)
        self._unchecked += COMMIT_BYTES + len(chosen) * 64
        return len(chosen)

    def needs_upkeep(self) -> bool:
        return self._unchecked >= CHECKPOINT_BYTES

    def upkeep(self) -> Iterator[bool]:
        yield False
        self._unchecked = 0
        self._files.sync()  # before the rows that name those bytes are made durable
        self._checkpoint("PASSIVE")  # beside the commits: most of the work, all of the waiting for the disk
        if Path(f"{self._path}-wal").stat().st_size >= RESTART_BYTES:
            yield False
            self._checkpoint("PASSIVE")  # what came during the first one: a fraction
            yield True
            self._checkpoint("RESTART")  # what came during the second, and the log begins anew

    def _checkpoint(self, mode: str) -> None:
        try:
            self._upkeep.execute(f"PRAGMA wal_checkpoint({mode})")
        except sqlite3.OperationalError as error:
            if is_full(error):
                raise DiskFull(path=self._path) from error
            raise

    # --- plumbing

    @contextlib.contextmanager
    def _transaction(self, connection: sqlite3.Connection) -> Iterator[None]:
        """All or nothing; a full disk becomes `DiskFull`."""
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError) and is_full(error):
                raise DiskFull(path=self._path) from error
            raise

    def _value(self, statement: str, *values: object) -> Any:
        return self._hot.execute(statement, values).fetchone()[0]

    def _rows(self, condition: str, *values: object) -> list[SessionRow]:
        found = self._hot.execute(f"SELECT {ROW_COLUMNS} FROM session WHERE NOT hidden AND {condition}", values)  # noqa: S608
        return [SessionRow(n, i, name, epoch, bool(live), *rest) for n, i, name, epoch, live, *rest in found]

    def _one(self, condition: str, *values: object) -> SessionRow | None:
        rows = self._rows(condition, *values)
        return rows[0] if rows else None


def to_row(number: int, block: Block, place: Place | None) -> tuple[object, ...]:
    """A block as a row of `BLOCK_COLUMNS`."""
    data, file, position = (block.data, None, None) if place is None else (None, place.file, place.position)
    return (
        number << SEQ_BITS | block.first_seq,
        block.last_seq,
        block.first_time,
        block.last_time,
        block.offset,
        len(block.data),
        block.index,
        data,
        file,
        position,
    )


def is_whole(data: bytes, length: int) -> bool:
    """Whether a block's bytes reached the disk: all of them, and no page of the file was left empty.

    Output that is itself nothing but zeros for so long is taken for damage; that costs its log's end, after a power failure only.
    """
    return len(data) == length and bytes(2 * FILE_PAGE) not in data


def is_full(error: sqlite3.Error) -> bool:
    """Whether SQLite failed because nothing more can be written."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in FULL_CODES
