"""Which state may follow which, and what an ending means."""

from __future__ import annotations

import pytest
from sightline.v1.event_pb2 import Outcome, SessionState
from sightline_server.capture.base import Ending
from sightline_server.errors import BadName
from sightline_server.sessions import lifecycle, names
from sightline_server.sessions.lifecycle import Asked

SECOND = 1_000_000_000
NOTHING = Asked(terminated=False, interrupted=0, now=100 * SECOND)


def interrupted(seconds_ago: float) -> Asked:
    return Asked(terminated=False, interrupted=int((100 - seconds_ago) * SECOND), now=100 * SECOND)


@pytest.mark.parametrize(
    ("ending", "asked", "outcome"),
    [
        (Ending(exit_code=0), NOTHING, Outcome.OUTCOME_SUCCEEDED),
        (Ending(exit_code=3), NOTHING, Outcome.OUTCOME_FAILED),
        (Ending(signal=11), NOTHING, Outcome.OUTCOME_FAILED),
        (Ending(started=False, error="no"), NOTHING, Outcome.OUTCOME_FAILED),
        (Ending(observed=False), NOTHING, Outcome.OUTCOME_LOST),
        (Ending(released=True), NOTHING, Outcome.OUTCOME_RELEASED),
        (Ending(signal=15), Asked(True, 0, 0), Outcome.OUTCOME_CANCELLED),
        (Ending(exit_code=0), Asked(True, 0, 0), Outcome.OUTCOME_CANCELLED),
        (Ending(signal=2), NOTHING, Outcome.OUTCOME_FAILED),
        (Ending(signal=2), interrupted(1000), Outcome.OUTCOME_INTERRUPTED),
        (Ending(exit_code=130), interrupted(60), Outcome.OUTCOME_INTERRUPTED),
        (Ending(exit_code=2), interrupted(1), Outcome.OUTCOME_INTERRUPTED),
        (Ending(exit_code=2), interrupted(60), Outcome.OUTCOME_FAILED),
        (Ending(exit_code=0), interrupted(1), Outcome.OUTCOME_SUCCEEDED),
    ],
)
def test_an_ending_means_one_outcome(ending: Ending, asked: Asked, outcome: int) -> None:
    assert lifecycle.completed(ending, asked).outcome == outcome


def test_a_program_that_never_ran_says_so() -> None:
    assert lifecycle.completed(Ending(started=False, error="no"), NOTHING).error_code == "NOT_STARTED"


def test_nothing_follows_the_end_and_everything_may_end() -> None:
    states = [state for state in SessionState.values() if state]
    assert set(lifecycle.TRANSITIONS) == set(states)
    for state in states:
        assert not lifecycle.may_follow(SessionState.SESSION_STATE_ENDED, state)
        if state != SessionState.SESSION_STATE_ENDED:
            assert lifecycle.may_follow(state, SessionState.SESSION_STATE_ENDED)


@pytest.mark.parametrize("name", ["a", "A.b_c-9", "x" * 64])
def test_good_names(name: str) -> None:
    assert names.check(name) == name


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "ü", "a/b", "a\n", "a@b"])
def test_bad_names(name: str) -> None:
    with pytest.raises(BadName):
        names.check(name)


def test_an_invented_name_is_free_and_a_name() -> None:
    taken = {"make", "make-2"}
    assert names.invent(["/usr/bin/make", "-j2"], taken.__contains__) == "make-3"
    assert names.check(names.invent(["./ö ä" * 50], taken.__contains__))
    assert names.check(names.invent([], taken.__contains__))


def test_a_host_of_ours_is_left_out() -> None:
    assert names.without_host("build@here", "here") == "build"
    assert names.without_host("build@there", "here") == "build@there"
