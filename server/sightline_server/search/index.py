"""The index's database: what one transaction adds or removes, and looking up. Knows lines and places, no events and no names.

Each line is a row of an FTS5 table that keeps words alone (`detail=none`, `content=''`): 0.3 bytes for a byte of text, half of what
positions would take. Its text is beside, a page of lines compressed together, for what the words cannot say: phrases, signs, the
snippet, and what to take out of the index when a line goes. A line's place is `session number << 34 | its count in the session`, so
that a session is one range of places, later lines are higher, and nothing depends on when something was indexed.

It can be deleted at any time: all of it is made again from the logs.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import struct
import threading
import time
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightline_server.search.lines import NEVER, Line
from sightline_server.search.words import fed
from sightline_server.storage.layout import is_damage

logger = logging.getLogger(__name__)

LAYOUT = 1  # PRAGMA user_version; any other is made anew
COUNT_BITS = 34  # of a line's place: 17 billion lines a session
PAGE_LINES = 128
PAGE_CHARACTERS = 16 * 1024
PAGE_BYTES = 16 * 1024  # of the database: the compressed pages of lines leave less of them empty
HASH_BYTES = 8 * 1024 * 1024  # of words that FTS5 gathers before it writes
CACHE_KIB = 16 * 1024  # of each connection
CHECKPOINT_PAGES = 1024  # of SQLite's log: 16 MiB
FAST = 1  # zlib's level: 2 % more than the next ones in half the time
BREATH = 0.0001  # seconds after each millisecond of work or so: a loop that waits for Python's lock gets it then, not 5 ms later
FARTHEST = (1 << 63) - 1  # place
SEPARATE = "\x01"  # behind a word: the lowest that can follow it

TABLES = """
CREATE TABLE session (
  number INTEGER PRIMARY KEY, session_id TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, seq_time INTEGER NOT NULL,
  offset INTEGER NOT NULL, lines INTEGER NOT NULL, time INTEGER NOT NULL, state TEXT NOT NULL, gone INTEGER NOT NULL
);
CREATE TABLE page (
  id INTEGER PRIMARY KEY, number INTEGER NOT NULL, count INTEGER NOT NULL, time INTEGER NOT NULL, last_seq INTEGER NOT NULL,
  data BLOB NOT NULL
);
CREATE INDEX page_time ON page (number, time, id, count);
CREATE VIRTUAL TABLE line USING fts5(text, content='', columnsize=0, detail=none, tokenize='ascii')
"""


@dataclass(slots=True)
class Progress:
    """How far a log is in the index.

    Attributes:
        number: the session.
        session_id: its public id.
        epoch: of its log.
        seq: the last event whose words are there.
        seq_time: its time, in nanoseconds since 1970: it tells the same history from another one.
        offset: bytes of log up to its end.
        lines: how many places were given.
        time: the highest time of any page.
        state: of `lines.Lines`.
        gone: all of it is to be removed; nothing of it is found any more.
    """

    number: int
    session_id: str
    epoch: int
    seq: int = 0
    seq_time: int = 0
    offset: int = 0
    lines: int = 0
    time: int = 0
    state: str = ""
    gone: bool = False

    @property
    def last_place(self) -> int:
        """The highest place that was given."""
        return first_place(self.number) + self.lines - 1


@dataclass(frozen=True, slots=True)
class Page:
    """Some neighbouring lines of a session.

    Attributes:
        id: the first one's place.
        count: how many.
        time: what they are ordered by among other sessions': not lower than that of the page before.
        data: see `packed`.
    """

    id: int
    count: int
    time: int
    data: bytes


class Index:
    """The database.

    Args:
        path: of it; None: in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._reads = threading.RLock()  # held by who looks up and who makes it anew; in memory, with its one connection, by all
        self._writer: sqlite3.Connection
        self._reader: sqlite3.Connection
        self._inode = 0

    # --- opening and closing

    def open(self) -> None:
        """Opens it, or makes a new one where none can be used. Raises `sqlite3.OperationalError` for what may pass."""
        try:
            if self._open():
                return
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            logger.warning("%s is damaged (%s): it is made anew from the logs", self._path, error)
        self.remake()

    def _open(self) -> bool:
        """False: it has no tables of ours."""
        self._writer = self._reader = connect(self._path)
        if self._path is not None:
            self._inode = self._path.stat().st_ino
            self._reader = connect(self._path)
            self._reader.execute("PRAGMA query_only=1")
        if self._reader.execute("PRAGMA user_version").fetchone() != (LAYOUT,):
            return False
        for table in ("session", "page"):  # reads each tree's root: damage there is seen now, not later
            self._reader.execute(f"SELECT * FROM {table} ORDER BY 1 DESC LIMIT 1").fetchall()  # noqa: S608 - names of ours
        self.matching("a", 0, FARTHEST, 1)
        return True

    def remake(self) -> None:
        """An empty one in its place."""
        with self._reads:
            self.close()
            if self._path is not None:
                for suffix in ("", "-wal", "-shm", "-journal"):
                    Path(f"{self._path}{suffix}").unlink(missing_ok=True)
            self._open()
        with self._transaction():
            for statement in TABLES.split(";\n"):
                self._writer.execute(statement)
            self._writer.execute("INSERT INTO line (line, rank) VALUES ('hashsize', ?)", (HASH_BYTES,))
            self._writer.execute(f"PRAGMA user_version={LAYOUT}")

    def is_there(self) -> bool:
        """Whether the file that was opened is still the one at its path."""
        if self._path is None:
            return True
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def close(self) -> None:
        """Closes it; closing again does nothing."""
        with self._reads:
            self._close()

    def _close(self) -> None:
        for connection in {id(one): one for one in (self._reader, self._writer)}.values() if hasattr(self, "_writer") else ():
            with contextlib.suppress(sqlite3.Error):
                connection.execute("SELECT 1")  # else an interruption that met nothing would interrupt SQLite's own closing
            connection.close()

    def interrupt(self) -> None:
        """Makes what a thread does with it fail soon."""
        with contextlib.suppress(sqlite3.ProgrammingError):
            self._writer.interrupt()
            self._reader.interrupt()

    # --- keeping it up: one thread

    def progress(self) -> list[Progress]:
        """How far all logs are, those that are to be removed too."""
        return [to_progress(row) for row in self._writer.execute("SELECT * FROM session ORDER BY number").fetchall()]

    def add(self, progress: Progress, ended: Iterable[Line], rest: Sequence[Line], settle: Callable[[], str]) -> None:
        """Adds a log's next lines, and how far it is then, in one transaction.

        Args:
            progress: how far; `lines` and `time` are brought forward.
            ended: lines that have ended, in order; those with a place take the place of what was there.
            rest: lines without an end yet; they are given places of their own.
            settle: called when all have their places; gives the state to go on from.

        What raises leaves the index as it was, and `progress` and the lines of no further use.
        """
        fresh: list[Line] = []
        again: list[Line] = []
        for line in (*ended, *rest):
            if line.place != NEVER:
                again.append(line)
            elif line.text:
                fresh.append(line)
        alone = {id(line) for line in rest}
        with self._transaction():
            for line in sorted(again, key=lambda line: line.place):
                self._replace(line)
            for page in in_pages(fresh, alone):
                self._append(progress, page)
                time.sleep(BREATH)
            progress.state = settle()
            self._put(progress)

    def put(self, progress: Progress) -> None:
        """Notes how far a log is."""
        with self._transaction():
            self._put(progress)

    def _put(self, progress: Progress) -> None:
        p = progress
        values = (p.number, p.session_id, p.epoch, p.seq, p.seq_time, p.offset, p.lines, p.time, p.state, p.gone)
        self._writer.execute("INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def _append(self, progress: Progress, lines: Sequence[Line]) -> None:
        first = progress.last_place + 1
        for place, line in enumerate(lines, first):
            line.place = place
        progress.lines += len(lines)
        progress.time = max(progress.time, *(line.time for line in lines))
        self._writer.execute(
            "INSERT INTO page VALUES (?, ?, ?, ?, ?, ?)",
            (first, progress.number, len(lines), progress.time, max(line.seq for line in lines), packed(lines)),
        )
        self._writer.executemany("INSERT INTO line (rowid, text) VALUES (?, ?)", [(line.place, fed(line.text)) for line in lines])

    def _replace(self, line: Line) -> None:
        """Puts a line in the place of what it was before: such a line has a page of its own."""
        self._writer.execute("INSERT INTO line (line, rowid, text) VALUES ('delete', ?, ?)", (line.place, fed(line.before)))
        if line.text:
            self._writer.execute("UPDATE page SET data=? WHERE id=?", (packed([line]), line.place))
            self._writer.execute("INSERT INTO line (rowid, text) VALUES (?, ?)", (line.place, fed(line.text)))
        else:
            self._writer.execute("DELETE FROM page WHERE id=?", (line.place,))

    def remove(self, number: int, before_seq: int, most: int) -> bool:
        """Removes a log's oldest pages that hold nothing from `before_seq` on, at most so many; True: there may be more."""
        low, high = first_place(number), first_place(number + 1) - 1
        with self._transaction():
            rows = self._writer.execute(
                "SELECT id, count, time, data, last_seq FROM page WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?", (low, high, most)
            ).fetchall()
            for *row, last_seq in rows:
                if last_seq >= before_seq:
                    return False
                page = Page(*row)
                removed = [(page.id + at, fed(text)) for at, text in enumerate(texts_of(page))]
                self._writer.executemany("INSERT INTO line (line, rowid, text) VALUES ('delete', ?, ?)", removed)
                self._writer.execute("DELETE FROM page WHERE id=?", (page.id,))
                time.sleep(BREATH)
        return len(rows) == most

    def forget(self, number: int) -> None:
        """Forgets how far a log was, when all its pages are gone."""
        with self._transaction():
            self._writer.execute("DELETE FROM session WHERE number=?", (number,))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._reads if self._path is None else contextlib.nullcontext():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    # --- looking up: another thread

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """All that is looked up meanwhile is of one moment."""
        with self._reads:
            if self._reader is self._writer:
                yield
                return
            self._reader.execute("BEGIN")
            try:
                yield
            finally:
                if self._reader.in_transaction:
                    self._reader.execute("ROLLBACK")

    def found_in(self) -> list[Progress]:
        """How far the logs are in which something can be found."""
        return [to_progress(row) for row in self._reader.execute("SELECT * FROM session WHERE NOT gone").fetchall()]

    def matching(self, expression: str, low: int, high: int, limit: int) -> list[int]:
        """The highest places from `low` to `high` of lines that FTS5 finds."""
        statement = "SELECT rowid FROM line WHERE line MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid DESC LIMIT ?"
        return [place for (place,) in self._reader.execute(statement, (expression, low, high, limit)).fetchall()]

    def page_with(self, place: int) -> Page | None:
        """The page that holds a line; None: it is gone."""
        row = self._reader.execute(
            "SELECT id, count, time, data FROM page WHERE id <= ? ORDER BY id DESC LIMIT 1", (place,)
        ).fetchone()
        return Page(*row) if row and place < row[0] + row[1] else None

    def all_lines(self, low: int, high: int) -> list[int]:
        """The highest places from `low` to `high`, as many as are on one page; those before the lowest are still to come."""
        row = self._reader.execute(
            "SELECT id, count FROM page WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1", (low, high)
        ).fetchone()
        return [] if row is None else list(range(min(high, row[0] + row[1] - 1), row[0] - 1, -1))

    def last_before(self, number: int, time: int, place: int) -> tuple[int, int] | None:
        """The last line of a session that comes before (time, place) in the order of pages: its page's time, its place."""
        row = self._reader.execute(
            "SELECT time, id, count FROM page WHERE number = ? AND (time, id) < (?, ?) ORDER BY time DESC, id DESC LIMIT 1",
            (number, time, place),
        ).fetchone()
        if row is None:
            return None
        last = row[1] + row[2] - 1
        return row[0], min(last, place - 1) if row[0] == time else last

    def page_from(self, number: int, time: int) -> tuple[int, int, int] | None:
        """The first page of a session that is not before `time`: its time, its first place, its last."""
        row = self._reader.execute(
            "SELECT time, id, id + count - 1 FROM page WHERE number = ? AND time >= ? ORDER BY time, id LIMIT 1", (number, time)
        ).fetchone()
        return None if row is None else (row[0], row[1], row[2])

    def words_from(self, prefix: str, limit: int) -> list[str]:
        """The first words of the index that begin so, at most `limit`."""
        found: list[str] = []
        low = prefix
        while len(found) < limit:
            row = self._reader.execute("SELECT term FROM temp.word WHERE term >= ? LIMIT 1", (low,)).fetchone()
            if row is None or not row[0].startswith(prefix):
                break
            found.append(row[0])
            low = row[0] + SEPARATE
        return found


def connect(path: Path | None) -> sqlite3.Connection:
    """A connection in WAL mode, used by one thread at a time."""
    if path is not None and not path.exists():
        path.touch(mode=0o600)
    connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA busy_timeout=1000")
    connection.execute(f"PRAGMA page_size={PAGE_BYTES}")  # counts for a new database alone
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    connection.execute("CREATE VIRTUAL TABLE temp.word USING fts5vocab(main, line, instance)")
    return connection


def to_progress(row: Sequence[Any]) -> Progress:
    """A row of `session`."""
    number, session_id, epoch, seq, seq_time, offset, lines, time, state, gone = row
    return Progress(number, session_id, epoch, seq, seq_time, offset, lines, time, state, bool(gone))


def first_place(number: int) -> int:
    """The place of a session's first line."""
    return number << COUNT_BITS


def number_at(place: int) -> int:
    """The session of a place."""
    return place >> COUNT_BITS


def in_pages(lines: Sequence[Line], alone: set[int]) -> Iterator[list[Line]]:
    """Lines in groups; each of those that are still to grow alone."""
    page: list[Line] = []
    size = 0
    for line in lines:
        if page and (id(line) in alone or len(page) == PAGE_LINES or size + len(line.text) > PAGE_CHARACTERS):
            yield page
            page, size = [], 0
        page.append(line)
        size += len(line.text)
        if id(line) in alone:
            yield page
            page, size = [], 0
    if page:
        yield page


def packed(lines: Sequence[Line]) -> bytes:
    """A page's lines, compressed: where `seq` and time change, then the text."""
    runs = array("Q")
    last = (-1, -1)
    for at, line in enumerate(lines):
        if (line.seq, line.time) != last:
            last = (line.seq, line.time)
            runs.extend((at, *last))
    text = "\n".join(line.text for line in lines).encode(errors="replace")
    return zlib.compress(struct.pack("<H", len(runs) // 3) + runs.tobytes() + text, FAST)


def texts_of(page: Page) -> list[str]:
    """A page's lines."""
    data = zlib.decompress(page.data)
    (runs,) = struct.unpack_from("<H", data)
    return data[2 + runs * 24 :].decode().split("\n")


def origin(page: Page, at: int) -> tuple[int, int]:
    """The `seq` and the time of one of its lines."""
    data = zlib.decompress(page.data)
    (count,) = struct.unpack_from("<H", data)
    runs = array("Q")
    runs.frombytes(data[2 : 2 + count * 24])
    run = bisect_right(runs[0::3], at) - 1
    return runs[run * 3 + 1], runs[run * 3 + 2]
