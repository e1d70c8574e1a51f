"""JSON lines: nothing of an event is lost, and a file that was torn or mixed up is told."""

from __future__ import annotations

import pytest
from clients.cli.recordings.logs import BEGAN, cut, cuts, logs, output, resized, started, write
from google.protobuf.json_format import MessageToJson
from hypothesis import given
from hypothesis import strategies as st
from sightline.v1 import event_pb2 as e
from sightline_cli.recordings import jsonl
from sightline_cli.recordings.recording import BadRecording


def numbered(events: list[e.Event]) -> list[e.Event]:
    for seq, event in enumerate(events, 1):
        event.session_id, event.seq = "0123", seq
    return events


def with_source_time(event: e.Event) -> e.Event:
    made = e.Event()
    made.CopyFrom(event)
    if not made.HasField("source_time"):
        made.source_time.CopyFrom(made.time)
    return made


everything = [
    e.Event(source="claude", turn_id="t", parent_tool_call_id="p", raw=b"\xff{", message=e.Message(text="é\u2028\0", delta=True)),
    e.Event(source="claude", tool_call=e.ToolCall(input_json=b'{"a": 1e400}', locations=[e.Location(path="x", line=3)])),
    e.Event(source="step", step_finished=e.StepFinished(step="git", exit_code=-1)),
    e.Event(source="x", usage=e.Usage(input_tokens=2**63, cost=0.1)),
    e.Event(source="stderr", output=e.Output(channel=e.CHANNEL_STDERR, data=bytes(range(256)))),
    e.Event(source="sightline", completed=e.Completed(outcome=e.OUTCOME_FAILED, signal=9, labels={"id": "7"})),
]


@given(logs(st.binary(max_size=50)), cuts)
def test_every_event_comes_back_as_it_was(log: list[e.Event], places: list[int]) -> None:
    log = numbered(log)
    (data,) = write(jsonl.Writer(), log)
    recording = jsonl.read(cut(data, places), BEGAN)
    assert list(recording.events) == [with_source_time(event) for event in log]
    assert recording.problems == []


@pytest.mark.parametrize("event", everything, ids=lambda event: event.WhichOneof("payload"))
def test_every_kind_of_event_comes_back_as_it_was(event: e.Event) -> None:
    event.source_time.FromNanoseconds(BEGAN + 1)
    (data,) = write(jsonl.Writer(), [event])
    assert data.count(b"\n") == 1
    assert list(jsonl.read([data], 0).events) == [event]


def test_a_line_is_the_canonical_json_of_its_event() -> None:
    event = numbered([output(b"\0\xff", BEGAN)])[0]
    (data,) = write(jsonl.Writer(), [event])
    assert data.decode() == MessageToJson(event, indent=None, ensure_ascii=False) + "\n"


def test_what_was_typed_is_left_out_when_asked() -> None:
    log = [started(BEGAN), e.Event(source="sightline", input=e.Input(data=b"x"))]
    (data,) = write(jsonl.Writer(keep_input=False), log)
    assert [event.WhichOneof("payload") for event in jsonl.read([data], 0).events] == ["state_changed"]


def test_the_terminals_first_size_is_in_the_head() -> None:
    (data,) = write(jsonl.Writer(), [started(BEGAN), resized(90, 30, BEGAN), output(b"x", BEGAN)])
    assert (jsonl.read([data], 0).head.columns, jsonl.read([data], 0).head.rows) == (90, 30)
    (data,) = write(jsonl.Writer(), [started(BEGAN), output(b"x", BEGAN, e.CHANNEL_STDOUT), resized(90, 30, BEGAN)])
    assert jsonl.read([data], 0).head.columns == 0
    (data,) = write(jsonl.Writer(), [started(BEGAN), output(b"x", BEGAN)])
    assert (jsonl.read([data], 0).head.columns, jsonl.read([data], 0).head.rows) == (80, 24)


def test_fields_that_are_not_known_here_are_passed_over_and_kinds_are_left_out() -> None:
    recording = jsonl.read([b'{"seq": "1", "output": {"data": "eA=="}, "text": "x"}\n{"seq": "2", "dream": {}}\n'], BEGAN)
    assert [event.output.data for event in recording.events] == [b"x"]
    assert recording.problems == ["1 events of kinds that are not known here were left out"]


def test_everything_before_a_torn_last_line_is_read() -> None:
    (data,) = write(jsonl.Writer(), numbered([output(b"a", BEGAN), output(b"b", BEGAN), output(b"c", BEGAN)]))
    recording = jsonl.read([data[:-20]], BEGAN)
    assert [event.output.data for event in recording.events] == [b"a", b"b"]
    assert recording.problems == ["line 3, the last, is torn: everything before it was read"]


@pytest.mark.parametrize(
    "bad",
    [b"{", b'{"seq": "x"}', b"\xff\xfe", b'{"output":' * 3000, b'{"time": "10000-01-01T00:00:00Z"}'],
)
def test_a_broken_line_in_the_middle_is_an_error_that_names_it(bad: bytes) -> None:
    good = b'{"seq": "1", "resized": {"columns": 1, "rows": 1}}\n'
    with pytest.raises(BadRecording, match="line 2 is no event"):
        list(jsonl.read([good + bad + b"\n" + good], BEGAN).events)


@pytest.mark.parametrize("first", [b"hello\n", b"[1]\n", b"{"])
def test_a_file_that_does_not_begin_with_an_event_is_an_error(first: bytes) -> None:
    with pytest.raises(BadRecording, match="line 1 is no event"):
        jsonl.read([first], BEGAN)


def test_events_of_two_sessions_in_one_file_are_an_error() -> None:
    lines = b'{"sessionId": "a", "output": {"data": "eA=="}}\n{"sessionId": "b", "output": {"data": "eA=="}}\n'
    with pytest.raises(BadRecording, match="line 2 is of another session"):
        list(jsonl.read([lines], BEGAN).events)
