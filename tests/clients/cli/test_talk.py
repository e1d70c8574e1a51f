"""An agent's session as a person sees it."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from sightline.v1 import event_pb2 as e
from sightline.v1.session_pb2 import Session, SessionKind
from sightline_cli.talk import Talk, answer_with, progress


def shown(*events: e.Event, colour: bool = False) -> str:
    talk = Talk(Session(name="web", agent="claude"), colour=colour)
    return "".join(talk.event(event) for event in events)


def said(text: str, message_id: str = "m", *, delta: bool = False, parent: str = "") -> e.Event:
    return e.Event(
        message=e.Message(role=e.ROLE_ASSISTANT, text=text, message_id=message_id, delta=delta), parent_tool_call_id=parent
    )


def thought(text: str, *, delta: bool = False) -> e.Event:
    return e.Event(thinking=e.Thinking(text=text, message_id="t", delta=delta))


def called(call_id: str, title: str, kind: e.ToolKind.ValueType = e.TOOL_KIND_EXECUTE, *, at: int = 0) -> e.Event:
    event = e.Event(tool_call=e.ToolCall(tool_call_id=call_id, name="Bash", kind=kind, title=title))
    event.time.FromMilliseconds(at)
    return event


def ended(
    call_id: str,
    status: e.ToolStatus.ValueType = e.TOOL_STATUS_COMPLETED,
    content: str = "",
    *,
    exit_code: int | None = None,
    at: int = 0,
) -> e.Event:
    event = e.Event(tool_result=e.ToolResult(tool_call_id=call_id, status=status, content=content, exit_code=exit_code))
    event.time.FromMilliseconds(at)
    return event


def test_a_session_from_its_prompt_to_its_cost() -> None:
    usage = e.Usage(input_tokens=4100, cached_tokens=512, output_tokens=230, cost=0.0084, currency="USD")
    text = shown(
        e.Event(turn_started=e.TurnStarted(prompt="fix the test\nplease")),
        e.Event(agent_info=e.AgentInfo(agent="claude", version="2.1", model="opus", cwd="/src")),
        thought("Which one?"),
        said("I look.\n\n- here\n- there\n"),
        called("1", "Bash: ls"),
        ended("1", at=2500),
        said("Done."),
        e.Event(turn_finished=e.TurnFinished(outcome=e.OUTCOME_SUCCEEDED)),
        e.Event(completed=e.Completed(outcome=e.OUTCOME_SUCCEEDED, exit_code=0, result_text="Done.", usage=usage)),
    )
    assert text == (
        "> fix the test\n  please\n\n"
        "claude 2.1 · opus · /src\n\n"
        "✻ Which one?\n\n"
        "● I look.\n\n  - here\n  - there\n\n"
        "● execute Bash: ls → ok, 2.5 s\n\n"
        "● Done.\n\n"
        "■ succeeded · 1 tool call · 4.6k tokens in (512 from a cache), 230 out · 0.0084 USD\n"
    )


def test_pieces_are_joined_and_their_whole_is_not_shown_again() -> None:
    pieces = [said("Hel", delta=True), said("lo\n\nw", delta=True), said("orld\n", delta=True)]
    assert shown(*pieces, said("Hello\n\nworld\n")) == "● Hello\n\n  world\n"
    assert shown(*pieces[1:], said("Hello\n\nworld")) == "● lo\n\n  world\n"  # watched from its middle on
    assert shown(pieces[0], said("Hello")) == "● Hello\n"
    assert shown(pieces[0], said("Other")) == "● Hel\n\n● Other\n"


def test_a_message_goes_on_behind_what_came_between() -> None:
    text = shown(said("one ", delta=True), thought("hm"), said("two", delta=True), said("x", "n"))
    assert text == "● one \n\n✻ hm\n\n● two\n\n● x\n"


def test_calls_that_overlap_have_a_line_for_each_result() -> None:
    text = shown(called("1", "Bash: a"), called("2", "Read: b", e.TOOL_KIND_READ), ended("1", e.TOOL_STATUS_UNKNOWN), ended("2"))
    assert text == "● execute Bash: a\n● read Read: b\n● execute Bash: a → unknown\n● read Read: b → ok\n"


def test_a_failed_call_says_why_in_its_line() -> None:
    result = ended("1", e.TOOL_STATUS_FAILED, "Exit code 3\n\nout\x1b[31m-line\nmore", exit_code=3, at=200)
    assert shown(called("1", "Bash: x"), result) == "● execute Bash: x → failed, exit code 3, 0.2 s: out[31m-line\n"


def test_what_a_subagent_does_stands_apart() -> None:
    assert shown(said("a\nb", parent="1"), said("c")) == "  ┆ ● a\n  ┆   b\n\n● c\n"


def test_a_plan_is_a_list() -> None:
    entries = [
        e.PlanEntry(content="look", status=e.PLAN_STATUS_COMPLETED),
        e.PlanEntry(content="mend", status=e.PLAN_STATUS_IN_PROGRESS),
        e.PlanEntry(content="test", status=e.PLAN_STATUS_PENDING),
    ]
    assert shown(e.Event(plan=e.Plan(entries=entries))) == "plan: 1 of 3 done\n  ✔ look\n  ▸ mend\n  ☐ test\n"


def test_a_request_says_how_to_answer_it() -> None:
    options = [e.RequestOption(option_id="allow", label="Allow", allows=True), e.RequestOption(option_id="deny", label="Deny")]
    asked = e.Event(request=e.Request(request_id="r1", kind=e.REQUEST_KIND_PERMISSION, text="Bash: rm x", options=options))
    question = e.Event(request=e.Request(request_id="r2", kind=e.REQUEST_KIND_QUESTION, text="which?"))
    answered = e.Event(request_resolved=e.RequestResolved(request_id="r1", option_id="allow", author="unix"))
    void = e.Event(request_resolved=e.RequestResolved(request_id="r2", cancelled=True, text="the turn is over"))
    assert shown(asked, question, answered, void) == (
        "? permission: Bash: rm x\n    allow  Allow\n    deny  Deny\n  answer with: sightline answer web allow|deny\n"
        "? question: which?\n  answer with: sightline answer web r2 --text '...'\n"
        "  answered by unix: allow\n"
        "  no answer is needed any more: the turn is over\n"
    )


def test_what_sightline_cannot_answer_is_not_said_to_be_answered_by_it() -> None:
    asked = e.Request(request_id="r", options=[e.RequestOption(option_id="allow")])
    pane = Session(name="web", kind=SessionKind.SESSION_KIND_TMUX)
    assert answer_with(asked, pane) == "answer it on its screen: sightline attach web"
    assert answer_with(asked, Session(name="web", kind=SessionKind.SESSION_KIND_TRANSCRIPT)) == "answer it where it runs"
    assert answer_with(asked, None) == "answer with: sightline answer NAME allow"


def test_nothing_that_an_agent_writes_steers_the_terminal() -> None:
    evil = "\x1b]52;c;aGk=\x07\x9b2J\r\0x"
    text = shown(
        said(evil),
        said(evil, "n", delta=True),
        thought(evil),
        called("1", evil),
        ended("1", e.TOOL_STATUS_FAILED, evil),
        e.Event(error=e.Error(message=evil)),
        e.Event(notice=e.Notice(code="not_json"), raw=evil.encode("latin-1")),
        e.Event(turn_started=e.TurnStarted(prompt=evil)),
        e.Event(agent_info=e.AgentInfo(model=evil)),
        e.Event(plan=e.Plan(entries=[e.PlanEntry(content=evil)])),
        e.Event(request=e.Request(request_id=evil, text=evil, options=[e.RequestOption(option_id=evil, label=evil)])),
        e.Event(request=e.Request(request_id="; rm x", text="?", options=[e.RequestOption(option_id="$(rm x)")])),
        ended(evil),
        e.Event(request_resolved=e.RequestResolved(request_id="r", text=evil, author=evil)),
        e.Event(completed=e.Completed(outcome=e.OUTCOME_FAILED, error=evil)),
    )
    assert [character for character in text if not character.isprintable() and character != "\n"] == []
    assert "52;c;aGk=" in text
    assert "sightline answer web '; rm x' '$(rm x)'\n" in text


def test_a_turn_that_failed_is_told_when_another_follows_and_the_end_speaks_for_the_last() -> None:
    failed = e.Event(turn_finished=e.TurnFinished(outcome=e.OUTCOME_INTERRUPTED))
    again = e.Event(turn_started=e.TurnStarted(prompt="go on"))
    end = e.Event(completed=e.Completed(outcome=e.OUTCOME_INTERRUPTED))
    assert shown(failed, again, failed, end) == "turn interrupted\n\n> go on\n\n■ interrupted\n"


def test_a_prompt_is_shown_once_though_the_agent_repeats_it() -> None:
    asked = e.Event(turn_started=e.TurnStarted(prompt="hi"))
    echo = e.Event(message=e.Message(role=e.ROLE_USER, text="hi"))
    assert shown(asked, echo) == "> hi\n"
    assert shown(e.Event(turn_started=e.TurnStarted()), echo) == "> hi\n"


def test_progress_is_one_line() -> None:
    said = e.Progress(phase="Bash", elapsed=Duration(seconds=75), counts={"tool_calls": 3, "output_tokens": 2300, "none": 0})
    assert progress(e.Event(progress=said)) == "⋯ Bash · 1 m 15 s · 2.3k output tokens · 3 tool calls"


def test_where_nothing_was_said_or_done_an_end_is_told_of_agents_alone() -> None:
    end = e.Event(completed=e.Completed(outcome=e.OUTCOME_LOST))
    assert Talk(Session(name="pipe", kind=SessionKind.SESSION_KIND_PUBLISHED)).event(end) == ""
    assert Talk(Session(name="fix", agent="claude")).event(end) == "■ lost\n"


def test_thinking_is_dim_where_there_is_colour() -> None:
    assert shown(thought("hm\nso"), colour=True) == "\x1b[2m✻ \x1b[0m\x1b[2mhm\x1b[0m\n  \x1b[2mso\x1b[0m\n"
