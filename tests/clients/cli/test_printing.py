"""What a stream of events looks like."""

from __future__ import annotations

import json

from google.protobuf.json_format import Parse
from sightline.v1.event_pb2 import (
    CHANNEL_STDERR,
    CHANNEL_STDOUT,
    CHANNEL_TERMINAL,
    SESSION_STATE_WORKING,
    Channel,
    Event,
    StepFinished,
)
from sightline.v1.session_pb2 import Session
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
