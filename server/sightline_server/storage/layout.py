"""How the database is laid out: tables, the form of a block's row, connections, transactions. Not when they are used.

A block's row id is `session number << 40 | first seq`: one tree, in the order of reading, without a second index. A block's bytes
are in the row when they are few or were merged, else in a file (`segments`), written before the row is committed.
"""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sightline_server.errors import DatabaseDamaged, DiskFull, NewerDatabase
from sightline_server.storage.contract import Block, Bounds, Outline
from sightline_server.storage.segments import Place

LAYOUT = 2  # PRAGMA user_version; a database of a higher one is refused
APPLICATION_ID = 0x51674E31  # PRAGMA application_id: tells a database of ours from anybody's
SEQ_BITS = 40  # of a block's row id: 10^12 events a session, 8 million sessions
FULL_CODES = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
DAMAGE_CODES = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

TABLES = """
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
) WITHOUT ROWID
"""

SINCE_2 = """
ALTER TABLE block ADD COLUMN checksum INTEGER;
CREATE TABLE ended (
  number INTEGER PRIMARY KEY,
  bytes INTEGER NOT NULL, first_time INTEGER NOT NULL, last_time INTEGER NOT NULL, merged INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX ended_time ON ended (first_time);
CREATE INDEX ended_unmerged ON ended (number) WHERE NOT merged
"""

_OF_LOG = "FROM block WHERE id BETWEEN s.number << 40 AND (s.number + 1 << 40) - 1 ORDER BY id"
NOTE_ENDED = f"""
INSERT OR REPLACE INTO ended (number, bytes, first_time, last_time) SELECT s.number,
  coalesce((SELECT offset + length {_OF_LOG} DESC LIMIT 1) - (SELECT offset {_OF_LOG} LIMIT 1), 0),
  coalesce((SELECT first_time {_OF_LOG} LIMIT 1), 0), coalesce((SELECT last_time {_OF_LOG} DESC LIMIT 1), 0)
FROM session s WHERE NOT s.live AND NOT s.hidden
"""  # noqa: S608 - words of ours

ROW_COLUMNS = "number, session_id, name, epoch, live, request_id, fingerprint, record, private"
OUTLINE_COLUMNS = "id, last_seq, first_time, last_time, offset, length"
BLOCK_COLUMNS = f"{OUTLINE_COLUMNS}, entries, data, file, position, checksum"
INSERT_BLOCK = f"INSERT INTO block ({BLOCK_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - names of ours


def connect(path: Path) -> sqlite3.Connection:
    """A connection, in WAL mode, that waits for nobody."""
    fresh = not path.exists()
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    if fresh:
        path.chmod(0o600)
    connection.execute("PRAGMA busy_timeout=0")
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # counts for a new database alone, and must come before all else
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    return connection


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Makes the tables, or brings those of an older layout up to date. Raises `NewerDatabase`, `DatabaseError`, `DiskFull`."""
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    (known,) = connection.execute("PRAGMA application_id").fetchone()
    if layout > LAYOUT:
        connection.close()
        raise NewerDatabase(path=path, found=layout, known=LAYOUT)
    if (layout and known != APPLICATION_ID) or (not layout and connection.execute("SELECT 1 FROM sqlite_master").fetchone()):
        raise sqlite3.DatabaseError("it is a database of another program")
    if layout < LAYOUT:
        with transaction(connection, path):
            for statement in [*(TABLES.split(";\n") if not layout else ()), *SINCE_2.split(";\n"), NOTE_ENDED]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={LAYOUT}")
    for table in ("session", "block", "source", "input", "ended"):  # reads each tree's root: damage there is seen now, not later
        connection.execute(f"SELECT * FROM {table} ORDER BY 1 DESC LIMIT 1").fetchall()  # noqa: S608 - names of ours


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """All or nothing; a full disk becomes `DiskFull`, a damaged database `DatabaseDamaged`."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.OperationalError) and is_full(error):
            raise DiskFull(path=path) from error
        if isinstance(error, sqlite3.DatabaseError) and is_damage(error):
            raise DatabaseDamaged(path=path, problem=error) from error
        raise


def is_full(error: sqlite3.Error) -> bool:
    """Whether SQLite failed because nothing more can be written."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in FULL_CODES


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite failed because its file is not as it left it."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in DAMAGE_CODES


def row_ids(number: int, first_seq: int = 0, last_seq: int = (1 << SEQ_BITS) - 1) -> tuple[int, int]:
    """The first and the last row id that blocks of a session's log can have."""
    return number << SEQ_BITS | first_seq, number << SEQ_BITS | last_seq


def first_seq_of(row_id: int) -> int:
    """The `seq` that a block's row id names."""
    return row_id & (1 << SEQ_BITS) - 1


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
        checksum(block.index, block.data),
    )


def to_outline(row: tuple[Any, ...]) -> Outline:
    """A row of `OUTLINE_COLUMNS`."""
    return Outline(first_seq_of(row[0]), *row[1:])


def bounds_of(connection: sqlite3.Connection, number: int) -> Bounds:
    """What is kept of a log."""
    oldest, newest = (
        connection.execute(
            f"SELECT {OUTLINE_COLUMNS} FROM block WHERE id BETWEEN ? AND ? ORDER BY id {order} LIMIT 1",  # noqa: S608
            row_ids(number),
        ).fetchone()
        for order in ("ASC", "DESC")
    )
    if oldest is None:
        return Bounds()
    first, last = to_outline(oldest), to_outline(newest)
    return Bounds(first.first_seq, last.last_seq, first.offset, last.end, last.last_time)


def checksum(index: bytes, data: bytes) -> int:
    """Of a block, kept in its row: measured at 3.2 GB/s, 20 us for 64 KiB."""
    return zlib.crc32(data, zlib.crc32(index))


def is_whole(index: bytes, data: bytes, length: int, expected: int | None) -> bool:
    """Whether a block is as it was committed; of one without a checksum only the length is known."""
    return len(data) == length and (expected is None or checksum(index, data) == expected)
