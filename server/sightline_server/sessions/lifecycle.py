"""The life of a session as data: which state may follow which, and what an ending means. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sightline.v1.event_pb2 import Completed, Outcome, SessionState

from sightline_server.capture.base import Ending
from sightline_server.sessions.state.judge import Decision

STARTING = SessionState.SESSION_STATE_STARTING
WORKING = SessionState.SESSION_STATE_WORKING
WAITING = SessionState.SESSION_STATE_WAITING
IDLE = SessionState.SESSION_STATE_IDLE
UNKNOWN = SessionState.SESSION_STATE_UNKNOWN
ENDED = SessionState.SESSION_STATE_ENDED

ALIVE = frozenset({WORKING, WAITING, IDLE, UNKNOWN})

TRANSITIONS: Mapping[SessionState.ValueType, frozenset[SessionState.ValueType]] = {
    STARTING: ALIVE | {ENDED},
    WORKING: ALIVE | {ENDED},
    WAITING: ALIVE | {ENDED},
    IDLE: ALIVE | {ENDED},
    UNKNOWN: ALIVE | {ENDED},
    ENDED: frozenset(),
}

SIGINT = 2
SIGINT_EXIT_CODE = 128 + SIGINT
INTERRUPT_NANOSECONDS = 5_000_000_000  # a failure so soon after an interrupt is its consequence: `make` exits with 2 then


@dataclass(frozen=True)
class Asked:
    """What was asked of a session before it ended.

    Attributes:
        terminated: somebody called `Terminate`.
        interrupted: nanoseconds since 1970 of the last `Interrupt`; 0: none.
        now: nanoseconds since 1970 of the end.
    """

    terminated: bool
    interrupted: int
    now: int


def may_follow(before: SessionState.ValueType, after: SessionState.ValueType) -> bool:
    """Whether `after` is a legal next state."""
    return after in TRANSITIONS[before]


def completed(ending: Ending, asked: Asked) -> Completed:
    """What the session's last event says."""
    if ending.said is not None:
        said = Completed(descendants_left=ending.descendants_left, labels=ending.labels)
        said.MergeFrom(ending.said)
        return said
    last = Completed(
        outcome=outcome(ending, asked),
        signal=ending.signal,
        error=ending.error,
        error_code="" if ending.started else "NOT_STARTED",
        descendants_left=ending.descendants_left,
        labels=ending.labels,
    )
    if last.labels and "status" not in last.labels:  # what is left behind by name says how it went too
        last.labels["status"] = Outcome.Name(last.outcome).removeprefix("OUTCOME_").lower()
    if ending.exit_code is not None:
        last.exit_code = ending.exit_code
    return last


def ended(last: Completed) -> Decision:
    """The last state of all, by how it ended."""
    how = "not_started" if last.error_code == "NOT_STARTED" else Outcome.Name(last.outcome).removeprefix("OUTCOME_").lower()
    evidence = [f"exit code {last.exit_code}"] if last.HasField("exit_code") else []
    evidence += [f"signal {last.signal}"] if last.signal else []
    evidence += [last.error] if last.error else []
    return Decision(ENDED, provenance="process", reason=last.error, rule=f"ended/{how}", evidence=tuple(evidence))


def outcome(ending: Ending, asked: Asked) -> Outcome.ValueType:
    """How it ended: the first rule that holds."""
    return next(meaning for holds, meaning in OUTCOMES if holds(ending, asked))


def was_interrupted(ending: Ending, asked: Asked) -> bool:
    """It ended by the interrupt it was sent, not long after it for a reason of its own."""
    if not asked.interrupted:
        return False
    by_signal = ending.signal == SIGINT or ending.exit_code == SIGINT_EXIT_CODE
    return by_signal or asked.now - asked.interrupted < INTERRUPT_NANOSECONDS


OUTCOMES: Sequence[tuple[Callable[[Ending, Asked], bool], Outcome.ValueType]] = (
    (lambda ending, _: ending.released, Outcome.OUTCOME_RELEASED),
    (lambda ending, _: not ending.started, Outcome.OUTCOME_FAILED),
    (lambda _, asked: asked.terminated, Outcome.OUTCOME_CANCELLED),
    (lambda ending, _: not ending.observed, Outcome.OUTCOME_LOST),
    (lambda ending, _: ending.exit_code == 0, Outcome.OUTCOME_SUCCEEDED),
    (was_interrupted, Outcome.OUTCOME_INTERRUPTED),
    (lambda _ending, _asked: True, Outcome.OUTCOME_FAILED),
)
