"""What a terminal's marks, its progress and a program's own words say of the state. Pure; titles are for who knows the agents."""

from __future__ import annotations

from collections.abc import Mapping

from sightline.v1.event_pb2 import SessionState, WaitingFor

from sightline_server.decode.osc import Signs
from sightline_server.sessions.state.judge import IDLE, WAITING, WORKING
from sightline_server.sessions.state.observation import Observation, Trust

NO_PROGRESS = 0
PROGRESS: Mapping[int, tuple[str, float]] = {
    1: ("it shows a progress bar", 0.9),
    2: ("its progress bar shows an error", 0.6),
    3: ("it shows that it works", 0.9),
    4: ("its progress bar is paused", 0.6),
}
"""By `Signs.progress`: what is shown, and how sure it is then that something is done."""

STATES: Mapping[str, tuple[SessionState.ValueType, str, str]] = {
    "working": (WORKING, "says-working", "it says that it works"),
    "blocked": (WAITING, "says-blocked", "it says that it is blocked"),
    "idle": (IDLE, "says-idle", "it says that it is idle"),
    "done": (IDLE, "says-done", "it says that it is done"),
    "error": (IDLE, "says-error", "it says that it has failed"),
}
"""By `Signs.state`: the state, the rule's name, and why."""
KINDS: Mapping[str, WaitingFor.ValueType] = {
    "permission": WaitingFor.WAITING_FOR_PERMISSION,
    "approval": WaitingFor.WAITING_FOR_PERMISSION,
    "question": WaitingFor.WAITING_FOR_ANSWER,
    "auth": WaitingFor.WAITING_FOR_LOGIN,
    "login": WaitingFor.WAITING_FOR_LOGIN,
}
"""By `Signs.kind`: what one that is blocked waits for; all else is input."""


def of_progress(signs: Signs) -> Observation | None:
    """What a progress bar says; None: nothing, or nothing any more."""
    if signs.progress is None or signs.progress == NO_PROGRESS:
        return None
    shown, confidence = PROGRESS[signs.progress]
    evidence = f"OSC 9;4;{signs.progress}" + ("" if signs.percent is None else f": {signs.percent} %")
    return Observation(Trust.TITLE, WORKING, "title/progress", shown, confidence=confidence, evidence=(evidence,))


def of_state(signs: Signs) -> Observation | None:
    """What a program says of its own state; None: nothing that is known."""
    found = STATES.get(signs.state or "")
    if found is None:
        return None
    state, rule, reason = found
    waiting_for = (
        KINDS.get(signs.kind or "", WaitingFor.WAITING_FOR_INPUT) if state == WAITING else WaitingFor.WAITING_FOR_UNSPECIFIED
    )
    evidence = f"OSC 7501;state={signs.state}" + (f":kind={signs.kind}" if signs.kind else "")
    return Observation(Trust.TITLE, state, f"title/{rule}", reason, waiting_for, evidence=(evidence,))


def of_mark(mark: str, exit_code: int | None) -> Observation | None:
    """What a shell's mark says; `exit_code` is the last command's, where it was told. None: nothing."""
    evidence = f"OSC 133;{mark}" + (f", the last command ended with exit code {exit_code}" if exit_code is not None else "")
    if mark == "C":
        return Observation(Trust.TITLE, WORKING, "title/command", "the shell runs a command", evidence=(evidence,))
    how = f"; the last command failed with exit code {exit_code}" if exit_code else ""
    return Observation(Trust.TITLE, IDLE, "title/prompt", f"the shell is at its prompt{how}", evidence=(evidence,))
