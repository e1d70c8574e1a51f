"""The state of a session as it is said: in its log, in its record, and to those who wait for it. Not how it is found out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from sightline.v1.event_pb2 import CaptureState, Event, EventKind, SessionState, StateChanged, WaitingFor
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_service_pb2 import Filter, ListEventsRequest

from sightline_server.log.session_log import Draft, SessionLog
from sightline_server.sessions import lifecycle
from sightline_server.sessions.publishing import OURS
from sightline_server.sessions.state.judge import Decision
from sightline_server.storage.contract import SessionRow
from sightline_server.subscription import pages
from sightline_server.subscription.filter import EntryFilter
from sightline_server.subscription.start import before_tail

RECALLED = 5000  # events that are looked through for what an agent told last
TELLING = (
    EventKind.EVENT_KIND_INPUT,
    EventKind.EVENT_KIND_TURN_STARTED,
    EventKind.EVENT_KIND_TURN_FINISHED,
    EventKind.EVENT_KIND_TOOL_CALL,
    EventKind.EVENT_KIND_TOOL_RESULT,
    EventKind.EVENT_KIND_REQUEST,
    EventKind.EVENT_KIND_REQUEST_RESOLVED,
)
SKIPPED = 100  # changes of the capture alone that are passed over on the way back to the last one of the state


class Why(Protocol):
    """What is remembered of the present state's reasons, over a restart too."""

    rule: str
    evidence: list[str]


class States:
    """The states of one session.

    Args:
        record: the session's; its `state` and `waiting_for` are changed here.
        log: the session's.
        why: where the reasons are remembered.
        row: gives the session as it is to be stored with a state.
    """

    def __init__(self, record: SessionMessage, log: SessionLog, why: Why, row: Callable[[], SessionRow]) -> None:
        self._record = record
        self._log = log
        self._why = why
        self._row = row
        self._seq = 0
        self._state = record.state
        """The state that is committed; the record's may wait for that."""
        self._waiters: set[asyncio.Event] = set()
        self.on_came: Callable[[], None] = lambda: None
        """Called when a state has been committed."""

    def change(self, decision: Decision) -> StateChanged:
        """Makes the record say it, and returns what the log is to say."""
        record = self._record
        if decision.state != record.state and not lifecycle.may_follow(record.state, decision.state):
            before, after = SessionState.Name(record.state), SessionState.Name(decision.state)
            raise AssertionError(f"{after} cannot follow {before}")
        record.state, record.waiting_for = decision.what
        self._why.rule, self._why.evidence = decision.rule, list(decision.evidence)
        return StateChanged(
            state=record.state,
            waiting_for=record.waiting_for,
            capture=record.capture,
            provenance=decision.provenance,
            reason=decision.reason,
            confidence=decision.confidence,
        )

    def say(self, decision: Decision, position: tuple[str, int] | None = None) -> asyncio.Future[int]:
        """Logs a state from here on, and stores it with the session; `position` as in `SessionLog.append`."""
        change = self.change(decision)
        committed = self._log.append([Draft(OURS, Event(state_changed=change))], row=self._row(), position=position)
        committed.add_done_callback(lambda done: None if done.cancelled() else self.came(done.result(), change.state))
        return committed

    def present(self) -> StateChanged:
        """The present state as the log says it, with the capture as it is by now."""
        record = self._record
        said = self.said(self.place()) or StateChanged(state=record.state, waiting_for=record.waiting_for)
        said.capture = record.capture
        return said

    def decision(self) -> Decision:
        """The present state, and what is remembered of its reasons."""
        said = self.present()
        return Decision(
            said.state, said.waiting_for, said.provenance, said.reason, said.confidence, self._why.rule, tuple(self._why.evidence)
        )

    async def say_capture(self, capture: CaptureState.ValueType, reason: str) -> None:
        """Logs that the way from the source changed. The state is the one of before: nobody who waits is told."""
        record = self._record
        record.capture, record.capture_reason = capture, reason
        said = StateChanged(
            state=record.state,
            waiting_for=record.waiting_for,
            capture=capture,
            provenance=OURS,
            reason=reason,
            confidence=1.0,
        )
        await self._log.append([Draft(OURS, Event(state_changed=said))], row=self._row())

    def came(self, seq: int, state: SessionState.ValueType) -> None:
        """A state is committed, at this place."""
        self._seq, self._state = seq, state
        for woken in self._waiters:
            woken.set()
        self.on_came()

    async def wait(self, until: Sequence[SessionState.ValueType], after_seq: int, seconds: float | None) -> int | None:
        """The `seq` of the state that was waited for; None: the time was over first. An end is always an answer."""
        ended = SessionState.SESSION_STATE_ENDED
        wanted = {*(until or ()), ended}
        woken = asyncio.Event()
        self._waiters.add(woken)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    seq = self.place()
                    if self._state == ended or (self._state in wanted and seq > after_seq):
                        return seq
                    woken.clear()
                    await woken.wait()
        except TimeoutError:
            return None
        finally:
            self._waiters.discard(woken)

    def place(self) -> int:
        """The `seq` of the present state; looked up in the log after a restart."""
        if not self._seq:
            wanted = EntryFilter(Filter(kinds=[EventKind.EVENT_KIND_STATE_CHANGED]), self._log)
            self._seq = before_tail(self._log, 1, wanted) + 1
            for back in range(2, SKIPPED):
                older = before_tail(self._log, back, wanted) + 1
                now, before = self.said(self._seq), self.said(older)
                if now is None or before is None or now.provenance != OURS or what(now) != what(before):
                    break
                self._seq = older
        return self._seq

    def told(self) -> list[Event]:
        """The last of what was told of exchanges with an agent, in its order: a state follows from that."""
        first = max(self._log.bounds.oldest_seq, self._log.head_seq - RECALLED + 1)
        asked = ListEventsRequest(session=self._log.session_id, after_seq=first - 1, filter=Filter(kinds=TELLING))
        events: list[Event] = []
        while True:
            page = pages.page(asked, self._log)
            events += page.events
            if not page.next_page_token:
                return events
            asked.page_token = page.next_page_token

    def said(self, seq: int) -> StateChanged | None:
        """The state that the log says there; None: nothing is kept there, or something else."""
        events = pages.page(ListEventsRequest(session=self._log.session_id, after_seq=seq - 1, page_size=1), self._log).events
        return events[0].state_changed if events and events[0].seq == seq and events[0].HasField("state_changed") else None


def what(change: StateChanged) -> tuple[SessionState.ValueType, WaitingFor.ValueType]:
    """The state without its reasons."""
    return change.state, change.waiting_for
