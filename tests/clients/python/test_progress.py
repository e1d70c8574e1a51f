"""What a subscription asks after a break and what it shows: of the server's own streams, cut at any message."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightline.progress import Item, Progress
from sightline.v1.event_pb2 import Event, EventKind
from sightline.v1.session_pb2 import Cursor, Session, Snapshot
from sightline.v1.session_service_pb2 import (
    CaughtUp,
    Cursors,
    EndReason,
    Filter,
    Gap,
    Header,
    Heartbeat,
    Latest,
    Place,
    Position,
    Resume,
    SubscribeRequest,
    SubscribeResponse,
)
from sightline_server.errors import SessionNotFound
from support.growing import Plan, World
from support.logs import EPOCH


def follow(world: World, request: SubscribeRequest, cuts: list[int]) -> tuple[list[Item], int | None]:
    """What is shown when each stream but the last breaks after so many messages."""
    return asyncio.run(_follow(world, request, cuts))


async def _follow(world: World, request: SubscribeRequest, cuts: list[int]) -> tuple[list[Item], int | None]:
    await world.begin()
    progress = Progress(request)
    shown: list[Item] = []
    for cut in [*cuts, 1 << 30]:
        left = cut
        async with aclosing(world.stream(progress.request())) as stream:  # type: ignore[type-var]
            async for response in stream:
                if response.HasField("end"):
                    return shown, response.end.reason
                if not left:
                    break
                left -= 1
                for item in progress.items(response):
                    progress.advance(item)
                    shown.append(item)
    return shown, None


@st.composite
def plans(draw: st.DrawFn) -> list[Plan]:
    made = []
    for number in range(draw(st.integers(1, 3))):
        length = draw(st.integers(1, 12))
        made.append(Plan(f"name{number}", length, head=draw(st.integers(0, length)), has_terminal=draw(st.booleans())))
    return made


def worlds(*, grows: bool = True) -> st.SearchStrategy[World]:
    steps = st.lists(st.integers(1, 4), max_size=10)
    return st.builds(World, plans(), batch=st.integers(1, 5), steps=steps, grows=st.just(grows))


CUTS = st.lists(st.integers(0, 9), max_size=8)


def seqs(items: list[Item], session_id: str) -> list[int]:
    return [item.seq for item in items if isinstance(item, Event) and item.session_id == session_id]


def starts(items: list[Item]) -> dict[str, int]:
    return {item.cursor.session_id: item.cursor.seq for item in items if isinstance(item, Header)}


def ids(world: World) -> list[str]:
    return sorted(plan.session_id for plan in world.plans)


def names(world: World) -> list[str]:
    return [plan.name for plan in world.plans]


def check_shown_once(items: list[Item], world: World) -> None:
    """Each session has one header, first; its events follow from there to its end, without holes; one caught_up."""
    assert sorted(item.session.id for item in items if isinstance(item, Header)) == ids(world)
    caught_up = [item.cursor.session_id for item in items if isinstance(item, CaughtUp)]
    assert len(caught_up) == len(set(caught_up))
    for plan in world.plans:
        assert seqs(items, plan.session_id) == list(range(starts(items)[plan.session_id] + 1, plan.length + 1))


@given(worlds(), CUTS)
def test_every_event_is_shown_once_from_the_oldest_whatever_breaks(world: World, cuts: list[int]) -> None:
    shown, end = follow(world, SubscribeRequest(sessions=names(world)), cuts)
    check_shown_once(shown, world)
    assert set(starts(shown).values()) == {0}
    assert end == EndReason.END_REASON_ALL_ENDED


@given(worlds(), CUTS, st.integers(0, 5))
def test_a_relative_start_is_fixed_by_the_header_whatever_breaks(world: World, cuts: list[int], tail: int) -> None:
    heads = {plan.session_id: plan.head for plan in world.plans}
    shown, _ = follow(world, SubscribeRequest(sessions=ids(world), tail=tail), cuts)
    check_shown_once(shown, world)
    for session_id, start in starts(shown).items():
        assert start >= max(0, heads[session_id] - tail)


@given(worlds(), CUTS)
def test_latest_of_all_sessions_brings_later_sessions_whole_and_earlier_ones_from_their_head(world: World, cuts: list[int]) -> None:
    world.newcomer = Plan("late", 5, head=2)
    # A break before the first header asks as at first, and then the newcomer would be an earlier one.
    shown, end = follow(world, SubscribeRequest(sessions=["*"], latest=Latest()), [cut + 1 for cut in cuts])
    check_shown_once(shown, world)
    assert seqs(shown, "id-late") == [1, 2, 3, 4, 5]
    assert end is None  # all sessions, also those to come, have no end


@given(CUTS)
def test_a_stream_of_all_that_begins_without_any_session_loses_nothing_of_the_first(cuts: list[int]) -> None:
    world = World([], batch=1, newcomer=Plan("late", 5, head=2))
    shown, _ = follow(world, SubscribeRequest(sessions=["*"], latest=Latest()), [1, *cuts])
    check_shown_once(shown, world)
    assert seqs(shown, "id-late") == [1, 2, 3, 4, 5]


@given(worlds(), CUTS, st.booleans())
def test_until_caught_up_ends_once_and_gives_all_that_was_there(world: World, cuts: list[int], everything: bool) -> None:
    heads = {plan.session_id: plan.head for plan in world.plans}
    sessions = ["*"] if everything else names(world)
    shown, end = follow(world, SubscribeRequest(sessions=sessions, until_caught_up=True), cuts)
    assert end == EndReason.END_REASON_CAUGHT_UP
    for session_id, head in heads.items():
        got = seqs(shown, session_id)
        assert got == list(range(1, len(got) + 1))
        assert len(got) >= head


@given(worlds(), CUTS, st.data())
def test_the_callers_cursors_are_gone_on_from(world: World, cuts: list[int], data: st.DataObject) -> None:
    given_ = {plan.session_id: data.draw(st.integers(0, plan.head)) for plan in world.plans[1:]}
    request = SubscribeRequest(sessions=names(world))
    request.after.CopyFrom(Cursors(cursors=[Cursor(session_id=name, epoch=EPOCH, seq=seq) for name, seq in given_.items()]))
    shown, _ = follow(world, request, cuts)
    for plan in world.plans:
        assert seqs(shown, plan.session_id) == list(range(given_.get(plan.session_id, 0) + 1, plan.length + 1))


@given(worlds(), CUTS)
def test_a_gap_is_shown_once_before_the_first_event_behind_it(world: World, cuts: list[int]) -> None:
    for plan in world.plans:
        plan.gone = plan.head > 0
    request = SubscribeRequest(sessions=ids(world))
    request.after.CopyFrom(Cursors(cursors=[Cursor(session_id=name, epoch=EPOCH) for name in ids(world)]))
    shown, _ = follow(world, request, cuts)
    for plan in world.plans:
        gaps = [(item.first_seq, item.last_seq) for item in shown if isinstance(item, Gap) and item.session_id == plan.session_id]
        assert gaps == ([(1, plan.head)] if plan.gone else [])
        assert seqs(shown, plan.session_id) == list(range((plan.head if plan.gone else 0) + 1, plan.length + 1))


@given(worlds(), CUTS)
def test_a_promised_screen_comes_whatever_breaks_and_the_events_behind_it(world: World, cuts: list[int]) -> None:
    shown, _ = follow(world, SubscribeRequest(sessions=names(world), snapshot=True), cuts)
    for plan in world.plans:
        of_it = [item for item in shown if isinstance(item, Event | Snapshot) and item.session_id == plan.session_id]
        screens = [item.as_of_seq for item in of_it if isinstance(item, Snapshot)]
        assert len(screens) == plan.has_terminal
        first = screens[0] if screens else starts(shown)[plan.session_id]
        assert isinstance(of_it[0], Snapshot) if screens else True
        assert seqs(shown, plan.session_id) == list(range(first + 1, plan.length + 1))


@pytest.mark.parametrize("cut", range(1, 8))
def test_after_its_header_a_session_is_followed_by_its_id_whoever_has_its_name(cut: int) -> None:
    world = World([Plan("name", 6, head=4)], batch=1)
    world.between = lambda: world.sessions.add("id-other", "name")
    shown, _ = follow(world, SubscribeRequest(sessions=["name"]), [cut])
    check_shown_once(shown, world)


def told(progress: Progress, *items: Item) -> Progress:
    for item in items:
        progress.advance(item)
    return progress


def header(seq: int = 0, *, snapshot_due: bool = False) -> Header:
    place = Place(epoch=EPOCH, seq=seq, asked_as="name", snapshot_due=snapshot_due)
    return Header(session=Session(id="id"), cursor=Cursor(session_id="id", epoch=EPOCH, seq=seq), place=place, moment=9)


def place(progress: Progress) -> Place:
    return progress.request().resume.places["id"]


def test_what_comes_is_taken_into_the_place() -> None:
    progress = told(Progress(SubscribeRequest(sessions=["name"])), header(3, snapshot_due=True))
    assert progress.request().resume == Resume(
        moment=9, places={"id": Place(epoch=EPOCH, seq=3, asked_as="name", snapshot_due=True)}
    )
    told(progress, Snapshot(session_id="id", as_of_seq=1))
    assert place(progress).seq == 3, "a screen behind the start does not bring back what was not asked for"
    assert not place(progress).snapshot_due
    told(progress, CaughtUp(cursor=Cursor(session_id="id", seq=4)))
    assert (place(progress).seq, place(progress).caught_up) == (4, True)
    told(progress, Gap(session_id="id", first_seq=5, last_seq=9, snapshot_due=True))
    assert (place(progress).seq, place(progress).snapshot_due) == (9, True)
    told(progress, Event(session_id="id", seq=10))
    assert (place(progress).seq, place(progress).snapshot_due, place(progress).completed) == (10, False, False)
    told(progress, Gap(session_id="id", first_seq=11, last_seq=12, kinds=[EventKind.EVENT_KIND_OUTPUT]))
    assert place(progress).seq == 12, "nothing of the range of a gap of some kinds follows"
    last = Event(session_id="id", seq=13)
    last.completed.SetInParent()
    told(progress, last)
    assert place(progress).completed
    assert progress.cursors == [Cursor(session_id="id", epoch=EPOCH, seq=13)]


def test_what_a_filter_hides_is_not_read_again_after_a_heartbeat() -> None:
    progress = Progress(SubscribeRequest(sessions=["name"], filter=Filter(kinds=[EventKind.EVENT_KIND_COMPLETED])))
    assert progress.request().HasField("heartbeat_interval"), "only a heartbeat tells how far a stream is that shows nothing"
    told(progress, header())
    positions = [Position(cursor=Cursor(session_id=name, seq=3)) for name in ("without a header", "id")]
    beat = Heartbeat(positions=positions, moment=9)
    assert not progress.items(SubscribeResponse(heartbeat=beat))
    assert place(progress).seq == 3


def test_heartbeats_are_shown_to_those_who_ask_for_them() -> None:
    request = SubscribeRequest(sessions=["name"])
    request.heartbeat_interval.FromSeconds(1)
    assert list(Progress(request).items(SubscribeResponse(heartbeat=Heartbeat()))) == [Heartbeat()]


def test_the_callers_cursor_stands_until_the_header() -> None:
    request = SubscribeRequest(sessions=["name"])
    request.after.CopyFrom(Cursors(cursors=[Cursor(session_id="id", epoch=EPOCH, seq=1)]))
    progress = Progress(request)
    assert [cursor.seq for cursor in progress.cursors] == [1]
    told(progress, header(2))
    assert [cursor.seq for cursor in progress.cursors] == [2]


def test_a_deleted_session_is_left_out_under_the_star_and_when_all_of_it_came_and_an_error_else() -> None:
    def deleted(sessions: list[str], *, completed: bool) -> Iterator[SubscribeResponse]:
        async def run() -> list[SubscribeResponse]:
            world = await World([Plan("name", 4, head=2), Plan("other", 1, head=1)]).begin()
            request = SubscribeRequest(sessions=sessions)
            request.resume.moment = 1
            request.resume.places["id-name"].CopyFrom(Place(epoch=EPOCH, seq=2, asked_as="name", completed=completed))
            world.sessions.forget("id-name")
            return [response async for response in world.stream(request)]

        yield from asyncio.run(run())

    for sessions, completed in ((["*"], False), (["name", "other"], True)):
        got = [event.session_id for response in deleted(sessions, completed=completed) for event in response.events]
        assert got == ["id-other"]
    with pytest.raises(SessionNotFound):
        list(deleted(["name", "other"], completed=False))
