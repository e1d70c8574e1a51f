"""Logs to try things on: real ones, in the memory store unless told otherwise, with a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from sightline.v1.event_pb2 import Channel, Event, Notice
from sightline.v1.session_pb2 import Session, Snapshot
from sightline.v1.session_service_pb2 import SubscribeResponse
from sightline_server.errors import SessionNotFound
from sightline_server.log import record
from sightline_server.log.committer import Committer
from sightline_server.log.session_log import Draft, SessionLog
from sightline_server.storage.contract import Store
from sightline_server.storage.memory import MemoryStore
from sightline_server.subscription.directory import Subject

EPOCH = 7
SECOND = 1_000_000_000


class Clock:
    """Nanoseconds, one second further at each look."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        self.now += SECOND
        return self.now


class LoggedSession:
    """A session without a source: what a subscriber needs of it."""

    def __init__(
        self, session_id: str, number: int, committer: Committer, clock: Clock, *, epoch: int = EPOCH, closed: bool = False
    ) -> None:
        self.log = SessionLog(session_id, number, epoch, committer, clock, closed=closed)
        self.number = number
        self.name = session_id
        self.has_terminal = False

    def describe(self, *, followers: bool = True) -> Session:
        return Session(id=self.log.session_id, name=self.name, head_seq=self.log.head_seq)

    async def snapshot(self) -> Snapshot:
        return Snapshot(session_id=self.log.session_id, as_of_seq=self.log.head_seq)


class Sessions:
    """A `Directory` of such sessions."""

    def __init__(self, store: Store | None = None) -> None:
        self.committer = Committer(store or MemoryStore())
        self.clock = Clock()
        self.draining = False
        self.on_join: set[object] = set()
        self.on_drain: set[object] = set()
        self._subjects: dict[str, LoggedSession] = {}
        self._last_number = 0

    def add(self, session_id: str, name: str = "") -> LoggedSession:
        session = LoggedSession(session_id, self.next_number, self.committer, self.clock)
        self._last_number = session.number
        session.name = name or session_id
        self._subjects[session_id] = session
        for tell in list(self.on_join):
            tell(session)  # type: ignore[operator]
        return session

    @property
    def next_number(self) -> int:
        return self._last_number + 1

    def find(self, session: str) -> Subject:
        named = (subject for subject in reversed(self._subjects.values()) if subject.name == session)
        found = self._subjects.get(session) or next(named, None)
        if found is None:
            raise SessionNotFound(session=session)
        return found

    def forget(self, session_id: str) -> None:
        self._subjects.pop(session_id).log.forget()

    def live(self) -> Sequence[Subject]:
        return [subject for subject in self.all() if not subject.log.closed]

    def all(self) -> Sequence[Subject]:
        return list(self._subjects.values())


def output(text: bytes, channel: Channel.ValueType = Channel.CHANNEL_STDOUT, source: str = "stdout") -> Draft:
    return Draft(source, None, channel, text)


def notice(text: str, source: str = "sightline") -> Draft:
    return Draft(source, Event(notice=Notice(text=text)))


def events_of(log: SessionLog) -> list[Event]:
    """All that is kept, read the plain way."""
    return [event for block in log._store.blocks_after(log.number, 0, 1 << 40) for event in record.decode(block.data)]


def trim(log: SessionLog, up_to_seq: int) -> None:
    """Removes the oldest blocks, as retention does: first for the readers, then from the store."""
    block = log.block_with(up_to_seq)
    assert block is not None
    log.shorten(block.last_seq + 1, block.offset + len(block.data))
    log._store.trim(log.number, block.last_seq, 1 << 30)


def parsed(responses: Sequence[bytes]) -> Iterator[SubscribeResponse]:
    return map(SubscribeResponse.FromString, responses)


async def settled() -> None:
    """Everything that is ready to run has run."""
    for _ in range(10):
        await asyncio.sleep(0)
