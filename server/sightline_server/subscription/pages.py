"""The same events as a subscription gives, by page, for tools that cannot stream."""

from __future__ import annotations

import base64
import binascii

from sightline.v1.session_pb2 import Cursor
from sightline.v1.session_service_pb2 import GapReason, ListEventsRequest, ListEventsResponse

from sightline_server.errors import BadField, BadPageToken, EventAhead, WholeGone
from sightline_server.log.session_log import SessionLog
from sightline_server.subscription import filter as filters
from sightline_server.subscription.asked import check_reference
from sightline_server.subscription.filter import EntryFilter
from sightline_server.subscription.position import RESPONSE_BYTES, Position
from sightline_server.subscription.start import check_cursor

DEFAULT_PAGE = 1000
MAX_PAGE = 10_000
MAX_LOOK = 4 * 1024 * 1024  # bytes of log that a page looks through before it is given empty: others wait meanwhile


def page(request: ListEventsRequest, log: SessionLog) -> ListEventsResponse:
    """One page of a log."""
    if request.full:
        return _part(request, log)
    if request.page_size > MAX_PAGE:
        raise BadField(field="page_size", problem=f"at most {MAX_PAGE}")
    filters.check(request.filter)
    check_reference("session", request.session)
    entry_filter = None if filters.is_empty(request.filter) else EntryFilter(request.filter, log)
    cursor = read_token(request.page_token) if request.page_token else Cursor(epoch=log.epoch, seq=request.after_seq)
    if request.page_token and cursor.session_id != log.session_id:
        raise BadPageToken
    begins = not request.page_token and not request.after_seq
    position = Position(log, log.bounds.oldest_seq - 1 if begins else check_cursor(cursor, log), entry_filter)
    gap = position.skip_gone()
    entries = b""
    looked_at = 0
    while not entries and position.seq < log.head_seq and looked_at < MAX_LOOK:
        entries = position.take(RESPONSE_BYTES, request.page_size or DEFAULT_PAGE)
        looked_at += RESPONSE_BYTES
        if position.is_before_gone and not entries:
            if gap is not None:
                break  # the next page begins with it
            gap = position.skip_gone()
    response = ListEventsResponse.FromString(entries)  # its field 1 is that of a subscription's response
    if gap is not None:
        response.gap.CopyFrom(gap)
    if position.seq < log.head_seq:
        response.next_page_token = write_token(position.cursor())
    return response


def _part(request: ListEventsRequest, log: SessionLog) -> ListEventsResponse:
    """The next part of one event as it was before it was cut. In its page token `seq` counts the parts that were given."""
    check_reference("session", request.session)
    seq = request.full
    given = read_token(request.page_token) if request.page_token else Cursor(session_id=log.session_id, epoch=log.epoch)
    if given.session_id != log.session_id:
        raise BadPageToken
    check_cursor(Cursor(epoch=given.epoch), log)
    if seq > log.head_seq:
        raise EventAhead(seq=seq, session=log.session_id, head=log.head_seq)
    position = Position(log, seq - 1)
    event = None
    if not position.is_before_gone:
        entries = position.take(max_entries=1)
        event = ListEventsResponse.FromString(entries).events[0] if entries else None
    if event is None:
        gap = position.skip_gone() or position.skip_to(seq, GapReason.GAP_REASON_RETENTION)
        return ListEventsResponse(gap=gap)
    if not event.truncated_bytes:
        return ListEventsResponse(part=event.SerializeToString())
    part = log.whole_part(seq, given.seq)
    if part is None:
        raise WholeGone(seq=seq, session=log.session_id, missing=event.truncated_bytes)
    given.seq += 1
    return ListEventsResponse(part=part.data, next_page_token="" if part.is_last else write_token(given))


def write_token(cursor: Cursor) -> str:
    """A cursor as a page token."""
    return base64.urlsafe_b64encode(cursor.SerializeToString()).decode()


def read_token(token: str) -> Cursor:
    """The cursor of a page token; raises `BadPageToken`."""
    try:
        return Cursor.FromString(base64.b64decode(token, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise BadPageToken from error
    except Exception as error:  # protobuf's DecodeError has no common public base
        raise BadPageToken from error
