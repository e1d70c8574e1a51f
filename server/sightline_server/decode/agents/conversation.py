"""What the meaning of an agent's line depends on: the turn under way, calls that are open, what was said, counts. Makes the events.

Every family's decoder tells it what a line says; the rules that hold for all of them (a turn has one beginning and one end, a call
has one result, a plan is whole) are kept here and nowhere else. Knows no format.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from sightline.v1.event_pb2 import (
    ROLE_ASSISTANT,
    TOOL_STATUS_UNKNOWN,
    AgentInfo,
    Error,
    ErrorOrigin,
    Event,
    Location,
    Message,
    Notice,
    Outcome,
    Plan,
    PlanEntry,
    Request,
    RequestOption,
    RequestResolved,
    Role,
    ToolCall,
    ToolStatus,
    TurnFinished,
    TurnStarted,
    Usage,
)
from sightline.v1.event_pb2 import RequestKind as Asks

from sightline_server.decode.agents import tools

REMEMBERED_CALLS = 10_000  # ended calls whose results may still come late
LENGTH_IN_JAVASCRIPT = len("2026-11-21T01:58:04.500Z")
MAX_FORMS = 64  # beginnings of events that are kept ready
MAX_FORM = 40  # characters of a notice that may well come again
MAX_OPEN = 10_000  # calls without their results, and requests without an answer; the oldest is given up
MAX_SAID = 16 * 1024 * 1024  # characters of one message's pieces that are kept for the turn's text
MAX_SO_FAR = 1024 * 1024  # bytes of a running call's output that are kept


@dataclass(slots=True)
class OpenCall:
    """A tool call without its result.

    Attributes:
        name: the tool's.
        turn_id: the turn it was made in.
        parent: the call on whose behalf a subagent made it; empty: the main agent did.
        background: the turn's end does not close it: it goes on behind it.
        so_far: what it has answered up to now (`Conversation.partial`): all that is known if its result never comes.
    """

    name: str
    turn_id: str
    parent: str
    background: bool = False
    so_far: bytearray = field(default_factory=bytearray)


class Conversation:
    """An agent's session as far as it was told.

    Args:
        agent: the family; the `source` of the events.

    Attributes:
        turn_id: the turn under way; empty between turns.
        turns: how many have begun.
        outcome: how the last turn ended; UNSPECIFIED: none has, or one is under way.
        error: why it failed, for people.
        stop_reason: the last turn's.
        open_calls: by id, in the order they were made.
        open_requests: by id, what was asked and not answered.
        total: what all finished turns used.
        spent: what the turn under way has used up to now, where the agent tells it bit by bit (`spend`).
        tool_calls: how many were made.
        phase: what it does, for people: `thinking`, `writing`, a tool's name; empty: nothing known.
        info: what is known about the agent.
        events: what was made and not taken yet.
        time: when what is told now happened, seconds since 1970 and nanoseconds (`at`); None: not known.
    """

    def __init__(self, agent: str) -> None:
        self.agent = agent
        self.turn_id = ""
        self.turns = 0
        self._said: list[str] = []
        self._said_id = ""
        self._said_size = 0
        self.outcome: Outcome.ValueType = Outcome.OUTCOME_UNSPECIFIED
        self.error = ""
        self.stop_reason = ""
        self.open_calls: dict[str, OpenCall] = {}
        self.open_requests: dict[str, str] = {}
        self.total = Usage()
        self.spent = Usage()
        self.tool_calls = 0
        self.phase = ""
        self.info = AgentInfo(agent=agent)
        self._said_info = b""
        self._ended_calls: dict[str, str] = {}
        self._said_plan = b""
        self._ending: list[tuple[str, str]] = []
        self.events: list[Event] = []
        self.time: tuple[int, int] | None = None
        self._second = "", 0
        self._forms: dict[tuple[object, ...], bytes] = {}

    # --- the events

    def take(self) -> list[Event]:
        """What was made since the last time."""
        events = self.events
        self.events = []
        return events

    def at(self, time: Timestamp | None) -> None:
        """When the source says that what follows happened; None: it does not say."""
        self.time = None if time is None else (time.seconds, time.nanos)

    def at_iso(self, text: object) -> None:
        """As `at(iso_time(text))`, and three times as fast on what JavaScript writes, `2026-11-21T01:58:04.500Z`."""
        try:
            if type(text) is str and len(text) == LENGTH_IN_JAVASCRIPT and text[23] == "Z":
                if text[:20] != self._second[0]:  # many lines come in one
                    self._second = text[:20], int(datetime.fromisoformat(text[:19] + "+00:00").timestamp())
                if text[20:23].isdecimal():
                    self.time = self._second[1], int(text[20:23]) * 1_000_000
                    return
        except ValueError:
            pass
        self.at(iso_time(text))

    def emit(self, event: Event, parent: str = "") -> Event:
        """Adds an event whose payload is set; what is known of its place is set here."""
        event.source = self.agent
        if self.turn_id:
            event.turn_id = self.turn_id
        if parent:
            event.parent_tool_call_id = parent
        return self._add(event)

    def _add(self, event: Event) -> Event:
        if self.time is not None:
            time = event.source_time
            time.seconds, time.nanos = self.time
        self.events.append(event)
        return event

    # Most events are small and alike, and parsing what is alike in them costs half of setting it: it is made once, as a form.

    def _event(self, parent: str) -> Event:
        """An event whose payload is still to be set, and which is to be added when it is: a wrong type there raises."""
        form_of = (parent, self.turn_id)
        form = self._forms.get(form_of)
        return Event.FromString(self._new_form(form_of, Event(), parent) if form is None else form)

    def _new_form(self, form_of: tuple[object, ...], event: Event, parent: str) -> bytes:
        event.source, event.turn_id, event.parent_tool_call_id = self.agent, self.turn_id, parent
        if len(self._forms) >= MAX_FORMS:
            self._forms.clear()
        form = self._forms[form_of] = event.SerializeToString()
        return form

    # --- turns

    @property
    def text(self) -> str:
        """The agent's last word in this turn, or in the last one."""
        if len(self._said) > 1:
            self._said = ["".join(self._said)]
        return self._said[0] if self._said else ""

    @text.setter
    def text(self, text: str) -> None:
        self._said = [text]
        self._said_id = ""
        self._said_size = len(text)

    def begin_turn(self, prompt: str = "", *, turn_id: str = "") -> None:
        """An exchange begins. One that is under way is not begun again. `turn_id`: the agent's name for it; empty: its number."""
        if self.turn_id:
            return
        started = Event(turn_started=TurnStarted(prompt=prompt))  # raises where a line is wrong, before anything is changed
        self.turns += 1
        self.turn_id = turn_id or str(self.turns)
        self.text = self.error = self.stop_reason = ""
        self.outcome = Outcome.OUTCOME_UNSPECIFIED
        self.emit(started)

    def next_turn(self) -> None:
        """Another exchange begins before it was told how the one under way ended: the older one is the first that ends."""
        if self.turn_id:
            self._ending.append((self.turn_id, self.text))
            self.turn_id = ""
        self.begin_turn()

    def end_turn(
        self,
        outcome: Outcome.ValueType,
        *,
        text: str | None = None,
        usage: Usage | None = None,
        stop_reason: str = "",
        error: str = "",
    ) -> None:
        """The exchange is over: calls without a result are closed as unknown, open requests are void.

        `text` is the agent's last word where it repeats it; None: what it said last. `usage` None: what was spent.
        """
        finished = TurnFinished(outcome=outcome, text=text or "", stop_reason=stop_reason)  # raises where a line is wrong
        self.begin_turn()  # an end without a beginning is the end of a turn too
        behind = (self.turn_id, self.text) if self._ending else None
        if behind:
            self.turn_id, self.text = self._ending.pop(0)
        else:
            for request_id in list(self.open_requests):
                self.resolved(request_id, text="the turn is over", cancelled=True)
        self.close_calls(behind_the_turn=True)
        if text is not None:
            self.text = text
        self.outcome = outcome
        self.error = error
        self.stop_reason = stop_reason
        if usage is None and self.spent.ByteSize():
            usage = self.spent
        self.spent = Usage()
        if usage is not None:
            self.emit(Event(usage=usage))
            finished.usage.CopyFrom(usage)
            add_usage(self.total, usage)
        finished.text = self.text
        self.emit(Event(turn_finished=finished))
        self.turn_id = ""
        self.phase = ""
        if behind:
            self.turn_id, self.text = behind
            self.error = ""
            self.outcome = Outcome.OUTCOME_UNSPECIFIED

    def spend(self, usage: Usage) -> None:
        """The turn under way used this much more: its end tells the sum."""
        add_usage(self.spent, usage)

    # --- what is said

    def message(
        self, text: str, message_id: str = "", *, role: Role.ValueType = ROLE_ASSISTANT, delta: bool = False, parent: str = ""
    ) -> None:
        """Text. The main agent's own is its last word: a piece goes behind the pieces of the same id, all else instead of it."""
        if delta:
            form_of = (message_id, role, parent, self.turn_id)
            form = self._forms.get(form_of)
            if form is None:
                form = self._new_form(form_of, Event(message=Message(role=role, message_id=message_id, delta=True)), parent)
            event = Event.FromString(form)
            event.message.text = text
        else:
            event = self._event(parent)
            said = event.message
            said.role, said.text, said.message_id = role, text, message_id
        self._add(event)
        if role == ROLE_ASSISTANT and not parent:
            if not (delta and message_id == self._said_id):
                self._said = [text]
                self._said_id = message_id
                self._said_size = len(text)
            elif self._said_size < MAX_SAID:
                self._said.append(text)
                self._said_size += len(text)
            self.phase = "writing"

    def thinking(self, text: str, message_id: str = "", *, delta: bool = False, parent: str = "") -> None:
        """Thinking."""
        event = self._event(parent)
        said = event.thinking
        said.text, said.message_id, said.delta = text, message_id, delta
        self._add(event)
        self.phase = "thinking"

    def notice(self, code: str, text: str = "", *, raw: bytes = b"", parent: str = "") -> None:
        """What is neither an error nor any other kind. `code` is a stable word."""
        form_of = (code, text, "notice", parent, self.turn_id)
        form = self._forms.get(form_of)
        if form is None:
            event = Event(notice=Notice(code=code, text=text))
            if len(text) > MAX_FORM:
                event.raw = raw
                self.emit(event, parent)
                return
            form = self._new_form(form_of, event, parent)
        event = Event.FromString(form)
        if raw:
            event.raw = raw
        self._add(event)

    def failed(
        self, code: str, message: str, *, fatal: bool = False, origin: ErrorOrigin.ValueType = ErrorOrigin.ERROR_ORIGIN_PROGRAM
    ) -> None:
        """Something went wrong."""
        self.emit(Event(error=Error(code=code, message=message, fatal=fatal, origin=origin)))

    def know(
        self, *, model: str = "", version: str = "", agent_session_id: str = "", cwd: str = "", tools: Iterable[str] = ()
    ) -> None:
        """What is known about the agent; an event only when it adds to what was known."""
        info = AgentInfo(model=model, version=version, agent_session_id=agent_session_id, cwd=cwd, tools=tools)
        if info.tools:
            del self.info.tools[:]
        self.info.MergeFrom(info)
        said = self.info.SerializeToString(deterministic=True)
        if said != self._said_info:
            self._said_info = said
            self.emit(Event(agent_info=self.info))

    # --- tools

    def call(
        self,
        call_id: str,
        name: str,
        given: object,
        input_json: bytes = b"",
        *,
        parent: str = "",
        title: str = "",
        places: Iterable[str] = (),
    ) -> None:
        """A tool is called: `given` is its input as an object, `input_json` the agent's own bytes of it. Twice the same is one.

        In another turn than that in which it ended, an id is another call's: some models count their calls anew.
        `places` are files it is about that no plain key of its input names.
        """
        if call_id in self.open_calls or self._ended_calls.get(call_id) == self.turn_id:
            return
        event = self._event(parent)
        call = event.tool_call
        call.tool_call_id, call.name, call.kind = call_id, name, tools.kind_of(name)
        call.title = title or tools.title_of(name, given)
        call.input_json = input_json or tools.as_json(given).encode()
        call.locations.extend(tools.places_of(given))
        call.locations.extend(Location(path=path) for path in places)
        self._add(event)
        self.open_calls[call_id] = OpenCall(name, self.turn_id, parent)
        if len(self.open_calls) > MAX_OPEN:
            self.result(next(iter(self.open_calls)), TOOL_STATUS_UNKNOWN)
        self.tool_calls += 1
        self.phase = name

    def knows(self, call_id: str) -> bool:
        """Whether this call was told."""
        return call_id in self.open_calls or call_id in self._ended_calls

    def resume_call(self, call_id: str, name: str, parent: str = "") -> None:
        """A call whose beginning was told elsewhere is open."""
        ToolCall(tool_call_id=call_id, name=name)  # raises where a type is wrong, as `call` does
        self.open_calls[call_id] = OpenCall(name, self.turn_id, parent)

    def partial(self, call_id: str, data: bytes) -> None:
        """A piece of a running call's output: told only if the call never gets its result."""
        call = self.open_calls.get(call_id)
        if call is not None and len(call.so_far) < MAX_SO_FAR:
            call.so_far += data

    def result(
        self,
        call_id: str,
        status: ToolStatus.ValueType,
        content: str = "",
        *,
        exit_code: int | None = None,
        seconds: float | None = None,
        parent: str = "",
    ) -> None:
        """A call's outcome. One that comes after its turn belongs to that turn; a second one is told too: the later is right."""
        call = self.open_calls.get(call_id)
        event = self._event(parent or (call.parent if call else ""))
        result = event.tool_result
        result.tool_call_id, result.status, result.content = call_id, status, content
        if exit_code is not None:
            result.exit_code = exit_code
        if seconds is not None:
            result.duration.CopyFrom(duration(seconds))
        self._add(event)
        self.open_calls.pop(call_id, None)
        turn_id = call.turn_id if call else self._ended_calls.get(call_id, self.turn_id)
        if turn_id != self.turn_id:
            event.turn_id = turn_id
        self._ended_calls[call_id] = turn_id
        if len(self._ended_calls) > REMEMBERED_CALLS:
            del self._ended_calls[next(iter(self._ended_calls))]
        self.phase = ""

    def close_calls(self, *, behind_the_turn: bool = False) -> None:
        """Nobody will tell how the open calls went: those of background work may, where only a turn is over."""
        for call_id, call in list(self.open_calls.items()):
            if not (behind_the_turn and (call.background or call.turn_id not in {self.turn_id, ""})):
                self.result(call_id, TOOL_STATUS_UNKNOWN, call.so_far.decode("utf-8", "replace"))

    def plan(self, entries: Iterable[PlanEntry]) -> None:
        """The whole plan as it stands now; told when it is another than before."""
        plan = Plan(entries=entries)
        said = plan.SerializeToString()
        if said != self._said_plan:
            self._said_plan = said
            self.emit(Event(plan=plan))

    # --- requests

    def request(
        self, request_id: str, kind: Asks.ValueType, text: str, *, call_id: str = "", options: Iterable[RequestOption] = ()
    ) -> None:
        """The agent asks and waits. Asked twice is asked once."""
        if request_id in self.open_requests:
            return
        asked = Request(request_id=request_id, kind=kind, text=text, tool_call_id=call_id, options=options)
        self.emit(Event(request=asked))
        self.open_requests[request_id] = call_id
        if len(self.open_requests) > MAX_OPEN:
            self.resolved(next(iter(self.open_requests)), text="too many others are open", cancelled=True)

    def resolved(self, request_id: str, *, option_id: str = "", text: str = "", author: str = "", cancelled: bool = False) -> None:
        """A request was answered, or is void. One that is not open is not told again."""
        if request_id in self.open_requests:
            answer = RequestResolved(request_id=request_id, option_id=option_id, text=text, author=author, cancelled=cancelled)
            self.emit(Event(request_resolved=answer))
            del self.open_requests[request_id]


def duration(seconds: float) -> Duration:
    """As a message, to the nanosecond; never below 0, nor beyond what one can carry."""
    whole, part = divmod(int(min(max(seconds, 0.0), 1e9) * 1e9), 1_000_000_000)
    return Duration(seconds=whole, nanos=part)


def iso_time(text: object) -> Timestamp | None:
    """A time as agents write it: ISO 8601 with its zone. None: it is not one."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return unix_time(moment.timestamp()) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def unix_time(seconds: float) -> Timestamp | None:
    """Seconds since 1970, to the microsecond. None: beyond what a message can carry."""
    if not 0 < seconds < 253_402_300_800:  # the year 10000
        return None
    micros = round(seconds * 1e6)
    return Timestamp(seconds=micros // 1_000_000, nanos=micros % 1_000_000 * 1000)


def add_usage(total: Usage, more: Usage) -> None:
    """Adds one turn's to a sum. What the context holds is that of the later one."""
    total.input_tokens += more.input_tokens
    total.output_tokens += more.output_tokens
    total.cached_tokens += more.cached_tokens
    total.reasoning_tokens += more.reasoning_tokens
    total.cache_written_tokens += more.cache_written_tokens
    if more.HasField("cost"):
        total.cost += more.cost
        total.currency = more.currency
    total.context_used = more.context_used or total.context_used
    total.context_size = more.context_size or total.context_size
