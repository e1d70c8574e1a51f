"""Which tool call is behind a change of a file."""

from __future__ import annotations

import json

import pytest
from sightline.v1.event_pb2 import Event, Location, ToolCall, ToolKind, ToolResult
from sightline_server.sessions.tool_calls import AFTER_NANOSECONDS, CALL_NANOSECONDS, MAX_PATHS, ToolCalls

SECOND = 1_000_000_000


def call(name: str, *paths: str, kind: ToolKind.ValueType = ToolKind.TOOL_KIND_EDIT, **given: object) -> Event:
    made = ToolCall(tool_call_id=name, kind=kind, locations=[Location(path=path) for path in paths])
    made.input_json = json.dumps(given).encode() if given else b""
    return Event(tool_call=made)


def result(name: str) -> Event:
    return Event(tool_result=ToolResult(tool_call_id=name))


@pytest.mark.parametrize(
    "event",
    [
        call("c", "/here/src/a.py"),
        call("c", "src/../src/a.py"),
        call("c", file_path="/here/src/a.py"),
        call("c", filePath="src/a.py"),
        call("c", edits=[{"path": "src/a.py", "new": "x"}]),
        call("c", files=["b.py", "src/a.py"]),
        call("c", anything="/here/src/a.py"),
        call("c", input="*** Begin Patch\n*** Update File: src/a.py\n@@\n-a\n+b\n*** End Patch"),
        call("c", input="*** Begin Patch\n*** Update File: x.py\n*** Move to: src/a.py\n*** End Patch"),
    ],
)
def test_a_call_that_names_the_file_is_behind_its_change(event: Event) -> None:
    calls = ToolCalls("/here")
    calls.note(event, SECOND)
    assert calls.behind("/here/src/a.py", 2 * SECOND) == "c"
    assert calls.behind("/here/src/other.py", 2 * SECOND) == ""


def test_the_latest_call_that_names_it_wins_and_readers_change_nothing() -> None:
    calls = ToolCalls("/here")
    calls.note(call("first", "a"), SECOND)
    calls.note(call("second", "a"), 2 * SECOND)
    calls.note(call("reader", "a", kind=ToolKind.TOOL_KIND_READ), 3 * SECOND)
    assert calls.behind("/here/a", 4 * SECOND) == "second"


def test_a_call_is_behind_changes_until_shortly_after_its_result() -> None:
    calls = ToolCalls("/here")
    calls.note(call("c", "a"), 0)
    assert calls.behind("/here/a", 100 * SECOND) == "c"
    calls.note(result("another"), 100 * SECOND)
    calls.note(result("c"), 101 * SECOND)
    assert calls.behind("/here/a", 101 * SECOND + AFTER_NANOSECONDS) == "c"
    assert calls.behind("/here/a", 101 * SECOND + AFTER_NANOSECONDS + 1) == ""


def test_a_call_without_a_result_is_forgotten_in_the_end_and_so_are_the_oldest_of_many() -> None:
    calls = ToolCalls("/here")
    calls.note(call("c", "a"), 0)
    assert calls.behind("/here/a", CALL_NANOSECONDS + 1) == ""
    for number in range(MAX_PATHS):
        calls.note(call("many", f"f{number}"), 0)
    assert calls.behind("/here/a", 0) == ""
    assert calls.behind("/here/f0", 0) == "many"


def test_an_input_that_is_no_json_names_nothing() -> None:
    calls = ToolCalls("/here")
    event = call("c")
    event.tool_call.input_json = b'{"path": "/here/a"'
    calls.note(event, 0)
    event.tool_call.input_json = b"[" * 100_000
    calls.note(event, 0)
    assert calls.behind("/here/a", 0) == ""
