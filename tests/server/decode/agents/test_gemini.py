"""Gemini: pieces, retries, ends; and the chats that it and qwen write themselves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sightline.v1.event_pb2 import Event, Outcome, PlanStatus, ToolStatus
from sightline_server.decode.agents.decoder import Decoder, End
from sightline_server.decode.agents.gemini import Gemini
from sightline_server.decode.agents.gemini_chat import GeminiChat
from sightline_server.decode.agents.qwen_chat import QwenChat

OK = End(exit_code=0)


def fed(decoder: Decoder, *objects: dict[str, Any], end: End = OK) -> list[Event]:
    data = b"".join(json.dumps(one).encode() + b"\n" for one in objects)
    return [*decoder.feed(data), *decoder.close(end)]


def piece(text: str, seconds: float) -> dict[str, Any]:
    return {
        "type": "message",
        "timestamp": f"2026-11-21T01:00:{seconds:06.3f}Z",
        "role": "assistant",
        "content": text,
        "delta": True,
    }


def call(call_id: str, name: str = "read_file", **given: object) -> dict[str, Any]:
    return {"type": "tool_use", "tool_name": name, "tool_id": call_id, "parameters": given}


def result(**more: object) -> dict[str, Any]:
    return {"type": "result", "status": "success", "stats": {}} | more


def said(events: list[Event]) -> list[str]:
    """The texts of messages, pieces joined by their ids."""
    texts: dict[str, str] = {}
    for event in events:
        if event.HasField("message"):
            message = event.message
            texts[message.message_id] = texts.get(message.message_id, "") + message.text if message.delta else message.text
    return list(texts.values())


def codes(events: list[Event]) -> list[str]:
    return [event.notice.code for event in events if event.HasField("notice")]


def test_pieces_up_to_a_tool_call_are_one_message_and_the_last_one_is_the_result() -> None:
    events = fed(Gemini(), piece("I look", 1), piece(" around.", 1.1), call("t1"), piece("Do", 2), piece("ne.", 2.1), result())
    assert said(events) == ["I look around.", "Done."]
    assert events[-1].completed.result_text == "Done."


def test_a_run_whose_last_word_is_a_tool_call_returns_nothing_as_without_streaming() -> None:
    assert fed(Gemini(), piece("I look.", 1), call("t1"), result())[-1].completed.result_text == ""


def test_a_run_that_a_hook_stopped_returns_what_was_said_before_the_tool() -> None:
    stopped = {"type": "tool_result", "tool_id": "t1", "status": "error", "error": {"type": "stop_execution", "message": "no"}}
    assert fed(Gemini(), piece("I look.", 1), call("t1"), stopped, result())[-1].completed.result_text == "I look."


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([("I begin ", 1), ("to an", 1.1), ("I begin ", 2.2), ("to answer.", 2.3)], "I begin to answer."),  # it goes on
        ([("I begin ", 1), ("to an", 1.1), ("I begin to answer.", 2.2)], "I begin to answer."),  # cut otherwise
        (
            [("I begin ", 1), ("to an", 1.1), ("I beg", 2.2), ("I begin ", 4.2), ("to an", 4.3), ("swer.", 4.4)],
            "I begin to answer.",
        ),
        ([("Same.", 1), ("Same.", 2.2)], "Same."),  # all of it again, and no more
        ([("ha", 1), ("ha", 1.1), ("ha", 1.2)], "hahaha"),  # at once: no retry
        ([("1. a\n", 1), ("1", 3), ("0. b\n", 3.1)], "1. a\n10. b\n"),  # begins alike, and says something else
        ([("The end of the ", 1), ("The", 3)], "The end of the The"),  # shorter, and yet it ended well
    ],
)
def test_a_retry_that_says_the_same_again_is_not_repeated(pieces: list[tuple[str, float]], text: str) -> None:
    decoder = Gemini()
    events = fed(decoder, *(piece(*one) for one in pieces), result())
    assert "".join(said(events)) == text
    assert events[-1].completed.result_text == text
    assert decoder.unknown_lines == 0


def test_each_line_of_a_retry_is_told_with_its_bytes() -> None:
    events = fed(Gemini(), piece("abc", 1), piece("abc", 2.2), result(status="error", error={"type": "x", "message": "broken"}))
    (repeated,) = [event for event in events if event.HasField("notice")]
    assert repeated.notice.code == "repeated"
    assert json.loads(repeated.raw)["content"] == "abc"
    assert (events[-1].completed.outcome, events[-1].completed.error) == (Outcome.OUTCOME_FAILED, "broken")


def test_the_error_before_a_result_without_one_says_why_and_is_told_once() -> None:
    wrong = {"type": "error", "severity": "error", "message": "Model stream ended without a finish reason."}
    events = fed(Gemini(), wrong, result(status="error"))
    assert [event.error.message for event in events if event.HasField("error")] == [wrong["message"]]
    assert events[-1].completed.error == wrong["message"]
    assert codes(fed(Gemini(), wrong | {"severity": "warning"}, result())) == ["warning"]


def test_a_cancelled_run_was_interrupted() -> None:
    error = {"type": "FatalCancellationError", "message": "Operation cancelled."}
    assert fed(Gemini(), result(status="error", error=error))[-1].completed.outcome == Outcome.OUTCOME_INTERRUPTED


@pytest.mark.parametrize("end", [OK, End(), End(signal=15), End(exit_code=0, signal=2), End(observed=False)])
def test_without_its_result_a_run_never_succeeded(end: End) -> None:
    events = fed(Gemini(), piece("Hello.", 1), call("t1"), end=end)
    assert events[-1].completed.outcome in {Outcome.OUTCOME_FAILED, Outcome.OUTCOME_LOST}
    assert [event.tool_result.status for event in events if event.HasField("tool_result")] == [ToolStatus.TOOL_STATUS_UNKNOWN]


def test_a_plan_is_told_when_the_tool_took_it_and_not_when_it_was_refused() -> None:
    todos = [{"description": "a", "status": "completed"}, {"description": "b", "status": "cancelled"}, {"description": "c"}]
    taken = {"type": "tool_result", "tool_id": "t1", "status": "success"}
    events = fed(Gemini(), call("t1", "write_todos", todos=todos), taken, result())
    (plan,) = [event.plan for event in events if event.HasField("plan")]
    assert [(entry.content, entry.status) for entry in plan.entries] == [
        ("a", PlanStatus.PLAN_STATUS_COMPLETED),
        ("c", PlanStatus.PLAN_STATUS_PENDING),
    ]
    refused = fed(Gemini(), call("t1", "write_todos", todos=todos), taken | {"status": "error"}, result())
    assert not any(event.HasField("plan") for event in refused)


def test_tokens_that_only_the_total_tells_are_those_of_thinking() -> None:
    stats = {"total_tokens": 130, "input_tokens": 100, "output_tokens": 20, "cached": 40}
    usage = fed(Gemini(), result(stats=stats))[-1].completed.usage
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens) == (60, 40, 30, 10)


def message(text: str, message_id: str = "m1", kind: str = "gemini", **more: object) -> dict[str, Any]:
    return {"id": message_id, "timestamp": "2026-11-21T01:00:00.000Z", "type": kind, "content": text} | more


def test_a_message_of_a_chat_that_is_written_again_is_told_once_and_the_last_one_wins() -> None:
    tool = {"id": "t1", "name": "read_file", "args": {"file_path": "/a"}, "status": "success", "result": []}
    again = [
        message("I look"),
        message("I look"),
        message("I look around", thoughts=[{"subject": "s", "description": "d"}]),
        message("I look around", thoughts=[{"subject": "s", "description": "d"}], toolCalls=[tool]),
        {"$set": {"messages": [message("I look around", toolCalls=[tool]), message("context", "m0", "user")]}},
        {"$set": {"lastUpdated": "2026-11-21T01:00:00.000Z"}},
    ]
    events = fed(GeminiChat(), message("hello", "u1", "user"), *again)
    assert said(events) == ["I look around"]
    assert [event.thinking.text for event in events if event.HasField("thinking")] == ["s\nd"]
    assert [event.tool_call.tool_call_id for event in events if event.HasField("tool_call")] == ["t1"]
    assert [event.tool_result.status for event in events if event.HasField("tool_result")] == [ToolStatus.TOOL_STATUS_COMPLETED]
    assert [event.turn_started.prompt for event in events if event.HasField("turn_started")] == ["hello"]
    other = fed(GeminiChat(), message("hello", "u1", "user"), message("I look"), message("No: I run."))
    assert said(other) == ["No: I run."]


def test_the_next_prompt_ends_a_turn_well_only_if_it_was_answered() -> None:
    tool = {"id": "t1", "name": "run_shell_command", "args": {}, "status": "cancelled", "result": []}
    events = fed(
        GeminiChat(),
        message("one", "u1", "user"),
        message("An answer.", "m1"),
        message("two", "u2", "user"),
        message("I run it.", "m2", toolCalls=[tool]),
        message("three", "u3", "user"),
        message("/quit", "u4", "user"),
        end=End(observed=False),
    )
    assert [event.turn_finished.outcome for event in events if event.HasField("turn_finished")] == [
        Outcome.OUTCOME_SUCCEEDED,
        Outcome.OUTCOME_INTERRUPTED,
        Outcome.OUTCOME_LOST,
    ]


def test_an_older_chat_that_is_one_object_is_read_too() -> None:
    chat = {"sessionId": "s", "projectHash": "h", "messages": [message("hello", "u1", "user"), message("Hi.")]}
    events = fed(GeminiChat(), chat)
    assert said(events) == ["Hi."]
    assert events[-1].completed.outcome == Outcome.OUTCOME_SUCCEEDED


def test_a_chat_of_qwen_tells_an_exit_code_and_that_a_turn_without_an_answer_was_interrupted() -> None:
    def line(uuid: str, kind: str, *parts: dict[str, Any], **more: object) -> dict[str, Any]:
        return {"uuid": uuid, "sessionId": "s", "type": kind, "message": {"parts": parts}} | more

    run = {"functionCall": {"id": "t1", "name": "run_shell_command", "args": {"command": "false"}}}
    answer = {
        "functionResponse": {"id": "t1", "name": "run_shell_command", "response": {"output": "Output: (empty)\nExit Code: 1\n"}}
    }
    events = fed(
        QwenChat(),
        line("1", "user", {"text": "one"}),
        line("2", "assistant", run),
        line("3", "tool_result", answer, toolCallResult={"callId": "t1", "status": "success"}),
        line("3", "tool_result", answer, toolCallResult={"callId": "t1", "status": "success"}),
        line("4", "user", {"text": "two"}),
        line("5", "assistant", {"text": "hm", "thought": True}, {"text": "Hi."}),
    )
    (told,) = [event.tool_result for event in events if event.HasField("tool_result")]
    assert (told.status, told.exit_code) == (ToolStatus.TOOL_STATUS_FAILED, 1)
    assert [event.turn_finished.outcome for event in events if event.HasField("turn_finished")] == [
        Outcome.OUTCOME_INTERRUPTED,
        Outcome.OUTCOME_SUCCEEDED,
    ]
    assert events[-1].completed.result_text == "Hi."
