"""A home that has seen much: many ended sessions with many bytes of log, made through the store itself in seconds."""

from __future__ import annotations

import os
from pathlib import Path

from sightline.v1.event_pb2 import CaptureState, Channel, Completed, Event, Outcome, Output, SessionState, StateChanged
from sightline.v1.session_pb2 import Session, SessionKind
from sightline_server.log import record
from sightline_server.storage.contract import Block, Commit, SessionRow, SourcePosition
from sightline_server.storage.sqlite import SqliteStore

SECOND = 1_000_000_000
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
BLOCK_BYTES = 64 * 1024


def build_home(
    home: Path,
    *,
    sessions: int,
    bytes_each: int,
    event_bytes: int = 60_000,
    block_bytes: int = BLOCK_BYTES,
    now: int | None = None,
    clean: bool = True,
) -> list[str]:
    """Makes a home with so many ended sessions, and returns their ids, oldest first.

    Args:
        home: where; made with mode 0700.
        sessions: how many.
        bytes_each: of output in each.
        event_bytes: of output in each event.
        block_bytes: about so many in each commit.
        now: time of the last event, in nanoseconds since 1970; None: that of the files' clock. The sessions ended a second apart.
        clean: close the store; False: leave it as a killed server does.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = SqliteStore(home / "sightline.db", BOOT_ID.read_text().strip())
    store.open()
    end = now if now is not None else home.stat().st_mtime_ns
    first = store.last_number() + 1
    ids: list[str] = []
    for number in range(first, first + sessions):
        time = end - (first + sessions - number) * SECOND
        ids.append(f"{number:016x}")
        add_session(store, number, ids[-1], time, bytes_each, event_bytes, block_bytes)
        if store.needs_upkeep():
            list(store.upkeep())
    if clean:
        store.close()
    return ids


def add_session(
    store: SqliteStore, number: int, session_id: str, time: int, bytes_each: int, event_bytes: int, block_bytes: int
) -> None:
    """One ended session."""
    log = Writer(store, number, session_id, time)
    data = os.urandom(event_bytes // 2).hex().encode()[:event_bytes]
    left = bytes_each
    while left > 0:
        entries: list[Event] = []
        size = 0
        while left > 0 and size < block_bytes:
            entries.append(
                Event(source="stdout", output=Output(channel=Channel.CHANNEL_STDOUT, data=data[: min(left, event_bytes)]))
            )
            size += event_bytes
            left -= event_bytes
        log.commit(entries)
    state = StateChanged(state=SessionState.SESSION_STATE_ENDED, capture=CaptureState.CAPTURE_STATE_FOLLOWING, provenance="process")
    kept = Session(
        id=session_id,
        name=f"old-{number}",
        kind=SessionKind.SESSION_KIND_COMMAND,
        argv=["make", "-j2"],
        cwd="/",
        state=SessionState.SESSION_STATE_ENDED,
        outcome=Outcome.OUTCOME_SUCCEEDED,
    )
    kept.create_time.FromNanoseconds(time)
    kept.end_time.FromNanoseconds(time)
    row = SessionRow(number, session_id, kept.name, 7, False, "", b"", kept.SerializeToString(), "{}")
    last = [Event(source="sightline", state_changed=state), Event(source="sightline", completed=Completed(outcome=kept.outcome))]
    log.commit(last, row)


class Writer:
    """Appends to one log as a session does."""

    def __init__(self, store: SqliteStore, number: int, session_id: str, time: int) -> None:
        self._store = store
        self._number = number
        self._session_id = session_id
        self._time = time
        self._seq = 0
        self._offset = 0
        self._sources: list[str] = []

    def commit(self, events: list[Event], row: SessionRow | None = None) -> None:
        """One commit of these events."""
        commit = Commit(rows=[row] if row else [])
        entries, index = [], []
        first = self._seq + 1
        for event in events:
            self._seq += 1
            event.session_id = self._session_id
            event.seq = self._seq
            event.time.FromNanoseconds(self._time)
            if event.source not in self._sources:
                self._sources.append(event.source)
                commit.positions.append(SourcePosition(self._number, len(self._sources), event.source, 0))
            entry, kind, channel = record.encode(event)
            entries.append(entry)
            index.append(record.INDEX.pack(len(entry), kind, self._sources.index(event.source) + 1, channel))
        data = b"".join(entries)
        block = Block(first, self._seq, self._time, self._time, self._offset, data, b"".join(index))
        self._offset += len(data)
        commit.blocks.append((self._number, block))
        self._store.commit(commit)
