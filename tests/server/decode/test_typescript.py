"""What `script` writes around the output: forms of util-linux 2.38, older ones, other languages, and what is none of them."""

from __future__ import annotations

import pytest
from sightline_server.decode.typescript import SECOND, Timeline, footer, header, held_back, may_be_header, moment

PIPED = b'Script started on 2026-03-01 10:00:42+00:00 [COMMAND="make -j2" <not executed on terminal>]\n'
IN_TERMINAL = (
    b'Script started on 2026-03-01 10:00:42+01:00 [COMMAND="echo "[x]"" TERM="xterm" TTY="/dev/pts/2" COLUMNS="132" LINES="43"]\n'
)
GERMAN = b'Skript gestartet auf 2026-03-01 10:00:42+00:00 [TERM="xterm" TTY="/dev/pts/2" COLUMNS="80" LINES="24"]\n'
OLD = b"Script started on Mon 05 Mar 2018 10:00:42 AM CET\n"
DONE = b'\nScript done on 2026-03-01 10:00:50+00:00 [COMMAND_EXIT_CODE="3"]\n'
START = 1_772_359_242 * SECOND


def test_the_first_line_tells_when_what_and_how_large() -> None:
    piped = header(PIPED + b"output\n")
    assert piped is not None
    assert (piped.length, piped.started, piped.columns, piped.rows, piped.command) == (len(PIPED), START, 0, 0, "make -j2")
    shown = header(IN_TERMINAL)
    assert shown is not None
    assert (shown.started, shown.columns, shown.rows, shown.command) == (START - 3600 * SECOND, 132, 43, 'echo "[x]"')


@pytest.mark.parametrize("line", [GERMAN, OLD])
def test_the_first_line_is_known_in_other_forms(line: bytes) -> None:
    found = header(line + b"output")
    assert found is not None
    assert found.length == len(line)


@pytest.mark.parametrize(
    "data", [b"error: [<x>]\n", b"", b"make: nothing\nScript started on 2026\n", b'2026-03-01 error [NAME="x"]\n', b"\x00\xff\n"]
)
def test_output_is_no_first_line(data: bytes) -> None:
    assert header(data) is None


def test_a_first_line_that_comes_byte_by_byte_is_waited_for_and_output_is_not() -> None:
    for length in range(1, len(PIPED)):
        assert header(PIPED[:length]) is None
        assert may_be_header(PIPED[:length])
    assert not may_be_header(b"$ ")


def test_the_last_line_tells_the_exit_code_or_why_there_is_none() -> None:
    last = footer(b"output\r\n" + DONE)
    assert last is not None
    assert (last.length, last.exit_code, last.why) == (len(DONE), 3, "")
    stopped = footer(b"x\nScript done on 2026-03-01 10:00:50+00:00 [<max output size exceeded>]\n")
    assert stopped is not None
    assert (stopped.exit_code, stopped.why) == (None, "max output size exceeded")
    german = footer(b'x\nSkript beendet: 2026-03-01 10:00:50+00:00 [COMMAND_EXIT_CODE="0"]\n')
    assert german is not None
    assert german.exit_code == 0


def test_what_a_terminal_shows_of_another_typescript_is_no_last_line() -> None:
    """A terminal turns line ends into CR LF; `script` writes its own without."""
    assert footer(b"$ cat old\r\n" + DONE.replace(b"\n", b"\r\n")) is None
    assert footer(DONE + b"$ ") is None


def test_a_last_line_that_comes_byte_by_byte_is_held_back_from_its_first_byte() -> None:
    for length in range(1, len(DONE)):
        assert held_back(b"output" + DONE[:length]) == length
    assert held_back(b"output\r\n") == 0
    assert held_back(b"a\nScripture") == 0


def test_both_formats_of_timing_tell_the_same_and_byte_by_byte() -> None:
    classic = b"0.010172 7\n0.293431 2\n0.101839 4\n"
    advanced = (
        b"H 0.000000 START_TIME 2026-03-01 10:00:42+00:00\nH 0.000000 COMMAND a b\nO 0.010172 7\nI 0.1 3\n"
        b"S 0.1 SIGWINCH ROWS=30 COLS=100\nO 0.093431 2\nO 0.101839 4\nH 0.000000 EXIT_CODE 0\n"
    )
    for text in (classic, advanced):
        whole, by_byte = Timeline(), Timeline()
        whole.feed(text)
        for byte in text:
            by_byte.feed(bytes([byte]))
        for timeline in (whole, by_byte):
            assert not timeline.problem
            assert (timeline.told, timeline.elapsed) == (13, 405_442_000)
            assert list(timeline.pieces(0, 13, 65536)) == [(7, 10_172_000), (2, 303_603_000), (4, 405_442_000)]
            assert list(timeline.pieces(8, 3, 65536)) == [(1, 303_603_000), (2, 405_442_000)]
    assert whole.started == START
    assert whole.size(6) == (0, 0)
    assert whole.size(7) == (100, 30)


def test_pieces_close_together_are_one_and_none_is_too_large() -> None:
    timeline = Timeline()
    timeline.feed(b"0.5 1000\n" + b"0.001 1000\n" * 9 + b"1.0 100000\n")
    assert list(timeline.pieces(0, 110_000, 65536)) == [(10_000, 509_000_000), (65_536, 1_509_000_000), (34_464, 1_509_000_000)]


def test_bytes_that_the_timing_does_not_tell_of_have_no_time() -> None:
    timeline = Timeline()
    timeline.feed(b"0.5 10\n")
    assert list(timeline.pieces(0, 15, 65536)) == [(10, 500_000_000), (5, -1)]
    assert list(timeline.pieces(100, 5, 65536)) == [(5, -1)]


@pytest.mark.parametrize(
    "line",
    [
        b"-0.5 10",
        b"0.5 -10",
        b"nan 3",
        b"inf 3",
        b"1e9 3",
        b"nonsense",
        b"0.5",
        b"\xff\x00",
        b"9999999999 1",
        b"0.1 999999999999999",
    ],
)
def test_a_line_that_makes_no_sense_is_a_problem_and_nothing_is_believed_any_more(line: bytes) -> None:
    timeline = Timeline()
    timeline.feed(b"0.5 10\n" + line + b"\n0.5 10\n")
    assert timeline.problem
    assert list(timeline.pieces(0, 10, 65536)) == [(10, -1)]


def test_a_torn_last_line_waits_for_its_rest() -> None:
    timeline = Timeline()
    timeline.feed(b"0.5 10\n0.25 1")
    assert (timeline.told, timeline.problem) == (10, "")
    timeline.feed(b"5\n")
    assert timeline.told == 25


def test_typed_bytes_between_the_output_are_noticed() -> None:
    timeline = Timeline()
    timeline.feed(b"H 0.0 OUTPUT_LOG both\nH 0.0 INPUT_LOG both\n")
    assert timeline.mixed


@pytest.mark.parametrize("text", [b"", b"no time", b"9999-99-99 99:99:99+00:00", b"0001-01-01 00:00:00+14:00"])
def test_a_moment_that_is_none_is_zero_or_before_1970(text: bytes) -> None:
    assert moment(text) <= 0
