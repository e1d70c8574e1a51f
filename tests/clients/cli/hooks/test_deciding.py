"""Which of an agent's hooks a session wants."""

from __future__ import annotations

from sightline.v1 import event_pb2 as e
from sightline.v1.session_pb2 import Session, SessionKind, Transcript
from sightline_cli.hooks.deciding import LARGEST, LONGEST, wanted

EVERY = [
    e.Event(turn_started=e.TurnStarted(prompt="x")),
    e.Event(tool_call=e.ToolCall(tool_call_id="1")),
    e.Event(request=e.Request(request_id="r")),
    e.Event(request_resolved=e.RequestResolved(request_id="r")),
    e.Event(state_changed=e.StateChanged(state=e.SESSION_STATE_IDLE)),
    e.Event(completed=e.Completed()),
]


def kinds(session: Session) -> list[str | None]:
    return [event.WhichOneof("payload") for event in wanted(session, EVERY)]


def test_an_agent_that_prints_json_has_told_it_all() -> None:
    assert kinds(Session(agent="claude", kind=SessionKind.SESSION_KIND_COMMAND)) == []


def test_a_transcript_does_not_say_what_somebody_is_asked() -> None:
    pane = Session(agent="claude", kind=SessionKind.SESSION_KIND_TMUX, transcript=Transcript(path="/t.jsonl"))
    assert kinds(pane) == ["request", "request_resolved"]
    assert kinds(Session(kind=SessionKind.SESSION_KIND_TRANSCRIPT)) == ["request", "request_resolved"]


def test_where_nothing_else_is_followed_hooks_tell_all_but_what_is_the_servers_to_say() -> None:
    everything = ["turn_started", "tool_call", "request", "request_resolved"]
    assert kinds(Session(kind=SessionKind.SESSION_KIND_COMMAND)) == everything
    assert kinds(Session(agent="claude", kind=SessionKind.SESSION_KIND_TERMINAL)) == everything


def test_what_is_too_large_for_a_log_is_cut_and_not_left_out() -> None:
    plain = Session(kind=SessionKind.SESSION_KIND_TERMINAL)
    large = [
        e.Event(tool_result=e.ToolResult(tool_call_id="1", content="é" * LARGEST)),
        e.Event(message=e.Message(text="x" * 2 * LARGEST)),
        e.Event(turn_started=e.TurnStarted(prompt="x" * 2 * LARGEST)),
        e.Event(turn_finished=e.TurnFinished(text="x" * 2 * LARGEST)),
        e.Event(tool_call=e.ToolCall(tool_call_id="1", input_json=b"x" * 2 * LARGEST), raw=b"x"),
    ]
    result, *others = wanted(plain, large)
    assert (result.tool_result.tool_call_id, len(result.tool_result.content)) == ("1", LONGEST)
    assert all(event.ByteSize() <= LARGEST for event in (result, *others))
