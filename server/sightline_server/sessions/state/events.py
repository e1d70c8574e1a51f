"""What typed events say of the state: turns, calls, requests. Pure.

A turn is work from its beginning to its end, and so is a call that is open behind it: an agent whose subagents still run in the
background is not done. Who waits for an answer waits, whatever else goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from sightline.v1.event_pb2 import Event, Outcome, Request, RequestKind, ToolStatus, WaitingFor

from sightline_server.sessions.state.judge import IDLE, WAITING, WORKING
from sightline_server.sessions.state.observation import Observation, Trust

Known = TypeVar("Known")

MAX_OPEN = 1000  # turns, calls or requests that are remembered
OPEN_CALL_SECONDS = 600.0  # that the word of a transcript stands while a call is open: it says nothing until that ends
LAST_WORDS: Mapping[Outcome.ValueType, str] = {
    Outcome.OUTCOME_SUCCEEDED: "its turn is done",
    Outcome.OUTCOME_FAILED: "its turn failed",
    Outcome.OUTCOME_INTERRUPTED: "its turn was interrupted",
    Outcome.OUTCOME_CANCELLED: "its turn was cancelled",
}
FINAL = frozenset({ToolStatus.TOOL_STATUS_COMPLETED, ToolStatus.TOOL_STATUS_FAILED, ToolStatus.TOOL_STATUS_UNKNOWN})


class Turns:
    """The exchanges of one session, as far as they say what it does."""

    def __init__(self) -> None:
        self._turns: dict[str, None] = {}
        self._over: dict[str, None] = {}
        self._calls: dict[str, str] = {}
        self._requests: dict[str, Request] = {}
        self._ended = ""

    def saw(self, event: Event, trust: Trust, provenance: str = "") -> Observation | None:
        """What an event says of the state; None: nothing new."""
        known = None if event.HasField("turn_started") else self._of_turn(event, trust, provenance)
        take = TAKEN.get(event.WhichOneof("payload") or "")
        return take(self, event, trust, provenance) or known if take else known

    def _started(self, event: Event, trust: Trust, provenance: str) -> Observation:
        keep(self._turns, event.turn_id, None)
        return self._now(trust, provenance, "agent/turn", "a turn began", event.turn_started.prompt)

    def _called(self, event: Event, trust: Trust, provenance: str) -> Observation:
        call = event.tool_call
        keep(self._calls, call.tool_call_id, call.title or call.name)
        return self._now(trust, provenance, "agent/tool", f"it uses {call.name}", call.title)

    def _asked(self, event: Event, trust: Trust, provenance: str) -> Observation:
        keep(self._requests, event.request.request_id, event.request)
        return self._now(trust, provenance, "agent/request", "it asks", event.request.text)

    def _resolved(self, event: Event, trust: Trust, provenance: str) -> Observation:
        self._requests.pop(event.request_resolved.request_id, None)
        return self._now(trust, provenance, "agent/answered", "its request was answered", event.request_resolved.text)

    def _of_turn(self, event: Event, trust: Trust, provenance: str) -> Observation | None:
        """A turn may be known by what happens in it alone: its beginning was before the server's, or before ours."""
        turn = event.turn_id
        if not turn or turn in self._turns or turn in self._over:
            return None
        keep(self._turns, turn, None)
        return self._now(trust, provenance, "agent/turn", "a turn is under way", "")

    def _finished(self, event: Event, trust: Trust, provenance: str) -> Observation:
        self._turns.pop(event.turn_id, None)
        keep(self._over, event.turn_id, None)
        self._requests.clear()
        finished = event.turn_finished
        self._ended = LAST_WORDS.get(finished.outcome, "its turn is over")
        return self._now(trust, provenance, "agent/turn-end", self._ended, finished.stop_reason)

    def _answered(self, event: Event, trust: Trust, provenance: str) -> Observation | None:
        result = event.tool_result
        if result.status not in FINAL or self._calls.pop(result.tool_call_id, None) is None:
            return None
        return self._now(trust, provenance, "agent/tool-end", "a tool has ended", "")

    def _now(self, trust: Trust, provenance: str, rule: str, reason: str, seen: str) -> Observation:
        """What all of it comes to; `rule`, `reason` and what was `seen` are those of the event that led here."""
        for request in self._requests.values():
            asks = request.kind == RequestKind.REQUEST_KIND_PERMISSION
            waiting_for = WaitingFor.WAITING_FOR_PERMISSION if asks else WaitingFor.WAITING_FOR_ANSWER
            rule = "agent/permission" if asks else "agent/question"
            reason = "it asks for a permission" if asks else "it asks a question"
            return Observation(trust, WAITING, rule, reason, waiting_for, evidence=(request.text,), provenance=provenance)
        if self._calls:
            title = next(reversed(self._calls.values()))
            return Observation(
                trust,
                WORKING,
                rule if rule == "agent/tool" else "agent/tool-open",
                reason if rule == "agent/tool" else "a tool runs",
                evidence=(title,),
                provenance=provenance,
                fresh=None if trust == Trust.PROTOCOL else OPEN_CALL_SECONDS,
            )
        working = bool(self._turns) or rule not in ("agent/turn-end", "agent/tool-end")
        return Observation(
            trust,
            WORKING if working else IDLE,
            rule if working else "agent/turn-end",
            reason if working else self._ended or "its last tool has ended",
            evidence=(seen,) if seen else (),
            provenance=provenance,
        )


TAKEN: Mapping[str, Callable[[Turns, Event, Trust, str], Observation | None]] = {
    "turn_started": Turns._started,
    "turn_finished": Turns._finished,
    "tool_call": Turns._called,
    "tool_result": Turns._answered,
    "request": Turns._asked,
    "request_resolved": Turns._resolved,
}
"""The events that say something of the state by themselves."""


def keep(known: dict[str, Known], key: str, value: Known) -> None:
    """Remembers one more; of too many the oldest goes."""
    known[key] = value
    if len(known) > MAX_OPEN:
        del known[next(iter(known))]
