"""Writes homes with long histories, as a server leaves them, through the store's own promises; no server runs meanwhile."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sightline.v1.event_pb2 import Channel, Completed, Event, Outcome, SessionState, StateChanged
from sightline.v1.session_pb2 import Session, SessionKind
from sightline_server.log import record
from sightline_server.storage.contract import Block, Commit, SessionRow, new_epoch
from sightline_server.storage.sqlite import SqliteStore

from benchmarks.sources import LINE

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
COMMIT_BYTES = 16 * 1024 * 1024  # written in one transaction
SOURCE = "stdout"
STEP = 1000  # nanoseconds between events


@dataclass(frozen=True)
class History:
    """One ended command.

    Attributes:
        outputs: events of output.
        size: bytes of output in each.
        together: events in one block: 1 for lines that came one by one, more for a flood.
    """

    outputs: int
    size: int
    together: int


def write_home(home: Path, history: History, sessions: int = 1) -> list[str]:
    """Fills a new home with so many sessions of the same history; gives their ids."""
    store = SqliteStore(home / "sightline.db", BOOT_ID.read_text().strip())
    store.open()
    found: list[str] = []
    commit, size = Commit(), 0
    for number in range(1, sessions + 1):
        row = session_row(number)
        found.append(row.session_id)
        commit.rows.append(row)
        for block in blocks(row.session_id, history):
            commit.blocks.append((number, block))
            size += len(block.data)
            if size >= COMMIT_BYTES:
                store.commit(commit)
                commit, size = Commit(), 0
    store.commit(commit)
    store.close()
    return found


def session_row(number: int) -> SessionRow:
    """A command that has ended."""
    session_id = secrets.token_hex(8)
    name = f"build-{number}"
    described = Session(
        id=session_id,
        name=name,
        kind=SessionKind.SESSION_KIND_COMMAND,
        argv=["make", "all"],
        cwd="/",
        state=SessionState.SESSION_STATE_ENDED,
        outcome=Outcome.OUTCOME_SUCCEEDED,
        exit_code=0,
    )
    described.create_time.GetCurrentTime()
    described.end_time.GetCurrentTime()
    return SessionRow(
        number=number,
        session_id=session_id,
        name=name,
        epoch=new_epoch(),
        live=False,
        request_id="",
        fingerprint=b"",
        record=described.SerializeToString(),
        private="",
    )


def blocks(session_id: str, history: History) -> Iterator[Block]:
    """The log: output, then its end."""
    start, source = record.head_start(session_id), record.head_source(SOURCE)
    data = (LINE * (history.size // len(LINE) + 1))[: history.size - 1] + b"\n"
    seq, offset, now = 0, 0, time.time_ns()
    for first in range(0, history.outputs, history.together):
        entries: list[bytes] = []
        for _ in range(first, min(first + history.together, history.outputs)):
            seq += 1
            head = record.output_head(start, seq, now + seq * STEP, source)
            entries.append(record.output_entry(head, Channel.CHANNEL_STDOUT, data))
        block = as_block(entries, [(record.OUTPUT_KIND, Channel.CHANNEL_STDOUT)] * len(entries), seq, offset, now)
        offset += len(block.data)
        yield block
    ended = Event(state_changed=StateChanged(state=SessionState.SESSION_STATE_ENDED, provenance="process"))
    completed = Event(completed=Completed(outcome=Outcome.OUTCOME_SUCCEEDED, exit_code=0))
    last: list[tuple[bytes, int, int]] = []
    for event in (ended, completed):
        seq += 1
        event.session_id, event.seq, event.source = session_id, seq, SOURCE
        event.time.FromNanoseconds(now + seq * STEP)
        last.append(record.encode(event))
    yield as_block([entry for entry, *_ in last], [(kind, channel) for _, kind, channel in last], seq, offset, now)


def as_block(entries: list[bytes], kinds: list[tuple[int, int]], last_seq: int, offset: int, begun: int) -> Block:
    """Entries up to `last_seq` as one block."""
    first_seq = last_seq - len(entries) + 1
    index = (record.INDEX.pack(len(entry), kind, 1, channel) for entry, (kind, channel) in zip(entries, kinds, strict=True))
    return Block(
        first_seq=first_seq,
        last_seq=last_seq,
        first_time=begun + first_seq * STEP,
        last_time=begun + last_seq * STEP,
        offset=offset,
        data=b"".join(entries),
        index=b"".join(index),
    )
