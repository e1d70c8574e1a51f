"""Logs for search: events made by hand, written through the store, indexed and looked up, with no server around."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sightline.v1.event_pb2 import Channel, Event, Output
from sightline.v1.session_pb2 import Session
from sightline_server.log import record
from sightline_server.search.find import Hit, Key, Limits, find
from sightline_server.search.index import Index
from sightline_server.search.indexer import Indexer
from sightline_server.search.words import parse
from sightline_server.storage.contract import Block, Commit, SessionRow
from sightline_server.storage.memory import MemoryStore
from sightline_server.storage.sqlite import SqliteStore

PATIENCE = 20.0  # seconds
STEP = 1_000_000_000  # nanoseconds between events
Store = SqliteStore | MemoryStore


def output(data: bytes, source: str = "stdout", channel: Channel.ValueType = Channel.CHANNEL_STDOUT) -> Event:
    return Event(source=source, output=Output(channel=channel, data=data))


def numbered(events: Sequence[Event], first: int = 1, time: int = 0) -> list[Event]:
    """The events as a log has them."""
    for seq, event in enumerate(events, first):
        event.seq = seq
        event.time.FromNanoseconds(time + seq * STEP)
    return list(events)


class Log:
    """One session of a store; `number` is its place there, its times are `time` and a second more for each event."""

    def __init__(self, store: Store, number: int, *, session_id: str = "", epoch: int = 7, time: int = 0) -> None:
        self.number = number
        self.id = session_id or f"{number:016x}"
        self.epoch = epoch
        self._store = store
        self._time = time
        self._seq = 0
        self._offset = 0

    def commit(self, *events: Event, live: bool = True) -> None:
        """One block of these."""
        commit = Commit(rows=[self.row(live)])
        if events:
            found = numbered(events, self._seq + 1, self._time)
            entries = [record.encode(event) for event in found]
            data = b"".join(entry for entry, _, _ in entries)
            index = b"".join(record.INDEX.pack(len(entry), kind, 1, channel) for entry, kind, channel in entries)
            times = [event.time.ToNanoseconds() for event in found]
            block = Block(found[0].seq, found[-1].seq, times[0], times[-1], self._offset, data, index)
            self._seq, self._offset = found[-1].seq, self._offset + len(data)
            commit.blocks.append((self.number, block))
        self._store.commit(commit)

    def row(self, live: bool) -> SessionRow:
        session = Session(id=self.id, name=f"s{self.number}")
        return SessionRow(self.number, self.id, session.name, self.epoch, live, "", b"", session.SerializeToString(), "{}")


class Searched:
    """A store and the index beside it.

    Args:
        home: where both are; None: in memory.
    """

    def __init__(self, home: Path | None) -> None:
        self.path = home / "search.db" if home else None
        self.store: Store = SqliteStore(home / "sightline.db", "this boot") if home else MemoryStore()
        self.store.open()
        self.index = Index(self.path)
        self.indexer = Indexer(self.index, self.path, self.store.reader, tidy_seconds=0.0)

    def start(self) -> None:
        self.indexer.start()

    def stop(self) -> None:
        self.indexer.stop()

    def restart(self) -> None:
        """Another indexer goes on."""
        self.stop()
        self.index = Index(self.path)
        self.indexer = Indexer(self.index, self.path, self.store.reader, tidy_seconds=0.0)
        self.start()

    def catch_up(self) -> None:
        """Returns when all that is committed is indexed."""
        assert self.indexer.catch_up(PATIENCE)

    def page(
        self,
        query: str,
        limits: Limits | None = None,
        size: int = 1000,
        *,
        numbers: Sequence[int] = (),
        clock: Callable[[], float] = lambda: 0.0,
    ) -> tuple[list[Hit], Key | None]:
        """One page of places."""
        with self.index.reading():
            sessions = [one for one in self.index.found_in() if not numbers or one.number in numbers]
            return find(self.index, parse(query), sessions, limits or Limits(), size, lambda _n, _s: True, clock=clock)

    def texts(self, query: str) -> list[str]:
        """All lines that are found, newest first."""
        self.catch_up()
        hits, after = self.page(query)
        assert after is None
        return [hit.text for hit in hits]

    def lines(self) -> int:
        """How many lines the index holds."""
        with self.index.reading():
            return int(self.index._reader.execute("SELECT coalesce(sum(count), 0) FROM page").fetchone()[0])


@contextmanager
def searched(home: Path | None) -> Iterator[Searched]:
    made = Searched(home)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        made.store.close()
