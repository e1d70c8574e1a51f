"""All that is seen of one session, made into its state, and when to look again. Pure: the time is an argument, in seconds.

What comes by itself (bytes, typed events, what is typed) is taken in at once. What must be looked at (the screen, the foreground)
is looked at when the output has been quiet for a moment, now and then while it is not, and never because of a frame. What nobody
disturbs is not looked at: a thousand idle sessions cost nothing.
"""

from __future__ import annotations

import math

from sightline.v1.event_pb2 import Event, SessionState

from sightline_server.capture.foreground import Foreground
from sightline_server.decode.osc import Scanner, Signs
from sightline_server.sessions.state import marks, process
from sightline_server.sessions.state.events import Turns
from sightline_server.sessions.state.judge import IDLE, WAITING, WORKING, Decision, Judge
from sightline_server.sessions.state.observation import PROVENANCE, Look, Observation, ScreenJudge, Trust

UNKNOWN = SessionState.SESSION_STATE_UNKNOWN
QUIET = 0.2  # seconds without output, before a look
BUSY = 1.0  # seconds between two looks while the output goes on
SMALL = 64  # bytes: a turn of a spinner, a blinking dot; whatever is drawn meanwhile is not held to be half drawn
BIG = 1024  # bytes at once: something new, most likely, which may be drawn piece by piece for longer than anybody should wait
BIG_SECONDS = 0.5  # between two looks because of that
CONFIRM = 0.1  # seconds to the second look at a question that was seen in the middle of output
EARLY = 0.01  # seconds by which a timer may be early
FIRST_POLL = 1.0  # seconds to the next look at what works without a word; doubled each time
LAST_POLL = 30.0  # seconds: the most


class Observer:
    """One session.

    Args:
        decided: the state that is known at first.
        screens: knows what screens and titles say; None: nobody does.
        agent: the family of the agent that runs in it; empty: none is known.
        now: the time.
        eyes: there is something to look at, a screen or a foreground.

    Attributes:
        judge: weighs it all.
        agent: the family, as far as it is known by now.
        version: the agent's.
        title: the window's.
    """

    def __init__(
        self, decided: Decision, now: float, *, screens: ScreenJudge | None = None, agent: str = "", eyes: bool = True
    ) -> None:
        self.judge = Judge(decided)
        self.agent = agent
        self.version = ""
        self.title = ""
        self._given_agent = agent
        self._screens = screens
        self._eyes = eyes
        self._scanner = Scanner()
        self._turns: dict[str, Turns] = {}
        trust = trust_of(decided.provenance)
        if trust is not None:  # who said it has seen it, and nobody has said anything else since
            self.judge.saw(observation_of(decided, trust), now)
        self._mark = ""
        self._exit_code: int | None = None
        self._group = 0
        self._waits = False
        self._asked = False
        self._title_rule = ""
        self._tells_state = False
        self._poll = FIRST_POLL
        self._looked = -math.inf
        self._disturbed = now
        self._first: float | None = now
        """The first disturbance that no look came behind."""
        self._drawn: float | None = None
        """When more than a little was written last, where no look came behind."""
        self._big = -math.inf
        self._again: float | None = None

    # --- what comes by itself

    def output(self, data: bytes, now: float) -> None:
        """Bytes of the terminal."""
        signs = self._scanner.feed(data)
        if signs is not None:
            self._take(signs, now)
        if len(data) > SMALL:
            self._drawn = now
        if len(data) > BIG and self._again is None and now > self._big + BIG_SECONDS:
            self._big = now
            self._again = now + CONFIRM
        self._disturb(now)

    def event(self, event: Event, now: float, trust: Trust, provenance: str = "") -> bool:
        """A typed event, by whom it comes. True: it says something of the state; most say nothing."""
        if event.HasField("agent_info"):
            self.version = event.agent_info.version or self.version
            self.agent = self._given_agent = self._given_agent or event.agent_info.agent
        said_by = provenance or PROVENANCE[trust]
        turns = self._turns.get(said_by)
        if turns is None:
            turns = self._turns[said_by] = Turns()
        observation = turns.saw(event, trust, provenance)
        if observation is None:
            return False
        self.judge.saw(observation, now)
        if trust != Trust.PROTOCOL:  # a question may be on the screen by now that the transcript does not tell of
            self._disturb(now)
        return True

    def typed(self, now: float, *, submitted: bool) -> Decision | None:
        """Something is about to be typed: the state that follows from that alone; None: the same."""
        if submitted:
            self._mark = "B" if self._mark else ""
        self._disturb(now)
        return self.judge.typed(now, submitted=submitted)

    def interrupted(self, now: float) -> Decision | None:
        """It is about to be interrupted; returns as `typed`. In a terminal that is a key like others."""
        return self.typed(now, submitted=True) if self._eyes else self.judge.interrupted(now)

    # --- looks

    @property
    def wants_screen(self) -> bool:
        """A look is to have the screen too."""
        return self._screens is not None and self._screens.knows(self.agent)

    @property
    def look_at(self) -> float | None:
        """When to look; None: there is no need."""
        if not self._eyes:
            return None
        times = [self._again]
        if self._drawn is not None:
            times.append(self._drawn + QUIET)
        if self._first is not None:
            times.append(min(self._disturbed + QUIET, self._first + BUSY))
        elif self._group and self._may_change_in_silence:
            times.append(self._looked + self._poll)
        if self._wants_confirmation:
            times.append(self.judge.due)
        return min((time for time in times if time is not None), default=None)

    def looked(self, begun: float, now: float, seen: Foreground | None, screen: Look | None) -> None:
        """What a look found, which was `begun` then. None: that could not be seen, or was not asked for."""
        still = begun >= self._disturbed + QUIET - EARLY
        quiet = still or (self._drawn is not None and begun >= self._drawn + QUIET - EARLY)
        self._looked = begun
        self._drawn = None if quiet else self._drawn
        if seen is not None:
            self._take_group(seen, now)
        another = screen is not None and screen.agent != self.agent  # read as another program's
        self._waits = self._take_screen(screen, begun, now, quiet=quiet) if screen is not None and not another else False
        if seen is not None:
            self.judge.saw(process.of_foreground(seen, command_runs=self._mark == "C"), now, made=begun)
        # In the middle of output: look again when that is over, or goes on.
        self._again = begun + CONFIRM if another or (self._waits and not quiet) else None
        self._first = None if quiet else begun
        if quiet:
            self._poll = min(2 * self._poll, LAST_POLL)

    @property
    def _may_change_in_silence(self) -> bool:
        decided = self.judge.decided
        by_process = decided.provenance == PROVENANCE[Trust.PROCESS]
        return decided.state == WORKING or (decided.state == WAITING and by_process)

    @property
    def _wants_confirmation(self) -> bool:
        """One more look is to be had, before the session is called idle, or a question is believed that was just answered."""
        candidate, due = self.judge.candidate, self.judge.due
        doubtful = candidate is not None and (candidate.state == IDLE or self.judge.settling)
        return self._eyes and doubtful and due is not None and self._looked < due - EARLY

    # --- the state

    @property
    def due(self) -> float | None:
        """When a look or a decision is due, if nothing comes before; None: there is no need."""
        times = [self.look_at, self.judge.due]
        return min((time for time in times if time is not None), default=None)

    def decide(self, now: float) -> Decision | None:
        """The new state; None: it is as it was, or a look is to be had first."""
        return None if self._wants_confirmation else self.judge.decide(now)

    def told(self, decision: Decision, now: float) -> None:
        """Somebody else has said the state."""
        self.judge.told(decision)
        self._disturb(now)

    # --- inside

    def _disturb(self, now: float) -> None:
        self._disturbed = now
        self._poll = FIRST_POLL / 2
        if self._first is None:
            self._first = now

    def _take(self, signs: Signs, now: float) -> None:
        if signs.exit_code is not None:
            self._exit_code = signs.exit_code
        observation = None
        if signs.mark is not None:
            self._mark = signs.mark
            observation = marks.of_mark(signs.mark, self._exit_code)
        elif signs.progress is not None:
            observation = marks.of_progress(signs)
            if observation is None:
                self.judge.withdraw(Trust.TITLE, now)
        if signs.title is not None and signs.title != self.title:
            self.title = signs.title
            observation = self._of_title(now) or observation
        if signs.state:
            self._tells_state = True
            observation = marks.of_state(signs) or observation
        if observation is not None:
            self.judge.saw(observation, now)

    def _of_title(self, now: float) -> Observation | None:
        said = self._screens.title(self.title, self.agent, self.version) if self._screens is not None else None
        if said is None or self._tells_state:  # its own word is better than a spinner, which may go on while it waits
            return None
        if said.rule != self._title_rule:  # it does something else now, which its screen is about to show
            self._title_rule = said.rule
            self._again = now + CONFIRM
        if said.state == UNKNOWN:
            self.judge.withdraw(Trust.TITLE, now)
            return None
        return said

    def _take_group(self, seen: Foreground, now: float) -> None:
        if seen.group != self._group:
            if self._group:  # what another program has shown or said of itself is the past; a shell's marks are not
                self.judge.withdraw(Trust.SCREEN, now)
            self._group = seen.group
            self._tells_state = False
            self.agent = process.agent_of(seen) or ("" if process.is_shell(seen) else self._given_agent)

    def _take_screen(self, screen: Look, begun: float, now: float, *, quiet: bool) -> bool:
        """Takes a screen in; True: it shows that somebody is waited for."""
        said = self._screens.screen(screen) if self._screens is not None else None
        if said is None:
            if self._asked:  # what was asked there is asked no more
                self._asked = False
                self.judge.withdraw(Trust.SCREEN, now)
            return False
        waits = said.state == WAITING
        # A frame that is half drawn may look like anything: it is believed that work goes on, and a question that stays.
        if quiet or said.state == WORKING or (waits and self._waits):
            self.judge.saw(said, now, made=begun)
            self._asked = waits
        return waits


def trust_of(provenance: str) -> Trust | None:
    """Who it was that said a state; None: nobody who has seen it."""
    if provenance == "hook":
        return Trust.TRANSCRIPT
    return next((trust for trust, name in PROVENANCE.items() if name == provenance), None)


def observation_of(decided: Decision, trust: Trust) -> Observation:
    """The statement behind a state."""
    return Observation(
        trust,
        decided.state,
        decided.rule,
        decided.reason,
        waiting_for=decided.waiting_for,
        confidence=decided.confidence,
        evidence=decided.evidence,
        provenance=decided.provenance,
    )
