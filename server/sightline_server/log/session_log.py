"""One session's log: append, read, wake. It knows entries and positions, not what they mean to the session."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sightline.v1.event_pb2 import Channel, Event

from sightline_server.log import record
from sightline_server.log.committer import Committer, Refusal
from sightline_server.log.cutting import fitting
from sightline_server.storage.contract import Block, Bounds, Commit, Part, SessionRow, SourcePosition

TAIL_BYTES = 1024 * 1024  # of the newest blocks kept in memory, so that those who follow live share one copy

NANOSECONDS = record.NANOSECONDS


class Follower(Protocol):
    """Somebody with a position in this log."""

    seq: int
    """The last entry passed."""

    offset: int
    """Bytes of log before the next entry."""

    def wake(self) -> None:
        """There is something new. Called on the loop; must only take note."""
        ...


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that has no number yet.

    Attributes:
        source: what produced it.
        event: the event with its payload; None for output.
        channel: of output.
        data: of output.
        source_time: of output: when its source says that it was written, in ns since 1970; 0: it does not.
    """

    source: str
    event: Event | None = None
    channel: Channel.ValueType = Channel.CHANNEL_UNSPECIFIED
    data: bytes = b""
    source_time: int = 0


@dataclass(slots=True)
class Staged:
    """One call of `append`, waiting for its commit."""

    drafts: Sequence[Draft]
    time: int
    position: tuple[str, int] | None
    input_id: str
    row: SessionRow | None
    refusable: bool
    instead_of: str
    committed: asyncio.Future[int]
    last_seq: int = 0


class SessionLog:
    """The log of one session.

    Args:
        session_id: the public id, written into every event.
        number: the session's number in the store.
        epoch: the log's incarnation.
        committer: who commits.
        clock: nanoseconds since 1970.
        closed: the session has ended: nothing will be appended.
        hold_back: bytes that a follower may lag before `room` waits; 0: it never waits.
    """

    def __init__(
        self,
        session_id: str,
        number: int,
        epoch: int,
        committer: Committer,
        clock: Callable[[], int],
        *,
        closed: bool = False,
        hold_back: int = 0,
    ) -> None:
        self.session_id = session_id
        self.number = number
        self.epoch = epoch
        self.closed = closed
        self.followers: set[Follower] = set()
        self._head_start = record.head_start(session_id)
        self._head_sources: dict[str, bytes] = {}
        self._hold_back = hold_back
        self._moved = asyncio.Event()
        self._committer = committer
        self.counters = committer.counters
        self._store = committer.store
        self._clock = clock
        self._bounds = self._store.bounds(number)
        self._sources = {position.name: position for position in self._store.positions(number)}
        self._new_sources = dict(self._sources)
        self._tail: deque[Block] = deque()
        self._tail_bytes = 0
        self._staged: list[Staged] = []
        self._block: Block | None = None

    # --- what is there

    @property
    def bounds(self) -> Bounds:
        """What is kept, all of it committed."""
        return self._bounds

    @property
    def head_seq(self) -> int:
        """The newest committed entry; 0: none yet."""
        return self._bounds.head_seq

    @property
    def is_settled(self) -> bool:
        """Nothing waits for its commit: what is appended from now on has the time of now, or a later one."""
        return not self._staged

    @property
    def size(self) -> int:
        """Bytes kept."""
        return self._bounds.end_offset - self._bounds.oldest_offset

    def position(self, source: str) -> int:
        """How many bytes of a source are committed; 0 at first."""
        known = self._sources.get(source)
        return known.position if known else 0

    @property
    def sources(self) -> Mapping[str, SourcePosition]:
        """Every source and spool that is known, by name, in the order in which they were met."""
        return self._sources

    def source_ids(self, names: Sequence[str]) -> set[int]:
        """The numbers that these sources have in the index; sources not met yet have none."""
        return {self._sources[name].source_id for name in names if name in self._sources}

    def read(self, seq: int, max_bytes: int) -> Sequence[Block]:
        """Committed blocks that hold what comes behind `seq`: about `max_bytes`; none when `seq` is the head."""
        if seq >= self._bounds.head_seq:
            return ()
        if self._tail and self._tail[0].first_seq <= seq + 1:
            return self._read_tail(seq, max_bytes)
        self.counters.store_reads += 1
        return self._store.blocks_after(self.number, seq, max_bytes)

    def _read_tail(self, seq: int, max_bytes: int) -> Sequence[Block]:
        found: list[Block] = []
        for block in reversed(self._tail):
            found.append(block)
            if block.first_seq <= seq + 1:
                break
        found.reverse()
        size = 0
        for count, block in enumerate(found):
            size += len(block.data)
            if count and size > max_bytes:
                return found[:count]
        return found

    def block_with(self, seq: int) -> Block | None:
        """The block that holds `seq`, or the last before it."""
        return self._store.block_with(self.number, seq)

    def whole_part(self, seq: int, place: int) -> Part | None:
        """Piece `place`, from 0, of an event that was cut to fit; None: it is not kept."""
        return self._store.whole_part(self.number, seq, place)

    def input_seq(self, request_id: str) -> int | None:
        """Where the input with this request id stands, if it was committed."""
        return self._store.input_seq(self.number, request_id)

    async def room(self) -> None:
        """Returns when all who follow are near enough; at once, unless the log is one that holds its source back.

        For a log in memory with one reader: the program waits for the reader, as in a pipe, and neither grows without bound.
        """
        while not self.has_room:
            self._moved.clear()
            await self._moved.wait()

    @property
    def has_room(self) -> bool:
        """Whether `room` would return at once."""
        return not self._hold_back or self._farthest() <= self._hold_back

    def _farthest(self) -> int:
        end = self._bounds.end_offset
        return max((end - follower.offset for follower in self.followers), default=self.size)

    def moved(self) -> None:
        """A follower has read on, come or gone."""
        self._moved.set()

    # --- appending

    def append(
        self,
        drafts: Sequence[Draft],
        *,
        position: tuple[str, int] | None = None,
        input_id: str = "",
        row: SessionRow | None = None,
        refusable: bool = False,
        instead_of: str = "",
    ) -> asyncio.Future[int]:
        """Appends in order; the future gives the `seq` of the last one, once it is committed and seen.

        Args:
            drafts: what is to be logged; may be empty when `row` alone is to be stored.
            position: a source, and how much of it is read with these events.
            input_id: the request id under which the event must not be repeated.
            row: the session's row, stored in the same transaction.
            refusable: fail with `DiskFull` when there is no room; otherwise it waits until there is.
            instead_of: a spool that `position` takes the place of, and that is forgotten. It must not be the source of any event.
        """
        committed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._staged.append(Staged(drafts, self._clock(), position, input_id, row, refusable, instead_of, committed))
        self._committer.schedule(self)
        return committed

    def encode_staged(self, commit: Commit) -> None:
        """See `committer.Appender`."""
        seq = self._bounds.head_seq
        last_time = self._bounds.last_time
        first_time = 0
        entries: list[bytes] = []
        index: list[bytes] = []
        self._new_sources = dict(self._sources)
        wholes: list[bytes] = []
        for staged in self._staged:
            last_time = max(last_time, staged.time)
            first_time = first_time or last_time
            for draft in staged.drafts:
                seq += 1
                entry, kind, channel, whole = self._encode(draft, seq, last_time)
                if whole:
                    wholes.append(whole)
                    commit.wholes.append((self.number, seq, whole))
                entries.append(entry)
                index.append(record.INDEX.pack(len(entry), kind, self._source(draft.source).source_id, channel))
            staged.last_seq = seq
            if staged.position is not None:
                name, place = staged.position
                known = self._new_sources.pop(staged.instead_of, None) or self._source(name)
                self._new_sources[name] = SourcePosition(self.number, known.source_id, name, place)
            if staged.input_id:
                commit.inputs.append((self.number, staged.input_id, seq))
            if staged.row is not None:
                commit.rows.append(staged.row)
        commit.positions.extend(new for name, new in self._new_sources.items() if new is not self._sources.get(name))
        self._block = None
        if entries:
            self._block = Block(
                first_seq=self._bounds.head_seq + 1,
                last_seq=seq,
                first_time=first_time,
                last_time=last_time,
                offset=self._bounds.end_offset + sum(map(len, wholes)),  # they take room like the log's own bytes
                data=b"".join(entries) if len(entries) > 1 else entries[0],
                index=b"".join(index),
            )
            commit.blocks.append((self.number, self._block))

    def _encode(self, draft: Draft, seq: int, time: int) -> tuple[bytes, int, int, bytes]:
        if draft.event is None:
            head = record.output_head(self._head_start, seq, time, self._head_source(draft.source), draft.source_time)
            return record.output_entry(head, draft.channel, draft.data), record.OUTPUT_KIND, draft.channel, b""
        event = draft.event
        event.session_id = self.session_id
        event.seq = seq
        event.time.seconds, event.time.nanos = divmod(time, NANOSECONDS)
        event.source = draft.source
        entry, kind, channel = record.encode(event)
        if len(entry) <= record.MAX_ENTRY:
            return entry, kind, channel, b""
        return *record.encode(fitting(event, record.MAX_EVENT)), event.SerializeToString()

    def _head_source(self, source: str) -> bytes:
        head = self._head_sources.get(source)
        if head is None:
            head = self._head_sources[source] = record.head_source(source)
        return head

    def _source(self, name: str) -> SourcePosition:
        known = self._new_sources.get(name)
        if known is None:
            known = SourcePosition(self.number, len(self._new_sources) + 1, name, 0)
            self._new_sources[name] = known
        return known

    def publish_staged(self) -> None:
        """See `committer.Appender`."""
        staged, self._staged = self._staged, []
        self._sources = self._new_sources
        block, self._block = self._block, None
        if block is not None:
            kept = self._bounds
            self._bounds = Bounds(
                kept.oldest_seq, block.last_seq, kept.oldest_offset, block.offset + len(block.data), block.last_time
            )
            self._keep_in_tail(block)
            self.counters.events += block.last_seq - block.first_seq + 1
            self.counters.event_bytes += len(block.data)
            for follower in self.followers:  # before those who appended: a reader waits for this, a source can wait
                follower.wake()
        for one in staged:
            if not one.committed.done():  # its caller may have been cancelled
                one.committed.set_result(one.last_seq)

    def _keep_in_tail(self, block: Block) -> None:
        self._tail.append(block)
        self._tail_bytes += len(block.data)
        while self._tail_bytes > TAIL_BYTES and len(self._tail) > 1:
            self._tail_bytes -= len(self._tail.popleft().data)

    def refuse_staged(self, error: Refusal) -> None:
        """See `committer.Appender`."""
        self._block = None
        for staged in self._staged:
            if staged.refusable and not staged.committed.done():
                staged.committed.set_exception(error)
        self._staged = [staged for staged in self._staged if not staged.refusable]

    # --- ending and trimming

    def close(self) -> None:
        """Nothing will be appended any more: wakes all, who will find the end."""
        self.closed = True
        for follower in self.followers:
            follower.wake()

    def forget(self) -> None:
        """The session is deleted: those who still follow it meet a gap up to the end."""
        self._tail.clear()
        self._bounds = dataclasses.replace(
            self._bounds, oldest_seq=self._bounds.head_seq + 1, oldest_offset=self._bounds.end_offset
        )
        self.close()

    def shorten(self, oldest_seq: int, oldest_offset: int) -> None:
        """What is older is about to be removed: readers behind meet a gap from now on."""
        self._bounds = dataclasses.replace(self._bounds, oldest_seq=oldest_seq, oldest_offset=oldest_offset)
