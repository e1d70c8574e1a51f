"""cursor-agent and goose: text that is said twice, and what a tool's answer means."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sightline.v1.event_pb2 import Event, Outcome, PlanStatus, ToolStatus
from sightline_server.decode.agents import choose
from sightline_server.decode.agents.cursor import Cursor
from sightline_server.decode.agents.decoder import Decoder
from sightline_server.decode.agents.goose import Goose


def events_of(decoder: Decoder, *lines: dict[str, Any]) -> list[Event]:
    return [*decoder.feed(b"".join(json.dumps(line).encode() + b"\n" for line in lines)), *decoder.close()]


def said(events: list[Event]) -> list[str]:
    return [event.message.text for event in events if event.HasField("message")]


def assistant(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "assistant", "message": {"role": "assistant", "content": [{"type": "text", "text": text}]}, **more}


def test_what_cursor_says_in_pieces_is_not_said_again_whole() -> None:
    pieces = [assistant("a", timestamp_ms=1), assistant("b", timestamp_ms=2)]
    for repeat in ([], [assistant("ab", timestamp_ms=3, model_call_id="m")], [assistant("ab")]):
        assert said(events_of(Cursor(), *pieces, *repeat)) == ["a", "b"]


def test_what_cursor_says_only_whole_is_said() -> None:
    assert said(events_of(Cursor(), assistant("ok"), assistant("ok"))) == ["ok", "ok"]
    assert said(events_of(Cursor(), assistant("a", timestamp_ms=1), assistant("other"))) == ["a", "other"]


@pytest.mark.parametrize(
    ("result", "status"),
    [
        ({"success": {"exitCode": 0, "stdout": "x"}}, ToolStatus.TOOL_STATUS_COMPLETED),
        ({"success": {"exitCode": 2, "stderr": "x"}}, ToolStatus.TOOL_STATUS_FAILED),
        ({"rejected": {"reason": "x"}}, ToolStatus.TOOL_STATUS_FAILED),
        ({"error": {"errorMessage": "x"}}, ToolStatus.TOOL_STATUS_FAILED),
    ],
)
def test_a_call_of_cursors_has_failed_by_its_code_or_by_what_became_of_it(
    result: dict[str, Any], status: ToolStatus.ValueType
) -> None:
    tool = {"shellToolCall": {"args": {"command": "x"}, "result": result}}
    events = events_of(Cursor(), {"type": "tool_call", "subtype": "completed", "call_id": "a\nb", "tool_call": tool})
    (call,) = [event.tool_call for event in events if event.HasField("tool_call")]
    (answer,) = [event.tool_result for event in events if event.HasField("tool_result")]
    assert call.tool_call_id == answer.tool_call_id == "a\nb"
    assert (answer.status, answer.content) == (status, "x")


def test_cursors_todos_are_a_plan_and_a_change_is_merged_into_it() -> None:
    def update(call_id: str, merge: bool, *todos: dict[str, str]) -> dict[str, Any]:
        tool = {"updateTodosToolCall": {"args": {"merge": merge, "todos": todos}, "result": {"success": {}}}}
        return {"type": "tool_call", "subtype": "completed", "call_id": call_id, "tool_call": tool}

    first = update("1", False, *({"id": name, "content": name, "status": "TODO_STATUS_PENDING"} for name in "ab"))
    events = events_of(Cursor(), first, update("2", True, {"id": "a", "content": "a", "status": "TODO_STATUS_COMPLETED"}))
    plan = [event.plan for event in events if event.HasField("plan")][-1]
    assert [(entry.content, entry.status) for entry in plan.entries] == [
        ("a", PlanStatus.PLAN_STATUS_COMPLETED),
        ("b", PlanStatus.PLAN_STATUS_PENDING),
    ]


def test_a_failure_of_cursors_is_its_own_word() -> None:
    events = events_of(Cursor(), {"type": "result", "subtype": "error", "is_error": True, "result": "no credit"})
    assert (events[-1].completed.outcome, events[-1].completed.error) == (Outcome.OUTCOME_FAILED, "no credit")


def test_goose_completes_after_a_failure_too() -> None:
    text = {"type": "message", "message": {"role": "assistant", "content": [{"type": "text", "text": "hm"}]}}
    over = {"type": "complete", "total_tokens": 1}
    for error, outcome in (("no credit", Outcome.OUTCOME_FAILED), ("rate limited, retrying", Outcome.OUTCOME_SUCCEEDED)):
        events = events_of(Goose(), text, {"type": "error", "error": error}, over)
        assert events[-1].completed.outcome == outcome
    events = events_of(Goose(), {"type": "error", "error": "hiccup"}, text, over)
    assert events[-1].completed.outcome == Outcome.OUTCOME_SUCCEEDED


def test_goose_is_marked_as_best_effort() -> None:
    assert choose.STREAMS["goose"].best_effort


def test_their_streams_are_known_by_their_first_lines() -> None:
    cursor = {"type": "system", "subtype": "init", "apiKeySource": "login", "session_id": "s", "permissionMode": "default"}
    goose = {"type": "message", "message": {"role": "assistant", "content": []}}
    assert choose.sniff(json.dumps(cursor).encode()) == "cursor"
    assert choose.sniff(json.dumps(goose).encode()) == "goose"
    assert choose.family_of(["/usr/local/bin/cursor-agent", "-p"]) == "cursor"
