"""opencode: steps, calls that come with their results, ends that only the exit code tells."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sightline.v1.event_pb2 import Event, Outcome, ToolStatus
from sightline_server.decode.agents.decoder import End
from sightline_server.decode.agents.opencode import Opencode

OK = End(exit_code=0)


def fed(*objects: dict[str, Any], end: End = OK) -> list[Event]:
    decoder = Opencode()
    events = [*decoder.feed(b"".join(json.dumps(one).encode() + b"\n" for one in objects)), *decoder.close(end)]
    assert decoder.unknown_lines == 0
    return events


def line(kind: str, **part: object) -> dict[str, Any]:
    return {"type": kind, "timestamp": 1795226573170, "sessionID": "ses_1", "part": {"sessionID": "ses_1"} | part}


def start() -> dict[str, Any]:
    return line("step_start")


def text(words: str, part_id: str) -> dict[str, Any]:
    return line("text", id=part_id, messageID="m" + part_id, text=words)


def finish(reason: str, **more: object) -> dict[str, Any]:
    return line("step_finish", reason=reason, **more)


def tool(name: str, status: str = "completed", **state: object) -> dict[str, Any]:
    return line("tool_use", tool=name, callID="t1", state={"status": status, "input": {}} | state)


def told(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.message.message_id, event.message.text) for event in events if event.HasField("message")]


@pytest.mark.parametrize(
    ("one", "status", "exit_code"),
    [
        (tool("bash", metadata={"exit": 0}), ToolStatus.TOOL_STATUS_COMPLETED, 0),
        (tool("bash", metadata={"exit": 3}), ToolStatus.TOOL_STATUS_FAILED, 3),
        (tool("bash", metadata={"exit": None}), ToolStatus.TOOL_STATUS_COMPLETED, None),
        (tool("read", "error", error="File not found: x"), ToolStatus.TOOL_STATUS_FAILED, None),
        (tool("invalid", output="there is no such tool"), ToolStatus.TOOL_STATUS_FAILED, None),
    ],
)
def test_a_failed_tool_is_failed_although_it_is_called_completed(
    one: dict[str, Any], status: ToolStatus.ValueType, exit_code: int | None
) -> None:
    events = fed(start(), one)
    (result,) = [event.tool_result for event in events if event.HasField("tool_result")]
    assert result.status == status
    assert (result.exit_code if result.HasField("exit_code") else None) == exit_code


@pytest.mark.parametrize(
    ("lines", "end", "outcome"),
    [
        ([finish("stop")], OK, Outcome.OUTCOME_SUCCEEDED),
        ([finish("stop")], End(observed=False), Outcome.OUTCOME_SUCCEEDED),
        ([finish("stop")], End(exit_code=1), Outcome.OUTCOME_FAILED),
        ([finish("tool-calls")], OK, Outcome.OUTCOME_FAILED),
        ([finish("length")], OK, Outcome.OUTCOME_FAILED),
        ([finish("stop"), start()], OK, Outcome.OUTCOME_FAILED),
        ([], OK, Outcome.OUTCOME_FAILED),
        ([], End(exit_code=130, interrupted=True), Outcome.OUTCOME_INTERRUPTED),
        ([], End(exit_code=143, terminated=True), Outcome.OUTCOME_CANCELLED),
        ([], End(observed=False), Outcome.OUTCOME_LOST),
        ([finish("stop"), line("done", reason="idle", rejected=[])], End(observed=False), Outcome.OUTCOME_SUCCEEDED),
        ([finish("tool-calls"), line("done", reason="idle", rejected=["bash"])], OK, Outcome.OUTCOME_FAILED),
    ],
)
def test_the_last_step_and_the_exit_code_say_how_it_went(lines: list[dict[str, Any]], end: End, outcome: Outcome.ValueType) -> None:
    assert fed(start(), *lines, end=end)[-1].completed.outcome == outcome


def test_a_refused_permission_says_why_there_is_no_answer() -> None:
    completed = fed(start(), tool("bash", "error", error="The user rejected permission."), finish("tool-calls"))[-1].completed
    assert completed.outcome == Outcome.OUTCOME_FAILED
    assert completed.error == "its last step ended with `tool-calls`: The user rejected permission."


def test_an_error_says_why_it_failed() -> None:
    wrong = {"type": "error", "timestamp": 1, "sessionID": "s", "error": {"name": "APIError", "data": {"message": "no"}}}
    assert fed(wrong, end=End(exit_code=1))[-1].completed.error == "no"
    assert fed(wrong, finish("stop"))[-1].completed.outcome == Outcome.OUTCOME_FAILED


def test_use_is_summed_over_the_steps_also_when_it_is_cut_off() -> None:
    tokens = {"input": 10, "output": 3, "reasoning": 2, "cache": {"read": 5, "write": 1}}
    events = fed(
        start(), finish("tool-calls", tokens=tokens, cost=0.5), finish("tool-calls", tokens=tokens, cost=0.25), end=End(signal=9)
    )
    usage = events[-1].completed.usage
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens, usage.cached_tokens) == (20, 10, 4, 10)
    assert usage.cache_written_tokens == 2
    assert (usage.cost, usage.currency) == (0.75, "USD")


def test_a_step_whose_stream_was_cut_is_not_repeated_by_the_next_one() -> None:
    cut = [start(), text("I begin to an", "p1"), finish("unknown")]
    again = [start(), text("I begin to an", "p2"), finish("unknown")]
    whole = [start(), text("I begin to answer.", "p3"), finish("stop")]
    events = fed(*cut, *again, *whole)
    assert told(events) == [("p1", "I begin to an"), ("p1", "swer.")]
    assert events[-1].completed.result_text == "I begin to answer."
    twice = [start(), text("Yes.", "p1"), finish("tool-calls"), start(), text("Yes.", "p2"), finish("stop")]
    assert told(fed(*twice)) == [("p1", "Yes."), ("p2", "Yes.")]


def test_an_endless_loop_of_the_same_steps_is_told_now_and_then() -> None:
    step = [start(), tool("bash", metadata={"exit": 0}), finish("tool-calls")]
    events = fed(*step * 120)
    assert [event.notice.text.split()[0] for event in events if event.notice.code == "same_steps"] == ["3", "10", "100"]
    other = [start(), tool("bash", input={"command": "ls"}, metadata={"exit": 0}), finish("tool-calls")]
    assert not any(event.notice.code == "same_steps" for event in fed(*step * 2, *other, *step * 2))


def test_the_parts_of_the_last_message_are_the_result() -> None:
    parts = [line("text", id=f"p{number}", messageID="m1", text=words) for number, words in enumerate(["One.", "Two."])]
    assert fed(start(), *parts, finish("stop"))[-1].completed.result_text == "One.\nTwo."
