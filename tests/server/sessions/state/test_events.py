"""`sessions.state.events`: what turns, calls and requests say of the state."""

from __future__ import annotations

import pytest
from sightline.v1.event_pb2 import (
    Event,
    Message,
    Outcome,
    Request,
    RequestKind,
    RequestResolved,
    Role,
    ToolCall,
    ToolResult,
    ToolStatus,
    TurnFinished,
    TurnStarted,
    WaitingFor,
)
from sightline_server.sessions.state.events import MAX_OPEN, Turns
from sightline_server.sessions.state.judge import IDLE, WAITING, WORKING
from sightline_server.sessions.state.observation import Observation, Trust

BEGUN = Event(turn_id="1", turn_started=TurnStarted(prompt="do it"))
CALL = Event(turn_id="1", tool_call=ToolCall(tool_call_id="a", name="Bash", title="make"))
DONE = Event(turn_id="1", tool_result=ToolResult(tool_call_id="a", status=ToolStatus.TOOL_STATUS_COMPLETED))
LATER = Event(turn_id="1", tool_result=ToolResult(tool_call_id="a", status=ToolStatus.TOOL_STATUS_IN_PROGRESS))
OVER = Event(turn_id="1", turn_finished=TurnFinished(outcome=Outcome.OUTCOME_SUCCEEDED))
ASKS = Event(turn_id="1", request=Request(request_id="r", kind=RequestKind.REQUEST_KIND_PERMISSION, text="May I?"))
ANSWERED = Event(turn_id="1", request_resolved=RequestResolved(request_id="r"))
SAYS = Event(turn_id="1", message=Message(role=Role.ROLE_ASSISTANT, text="well"))


def last(*events: Event, trust: Trust = Trust.PROTOCOL) -> Observation:
    """The last thing that these events say."""
    turns = Turns()
    said = [one for one in (turns.saw(event, trust) for event in events) if one is not None]
    return said[-1]


@pytest.mark.parametrize(
    ("events", "state", "rule"),
    [
        ([BEGUN], WORKING, "agent/turn"),
        ([SAYS], WORKING, "agent/turn"),
        ([BEGUN, CALL], WORKING, "agent/tool"),
        ([BEGUN, CALL, DONE], WORKING, "agent/tool-end"),
        ([BEGUN, CALL, DONE, OVER], IDLE, "agent/turn-end"),
        ([BEGUN, CALL, OVER], WORKING, "agent/tool-open"),
        ([BEGUN, CALL, OVER, LATER], WORKING, "agent/tool-open"),
        ([BEGUN, CALL, OVER, DONE], IDLE, "agent/turn-end"),
        ([BEGUN, CALL, ASKS], WAITING, "agent/permission"),
        ([BEGUN, CALL, ASKS, ANSWERED], WORKING, "agent/tool-open"),
        ([BEGUN, ASKS, OVER], IDLE, "agent/turn-end"),
        ([ANSWERED], WORKING, "agent/answered"),
        ([BEGUN, OVER, SAYS], IDLE, "agent/turn-end"),
    ],
)
def test_what_the_events_of_a_turn_come_to(events: list[Event], state: int, rule: str) -> None:
    said = last(*events)
    assert (said.state, said.rule) == (state, rule)


def test_a_question_and_a_permission_are_different_things_to_wait_for() -> None:
    assert last(ASKS).waiting_for == WaitingFor.WAITING_FOR_PERMISSION
    question = Event(request=Request(request_id="q", kind=RequestKind.REQUEST_KIND_QUESTION, text="Which?"))
    assert (last(question).waiting_for, list(last(question).evidence)) == (WaitingFor.WAITING_FOR_ANSWER, ["Which?"])


def test_one_of_two_requests_that_is_answered_leaves_the_other() -> None:
    other = Event(turn_id="1", request=Request(request_id="s", kind=RequestKind.REQUEST_KIND_PERMISSION, text="And I?"))
    said = last(ASKS, other, ANSWERED)
    assert (said.state, list(said.evidence)) == (WAITING, ["And I?"])


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.OUTCOME_SUCCEEDED, "its turn is done"),
        (Outcome.OUTCOME_FAILED, "its turn failed"),
        (Outcome.OUTCOME_INTERRUPTED, "its turn was interrupted"),
        (Outcome.OUTCOME_LOST, "its turn is over"),
    ],
)
def test_how_a_turn_ended_is_the_reason_of_the_idleness_behind_it(outcome: Outcome.ValueType, reason: str) -> None:
    over = Event(turn_id="1", turn_finished=TurnFinished(outcome=outcome))
    assert last(BEGUN, over).reason == reason


def test_overlapping_turns_are_work_until_the_last_is_over() -> None:
    second = Event(turn_id="2", turn_started=TurnStarted())
    assert last(BEGUN, second, OVER).state == WORKING
    assert last(BEGUN, second, OVER, Event(turn_id="2", turn_finished=TurnFinished())).state == IDLE


def test_the_word_of_a_transcript_stands_longer_while_a_tool_runs() -> None:
    assert last(BEGUN, CALL, trust=Trust.TRANSCRIPT).fresh == 600.0
    assert last(BEGUN, trust=Trust.TRANSCRIPT).fresh is None


def test_what_never_ends_is_forgotten_at_last() -> None:
    turns = Turns()
    for number in range(3 * MAX_OPEN):
        turns.saw(Event(turn_id=str(number), tool_call=ToolCall(tool_call_id=str(number))), Trust.PROTOCOL)
    assert max(len(turns._calls), len(turns._turns)) <= MAX_OPEN
