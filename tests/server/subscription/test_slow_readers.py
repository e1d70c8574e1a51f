"""A subscriber that lags: what it costs, what it may choose, and what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from sightline.v1.event_pb2 import Channel
from sightline.v1.session_pb2 import Cursor
from sightline.v1.session_service_pb2 import Cursors, EndReason, Filter, GapReason, Latest, OnSlow, SubscribeResponse
from sightline_server.errors import SessionEnded
from support.logs import EPOCH, LoggedSession, Sessions, output, settled
from support.subscribing import ask, everything, seqs, signs, stream, ten

LIMIT = 1000  # bytes that these readers may lag


async def write(session: LoggedSession, count: int, size: int = 100) -> None:
    for _ in range(count):
        await session.log.append([output(b"x" * size)])


async def upto(following: AsyncIterator[SubscribeResponse], sign: str) -> list[SubscribeResponse]:
    """Reads until a sign has come."""
    got: list[SubscribeResponse] = []
    while not got or got[-1].WhichOneof("sign") != sign:
        got.append(await anext(following))
    return got


async def test_a_reader_that_blocks_gets_everything_however_late() -> None:
    sessions = Sessions()
    session = sessions.add("a")
    following = stream(sessions, ask("a", latest=Latest(), max_lag_bytes=LIMIT))
    await upto(following, "caught_up")
    await write(session, 100)
    session.log.close()
    assert seqs([response async for response in following]) == list(range(1, 101))


async def test_who_wants_the_latest_is_told_exactly_what_it_missed_and_goes_on_live() -> None:
    sessions = Sessions()
    session = await ten(sessions)
    following = stream(sessions, ask("a", on_slow=OnSlow.ON_SLOW_TO_LATEST, max_lag_bytes=LIMIT))
    await upto(following, "caught_up")
    before = session.log.bounds.end_offset
    await write(session, 50)
    (got,) = await upto(following, "gap")
    gap = got.gap
    assert (gap.first_seq, gap.last_seq, gap.reason, list(gap.kinds)) == (11, 60, GapReason.GAP_REASON_SLOW, [])
    assert gap.bytes == session.log.bounds.end_offset - before
    await write(session, 1)
    assert seqs([await anext(following)]) == [61]


async def test_who_wants_the_latest_of_a_terminal_gets_its_screen_and_what_is_behind_it() -> None:
    sessions = Sessions()
    session = sessions.add("a")
    session.has_terminal = True
    following = stream(sessions, ask("a", on_slow=OnSlow.ON_SLOW_TO_LATEST, max_lag_bytes=LIMIT))
    await upto(following, "caught_up")
    await write(session, 50)
    got = await upto(following, "snapshot")
    assert signs(got) == ["gap", "snapshot"]
    assert got[0].gap.last_seq == got[1].snapshot.as_of_seq == 50, "the screen shows what the gap names"
    await write(session, 1)
    assert seqs([await anext(following)]) == [51]


async def test_a_screen_that_cannot_be_had_does_not_end_the_stream() -> None:
    class Dark(LoggedSession):
        async def snapshot(self) -> object:  # type: ignore[override]
            raise SessionEnded(session="a", action="look at")

    sessions = Sessions()
    session = sessions.add("a")
    session.has_terminal = True
    session.snapshot = Dark.snapshot.__get__(session)  # type: ignore[method-assign]
    following = stream(sessions, ask("a", snapshot=True, on_slow=OnSlow.ON_SLOW_TO_LATEST, max_lag_bytes=LIMIT))
    await upto(following, "caught_up")
    await write(session, 50)
    assert signs(await upto(following, "gap")) == ["gap"]
    await write(session, 1)
    assert seqs([await anext(following)]) == [51]


async def test_who_wants_to_fail_fails_when_it_is_read_again() -> None:
    sessions = Sessions()
    session, other = sessions.add("a"), sessions.add("b")
    following = stream(sessions, ask("a", "b", on_slow=OnSlow.ON_SLOW_FAIL, max_lag_bytes=LIMIT))
    for _ in range(2):
        await upto(following, "caught_up")
    await write(other, 5, 10)
    await write(session, 50)
    assert signs([response async for response in following]) == ["end"]


async def test_the_reason_of_that_end_is_said() -> None:
    sessions = Sessions()
    session = sessions.add("a")
    following = stream(sessions, ask("a", on_slow=OnSlow.ON_SLOW_FAIL, max_lag_bytes=LIMIT))
    await upto(following, "caught_up")
    await write(session, 50)
    assert (await anext(following)).end.reason == EndReason.END_REASON_TOO_SLOW


async def test_reading_a_long_history_is_no_slowness() -> None:
    for on_slow in (OnSlow.ON_SLOW_TO_LATEST, OnSlow.ON_SLOW_FAIL):
        sessions = Sessions()
        await write(sessions.add("a"), 100)
        responses = await everything(sessions, ask("a", on_slow=on_slow, max_lag_bytes=LIMIT))
        assert seqs(responses) == list(range(1, 101))
        after = Cursors(cursors=[Cursor(session_id="a", epoch=EPOCH, seq=1)])
        assert len(seqs(await everything(sessions, ask("a", after=after, on_slow=on_slow, max_lag_bytes=LIMIT)))) == 99


async def test_what_comes_while_a_history_is_not_read_counts() -> None:
    sessions = Sessions()
    session = sessions.add("a")
    await write(session, 100)
    following = stream(sessions, ask("a", on_slow=OnSlow.ON_SLOW_TO_LATEST, max_lag_bytes=LIMIT))
    await anext(following)
    await write(session, 5)
    assert seqs([await anext(following)]) == list(range(1, 106)), "half of what is allowed"
    following = stream(sessions, ask("a", on_slow=OnSlow.ON_SLOW_TO_LATEST, max_lag_bytes=LIMIT))
    await anext(following)
    await write(session, 20)
    assert (await anext(following)).gap.last_seq == 125


async def test_the_lag_of_one_session_does_not_skip_another() -> None:
    sessions = Sessions()
    fast, slow = sessions.add("fast"), sessions.add("slow")
    following = stream(sessions, ask("fast", "slow", on_slow=OnSlow.ON_SLOW_TO_LATEST, max_lag_bytes=LIMIT))
    for _ in range(2):
        await upto(following, "caught_up")
    await write(fast, 50)
    await write(slow, 5)
    got = [await anext(following), await anext(following)]
    assert got[0].gap.session_id == "fast"
    assert seqs(got) == [1, 2, 3, 4, 5]


async def test_a_deleted_session_ends_a_slow_reader_too() -> None:
    sessions = Sessions()
    session = sessions.add("a")
    following = stream(sessions, ask("a", on_slow=OnSlow.ON_SLOW_TO_LATEST, max_lag_bytes=LIMIT))
    await upto(following, "caught_up")
    await write(session, 50)
    session.log.forget()
    rest = [response async for response in following]
    assert signs(rest) == ["gap", "end"]
    assert (rest[0].gap.first_seq, rest[0].gap.last_seq, rest[0].gap.reason) == (1, 50, GapReason.GAP_REASON_RETENTION)


async def test_one_that_floods_does_not_starve_another() -> None:
    sessions = Sessions()
    loud, quiet = sessions.add("loud"), sessions.add("quiet")
    following = stream(sessions, ask("*"))
    for _ in range(2):
        await upto(following, "caught_up")
    for _ in range(100):
        await loud.log.append([output(b"x" * 65536)])
    await quiet.log.append([output(b"here")])
    got = [await anext(following), await anext(following)]
    assert "quiet" in {event.session_id for response in got for event in response.events}


async def test_what_a_filter_hides_is_no_lag() -> None:
    sessions = Sessions()
    session = sessions.add("a")
    hidden = Filter(channels=[Channel.CHANNEL_STDERR])
    following = stream(sessions, ask("a", filter=hidden, on_slow=OnSlow.ON_SLOW_FAIL, max_lag_bytes=LIMIT))
    await upto(following, "caught_up")
    waiting = asyncio.ensure_future(anext(following))
    for _ in range(30):
        await write(session, 5)
        await settled()
    await session.log.append([output(b"seen", Channel.CHANNEL_STDERR, "stderr")])
    assert seqs([await waiting]) == [151]
