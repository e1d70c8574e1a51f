"""What a subscription asks after a break and what it shows: against a log that follows the contract, cut at any message."""

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st
from sightline.progress import Item, Progress
from sightline.subscription import items_of
from sightline.v1.event_pb2 import Event, EventKind
from sightline.v1.session_pb2 import Cursor, SessionKind, Snapshot
from sightline.v1.session_service_pb2 import (
    CaughtUp,
    Cursors,
    EndReason,
    Filter,
    Gap,
    GapReason,
    Header,
    Heartbeat,
    Latest,
    SubscribeRequest,
    SubscribeResponse,
)
from support.synthetic import EPOCH, Log, Service, growing


def follow(service: Service, request: SubscribeRequest, cuts: list[int]) -> tuple[list[Item], EndReason.ValueType | None]:
    """What is shown when each stream but the last breaks after so many messages."""
    progress = Progress(request)
    shown: list[Item] = []
    for cut in [*cuts, None]:
        asked = progress.request()
        if asked is None:
            return shown, progress.end().reason
        copy = SubscribeRequest.FromString(asked.SerializeToString())
        for response in islice(service.stream(copy), cut):
            if response.HasField("end"):
                return shown, response.end.reason
            for passed in progress.receive(response):
                for item in items_of(passed):
                    progress.advance(item)
                    shown.append(item)
    return shown, None


@st.composite
def logs(draw: st.DrawFn) -> list[Log]:
    made = []
    for number in range(draw(st.integers(1, 3))):
        length = draw(st.integers(1, 12))
        made.append(Log(f"id{number}", f"name{number}", length, head=draw(st.integers(0, length))))
    return made


def seqs(items: list[Item], session_id: str) -> list[int]:
    return [item.seq for item in items if isinstance(item, Event) and item.session_id == session_id]


def starts(items: list[Item]) -> dict[str, int]:
    return {item.cursor.session_id: item.cursor.seq for item in items if isinstance(item, Header)}


CUTS = st.lists(st.integers(0, 9), max_size=8)
STEPS = st.lists(st.integers(1, 4), max_size=10)


def check_shown_once(items: list[Item], some: list[Log]) -> None:
    """Each session has one header, first; its events follow from there to its end, without holes; one caught_up."""
    headers = [item.session.id for item in items if isinstance(item, Header)]
    assert sorted(headers) == sorted(log.session_id for log in some)
    caught_up = [item.cursor.session_id for item in items if isinstance(item, CaughtUp)]
    assert len(caught_up) == len(set(caught_up))
    for log in some:
        assert seqs(items, log.session_id) == list(range(starts(items)[log.session_id] + 1, log.length + 1))


@given(logs(), st.integers(1, 5), CUTS, STEPS)
def test_every_event_is_shown_once_from_the_oldest_whatever_breaks(
    some: list[Log], batch: int, cuts: list[int], steps: list[int]
) -> None:
    service = Service(some, batch, growing(some, steps))
    shown, end = follow(service, SubscribeRequest(sessions=[log.name for log in some]), cuts)
    check_shown_once(shown, some)
    assert set(starts(shown).values()) == {0}
    assert end == EndReason.END_REASON_ALL_ENDED


@given(logs(), st.integers(1, 5), CUTS, STEPS, st.integers(0, 5))
def test_a_relative_start_means_one_moment_whatever_breaks(
    some: list[Log], batch: int, cuts: list[int], steps: list[int], tail: int
) -> None:
    heads = {log.session_id: log.head for log in some}
    service = Service(some, batch, growing(some, steps))
    shown, _ = follow(service, SubscribeRequest(sessions=[log.session_id for log in some], tail=tail), cuts)
    check_shown_once(shown, some)
    for session_id, start in starts(shown).items():
        assert start >= max(0, heads[session_id] - tail)
    for request in service.seen:
        # Once a start is fixed it is never asked for again, and before that nothing else is.
        assert request.WhichOneof("start") == ("tail" if request.tail or not request.after.cursors else "after")


@given(logs(), st.integers(1, 5), CUTS, STEPS)
def test_latest_of_all_sessions_brings_later_sessions_whole_and_earlier_ones_from_their_head(
    some: list[Log], batch: int, cuts: list[int], steps: list[int]
) -> None:
    late = Log("late", "late", 5, head=0)
    before = {log.session_id for log in some}
    grow = growing([*some, late], steps)

    def grow_with_a_newcomer() -> bool:
        if late not in service.logs:
            service.logs.append(late)
            return True
        return grow()

    # Between streams only the others grow: before the start's moment is fixed, the newcomer would be an earlier one.
    service = Service(list(some), batch, grow_with_a_newcomer, growing(some, []))
    shown, end = follow(service, SubscribeRequest(sessions=["*"], latest=Latest()), cuts)
    check_shown_once(shown, [*some, late])
    assert seqs(shown, "late") == [1, 2, 3, 4, 5]
    assert end is None  # all sessions, also those to come, have no end
    assert before < starts(shown).keys()


@given(logs(), st.integers(1, 5), CUTS)
def test_until_caught_up_ends_once_and_gives_all_that_was_there(some: list[Log], batch: int, cuts: list[int]) -> None:
    for sessions in ([log.name for log in some], ["*"]):
        shown, end = follow(Service(some, batch), SubscribeRequest(sessions=sessions, until_caught_up=True), cuts)
        assert end == EndReason.END_REASON_CAUGHT_UP
        for log in some:
            assert seqs(shown, log.session_id) == list(range(1, log.head + 1))


@given(logs(), st.integers(1, 5), CUTS, st.data())
def test_the_callers_cursors_are_gone_on_from(some: list[Log], batch: int, cuts: list[int], data: st.DataObject) -> None:
    given_ = {log.session_id: data.draw(st.integers(0, log.head)) for log in some[1:]}
    request = SubscribeRequest(sessions=[log.session_id for log in some])
    request.after.CopyFrom(Cursors(cursors=[Cursor(session_id=name, epoch=EPOCH, seq=seq) for name, seq in given_.items()]))
    shown, _ = follow(Service(some, batch, growing(some, [])), request, cuts)
    for log in some:
        assert seqs(shown, log.session_id) == list(range(given_.get(log.session_id, 0) + 1, log.length + 1))


@given(logs(), st.integers(1, 5), CUTS)
def test_a_gap_is_shown_before_the_first_event_behind_it(some: list[Log], batch: int, cuts: list[int]) -> None:
    for log in some:
        log.oldest = log.head + 1
    request = SubscribeRequest(sessions=[log.session_id for log in some])
    request.after.CopyFrom(Cursors(cursors=[log.cursor(0) for log in some]))
    shown, _ = follow(Service(some, batch, growing(some, [])), request, cuts)
    for log in some:
        gaps = [(item.first_seq, item.last_seq) for item in shown if isinstance(item, Gap) and item.session_id == log.session_id]
        assert gaps == ([(1, log.oldest - 1)] if log.oldest > 1 else [])
        assert seqs(shown, log.session_id) == list(range(log.oldest, log.length + 1))


def one(length: int = 5, head: int = 3) -> Log:
    return Log("id", "name", length, head)


def test_a_session_is_followed_by_its_id_once_its_header_has_come() -> None:
    service = Service([one()], 1)
    progress = Progress(SubscribeRequest(sessions=["name"]))
    progress.receive(next(service.stream(progress.request() or SubscribeRequest())))
    resumed = progress.request()
    assert resumed is not None
    assert list(resumed.sessions) == ["id"]


def test_what_a_filter_hides_is_not_read_again_after_a_heartbeat() -> None:
    request = SubscribeRequest(sessions=["name"], filter=Filter(kinds=[EventKind.EVENT_KIND_COMPLETED]))
    progress = Progress(request)
    asked = progress.request()
    assert asked is not None
    assert asked.HasField("heartbeat_interval"), "only a heartbeat tells how far a stream is that shows nothing"
    for response in islice(Service([one()], 1).stream(asked), 3):
        assert not any(isinstance(item, Heartbeat) for shown in progress.receive(response) for item in items_of(shown))
    assert [cursor.seq for cursor in progress.cursors] == [3]


def test_heartbeats_are_shown_to_those_who_ask_for_them() -> None:
    request = SubscribeRequest(sessions=["name"])
    request.heartbeat_interval.FromSeconds(1)
    shown, _ = follow(Service([one()], 1), request, [])
    assert any(isinstance(item, Heartbeat) for item in shown)


def test_a_promised_screen_that_did_not_come_is_owed_until_it_comes_or_events_do() -> None:
    log = one()
    log.kind = SessionKind.SESSION_KIND_TERMINAL
    header = SubscribeResponse(header=Header(session=log.session(), cursor=log.cursor(3)))
    progress = Progress(SubscribeRequest(sessions=["name"], snapshot=True))
    progress.receive(header)
    assert progress.owed() == ["id"]
    progress.advance(Snapshot(session_id="id", as_of_seq=1))
    assert [cursor.seq for cursor in progress.cursors] == [3], (
        "a screen behind the start does not bring back what was not asked for"
    )
    resumed = progress.request()
    assert resumed is not None
    assert not resumed.snapshot
    for item in items_of(progress.receive(SubscribeResponse(snapshot=Snapshot(session_id="id", as_of_seq=4)))[0]):
        progress.advance(item)
    assert progress.owed() == []
    assert [cursor.seq for cursor in progress.cursors] == [4], "events up to the screen are on it"
    progress.receive(SubscribeResponse(gap=Gap(session_id="id", first_seq=5, last_seq=9, reason=GapReason.GAP_REASON_SLOW)))
    assert progress.owed() == ["id"]
    progress.receive(SubscribeResponse(events=[log.event(4)]))
    assert progress.owed() == []


@given(logs(), st.integers(1, 5), CUTS, STEPS)
def test_what_was_merged_or_left_out_is_neither_lost_nor_asked_for_again(
    some: list[Log], batch: int, cuts: list[int], steps: list[int]
) -> None:
    service = Service(some, batch, growing(some, steps), paced=True)
    shown, end = follow(service, SubscribeRequest(sessions=[log.name for log in some]), cuts)
    assert end == EndReason.END_REASON_ALL_ENDED
    for log in some:
        told = [
            seq
            for item in shown
            if isinstance(item, Event | Gap) and item.session_id == log.session_id
            for seq in (range(item.first_seq, item.last_seq + 1) if isinstance(item, Gap) else told_by(item))
        ]
        assert told == list(range(1, log.length + 1))


def told_by(event: Event) -> range:
    return range(event.first_seq or event.seq, event.seq + 1)


def test_any_gap_moves_the_cursor_over_what_is_missing() -> None:
    progress = Progress(SubscribeRequest(sessions=["name"]))
    progress.receive(SubscribeResponse(header=Header(session=one().session(), cursor=one().cursor(0))))
    progress.advance(Gap(session_id="id", first_seq=1, last_seq=9, kinds=[EventKind.EVENT_KIND_OUTPUT]))
    assert [cursor.seq for cursor in progress.cursors] == [9]
    progress.advance(Gap(session_id="id", first_seq=10, last_seq=11))
    assert [cursor.seq for cursor in progress.cursors] == [11]


def test_a_deleted_session_is_forgotten_under_the_star_only() -> None:
    for sessions, forgotten in ((["*"], True), (["name"], False)):
        progress = Progress(SubscribeRequest(sessions=sessions))
        progress.receive(SubscribeResponse(header=Header(session=one().session(), cursor=one().cursor(0))))
        assert progress.forget("id") is forgotten
        assert bool(progress.cursors) is not forgotten


def test_the_callers_cursor_stands_until_the_gap_behind_it_was_shown() -> None:
    request = SubscribeRequest(sessions=["name"])
    request.after.CopyFrom(Cursors(cursors=[one().cursor(1)]))
    progress = Progress(request)
    progress.receive(SubscribeResponse(header=Header(session=one().session(), cursor=one().cursor(3))))
    assert [cursor.seq for cursor in progress.cursors] == [1]


def test_a_session_that_has_completed_is_not_asked_for_again_and_with_the_last_one_all_is_over() -> None:
    done, other = Log("done", "done", 2, head=2), Log("other", "other", 2, head=1)
    progress = Progress(SubscribeRequest(sessions=["done", "other"]))
    progress.request()
    for log in (done, other):
        progress.receive(SubscribeResponse(header=Header(session=log.session(), cursor=log.cursor(0))))
    progress.advance(done.event(2))
    resumed = progress.request()
    assert resumed is not None
    assert list(resumed.sessions) == ["other"]
    assert [cursor.session_id for cursor in resumed.after.cursors] == ["other"]
    progress.advance(other.event(2))
    assert progress.request() is None
    assert progress.end().reason == EndReason.END_REASON_ALL_ENDED


def test_until_caught_up_leaves_out_a_session_that_was() -> None:
    progress = Progress(SubscribeRequest(sessions=["name"], until_caught_up=True))
    progress.request()
    progress.receive(SubscribeResponse(header=Header(session=one().session(), cursor=one().cursor(0))))
    progress.receive(SubscribeResponse(caught_up=CaughtUp(cursor=one().cursor(3))))
    assert progress.request() is None
    assert progress.end().reason == EndReason.END_REASON_CAUGHT_UP
