"""From the start that a request names to a position in one log."""

from __future__ import annotations

from sightline.v1.session_pb2 import Cursor
from sightline.v1.session_service_pb2 import SubscribeRequest

from sightline_server.errors import CursorAhead, EpochChanged
from sightline_server.log import record
from sightline_server.log.session_log import NANOSECONDS, SessionLog
from sightline_server.subscription.filter import EntryFilter


def start_seq(request: SubscribeRequest, log: SessionLog, entry_filter: EntryFilter | None) -> int:
    """The last entry to regard as passed.

    Raises:
        EpochChanged: the cursor belongs to another incarnation of the log.
        CursorAhead: the cursor is behind the log's end.
    """
    match request.WhichOneof("start"):
        case "after":
            cursor = next((cursor for cursor in request.after.cursors if cursor.session_id == log.session_id), None)
            return log.bounds.oldest_seq - 1 if cursor is None else check_cursor(cursor, log)
        case "latest":
            return log.head_seq
        case "tail":
            return before_tail(log, request.tail, entry_filter)
        case "at_time":
            return before_time(log, request.at_time.seconds * NANOSECONDS + request.at_time.nanos)
        case _ if request.snapshot:
            return log.head_seq
        case _:
            return log.bounds.oldest_seq - 1


def check_cursor(cursor: Cursor, log: SessionLog) -> int:
    """The cursor's place, if it is one of this log."""
    if cursor.epoch != log.epoch:
        raise EpochChanged(session=log.session_id, epoch=cursor.epoch, current=log.epoch)
    if cursor.seq > log.head_seq:
        raise CursorAhead(session=log.session_id, seq=cursor.seq, head=log.head_seq)
    return cursor.seq


def before_tail(log: SessionLog, count: int, entry_filter: EntryFilter | None) -> int:
    """The entry before the last `count` ones that pass the filter."""
    seq = log.head_seq
    while count and seq >= log.bounds.oldest_seq:
        block = log.block_with(seq)
        if block is None:
            break
        if entry_filter is None:
            # Nothing in between needs a look: jump, and read on from wherever that is.
            return max(log.bounds.oldest_seq - 1, log.head_seq - count)
        size = record.INDEX.size
        for seq in range(min(seq, block.last_seq), block.first_seq - 1, -1):  # noqa: B020 - goes on from where it is
            place = (seq - block.first_seq) * size
            count -= entry_filter.passes(block.index[place : place + size][record.FILTER_PART])
            if not count:
                return seq - 1
        seq = block.first_seq - 1
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
