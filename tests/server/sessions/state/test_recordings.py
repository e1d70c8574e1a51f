"""Recorded terminals whose truth is known, in fast time: what is said of them is true, in time, and said once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import replay, verdicts


@pytest.fixture(scope="module")
def drawn() -> Iterator[replay.Screen]:
    with tempfile.TemporaryDirectory() as scratch, replay.screen(Path(scratch)) as screen:
        yield screen


@pytest.mark.parametrize("name", replay.names())
def test_what_is_said_of_a_recording_is_true_and_in_time_and_said_once(name: str, drawn: replay.Screen) -> None:
    recording = replay.load(name)
    said = verdicts.said_in(recording, drawn)
    assert verdicts.judge(recording, said).problems == []
    for moment, end in zip(recording.truth, [*(m.time for m in recording.truth[1:]), recording.end], strict=True):
        if moment.tool:
            assert not [each for each in said if each.state == "IDLE" and moment.time <= each.time < end], "done while a tool runs"


def test_a_verdict_finds_what_is_false_late_missing_or_said_twice() -> None:
    recording = replay.load("bash-sudo")
    true = [
        (moment.time, moment.state, moment.waiting_for) for moment, _ in verdicts.stretches(recording) if moment.state != "STARTING"
    ]
    right = [verdicts.Said(time + (3.1 if state == "IDLE" else 0.0), state, waiting_for) for time, state, waiting_for in true]
    assert verdicts.judge(recording, right).problems == []
    place = next(place for place, each in enumerate(right) if each.state == "WAITING")
    late = verdicts.Said(right[place].time + 0.5, "WAITING", "LOGIN")
    hasty = verdicts.Said(right[place + 1].time + 0.5, "IDLE")
    for wrong in (
        [*right[:place], late, *right[place + 1 :]],
        right[:place] + right[place + 1 :],
        right[:-1],
        [*right[: place + 2], hasty, right[place + 1], *right[place + 2 :]],
        [*right[: place + 1], right[place], *right[place + 1 :]],
    ):
        assert verdicts.judge(recording, wrong).problems
