"""Recordings of the real programs: the exact events, however they come in, and the outcome that is true."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.recordings import DATA, Recording, as_lines, outcome_of, recordings

SMALL = 12_000  # bytes: fed byte by byte

ALL = recordings()
each = pytest.mark.parametrize("one", [one for one in ALL if one.decoder], ids=lambda one: one.name)


def test_every_recording_is_in_the_table_and_has_its_reader_and_its_events() -> None:
    files = {str(path.relative_to(DATA)).removesuffix(".jsonl") for path in DATA.glob("*/*.jsonl")}
    recorded = {name for name in files if not name.endswith((".events", ".stdin"))}
    assert {one.name for one in ALL} == recorded
    assert [one.name for one in ALL if one.decoder is None or not one.golden.exists()] == []


@each
def test_a_recording_gives_exactly_these_events(one: Recording) -> None:
    assert as_lines(one.events()) == one.golden.read_text()


@each
def test_a_recording_fed_by_line_or_by_byte_gives_the_same_events(one: Recording) -> None:
    data, expected = one.data, one.events()
    lines = [place + 1 for place, byte in enumerate(data) if byte == 0x0A]
    assert one.events(lines) == expected
    if len(data) <= SMALL:
        decoder = one.decoder
        assert decoder is not None
        reading = decoder()
        events = [event for byte in data for event in reading.feed(bytes([byte]))]
        assert [*events, *reading.close(one.end())] == expected


@each
@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_a_recording_cut_anywhere_gives_the_same_events(one: Recording, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(one.data)), max_size=6))
    assert one.events(cuts) == one.events()


@each
def test_its_outcome_is_the_truth(one: Recording) -> None:
    assert outcome_of(one.events()) == one.outcome
    if one.sent:
        assert outcome_of(one.events(asked=True)) == one.if_asked


@each
def test_every_line_is_told_once_and_every_turn_and_call_has_its_end(one: Recording) -> None:
    events = one.events(keep_raw=True)
    assert [event.HasField("completed") for event in events].count(True) == 1
    assert events[-1].HasField("completed")
    started = [event.turn_id for event in events if event.HasField("turn_started")]
    assert started == [event.turn_id for event in events if event.HasField("turn_finished")]
    calls = [(event.turn_id, event.tool_call.tool_call_id) for event in events if event.HasField("tool_call")]
    assert len(calls) == len(set(calls))
    assert set(calls) <= {(event.turn_id, event.tool_result.tool_call_id) for event in events if event.HasField("tool_result")}
    asked = [event.request.request_id for event in events if event.HasField("request")]
    assert asked == [event.request_resolved.request_id for event in events if event.HasField("request_resolved")]


@each
def test_no_line_of_a_recording_is_left_out(one: Recording) -> None:
    assert one.decoder is not None
    decoder = one.decoder()
    for line in one.data.split(b"\n")[:-1]:
        assert decoder.feed(line + b"\n") or not line.strip(), line
