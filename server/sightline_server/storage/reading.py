"""Reading blocks over one connection: those of the loop, and those of a thread beside it. Writes nothing."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sightline_server.errors import DatabaseDamaged
from sightline_server.storage.contract import Block, Bounds, LogHead
from sightline_server.storage.layout import BLOCK_COLUMNS, OUTLINE_COLUMNS, bounds_of, first_seq_of, is_whole, row_ids
from sightline_server.storage.segments import Place, SegmentFiles

logger = logging.getLogger(__name__)


class BlockReader:
    """Reads blocks.

    Args:
        connection: to the database.
        files: that hold the large ones.
        path: of the database, for errors.
    """

    def __init__(self, connection: sqlite3.Connection, files: SegmentFiles, path: Path) -> None:
        self._connection = connection
        self._files = files
        self._path = path

    def blocks_after(self, number: int, seq: int, max_bytes: int) -> list[Block]:
        """See `contract.Store`."""
        # `seq` + 1 may lie inside a block: begin at the last one that starts at or before it.
        start = self.ask("SELECT coalesce(max(id), ?1) FROM block WHERE id BETWEEN ?1 AND ?2", *row_ids(number, 0, seq + 1))[0][0]
        found: list[Block] = []
        size = 0
        statement = f"SELECT {BLOCK_COLUMNS} FROM block WHERE id BETWEEN ? AND ? ORDER BY id"  # noqa: S608
        try:
            with contextlib.closing(self._connection.execute(statement, (start, row_ids(number)[1]))) as cursor:
                for row in cursor:
                    if row[1] <= seq:
                        continue
                    size += row[5]
                    if found and size > max_bytes:
                        break
                    found.append(self._to_block(number, row))
                    if size >= max_bytes:
                        break
        except sqlite3.DatabaseError:
            # Some row is damaged. What comes before it is good; then it is the next one's turn, each by itself.
            return found or self._one_by_one(number, start, seq)
        return found

    def block_with(self, number: int, seq: int) -> Block | None:
        """See `contract.Store`."""
        try:
            rows = self._connection.execute(
                f"SELECT {BLOCK_COLUMNS} FROM block WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1",  # noqa: S608
                row_ids(number, 0, seq),
            ).fetchall()
        except sqlite3.DatabaseError:
            rows = self.ask(
                f"SELECT {OUTLINE_COLUMNS} FROM block WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1",  # noqa: S608
                *row_ids(number, 0, seq),
            )
            return self._alone(number, rows[0])
        return self._to_block(number, rows[0]) if rows else None

    def _one_by_one(self, number: int, start: int, seq: int) -> list[Block]:
        """The next blocks where one cannot be read: those that can, and that one without its bytes."""
        outlines = self.ask(
            f"SELECT {OUTLINE_COLUMNS} FROM block WHERE id BETWEEN ? AND ? AND last_seq > ? ORDER BY id LIMIT 2",  # noqa: S608
            start,
            row_ids(number)[1],
            seq,
        )
        return [self._alone(number, outline) for outline in outlines]

    def _alone(self, number: int, outline: Sequence[Any]) -> Block:
        try:
            row = self._connection.execute(f"SELECT {BLOCK_COLUMNS} FROM block WHERE id=?", outline[:1]).fetchone()  # noqa: S608
        except sqlite3.DatabaseError as error:
            row = (*outline, b"", b"", None, None, None)
            logger.error("log of session number %d: %s", number, error)
        return self._to_block(number, row)

    def _to_block(self, number: int, row: Sequence[Any]) -> Block:
        block_id, last_seq, first_time, last_time, offset, length, index, data, file, position, checksum = row
        first_seq = first_seq_of(block_id)
        if data is None:
            data = self._files.read(number, Place(file, position, length))
        if not is_whole(index, data, length, checksum):
            logger.error("log of session number %d: events %d to %d are damaged", number, first_seq, last_seq)
            data = b""
        return Block(first_seq, last_seq, first_time, last_time, offset, data, index)

    def ask(self, statement: str, *values: object) -> list[Any]:
        """All rows. Raises `DatabaseDamaged`."""
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise DatabaseDamaged(path=self._path, problem=error) from error


class SqliteReader:
    """See `contract.Reader`.

    Args:
        path: the database, which a server has opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # Read-only from the start: `layout.connect` takes the writer's lock for a moment, and a commit would find it taken.
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        self._files = SegmentFiles(path.with_name(path.name + ".blocks"))
        self._blocks = BlockReader(self._connection, self._files, path)

    def version(self) -> int:
        """See `contract.Reader`."""
        return int(self._blocks.ask("PRAGMA data_version")[0][0])

    def heads(self) -> list[LogHead]:
        """See `contract.Reader`."""
        rows = self._blocks.ask("SELECT number, session_id, epoch, live FROM session WHERE NOT hidden ORDER BY number")
        return [LogHead(number, session_id, epoch, bool(live)) for number, session_id, epoch, live in rows]

    def head(self, number: int) -> LogHead | None:
        """See `contract.Reader`."""
        rows = self._blocks.ask("SELECT session_id, epoch, live FROM session WHERE NOT hidden AND number=?", number)
        return LogHead(number, rows[0][0], rows[0][1], bool(rows[0][2])) if rows else None

    def bounds(self, number: int) -> Bounds:
        """See `contract.Store`."""
        try:
            return bounds_of(self._connection, number)
        except sqlite3.DatabaseError as error:
            raise DatabaseDamaged(path=self._path, problem=error) from error

    def blocks_after(self, number: int, seq: int, max_bytes: int) -> list[Block]:
        """See `contract.Store`."""
        try:
            return self._blocks.blocks_after(number, seq, max_bytes)
        finally:
            self._files.close()  # what retention removes meanwhile must not keep its room

    def close(self) -> None:
        """See `contract.Reader`."""
        self._files.close()
        self._connection.close()
