"""Weighs the statements of all who say something of a session, and decides on its state. Pure: the time is an argument, in seconds.

Who is trusted more is believed; who is trusted less has a say again when the other's word is old. That somebody is needed is
said at once, by whoever sees it: transcripts, titles and marks do not know of questions. That there is nothing to do is said when
it was so for a while. What was typed makes the idleness of before the past: only what is seen from then on counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sightline.v1.event_pb2 import SessionState, WaitingFor

from sightline_server.sessions.state.observation import MAX_EVIDENCE, MAX_EVIDENCE_LINE, Observation, Trust

IDLE_HOLD = 3.0  # seconds for which nothing else was said, before a session is called idle
WORK_HOLD = 0.25  # seconds, from idle to working: the prompt is back after most commands before anybody could read it
SETTLE = 1.0  # seconds that a program may take to clear away a question that was just answered; the same one again is news then
SURE = 0.5  # of those who are trusted less, who may take the place of an old word, or of a vague one
FRESH: Mapping[Trust, float] = {
    Trust.PROTOCOL: math.inf,  # it tells all that happens
    Trust.TRANSCRIPT: 60.0,  # it is silent while an agent thinks
    Trust.TITLE: 5.0,
    Trust.SCREEN: 5.0,
    Trust.PROCESS: 0.0,
}
"""Seconds for which a statement stands against those who are trusted less."""

WORKING = SessionState.SESSION_STATE_WORKING
WAITING = SessionState.SESSION_STATE_WAITING
IDLE = SessionState.SESSION_STATE_IDLE
TYPED_RULE = "sightline/input"


@dataclass(frozen=True, slots=True)
class Decision:
    """A state, and where it comes from; the fields are those of `StateChanged` and `ExplainResponse`."""

    state: SessionState.ValueType
    waiting_for: WaitingFor.ValueType = WaitingFor.WAITING_FOR_UNSPECIFIED
    provenance: str = "sightline"
    reason: str = ""
    confidence: float = 1.0
    rule: str = ""
    evidence: tuple[str, ...] = ()

    @property
    def what(self) -> tuple[SessionState.ValueType, WaitingFor.ValueType]:
        """The state without its reasons."""
        return self.state, self.waiting_for


class Judge:
    """The state of one session.

    Args:
        decided: what is known at first.

    Attributes:
        decided: the present state.
    """

    def __init__(self, decided: Decision) -> None:
        self.decided = decided
        self._said: dict[Trust, tuple[float, Observation]] = {}
        self._best: Observation | None = None
        self._since = 0.0
        self._stale = False
        """Something was typed since: it must be seen anew, and said again, before it is the present state."""
        self._typed_at = -math.inf
        self._answered: tuple[SessionState.ValueType, WaitingFor.ValueType] | None = None
        """What it waited for when something was typed last; None: it did not wait."""

    def told(self, decision: Decision) -> None:
        """Somebody else has said the state, who knows it."""
        self.decided = decision
        self._stale = False

    def saw(self, observation: Observation, now: float, *, made: float | None = None) -> None:
        """Takes a statement. `made` is when its maker looked; None: now. What was seen before the last input says nothing."""
        made = now if made is None else made
        if made > self._typed_at:
            self._said[observation.trust] = made, observation
            self._weigh(now)

    def withdraw(self, trust: Trust, now: float) -> None:
        """Who is trusted so much says nothing any more."""
        if self._said.pop(trust, None):
            self._weigh(now)

    def typed(self, now: float, *, submitted: bool) -> Decision | None:
        """Something was typed into the session; `submitted`: so that it is read, not only written down.

        Returns the state that follows from that alone; None: the same.
        """
        self._typed_at = now
        self._answered = self.decided.what if self.decided.state == WAITING else None
        for trust, (_, said) in list(self._said.items()):
            if said.state == IDLE or (said.state == WAITING and trust != Trust.PROTOCOL):  # a protocol says when it is answered
                del self._said[trust]
        self._weigh(now)
        if self.decided.state not in (IDLE, WAITING) or (self._best and self._best.state == WAITING):
            return None
        if not submitted:
            self._stale = True
            return None
        self._stale = False
        self.decided = Decision(WORKING, reason="something was typed into it", confidence=SURE, rule=TYPED_RULE)
        return self.decided

    def interrupted(self, now: float) -> Decision | None:
        """One that tells all that it does was interrupted: with nothing to do it stays as it is, and says no word. As `typed`."""
        if self._best is None or self._best.state != IDLE:
            return self.typed(now, submitted=True)
        self._typed_at = self._since = now
        self._stale = True
        return None

    def decide(self, now: float) -> Decision | None:
        """The new state; None: it is as it was."""
        best = self._best
        if best is None or not self._is_news(best) or now < self._since + self._hold(best):
            return None
        self._stale = False
        self.decided = decision_of(best)
        return self.decided

    @property
    def confirmed(self) -> Decision:
        """The present state, by whoever says it now; where nobody does, as it was decided."""
        best = self._best
        return decision_of(best) if best and not self._is_news(best) else self.decided

    @property
    def candidate(self) -> Observation | None:
        """What would be decided on if it stays as it is; None: nothing new."""
        return self._best if self._best and self._is_news(self._best) else None

    @property
    def due(self) -> float | None:
        """When `decide` should be asked next, if nothing is seen before; None: there is no need."""
        candidate = self.candidate
        return None if candidate is None else self._since + self._hold(candidate)

    @property
    def settling(self) -> bool:
        """The candidate is the question that was just answered: its program may not have cleared it away yet."""
        best = self._best
        return best is not None and self._answered == (best.state, best.waiting_for) and self._since < self._typed_at + SETTLE

    def _is_news(self, best: Observation) -> bool:
        return self._stale or (best.state, best.waiting_for) != self.decided.what

    def _hold(self, best: Observation) -> float:
        asks_anew = best.state == WAITING and (best.state, best.waiting_for) != self.decided.what
        if best.state == IDLE or (self._stale and not asks_anew):
            return max(IDLE_HOLD, best.hold)
        if self.settling and best.trust < Trust.TRANSCRIPT:
            return self._typed_at + SETTLE - self._since
        brief = best.state == WORKING and self.decided.state == IDLE and best.trust < Trust.TRANSCRIPT
        return WORK_HOLD if brief else 0.0

    def _weigh(self, now: float) -> None:
        best: Observation | None = None
        best_at = 0.0
        for trust in sorted(self._said, reverse=True):
            at, said = self._said[trust]
            if best is None or overrules(said, at, best, best_at):
                best, best_at = said, at
        if best is None or self._best is None or (best.state, best.waiting_for) != (self._best.state, self._best.waiting_for):
            self._since = now
        self._best = best


def overrules(said: Observation, at: float, best: Observation, best_at: float) -> bool:
    """Whether who is trusted less is believed nevertheless."""
    if said.confidence < SURE:
        return False
    if best.confidence < SURE:
        return True
    if at <= best_at:
        return False
    if said.state == WAITING and best.trust != Trust.PROTOCOL:
        return True
    return at - best_at > (FRESH[best.trust] if best.fresh is None else best.fresh)


def decision_of(observation: Observation) -> Decision:
    """The state that a statement says."""
    evidence = tuple(line[:MAX_EVIDENCE_LINE] for line in observation.evidence[:MAX_EVIDENCE])
    return Decision(
        observation.state,
        observation.waiting_for,
        observation.said_by,
        observation.reason,
        observation.confidence,
        observation.rule,
        evidence,
    )
