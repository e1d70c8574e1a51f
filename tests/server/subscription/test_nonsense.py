"""Whatever a request says: it works, or it is refused with a reason; nothing is kept of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st
from sightline.v1.event_pb2 import Channel, EventKind
from sightline.v1.session_pb2 import Cursor
from sightline.v1.session_service_pb2 import (
    Cursors,
    Filter,
    Latest,
    ListEventsRequest,
    OnExcess,
    OnGap,
    OnSlow,
    Pacing,
    SubscribeRequest,
    SubscribeResponse,
    View,
)
from sightline_server.errors import BadField, SightlineError, TooManySessionsNamed
from sightline_server.subscription.pages import page
from sightline_server.subscription.subscription import Subscription
from support.logs import EPOCH, Sessions, trim
from support.subscribing import ask, everything, ten

UINT32 = st.one_of(st.sampled_from([0, 1, 2**31, 2**32 - 1]), st.integers(0, 2**32 - 1))
UINT64 = st.one_of(st.sampled_from([0, 1, 10, 11, 2**63 - 1, 2**63, 2**64 - 1]), st.integers(0, 2**64 - 1))
INT64 = st.one_of(
    st.sampled_from([-(2**63), -62135596801, -62135596800, -1, 0, 1, 253402300799, 253402300800, 315576000001, 2**63 - 1]),
    st.integers(-(2**63), 2**63 - 1),
)
NANOS = st.one_of(st.sampled_from([-(2**31), -1, 0, 1, 999_999_999, 10**9, 2**31 - 1]), st.integers(-(2**31), 2**31 - 1))
TEXT = st.one_of(st.sampled_from(["", "a", "*", "a\0", "a\n", "a@host", "nobody", "x" * 5000]), st.text(max_size=20))
DURATIONS = st.builds(Duration, seconds=INT64, nanos=NANOS)
CURSORS = st.builds(
    Cursor, session_id=st.one_of(st.sampled_from(["a", "b"]), TEXT), epoch=st.one_of(st.just(EPOCH), UINT64), seq=UINT64
)


def enumerated(known: Sequence[int]) -> st.SearchStrategy[int]:
    return st.one_of(st.sampled_from(known), st.sampled_from([-(2**31), -1, 3, 9, 2**31 - 1]))


FILTERS = st.builds(
    Filter,
    kinds=st.lists(enumerated(EventKind.values()), max_size=3),
    sources=st.lists(TEXT, max_size=2),
    channels=st.lists(enumerated(Channel.values()), max_size=2),
)
STARTS = st.one_of(
    st.just({}),
    st.builds(lambda cursors: {"after": Cursors(cursors=cursors)}, st.lists(CURSORS, max_size=3)),
    st.just({"latest": Latest()}),
    st.builds(lambda tail: {"tail": tail}, UINT32),
    st.builds(lambda time: {"at_time": time}, st.builds(Timestamp, seconds=INT64, nanos=NANOS)),
)
REQUESTS = st.builds(
    lambda start, **fields: SubscribeRequest(**start, **fields),
    start=STARTS,
    sessions=st.lists(st.one_of(st.sampled_from(["a", "b", "*"]), TEXT), max_size=3),
    filter=st.one_of(st.none(), FILTERS),
    view=enumerated(View.values()),
    pacing=st.one_of(
        st.none(),
        st.builds(
            Pacing,
            min_interval=st.one_of(st.none(), DURATIONS),
            max_events_per_second=UINT32,
            coalesce=st.booleans(),
            on_excess=enumerated(OnExcess.values()),
        ),
    ),
    on_slow=enumerated(OnSlow.values()),
    max_lag_bytes=UINT64,
    on_gap=enumerated(OnGap.values()),
    snapshot=st.booleans(),
    until_caught_up=st.booleans(),
    heartbeat_interval=st.one_of(st.none(), DURATIONS),
)


async def two() -> Sessions:
    sessions = Sessions()
    first = await ten(sessions, "a")
    first.has_terminal = True
    trim(first.log, 3)
    (await ten(sessions, "b")).log.close()
    return sessions


@given(REQUESTS)
@settings(max_examples=400)
def test_any_subscription_works_or_says_why_not(request: SubscribeRequest) -> None:
    async def tried() -> None:
        sessions = await two()
        responses = None
        with suppress(SightlineError):
            responses = Subscription(request, sessions, sessions.clock).responses()  # type: ignore[arg-type]
            for _ in range(12):
                waiting = asyncio.ensure_future(anext(responses))
                done, _ = await asyncio.wait([waiting], timeout=0.001)  # it may have nothing to say, rightly
                if not done:
                    waiting.cancel()
                    with suppress(asyncio.CancelledError, StopAsyncIteration):
                        await waiting
                    break
                with suppress(StopAsyncIteration):
                    SubscribeResponse.FromString(waiting.result())
        if responses is not None:
            await responses.aclose()  # type: ignore[attr-defined]
        assert not sessions.on_join
        assert not sessions.on_drain
        assert not any(subject.log.followers for subject in sessions.all())

    asyncio.run(tried())


@given(
    st.builds(
        ListEventsRequest,
        session=TEXT,
        page_size=UINT32,
        page_token=st.one_of(TEXT, st.just("AAAA"), st.just("CgFhEAcYBQ==")),
        after_seq=UINT64,
        filter=st.one_of(st.none(), FILTERS),
        full=st.sampled_from([0, 1, 2**64 - 1]),
    )
)
def test_any_page_comes_or_says_why_not(request: ListEventsRequest) -> None:
    async def tried() -> None:
        sessions = await two()
        with suppress(SightlineError):
            page(request, sessions.find("a").log)

    asyncio.run(tried())


def lasting(seconds: int, nanos: int = 0) -> Duration:
    return Duration(seconds=seconds, nanos=nanos)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (ask("a", view=77), "view"),
        (ask("a", on_slow=77), "on_slow"),
        (ask("a", on_gap=-1), "on_gap"),
        (ask("a", pacing=Pacing(on_excess=9)), "pacing.on_excess"),  # type: ignore[arg-type]
        (ask("a", pacing=Pacing(min_interval=lasting(-1))), "pacing.min_interval"),
        (ask("a", pacing=Pacing(min_interval=lasting(3601))), "pacing.min_interval"),
        (ask("a", heartbeat_interval=lasting(0)), "heartbeat_interval"),
        (ask("a", heartbeat_interval=lasting(1, -1)), "heartbeat_interval"),
        (ask("a", heartbeat_interval=lasting(0, 10**9)), "heartbeat_interval"),
        (ask("a", heartbeat_interval=lasting(2**62)), "heartbeat_interval"),
        (ask("a", at_time=Timestamp(seconds=-62135596801)), "at_time"),
        (ask("a", at_time=Timestamp(seconds=253402300800)), "at_time"),
        (ask("a", at_time=Timestamp(nanos=-1)), "at_time"),
        (ask("a", after=Cursors(cursors=[Cursor(session_id="a", epoch=EPOCH)] * 2)), "after.cursors"),
        (ask("a", after=Cursors(cursors=[Cursor(epoch=EPOCH)])), "after.cursors"),
        (ask("x" * 513), "sessions"),
        (ask("a", filter=Filter(kinds=[EventKind.EVENT_KIND_UNSPECIFIED])), "filter.kinds"),
        (ask("a", filter=Filter(channels=[7])), "filter.channels"),  # type: ignore[list-item]
    ],
)
async def test_the_field_that_is_wrong_is_named(request_: SubscribeRequest, field: str) -> None:
    with pytest.raises(BadField) as error:
        await everything(await two(), request_)
    assert error.value.variables["field"] == field
    assert len(str(error.value)) < 200


async def test_ten_thousand_sessions_may_be_named_and_no_more() -> None:
    sessions = await two()
    assert len(await everything(sessions, ask(*["a"] * 10_000))) > 1
    with pytest.raises(TooManySessionsNamed):
        await everything(sessions, ask(*["a"] * 10_001))


async def test_an_echo_is_left_out_of_text_alone() -> None:
    with pytest.raises(BadField):
        await everything(await two(), ask("a", view=View.VIEW_RAW, omit_echo=True))


async def test_cursors_of_other_sessions_are_passed_over() -> None:
    foreign = Cursors(cursors=[Cursor(session_id="gone", epoch=1, seq=2**64 - 1), Cursor(session_id="a", epoch=EPOCH, seq=10)])
    responses = await everything(await two(), ask("*", after=foreign))
    assert {response.header.session.id for response in responses if response.HasField("header")} == {"a", "b"}
