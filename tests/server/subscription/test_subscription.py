"""One subscriber: every start, filters, signs and ends."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightline.v1.event_pb2 import Channel, Event, EventKind
from sightline.v1.session_pb2 import Cursor
from sightline.v1.session_service_pb2 import (
    Cursors,
    EndReason,
    Filter,
    GapReason,
    Latest,
    ListEventsRequest,
    OnGap,
    Place,
    SubscribeRequest,
    SubscribeResponse,
)
from sightline_server.errors import BadField, BadPageToken, CursorAhead, EpochChanged, EventsGone, SessionNotFound
from sightline_server.log.session_log import Draft
from sightline_server.storage.contract import Block
from sightline_server.subscription.filter import EntryFilter
from sightline_server.subscription.pages import page
from sightline_server.subscription.start import before_tail
from sightline_server.subscription.subscription import Subscription
from support.logs import EPOCH, SECOND, Sessions, events_of, notice, output, settled, trim
from support.subscribing import ask, everything, seqs, signs, stream, ten


@pytest.mark.parametrize(
    ("start", "first"),
    [
        ({}, 1),
        ({"latest": Latest()}, 11),
        ({"tail": 3}, 8),
        ({"tail": 0}, 11),
        ({"tail": 99}, 1),
        ({"after": Cursors(cursors=[Cursor(session_id="a", epoch=EPOCH, seq=4)])}, 5),
        ({"after": Cursors()}, 1),
    ],
)
async def test_every_start_begins_where_it_says(start: dict[str, object], first: int) -> None:
    sessions = Sessions()
    await ten(sessions)
    responses = await everything(sessions, ask("a", **start))
    assert seqs(responses) == list(range(first, 11))
    assert signs(responses) == ["header", "caught_up", "end"]
    assert responses[0].header.cursor == Cursor(session_id="a", epoch=EPOCH, seq=first - 1)
    assert responses[-1].end.reason == EndReason.END_REASON_CAUGHT_UP


@pytest.mark.parametrize(("nanoseconds", "first"), [(0, 1), (1, 1), (4 * SECOND, 4), (4 * SECOND + 1, 5), (99 * SECOND, 11)])
async def test_a_start_in_time_begins_with_the_first_event_that_is_not_older(nanoseconds: int, first: int) -> None:
    sessions = Sessions()
    await ten(sessions)
    request = ask("a")
    request.at_time.FromNanoseconds(nanoseconds)
    assert seqs(await everything(sessions, request)) == list(range(first, 11))


async def test_a_tail_counts_what_passes_the_filter() -> None:
    sessions = Sessions()
    await ten(sessions)
    wanted = Filter(kinds=[EventKind.EVENT_KIND_NOTICE])
    assert seqs(await everything(sessions, ask("a", tail=2, filter=wanted))) == [8, 10]


async def test_a_tail_does_not_count_what_is_damaged() -> None:
    sessions = Sessions()
    session = await ten(sessions)
    plain = session.log._store.block_with

    def damaged(number: int, seq: int) -> Block | None:
        found = plain(number, seq)
        return dataclasses.replace(found, data=b"", index=b"") if found is not None and found.first_seq == 8 else found

    session.log._store.block_with = damaged  # type: ignore[method-assign]
    wanted = Filter(kinds=[EventKind.EVENT_KIND_NOTICE])
    assert before_tail(session.log, 2, EntryFilter(wanted, session.log)) == 5


@given(
    batches=st.lists(st.lists(st.tuples(st.sampled_from("oen"), st.integers(0, 3000)), min_size=1, max_size=6), max_size=12),
    kinds=st.sets(st.sampled_from([EventKind.EVENT_KIND_OUTPUT, EventKind.EVENT_KIND_NOTICE])),
    channels=st.sets(st.sampled_from([Channel.CHANNEL_STDOUT, Channel.CHANNEL_STDERR])),
    sources=st.sets(st.sampled_from(["stdout", "stderr", "sightline", "nobody"])),
    tail=st.one_of(st.none(), st.integers(0, 20)),
)
def test_a_stream_is_the_log_filtered(
    batches: list[list[tuple[str, int]]], kinds: set[int], channels: set[int], sources: set[str], tail: int | None
) -> None:
    async def tried() -> None:
        sessions = Sessions()
        log = sessions.add("a").log
        for batch in batches:
            await log.append([draft(what, size) for what, size in batch])
        wanted = Filter(kinds=kinds, channels=channels, sources=sources)  # type: ignore[arg-type]
        request = ask("a", filter=wanted) if tail is None else ask("a", filter=wanted, tail=tail)
        expected = [event.seq for event in events_of(log) if passes(event, wanted)]
        if tail is not None:
            expected = expected[len(expected) - tail :] if tail < len(expected) else expected
        assert seqs(await everything(sessions, request)) == expected

    asyncio.run(tried())


def draft(what: str, size: int) -> Draft:
    return {
        "o": output(b"o" * size),
        "e": output(b"e" * size, Channel.CHANNEL_STDERR, "stderr"),
        "n": notice("n" * size),
    }[what]


def passes(event: Event, wanted: Filter) -> bool:
    kind = EventKind.EVENT_KIND_OUTPUT if event.HasField("output") else EventKind.EVENT_KIND_NOTICE
    return (
        (not wanted.kinds or kind in wanted.kinds)
        and (not wanted.sources or event.source in wanted.sources)
        and (not wanted.channels or not event.HasField("output") or event.output.channel in wanted.channels)
    )


async def test_a_cut_at_any_response_resumes_to_the_same_events() -> None:
    sessions = Sessions()
    await ten(sessions)
    for cut in range(11):
        first = [event for response in await everything(sessions, ask("a")) for event in response.events][:cut]
        cursor = Cursor(session_id="a", epoch=EPOCH, seq=first[-1].seq if first else 0)
        rest = await everything(sessions, ask("a", after=Cursors(cursors=[cursor])))
        assert [event.seq for event in first] + seqs(rest) == list(range(1, 11))


async def test_what_is_appended_while_following_comes_at_once() -> None:
    sessions = Sessions()
    session = await ten(sessions)
    following = stream(sessions, ask("a", latest=Latest()))
    assert [(await anext(following)).WhichOneof("sign") for _ in range(2)] == ["header", "caught_up"]
    waiting = asyncio.ensure_future(anext(following))
    await settled()
    assert not waiting.done()
    await session.log.append([notice("new")])
    assert seqs([await waiting]) == [11]


async def test_the_end_of_all_sessions_ends_the_stream() -> None:
    sessions = Sessions()
    first, second = await ten(sessions, "a"), await ten(sessions, "b")
    following = stream(sessions, ask("a", "b"))
    first.log.close()
    got = [await anext(following) for _ in range(6)]
    second.log.close()
    got += [response async for response in following]
    assert got[-1].end.reason == EndReason.END_REASON_ALL_ENDED
    assert sorted(seqs(got)) == sorted([*range(1, 11), *range(1, 11)])
    assert signs(got).count("end") == 1


async def test_all_sessions_means_those_to_come_too_and_never_ends() -> None:
    sessions = Sessions()
    (await ten(sessions)).log.close()
    following = stream(sessions, ask("*"))
    got = [await anext(following) for _ in range(3)]
    assert signs(got) == ["header", "caught_up"]
    late = asyncio.ensure_future(anext(following))
    await settled()
    assert not late.done()
    newcomer = sessions.add("late")
    assert (await late).header.session.id == "late"
    assert (await anext(following)).caught_up.cursor.session_id == "late"
    await newcomer.log.append([notice("x")])
    assert seqs([await anext(following)]) == [1]


async def test_all_sessions_are_introduced_before_the_first_event() -> None:
    sessions = Sessions()
    await ten(sessions, "a")
    await ten(sessions, "b")
    responses = await everything(sessions, ask("b", "a"))
    assert [response.header.session.id for response in responses[:2]] == ["b", "a"]
    assert signs(responses) == ["header", "header", "caught_up", "caught_up", "end"]


async def test_what_is_no_longer_kept_is_named_exactly() -> None:
    sessions = Sessions()
    session = await ten(sessions)
    trim(session.log, 6)
    request = ask("a", after=Cursors(cursors=[Cursor(session_id="a", epoch=EPOCH, seq=2)]))
    responses = await everything(sessions, request)
    gap = next(response.gap for response in responses if response.HasField("gap"))
    assert (gap.first_seq, gap.last_seq, gap.reason) == (3, 6, GapReason.GAP_REASON_RETENTION)
    assert seqs(responses) == [7, 8, 9, 10]
    assert seqs(await everything(sessions, ask("a"))) == [7, 8, 9, 10]
    with pytest.raises(EventsGone):
        await everything(sessions, ask("a", after=request.after, on_gap=OnGap.ON_GAP_FAIL))


async def test_a_deleted_session_is_a_gap_and_then_the_end() -> None:
    sessions = Sessions()
    session = await ten(sessions)
    following = stream(sessions, ask("a"))
    await anext(following)
    session.log.forget()
    rest = [response async for response in following]
    assert rest[0].gap.first_seq == 1
    assert rest[0].gap.last_seq == 10
    assert rest[-1].end.reason == EndReason.END_REASON_ALL_ENDED


async def test_draining_ends_every_stream() -> None:
    sessions = Sessions()
    await ten(sessions)
    following = stream(sessions, ask("*"))
    for _ in range(3):
        await anext(following)
    waiting = asyncio.ensure_future(anext(following))
    await settled()
    sessions.draining = True
    for tell in list(sessions.on_drain):
        tell()  # type: ignore[operator]
    assert (await waiting).end.reason == EndReason.END_REASON_DRAINING


async def test_nobody_follows_once_a_stream_is_closed() -> None:
    sessions = Sessions()
    session = await ten(sessions)
    following = Subscription(ask("a"), sessions, sessions.clock).responses()  # type: ignore[arg-type]
    await anext(following)
    assert len(session.log.followers) == 1
    await following.aclose()  # type: ignore[attr-defined]
    assert not session.log.followers


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (ask(), BadField),
        (ask("nobody"), SessionNotFound),
        (ask("a", after=Cursors(cursors=[Cursor(session_id="a", epoch=EPOCH + 1, seq=1)])), EpochChanged),
        (ask("a", after=Cursors(cursors=[Cursor(session_id="a", epoch=EPOCH, seq=11)])), CursorAhead),
        (ask("a", filter=Filter(kinds=[0])), BadField),  # type: ignore[list-item]
        (ask("a", filter=Filter(kinds=[99])), BadField),  # type: ignore[list-item]
        (ask("a", filter=Filter(channels=[0])), BadField),  # type: ignore[list-item]
        (ask("a", snapshot=True, tail=3), BadField),
        (ask("a", omit_echo=True), BadField),
    ],
)
async def test_nonsense_is_refused_by_name(request_: SubscribeRequest, error: type[Exception]) -> None:
    sessions = Sessions()
    await ten(sessions)
    with pytest.raises(error):
        await everything(sessions, request_)


async def test_pages_give_the_same_events() -> None:
    sessions = Sessions()
    session = await ten(sessions)
    found: list[int] = []
    request = ListEventsRequest(session="a", page_size=3, filter=Filter(kinds=[EventKind.EVENT_KIND_OUTPUT]))
    pages = 0
    while True:
        response = page(request, session.log)
        found += [event.seq for event in response.events]
        pages += 1
        if not response.next_page_token:
            break
        request.page_token = response.next_page_token
    assert found == [1, 3, 5, 7, 9]
    assert pages == 2
    with pytest.raises(BadPageToken):
        page(ListEventsRequest(session="a", page_token="nonsense"), session.log)
    with pytest.raises(CursorAhead):
        page(ListEventsRequest(session="a", after_seq=11), session.log)


async def test_a_heartbeat_moves_the_cursor_though_the_filter_hides_all() -> None:
    sessions = Sessions()
    await ten(sessions)
    request = ask("a", filter=Filter(kinds=[EventKind.EVENT_KIND_ERROR]))
    request.heartbeat_interval.FromMilliseconds(1)
    async for response in stream(sessions, request):
        if response.HasField("heartbeat"):
            (position,) = response.heartbeat.positions
            assert (position.cursor.seq, position.lag_events, position.lag_bytes) == (10, 0, 0)
            break


async def test_heartbeats_come_between_events_too_and_while_a_filter_hides_a_long_history() -> None:
    for wanted in (Filter(), Filter(kinds=[EventKind.EVENT_KIND_ERROR])):
        sessions = Sessions()
        session = sessions.add("a")
        for _ in range(40):
            await session.log.append([output(b"x" * 65536)])
        request = ask("a", filter=wanted)
        request.heartbeat_interval.FromSeconds(100)
        subscription = Subscription(request, sessions, sessions.clock)  # type: ignore[arg-type]
        responses = subscription.responses()
        assert SubscribeResponse.FromString(await anext(responses)).HasField("header")
        first = asyncio.ensure_future(anext(responses))
        for _ in range(2):
            await asyncio.sleep(0)
        subscription._next_heartbeat = 0  # it is time
        got = [SubscribeResponse.FromString(await first)]
        while not got[-1].HasField("heartbeat"):
            got.append(SubscribeResponse.FromString(await anext(responses)))
        (position,) = got[-1].heartbeat.positions
        assert 0 < position.cursor.seq < 40, "it lies in the midst"
        assert position.lag_events == 40 - position.cursor.seq
        assert position.lag_bytes == session.log.bounds.end_offset * position.lag_events // 40
        await responses.aclose()  # type: ignore[attr-defined]


async def test_a_resumed_stream_says_at_once_that_it_is_there_and_no_header_again() -> None:
    sessions = Sessions()
    await ten(sessions)
    request = ask("a", latest=Latest())
    request.resume.moment = 1
    request.resume.places["a"].CopyFrom(Place(epoch=EPOCH, seq=10, asked_as="a", caught_up=True))
    async with contextlib.aclosing(stream(sessions, request)) as responses:  # type: ignore[type-var]
        first = await asyncio.wait_for(anext(responses), 5)
        assert first.heartbeat.positions[0].cursor == Cursor(session_id="a", epoch=EPOCH, seq=10)
        await sessions.find("a").log.append([notice("new")])
        assert seqs([await asyncio.wait_for(anext(responses), 5)]) == [11]


async def test_a_resume_of_another_log_or_ahead_of_it_is_refused() -> None:
    sessions = Sessions()
    await ten(sessions)
    for place, error in ((Place(epoch=EPOCH + 1, seq=3), EpochChanged), (Place(epoch=EPOCH, seq=11), CursorAhead)):
        request = ask("a")
        request.resume.moment = 1
        request.resume.places["a"].CopyFrom(place)
        with pytest.raises(error):
            await everything(sessions, request)
