"""Compares what was said of a recording with what was true. As a program it writes the table in `docs/agents.md`:
`PYTHONPATH=tests .venv/bin/python -m support.verdicts`.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sightline.v1.event_pb2 import SessionState, WaitingFor
from sightline_server.sessions.state.judge import IDLE_HOLD, WORK_HOLD
from sightline_server.sessions.state.screen import screens
from support import replay
from support.stage import Moment

PAGE = Path(__file__).parents[2] / "docs" / "agents.md"
BEGIN, END = "<!-- recordings: begin -->\n", "<!-- recordings: end -->\n"
BLOCKED_WITHIN = 0.3  # seconds
EARLY = 0.25  # seconds: a program may say in its title that it asks before it draws the question; never of done
LATE = 0.3  # seconds for which the truth before may still be said
HOLDS = {"opencode/home": 10.0}  # seconds: rules that are believed later than others
IDLE_WITHIN = 1.5  # seconds beyond the hold: the output that follows an answer's last words begins it anew


@dataclass(frozen=True)
class Said:
    """A state that was said at `time`."""

    time: float
    state: str
    waiting_for: str = ""
    rule: str = ""

    @property
    def what(self) -> str:
        """In a word or two."""
        return f"{self.state} {self.waiting_for}".strip()


@dataclass
class Verdict:
    """How one recording went.

    Attributes:
        expected: the states that are true, without idleness that is too short to be said.
        seen: the states that were said.
        blocked: for each time that somebody was needed, the seconds until that was said.
        flaps: states that were said and not true, or too often.
        problems: what is wrong, in words; empty: nothing.
    """

    name: str
    title: str
    expected: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    blocked: list[float] = field(default_factory=list)
    flaps: int = 0
    problems: list[str] = field(default_factory=list)


def said_in(recording: replay.Recording, drawn: replay.Screen) -> list[Said]:
    """What is said of it in fast time."""
    return [
        Said(
            time,
            SessionState.Name(decision.state).removeprefix("SESSION_STATE_"),
            WaitingFor.Name(decision.waiting_for).removeprefix("WAITING_FOR_") if decision.waiting_for else "",
            decision.rule,
        )
        for time, decision in replay.fast(recording, drawn, screens())
    ]


def stretches(recording: replay.Recording) -> Iterator[tuple[Moment, float]]:
    """What was true, and until when; the same twice is one."""
    merged: list[Moment] = []
    for moment in recording.truth:
        if not merged or (merged[-1].state, merged[-1].waiting_for) != (moment.state, moment.waiting_for):
            merged.append(moment)
    ends = [moment.time for moment in merged[1:]] + [recording.end]
    return zip(merged, ends, strict=True)


def judge(recording: replay.Recording, said: Sequence[Said]) -> Verdict:
    """See `Verdict`."""
    said = [each for each in said if each.state != "UNKNOWN" and not starting(recording, each)]
    verdict = Verdict(recording.name, recording.title, seen=[each.what for each in said])
    for true, end in stretches(recording):
        what = f"{true.state} {true.waiting_for}".strip()
        short = true.state == "IDLE" and end - true.time < IDLE_HOLD
        within = [each.time for each in said if each.what == what and true.time - LATE <= each.time < end]
        brief = true.state == "WORKING" and end - true.time < WORK_HOLD and not within
        if true.state == "STARTING" or short or brief or verdict.expected[-1:] == [what]:
            continue
        verdict.expected.append(what)
        if true.state == "WAITING":
            delay = max(0.0, within[0] - true.time) if within else float("inf")
            verdict.blocked.append(delay)
            if delay > BLOCKED_WITHIN:
                verdict.problems.append(f"{what} at {true.time:.2f} s was said {delay:.2f} s later")
        if true.state == "IDLE" and not any(in_time(each, true.time) for each in said if each.time in within):
            verdict.problems.append(f"IDLE at {true.time:.2f} s was not said in time")
    false = [each for each in said if not was_true(recording, each)]
    verdict.flaps = len(false) + sum(before.what == after.what for before, after in itertools.pairwise(said))
    verdict.problems += [f"{each.what} was said at {each.time:.2f} s by {each.rule}, and not true" for each in false]
    if verdict.seen != verdict.expected and not verdict.problems:
        verdict.problems.append(f"said {verdict.seen}, true {verdict.expected}")
    return verdict


def in_time(said: Said, since: float) -> bool:
    """Whether this was said soon enough behind the beginning of an idleness."""
    return said.time < since + HOLDS.get(said.rule, IDLE_HOLD) + IDLE_WITHIN


def starting(recording: replay.Recording, said: Said) -> bool:
    """A program that starts may be said to work."""
    ready = next((moment.time for moment in recording.truth if moment.state != "STARTING"), recording.end)
    return said.state == "WORKING" and said.time < ready + LATE


def was_true(recording: replay.Recording, said: Said) -> bool:
    """At that moment, or just before; done never before it is."""
    early, late = (0.0, 0.0) if said.state == "IDLE" else (EARLY, LATE)
    return any(
        (true.state, true.waiting_for) == (said.state, said.waiting_for) and true.time - early <= said.time <= end + late
        for true, end in stretches(recording)
    )


def row(verdict: Verdict) -> str:
    """One line of the table."""
    blocked = ", ".join(f"{delay:.2f} s" for delay in verdict.blocked) or "-"
    return f"| {verdict.name} | {verdict.title} | {len(verdict.expected)} / {len(verdict.seen)} | {blocked} | {verdict.flaps} |"


def main() -> None:
    """Writes the table."""
    with tempfile.TemporaryDirectory() as scratch, replay.screen(Path(scratch)) as drawn:
        recordings = [replay.load(name) for name in replay.names()]
        rows = [row(judge(recording, said_in(recording, drawn))) for recording in recordings]
    head = "| recording | shows | states true / said | until WAITING was said | flaps |\n|---|---|---|---|---|\n"
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + head + "\n".join(rows) + "\n" + END + after)


if __name__ == "__main__":
    main()
