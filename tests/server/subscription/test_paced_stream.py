"""A paced subscription as a whole: what waits, what goes together, and that nobody is forgotten."""

from __future__ import annotations

import asyncio

from sightline.v1.event_pb2 import Error, Event
from sightline.v1.session_service_pb2 import EndReason, GapReason, Latest, OnExcess, OnSlow, Pacing, SubscribeResponse
from sightline_server.log.session_log import Draft
from sightline_server.subscription.subscription import Subscription
from support.logs import Sessions, notice, output, settled
from support.subscribing import ask, everything, seqs, signs, stream, ten

HOUR = 3600


def gathering(seconds: float, **fields: object) -> Pacing:
    made = Pacing(**fields)  # type: ignore[arg-type]
    made.min_interval.FromMilliseconds(round(seconds * 1000))
    return made


async def test_what_gathers_goes_in_one_response_for_all_sessions() -> None:
    sessions = Sessions()
    logs = [sessions.add(name).log for name in "abc"]
    following = stream(sessions, ask("*", latest=Latest(), pacing=gathering(0.05)))
    for _ in range(6):
        await anext(following)
    waiting = asyncio.ensure_future(anext(following))
    for log in (*logs, *logs):
        await log.append([output(b"x")])
        await settled()
    got = await waiting
    assert sorted((event.session_id, event.seq) for event in got.events) == [(name, seq) for name in "abc" for seq in (1, 2)]


async def test_an_error_goes_at_once_and_the_others_wait_on() -> None:
    sessions = Sessions()
    first, second = sessions.add("a").log, sessions.add("b").log
    following = stream(sessions, ask("*", latest=Latest(), pacing=gathering(HOUR)))
    for _ in range(4):
        await anext(following)
    waiting = asyncio.ensure_future(anext(following))
    await first.append([output(b"x")])
    await second.append([output(b"x")])
    await settled()
    assert not waiting.done()
    await second.append([Draft("agent", Event(error=Error(code="BROKEN")))])
    assert [(event.session_id, event.seq) for event in (await waiting).events] == [("b", 1), ("b", 2)]


async def test_who_waits_for_a_token_alone_does_not_wait_for_anothers_window() -> None:
    sessions = Sessions()
    ended, living = sessions.add("a").log, sessions.add("b").log
    await ended.append([notice(str(number)) for number in range(20)])
    following = stream(sessions, ask("a", "b", pacing=gathering(20, max_events_per_second=1)))
    got = [await anext(following) for _ in range(5)]
    assert seqs(got) == list(range(1, 21))  # all that the rate allows at once
    waiting = asyncio.ensure_future(anext(following))
    await living.append([notice("gathers for 20 s")])
    await settled()
    await ended.append([notice("waits a second for its token")])
    ended.close()
    assert [(event.session_id, event.seq) for event in (await asyncio.wait_for(waiting, 10)).events] == [("a", 21)]


async def test_history_and_the_end_are_not_held_back() -> None:
    sessions = Sessions()
    session = await ten(sessions)
    assert seqs(await everything(sessions, ask("a", pacing=gathering(HOUR)))) == list(range(1, 11))
    following = stream(sessions, ask("a", latest=Latest(), pacing=gathering(HOUR)))
    for _ in range(2):
        await anext(following)
    waiting = asyncio.ensure_future(anext(following))
    await session.log.append([notice("last")])
    await settled()
    assert not waiting.done()
    session.log.close()
    assert seqs([await waiting]) == [11]
    assert (await anext(following)).end.reason == EndReason.END_REASON_ALL_ENDED


async def test_over_the_rate_each_session_gets_its_share() -> None:
    sessions = Sessions()
    logs = [sessions.add(name).log for name in "abc"]
    for log in logs:
        await log.append([notice(str(number)) for number in range(100)])
    following = stream(sessions, ask("*", pacing=Pacing(max_events_per_second=20)))
    given: dict[str, int] = {}
    async for response in following:
        for event in response.events:
            given[event.session_id] = given.get(event.session_id, 0) + 1
        if sum(given.values()) >= 32:
            break
    assert set(given) == {"a", "b", "c"}


async def test_all_of_it_comes_in_the_end_whatever_the_pace() -> None:
    sessions = Sessions()
    for name in "ab":
        for number in range(40):
            await sessions.find(name).log.append([output(b"%d" % number)]) if number else await ten(sessions, name)
    pacing = gathering(0.01, max_events_per_second=400, coalesce=True)
    responses = await everything(sessions, ask("*", pacing=pacing))
    for name in "ab":
        told = [
            seq
            for response in responses
            for event in response.events
            if event.session_id == name
            for seq in range(event.first_seq or event.seq, event.seq + 1)
        ]
        assert told == list(range(1, 50))
    assert signs(responses)[-1] == "end"


async def test_a_flood_is_left_out_and_what_matters_comes() -> None:
    sessions = Sessions()
    log = sessions.add("a").log
    for number in range(30):
        await log.append([output(b"x" * 65536) for _ in range(3)])
        if number % 10 == 0:
            await log.append([notice(str(number))])
    pacing = Pacing(max_events_per_second=4, on_excess=OnExcess.ON_EXCESS_SHED)
    responses = await everything(sessions, ask("a", pacing=pacing))
    notices = [event.notice.text for response in responses for event in response.events if event.HasField("notice")]
    assert notices == ["0", "10", "20"]
    assert {response.gap.reason for response in responses if response.HasField("gap")} == {GapReason.GAP_REASON_SHED}


async def test_a_paced_reader_that_wants_the_latest_is_slow_all_the_same() -> None:
    sessions = Sessions()
    log = sessions.add("a").log
    pacing = gathering(HOUR)
    following = stream(sessions, ask("a", pacing=pacing, on_slow=OnSlow.ON_SLOW_TO_LATEST, max_lag_bytes=1000))
    for _ in range(2):
        await anext(following)
    waiting = asyncio.ensure_future(anext(following))
    await log.append([output(b"x" * 900)])
    await settled()
    assert not waiting.done()
    await log.append([output(b"x" * 900)])
    assert (await waiting).gap.last_seq == 2


async def test_nobody_follows_once_a_paced_stream_is_closed() -> None:
    sessions = Sessions()
    session = await ten(sessions)
    responses = Subscription(ask("*", pacing=gathering(HOUR)), sessions, sessions.clock).responses()  # type: ignore[arg-type]
    assert SubscribeResponse.FromString(await anext(responses)).HasField("header")
    await anext(responses)
    assert len(session.log.followers) == 1
    await responses.aclose()  # type: ignore[attr-defined]
    assert not session.log.followers
