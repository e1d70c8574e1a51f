"""Real agents run by `sightline run --agent`: what they say and do, in typed events, and their last word."""

from __future__ import annotations

import pytest
from sightline.v1.event_pb2 import Event, Outcome, ToolStatus
from support.agent_desk import Desk, of_kind
from support.model_server import Step
from support.server import completed

pytestmark = pytest.mark.agents

PROMPT = "--help\n-p; rm -rf $HOME 'quoted\" `x`\n\nlast line: caf\u00e9 \u2028 \U0001f680"


def calls_and_results(events: list[Event]) -> list[tuple[str, str]]:
    """Each call's id, and its result's."""
    calls = [event.tool_call.tool_call_id for event in of_kind(events, "tool_call")]
    results = {event.tool_result.tool_call_id for event in of_kind(events, "tool_result")}
    return [(one, one if one in results else "") for one in calls]


def test_a_run_tells_what_was_done_and_ends_with_the_same_word_as_without_streaming(desk: Desk) -> None:
    desk.model.steps = (
        Step("I'll look first.", "A short tour.", (desk.agent.shell("ls -1; cat hello.py"),)),
        Step("", "", (desk.agent.shell("echo noted > notes.txt"), desk.agent.read(str(desk.project / "README.md")))),
        Step("Done: `hello.py` prints a greeting.\n\n- caf\u00e9 \u2603 \u2028 \U0001f680"),
    )
    plain = desk.agent.answer(desk.plain("look around"))
    done = desk.run("look around")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == plain
    events = desk.events()
    last = completed(events)
    assert (last.outcome, last.exit_code, last.descendants_left, last.error) == (Outcome.OUTCOME_SUCCEEDED, 0, 0, "")
    assert last.result_text == plain
    assert len(calls_and_results(events)) == 3
    assert all(call == result for call, result in calls_and_results(events))
    statuses = [event.tool_result.status for event in of_kind(events, "tool_result")]
    assert statuses == [ToolStatus.TOOL_STATUS_COMPLETED] * 3
    assert (desk.project / "notes.txt").read_text() == "noted\n"
    [info] = of_kind(events, "agent_info")
    assert info.agent_info.agent_session_id
    [turn] = of_kind(events, "turn_finished")
    assert turn.turn_finished.outcome == Outcome.OUTCOME_SUCCEEDED
    usage = turn.turn_finished.usage
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (3 * 488, 3 * 512, 3 * 40)
    assert "unknown_line" not in [event.notice.code for event in of_kind(events, "notice")]
    assert desk.processes() == []


def test_a_failed_tool_is_failed_and_the_run_is_not(desk: Desk) -> None:
    desk.model.steps = (
        Step("Running the tests.", "", (desk.agent.shell("echo said; echo wrong >&2; exit 3"),)),
        Step("Reading.", "", (desk.agent.read(str(desk.project / "no-such-file.txt")),)),
        Step("It did not work."),
    )
    done = desk.run("try it")
    assert done.returncode == 0, done.stderr
    events = desk.events()
    assert completed(events).outcome == Outcome.OUTCOME_SUCCEEDED
    ran, read = (event.tool_result for event in of_kind(events, "tool_result"))
    assert read.status == ToolStatus.TOOL_STATUS_FAILED
    assert "said" in ran.content
    if desk.agent.tells_codes:
        assert (ran.status, ran.exit_code) == (ToolStatus.TOOL_STATUS_FAILED, 3)


def test_a_prompt_comes_to_the_model_as_it_is(desk: Desk) -> None:
    done = desk.run(PROMPT)
    assert done.returncode == 0, done.stderr
    assert any(PROMPT in text for text in desk.model.texts())
    assert completed(desk.events()).result_text.strip() == "Hello there."
