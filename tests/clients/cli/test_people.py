"""Ages, sizes, tables and colours, for people."""

from __future__ import annotations

import io

import pytest
from sightline_cli import people


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("seconds", "text"), [(-1, "0s"), (0, "0s"), (59.9, "59s"), (180, "3m"), (7200, "2h"), (90000, "1d")])
def test_ages_have_one_unit(seconds: float, text: str) -> None:
    assert people.age(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 40, "5.0 TiB")])
def test_sizes_have_one_unit(count: int, text: str) -> None:
    assert people.size(count) == text


def test_one_is_not_several() -> None:
    assert [people.count(number, "step") for number in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.123, "0.12 s"), (3.21, "3.2 s"), (59, "59 s"), (185, "3 m 5 s"), (7800, "2 h 10 m")]
)
def test_spans_are_as_exact_as_they_are_short(seconds: float, text: str) -> None:
    assert people.span(seconds) == text


def test_a_table_is_aligned_and_its_flexible_column_gives_way() -> None:
    lines = people.table(
        ("NAME", "COMMAND", "END"), [("web", "a very long command line", "ok"), ("database", "x", "")], 30, flexible=1
    )
    assert lines == ["NAME      COMMAND          END", "web       a very long co…  ok", "database  x"]
    assert max(map(len, lines)) <= 30


def test_a_table_without_a_terminal_is_not_cut() -> None:
    assert people.table(("A", "B"), [("x" * 200, "y")], None, flexible=0)[1] == "x" * 200 + "  y"


def test_control_characters_do_not_reach_a_table() -> None:
    assert people.fit("a\x1b[31mb\n", 80) == "a?[31mb?"


def test_colour_is_for_terminals_that_nobody_forbade_it() -> None:
    assert people.wants_colour(Terminal(), {})
    assert not people.wants_colour(io.StringIO(), {})
    assert not people.wants_colour(Terminal(), {"NO_COLOR": "1"})
    assert not people.wants_colour(Terminal(), {"TERM": "dumb"})
