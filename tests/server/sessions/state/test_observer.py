"""`sessions.state.observer`, in fast time: when it looks, and what comes of it all."""

from __future__ import annotations

import pytest
from sightline.v1.event_pb2 import Event, SessionState, TurnFinished, TurnStarted, WaitingFor
from sightline_server.capture.foreground import Foreground
from sightline_server.sessions.state.judge import IDLE, IDLE_HOLD, SETTLE, WAITING, WORKING, Decision
from sightline_server.sessions.state.observation import Look, Observation, Trust
from sightline_server.sessions.state.observer import BIG_SECONDS, BUSY, CONFIRM, LAST_POLL, QUIET, Observer

UNKNOWN = SessionState.SESSION_STATE_UNKNOWN
PROMPT = Foreground(1, "bash", ("bash",), True, True, False, False, 0)
BUILD = Foreground(2, "make", ("make",), False, False, True, True, 0)


STATES = {"works": WORKING, "asks": WAITING, "rests": IDLE}


class Words:
    """A judge of screens that takes the last row, or the title, for a state."""

    def knows(self, agent: str) -> bool:
        return True

    def screen(self, look: Look) -> Observation | None:
        word = look.rows[-1]
        return Observation(Trust.SCREEN, STATES[word], f"words/{word}", word) if word in STATES else None

    def title(self, title: str, agent: str, version: str) -> Observation | None:
        return Observation(Trust.TITLE, STATES[title], f"title/{title}", title) if title in STATES else None


class Play:
    """A session in fast time: `until` runs all looks and decisions that are due, and counts them."""

    def __init__(self, decided: Decision | None = None, *, eyes: bool = True, screens: Words | None = None) -> None:
        self.now = 0.0
        self.observer = Observer(decided or Decision(UNKNOWN), self.now, eyes=eyes, screens=screens)
        self.seen: Foreground | None = PROMPT
        self.row = ""
        self.looks: list[float] = []
        self.states: list[tuple[float, int]] = []

    def until(self, end: float) -> None:
        while (due := self.observer.due) is not None and due <= end:
            self.now = max(self.now, due)
            look_at = self.observer.look_at
            if look_at is not None and look_at <= self.now:
                self.looks.append(self.now)
                screen = Look(rows=[self.row], agent=self.observer.agent) if self.observer.wants_screen else None
                self.observer.looked(self.now, self.now, self.seen, screen)
            self.decide()
        self.now = end

    def decide(self) -> None:
        decision = self.observer.decide(self.now)
        if decision is not None:
            self.states.append((round(self.now, 3), decision.state))

    def output(self, data: bytes, every: float = 0.0, until: float = 0.0) -> None:
        """Once, or again and again."""
        while True:
            self.observer.output(data, self.now)
            self.decide()
            if not every or self.now + every > until:
                return
            self.until(self.now + every)

    def event(self, event: Event, trust: Trust) -> None:
        self.observer.event(event, self.now, trust)
        self.decide()


def test_a_shell_is_looked_at_when_it_is_quiet_and_again_before_it_is_called_idle_and_then_no_more() -> None:
    play = Play()
    play.until(1000.0)
    assert play.looks == [QUIET, QUIET + IDLE_HOLD]
    assert play.states == [(QUIET + IDLE_HOLD, IDLE)]
    assert play.observer.due is None


def test_frames_cause_no_looks_but_a_few() -> None:
    play = Play(screens=Words())
    play.row = "works"
    play.output(b"frame", every=0.01, until=10.0)
    assert len(play.looks) <= 10.0 / BUSY + 1
    assert play.states[0][1] == WORKING


def test_a_question_is_seen_as_soon_as_it_is_quiet() -> None:
    play = Play(screens=Words())
    play.row = "works"
    play.output(b"frame", every=0.05, until=5.0)
    play.row = "asks"
    play.output(b"a question")
    asked = play.now
    play.until(asked + 1.0)
    seen, state = play.states[-1]
    assert state == WAITING
    assert seen <= round(asked + QUIET, 3)


def test_a_question_beside_a_spinner_is_believed_when_it_stays() -> None:
    play = Play(screens=Words())
    play.row = "asks"
    play.output(b"spinner", every=0.05, until=3.0)
    assert play.states[-1][1] == WAITING
    assert len(play.looks) >= 2


def test_a_half_drawn_frame_does_not_end_the_work() -> None:
    play = Play(screens=Words())
    play.row = "works"
    play.output(b"frame", every=0.05, until=3.0)
    play.row = "rests"
    play.output(b"frame", every=0.05, until=9.0)
    assert [state for _, state in play.states] == [WORKING]


def test_what_works_without_a_word_is_looked_at_less_and_less_often() -> None:
    play = Play()
    play.seen = BUILD
    play.until(600.0)
    assert play.states == [(QUIET, WORKING)]
    assert len(play.looks) <= 600.0 / LAST_POLL + 8
    play.seen = PROMPT
    play.until(600.0 + LAST_POLL + IDLE_HOLD + 1)
    assert play.states[-1][1] == IDLE


def test_behind_an_input_nothing_is_idle_that_was_not_looked_at_since() -> None:
    play = Play()
    play.until(10.0)
    decision = play.observer.typed(play.now, submitted=True)
    assert decision is not None
    assert decision.state == WORKING
    play.observer.looked(play.now - 0.05, play.now, PROMPT, None)
    play.decide()
    play.until(12.9)
    assert play.states == [(QUIET + IDLE_HOLD, IDLE)]
    play.until(20.0)
    assert play.states[-1] == (10.0 + QUIET + IDLE_HOLD, IDLE)


def test_marks_are_heard_without_a_look_and_beat_the_process() -> None:
    play = Play(eyes=False)
    play.output(b"\x1b]133;C\x07")
    assert play.states == [(0.0, WORKING)]
    play.until(5.0)
    play.output(b"\x1b]133;D;0\x07\x1b]133;A\x07$ \x1b]133;B\x07")
    play.until(5.0 + IDLE_HOLD)
    assert play.states[-1] == (5.0 + IDLE_HOLD, IDLE)
    assert play.looks == []


def test_commands_that_are_over_at_once_leave_a_shell_idle() -> None:
    play = Play(eyes=False)
    play.output(b"\x1b]133;A\x07")
    play.until(10.0)
    for _ in range(20):
        play.output(b"\x1b]133;C\x07")
        play.until(play.now + 0.1)
        play.output(b"\x1b]133;D;0\x07\x1b]133;A\x07")
        play.until(play.now + 0.5)
    assert [state for _, state in play.states] == [IDLE]


def test_progress_that_is_taken_away_says_nothing_more() -> None:
    play = Play()
    play.output(b"\x1b]9;4;3\x07")
    assert play.states == [(0.0, WORKING)]
    play.until(5.0)
    play.output(b"\x1b]9;4;0\x07")
    play.until(20.0)
    assert play.states[-1][1] == IDLE


def test_a_title_that_says_something_is_heard_at_once() -> None:
    play = Play(screens=Words())
    play.output(b"\x1b]0;asks\x07")
    assert play.states == [(0.0, WAITING)]


@pytest.mark.parametrize("provenance", ["process", "screen", "title", "transcript", "hook", "protocol"])
def test_after_a_restart_the_state_of_before_stands_until_something_else_is_seen(provenance: str) -> None:
    play = Play(Decision(IDLE, provenance=provenance, rule="before"), eyes=False)
    play.until(100.0)
    assert play.states == []
    play.event(Event(turn_id="1", turn_started=TurnStarted()), Trust.PROTOCOL)
    assert play.states == [(100.0, WORKING)]


def test_a_transcript_and_hooks_beside_it_do_not_confuse_each_others_turns() -> None:
    play = Play(eyes=False)
    begun = Event(turn_id="1", turn_started=TurnStarted())
    play.observer.event(begun, play.now, Trust.TRANSCRIPT, "hook")  # its end is never told: no hook is called for an interrupt
    play.event(Event(turn_id="9", turn_started=TurnStarted()), Trust.TRANSCRIPT)
    play.event(Event(turn_id="9", turn_finished=TurnFinished()), Trust.TRANSCRIPT)
    play.until(10.0)
    assert play.states[-1][1] == IDLE


def test_when_the_agent_has_gone_its_screen_says_nothing_more() -> None:
    play = Play(screens=Words())
    play.seen, play.row = BUILD, "asks"
    play.until(1.0)
    assert play.states[-1][1] == WAITING
    play.seen, play.row = PROMPT, "$"
    play.output(b"bye")
    play.until(10.0)
    assert play.states[-1][1] == IDLE


def test_a_spinner_of_a_few_bytes_does_not_keep_a_question_from_being_seen() -> None:
    play = Play(screens=Words())
    play.row = "works"
    play.until(2.0)
    play.row = "asks"
    play.output(b"x" * 500)
    play.output(b"." * 40, every=0.1, until=3.0)
    assert play.states[-1] == (2.0 + QUIET, WAITING)


def test_a_question_that_is_drawn_piece_by_piece_is_looked_at_early_and_twice_and_a_flood_is_not() -> None:
    play = Play(screens=Words())
    play.row = "works"
    play.until(2.0)
    play.row = "asks"
    play.output(b"x" * 4000)
    play.output(b"." * 300, every=0.05, until=2.5)
    assert play.states[-1] == (2.0 + 2 * CONFIRM, WAITING)
    flood = Play(screens=Words())
    flood.row = "works"
    flood.output(b"x" * 4000, every=0.05, until=20.0)
    assert len(flood.looks) <= 20 / BIG_SECONDS + 20 / BUSY


def test_a_question_that_was_just_answered_is_not_asked_again_unless_it_stays() -> None:
    for stays in (False, True):
        play = Play(screens=Words())
        play.row = "asks"
        play.output(b"x" * 100)
        play.until(2.0)
        assert play.observer.judge.decided.state == WAITING
        play.observer.typed(play.now, submitted=True)
        play.until(2.5)
        assert play.observer.judge.decided.state == WORKING
        play.row = "asks" if stays else ""
        play.until(2.0 + SETTLE + 0.1)
        assert play.observer.judge.decided.state == (WAITING if stays else WORKING)


def test_a_program_that_tells_its_own_state_is_believed_before_its_title() -> None:
    play = Play(screens=Words())
    play.row = "works"
    play.output(b"\x1b]0;works\x07\x1b]7501;state=working:app=x\x1b\\")
    play.until(1.0)
    play.output(b"\x1b]7501;state=blocked:app=x:kind=permission\x1b\\")
    assert (play.observer.judge.decided.what, play.observer.judge.decided.rule) == (
        (WAITING, WaitingFor.WAITING_FOR_PERMISSION),
        "title/says-blocked",
    )
    play.output(b"\x1b]0;works\x07\x1b]0;rests\x07")
    play.until(2.0)
    assert play.observer.judge.decided.state == WAITING
    play.output(b"\x1b]7501;state=done:app=x\x1b\\")
    play.row = ""
    play.until(2.0 + IDLE_HOLD)
    assert play.states[-1] == (2.0 + IDLE_HOLD, IDLE)


def test_a_state_that_nobody_knows_says_nothing() -> None:
    play = Play(eyes=False)
    play.output(b"\x1b]7501;state=dancing\x07")
    play.until(10.0)
    assert play.states == []


def test_a_screen_that_was_read_as_another_programs_is_looked_at_again() -> None:
    class Agents(Words):
        def screen(self, look: Look) -> Observation | None:
            return super().screen(look) if look.agent == "claude" else Observation(Trust.SCREEN, IDLE, "other/rests", "rests")

    play = Play(screens=Agents())
    play.seen = Foreground(7, "claude", ("claude",), False, False, False, False, 0)
    play.row = "asks"
    play.until(QUIET + CONFIRM)
    assert play.states[-1] == (round(QUIET + CONFIRM, 3), WAITING)
