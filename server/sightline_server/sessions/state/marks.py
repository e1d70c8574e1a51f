"""What a terminal's marks and progress say of the state. Pure; titles are a judge's of screens, who knows the agents."""

from __future__ import annotations

from collections.abc import Mapping

from sightline_server.decode.osc import Signs
from sightline_server.sessions.state.judge import IDLE, WORKING
from sightline_server.sessions.state.observation import Observation, Trust

NO_PROGRESS = 0
PROGRESS: Mapping[int, tuple[str, float]] = {
    1: ("it shows a progress bar", 0.9),
    2: ("its progress bar shows an error", 0.6),
    3: ("it shows that it works", 0.9),
    4: ("its progress bar is paused", 0.6),
}
"""By `Signs.progress`: what is shown, and how sure it is then that something is done."""


def of_progress(signs: Signs) -> Observation | None:
    """What a progress bar says; None: nothing, or nothing any more."""
    if signs.progress is None or signs.progress == NO_PROGRESS:
        return None
    shown, confidence = PROGRESS[signs.progress]
    evidence = f"OSC 9;4;{signs.progress}" + ("" if signs.percent is None else f": {signs.percent} %")
    return Observation(Trust.TITLE, WORKING, "title/progress", shown, confidence=confidence, evidence=(evidence,))


def of_mark(mark: str, exit_code: int | None) -> Observation | None:
    """What a shell's mark says; `exit_code` is the last command's, where it was told. None: nothing."""
    evidence = f"OSC 133;{mark}" + (f", the last command ended with exit code {exit_code}" if exit_code is not None else "")
    if mark == "C":
        return Observation(Trust.TITLE, WORKING, "title/command", "the shell runs a command", evidence=(evidence,))
    how = f"; the last command failed with exit code {exit_code}" if exit_code else ""
    return Observation(Trust.TITLE, IDLE, "title/prompt", f"the shell is at its prompt{how}", evidence=(evidence,))
