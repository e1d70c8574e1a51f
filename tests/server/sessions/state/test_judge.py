"""`sessions.state.judge`, with the time as an argument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightline.v1.event_pb2 import SessionState, WaitingFor
from sightline_server.sessions.state.judge import FRESH, IDLE, IDLE_HOLD, WAITING, WORK_HOLD, WORKING, Decision, Judge
from sightline_server.sessions.state.observation import Observation, Trust

UNKNOWN = SessionState.SESSION_STATE_UNKNOWN
INPUT = WaitingFor.WAITING_FOR_INPUT
NAMES = {WORKING: "working", WAITING: "waiting", IDLE: "idle", UNKNOWN: "unknown"}


def said(trust: Trust, state: SessionState.ValueType, confidence: float = 1.0, *, fresh: float | None = None) -> Observation:
    waiting_for = INPUT if state == WAITING else WaitingFor.WAITING_FOR_UNSPECIFIED
    name = f"{trust.name.lower()}/{NAMES[state]}"
    return Observation(trust, state, name, name, waiting_for, confidence, fresh=fresh)


def judge(state: SessionState.ValueType = UNKNOWN) -> Judge:
    return Judge(Decision(state))


def test_that_somebody_is_waited_for_is_said_at_once() -> None:
    one = judge(WORKING)
    one.saw(said(Trust.SCREEN, WAITING), 10.0)
    decision = one.decide(10.0)
    assert decision is not None
    assert (decision.what, decision.rule, decision.provenance) == ((WAITING, INPUT), "screen/waiting", "screen")


def test_that_it_is_idle_is_said_when_it_was_so_for_three_seconds() -> None:
    one = judge(WORKING)
    one.saw(said(Trust.PROTOCOL, IDLE), 10.0)
    assert one.decide(10.0 + IDLE_HOLD - 0.01) is None
    assert one.due == 10.0 + IDLE_HOLD
    decision = one.decide(10.0 + IDLE_HOLD)
    assert decision is not None
    assert decision.state == IDLE
    assert one.due is None


def test_idleness_that_is_interrupted_by_work_begins_anew() -> None:
    one = judge(WORKING)
    one.saw(said(Trust.TITLE, IDLE), 10.0)
    one.saw(said(Trust.TITLE, WORKING), 12.0)
    one.saw(said(Trust.TITLE, IDLE), 12.5)
    assert one.decide(13.5) is None
    assert one.due == 12.5 + IDLE_HOLD


def test_a_command_that_is_over_at_once_does_not_make_an_idle_session_flap() -> None:
    one = judge(IDLE)
    one.saw(said(Trust.TITLE, WORKING), 10.0)
    assert one.decide(10.0) is None
    one.saw(said(Trust.TITLE, IDLE), 10.0 + WORK_HOLD / 2)
    assert one.decide(11.0) is None
    assert one.due is None


def test_an_agents_turn_makes_an_idle_session_work_at_once() -> None:
    one = judge(IDLE)
    one.saw(said(Trust.TRANSCRIPT, WORKING), 10.0)
    assert one.decide(10.0) is not None


def test_saying_the_same_again_is_no_news() -> None:
    one = judge(WORKING)
    for time in range(10, 20):
        one.saw(said(Trust.PROCESS, WORKING), float(time))
        assert one.decide(float(time)) is None


@pytest.mark.parametrize("higher", [Trust.TITLE, Trust.TRANSCRIPT, Trust.PROTOCOL, Trust.SCREEN])
def test_who_is_trusted_less_does_not_overrule_a_fresh_word(higher: Trust) -> None:
    one = judge(WORKING)
    one.saw(said(higher, WORKING), 10.0)
    one.saw(said(Trust.PROCESS, IDLE), 10.0 + min(FRESH[higher], 1000.0) - 0.5)
    assert one.decide(10_000.0) is None


@pytest.mark.parametrize("higher", [Trust.SCREEN, Trust.TITLE, Trust.TRANSCRIPT])
def test_an_old_word_gives_way_to_what_is_seen_now(higher: Trust) -> None:
    one = judge(WORKING)
    one.saw(said(higher, WORKING), 10.0)
    seen = 10.0 + FRESH[higher] + 1.0
    one.saw(said(Trust.PROCESS, IDLE), seen)
    decision = one.decide(seen + IDLE_HOLD)
    assert decision is not None
    assert decision.rule == "process/idle"


def test_a_word_that_is_kept_fresh_stands_longer() -> None:
    one = judge(WORKING)
    one.saw(said(Trust.TRANSCRIPT, WORKING, fresh=600.0), 10.0)
    one.saw(said(Trust.SCREEN, IDLE), 500.0)
    assert one.decide(600.0) is None


def test_a_question_on_the_screen_is_heard_while_the_transcript_says_that_it_works() -> None:
    one = judge(WORKING)
    one.saw(said(Trust.TRANSCRIPT, WORKING, fresh=600.0), 10.0)
    one.saw(said(Trust.SCREEN, WAITING), 10.2)
    decision = one.decide(10.2)
    assert decision is not None
    assert decision.state == WAITING
    one.saw(said(Trust.TRANSCRIPT, WORKING), 15.0)  # it was answered: the tool goes on
    decision = one.decide(15.0)
    assert decision is not None
    assert decision.state == WORKING


def test_a_protocol_knows_itself_whether_somebody_is_waited_for() -> None:
    one = judge(WORKING)
    one.saw(said(Trust.PROTOCOL, WORKING), 10.0)
    one.saw(said(Trust.SCREEN, WAITING), 11.0)
    assert one.decide(11.0) is None


def test_who_is_not_sure_fills_a_gap_and_no_more() -> None:
    one = judge()
    one.saw(said(Trust.PROCESS, WORKING, 0.3), 10.0)
    decision = one.decide(10.0)
    assert decision is not None
    assert decision.state == WORKING
    one.saw(said(Trust.SCREEN, IDLE), 11.0)
    assert one.decide(11.0 + IDLE_HOLD) is not None
    one.saw(said(Trust.PROCESS, WORKING, 0.3), 1000.0)
    assert one.decide(2000.0) is None


def test_behind_an_input_the_idleness_of_before_is_the_past() -> None:
    one = judge(IDLE)
    one.saw(said(Trust.PROCESS, IDLE), 9.0)
    decision = one.typed(10.0, submitted=True)
    assert decision is not None
    assert (decision.state, decision.rule) == (WORKING, "sightline/input")
    assert one.decide(100.0) is None, "nothing new was seen"
    one.saw(said(Trust.PROCESS, IDLE), 100.0, made=9.9)
    assert one.decide(200.0) is None, "that look was had before"
    one.saw(said(Trust.PROCESS, IDLE), 201.0)
    assert one.decide(201.0 + IDLE_HOLD) is not None


def test_idleness_that_was_about_to_be_said_is_not_said_behind_an_input() -> None:
    one = judge(WORKING)
    one.saw(said(Trust.PROTOCOL, IDLE), 10.0)
    one.typed(12.9, submitted=True)
    assert one.decide(20.0) is None


def test_what_is_typed_without_being_submitted_changes_nothing_but_must_be_seen_anew() -> None:
    one = judge(IDLE)
    assert one.typed(10.0, submitted=False) is None
    assert one.decided.state == IDLE
    assert one.decide(100.0) is None
    one.saw(said(Trust.PROCESS, IDLE), 100.0)
    decision = one.decide(100.0 + IDLE_HOLD)
    assert decision is not None, "it is said again, for those who wait behind the input"
    assert decision.state == IDLE
    assert one.decide(1000.0) is None


def test_a_question_behind_what_was_typed_without_being_submitted_is_said_at_once() -> None:
    one = judge(IDLE)
    one.typed(20.0, submitted=False)
    one.saw(said(Trust.SCREEN, WAITING), 20.5)
    decision = one.decide(20.5)
    assert decision is not None
    assert decision.state == WAITING


@pytest.mark.parametrize("before", [IDLE, WORKING], ids=["idle", "about to be idle"])
def test_what_has_nothing_to_do_when_it_is_interrupted_is_called_idle_anew(before: SessionState.ValueType) -> None:
    one = judge(before)
    one.saw(said(Trust.PROTOCOL, IDLE), 10.0)
    assert one.interrupted(12.0) is None
    assert one.decide(12.0 + IDLE_HOLD - 0.01) is None
    decision = one.decide(12.0 + IDLE_HOLD)
    assert decision is not None
    assert decision.state == IDLE


def test_what_works_when_it_is_interrupted_works_until_it_says_otherwise() -> None:
    one = judge(WORKING)
    one.saw(said(Trust.PROTOCOL, WORKING), 10.0)
    assert one.interrupted(12.0) is None
    assert one.due is None
    one.saw(said(Trust.PROTOCOL, IDLE), 13.0)
    assert one.due == 13.0 + IDLE_HOLD


def test_what_is_typed_does_not_answer_a_request_of_a_protocol() -> None:
    one = judge(WORKING)
    one.saw(said(Trust.PROTOCOL, WAITING), 10.0)
    assert one.decide(10.0) is not None
    assert one.typed(11.0, submitted=True) is None
    assert one.decided.state == WAITING


def test_who_withdraws_is_heard_no_longer() -> None:
    one = judge(WORKING)
    one.saw(said(Trust.TITLE, WORKING), 10.0)
    one.saw(said(Trust.PROCESS, IDLE), 11.0)
    one.withdraw(Trust.TITLE, 12.0)
    assert one.due == 12.0 + IDLE_HOLD


def test_what_is_known_for_sure_replaces_the_state() -> None:
    one = judge(WORKING)
    one.told(Decision(UNKNOWN))
    one.saw(said(Trust.PROCESS, WORKING), 10.0)
    assert one.decide(10.0) is not None


MOMENTS = st.tuples(
    st.floats(0.01, 8.0),
    st.sampled_from(list(Trust)),
    st.sampled_from([WORKING, WAITING, IDLE]),
    st.sampled_from([0.3, 1.0]),
)


@given(st.lists(MOMENTS, max_size=30))
def test_whatever_is_said_idle_never_comes_within_three_seconds_of_another_state(moments: list[tuple]) -> None:  # type: ignore[type-arg]
    one = judge(WORKING)
    now = changed = 0.0
    state = WORKING
    for pause, trust, word, confidence in moments:
        end = now + pause
        while (due := one.due) is not None and due <= end:
            decision = one.decide(max(now, due))
            if decision is None:
                break
            assert decision.state != state
            if decision.state == IDLE:
                assert max(now, due) - changed >= IDLE_HOLD - 1e-6
            state, changed = decision.state, max(now, due)
        now = end
        one.saw(said(trust, word, confidence), now)
        decision = one.decide(now)
        if decision is not None:
            assert decision.state not in (state, IDLE)
            state, changed = decision.state, now


def test_an_idleness_that_is_easily_mistaken_is_held_for_longer() -> None:
    judged = judge(WORKING)
    judged.saw(Observation(Trust.SCREEN, IDLE, "test/first-screen", "it rests", hold=10.0), 0.0)
    assert (judged.due, judged.decide(9.9)) == (10.0, None)
    decided = judged.decide(10.0)
    assert decided is not None
    assert decided.state == IDLE
