"""Claude Code's stream, where a recording does not show it; and what the recordings mean, said in words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sightline.v1.event_pb2 import Event, Outcome, PlanStatus, RequestKind, Role, ToolStatus
from sightline_server.decode.agents.claude import Claude
from sightline_server.decode.agents.claude_likes import Amp, Qwen
from sightline_server.decode.agents.decoder import End
from support.recordings import recordings

BY_NAME = {one.name: one for one in recordings()}


def fed(*lines: dict[str, Any], decoder: Claude | None = None) -> list[Event]:
    """The events of these lines."""
    decoder = decoder or Claude()
    return [event for line in lines for event in decoder.feed(json.dumps(line).encode() + b"\n")]


def init(**more: Any) -> dict[str, Any]:
    return {"type": "system", "subtype": "init", "session_id": "s", "model": "m", "tools": [], **more}


def says(*content: dict[str, Any], api_id: str = "msg_1", parent: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "assistant", "message": {"id": api_id, "content": [*content]}, "parent_tool_use_id": parent, **more}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def call(call_id: str, name: str, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def answer(call_id: str, content: Any, *, failed: bool = False, told: Any = None) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": call_id, "content": content, "is_error": failed}
    return {"type": "user", "message": {"role": "user", "content": [block]}, "tool_use_result": told}


def piece(event: dict[str, Any], parent: str | None = None) -> dict[str, Any]:
    return {"type": "stream_event", "event": event, "parent_tool_use_id": parent}


def start(api_id: str) -> dict[str, Any]:
    return piece({"type": "message_start", "message": {"id": api_id}})


def delta(place: int, said: str) -> dict[str, Any]:
    return piece({"type": "content_block_delta", "index": place, "delta": {"type": "text_delta", "text": said}})


def result(**more: Any) -> dict[str, Any]:
    return {"type": "result", "subtype": "success", "is_error": False, **more}


def told(events: list[Event]) -> list[tuple[str, str, bool]]:
    """What the agent said: the message, the text, whether it is a piece."""
    said = [event.message for event in events if event.HasField("message") and event.message.role == Role.ROLE_ASSISTANT]
    return [(message.message_id, message.text, message.delta) for message in said]


def read(events: list[Event]) -> dict[str, str]:
    """What a reader has who puts pieces behind each other and lets a whole replace what stood under its id."""
    messages: dict[str, str] = {}
    for message_id, said, is_piece in told(events):
        messages[message_id] = messages.get(message_id, "") + said if is_piece else said
    return messages


def recorded(name: str) -> list[Event]:
    return BY_NAME[name].events()


# --- pieces


@pytest.mark.parametrize(
    ("with_pieces", "without"), [("claude/ok_partial", "claude/ok"), ("claude/sigint_text_partial", "claude/sigint_text")]
)
def test_text_that_came_in_pieces_is_told_once(with_pieces: str, without: str) -> None:
    pieces, wholes = recorded(with_pieces), recorded(without)
    if "sigint" not in without:  # where they were interrupted differs
        assert read(pieces) == read(wholes)
    assert "".join(said for _, said, _ in told(pieces)) == "".join(read(pieces).values())
    assert all(is_piece for _, _, is_piece in told(pieces))
    assert not any(is_piece for _, _, is_piece in told(wholes))
    assert pieces[-1].completed.result_text == list(read(pieces).values())[-1]


def test_a_whole_that_says_more_than_its_pieces_adds_what_is_missing_and_one_that_differs_replaces_them() -> None:
    events = fed(init(), start("msg_1"), delta(0, "Hel"), says(text("Hello")), delta(1, "one"), says(text("two")))
    assert told(events) == [("msg_1:0", "Hel", True), ("msg_1:0", "lo", True), ("msg_1:1", "one", True), ("msg_1:1", "two", False)]


def test_an_attempt_that_failed_and_is_made_again_says_nothing_twice() -> None:
    retry = {"type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 9, "retry_delay_ms": 5, "error": "server_error"}
    same = fed(
        init(),
        start("a"),
        delta(0, "Hello wo"),
        retry,
        start("b"),
        delta(0, "Hell"),
        delta(0, "o world"),
        says(text("Hello world"), api_id="b"),
    )
    assert told(same) == [("a:0", "Hello wo", True), ("a:0", "rld", True)]
    other = fed(init(), start("a"), delta(0, "Hello"), start("b"), delta(0, "Hex"), delta(0, "!"), says(text("Hex!"), api_id="b"))
    assert read(other) == {"a:0": "Hex!"}
    shorter = fed(init(), start("a"), delta(0, "Hello"), retry, says(text("Hell"), api_id="b"))
    assert read(shorter) == {"a:0": "Hell"}
    whole = fed(init(), says(text("I look"), api_id="a"), retry, says(text("I look around"), api_id="b"))
    assert read(whole) == {"a:0": "I look around"}
    assert next(event.notice.code for event in same if event.HasField("notice")) == "nothing_new"
    assert any(event.notice.code == "retry" and "attempt 1 of 9" in event.notice.text for event in same)


@pytest.mark.parametrize(
    "name",
    [
        "claude/drop_once_partial",
        "claude/drop_differs_partial",
        "claude/drop_after_tool_partial",
        "qwen/drop_once",
        "qwen/drop_once_partial",
        "qwen/drop_after_tool",
    ],
)
def test_a_message_whose_stream_broke_is_said_again_in_its_place(name: str) -> None:
    events = recorded(name)
    last = list(read(events).values())[-1]
    assert last == events[-1].completed.result_text
    assert [one.startswith(("I begin", "Answer", "A different")) for one in read(events).values()].count(True) == 1


def test_the_same_words_in_another_message_are_said_again() -> None:
    events = fed(
        init(),
        says(text("Done."), api_id="a"),
        says(call("t1", "Bash"), api_id="a"),
        answer("t1", ""),
        says(text("Done."), api_id="b"),
    )
    assert told(events) == [("a:0", "Done.", False), ("b:0", "Done.", False)]


def test_subagents_that_speak_at_the_same_time_are_kept_apart() -> None:
    one = piece({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "A"}}, "t1")
    two = piece({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "B"}}, "t2")
    begin = [piece({"type": "message_start", "message": {"id": f"m{parent}"}}, parent) for parent in ("t1", "t2")]
    events = fed(
        init(), *begin, one, two, one, says(text("AA"), api_id="mt1", parent="t1"), says(text("B"), api_id="mt2", parent="t2")
    )
    said = [(event.parent_tool_call_id, event.message.text) for event in events if event.HasField("message")]
    assert said == [("t1", "A"), ("t2", "B"), ("t1", "A")]


# --- turns


def test_a_turn_that_a_task_in_the_background_begins_is_another_turn() -> None:
    events = recorded("claude/sub")
    assert [event.turn_id for event in events if event.HasField("turn_started")] == ["1", "2"]
    finished = [event for event in events if event.HasField("turn_finished")]
    assert [event.turn_id for event in finished] == ["1", "2"]
    assert [event.turn_finished.usage.output_tokens for event in finished] == [83, 45]
    child = [event for event in events if event.parent_tool_call_id]
    assert {event.parent_tool_call_id for event in child} == {"toolu_stub0001_0"}
    assert [event.message.text for event in child if event.HasField("message")] == ["Helper looking.", "Helper report: two files."]


def test_a_turn_whose_second_init_has_no_reason_goes_on() -> None:
    events = fed(init(), says(text("a")), init(), says(text("b"), api_id="msg_2"), result(result="b"))
    assert [event.turn_id for event in events if event.HasField("turn_started") or event.HasField("turn_finished")] == ["1", "1"]


def test_both_turns_are_closed_where_the_stream_is_cut_between_their_ends() -> None:
    decoder = Claude()
    lines = BY_NAME["claude/sub"].data.splitlines(keepends=True)
    events = [*decoder.feed(b"".join(lines[:-1])), *decoder.close(End(exit_code=143))]
    outcomes = [(event.turn_id, event.turn_finished.outcome) for event in events if event.HasField("turn_finished")]
    assert outcomes == [("1", Outcome.OUTCOME_SUCCEEDED), ("2", Outcome.OUTCOME_FAILED)]
    assert events[-1].completed.outcome == Outcome.OUTCOME_FAILED


def test_a_subagent_that_goes_on_behind_the_turn_keeps_its_calls_open() -> None:
    started = {"type": "system", "subtype": "task_started", "task_id": "k", "tool_use_id": "t1", "is_backgrounded": True}
    decoder = Claude()
    events = fed(
        init(), says(call("t1", "Agent", prompt="look")), started, answer("t1", "launched"),
        says(call("t2", "Bash", command="ls"), api_id="c", parent="t1"), result(), answer("t2", "a file"), decoder=decoder,
    )  # fmt: skip
    results = [(event.tool_result.tool_call_id, event.tool_result.status) for event in events if event.HasField("tool_result")]
    assert results == [("t1", ToolStatus.TOOL_STATUS_COMPLETED), ("t2", ToolStatus.TOOL_STATUS_COMPLETED)]
    assert [event.turn_id for event in events if event.HasField("turn_started")] == ["1"]


def test_the_first_turn_of_a_resumed_session_has_no_cost_because_only_the_whole_session_is_known() -> None:
    def ended(cost: float, tokens: int, of_the_session: int) -> dict[str, Any]:
        models = {"m": {"inputTokens": of_the_session}}
        return result(total_cost_usd=cost, usage={"input_tokens": tokens}, modelUsage=models)

    resumed = Claude()
    resumed.told(["claude", "-p", "--resume", "some-id"])
    events = fed(init(), ended(0.5, 10, 110), init(), ended(0.75, 10, 120), decoder=resumed)
    used = [event.turn_finished.usage for event in events if event.HasField("turn_finished")]
    assert [(usage.HasField("cost"), usage.cost) for usage in used] == [(False, 0.0), (True, 0.25)]
    assert [usage.input_tokens for usage in used] == [10, 10]
    assert [event.notice.code for event in events if event.HasField("notice")] == ["cost_of_session"]
    older = Claude()  # versions whose processes count from 0
    older.told(["claude", "-p", "-c"])
    assert [event.turn_finished.usage.cost for event in fed(init(), ended(0.5, 10, 10), decoder=older)][-1] == 0.5


def test_what_qwen_sums_up_over_its_turns_is_told_for_each() -> None:
    used = [event.turn_finished.usage for event in recorded("qwen/in_multi") if event.HasField("turn_finished")]
    assert [(usage.input_tokens, usage.cached_tokens, usage.output_tokens) for usage in used] == [
        (1006, 1024, 83),
        (2132, 2048, 178),
    ]
    total = recorded("qwen/in_multi")[-1].completed.usage
    assert (total.input_tokens + total.cached_tokens, total.output_tokens) == (6210, 261)  # as the last line has it


def test_the_first_turn_of_a_session_that_qwen_resumed_has_no_usage_because_none_is_known() -> None:
    resumed = Qwen()
    resumed.told(["qwen", "--continue"])
    totals = [{"input_tokens": tokens, "output_tokens": 1, "total_tokens": tokens + 1} for tokens in (110, 130)]
    events = fed(*(line for used in totals for line in (init(), result(usage=used))), decoder=resumed)
    finished = [event.turn_finished for event in events if event.HasField("turn_finished")]
    assert [(turn.HasField("usage"), turn.usage.input_tokens) for turn in finished] == [(False, 0), (True, 20)]


def test_an_id_that_ended_in_an_earlier_turn_is_another_calls() -> None:
    turn = [says(call("t1", "Bash", command="ls")), answer("t1", "a"), result()]
    events = fed(*turn, *turn)
    calls = [(event.turn_id, event.tool_call.tool_call_id) for event in events if event.HasField("tool_call")]
    results = [(event.turn_id, event.tool_result.tool_call_id) for event in events if event.HasField("tool_result")]
    assert calls == results == [("1", "t1"), ("2", "t1")]


def test_a_request_that_is_told_twice_is_asked_once() -> None:
    asked = {"subtype": "can_use_tool", "tool_name": "Bash", "input": {}, "tool_use_id": "t1"}
    line = {"type": "control_request", "request_id": "r", "request": asked}
    events = fed(init(), says(call("t1", "Bash")), line, line)
    assert [event.HasField("request") for event in events].count(True) == 1


def test_cost_and_tokens_are_those_of_each_turn_though_the_agent_sums_them_up() -> None:
    usages = [event.usage for event in recorded("claude/in_multi") if event.HasField("usage")]
    assert [usage.output_tokens for usage in usages] == [41, 42]
    assert [usage.cost for usage in usages] == pytest.approx([0.0041736, 0.0042186])
    first = usages[0]
    assert (first.input_tokens, first.cached_tokens, first.cache_written_tokens) == (1010, 512, 100)
    assert (first.context_used, first.context_size, first.currency) == (1622, 200_000, "USD")
    assert recorded("claude/in_multi")[-1].completed.usage.cost == pytest.approx(0.0083922)


def test_a_failure_of_the_api_is_none_of_the_agents_words_and_told_once() -> None:
    events = recorded("claude/api500")
    errors = [event.error for event in events if event.HasField("error")]
    assert [(error.code, error.message.split(".")[0]) for error in errors] == [
        ("SERVER_ERROR", "API Error: 500 stub internal failure")
    ]
    assert told(events) == []
    completed = events[-1].completed
    assert (completed.outcome, completed.error_code) == (Outcome.OUTCOME_FAILED, "")
    assert completed.error == completed.result_text == errors[0].message


def test_a_result_that_is_an_error_without_a_word_before_gives_an_error_event() -> None:
    events = fed(init(), says(text("a")), result(subtype="error_max_turns", terminal_reason="max_turns", errors=["too many"]))
    assert [(event.error.code, event.error.message) for event in events if event.HasField("error")] == [
        ("ERROR_MAX_TURNS", "too many")
    ]
    assert events[-1].turn_finished.stop_reason == "max_turns"


def test_an_interrupted_turn_is_interrupted_also_where_no_reason_is_given_or_no_result_comes() -> None:
    said = {"type": "user", "message": {"role": "user", "content": [text("[Request interrupted by user]")]}}
    older = fed(init(), says(text("a")), said, result(subtype="error_during_execution", is_error=True))
    assert older[-1].turn_finished.outcome == Outcome.OUTCOME_INTERRUPTED
    for end, outcome in (
        (End(exit_code=0), Outcome.OUTCOME_INTERRUPTED),
        (End(signal=15, terminated=True), Outcome.OUTCOME_CANCELLED),
    ):
        decoder = Claude()
        fed(init(), says(text("a")), said, decoder=decoder)
        assert decoder.close(end)[-1].completed.outcome == outcome


def test_after_an_interrupted_turn_the_next_one_succeeds() -> None:
    events = recorded("claude/in_interrupt")
    outcomes = [event.turn_finished.outcome for event in events if event.HasField("turn_finished")]
    assert outcomes == [Outcome.OUTCOME_INTERRUPTED, Outcome.OUTCOME_SUCCEEDED]


# --- tools


def test_tasks_become_a_plan_with_the_numbers_that_their_results_tell() -> None:
    plans = [event.plan for event in recorded("claude/tasks") if event.HasField("plan")]
    done, doing, to_do = PlanStatus.PLAN_STATUS_COMPLETED, PlanStatus.PLAN_STATUS_IN_PROGRESS, PlanStatus.PLAN_STATUS_PENDING
    assert [[(entry.content, entry.status) for entry in plan.entries] for plan in plans] == [
        [("Inspect the project", to_do)],
        [("Inspect the project", to_do), ("Write notes", to_do)],
        [("Inspect the project", doing), ("Write notes", to_do)],
        [("Inspect the project", done), ("Write notes", to_do)],
    ]


def test_a_todo_list_is_the_plan_unless_it_was_refused() -> None:
    assert not any(event.HasField("plan") for event in recorded("claude/ok"))
    plans = [event.plan for event in recorded("claude-2.0/ok") if event.HasField("plan")]
    assert [[entry.status for entry in plan.entries] for plan in plans] == [[3, 2, 1], [3, 3, 2]]


def test_a_task_that_was_deleted_or_renamed_is_so_in_the_plan_and_a_subagents_list_is_its_own() -> None:
    events = fed(
        init(), says(call("c1", "TaskCreate", subject="a")), answer("c1", "Task #7 created successfully: a"),
        says(call("c2", "TaskUpdate", taskId="7", subject="b", status="in_progress")),
        answer("c2", "Updated", told={"success": True}),
        says(call("c3", "TodoWrite", todos=[{"content": "mine", "status": "pending"}]), parent="t9"), answer("c3", "ok"),
        says(call("c4", "TaskUpdate", taskId="7", status="deleted")), answer("c4", "Updated", told={"success": True}),
    )  # fmt: skip
    plans = [[(entry.content, entry.status) for entry in event.plan.entries] for event in events if event.HasField("plan")]
    assert plans == [[("a", 1)], [("b", 2)], []]


def test_exit_codes_are_told_where_they_are_known_for_certain() -> None:
    def code(*lines: dict[str, Any]) -> int | None:
        results = [event.tool_result for event in fed(init(), *lines) if event.HasField("tool_result")]
        return results[-1].exit_code if results[-1].HasField("exit_code") else None

    ran = {"stdout": "", "stderr": "", "interrupted": False}
    bash = says(call("t", "Bash", command="x"))
    assert code(bash, answer("t", "Exit code 3\nno", failed=True)) == 3
    assert code(bash, answer("t", "", told=ran)) == 0
    assert code(bash, answer("t", "", told={**ran, "backgroundTaskId": "b1"})) is None
    assert code(bash, answer("t", "", told={**ran, "returnCodeInterpretation": "No matches found"})) is None
    assert code(bash, answer("t", "")) is None
    assert code(says(call("t", "Read", file_path="x")), answer("t", "Exit code 3", failed=True)) is None


def test_tools_of_the_service_have_their_results_in_the_agents_own_message() -> None:
    search = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "tide"}}
    found = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"type": "text", "text": "low"}]}
    failed = {
        "type": "web_search_tool_result",
        "tool_use_id": "s2",
        "content": {"type": "web_search_tool_result_error", "error_code": "x"},
    }
    events = fed(init(), says(search, found), says({**search, "id": "s2"}, failed, api_id="n"))
    assert [(event.tool_result.content, event.tool_result.status) for event in events if event.HasField("tool_result")] == [
        ("low", ToolStatus.TOOL_STATUS_COMPLETED),
        ('{"type":"web_search_tool_result_error","error_code":"x"}', ToolStatus.TOOL_STATUS_FAILED),
    ]


def test_a_heartbeat_belongs_to_the_call_that_runs() -> None:
    beats = [event for event in recorded("claude/long_tool") if event.notice.code == "tool_progress"]
    assert [(event.parent_tool_call_id, event.notice.text) for event in beats] == [("toolu_stub0001_0", "Bash runs for 30 s")]


# --- requests


def test_a_permission_is_asked_with_its_options_and_resolved_by_what_became_of_the_call() -> None:
    events = recorded("claude/in_perm")
    (request,) = [event.request for event in events if event.HasField("request")]
    assert (request.kind, request.tool_call_id) == (RequestKind.REQUEST_KIND_PERMISSION, "toolu_stub0001_0")
    assert [(option.option_id, option.allows) for option in request.options] == [
        ("allow", True),
        ("deny", False),
        ("allow_always", True),
    ]
    (resolved,) = [event.request_resolved for event in events if event.HasField("request_resolved")]
    assert (resolved.request_id, resolved.option_id, resolved.text) == (request.request_id, "deny", "not today")


def asks(request_id: str, name: str, call_id: str = "", **given: Any) -> dict[str, Any]:
    return {
        "type": "control_request",
        "request_id": request_id,
        "request": {"subtype": "can_use_tool", "tool_name": name, "input": given, "tool_use_id": call_id},
    }


def test_a_request_that_is_withdrawn_answered_on_the_stream_or_left_open_is_resolved_once() -> None:
    gone = {"type": "control_cancel_request", "request_id": "r1"}
    allowed = {
        "type": "control_response",
        "response": {"subtype": "success", "request_id": "r2", "response": {"behavior": "allow"}},
    }
    events = fed(init(), asks("r1", "Bash"), gone, gone, asks("r2", "Bash"), allowed, asks("r3", "Bash"), result())
    resolved = [event.request_resolved for event in events if event.HasField("request_resolved")]
    assert [(one.request_id, one.option_id, one.cancelled) for one in resolved] == [
        ("r1", "", True),
        ("r2", "allow", False),
        ("r3", "", True),
    ]


def test_a_question_offers_its_own_answers_and_a_plan_is_a_permission() -> None:
    question = {"question": "Which?", "options": [{"label": "Red", "description": "x"}, {"label": "Blue"}]}
    events = fed(
        init(), says(call("q", "AskUserQuestion", questions=[question])), asks("r1", "AskUserQuestion", "q", questions=[question]),
        answer("q", "Blue"), asks("r2", "ExitPlanMode", plan="1. do it"),
        asks("r3", "AskUserQuestion", questions=[question, question]),
    )  # fmt: skip
    first, second, third = [event.request for event in events if event.HasField("request")]
    assert (first.kind, first.text, [one.option_id for one in first.options]) == (
        RequestKind.REQUEST_KIND_QUESTION,
        "Which?",
        ["Red", "Blue"],
    )
    assert (second.kind, second.text) == (RequestKind.REQUEST_KIND_PERMISSION, "1. do it")
    assert (third.text, list(third.options)) == ("Which?\nWhich?", [])
    (resolved,) = [event.request_resolved for event in events if event.HasField("request_resolved")]
    assert (resolved.option_id, resolved.text, resolved.cancelled) == ("", "Blue", False)


# --- its kin


def test_a_limit_is_a_notice_and_the_refusal_a_failure() -> None:
    events = recorded("synthetic/claude_rate_limit")
    assert [event.notice.text for event in events if event.notice.code == "rate_limit"] == ["rejected five_hour"]
    assert [event.error.code for event in events if event.HasField("error")] == ["RATE_LIMIT"]


def test_each_is_told_from_the_others_by_its_first_lines() -> None:
    def first(name: str) -> Any:
        return json.loads(BY_NAME[name].data.splitlines()[0])

    claims = {
        name: [kin.agent for kin in (Qwen, Amp, Claude) if kin.claims(first(name))][:1]
        for name in BY_NAME
        if BY_NAME[name].kind == "stream" and BY_NAME[name].data and name != "synthetic/noise" and first(name)
    }
    expected = {name: [BY_NAME[name].agent] if BY_NAME[name].agent in {"claude", "qwen", "amp"} else [] for name in claims}
    assert claims == expected


def test_qwens_commands_that_failed_have_their_codes_and_amps_are_failed_by_them() -> None:
    (failed, *_) = [event.tool_result for event in recorded("qwen/fail") if event.HasField("tool_result")]
    assert (failed.status, failed.exit_code) == (ToolStatus.TOOL_STATUS_FAILED, 3)
    events = fed(init(), says(call("t", "Bash", cmd="x")), answer("t", '{"output":"","exitCode":2}'), decoder=Amp())
    (other,) = [event.tool_result for event in events if event.HasField("tool_result")]
    assert (other.status, other.exit_code) == (ToolStatus.TOOL_STATUS_FAILED, 2)
    assert recorded("synthetic/amp")[-1].completed.usage.output_tokens == 14
