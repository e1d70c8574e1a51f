"""A server's life around real logs and a real store, without sources and gRPC: sessions begin, end, go, and survive the house."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from promises.history import Histories, History
from sightline.v1.event_pb2 import Completed, Event, SessionState, StateChanged
from sightline.v1.session_pb2 import Session, SessionKind, Snapshot
from sightline_server.errors import DiskFull, SessionNotFound
from sightline_server.log.expiry import Cut, Limits
from sightline_server.log.retention import Retention
from sightline_server.log.session_log import Draft, SessionLog
from sightline_server.storage.contract import Commit, SessionRow, Store
from sightline_server.storage.memory import MemoryStore
from sightline_server.storage.sqlite import SqliteStore
from sightline_server.subscription.directory import Subject
from support.logs import EPOCH, Clock, LoggedSession, Sessions

ROWS = 1000  # more sessions than a test makes
SCREEN_TURNS = 2  # of the loop, until a screen is there


class Resident(LoggedSession):
    """One session in a house."""

    def __init__(self, row: SessionRow, house: House, history: History) -> None:
        super().__init__(row.session_id, row.number, house.committer, house.clock, epoch=row.epoch, closed=not row.live)
        self.row = dataclasses.replace(row)  # the memory store gave its own
        self.history = history
        self.has_terminal = bool(row.private)
        self._house = house

    def describe(self, *, followers: bool = True) -> Session:
        kind = SessionKind.SESSION_KIND_TERMINAL if self.has_terminal else SessionKind.SESSION_KIND_COMMAND
        return Session(id=self.row.session_id, name=self.row.name, epoch=self.row.epoch, head_seq=self.log.head_seq, kind=kind)

    async def snapshot(self) -> Snapshot:
        for _ in range(SCREEN_TURNS):
            await asyncio.sleep(0)
        return Snapshot(session_id=self.log.session_id, as_of_seq=self.log.head_seq)

    def append(self, drafts: Sequence[Draft], *, with_row: bool = False, refusable: bool = False) -> asyncio.Future[int]:
        confirmation = self.log.append(drafts, row=self.row if with_row else None, refusable=refusable)
        self._house.histories.appended(self.history, drafts, confirmation)
        return confirmation


class NotedRetention(Retention):
    """Retention, as it is, that lets the model know what it is about to remove."""

    async def _carry_out(self, cuts: Sequence[Cut]) -> None:
        assert isinstance(self._logs, House)
        for cut in cuts:
            session = self._logs.numbered(cut.number)
            if session is not None:
                session.history.gone = max(session.history.gone, cut.up_to_seq)
        await super()._carry_out(cuts)


class House(Sessions):
    """One run of a server; the next one takes its `store` over.

    Attributes:
        full: the disk is: commits fail.
    """

    def __init__(self, store: Store, clock: Clock, histories: Histories) -> None:
        super().__init__(store)
        self.clock = clock
        self.histories = histories
        self.full = False
        self._plain_commit = type(store).commit.__get__(store)
        store.commit = self._commit  # type: ignore[method-assign]
        self.retention = NotedRetention(self.committer, self, Limits(), clock, clock)
        self.residents: dict[str, Resident] = {}
        self._beginning: set[int] = set()
        for row in reversed(store.rows_before(ROWS, ROWS)):
            self.residents[row.session_id] = Resident(row, self, histories.by_id[row.session_id])

    def _commit(self, commit: Commit) -> None:
        if self.full:
            raise DiskFull(path="here")
        self._plain_commit(commit)

    def die(self) -> None:
        """The process is killed: what was not committed never will be."""
        self.committer.store = Grave()  # type: ignore[assignment]

    def find(self, session: str) -> Subject:
        named = [one for one in self.residents.values() if one.row.name == session]
        found = self.residents.get(session) or max(named, key=lambda one: (one.row.live, one.row.number), default=None)
        if found is None:
            raise SessionNotFound(session=session)
        return found

    @property
    def next_number(self) -> int:
        return min(self._beginning, default=len(self.histories.by_id) + 1)

    def live(self) -> Sequence[Subject]:
        return [one for one in self.residents.values() if one.row.live]

    def all(self) -> Sequence[Subject]:
        return list(self.residents.values())

    async def create(self, name: str, *, terminal: bool) -> None:
        number = len(self.histories.by_id) + 1
        row = SessionRow(number, f"id{number}", name, EPOCH, True, "", b"", b"", "terminal" if terminal else "")
        history = self.histories.by_id[row.session_id] = History(row.session_id, name)
        made = Resident(row, self, history)
        starting = StateChanged(state=SessionState.SESSION_STATE_STARTING)
        self._beginning.add(number)
        await made.append([Draft("sightline", Event(state_changed=starting))], with_row=True)
        self._beginning.discard(number)
        self.residents[row.session_id] = made
        for tell in list(self.on_join):
            tell(made)  # type: ignore[operator]

    async def end(self, session: Resident) -> None:
        if not session.row.live:
            return
        session.row.live = False
        ended = StateChanged(state=SessionState.SESSION_STATE_ENDED)
        last = [Draft("sightline", Event(state_changed=ended)), Draft("sightline", Event(completed=Completed()))]
        await session.append(last, with_row=True)
        session.log.close()

    async def delete(self, session: Resident) -> None:
        if not session.log.closed or session.row.session_id not in self.residents:
            return
        await self.committer.off_loop(lambda: self.committer.store.hide([session.row.number]))
        self.committer.has_hidden = True
        self.forgotten([session.row.number])

    # --- what retention asks

    def live_logs(self) -> Iterable[SessionLog]:
        return [one.log for one in self.residents.values() if one.row.live]

    def numbered(self, number: int) -> Resident | None:
        return next((one for one in self.residents.values() if one.row.number == number), None)

    def forgotten(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            session = self.numbered(number)
            if session is not None:
                del self.residents[session.row.session_id]
                session.history.gone = session.log.head_seq
                session.log.forget()

    def drain(self) -> None:
        self.draining = True
        for tell in list(self.on_drain):
            tell()  # type: ignore[operator]


class Grave:
    """Where a dead server commits to."""

    def commit(self, commit: Commit) -> None:
        raise DiskFull(path="nowhere")


class MemoryDisk:
    """What is left when a house goes: everything, the process lives on."""

    def __init__(self, _folder: Path) -> None:
        self.store = MemoryStore()

    def open(self) -> Store:
        return self.store

    def crash(self, *, power: bool) -> Store:
        return self.store

    def close(self) -> None:
        self.store.close()


class SqliteDisk:
    """What is left when a house goes: the files."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "sightline.db"
        self._boots = 0
        self.store = self._new()

    def _new(self) -> SqliteStore:
        return SqliteStore(self._path, f"boot {self._boots}")

    def open(self) -> Store:
        self.store = self._new()
        self.store.open()
        return self.store

    def crash(self, *, power: bool) -> Store:
        """The process was killed, or the machine went down: another opens what is there, the first never closed it."""
        self._boots += power
        dead, store = self.store, self.open()
        dead._hot.close()  # gives descriptors back; SQLite writes nothing, for it is not the last to close
        dead._upkeep.close()
        dead._files.close()
        return store

    def close(self) -> None:
        self.store.close()


Disk = MemoryDisk | SqliteDisk
DISKS: dict[str, type[MemoryDisk] | type[SqliteDisk]] = {"memory": MemoryDisk, "sqlite": SqliteDisk}
