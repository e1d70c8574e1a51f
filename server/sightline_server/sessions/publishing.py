"""What other programs may publish into a session: which events, from whom, in which order. Knows the log's positions, not gRPC.

A producer numbers its events from 1 in each session. How far it is stands in the log as the position of a spool of its own,
committed with its events: so a call that is repeated, after a `kill -9` too, publishes each event once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message
from sightline.v1.event_pb2 import Channel, Event, Outcome, SessionState, WaitingFor
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_pb2 import SessionKind, Terminal
from sightline.v1.session_service_pb2 import PublishRequest

from sightline_server.capture.kind import MAX_CELLS, MAX_ID
from sightline_server.errors import (
    BadField,
    EventTooLarge,
    EventWithoutPayload,
    ImpossibleState,
    OnlyForPublished,
    OtherProducer,
    SequenceGap,
    SourceReserved,
    TooManySources,
)
from sightline_server.log.record import MAX_EVENT
from sightline_server.log.session_log import SessionLog
from sightline_server.sessions import lifecycle

OURS = "sightline"  # `Event.source` of what the server itself has to say
MAX_EVENTS = 1000  # in one call: a few milliseconds of the loop
MAX_PRODUCERS = 1000  # remembered in one session; of more, the one that was quiet for longest is forgotten
MAX_SOURCES = 1000  # different `Event.source` in one session, spools and producers not counted
HEAD_BYTES = 128  # of an encoded event, for what the server adds: session, seq, time, and the tags around
PRODUCER = "producer\x1f"  # before the id, in the log's positions: no source of events can be called so

ONLY_FOR_PUBLISHED = frozenset({"completed", "state_changed", "input"})
NUMBERS: Mapping[str, tuple[str, Any]] = {
    "output": ("channel", Channel),
    "output_lost": ("channel", Channel),
    "completed": ("outcome", Outcome),
}
"""Numbers that the server itself reads, and the words that there are."""
TIMES: Mapping[str, Sequence[str]] = {
    "output_lost": ("from_time", "to_time"),
    "step_finished": ("duration",),
    "tool_result": ("duration",),
    "progress": ("elapsed",),
}
"""Times and durations in payloads: beyond the calendar, no client could show the event as JSON."""


class Producers:
    """Who has published into a session, and how far each is.

    Args:
        log: the session's.
    """

    def __init__(self, log: SessionLog) -> None:
        self._log = log
        self._quiet_first = OrderedDict.fromkeys(name for name in log.sources if name.startswith(PRODUCER))

    def published(self, producer_id: str) -> int:
        """How many events of this producer are in the log."""
        return self._log.position(PRODUCER + producer_id)

    def place(self, producer_id: str, published: int) -> tuple[tuple[str, int], str]:
        """What `SessionLog.append` is to be told: the position, and the producer that makes room for it."""
        name = PRODUCER + producer_id
        crowded = name not in self._quiet_first and len(self._quiet_first) >= MAX_PRODUCERS
        return (name, published), next(iter(self._quiet_first)) if crowded else ""

    def spoke(self, producer_id: str, forgotten: str) -> None:
        """That was committed."""
        self._quiet_first.pop(forgotten, None)
        self._quiet_first[PRODUCER + producer_id] = None
        self._quiet_first.move_to_end(PRODUCER + producer_id)


def check_call(request: PublishRequest) -> None:
    """Refuses what no session would take. Raises `BadField`."""
    check_id("producer_id", request.producer_id)
    if not request.producer_id:
        raise BadField(field="producer_id", problem="give one: under it a repeated call is known; a random one for a single call")
    if not request.first_sequence:
        raise BadField(field="first_sequence", problem="a producer's events are numbered from 1")
    if not 1 <= len(request.events) <= MAX_EVENTS:
        raise BadField(field="events", problem=f"{len(request.events)} of them; it must be 1 to {MAX_EVENTS} in one call")


def check_id(field: str, text: str) -> None:
    """Raises `BadField` for what would be no name in a list."""
    if len(text) > MAX_ID or not text.isprintable():
        raise BadField(field=field, problem=f"at most {MAX_ID} characters, none of them a control character")


def unpublished(request: PublishRequest, published: int, session: str) -> Sequence[Event]:
    """The events of a call that are not in the log yet. Raises `SequenceGap`."""
    if request.first_sequence > published + 1:
        raise SequenceGap(
            producer=request.producer_id, session=session, expected=published + 1, first_sequence=request.first_sequence
        )
    return request.events[published + 1 - request.first_sequence :]


class Taken:
    """The events of one call, checked and ready for the log, and what they say of the session.

    Any error of `check` leaves nothing behind: a call is taken as a whole, or not at all.

    Args:
        record: of the session; not changed.
        producer_id: whose events they are.
        only_producer: the producer that the session was created for; empty: any.
        log: of the session.
    """

    def __init__(self, record: SessionMessage, producer_id: str, only_producer: str, log: SessionLog) -> None:
        self._session = record
        self._producer = producer_id
        self._sources = {name for name in log.sources if not name.startswith(PRODUCER)}
        self.is_published = record.kind == SessionKind.SESSION_KIND_PUBLISHED
        self.events: list[Event] = []
        self.state = record.state
        self.waiting_for = record.waiting_for
        self.terminal: Terminal | None = record.terminal if record.HasField("terminal") else None
        self.changes_record = False
        self.state_place = -1
        """Where in `events` the last change of state is; -1: there is none."""
        self.last: Event | None = None
        """The `completed` at the end; it is not in `events`, and neither is a change to ENDED before it."""
        self.end_reason = ""
        if only_producer and producer_id != only_producer:
            raise OtherProducer(session=record.name, producer=only_producer)

    def take(self, event: Event, index: int) -> None:
        """Checks the next event, numbered in its call from 0, and takes it in."""
        kind = event.WhichOneof("payload")
        if kind is None:
            raise EventWithoutPayload(index=index)
        if kind in ONLY_FOR_PUBLISHED and not self.is_published:
            raise OnlyForPublished(kind=kind, session=self._session.name)
        if self.last is not None:
            raise BadField(field=f"events[{index}]", problem="`completed` is the last event of a session: nothing can follow it")
        self._check_source(event, index)
        check_values(event, kind, index)
        for ours in ("session_id", "seq", "first_seq", "time", "cause_seq", "truncated_bytes"):
            event.ClearField(ours)
        if kind == "output" and not event.output.channel:
            event.output.channel = Channel.CHANNEL_STDOUT if self.terminal is None else Channel.CHANNEL_TERMINAL
        if (size := event.ByteSize() + HEAD_BYTES) > MAX_EVENT:
            raise EventTooLarge(index=index, size=size, limit=MAX_EVENT)
        take = {"state_changed": self._take_state, "resized": self._take_size, "completed": self._take_end}.get(kind)
        if take is None or take(event, index):
            self.events.append(event)

    def change(self, record: SessionMessage) -> tuple[SessionState.ValueType, WaitingFor.ValueType]:
        """Makes the record say what the events say; returns its state and what it waited for before."""
        before = record.state, record.waiting_for
        record.state, record.waiting_for = self.state, self.waiting_for
        if self.terminal is not None:
            record.terminal.CopyFrom(self.terminal)
        return before

    def _check_source(self, event: Event, index: int) -> None:
        field = f"events[{index}].source"
        check_id(field, event.source)
        if event.source == OURS:
            raise SourceReserved(index=index)
        event.source = event.source or self._producer
        if event.source not in self._sources:
            if len(self._sources) >= MAX_SOURCES:
                raise TooManySources(session=self._session.name, limit=MAX_SOURCES)
            self._sources.add(event.source)

    def _take_state(self, event: Event, index: int) -> bool:
        change = event.state_changed
        if self.state == SessionState.SESSION_STATE_ENDED:
            raise BadField(field=f"events[{index}]", problem="behind a change to ENDED only `completed` can come, in the same call")
        if change.state not in lifecycle.TRANSITIONS:
            raise BadField(field=f"events[{index}].state_changed.state", problem="say which state it is")
        if change.waiting_for not in WaitingFor.values():
            raise BadField(field=f"events[{index}].state_changed.waiting_for", problem="not one that this server knows")
        if change.state != self.state and not lifecycle.may_follow(self.state, change.state):
            raise ImpossibleState(
                session=self._session.name, state=SessionState.Name(change.state), before=SessionState.Name(self.state)
            )
        self.state = change.state
        if change.state == SessionState.SESSION_STATE_ENDED:  # stands before `completed`, where the server has its own
            self.end_reason = change.reason
            return False
        if change.state != SessionState.SESSION_STATE_WAITING:
            change.waiting_for = WaitingFor.WAITING_FOR_UNSPECIFIED
        self.waiting_for = change.waiting_for
        change.capture = self._session.capture
        self.state_place = len(self.events)
        self.changes_record = True
        return True

    def _take_size(self, event: Event, index: int) -> bool:
        if not (1 <= event.resized.columns <= MAX_CELLS and 1 <= event.resized.rows <= MAX_CELLS):
            raise BadField(field=f"events[{index}].resized", problem=f"columns and rows must be 1 to {MAX_CELLS}")
        if self.is_published:
            self.terminal = Terminal(columns=event.resized.columns, rows=event.resized.rows)
            self.changes_record = True
        return True

    def _take_end(self, event: Event, index: int) -> bool:
        said = event.completed
        if said.outcome == Outcome.OUTCOME_UNSPECIFIED:
            if not said.HasField("exit_code"):
                raise BadField(
                    field=f"events[{index}].completed.outcome", problem="say how it ended, by an outcome or an exit code"
                )
            said.outcome = Outcome.OUTCOME_SUCCEEDED if said.exit_code == 0 else Outcome.OUTCOME_FAILED
        self.last = event
        return False

    def close(self, count: int) -> None:
        """All were taken. Raises `BadField` when they end with ENDED alone."""
        if self.state == SessionState.SESSION_STATE_ENDED and self.last is None:
            raise BadField(field=f"events[{count - 1}]", problem="behind a change to ENDED `completed` must come, in the same call")


def check_values(event: Event, kind: str, index: int) -> None:
    """Refuses numbers and times that the log or its readers could not take. Raises `BadField`."""
    payload: Message = getattr(event, kind)
    if kind in NUMBERS:
        field, words = NUMBERS[kind]
        if getattr(payload, field) not in words.values():
            raise BadField(field=f"events[{index}].{kind}.{field}", problem=f"{getattr(payload, field)} is none that there is")
    check_time(f"events[{index}].source_time", event, "source_time")
    for field in TIMES.get(kind, ()):
        check_time(f"events[{index}].{kind}.{field}", payload, field)


def check_time(name: str, message: Message, field: str) -> None:
    """Raises `BadField` for a time or a duration beyond what there is."""
    if not message.HasField(field):
        return
    to_json: Callable[[], str] = getattr(message, field).ToJsonString
    try:
        to_json()
    except ValueError as error:
        raise BadField(field=name, problem=str(error)) from None
