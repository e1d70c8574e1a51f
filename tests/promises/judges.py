"""What each promise means, said of what a reader was given and of what the logs hold. Pure: no loop, no server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from promises.history import History, fact_of
from promises.reader import Extent, Item, Record
from sightline.v1.event_pb2 import Event, EventKind, Message
from sightline.v1.session_pb2 import Snapshot
from sightline.v1.session_service_pb2 import (
    CaughtUp,
    Filter,
    Gap,
    GapReason,
    Heartbeat,
    OnExcess,
    OnSlow,
    SubscribeRequest,
    SubscribeResponse,
)

LOW_VALUE = frozenset({EventKind.EVENT_KIND_OUTPUT, EventKind.EVENT_KIND_TOOL_CALL, EventKind.EVENT_KIND_TOOL_RESULT})


def numbers(event: Event) -> range:
    """The events of the log that one event stands for."""
    return range(event.first_seq or event.seq, event.seq + 1)


def cursor_seq(sign: CaughtUp | Heartbeat, session_id: str) -> int:
    if isinstance(sign, CaughtUp):
        return sign.cursor.seq
    return next(position.cursor.seq for position in sign.positions if position.cursor.session_id == session_id)


def delivered(items: Iterable[Item], history: History, wanted: Filter) -> list[int]:
    """All numbers that events stand for, in the order in which they came; what a merged one jumps over was hidden by the filter."""
    return [
        seq
        for item in items
        if isinstance(item, Event)
        for seq in numbers(item)
        if not item.first_seq or history.facts[seq - 1].passes(wanted)
    ]


def named(items: Iterable[Item], history: History, up_to: int) -> set[int]:
    """All numbers that gaps name, and those whose effect is on a screen: what had not come before it."""
    found: set[int] = set()
    at = 0
    for item in items:
        if isinstance(item, Event):
            at = item.seq
        elif isinstance(item, Gap):
            at = item.last_seq
            span = range(item.first_seq, item.last_seq + 1)
            found.update(seq for seq in span if not item.kinds or history.facts[seq - 1].kind in item.kinds)
        elif isinstance(item, Snapshot):
            found.update(range(at + 1, min(item.as_of_seq, up_to) + 1))
    return found


def missing(items: list[Item], history: History, wanted: Filter, start: int, up_to: int) -> list[int]:
    """What should have come and was neither delivered nor named."""
    there = set(delivered(items, history, wanted)) | named(items, history, up_to)
    return [seq for seq in history.passing(wanted, start, up_to) if seq not in there]


def items_of(responses: Iterable[SubscribeResponse], session_id: str) -> list[Item]:
    """What a stream brought of one session, headers and ends aside."""
    return list(_items_of(responses, session_id))


def _items_of(responses: Iterable[SubscribeResponse], session_id: str) -> Iterator[Item]:
    for response in responses:
        yield from (event for event in response.events if event.session_id == session_id)
        match response.WhichOneof("sign"):
            case "gap" if response.gap.session_id == session_id:
                yield response.gap
            case "snapshot" if response.snapshot.session_id == session_id:
                yield response.snapshot
            case "caught_up" if response.caught_up.cursor.session_id == session_id:
                yield response.caught_up


# --- the promises


def ordered(record: Record, history: History) -> None:
    """Numbers rise and times do not fall, over all streams; a gap stands where its events would."""
    last, time = record.start, 0
    for item in record.items:
        if isinstance(item, Event):
            assert numbers(item)[0] > last, f"{item.seq} came behind {last}"
            assert item.time.ToNanoseconds() >= time
            last, time = item.seq, item.time.ToNanoseconds()
        elif isinstance(item, Gap):
            assert last < item.first_seq <= item.last_seq, f"the gap {item} came behind {last}"
            last = item.last_seq
        elif isinstance(item, Snapshot):
            last = max(last, item.as_of_seq)


def unique(record: Record, history: History, wanted: Filter) -> None:
    """No event comes twice, and none that a gap had named."""
    seqs = delivered(record.items, history, wanted)
    assert len(seqs) == len(set(seqs))
    assert not named((item for item in record.items if isinstance(item, Gap)), history, history.head).intersection(seqs)


def complete(record: Record, history: History, asked: SubscribeRequest) -> None:
    """All that passes the filter, as it was committed, or named by a gap that was asked for or could not be helped."""
    assert record.start in expected_starts(record, history), "it began elsewhere than asked"
    lost = missing(record.items, history, asked.filter, record.start, record.place.seq)
    assert not lost, f"{lost} neither came nor were named"
    for item in record.items:
        if isinstance(item, Event):
            true_to_log(item, history, asked.filter)
        elif isinstance(item, Gap):
            honest(item, history, asked)


def expected_starts(record: Record, history: History) -> set[int]:
    """Where it may begin: as things were when the stream began, or, for sessions that had ended, when their header was written."""
    moments = record.origin.moments
    joined = {0} if history.session_id not in moments[""] else set[int]()
    deleted = {history.head} if history.session_id not in moments[history.session_id] else set[int]()  # before its header
    return (
        joined
        | deleted
        | {
            expected_start(record.origin.request, history, moment[history.session_id])
            for moment in (moments[""], moments[history.session_id])
            if history.session_id in moment
        }
    )


def expected_start(request: SubscribeRequest, history: History, log: Extent) -> int:
    if request.resume.moment and log.number >= request.resume.moment:  # it has begun since
        return log.oldest - 1
    match request.WhichOneof("start"):
        case "latest":
            return log.head
        case "tail":
            return history.before_tail(request.filter, request.tail, log.oldest, log.head)
        case None if request.snapshot:
            return log.head
    return log.oldest - 1


def true_to_log(event: Event, history: History, wanted: Filter) -> None:
    """The event is what was committed, or the exact sum of what was."""
    fact = fact_of(event)
    assert fact.passes(wanted)
    if not event.first_seq:
        assert fact == history.facts[event.seq - 1], f"{event.seq} is not what was committed"
        return
    parts = [history.facts[seq - 1] for seq in numbers(event) if history.facts[seq - 1].passes(wanted)]
    assert all((part.kind, part.source, part.channel) == (fact.kind, fact.source, fact.channel) for part in parts)
    if fact.kind == EventKind.EVENT_KIND_OUTPUT:
        assert fact.body == b"".join(part.body for part in parts)
    else:
        assert event.message.text == "".join(Message.FromString(part.body).text for part in parts)


def honest(gap: Gap, history: History, asked: SubscribeRequest) -> None:
    """A gap has a reason, and names nothing that could have come."""
    match gap.reason:
        case GapReason.GAP_REASON_RETENTION:
            assert gap.last_seq <= history.gone, f"the gap {gap} names what is kept (gone: {history.gone})"
        case GapReason.GAP_REASON_SLOW:
            assert asked.on_slow == OnSlow.ON_SLOW_TO_LATEST
        case GapReason.GAP_REASON_SHED:
            assert asked.pacing.on_excess == OnExcess.ON_EXCESS_SHED
            assert gap.kinds
            assert LOW_VALUE.issuperset(gap.kinds)
        case _:
            raise AssertionError(f"a gap without a reason: {gap}")


def resumable(record: Record, history: History, wanted: Filter) -> None:
    """However often it was cut, the sequence is that of a stream that never was."""
    for asked, answered in record.resumes:
        assert asked == answered, "a resumed stream begins at the place that it was given"
    gone = named(record.items, history, record.place.seq)
    whole = [seq for seq in history.passing(wanted, record.start, record.place.seq) if seq not in gone]
    assert delivered(record.items, history, wanted) == whole


def bookmarkable(record: Record, history: History, wanted: Filter) -> None:
    """A cursor that was told passes over nothing that is still to come, and never goes back."""
    position = record.start
    for place, item in enumerate(record.items):
        if isinstance(item, CaughtUp | Heartbeat):
            seq = cursor_seq(item, history.session_id)
            assert seq >= position, f"the cursor went back from {position} to {seq}"
            lost = missing(record.items[:place], history, wanted, record.start, seq)
            assert not lost, f"the cursor {seq} passes over {lost}"
            position = seq
        elif isinstance(item, Event):
            assert numbers(item)[0] > position, f"{item.seq} came behind the cursor {position}"
            position = item.seq
        elif isinstance(item, Gap):
            position = item.last_seq
