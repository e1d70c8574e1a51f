"""The text view: what comes is decided by the log alone, wherever the stream is cut and however it is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sightline.v1.event_pb2 import Channel, Completed, Event, EventKind, Input
from sightline.v1.session_pb2 import Cursor
from sightline.v1.session_service_pb2 import (
    Cursors,
    Filter,
    GapReason,
    Latest,
    OnExcess,
    OnSlow,
    Pacing,
    SubscribeRequest,
    SubscribeResponse,
    View,
)
from sightline_server.decode.text import TextDecoder
from sightline_server.errors import BadField
from sightline_server.log.session_log import Draft
from sightline_server.subscription.subscription import Subscription
from sightline_server.subscription.text import PAUSE_SECONDS, PROGRESS_PAUSE_SECONDS
from support.logs import EPOCH, SECOND, Sessions, events_of, notice, output, settled, trim
from support.subscribing import ask, everything, seqs, stream

TERMINAL = Channel.CHANNEL_TERMINAL
START = 1_700_000_000 * SECOND
NONE, SHORT, LONG = 0, round(PAUSE_SECONDS * SECOND), round(PROGRESS_PAUSE_SECONDS * SECOND)


class SetClock:
    """Nanoseconds, as the test says."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


def a_log() -> tuple[Sessions, SetClock]:
    """A session `a` whose times are the test's."""
    sessions, clock = Sessions(), SetClock()
    sessions.clock = clock  # type: ignore[assignment]
    sessions.add("a")
    return sessions, clock


def text_of(*names: str, **fields: object) -> SubscribeRequest:
    return ask(*names, view=View.VIEW_TEXT, **fields)


def events(responses: Sequence[SubscribeResponse]) -> list[Event]:
    return [event for response in responses for event in response.events]


def said(responses: Sequence[SubscribeResponse]) -> bytes:
    return b"".join(event.output.data for event in events(responses))


def terminal(data: bytes) -> Draft:
    return output(data, TERMINAL, "terminal")


def typed(data: bytes, **fields: object) -> Draft:
    return Draft("sightline", Event(input=Input(data=data, length=len(data), **fields)))  # type: ignore[arg-type]


def after(seq: int, epoch: int = EPOCH) -> Cursors:
    return Cursors(cursors=[Cursor(session_id="a", epoch=epoch, seq=seq)])


# --- what comes, said once more and slowly


@dataclass(frozen=True)
class Step:
    """Something that is logged, after a pause."""

    draft: Draft
    pause: int


FRAGMENTS = [
    b"word", b"\r", b"\n", b"\r\n", b"10%\r20%", b"\x1b[31m", b"\x1b[", b"2K", b"\x1b]0;title", b"\x07", b"\x1b[K", b"\xe2\x9c",
    b"\x93",
    b"\b", b" two words\n", b"\x1b[Hhere", b"$ ", b"\xff", b"\x9b", b"1m", b"line\n" * 20, b"\x1b[5C", b"\x1b8",
]  # fmt: skip
drafts = st.one_of(
    st.builds(
        lambda parts, channel: output(b"".join(parts), channel, "terminal" if channel == TERMINAL else "stderr"),
        st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=4),
        st.sampled_from([TERMINAL, TERMINAL, TERMINAL, Channel.CHANNEL_STDERR]),
    ),
    st.sampled_from([notice("between")]),
)
histories = st.lists(st.builds(Step, drafts, st.sampled_from([NONE, NONE, NONE, 1, SHORT - 1, SHORT, LONG - 1, LONG])), max_size=25)
wanted = st.sampled_from(
    [
        None,
        Filter(kinds=[EventKind.EVENT_KIND_OUTPUT]),
        Filter(channels=[TERMINAL], kinds=[EventKind.EVENT_KIND_OUTPUT]),
        Filter(sources=["stderr"]),
    ]
)


def shown(event: Event, request: Filter | None) -> bool:
    if request is None:
        return True
    kind = 20 if event.HasField("output") else 30
    return (
        (not request.kinds or kind in request.kinds)
        and (not request.channels or kind != 20 or event.output.channel in request.channels)
        and (not request.sources or event.source in request.sources)
    )


def expected(log: Sequence[Event], request: Filter | None, *, ended: bool) -> dict[int, tuple[str, bytes]]:
    """What comes with each number: the source, and its text; empty for what is no output."""
    found: dict[int, tuple[str, bytes]] = {}
    decoders: dict[str, TextDecoder] = {}
    open_one = ""

    def put(seq: int, text: bytes) -> None:
        if text:
            assert found.get(seq, (open_one, b""))[0] == open_one, "two streams with one number"
            found[seq] = (open_one, found.get(seq, ("", b""))[1] + text)

    for place, event in enumerate(log):
        if shown(event, request):
            if event.HasField("output"):
                open_one = event.source
                put(event.seq, decoders.setdefault(open_one, TextDecoder()).feed(event.output.data))
            else:
                found[event.seq] = (event.source, b"")
        if not open_one:
            continue
        following = log[place + 1] if place + 1 < len(log) else None
        decoder = decoders[open_one]
        if following is None:
            over = ended
        else:
            hold = LONG if decoder.is_rewritten else SHORT
            over = following.time.ToNanoseconds() - event.time.ToNanoseconds() >= hold
            over = over or (shown(following, request) and following.source != open_one)
        if over:
            put(event.seq, decoder.end())
    return found


def check(got: Sequence[Event], model: dict[int, tuple[str, bytes]], behind: int = 0) -> None:
    """What came is all that should come behind a number, each with the number it should have, merged or not."""
    given: dict[int, tuple[str, bytes]] = {seq: entry for seq, entry in model.items() if seq > behind}
    last = behind
    for event in got:
        assert last < (event.first_seq or event.seq) <= event.seq
        together = [given.pop(seq) for seq in sorted(given) if seq <= event.seq]
        assert {source for source, _ in together} == {event.source}
        assert b"".join(text for _, text in together) == event.output.data
        last = event.seq
    assert not given


async def write(sessions: Sessions, clock: SetClock, history: Sequence[Step]) -> list[Event]:
    log = sessions.find("a").log
    for step in history:
        clock.now += step.pause
        await log.append([step.draft])
    return events_of(log)


@given(histories, wanted, st.booleans())
@example([Step(notice("first"), NONE), Step(output(b"\xe2\x9c\x1b[31m", Channel.CHANNEL_STDERR, "stderr"), NONE)], None, False)
def test_each_event_has_the_text_that_its_bytes_make_whole_and_a_resume_anywhere_goes_on_exactly_there(
    history: list[Step], request_filter: Filter | None, ended: bool
) -> None:
    async def run() -> None:
        sessions, clock = a_log()
        log = await write(sessions, clock, history)
        if ended:
            sessions.find("a").log.close()
        clock.now += LONG  # whatever stands on the last line is decided by now
        model = expected(log, request_filter, ended=True)
        got = events(await everything(sessions, text_of("a", filter=request_filter)))
        check(got, model)
        for cut in range(len(log) + 1):
            rest = events(await everything(sessions, text_of("a", filter=request_filter, after=after(cut))))
            check(rest, model, cut)

    asyncio.run(run())


@given(histories, wanted, st.data())
def test_read_while_it_is_written_it_is_the_same(history: list[Step], request_filter: Filter | None, data: st.DataObject) -> None:
    async def run() -> None:
        sessions, clock = a_log()
        session = sessions.find("a")
        got: list[Event] = []

        async def read() -> None:
            async for response in stream(sessions, text_of("a", filter=request_filter)):
                got.extend(response.events)

        reading = asyncio.ensure_future(read())
        await settled()
        for step in history:
            clock.now += step.pause
            if step.pause and data.draw(st.booleans()):  # the pause is noticed before it is over for the log
                for follower in session.log.followers:
                    follower.wake()
                await settled()
            await session.log.append([step.draft])
            if data.draw(st.booleans()):
                await settled()
        session.log.close()
        await asyncio.wait_for(reading, 10)
        check(got, expected(events_of(session.log), request_filter, ended=True))

    asyncio.run(run())


# --- lines that are not over, while somebody reads


async def reader(sessions: Sessions, request: SubscribeRequest) -> tuple[list[SubscribeResponse], asyncio.Task[None]]:
    got: list[SubscribeResponse] = []

    async def read() -> None:
        async for response in stream(sessions, request):
            got.append(response)  # noqa: PERF401 - they are looked at while they come

    task = asyncio.ensure_future(read())
    await settled()
    return got, task


async def until(holds: Callable[[], object]) -> None:
    """Waits for something to become true, ten seconds at most."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what it waits for tells nobody
            await asyncio.sleep(0.005)


async def test_a_prompt_comes_when_the_pause_is_over_though_nothing_else_does() -> None:
    sessions, clock = a_log()
    got, task = await reader(sessions, text_of("a"))
    await sessions.find("a").log.append([terminal(b"one\n\x1b[1m$ ")])
    await settled()
    assert not events(got)
    clock.now += SHORT
    await until(lambda: said(got) == b"one\n$ ")
    task.cancel()


async def test_a_paced_prompt_comes_too() -> None:
    sessions, clock = a_log()
    got, task = await reader(sessions, text_of("a", pacing=Pacing(max_events_per_second=100, coalesce=True)))
    await sessions.find("a").log.append([terminal(b"$ ")])
    await settled()
    assert not events(got)
    clock.now += SHORT
    await until(lambda: said(got) == b"$ ")
    task.cancel()


async def test_what_waits_for_its_line_is_not_told_as_passed() -> None:
    sessions, _ = a_log()
    got, task = await reader(sessions, text_of("a", until_caught_up=False))
    await sessions.find("a").log.append([terminal(b"one\n"), terminal(b"two")])
    await settled()
    assert seqs(got) == [1]
    (position,) = [place.message() for place in sessions.find("a").log.followers]  # type: ignore[attr-defined]
    assert (position.cursor.seq, position.lag_events) == (1, 1)
    await sessions.find("a").log.append([terminal(b"!\n")])
    await settled()
    last = events(got)[-1]
    assert (last.first_seq, last.seq, last.output.data) == (2, 3, b"two!\n")
    task.cancel()


async def test_progress_comes_as_it_ended_and_whoever_asks_in_the_midst_of_it_sees_how_far_it_is() -> None:
    sessions, clock = a_log()
    log = sessions.find("a").log
    for percent in range(0, 100, 10):
        clock.now += SHORT // 2
        await log.append([terminal(b"\r\x1b[K%d%%" % percent)])
    clock.now += LONG
    assert said(await everything(sessions, text_of("a"))) == b"90%"
    clock.now -= LONG
    await log.append([terminal(b"\rdone\x1b[K\r\n")])
    assert said(await everything(sessions, text_of("a"))) == b"done\n"


async def test_an_event_that_is_nothing_but_escape_codes_does_not_come_and_the_cursor_moves_on() -> None:
    sessions, _ = a_log()
    await sessions.find("a").log.append([terminal(b"\x1b[?25l"), terminal(b"\x1b[0m")])
    responses = await everything(sessions, text_of("a"))
    assert not events(responses)
    assert [response.caught_up.cursor.seq for response in responses if response.HasField("caught_up")] == [2]


async def test_the_last_line_comes_before_the_end_though_it_has_none() -> None:
    sessions, _ = a_log()
    log = sessions.find("a").log
    await log.append([terminal(b"last words\xe2"), Draft("sightline", Event(completed=Completed()))])
    log.close()
    got = events(await everything(sessions, text_of("a")))
    assert [(event.seq, event.output.data) for event in got] == [(1, b"last words\xe2"), (2, b"")]


# --- what is missing


async def test_behind_what_retention_removed_it_begins_anew() -> None:
    sessions, _ = a_log()
    log = sessions.find("a").log
    await log.append([terminal(b"\x1b]0;a title that never ends"), notice("x")])
    await log.append([terminal(b"seen\n")])
    trim(log, 1)
    responses = await everything(sessions, text_of("a", after=after(0)))
    assert [(response.gap.first_seq, response.gap.last_seq) for response in responses if response.HasField("gap")] == [(1, 2)]
    assert said(responses) == b"seen\n"


async def test_a_tail_that_begins_within_a_line_has_the_whole_line() -> None:
    sessions, _ = a_log()
    await sessions.find("a").log.append([terminal(b"one\n\x1b[3"), terminal(b"1mtw"), terminal(b"o\n"), terminal(b"three\n")])
    assert said(await everything(sessions, text_of("a", tail=2))) == b"two\nthree\n"


async def test_who_lags_too_far_goes_on_at_the_newest_line() -> None:
    sessions, clock = a_log()
    log = sessions.find("a").log
    following = stream(sessions, text_of("a", latest=Latest(), on_slow=OnSlow.ON_SLOW_TO_LATEST, max_lag_bytes=1000))
    for _ in range(2):
        await anext(following)
    for number in range(100):
        await log.append([terminal(b"line %d of what nobody reads, and half of the ne" % number)])
    gap = await anext(following)
    assert (gap.gap.last_seq, gap.gap.reason) == (100, GapReason.GAP_REASON_SLOW)
    await log.append([terminal(b"xt\nthen\n")])
    clock.now += LONG
    assert said([await anext(following)]).endswith(b"half of the next\nthen\n")


async def test_under_a_rate_the_text_is_the_same_and_left_out_it_is_named() -> None:
    sessions, clock = a_log()
    log = sessions.find("a").log
    for number in range(200):
        await log.append([terminal(b"\x1b[3%dmline %d\x1b[0m\nand a ha" % (number % 8, number)), notice("between")])
    clock.now += LONG
    plain = said(await everything(sessions, text_of("a")))
    assert said(await everything(sessions, text_of("a", pacing=Pacing(max_events_per_second=100_000, coalesce=True)))) == plain
    shed = Pacing(max_events_per_second=20, on_excess=OnExcess.ON_EXCESS_SHED)
    responses = await everything(sessions, text_of("a", pacing=shed, filter=Filter(kinds=[EventKind.EVENT_KIND_OUTPUT])))
    gaps = [response.gap for response in responses if response.HasField("gap")]
    named = {seq for gap in gaps for seq in range(gap.first_seq, gap.last_seq + 1)}
    came = {seq for event in events(responses) for seq in range(event.first_seq or event.seq, event.seq + 1)}
    assert not named & came
    assert set(range(1, 400, 2)) <= named | came


# --- the echo


async def echoed(*drafts: Draft) -> bytes:
    sessions, clock = a_log()
    await sessions.find("a").log.append(list(drafts))
    clock.now += LONG
    return said(await everything(sessions, text_of("a", omit_echo=True)))


ECHO_LEFT_OUT: list[tuple[list[Draft], bytes]] = [
    ([terminal(b"$ "), typed(b"ls", submit=True), terminal(b"ls\r\nfile\r\n")], b"$ \nfile\n"),
    ([typed(b"hello\n"), terminal(b"hel"), terminal(b"lo\r\nhello\r\n")], b"hello\n"),
    ([typed(b"a"), typed(b"b"), terminal(b"abc\n")], b"c\n"),
    ([typed("é\t\x03".encode()), terminal("é\t^C\r\n".encode())], b"\n"),
    ([Draft("sightline", Event(input=Input(interrupt=True))), terminal(b"^C\r\n")], b"\n"),
    ([typed(b"", keys=["C-c", "Enter"]), terminal(b"^C\r\nx")], b"x"),
    # What is no echo stays, all of it.
    ([typed(b"ls", submit=True), terminal(b"l"), terminal(b"ate\n")], b"late\n"),
    ([typed(b"ls", submit=True), terminal(b"output ls\r\n")], b"output ls\n"),
    ([typed(b"ls", submit=True, redacted=True), terminal(b"ls\r\n")], b"ls\n"),
    ([typed(b"ab\x7f"), terminal(b"ab\b \b\r\n")], b"a\n"),
    ([typed(b"ls\r"), output(b"ls\r\n")], b"ls\n"),
    ([typed(b"ls", submit=True), terminal(b"ls\r\n"), terminal(b"ls\r\n")], b"ls\n"),
]


@pytest.mark.parametrize(("drafts", "text"), ECHO_LEFT_OUT)
async def test_of_the_echo_exactly_that_is_left_out(drafts: list[Draft], text: bytes) -> None:
    assert (await echoed(*drafts)).replace(b" \n", b"\n").replace(b"$\n", b"$ \n") == text


@given(st.lists(st.sampled_from([b"ls", b"\r", b"\n", b"\r\n", b"l", b"s\r\n", b"x"]), max_size=8), st.integers(0, 8))
def test_with_the_echo_left_out_a_resume_goes_on_exactly_there(parts: list[bytes], place: int) -> None:
    async def run() -> None:
        sessions, clock = a_log()
        log = sessions.find("a").log
        drafts = [terminal(part) for part in parts]
        drafts.insert(min(place, len(parts)), typed(b"ls", submit=True))
        await log.append(drafts)
        clock.now += LONG
        whole = await everything(sessions, text_of("a", omit_echo=True))
        for cut in range(len(drafts) + 1):
            rest = await everything(sessions, text_of("a", omit_echo=True, after=after(cut)))
            assert said(whole).endswith(said(rest))
            if cut in seqs(whole):
                assert len(said(rest)) == sum(len(event.output.data) for event in events(whole) if event.seq > cut)

    asyncio.run(run())


async def test_an_echo_needs_the_text_view() -> None:
    sessions, _ = a_log()
    with pytest.raises(BadField):
        Subscription(ask("a", omit_echo=True), sessions, sessions.clock)  # type: ignore[arg-type]
