"""One subscriber's place in one log: an integer, and reading on from there. It costs no memory, however far behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sightline.v1.session_pb2 import Cursor
from sightline.v1.session_service_pb2 import Gap, GapReason
from sightline.v1.session_service_pb2 import Position as PositionMessage

from sightline_server.log.record import FILTER_PART, INDEX
from sightline_server.log.session_log import SessionLog
from sightline_server.storage.contract import Block
from sightline_server.subscription.filter import EntryFilter

RESPONSE_BYTES = 512 * 1024  # aimed at in one response; below the 2 MiB that the contract allows and gRPC's default of 4 MiB

LENGTH_OF_INDEX = INDEX.size


class Entry(NamedTuple):
    """One entry that passed the filter, still to be sent.

    Attributes:
        seq: its number.
        end: bytes of log up to its end.
        part: its `FILTER_PART`: kind, source, channel.
        data: its bytes.
    """

    seq: int
    end: int
    part: bytes
    data: bytes


class Ahead(NamedTuple):
    """What comes next in a log, looked at and not yet passed.

    Attributes:
        entries: those that the filter lets through.
        seq: the last entry looked at, hidden ones included.
        end: bytes of log up to its end.
    """

    entries: list[Entry]
    seq: int
    end: int


class Batch:
    """Entries gathered for one response; neighbours stay one piece, so that they are copied once.

    Args:
        max_bytes: how much it holds; one entry always fits.
        max_entries: how many; 0: any number.
    """

    def __init__(self, max_bytes: int, max_entries: int) -> None:
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._size = 0
        self._count = 0
        self._parts: list[bytes] = []
        self._data = b""  # with `_start` and `_end`: the piece that may still grow
        self._start = self._end = 0
        self.copied = 0
        """Bytes copied so far: 0 while all of it is one block as it is."""

    def has_room_for(self, block: Block) -> bool:
        """A whole block fits."""
        return not self._max_entries and self._size + len(block.data) <= self._max_bytes

    def is_full(self, length: int) -> bool:
        """One more entry does not fit."""
        return (self._count > 0 and self._size + length > self._max_bytes) or 0 < self._max_entries <= self._count

    def add_all(self, block: Block) -> None:
        """Adds a whole block."""
        self._flush()
        self._parts.append(block.data)
        self._size += len(block.data)
        self._count += block.last_seq - block.first_seq + 1

    def add(self, data: bytes, start: int, end: int) -> None:
        """Adds one entry: `data[start:end]`."""
        if data is not self._data or start != self._end:
            self._flush()
            self._data, self._start = data, start
        self._end = end
        self._size += end - start
        self._count += 1

    def joined(self) -> bytes:
        """All of it."""
        self._flush()
        if len(self._parts) == 1:
            return self._parts[0]
        self.copied += self._size
        return b"".join(self._parts)

    def _flush(self) -> None:
        if self._end > self._start:
            self._parts.append(self._data[self._start : self._end])
            self.copied += self._end - self._start
        self._data, self._start, self._end = b"", 0, 0


class Position:
    """See `log.session_log.Follower`.

    Args:
        log: whose.
        seq: the last entry passed; 0: none.
        entry_filter: which entries to give; None: all.
        on_wake: called when there is something new.
    """

    def __init__(
        self,
        log: SessionLog,
        seq: int,
        entry_filter: EntryFilter | None = None,
        on_wake: Callable[[Position], None] = lambda _position: None,
    ) -> None:
        self.log = log
        self.seq = seq
        self.offset = offset_behind(log, seq)
        self._filter = entry_filter
        self._on_wake = on_wake
        self._hole: tuple[int, int] | None = None  # `seq` and offset behind entries that `take` met and that are not there

    def passes(self, part: bytes) -> bool:
        """Whether the filter lets an entry with this `FILTER_PART` through."""
        return self._filter is None or self._filter.passes(part)

    def wake(self) -> None:
        """There is something new in the log."""
        self._on_wake(self)

    @property
    def lag_events(self) -> int:
        """Entries committed and not passed."""
        return self.log.head_seq - self.seq

    @property
    def lag_bytes(self) -> int:
        """Bytes committed and not passed."""
        return self.log.bounds.end_offset - self.offset

    def cursor(self) -> Cursor:
        """Where a client would go on."""
        return Cursor(session_id=self.log.session_id, epoch=self.log.epoch, seq=self.seq)

    def message(self) -> PositionMessage:
        """For a heartbeat."""
        return PositionMessage(cursor=self.cursor(), lag_events=self.lag_events, lag_bytes=self.lag_bytes)

    def skip_gone(self) -> Gap | None:
        """Passes what is no longer kept, or damaged, and says what that was."""
        kept = self.log.bounds
        if self.seq + 1 < kept.oldest_seq:
            return self._skip(kept.oldest_seq - 1, kept.oldest_offset, GapReason.GAP_REASON_RETENTION)
        if self._hole is not None and self._hole[0] > self.seq:
            return self._skip(*self._hole, GapReason.GAP_REASON_DAMAGED)
        return None

    def skip_to(self, seq: int, reason: GapReason.ValueType) -> Gap:
        """Passes everything up to `seq`, and says what that was."""
        return self._skip(seq, offset_behind(self.log, seq), reason)

    def _skip(self, seq: int, offset: int, reason: GapReason.ValueType) -> Gap:
        gap = Gap(
            session_id=self.log.session_id,
            first_seq=self.seq + 1,
            last_seq=seq,
            reason=reason,
            bytes=max(0, offset - self.offset),
        )
        self.advance(seq, offset)
        return gap

    @property
    def is_before_gone(self) -> bool:
        """`skip_gone` would have something to say."""
        return self.seq + 1 < self.log.bounds.oldest_seq or (self._hole is not None and self._hole[0] > self.seq)

    def advance(self, seq: int, offset: int) -> None:
        """Passes everything up to `seq`, which ends at `offset`."""
        self.seq = seq
        self.offset = offset

    def take(self, max_bytes: int = RESPONSE_BYTES, max_entries: int = 0) -> bytes:
        """Passes the next entries and gives those that the filter lets through, joined.

        Empty when there is nothing new, or when the filter hid all that was passed.

        Args:
            max_bytes: stop before more than so many; one entry is always given.
            max_entries: stop after so many; 0: any number.
        """
        batch = Batch(max_bytes, max_entries)
        for block in self.log.read(self.seq, max_bytes):
            if not block.data or block.first_seq > self.seq + 1:
                self._meet_hole(block)
                break
            if self._filter is None and block.first_seq == self.seq + 1 and batch.has_room_for(block):
                batch.add_all(block)
                self.advance(block.last_seq, block.offset + len(block.data))
            elif not self._take_entries(block, batch):
                break
        self.log.moved()
        entries = batch.joined()
        self.log.counters.copied_bytes += batch.copied
        return entries

    def _take_entries(self, block: Block, batch: Batch) -> bool:
        """Entry by entry: for blocks begun in the middle, cut at a limit, or filtered. False: the batch is full."""
        index = block.index
        end = 0
        for place, seq in zip(range(0, len(index), LENGTH_OF_INDEX), range(block.first_seq, block.last_seq + 1), strict=True):
            entry = index[place : place + LENGTH_OF_INDEX]
            start, end = end, end + int.from_bytes(entry[:4], "little")
            if seq <= self.seq:
                continue
            if self._filter is None or self._filter.passes(entry[FILTER_PART]):
                if batch.is_full(end - start):
                    return False
                batch.add(block.data, start, end)
            self.advance(seq, block.offset + end)
        return True

    def ahead(self, max_bytes: int, max_entries: int) -> Ahead:
        """What comes next, without passing it: for those who must judge before they send.

        Args:
            max_bytes: of log to look at, about.
            max_entries: to look at, hidden ones included.
        """
        entries: list[Entry] = []
        last, end = self.seq, self.offset
        for block in self.log.read(self.seq, max_bytes):
            if not block.data or block.first_seq > last + 1:
                if last == self.seq:
                    self._meet_hole(block)
                break
            index = block.index
            stop = 0
            for place, seq in zip(range(0, len(index), LENGTH_OF_INDEX), range(block.first_seq, block.last_seq + 1), strict=True):
                entry = index[place : place + LENGTH_OF_INDEX]
                start, stop = stop, stop + int.from_bytes(entry[:4], "little")
                if seq <= last:
                    continue
                if seq > self.seq + max_entries:
                    return Ahead(entries, last, end)
                last, end = seq, block.offset + stop
                if self._filter is None or self._filter.passes(entry[FILTER_PART]):
                    entries.append(Entry(seq, end, entry[FILTER_PART], block.data[start:stop]))
        return Ahead(entries, last, end)

    def _meet_hole(self, block: Block) -> None:
        """Entries are missing before a block, or it is damaged itself: `skip_gone` will say so."""
        if block.first_seq > self.seq + 1:
            self._hole = (block.first_seq - 1, block.offset)
        else:
            self._hole = (block.last_seq, block.offset + sum(length for length, *_ in INDEX.iter_unpack(block.index)))


def offset_behind(log: SessionLog, seq: int) -> int:
    """Bytes of log up to and with entry `seq`."""
    if seq >= log.head_seq:
        return log.bounds.end_offset
    if seq < log.bounds.oldest_seq:
        return log.bounds.oldest_offset
    block = log.block_with(seq)
    if block is None:
        return log.bounds.oldest_offset
    lengths = (length for length, *_ in INDEX.iter_unpack(block.index[: (seq - block.first_seq + 1) * LENGTH_OF_INDEX]))
    return block.offset + int(sum(lengths))
