"""The text view: what comes is decided by the log alone, wherever the stream is cut and however it is read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from sightline.v1.event_pb2 import Channel, Event, Input
from sightline.v1.session_pb2 import Cursor
from sightline.v1.session_service_pb2 import (
    Cursors,
    Filter,
    SubscribeRequest,
    SubscribeResponse,
    View,
)
from sightline_server.decode.text import TextDecoder
from sightline_server.log.session_log import Draft
from sightline_server.subscription.text import PAUSE_SECONDS, PROGRESS_PAUSE_SECONDS
from support.logs import EPOCH, SECOND, Sessions, events_of, notice, output, settled
from support.subscribing import ask, everything, stream

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
    b"word", b"\r", b"\n", b"\r\n", b"10%\r20%", b"\x1b[31m", b"\x1b[", b"2K", b"\x1b]0;title", b"\x07", b"\x1b[K", b"\xe2\x9c", b"\x93",
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
wanted = st.sampled_from([None, Filter(kinds=[20]), Filter(channels=[TERMINAL], kinds=[20]), Filter(sources=["stderr"])])


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
