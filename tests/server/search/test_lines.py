"""Events as lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from server.search.events import STEP, numbered, output
from sightline.v1.event_pb2 import (
    Channel,
    Completed,
    Error,
    Event,
    FileChanged,
    Input,
    Location,
    Message,
    Notice,
    OutputLost,
    Plan,
    PlanEntry,
    Request,
    RequestOption,
    RequestResolved,
    StepStarted,
    Thinking,
    ToolCall,
    ToolResult,
    TurnFinished,
    TurnStarted,
)
from sightline_server.search.lines import MAX_LINE, MAX_OPEN, Line, Lines


def lines_of(*events: Event) -> list[tuple[int, str]]:
    """The `seq` and the text of every line, those without an end last."""
    lines = Lines()
    found = [line for event in numbered(events) for line in lines.feed(event)]
    return [(line.seq, line.text) for line in [*found, *lines.rest()]]


def texts(*events: Event) -> list[str]:
    return [text for _, text in lines_of(*events)]


def test_a_word_that_two_chunks_share_is_whole_and_begins_in_the_first() -> None:
    assert lines_of(output(b"one\nhel"), output(b"lo wo"), output(b"rld\ntwo\n")) == [(1, "one"), (1, "hello world"), (3, "two")]


def test_a_character_that_two_chunks_share_is_whole() -> None:
    data = "müde\n".encode()
    assert texts(output(data[:2]), output(data[2:])) == ["müde"]


def test_escape_codes_within_a_word_are_not_in_its_way() -> None:
    assert texts(output(b"er\x1b[31m"), output(b"r\x1b[1"), output(b";2mor\x1b[0m\n")) == ["error"]


def test_where_a_program_moves_the_cursor_words_do_not_run_together() -> None:
    found = " ".join(texts(output(b"\x1b[1;1Hleft\x1b[1;40Hright\x1b[2;1Hbelow\x1b[5Cfar\n"))).split()
    assert found == ["left", "right", "below", "far"]


def test_stdout_and_stderr_are_lines_of_their_own() -> None:
    found = texts(
        output(b"out"),
        output(b"err", "stderr", Channel.CHANNEL_STDERR),
        output(b"put\n"),
        output(b"or\n", "stderr", Channel.CHANNEL_STDERR),
    )
    assert found == ["output", "error"]


def test_steps_are_told_apart_by_their_source() -> None:
    assert texts(output(b"clo", "git"), output(b"bui", "docker"), output(b"ning\n", "git"), output(b"ld\n", "docker")) == [
        "cloning",
        "build",
    ]


def test_of_progress_what_was_written_last_stays() -> None:
    assert texts(output(b"10%\r"), output(b"50%\r"), output(b"100%\n")) == ["100%"]


def test_a_line_without_an_end_is_given_and_taken_back_when_it_grows() -> None:
    lines = Lines()
    first, second, third = numbered([output(b"Password"), output(b" for me"), output(b": ok\n")])
    assert lines.feed(first) == []
    (rest,) = lines.rest()
    assert (rest.text, rest.seq) == ("Password", 1)
    rest.place = 5
    lines.settle()
    assert lines.rest() == []
    assert lines.feed(second) == []
    (again,) = lines.rest()
    assert (again.text, again.place, again.before) == ("Password for me", 5, "Password")
    lines.settle()
    assert lines.feed(third) == [Line(1, STEP, "Password for me: ok", 5, "Password for me")]


def test_what_was_given_and_is_wiped_out_leaves_an_empty_place() -> None:
    lines = Lines()
    first, second = numbered([output(b"50%"), output(b"\r\x1b[K\n")])
    lines.feed(first)
    (rest,) = lines.rest()
    rest.place = 5
    lines.settle()
    assert lines.feed(second) == [Line(1, STEP, "", 5, "50%")]


def test_a_restart_goes_on_within_a_line() -> None:
    first, second = numbered([output(b"one\ner\x1b[3"), output(b"1mror\n")])
    lines = Lines()
    lines.feed(first)
    (rest,) = lines.rest()
    rest.place = 9
    state = lines.settle()
    assert Lines(state).feed(second) == [Line(1, STEP, "error", 9, "er")]


def test_the_end_of_a_session_ends_its_lines() -> None:
    assert lines_of(output(b"no newline"), Event(completed=Completed(error="killed", labels={"id": "x7"}))) == [
        (2, "killed"),
        (2, "id=x7"),
        (1, "no newline"),
    ]


def test_nothing_goes_on_over_a_hole() -> None:
    lines = Lines()
    first, second = numbered([output(b"hel"), output(b"lo\n")])
    found = [*lines.feed(first), *lines.interrupted(), *lines.feed(second)]
    assert [line.text for line in found] == ["hel", "lo"]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Event(message=Message(text="two\nlines \x1b[1mbold\x1b[0m")), ["two", "lines bold"]),
        (Event(thinking=Thinking(text="hm")), ["hm"]),
        (
            Event(
                tool_call=ToolCall(
                    name="Bash",
                    title="run it",
                    input_json=b'{"command": "make\\nall", "n": 3}',
                    locations=[Location(path="/x/y.c")],
                )
            ),
            ["Bash run it", "command", "make", "all", "n", "3", "/x/y.c"],
        ),
        (Event(tool_call=ToolCall(name="x", input_json=b"{torn")), ["x", "{torn"]),
        (Event(tool_call=ToolCall(input_json=b'"\\ud800"')), ["?"]),
        (Event(tool_result=ToolResult(content="done\r\nwell")), ["done", "well"]),
        (Event(notice=Notice(code="retry", text="once more")), ["retry once more"]),
        (Event(error=Error(code="DISK_FULL", message="no room")), ["DISK_FULL no room"]),
        (Event(file_changed=FileChanged(path="/a/new", old_path="/a/old")), ["/a/new", "/a/old"]),
        (Event(plan=Plan(entries=[PlanEntry(content="first"), PlanEntry(content="second")])), ["first", "second"]),
        (Event(request=Request(text="may I", options=[RequestOption(label="yes")])), ["may I", "yes"]),
        (Event(request_resolved=RequestResolved(text="go")), ["go"]),
        (Event(turn_started=TurnStarted(prompt="please")), ["please"]),
        (Event(turn_finished=TurnFinished(text="there")), ["there"]),
        (Event(step_started=StepStarted(step="script:setup")), ["script:setup"]),
        (Event(output_lost=OutputLost(reason="flooded")), ["flooded"]),
        (Event(input=Input(data=b"ls\r")), ["ls"]),
        (Event(input=Input(data=b"ls", submit=True)), ["ls"]),
        (Event(input=Input(data=b"secret", length=6, redacted=True)), []),
    ],
)
def test_what_is_said_typed_and_done_has_lines(event: Event, expected: list[str]) -> None:
    assert texts(event) == expected


def test_pieces_of_a_message_are_one_text() -> None:
    pieces = [Event(message=Message(text=text, message_id="m", delta=True)) for text in ("Hel", "lo\nwor", "ld\n")]
    assert lines_of(*pieces) == [(1, "Hello"), (2, "world")]


def test_a_long_line_is_cut_between_words() -> None:
    found = texts(output(b"word " * 1000 + b"\n"))
    assert all(len(line) <= MAX_LINE for line in found)
    assert " ".join(" ".join(found).split()) == " ".join(["word"] * 1000)


def test_bytes_that_are_no_text_are_not_looked_up() -> None:
    assert texts(output(bytes(range(128, 256)) * 8 + b"\n"), output(b"text\n")) == ["text"]


def test_a_log_has_a_bounded_number_of_open_lines() -> None:
    pieces = [Event(message=Message(text=f"m{n}", message_id=str(n), delta=True)) for n in range(MAX_OPEN + 5)]
    lines = Lines()
    ended = [line.text for event in numbered(pieces) for line in lines.feed(event)]
    assert ended == ["m0", "m1", "m2", "m3", "m4"]
    assert len(lines.rest()) == MAX_OPEN


PIECES = st.lists(
    st.sampled_from(
        [b"word", b" ", b"\n", b"\r\n", b"\r", b"\x1b[31m", b"\x1b[0m", b"\x1b[2K", b"\x1b]0;t\x07", "é日".encode(), b"\x08", b"\t"]
    ),
    max_size=40,
).map(b"".join)


@given(PIECES, st.lists(st.integers(1, 6), min_size=1, max_size=20), st.booleans())
def test_the_lines_are_the_same_for_any_chunks_and_over_restarts(data: bytes, sizes: list[int], restart: bool) -> None:
    whole = texts(output(data))
    chunks: list[bytes] = []
    rest = data
    while rest:
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(rest[:size])
        rest = rest[size:]
    lines = Lines()
    found: list[Line] = []
    for event in numbered([output(chunk) for chunk in chunks]):
        found += lines.feed(event)
        if restart:
            lines = Lines(lines.state)
    assert [line.text for line in [*found, *lines.rest()]] == whole
