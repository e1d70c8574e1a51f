"""Lines of several writers on one screen."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from sightline_cli.lines import Line, Screen

PIECES = st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\r\n", b"50%", b"\xc3", b"\xa4", b"\x1b[1m"]), max_size=12).map(
    b"".join
)


def shown(*writes: tuple[Line, bytes]) -> bytes:
    screen = Screen()
    return b"".join(screen.write(line, data) for line, data in writes) + screen.finish()


def test_a_prefix_stands_at_the_head_of_each_line() -> None:
    assert shown((Line(b"[setup] "), b"one\ntwo\n")) == b"[setup] one\n[setup] two\n"


def test_an_empty_line_has_its_prefix_too() -> None:
    assert shown((Line(b"[a] "), b"x\n\ny\n")) == b"[a] x\n[a] \n[a] y\n"


def test_a_partial_line_is_shown_at_once_and_goes_on_without_a_second_prefix() -> None:
    line, screen = Line(b"[a] "), Screen()
    assert screen.write(line, b"load") == b"[a] load"
    assert screen.write(line, b"ing\n") == b"ing\n"


def test_a_progress_bar_keeps_its_prefix_after_each_return() -> None:
    assert shown((Line(b"[a] "), b"10%\r50%\r100%\n")) == b"[a] 10%\r[a] 50%\r[a] 100%\n"


def test_another_writer_ends_an_open_line_which_then_goes_on_with_its_prefix() -> None:
    one, two = Line(b"[a] "), Line(b"[b] ")
    assert shown((one, b"load"), (two, b"x\n"), (one, b"ing\n")) == b"[a] load\n[b] x\n[a] ing\n"


def test_a_writer_without_a_prefix_is_not_touched_by_another_one_without() -> None:
    out, error = Line(), Line(b"", b"<", b">")
    assert shown((out, b"name? "), (error, b"no\n"), (out, b"x\r\n")) == b"name? <no>\nx\r\n"


def test_an_open_line_without_a_prefix_is_left_as_it_is_at_the_end() -> None:
    assert shown((Line(), b"no newline")) == b"no newline"


def test_an_open_line_with_a_prefix_is_ended_at_the_end() -> None:
    assert shown((Line(b"[a] "), b"no newline")) == b"[a] no newline\n"


def test_colour_is_switched_off_before_the_line_ends() -> None:
    assert shown((Line(b"", b"<", b">"), b"a\nb")) == b"<a>\n<b>"


@given(PIECES)
def test_without_prefixes_every_byte_passes_as_it_is(data: bytes) -> None:
    assert shown((Line(), data)) == data


@given(PIECES, PIECES)
def test_prefixes_and_line_ends_are_all_that_is_added(one: bytes, two: bytes) -> None:
    result = shown((Line(b"[a] "), one), (Line(b"[b] "), two))
    kept = re.sub(rb"\[[ab]\] |[\r\n]", b"", result)
    assert kept == re.sub(rb"[\r\n]", b"", one + two)


@given(PIECES)
def test_it_makes_no_difference_how_bytes_are_cut(data: bytes) -> None:
    line = Line(b"[a] ")
    assert shown(*((line, data[i : i + 1]) for i in range(len(data)))) == shown((Line(b"[a] "), data))
