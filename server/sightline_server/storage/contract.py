"""What a store promises, and the values it is given.

A store knows no events: it keeps blocks (runs of encoded entries), rows about sessions, and the places reached in sources. All
methods are plain calls. Those under *hot* are made on the event loop and must be quick; those under *beside* are made in a thread,
at the same time as *hot* ones; those under *slow* are made in a thread too, never at the same time as `commit`: the log's gate sees
to that (`log.committer`). No two of the threads' calls are made at the same time.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

PART_BYTES = 512 * 1024  # of a whole event, read at a time
SMALL_BYTES = 4096  # of a block: at most so many are merged with their neighbours, sooner or later


@dataclass(frozen=True, slots=True)
class Block:
    """A run of neighbouring entries of one session's log, as they are sent.

    Attributes:
        first_seq: `seq` of the first entry.
        last_seq: `seq` of the last.
        first_time: time of the first, in nanoseconds since 1970.
        last_time: time of the last.
        offset: bytes of log before this block, counted from the log's beginning, deleted ones included.
        data: the entries, each framed as one element of `SubscribeResponse.events`; empty: the block was found damaged.
        index: `log.record.INDEX` for each entry: length, kind, source, channel.
    """

    first_seq: int
    last_seq: int
    first_time: int
    last_time: int
    offset: int
    data: bytes
    index: bytes


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is kept of one log. An empty log has `oldest_seq` = `head_seq` + 1.

    Attributes:
        oldest_seq: the oldest entry kept.
        head_seq: the newest entry; 0: there never was one.
        oldest_offset: bytes of log before `oldest_seq`.
        end_offset: bytes of log up to the end of `head_seq`.
        last_time: time of `head_seq`, in nanoseconds since 1970; 0 without one.
    """

    oldest_seq: int = 1
    head_seq: int = 0
    oldest_offset: int = 0
    end_offset: int = 0
    last_time: int = 0


@dataclass(frozen=True, slots=True)
class Outline:
    """A block without its bytes: as `Block`, with the length of `data`."""

    first_seq: int
    last_seq: int
    first_time: int
    last_time: int
    offset: int
    length: int

    @property
    def end(self) -> int:
        """Bytes of log up to the end of this block."""
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class EndedLog:
    """What is kept of the log of a session that has ended.

    Attributes:
        number: the session.
        bytes: how much is kept.
        first_time: time of its oldest entry, in nanoseconds since 1970.
        last_time: time of its newest.
    """

    number: int
    bytes: int
    first_time: int
    last_time: int


@dataclass(frozen=True, slots=True)
class EndedTotals:
    """All ended sessions together.

    Attributes:
        sessions: how many are kept.
        bytes: of their logs.
    """

    sessions: int
    bytes: int


@dataclass(slots=True)
class SessionRow:
    """One session as it is stored.

    Attributes:
        number: place in the order of creation, from 1; given by the store's user, never reused.
        session_id: the public id.
        name: the public name.
        epoch: the log's incarnation.
        live: it has not ended.
        request_id: of the `Create` that made it; empty: none.
        fingerprint: a digest of that request, to tell a retry from a mistake.
        record: a serialized `sightline.v1.Session`.
        private: what the session must remember and nobody else reads, JSON.
    """

    number: int
    session_id: str
    name: str
    epoch: int
    live: bool
    request_id: str
    fingerprint: bytes
    record: bytes
    private: str


@dataclass(frozen=True, slots=True)
class SourcePosition:
    """How far a source was read.

    Attributes:
        number: the session.
        source_id: the source's number in the session's index entries.
        name: its name, such as `stdout`.
        position: bytes read and logged.
    """

    number: int
    source_id: int
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class LogHead:
    """Which log this is.

    Attributes:
        number: the session.
        session_id: its public id.
        epoch: the log's incarnation.
        live: the session has not ended.
    """

    number: int
    session_id: str
    epoch: int
    live: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a whole event.

    Attributes:
        data: `PART_BYTES` of it, or what is left.
        is_last: there are no more.
    """

    data: bytes
    is_last: bool


@dataclass(slots=True)
class Commit:
    """What one transaction writes: all of it, or nothing.

    Attributes:
        blocks: new blocks with their session's number.
        positions: sources and how far they are read now.
        inputs: (session number, request id, seq) of inputs that must not be typed twice.
        rows: session rows, new or changed.
        wholes: (session number, seq, bytes) of events that are too large for their block: kept for as long as that is.
    """

    blocks: list[tuple[int, Block]] = field(default_factory=list)
    positions: list[SourcePosition] = field(default_factory=list)
    inputs: list[tuple[int, str, int]] = field(default_factory=list)
    rows: list[SessionRow] = field(default_factory=list)
    wholes: list[tuple[int, int, bytes]] = field(default_factory=list)


class Reader(Protocol):
    """Reads logs in a thread of its own, at any time, while all else goes on: what was committed when it looks."""

    def version(self) -> int:
        """Another number than the last time if anything was committed since. Cheap."""
        ...

    def heads(self) -> list[LogHead]:
        """All logs that are kept, oldest first."""
        ...

    def head(self, number: int) -> LogHead | None:
        """The log of a session; None: it is not kept."""
        ...

    def bounds(self, number: int) -> Bounds:
        """What is kept of a log."""
        ...

    def blocks_after(self, number: int, seq: int, max_bytes: int) -> list[Block]:
        """As `Store.blocks_after`."""
        ...

    def close(self) -> None:
        """It is not needed any more."""
        ...


class Store(Protocol):
    """The promises. Any method may raise `errors.DiskFull`; nothing of that call has happened then."""

    # Opening and closing.

    def open(self) -> None:
        """Opens, and gives all logs new epochs if events may have been taken back since the last `close`.

        Raises `CorruptDatabase` or `NewerDatabase`.
        """
        ...

    def close(self) -> None:
        """A clean close: what was committed is on the disk. Closing again does nothing."""
        ...

    def reader(self) -> Reader:
        """Somebody who reads beside. To be called, used and closed in one thread, while the store is open."""
        ...

    # Hot.

    def commit(self, commit: Commit) -> None:
        """Writes all of it in one transaction. Raises `DatabaseDamaged`, or `CannotStore` for what may pass."""
        ...

    def blocks_after(self, number: int, seq: int, max_bytes: int) -> list[Block]:
        """Blocks in order that hold entries behind `seq`: at least one if there is one, else until `max_bytes` are reached."""
        ...

    def block_with(self, number: int, seq: int) -> Block | None:
        """The block that holds `seq`, else the last one before it; None: there is none."""
        ...

    def whole_part(self, number: int, seq: int, place: int) -> Part | None:
        """Piece `place`, from 0, of a whole event; None: there is none, or it is damaged."""
        ...

    def bounds(self, number: int) -> Bounds:
        """What is kept of a log."""
        ...

    def positions(self, number: int) -> list[SourcePosition]:
        """The sources of a session in the order of their numbers."""
        ...

    def input_seq(self, number: int, request_id: str) -> int | None:
        """The `seq` of an input that was committed with this request id."""
        ...

    def last_number(self) -> int:
        """The highest session number ever given; 0: none."""
        ...

    def row(self, session_id: str) -> SessionRow | None:
        """The session of this id."""
        ...

    def newest_named(self, name: str) -> SessionRow | None:
        """The newest session of this name, the live one first."""
        ...

    def requested(self, request_id: str) -> SessionRow | None:
        """The session made by the `Create` with this id."""
        ...

    def live_rows(self) -> list[SessionRow]:
        """All sessions that have not ended, oldest first."""
        ...

    def rows_before(self, number: int, limit: int) -> list[SessionRow]:
        """At most `limit` sessions with numbers below `number`, newest first."""
        ...

    # Beside: in a thread, while commits go on.

    def outline(self, number: int, seq: int) -> Outline | None:
        """As `block_with`, without reading its bytes."""
        ...

    def extent(self, number: int) -> Bounds:
        """As `bounds`."""
        ...

    def ended_totals(self) -> EndedTotals:
        """How many sessions have ended and are kept, and how large their logs are. Cheap when nothing changed."""
        ...

    def ended_logs(self, limit: int, *, over: int = 0) -> list[EndedLog]:
        """At most `limit` logs of ended sessions that hold more than `over` bytes, or `over` is 0; the oldest entries first."""
        ...

    def unmerged(self, limit: int) -> list[int]:
        """The numbers of ended sessions for which `set_merged` was not called. Cheap when there is none."""
        ...

    def small_blocks(self, number: int, after_seq: int, up_to_seq: int, limit: int) -> list[Outline]:
        """The first blocks of at most `SMALL_BYTES` behind `after_seq` that end at or before `up_to_seq`, at most `limit`."""
        ...

    def disk_bytes(self) -> int:
        """What all of it takes on the disk."""
        ...

    # Slow: in a thread, behind the gate, and done within milliseconds.

    def hide(self, numbers: Sequence[int]) -> None:
        """Forgets sessions' rows at once; their blocks go with `sweep`."""
        ...

    def sweep(self) -> Iterator[bool]:
        """Removes the blocks of hidden sessions, in steps: before each it says whether that step needs the gate closed."""
        ...

    def trim(self, number: int, up_to_seq: int, max_bytes: int) -> Bounds:
        """Removes the oldest whole blocks that end at or before `up_to_seq`, and returns what is kept now.

        About `max_bytes` of them, fewer when they are many small ones.
        """
        ...

    def merge(self, number: int, first_seq: int, last_seq: int) -> None:
        """Makes one block of the neighbouring ones that begin with `first_seq` and end with `last_seq`.

        Leaves them alone if they are no neighbours, or damaged.
        """
        ...

    def set_merged(self, numbers: Sequence[int]) -> None:
        """These ended sessions' small blocks have all been merged."""
        ...

    def needs_upkeep(self) -> bool:
        """Is `upkeep` worth calling? Cheap, and called on the event loop."""
        ...

    def upkeep(self) -> Iterator[bool]:
        """Housekeeping (checkpoints, giving room back to the disk), in steps as `sweep`."""
        ...


def new_epoch() -> int:
    """A fresh epoch: 1 to 2^63 - 1, random, because a counter would repeat itself when one backup is restored twice."""
    return secrets.randbits(63) | 1
