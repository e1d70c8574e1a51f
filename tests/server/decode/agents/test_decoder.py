"""What all decoders have in common, shown on the plainest of them."""

from __future__ import annotations

import itertools
import pickle

from hypothesis import given
from hypothesis import strategies as st
from sightline.v1.event_pb2 import Event, Outcome, ToolStatus
from sightline_server.decode.agents.blocks import Blocks
from sightline_server.decode.agents.decoder import NO_RESULT, End
from sightline_server.decode.agents.json_lines import MAX_LINE, objects, span

TALK = (
    b'{"type":"text","text":"I look\\u2028around"}\n'
    b'{"type":"tool_use","id":"t1","name":"Bash","input":{"command":"ls -l","n":12345678901234567890123}}\r\n'
    b"npm notice: something new\n\n"
    b'{"type":"later_kind","x":1}\n'
    b'{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"is_error":true}'
    b'{"type":"text","text":"glued"}\n'
    b'{"type":"text"}\n'
    b'{"type":"tool_use","id":"t2","name":"Read","input":{"file_path":"/a/b.py","offset":7}}\n'
    b'{"type":"te'
)


def kinds(events: list[Event]) -> list[str | None]:
    return [event.WhichOneof("payload") for event in events]


def test_each_line_yields_events_or_a_notice_that_carries_it() -> None:
    decoder = Blocks()
    events = [*decoder.feed(TALK), *decoder.close(End(exit_code=0))]
    assert kinds(events) == [
        *["turn_started", "message", "tool_call", "notice", "notice", "tool_result", "message", "notice", "tool_call", "notice"],
        *["tool_result", "turn_finished", "completed"],
    ]
    call, result = events[2].tool_call, events[5].tool_result
    assert call.input_json == b'{"command":"ls -l","n":12345678901234567890123}'
    assert call.title == "Bash: ls -l"
    assert (result.status, result.content) == (ToolStatus.TOOL_STATUS_FAILED, "a\nb")
    assert [event.notice.code for event in events if event.HasField("notice")] == [
        "not_json",
        "unknown_line",
        "unknown_line",
        "not_json",
    ]
    assert events[9].raw == b'{"type":"te'
    assert events[8].tool_call.locations[0].path == "/a/b.py"
    assert events[10].tool_result.status == ToolStatus.TOOL_STATUS_UNKNOWN
    assert (events[-1].completed.outcome, events[-1].completed.result_text) == (Outcome.OUTCOME_SUCCEEDED, "glued")


@given(st.lists(st.integers(0, len(TALK)), max_size=20))
def test_chunks_make_no_difference(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(TALK)]
    whole, cut = Blocks(keep_raw=True), Blocks(keep_raw=True)
    expected = [*whole.feed(TALK), *whole.close()]
    events = []
    for start, end in itertools.pairwise(places):
        events += cut.feed(TALK[start:end])
        cut = pickle.loads(pickle.dumps(cut))
    assert [*events, *cut.close()] == expected


def test_what_ended_without_a_word_is_never_called_a_success() -> None:
    ends = {
        End(exit_code=0): Outcome.OUTCOME_FAILED,
        End(exit_code=1): Outcome.OUTCOME_FAILED,
        End(signal=9): Outcome.OUTCOME_FAILED,
        End(observed=False): Outcome.OUTCOME_LOST,
        End(exit_code=0, interrupted=True): Outcome.OUTCOME_INTERRUPTED,
        End(signal=15, terminated=True): Outcome.OUTCOME_CANCELLED,
    }
    for end, outcome in ends.items():
        (completed,) = Blocks().close(end)
        assert completed.completed.outcome == outcome
        assert completed.completed.error_code == (NO_RESULT if outcome in {2, 6} else "")


def test_what_strict_json_refuses_is_read_all_the_same() -> None:
    assert objects(b'{"a":"\\ud800x"}') == [{"a": "?x"}]
    assert objects(b'{"a":"\xff"}') == [{"a": "\ufffd"}]
    assert objects(b'\xef\xbb\xbf{"a":"\x01"}') == [{"a": "\x01"}]
    assert objects(b'{"a":1}{"b":2} {"c":3}') == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert objects(b"[1]") is None
    assert objects(b'{"a":' * 100_000) is None
    assert span(b'{"a":[{"b": 1.10} ]}', "a", 0, "b") == b"1.10"
    assert span(b'{"a":[]}', "a", 0) == b""


def test_a_line_of_16_mib_is_one_line_and_a_longer_one_comes_in_pieces() -> None:
    text = b"x" * (MAX_LINE - 26)
    line = b'{"type":"text","text":"' + text + b'"}\n'
    assert len(line) == MAX_LINE
    (_, message) = Blocks().feed(line)
    assert len(message.message.text) == len(text)
    longer = Blocks().feed(b"y" * (MAX_LINE + 5) + b"\n")
    assert [len(event.raw) for event in longer] == [MAX_LINE, 5]
