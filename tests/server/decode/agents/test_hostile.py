"""Recordings that were tampered with: whatever stands in a line, no decoder raises, loses a line or leaves something open."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sightline.v1.event_pb2 import Event, Outcome
from sightline_server.decode.agents.choose import STREAMS
from sightline_server.decode.agents.decoder import End
from support.recordings import Recording, recordings

WRONG_HERE = "what is wrong stands here"
SMALL = 40_000  # bytes of a recording that is tampered with
WRONG: list[Any] = [
    None,
    True,
    -1,
    10**30,
    0.5,
    "",
    "x",
    "\ud800",
    "\u2028\0",
    [],
    [[]],
    {},
    {"type": []},
    [{"type": "text"}],
    [None],
]

ALL = [one for one in recordings() if one.decoder and len(one.data) <= SMALL and one.data]
FAMILIES = sorted({(one.kind, one.agent) for one in ALL})


def tampered(value: Any, draw: st.DrawFn) -> Any:
    """The same value with something wrong at a random place in it."""
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(value)))
        if not draw(st.integers(0, 4)):
            return {name: one for name, one in value.items() if name != key}
        return {**value, key: tampered(value[key], draw)}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], tampered(value[place], draw), *value[place + 1 :]]
    return draw(st.sampled_from(WRONG))


@st.composite
def hostile_lines(draw: st.DrawFn, kind: str, agent: str) -> tuple[Recording, list[bytes]]:
    """A recording's lines: some changed, some cut, doubled, missing or in another order."""
    one = draw(st.sampled_from([one for one in ALL if (one.kind, one.agent) == (kind, agent)]))
    lines = [line for line in one.data.split(b"\n") if line.strip()]
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(lines) - 1))
        line = lines[place]
        match draw(st.integers(0, 6)):
            case 0 | 1 | 2 if line.startswith(b"{") and line.endswith(b"}"):
                try:
                    lines[place] = json.dumps(tampered(json.loads(line), draw)).encode()
                except ValueError:
                    lines[place] = line + line
            case 3:
                cut = draw(st.integers(0, len(line)))
                lines[place] = line[:cut] + draw(st.binary(max_size=4)).replace(b"\n", b"") + line[cut + 1 :]
            case 4:
                lines.insert(draw(st.integers(0, len(lines))), line)
            case 5 if len(lines) > 1:
                del lines[place]
            case _:
                other = draw(st.integers(0, len(lines) - 1))
                lines[place], lines[other] = lines[other], line
    return one, lines


@pytest.mark.parametrize(("kind", "agent"), FAMILIES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_a_line_that_was_tampered_with_is_told_and_leaves_nothing_open(kind: str, agent: str, data: st.DataObject) -> None:
    one, lines = data.draw(hostile_lines(kind, agent))
    assert one.decoder is not None
    decoder = one.decoder()
    events: list[Event] = []
    for line in lines:
        told = decoder.feed(line + b"\n")
        assert told or not line.strip(), line
        events += told
    last = decoder.close(one.end())
    assert [event.HasField("completed") for event in last] == [*([False] * (len(last) - 1)), True]
    events += last
    assert all(Event.FromString(event.SerializeToString()) == event for event in events)
    started = [event.turn_id for event in events if event.HasField("turn_started")]
    assert sorted(started) == sorted(event.turn_id for event in events if event.HasField("turn_finished"))
    calls = {event.tool_call.tool_call_id for event in events if event.HasField("tool_call")}
    assert calls <= {event.tool_result.tool_call_id for event in events if event.HasField("tool_result")}
    asked = {event.request.request_id for event in events if event.HasField("request")}
    assert asked == {event.request_resolved.request_id for event in events if event.HasField("request_resolved")}


@pytest.mark.parametrize("wrong", [True, 0, 0.5, [1], {"a": 1}], ids=str)
@pytest.mark.parametrize(
    ("family", "line"),
    [
        ("codex", {"type": "error", "message": WRONG_HERE}),
        ("codex", {"type": "turn.failed", "error": {"message": WRONG_HERE}}),
        ("codex", {"id": "0", "msg": {"type": "error", "message": WRONG_HERE}}),
        ("gemini", {"type": "error", "severity": "error", "message": WRONG_HERE}),
        ("opencode", {"type": "step_finish", "sessionID": "s", "part": {"reason": WRONG_HERE}}),
        ("goose", {"type": "error", "error": WRONG_HERE}),
    ],
)
def test_a_reason_that_is_no_text_does_not_spoil_the_end(family: str, line: dict[str, Any], wrong: object) -> None:
    decoder = STREAMS[family]()
    assert decoder.feed(json.dumps(line).replace(json.dumps(WRONG_HERE), json.dumps(wrong)).encode() + b"\n")
    assert decoder.close(End(exit_code=1))[-1].completed.outcome == Outcome.OUTCOME_FAILED
