"""The pace of a replay, by a clock of the test's own."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sightline_cli.playing import Pace

S = 10**9  # ns


def test_pieces_are_due_when_they_were_written() -> None:
    pace = Pace(1.0, None, 0.0, now=100.0)
    pace.reach(5 * S, 100.0)
    assert pace.left(100.0) == 0
    pace.reach(7 * S, 100.0)
    assert pace.left(100.5) == pytest.approx(1.5)


@example([0, 0, 1001], [0.5] + [0.0] * 49)
@given(st.lists(st.integers(0, 3 * S), max_size=50), st.lists(st.floats(0, 0.5), min_size=50, max_size=50))
def test_being_late_is_made_up_for_and_never_adds_up(pauses: list[int], late: list[float]) -> None:
    pace = Pace(2.0, None, 0.0, now=0.0)
    moment, now = 0, 0.0
    pace.reach(0, now)
    for pause, delay in zip(pauses, late, strict=False):
        moment += pause
        pace.reach(moment, now)
        left = pace.left(now)
        assert left is not None
        assert now + left == pytest.approx(max(now, moment / S / 2))
        now += left + delay


def test_no_pause_is_longer_than_was_asked() -> None:
    pace = Pace(2.0, 1.0, 0.0, now=0.0)
    for moment, due in ((0, 0.0), (3600, 0.5), (3600.2, 0.6), (9999, 1.1)):
        pace.reach(int(moment * S), 0.0)
        assert pace.left(0.0) == pytest.approx(due)


def test_what_came_before_the_place_asked_for_is_due_at_once() -> None:
    pace = Pace(1.0, None, 10.0, now=0.0)
    for moment, due in ((0, 0.0), (4, 0.0), (9.5, 0.0), (12, 2.0), (13, 3.0)):
        pace.reach(int(moment * S), 0.0)
        assert pace.left(0.0) == pytest.approx(due)


def test_at_infinite_speed_everything_is_due_at_once() -> None:
    pace = Pace(float("inf"), None, 0.0, now=0.0)
    for moment in (0, 10**18):
        pace.reach(moment, 0.0)
        assert pace.left(0.0) == 0
    pace.change(0.0, faster=False)
    pace.toggle(1.0)
    assert pace.left(1.0) is None
    pace.toggle(2.0)
    assert pace.left(2.0) == 0


def test_while_it_is_paused_nothing_is_due_and_the_pause_is_not_made_up_for() -> None:
    pace = Pace(1.0, None, 0.0, now=0.0)
    pace.reach(0, 0.0)
    pace.reach(10 * S, 0.0)
    pace.toggle(4.0)
    assert pace.left(50.0) is None
    pace.toggle(104.0)
    assert pace.left(104.0) == pytest.approx(6.0)
    assert pace.left(110.0) == 0


def test_a_change_of_speed_counts_from_the_moment_of_the_change() -> None:
    pace = Pace(1.0, None, 0.0, now=0.0)
    pace.reach(0, 0.0)
    pace.reach(10 * S, 0.0)
    pace.change(4.0, faster=True)
    assert pace.left(4.0) == pytest.approx(3.0)
    pace.change(5.0, faster=False)
    assert pace.left(5.0) == pytest.approx(4.0)
    for _ in range(100):
        pace.change(5.0, faster=True)
    assert pace.speed == 1024.0
