"""What Claude Code's hooks tell, where a recording does not show it."""

from __future__ import annotations

import json
from typing import Any

from sightline.v1.event_pb2 import Event, Outcome, RequestKind
from sightline_server.decode.agents.claude_hooks import ClaudeHooks


def told(*payloads: dict[str, Any]) -> list[Event]:
    """The events of these payloads of one session."""
    decoder = ClaudeHooks()
    common = {"session_id": "s", "transcript_path": "/t.jsonl", "prompt_id": "p1"}
    return [event for one in payloads for event in decoder.feed(json.dumps({**common, **one}).encode() + b"\n")]


def hook(name: str, **more: Any) -> dict[str, Any]:
    return {"hook_event_name": name, **more}


BEFORE = hook("PreToolUse", tool_name="Bash", tool_input={"command": "ls"}, tool_use_id="t1")
AFTER = hook("PostToolUse", tool_name="Bash", tool_response={"stdout": "a", "stderr": "b", "interrupted": False}, tool_use_id="t1")


def test_a_permission_is_asked_by_its_hook_and_resolved_by_the_call_that_it_was_about() -> None:
    asked = hook("PermissionRequest", tool_name="Bash", tool_input={"command": "ls"})
    notified = hook("Notification", notification_type="permission_prompt", message="Claude needs your permission to use Bash")
    events = told(hook("UserPromptSubmit", prompt="go"), BEFORE, asked, notified, AFTER)
    (request,) = [event.request for event in events if event.HasField("request")]
    assert (request.kind, request.text, request.tool_call_id) == (RequestKind.REQUEST_KIND_PERMISSION, "Bash: ls", "t1")
    (resolved,) = [event.request_resolved for event in events if event.HasField("request_resolved")]
    assert (resolved.request_id, resolved.option_id) == (request.request_id, "allow")


def test_before_there_was_a_hook_for_it_the_notification_is_the_request() -> None:
    events = told(BEFORE, hook("Notification", message="Claude needs your permission to use Bash"))
    assert [event.request.tool_call_id for event in events if event.HasField("request")] == ["t1"]
    idle = told(BEFORE, AFTER, hook("Notification", message="Claude is waiting for your input", notification_type="idle_prompt"))
    assert not any(event.HasField("request") for event in idle)
    assert idle[-1].notice.code == "idle_prompt"


def test_results_are_told_also_where_the_beginning_of_the_call_was_not_seen() -> None:
    events = told(AFTER)
    (result,) = [event.tool_result for event in events if event.HasField("tool_result")]
    assert (result.content, result.exit_code) == ("a\nb", 0)
    assert [event.turn_id for event in events] == ["p1", "p1"]


def test_a_turn_that_a_person_interrupted_has_no_end_of_its_own() -> None:
    events = told(
        hook("UserPromptSubmit", prompt="one"), hook("UserPromptSubmit", prompt="two", prompt_id="p2"), hook("Stop", prompt_id="p2")
    )
    finished = [(event.turn_id, event.turn_finished.outcome) for event in events if event.HasField("turn_finished")]
    assert finished == [("p1", Outcome.OUTCOME_LOST), ("p2", Outcome.OUTCOME_SUCCEEDED)]


def test_a_subagent_that_goes_on_behind_its_turn_begins_no_other() -> None:
    child = {"agent_id": "a1", "agent_type": "general"}
    agent = hook("PostToolUse", tool_name="Agent", tool_use_id="t0", tool_response={"agentId": "a1", "content": "launched"})
    events = told(hook("UserPromptSubmit", prompt="go"), agent, hook("Stop"), {**BEFORE, **child}, {**AFTER, **child})
    assert [event.turn_id for event in events if event.HasField("turn_started")] == ["p1"]
    assert {event.parent_tool_call_id for event in events[-2:]} == {"t0"}
    assert {event.turn_id for event in events[-2:]} == {"p1"}


def test_a_failure_of_the_service_is_an_error_and_any_other_hook_a_notice() -> None:
    events = told(
        hook("UserPromptSubmit", prompt="go"),
        hook("StopFailure", error="rate_limit", error_details="429"),
        hook("PreCompact", trigger="auto"),
    )
    assert [event.error.code for event in events if event.HasField("error")] == ["RATE_LIMIT"]
    assert (events[-1].notice.code, events[-1].notice.text) == ("pre_compact", "auto")
    assert events[-2].turn_finished.outcome == Outcome.OUTCOME_FAILED
