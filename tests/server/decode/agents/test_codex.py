"""Codex: what the recordings do not show."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sightline.v1.event_pb2 import Event, Outcome, Role, ToolKind, ToolStatus
from sightline_server.decode.agents.codex import Codex
from sightline_server.decode.agents.codex_rollout import CodexRollout
from sightline_server.decode.agents.decoder import Decoder, End


def events_of(decoder: Decoder, *lines: dict[str, Any], end: End | None = None) -> list[Event]:
    events = decoder.feed(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    return events if end is None else [*events, *decoder.close(end)]


def of(events: list[Event], kind: str) -> list[Any]:
    return [getattr(event, kind) for event in events if event.WhichOneof("payload") == kind]


def completed(counts: int) -> dict[str, Any]:
    return {"type": "turn.completed", "usage": {"input_tokens": counts, "cached_input_tokens": 0, "output_tokens": counts // 10}}


def item(step: str, item_id: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"item.{step}", "item": {"id": item_id, "type": kind, **fields}}


START: list[dict[str, Any]] = [{"type": "thread.started", "thread_id": "t"}, {"type": "turn.started"}]


def test_the_running_total_of_a_thread_is_told_per_turn() -> None:
    events = events_of(Codex(), *START, completed(4100), *START, completed(5110), end=End(exit_code=0))
    assert [used.input_tokens for used in of(events, "usage")] == [4100, 1010]
    assert events[-1].completed.usage.output_tokens == 511


def test_another_thread_counts_from_nothing() -> None:
    other = {"type": "thread.started", "thread_id": "u"}
    events = events_of(Codex(), *START, completed(4100), other, START[1], completed(1000))
    assert [used.input_tokens for used in of(events, "usage")] == [4100, 1000]


def test_the_first_turn_of_a_resumed_thread_has_no_usage_because_none_is_known() -> None:
    decoder = Codex()
    decoder.told(["codex", "exec", "--json", "resume", "--last", "go on"])
    events = events_of(decoder, *START, completed(5110), START[1], completed(6000))
    finished = of(events, "turn_finished")
    assert not finished[0].HasField("usage")
    assert finished[1].usage.input_tokens == 890
    assert [told.code for told in of(events, "notice")] == ["usage_of_thread"]


def test_items_of_a_second_run_are_other_items() -> None:
    run = [
        *START,
        item("started", "item_1", "command_execution", command="ls", status="in_progress"),
        item("completed", "item_1", "command_execution", command="ls", aggregated_output="a", exit_code=0, status="completed"),
        completed(10),
    ]
    events = events_of(Codex(), *run, *run)
    assert [call.tool_call_id for call in of(events, "tool_call")] == ["item_1", "item_1@2"]
    assert [result.content for result in of(events, "tool_result")] == ["a", "a"]


def test_a_command_that_completes_behind_its_turn_belongs_to_that_turn() -> None:
    command = {"command": "sleep 45", "aggregated_output": "done\n", "exit_code": None, "status": "completed"}
    events = events_of(
        Codex(),
        *START,
        item("started", "item_1", "command_execution", **{**command, "status": "in_progress"}),
        completed(10),
        START[1],
        item("completed", "item_1", "command_execution", **command),
    )
    unknown, late = [event for event in events if event.HasField("tool_result")]
    assert unknown.tool_result.status == ToolStatus.TOOL_STATUS_UNKNOWN
    assert (late.tool_result.status, late.turn_id) == (ToolStatus.TOOL_STATUS_COMPLETED, "1")


@pytest.mark.parametrize(("status", "exit_code"), [("failed", 3), ("completed", 1), ("declined", None)])
def test_a_command_has_failed_by_its_code_or_by_its_status(status: str, exit_code: int | None) -> None:
    line = item("completed", "i", "command_execution", command="x", aggregated_output="", exit_code=exit_code, status=status)
    (result,) = of(events_of(Codex(), *START, line), "tool_result")
    assert result.status == ToolStatus.TOOL_STATUS_FAILED


def test_mcp_calls_searches_and_agents_are_tool_calls() -> None:
    given = {"n": 12345678901234567890123}
    mcp = {"server": "files", "tool": "find", "arguments": given, "status": "in_progress", "result": None, "error": None}
    failed = {**mcp, "status": "failed", "error": {"message": "no such server"}}
    answered = {**mcp, "status": "completed", "result": {"content": [{"type": "text", "text": "two"}], "structured_content": None}}
    spawned = {"tool": "spawn_agent", "prompt": "look", "sender_thread_id": "t", "receiver_thread_ids": ["u"], "agents_states": {}}
    events = events_of(
        Codex(),
        *START,
        item("started", "i1", "mcp_tool_call", **mcp),
        item("completed", "i1", "mcp_tool_call", **answered),
        item("completed", "i2", "mcp_tool_call", **failed),
        item("started", "i3", "web_search", query="", action={"type": "other"}),
        item("completed", "i3", "web_search", query="sightline", action={"type": "search", "query": "sightline"}),
        item("started", "i4", "collab_tool_call", status="in_progress", **spawned),
        item("completed", "i4", "collab_tool_call", status="completed", **spawned),
    )
    calls = of(events, "tool_call")
    assert [call.name for call in calls] == ["files.find", "files.find", "web_search", "spawn_agent"]
    assert calls[0].input_json == b'{"n": 12345678901234567890123}'
    assert calls[2].kind == ToolKind.TOOL_KIND_FETCH
    assert calls[2].title == "web_search: sightline"
    results = of(events, "tool_result")
    assert [result.content for result in results] == ["two", "no such server", "", ""]
    assert results[1].status == ToolStatus.TOOL_STATUS_FAILED


def test_calls_that_are_glued_together_keep_their_input() -> None:
    calls = [item("started", f"i{n}", "command_execution", command=f"ls {n}", status="in_progress") for n in range(2)]
    events = Codex().feed(b"".join(json.dumps(call).encode() for call in calls) + b"\n")
    assert [json.loads(call.input_json) for call in of(events, "tool_call")] == [{"command": "ls 0"}, {"command": "ls 1"}]


def test_an_error_without_the_turns_end_says_why_it_failed() -> None:
    events = events_of(Codex(), *START, {"type": "error", "message": "stream disconnected"}, end=End(exit_code=1))
    assert (events[-1].completed.outcome, events[-1].completed.error) == (Outcome.OUTCOME_FAILED, "stream disconnected")


def test_an_older_run_that_was_interrupted_after_its_last_tool_is_no_success() -> None:
    begin: list[dict[str, Any]] = [{"prompt": "go"}, {"id": "0", "msg": {"type": "agent_message", "message": "one moment"}}]
    call = {"type": "exec_command_begin", "call_id": "c", "command": ["ls"], "cwd": "/"}
    over = {"type": "exec_command_end", "call_id": "c", "stdout": "a", "stderr": "b", "exit_code": 1}
    lines = [*begin, {"id": "0", "msg": call}, {"id": "0", "msg": over}]
    events = events_of(Codex(), *lines, end=End(exit_code=0))
    (result,) = of(events, "tool_result")
    assert (result.status, result.content, result.exit_code) == (ToolStatus.TOOL_STATUS_FAILED, "ab", 1)
    assert events[-1].completed.outcome == Outcome.OUTCOME_FAILED
    word = {"id": "0", "msg": {"type": "agent_message", "message": "done"}}
    assert events_of(Codex(), *lines, word, end=End(exit_code=0))[-1].completed.outcome == Outcome.OUTCOME_SUCCEEDED


def test_pieces_of_an_older_message_are_told_once() -> None:
    pieces = [{"id": "0", "msg": {"type": "agent_message_delta", "delta": piece}} for piece in ("Hel", "lo")]
    whole = {"id": "0", "msg": {"type": "agent_message", "message": "Hello"}}
    for lines in ([*pieces, whole], pieces):
        events = events_of(Codex(), {"prompt": "hi"}, *lines, end=End(exit_code=0))
        assert [said.text for said in of(events, "message")] == ["Hello"]


def test_an_older_turn_that_was_aborted_was_interrupted() -> None:
    aborted = {"id": "0", "msg": {"type": "turn_aborted", "reason": "interrupted"}}
    events = events_of(Codex(), {"prompt": "hi"}, aborted, end=End(exit_code=0))
    assert events[-1].completed.outcome == Outcome.OUTCOME_INTERRUPTED


# --- rollouts


def line(kind: str, **payload: Any) -> dict[str, Any]:
    return {"timestamp": "2026-11-21T01:47:17.941Z", "type": kind, "payload": payload}


def said(text: str) -> dict[str, Any]:
    return line("response_item", type="message", role="assistant", content=[{"type": "output_text", "text": text}])


def test_a_turn_without_marks_is_over_when_the_next_prompt_finds_its_last_word() -> None:
    events = events_of(
        CodexRollout(),
        line("event_msg", type="user_message", message="one"),
        said("first"),
        line("event_msg", type="user_message", message="two"),
        line("response_item", type="function_call", name="shell", arguments='{"command": ["ls"]}', call_id="c"),
        line("event_msg", type="user_message", message="hurry"),
        line("response_item", type="function_call_output", call_id="c", output="aborted by user after 1s"),
        end=End(observed=False),
    )
    assert [turn.prompt for turn in of(events, "turn_started")] == ["one", "two"]
    assert [turn.outcome for turn in of(events, "turn_finished")] == [Outcome.OUTCOME_SUCCEEDED, Outcome.OUTCOME_LOST]
    assert [(one.role, one.text) for one in of(events, "message")] == [
        (Role.ROLE_ASSISTANT, "first"),
        (Role.ROLE_USER, "hurry"),
    ]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("Chunk ID: 1\nWall time: 1.5 seconds\nProcess exited with code 2\nOutput:\nFAIL", ("FAIL", 2, True)),
        ("Chunk ID: 1\nWall time: 1.5 seconds\nProcess running with session ID 7\nOutput:\nbuilding", ("building", None, False)),
        ("Exit code: 0\nWall time: 0.2 seconds\nTotal output lines: 3\nOutput:\nok\n", ("ok\n", 0, False)),
        ('{"output":"x","metadata":{"exit_code":1,"duration_seconds":0.0}}', ("x", 1, True)),
        ("unsupported call: later_tool", ("unsupported call: later_tool", None, True)),
        ("Wall time: 3.8 seconds\naborted by user", ("Wall time: 3.8 seconds\naborted by user", None, True)),
        ([{"type": "input_text", "text": "seen"}], ("seen", None, False)),
        ({"content": "denied", "success": False}, ("denied", None, True)),
    ],
)
def test_an_exit_code_is_read_from_what_the_tool_answered(output: object, expected: tuple[str, int | None, bool]) -> None:
    answer = line("response_item", type="function_call_output", call_id="c", output=output)
    (result,) = of(events_of(CodexRollout(), answer), "tool_result")
    code = result.exit_code if result.HasField("exit_code") else None
    assert (result.content, code, result.status == ToolStatus.TOOL_STATUS_FAILED) == expected


def test_a_plan_that_was_refused_is_none() -> None:
    plan = {"plan": [{"step": "look", "status": "in_progress"}]}
    call = line("response_item", type="function_call", name="update_plan", arguments=json.dumps(plan), call_id="c")
    for output, told in (("Plan updated", 1), ("unsupported call: update_plan", 0)):
        answer = line("response_item", type="function_call_output", call_id="c", output=output)
        assert len(of(events_of(CodexRollout(), call, answer), "plan")) == told


def test_instructions_are_passed_on_nowhere() -> None:
    secret = "you are a helpful agent"
    events = events_of(
        CodexRollout(keep_raw=True),
        line("session_meta", id="t", cwd="/", cli_version="1", base_instructions={"text": secret}),
        line("turn_context", model="m", user_instructions=secret),
        line("response_item", type="message", role="developer", content=[{"type": "input_text", "text": secret}]),
        line("world_state", state={"skills": secret}),
    )
    assert len(events) == 4
    assert not any(secret.encode() in event.SerializeToString() for event in events)


def test_a_patch_names_its_files() -> None:
    patch = "*** Begin Patch\n*** Update File: a/b.py\n*** Move to: a/c.py\n@@\n-x\n+y\n*** Delete File: d.py\n*** End Patch"
    custom = line("response_item", type="custom_tool_call", name="apply_patch", input=patch, call_id="c")
    (call,) = of(events_of(CodexRollout(), custom), "tool_call")
    assert [place.path for place in call.locations] == ["a/b.py", "a/c.py", "d.py"]
    assert call.kind == ToolKind.TOOL_KIND_EDIT
    assert json.loads(call.input_json) == patch
