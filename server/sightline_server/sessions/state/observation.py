"""One statement about what a session is doing, who makes it, and what a judge of screens is given. Data: no I/O, no clock."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sightline.v1.event_pb2 import SessionState, WaitingFor

MAX_EVIDENCE = 10  # lines of it that are kept
MAX_EVIDENCE_LINE = 200  # characters


class Trust(enum.IntEnum):
    """Who speaks, in the order in which they are believed."""

    PROCESS = 1
    SCREEN = 2
    TITLE = 3
    """Titles, progress and marks that the program writes into its terminal."""
    TRANSCRIPT = 4
    """The agent's own transcript, and its hooks."""
    PROTOCOL = 5


PROVENANCE: Mapping[Trust, str] = {
    Trust.PROCESS: "process",
    Trust.SCREEN: "screen",
    Trust.TITLE: "title",
    Trust.TRANSCRIPT: "transcript",
    Trust.PROTOCOL: "protocol",
}
"""What `StateChanged.provenance` says of each."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One statement.

    Attributes:
        trust: who makes it.
        state: WORKING, WAITING, IDLE or UNKNOWN.
        rule: the name of what led to it, stable, such as `claude/permission` or `process/shell-prompt`.
        reason: why, for people, in a few words.
        waiting_for: what for, where the state is WAITING.
        confidence: how sure, from 0 to 1. Below 0.5 it only fills a gap: it never takes the place of another state.
        evidence: what was seen, line by line; cut by whoever keeps it.
        provenance: as in `StateChanged`, where it is not the usual one of `trust`.
        hold: seconds for which it must stand before it is believed, where that is idle and longer than usual.
        fresh: seconds for which it stands against those who are trusted less; None: as usual for `trust` (`judge.FRESH`).
    """

    trust: Trust
    state: SessionState.ValueType
    rule: str
    reason: str
    waiting_for: WaitingFor.ValueType = WaitingFor.WAITING_FOR_UNSPECIFIED
    confidence: float = 1.0
    evidence: Sequence[str] = ()
    provenance: str = ""
    fresh: float | None = None
    hold: float = 0.0

    @property
    def said_by(self) -> str:
        """The provenance."""
        return self.provenance or PROVENANCE[self.trust]


@dataclass(frozen=True, slots=True)
class Look:
    """A terminal's screen, as a judge of screens gets it.

    Attributes:
        rows: all rows of the screen, as plain text without trailing blanks.
        title: the window's title; empty: none was set.
        agent: the family of the agent that runs there; empty: none is known.
        version: the agent's version; empty: not known.
        cursor_row: from 0.
        cursor_column: from 0.
        cursor_visible: it is shown.
        alternate: the program uses the alternate screen.
        quiet: nothing was written for a moment. Otherwise a frame may be half drawn: only what says WORKING, or a WAITING that
            stands in two looks, is then believed.
    """

    rows: Sequence[str]
    title: str = ""
    agent: str = ""
    version: str = ""
    cursor_row: int = 0
    cursor_column: int = 0
    cursor_visible: bool = True
    alternate: bool = False
    quiet: bool = True

    def bottom(self, count: int) -> Sequence[str]:
        """The last rows that are not empty, and what is between them: at most `count`."""
        end = len(self.rows)
        while end and not self.rows[end - 1].strip():
            end -= 1
        return self.rows[max(0, end - count) : end]


class ScreenJudge(Protocol):
    """What screens and titles say, by agent and version. Pure. `sessions.state.screen` is one."""

    def knows(self, agent: str) -> bool:
        """Whether it has anything to say of this agent's screens (empty: of a program that is no agent); else none are taken."""
        ...

    def screen(self, look: Look) -> Observation | None:
        """What a screen says (`Trust.SCREEN`); None: nothing."""
        ...

    def title(self, title: str, agent: str, version: str) -> Observation | None:
        """What a title alone says (`Trust.TITLE`); None: nothing. Called for each title that differs from the last."""
        ...
