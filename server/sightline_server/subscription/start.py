"""From the start that a request names to a position in one log."""

from __future__ import annotations

import asyncio
from collections.abc import Generator

from sightline.v1.session_pb2 import Cursor
from sightline.v1.session_service_pb2 import Place, SubscribeRequest

from sightline_server.errors import CursorAhead, EpochChanged
from sightline_server.log import record
from sightline_server.log.session_log import NANOSECONDS, SessionLog
from sightline_server.subscription.asked import nanoseconds_of
from sightline_server.subscription.directory import Subject
from sightline_server.subscription.filter import EntryFilter

BLOCKS_AT_ONCE = 16  # that a search looks through before it lets others run


class Starts:
    """The start of one request, for each of its sessions."""

    def __init__(self, request: SubscribeRequest) -> None:
        self._request = request
        self._kind = request.WhichOneof("start")
        self._cursors = {cursor.session_id: cursor for cursor in request.after.cursors}
        self._resume = request.resume

    async def seq(self, subject: Subject, entry_filter: EntryFilter | None) -> int:
        """The last entry to regard as passed, as of now.

        Raises:
            EpochChanged: the cursor belongs to another incarnation of the log.
            CursorAhead: the cursor is behind the log's end.
        """
        log = subject.log
        place = self._resume.places.get(log.session_id)
        if place is not None:
            return check_cursor(place, log)
        if self._resume.moment and subject.number >= self._resume.moment:  # began while the stream was broken
            return log.bounds.oldest_seq - 1
        return await self._asked(log, entry_filter)

    async def _asked(self, log: SessionLog, entry_filter: EntryFilter | None) -> int:
        match self._kind:
            case "after":
                cursor = self._cursors.get(log.session_id)
                return log.bounds.oldest_seq - 1 if cursor is None else check_cursor(cursor, log)
            case "latest":
                return log.head_seq
            case "tail":
                return await unhurried(search_tail(log, self._request.tail, entry_filter))
            case "at_time":
                return before_time(log, nanoseconds_of("at_time", self._request.at_time))
            case _ if self._request.snapshot:
                return log.head_seq
            case _:
                return log.bounds.oldest_seq - 1


def check_cursor(cursor: Cursor | Place, log: SessionLog) -> int:
    """Where it is, if that is a place of this log."""
    if cursor.epoch != log.epoch:
        raise EpochChanged(session=log.session_id, epoch=cursor.epoch, current=log.epoch)
    if cursor.seq > log.head_seq:
        raise CursorAhead(session=log.session_id, seq=cursor.seq, head=log.head_seq)
    return cursor.seq


def before_tail(log: SessionLog, count: int, entry_filter: EntryFilter | None) -> int:
    """The entry before the last `count` ones that pass the filter."""
    search = search_tail(log, count, entry_filter)
    while True:
        try:
            next(search)
        except StopIteration as found:
            return int(found.value)


async def unhurried(search: Generator[None, None, int]) -> int:
    """What a search finds; others may run in between."""
    steps = 0
    while True:
        try:
            next(search)
        except StopIteration as found:
            return int(found.value)
        steps += 1
        if steps % BLOCKS_AT_ONCE == 0:
            await asyncio.sleep(0)


def search_tail(log: SessionLog, count: int, entry_filter: EntryFilter | None) -> Generator[None, None, int]:
    """`before_tail` in steps: it yields after each block, of which there may be very many."""
    seq = head = log.head_seq
    while count and seq >= log.bounds.oldest_seq:
        if entry_filter is None:
            # Nothing in between needs a look: jump, and read on from wherever that is.
            return max(log.bounds.oldest_seq - 1, head - count)
        block = log.block_with(seq)
        if block is None:
            break
        size = record.INDEX.size
        last = min(seq, block.last_seq) if block.data else 0  # what is damaged is no event, and its index may be gone too
        for seq in range(last, block.first_seq - 1, -1):
            place = (seq - block.first_seq) * size
            count -= entry_filter.passes(block.index[place : place + size][record.FILTER_PART])
            if not count:
                return seq - 1
        seq = block.first_seq - 1
        yield
    return seq


def before_time(log: SessionLog, time: int) -> int:
    """The last entry older than `time`, in nanoseconds since 1970: times never decrease, so it can be looked for by halves."""
    low, high = log.bounds.oldest_seq - 1, log.head_seq  # `low` is older or nothing; above `high` nothing is older
    while low < high:
        block = log.block_with((low + high + 1) // 2)
        if block is None or block.last_seq <= low:
            break
        if block.last_time < time:
            low = block.last_seq
        elif block.first_time >= time:
            high = block.first_seq - 1
        else:
            return (
                block.first_seq
                - 1
                + sum(event.time.seconds * NANOSECONDS + event.time.nanos < time for event in record.decode(block.data))
            )
    return max(low, log.bounds.oldest_seq - 1)
