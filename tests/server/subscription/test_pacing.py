"""How fast events may come, by a clock of the test's own."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightline.v1.event_pb2 import Channel, Completed, Error, Event, EventKind, Message, Request, ToolCall, ToolResult
from sightline.v1.session_service_pb2 import Filter, Gap, GapReason, OnExcess, Pacing, SubscribeResponse
from sightline_server.log import record
from sightline_server.log.session_log import Draft, SessionLog
from sightline_server.subscription.filter import EntryFilter
from sightline_server.subscription.pacing import LOOK_BYTES, Lane, Pacer
from support.logs import Sessions, events_of, notice, output

KINDS = {
    "o": lambda: output(b"o"),
    "e": lambda: output(b"e", Channel.CHANNEL_STDERR, "stderr"),
    "c": lambda: of(tool_call=ToolCall(name="grep")),
    "r": lambda: of(tool_result=ToolResult(content="found")),
    "m": lambda: of(message=Message(text="m", message_id="1", delta=True)),
    "n": lambda: notice("n"),
    "!": lambda: of(error=Error(code="BROKEN")),
    "?": lambda: of(request=Request(request_id="1")),
    ".": lambda: of(completed=Completed()),
}
LOW = {"o": EventKind.EVENT_KIND_OUTPUT, "e": EventKind.EVENT_KIND_OUTPUT}
LOW |= {"c": EventKind.EVENT_KIND_TOOL_CALL, "r": EventKind.EVENT_KIND_TOOL_RESULT}


def of(**payload: object) -> Draft:
    return Draft("agent", Event(**payload))  # type: ignore[arg-type]


def paced(seconds: float = 0, rate: int = 0, *, coalesce: bool = False, shed: bool = False) -> Pacing:
    made = Pacing(max_events_per_second=rate, coalesce=coalesce)
    made.min_interval.FromMilliseconds(round(seconds * 1000))
    if shed:
        made.on_excess = OnExcess.ON_EXCESS_SHED
    return made


@dataclass
class Paced:
    """One session of a paced subscriber, and what it was given when."""

    log: SessionLog
    pacer: Pacer
    lane: Lane
    now: float = 100.0
    events: list[tuple[float, Event]] = field(default_factory=list)
    items: list[Event | Gap] = field(default_factory=list)

    async def append(self, kinds: str) -> None:
        await self.log.append([KINDS[kind]() for kind in kinds])

    @property
    def due(self) -> float:
        """In how many seconds something may be sent."""
        return round(self.pacer.due(self.lane, self.now) - self.now, 6)

    def take(self) -> list[str]:
        """What may go now: `1`, `2-4`, or `gap 5-6`."""
        got: list[Event | Gap] = []
        while self.lane.lag_events and self.pacer.due(self.lane, self.now) <= self.now:
            for encoded in self.pacer.take(self.lane, self.now):
                response = SubscribeResponse.FromString(encoded)
                got.extend([response.gap] if response.HasField("gap") else response.events)
        self.events.extend((self.now, item) for item in got if isinstance(item, Event))
        self.items.extend(got)
        return list(map(words, got))


def words(item: Event | Gap) -> str:
    if isinstance(item, Gap):
        return f"gap {item.first_seq}-{item.last_seq}"
    return f"{item.first_seq}-{item.seq}" if item.first_seq else str(item.seq)


def follower(wanted: Pacing, filtered: Filter | None = None) -> Paced:
    log = Sessions().add("a").log
    return Paced(log, Pacer(wanted), Lane(log, 0, EntryFilter(filtered, log) if filtered else None))


# --- the window


async def test_events_gather_for_the_window_and_then_go_together() -> None:
    paced_ = follower(paced(2))
    await paced_.append("o")
    assert paced_.due == 2
    paced_.now += 1.5
    await paced_.append("on")
    assert paced_.due == 0.5
    assert paced_.take() == []
    paced_.now += 0.5
    assert paced_.take() == ["1", "2", "3"]
    await paced_.append("o")
    assert paced_.due == 2


@pytest.mark.parametrize("kind", ["!", "?", "."])
async def test_an_error_a_request_or_the_end_flushes_at_once(kind: str) -> None:
    paced_ = follower(paced(2))
    await paced_.append("oo")
    assert paced_.take() == []
    await paced_.append(kind)
    assert paced_.take() == ["1", "2", "3"]
    await paced_.append("o")
    assert paced_.due == 2


async def test_what_the_filter_hides_flushes_nothing() -> None:
    paced_ = follower(paced(2), Filter(kinds=[EventKind.EVENT_KIND_OUTPUT]))
    await paced_.append("o!")
    assert paced_.due == 2


async def test_a_full_response_does_not_wait() -> None:
    paced_ = follower(paced(2))
    await paced_.log.append([output(b"x" * record.MAX_CHUNK) for _ in range(LOOK_BYTES // record.MAX_CHUNK)])
    assert paced_.due == 0


async def test_history_does_not_gather() -> None:
    paced_ = follower(paced(2))
    await paced_.append("o")
    assert paced_.pacer.due(paced_.lane, paced_.now, hurried=True) == paced_.now


async def test_the_windows_of_several_sessions_close_together() -> None:
    pacer = Pacer(paced(2))
    sessions = Sessions()
    lanes = [Lane(sessions.add(name).log, 0) for name in "ab"]
    for number, lane in enumerate(lanes):
        await lane.log.append([output(b"x")])
        assert pacer.due(lane, 10.0 + number) == 12


# --- the rate


async def test_below_the_limit_nothing_is_merged() -> None:
    paced_ = follower(paced(rate=10))
    await paced_.append("oooo")
    assert paced_.take() == ["1", "2", "3", "4"]


async def test_over_the_limit_neighbours_are_merged_first() -> None:
    paced_ = follower(paced(rate=2))
    await paced_.append("oooeeoomm")
    assert paced_.take() == ["1-3", "4-5"]
    assert paced_.due == 0.5
    paced_.now += 0.5
    assert paced_.take() == ["6-7"]
    await paced_.append("m")
    paced_.now += 0.5
    assert paced_.take() == ["8-10"]


async def test_coalesce_always_merges() -> None:
    paced_ = follower(paced(coalesce=True))
    await paced_.append("ooe")
    assert paced_.take() == ["1-2", "3"]


async def test_a_quiet_subscriber_gets_a_seconds_worth_at_once_and_then_the_rate() -> None:
    paced_ = follower(paced(rate=5))
    await paced_.append("n" * 12)
    assert paced_.take() == ["1", "2", "3", "4", "5"]
    paced_.now += 1
    assert paced_.take() == ["6", "7", "8", "9", "10"]
    paced_.now += 10
    assert paced_.take() == ["11", "12"]


async def test_urgent_events_overdraw_the_rate_and_it_is_paid_back() -> None:
    paced_ = follower(paced(rate=2))
    await paced_.append("nn")
    assert paced_.take() == ["1", "2"]
    await paced_.append("n!")
    assert paced_.take() == ["3", "4"]
    await paced_.append("n")
    assert paced_.due == 1.5


async def test_output_is_left_out_first_and_only_as_much_as_is_too_much() -> None:
    paced_ = follower(paced(rate=4, shed=True))
    await paced_.append("ocoenerc")  # as few events as it can be: nothing here can be merged
    assert paced_.take() == ["gap 1-1", "2", "gap 3-4", "5", "gap 6-6", "7", "8"]
    gap = paced_.items[2]
    assert isinstance(gap, Gap)
    block = paced_.log.block_with(1)
    assert block is not None
    size = sum(length for length, *_ in list(record.INDEX.iter_unpack(block.index))[2:4])
    kinds = [EventKind.EVENT_KIND_OUTPUT]
    assert gap == Gap(session_id="a", first_seq=3, last_seq=4, reason=GapReason.GAP_REASON_SHED, kinds=kinds, bytes=size)


async def test_tool_calls_and_results_are_left_out_next() -> None:
    paced_ = follower(paced(rate=2, shed=True))
    await paced_.append("ocrnon")
    assert paced_.take() == ["gap 1-3", "4", "gap 5-5", "6"]
    assert isinstance(paced_.items[0], Gap)
    low = {EventKind.EVENT_KIND_OUTPUT, EventKind.EVENT_KIND_TOOL_CALL, EventKind.EVENT_KIND_TOOL_RESULT}
    assert set(paced_.items[0].kinds) == low


async def test_what_may_not_be_left_out_comes_later() -> None:
    paced_ = follower(paced(rate=2, shed=True))
    await paced_.append("nononon")
    assert paced_.take() == ["1", "gap 2-2", "3", "gap 4-4"]
    assert paced_.due == 0.5
    paced_.now += 0.5
    assert paced_.take() == ["5", "gap 6-6"]
    paced_.now += 0.5
    assert paced_.take() == ["7"]


async def test_a_flood_is_left_out_without_waiting_for_the_rate() -> None:
    paced_ = follower(paced(rate=1, shed=True))
    await paced_.append("n")
    assert paced_.take() == ["1"]
    chunk = b"x" * record.MAX_CHUNK
    for _ in range(3):
        await paced_.log.append([output(chunk) for _ in range(LOOK_BYTES // len(chunk))])
    assert all(word.startswith("gap") for word in paced_.take())
    assert paced_.lane.lag_bytes < LOOK_BYTES


async def test_what_a_filter_hides_costs_nothing_of_the_rate() -> None:
    paced_ = follower(paced(rate=1), Filter(kinds=[EventKind.EVENT_KIND_NOTICE]))
    await paced_.append("o" * 20)
    assert paced_.take() == []
    assert paced_.lane.seq == 20
    await paced_.append("n")
    assert paced_.take() == ["21"]


async def test_who_resumes_inside_of_a_merged_event_gets_the_rest_of_it() -> None:
    paced_ = follower(paced(coalesce=True))
    await paced_.append("oooo")
    assert paced_.take() == ["1-4"]
    paced_.lane = Lane(paced_.log, 2)
    assert paced_.take() == ["3-4"]


# --- any of it


STEPS = st.lists(
    st.one_of(
        st.text(alphabet=list(KINDS), min_size=1, max_size=12),
        st.sampled_from([0.01, 0.1, 0.3, 1.0, 5.0]),
        st.just("o" * 60),
    ),
    max_size=25,
)
FILTERS = st.sampled_from([None, Filter(channels=[Channel.CHANNEL_STDOUT]), Filter(sources=["stdout", "agent"])])


@given(
    steps=STEPS,
    seconds=st.sampled_from([0, 0.2, 3]),
    rate=st.sampled_from([0, 1, 3, 40]),
    coalesce=st.booleans(),
    shed=st.booleans(),
    wanted=FILTERS,
    cuts=st.integers(1, 6),
)
def test_what_is_paced_is_complete_in_order_and_within_its_rate(
    steps: list[str | float], seconds: float, rate: int, coalesce: bool, shed: bool, wanted: Filter | None, cuts: int
) -> None:
    async def tried() -> None:
        pacing = paced(seconds, rate, coalesce=coalesce, shed=shed)
        paced_ = follower(pacing, wanted)
        for number, step in enumerate(steps):
            if isinstance(step, str):
                await paced_.append(step)
            else:
                paced_.now += step
            paced_.take()
            check_told(paced_, wanted)
            if (
                number % cuts == cuts - 1
            ):  # the connection breaks; the client goes on behind the last event or gap that it was given
                last = max((item.last_seq if isinstance(item, Gap) else item.seq for item in paced_.items), default=0)
                paced_.lane = Lane(paced_.log, last, EntryFilter(wanted, paced_.log) if wanted else None)
        for _ in range(10_000):
            if not paced_.lane.lag_events:
                break
            paced_.now = max(paced_.now, paced_.pacer.due(paced_.lane, paced_.now))
            paced_.take()
        check_told(paced_, wanted)
        assert paced_.lane.lag_events == 0, "what waits comes in the end"
        if rate:
            check_rate(paced_, rate, rate * max(1, seconds))

    asyncio.run(tried())


def check_told(paced_: Paced, wanted: Filter | None) -> None:
    """Up to the position everything was given once or is named in a gap, in order; behind it nothing."""
    entry_filter = EntryFilter(wanted, paced_.log) if wanted else None
    log = events_of(paced_.log)
    passing = [event.seq for event in log if entry_filter is None or entry_filter.passes(part_of(paced_.log, event))]
    told: list[int] = []
    for item in paced_.items:
        first, last = (item.first_seq, item.last_seq) if isinstance(item, Gap) else (item.first_seq or item.seq, item.seq)
        inside = [seq for seq in passing if first <= seq <= last]
        told.extend(inside)
        if isinstance(item, Gap):
            assert item.reason == GapReason.GAP_REASON_SHED
            assert {kind_of(log[seq - 1]) for seq in inside} == set(item.kinds) <= set(LOW.values())
        else:
            assert item.output.data == b"".join(log[seq - 1].output.data for seq in inside)
    assert told == [seq for seq in passing if seq <= paced_.lane.seq]


def check_rate(paced_: Paced, rate: int, burst: float) -> None:
    """Between any two events: a burst, as much again for what is urgent, and the rate."""
    times = [time for time, _ in paced_.events]
    for start in range(len(times)):
        for end in range(start, len(times)):
            assert end - start + 1 <= math.ceil(2 * burst + rate * (times[end] - times[start]) + 1e-3)


def kind_of(event: Event) -> int:
    return record.KINDS[event.WhichOneof("payload") or ""]


def part_of(log: SessionLog, event: Event) -> bytes:
    block = log.block_with(event.seq)
    assert block is not None
    place = (event.seq - block.first_seq) * record.INDEX.size
    return block.index[place : place + record.INDEX.size][record.FILTER_PART]
