"""What a stream of events looks like."""

from __future__ import annotations

import json
from dataclasses import replace

from google.protobuf.json_format import Parse
from sightline.v1.event_pb2 import (
    CHANNEL_STDERR,
    CHANNEL_STDOUT,
    CHANNEL_TERMINAL,
    OUTCOME_SUCCEEDED,
    REQUEST_KIND_PERMISSION,
    ROLE_ASSISTANT,
    SESSION_STATE_WORKING,
    TOOL_STATUS_COMPLETED,
    Channel,
    Completed,
    Error,
    Event,
    Message,
    Progress,
    Request,
    RequestOption,
    StepFinished,
    ToolCall,
    ToolResult,
)
from sightline.v1.session_pb2 import Session, SessionKind
from sightline.v1.session_service_pb2 import GAP_REASON_RETENTION, Gap
from sightline_cli.printing import JsonPrinter, Look, ScreenPrinter

RED, DIM, RESET = b"\x1b[31m", b"\x1b[2m", b"\x1b[0m"
TERMINAL = Look(stdout_is_terminal=True, stderr_is_terminal=True, colour=True)


class Kept:
    """Keeps what goes where."""

    def __init__(self) -> None:
        self.put_: dict[int, bytes] = {1: b"", 2: b""}
        self.together = b""

    def put(self, descriptor: int, data: bytes) -> None:
        self.put_[descriptor] += data
        self.together += data

    @property
    def out(self) -> bytes:
        return self.put_[1]

    @property
    def err(self) -> bytes:
        return self.put_[2]


def output(data: bytes, channel: Channel.ValueType = CHANNEL_STDOUT, source: str = "", session: str = "s") -> Event:
    source = source or Channel.Name(channel).removeprefix("CHANNEL_").lower()
    event = Event(session_id=session, source=source)
    event.output.data, event.output.channel = data, channel
    return event


def printed(look: Look, *events: Event) -> Kept:
    kept = Kept()
    printer = ScreenPrinter(kept, look)
    printer.session(Session(id="s", name="web"))
    printer.session(Session(id="t", name="db"))
    for event in events:
        printer.event(event)
    printer.finish()
    return kept


def test_a_commands_output_is_passed_on_byte_for_byte_each_to_its_own_place() -> None:
    kept = printed(Look(), output(b"one\r\n\xff"), output(b"oops", CHANNEL_STDERR), output(b"two"))
    assert (kept.out, kept.err) == (b"one\r\n\xfftwo", b"oops")


def test_stderr_is_in_colour_on_a_terminal() -> None:
    assert printed(TERMINAL, output(b"oops\n", CHANNEL_STDERR)).err == RED + b"oops" + RESET + b"\n"


def test_a_named_source_stands_in_brackets_without_its_family() -> None:
    kept = printed(Look(), output(b"a\n", source="script:setup"), output(b"b\n", CHANNEL_STDERR, source="git"))
    assert (kept.out, kept.err) == (b"[setup] a\n", b"[git] b\n")


def test_a_failure_that_was_allowed_is_told_and_other_steps_go_without_a_word() -> None:
    steps = [StepFinished(step="git"), StepFinished(step="docker", exit_code=125, failure_allowed=True)]
    kept = printed(Look(), *(Event(session_id="s", source="sightline", step_finished=step) for step in steps))
    assert (kept.out, kept.err) == (b"", b"[sightline] docker failed with exit code 125, which is allowed\n")


def test_several_sessions_are_told_apart_by_name() -> None:
    look = Look(names=True)
    kept = printed(look, output(b"a\n"), output(b"b\n", session="t"), output(b"c\n", source="script:setup"))
    assert kept.out == b"[web] a\n[db] b\n[web] [setup] c\n"


def test_a_note_begins_on_a_line_of_its_own_on_a_shared_terminal() -> None:
    kept = Kept()
    printer = ScreenPrinter(kept, Look(stdout_is_terminal=True, stderr_is_terminal=True))
    printer.event(output(b"10%"))
    printer.note("hello")
    assert kept.together == b"10%\n[sightline] hello\n"


def test_a_note_does_not_touch_a_pipe() -> None:
    kept = Kept()
    printer = ScreenPrinter(kept, Look(stderr_is_terminal=True))
    printer.event(output(b"10%"))
    printer.note("hello")
    printer.event(output(b"20%"))
    assert (kept.out, kept.err) == (b"10%20%", b"[sightline] hello\n")


def test_what_was_lost_is_told_and_what_merely_happened_is_not() -> None:
    lost, state = Event(session_id="s"), Event(session_id="s")
    lost.output_lost.bytes = 2048
    state.state_changed.reason = "it began"
    kept = printed(Look(), lost, state)
    assert kept.err == b"[sightline] output was lost: 2.0 KiB\n"


def test_everything_is_a_line_when_asked_for() -> None:
    state = Event(session_id="s")
    state.state_changed.state = SESSION_STATE_WORKING
    kept = printed(Look(everything=True), output(b"10%"), state)
    assert (kept.out, kept.err) == (b"10%\n[sightline] working\n", b"")


def test_questions_reach_a_pipe_and_no_terminal() -> None:
    asked = output(b"a\x1b[6nb", CHANNEL_TERMINAL)
    assert printed(Look(), asked).out == b"a\x1b[6nb"
    assert printed(TERMINAL, asked).out == b"ab" + RESET


def test_what_a_program_switched_on_a_terminal_is_switched_back() -> None:
    switched = output(b"\x1b[?25lx", CHANNEL_TERMINAL)
    assert printed(TERMINAL, switched).out == b"\x1b[?25lx" + RESET + b"\x1b[?25h"
    assert printed(Look(), switched).out == b"\x1b[?25lx"


def test_a_gap_says_what_is_missing_and_why() -> None:
    kept = Kept()
    ScreenPrinter(kept, Look()).gap(Gap(session_id="s", first_seq=1, last_seq=9, reason=GAP_REASON_RETENTION))
    assert kept.err == b"[sightline] events 1 to 9: no longer kept\n"


def test_json_is_canonical_and_one_event_a_line() -> None:
    kept = Kept()
    event = output(b"hello\n")
    event.seq = 7
    JsonPrinter(kept, text=False).event(event)
    line, newline, rest = kept.out.partition(b"\n")
    assert (newline, rest) == (b"\n", b"")
    assert Parse(line, Event()) == event


def test_text_is_beside_the_bytes_and_a_cut_character_comes_with_its_second_half() -> None:
    kept = Kept()
    printer = JsonPrinter(kept, text=True)
    printer.event(output(b"caf\xc3"))
    printer.event(output(b"\xa9\xff"))
    texts = [json.loads(line)["text"] for line in kept.out.splitlines()]
    assert texts == ["caf", "\xe9\ufffd"]


# --- an agent's session

AGENT = Session(id="s", name="web", agent="claude")
PIPED = Look(talk=0, result=True)
SHOWN = Look(stdout_is_terminal=True, columns=40)


def talked(look: Look, *events: Event, session: Session = AGENT) -> Kept:
    kept = Kept()
    printer = ScreenPrinter(kept, look)
    printer.session(session)
    for event in events:
        event.session_id = "s"
        printer.event(event)
    printer.finish()
    return kept


def said(text: str, *, delta: bool = False) -> Event:
    return Event(source="claude", message=Message(role=ROLE_ASSISTANT, text=text, message_id="m", delta=delta))


def works(seconds: int) -> Event:
    event = Event(source="claude", progress=Progress(phase="Bash" * 20))
    event.progress.elapsed.FromSeconds(seconds)
    return event


END = Event(source="claude", completed=Completed(outcome=OUTCOME_SUCCEEDED, result_text="The end\x1b"))


def test_piped_an_agents_last_word_goes_out_as_it_is_and_nothing_else() -> None:
    kept = talked(PIPED, said("I begin"), works(5), END)
    assert (kept.out, kept.err) == (b"The end\x1b\n", b"")
    assert talked(Look(), said("I begin"), END).out == b"\xe2\x97\x8f I begin\n\n\xe2\x96\xa0 succeeded\n"


def test_where_nothing_is_shown_a_request_and_an_error_are_told_all_the_same() -> None:
    asked = Request(request_id="r", kind=REQUEST_KIND_PERMISSION, text="rm", options=[RequestOption(option_id="allow")])
    kept = talked(PIPED, Event(request=asked), Event(source="claude", error=Error(message="overloaded")))
    assert kept.err == (b"[sightline] permission: rm (answer with: sightline answer web allow)\n[sightline] error: overloaded\n")
    assert kept.out == b""


def test_with_a_terminal_on_stderr_alone_it_is_shown_there() -> None:
    kept = talked(Look(stderr_is_terminal=True, talk=2, result=True), said("I begin"), END)
    assert kept.out == b"The end\x1b\n"
    assert b"I begin" in kept.err


def test_progress_is_one_line_that_goes_when_anything_else_comes() -> None:
    kept = talked(SHOWN, works(5), works(10), said("Done"), works(15))
    line = "⋯ " + "Bash" * 9
    assert kept.out.decode() == f"{line}…\r\x1b[K{line}…\r\x1b[K● Done\n{line}…\r\x1b[K"
    assert talked(Look(), works(5), said("Done")).out.decode() == "● Done\n", "in a pipe there is none"


def test_progress_does_not_cut_a_message_and_ends_the_line_of_a_call() -> None:
    call = Event(source="claude", tool_call=ToolCall(tool_call_id="1", title="Bash: x"))
    result = Event(source="claude", tool_result=ToolResult(tool_call_id="1", status=TOOL_STATUS_COMPLETED))
    kept = talked(SHOWN, said("I ", delta=True), works(5), said("go", delta=True), call, works(10), result)
    text = kept.out.decode().replace("⋯ " + "Bash" * 9 + "…\r\x1b[K", "<progress>")
    assert text == "● I go\n\n● other Bash: x\n<progress>● other Bash: x → ok\n"


def test_what_it_writes_to_stderr_ends_the_line_that_is_open_on_the_same_terminal() -> None:
    kept = talked(TERMINAL, said("I ", delta=True), output(b"oops\n", CHANNEL_STDERR), said("go", delta=True))
    assert kept.together.decode() == "● I \n\x1b[31moops\x1b[0m\n\n● go\n"


def test_a_plain_commands_session_shows_nothing_of_what_others_publish_into_it_and_a_screen_is_a_screen() -> None:
    assert talked(SHOWN, said("hi"), session=Session(id="s", name="web")).together == b""
    pane = Session(id="s", name="web", agent="claude", kind=SessionKind.SESSION_KIND_TMUX)
    assert talked(SHOWN, said("hi"), session=pane).together == b""
    assert b"hi" in talked(replace(SHOWN, screens=False), said("hi"), session=pane).out
