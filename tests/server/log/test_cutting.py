"""An event that is too large, made to fit."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from sightline.v1.event_pb2 import Completed, Event, Message, Plan, PlanEntry, Progress, Thinking, ToolCall, ToolResult
from sightline_server.log.cutting import fitting
from sightline_server.log.record import MAX_EVENT

LIMIT = 10_000


def test_the_longest_text_is_cut_and_what_is_missing_is_counted() -> None:
    event = Event(seq=3, source="codex", tool_result=ToolResult(tool_call_id="t1", content="x" * 16 * MAX_EVENT, exit_code=3))
    short = fitting(event, MAX_EVENT)
    assert short.ByteSize() <= MAX_EVENT
    assert short.ByteSize() > MAX_EVENT - 100
    assert (short.seq, short.source, short.tool_result.tool_call_id, short.tool_result.exit_code) == (3, "codex", "t1", 3)
    assert len(short.tool_result.content) + short.truncated_bytes == 16 * MAX_EVENT
    assert len(event.tool_result.content) == 16 * MAX_EVENT


def test_the_agents_own_line_goes_before_what_it_says() -> None:
    event = Event(raw=b"r" * 30_000, message=Message(text="m" * 8000))
    short = fitting(event, LIMIT)
    assert len(short.message.text) == 8000
    assert short.truncated_bytes == 30_000 - len(short.raw)


def test_no_character_is_cut_in_two() -> None:
    for before in range(4):
        short = fitting(Event(thinking=Thinking(text="a" * before + "☃🚀é" * 9000)), LIMIT)
        assert ("a" * before + "☃🚀é" * 9000).startswith(short.thinking.text)
        assert short.ByteSize() > LIMIT - 100


def test_many_small_entries_lose_the_last_ones() -> None:
    short = fitting(Event(plan=Plan(entries=[PlanEntry(content=f"step {n}") for n in range(5000)])), LIMIT)
    assert 100 < len(short.plan.entries) < 5000
    assert short.plan.entries[0].content == "step 0"
    assert short.ByteSize() <= LIMIT


def test_maps_can_be_too_large_too() -> None:
    for event in (
        Event(progress=Progress(counts={f"count {n}": n for n in range(5000)})),
        Event(completed=Completed(labels={str(n): "x" * 50 for n in range(5000)})),
    ):
        short = fitting(event, LIMIT)
        assert short.WhichOneof("payload") == event.WhichOneof("payload")
        assert short.ByteSize() <= LIMIT
        assert short.truncated_bytes > 0


TEXTS = st.text(max_size=3000) | st.integers(0, 40_000).map(lambda size: "é" * size)


@settings(max_examples=60)
@given(texts=st.lists(TEXTS, min_size=4, max_size=4), raw=st.binary(max_size=20_000), paths=st.lists(TEXTS, max_size=6))
def test_whatever_an_event_says_it_fits(texts: list[str], raw: bytes, paths: list[str]) -> None:
    call = ToolCall(tool_call_id=texts[0], title=texts[1], input_json=texts[2].encode())
    for path in paths:
        call.locations.add(path=path)
    event = Event(turn_id=texts[3], raw=raw, tool_call=call)
    before = event.SerializeToString()
    short = fitting(event, LIMIT)
    assert short.ByteSize() <= LIMIT
    assert event.SerializeToString() == before
    assert Event.FromString(short.SerializeToString()) == short
