"""One session: its record, its log and its source. What the source reports becomes events; what callers ask goes to the source."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import json
import logging
import shutil
import signal as signals
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from sightline.v1.event_pb2 import (
    CaptureState,
    Channel,
    Error,
    ErrorOrigin,
    Event,
    Input,
    Resized,
    SessionState,
)
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_pb2 import SessionKind, Snapshot, Subscriber, Terminal
from sightline.v1.session_service_pb2 import (
    AnswerRequest,
    Delivery,
    ExplainResponse,
    PublishRequest,
    PublishResponse,
    SendRequest,
    SendResponse,
)

from sightline_server.capture.base import Ending, Source, Typed
from sightline_server.capture.kind import MAX_CELLS
from sightline_server.errors import BadField, InputTooLarge, NoTerminal, SessionEnded, SightlineError, SourceGone
from sightline_server.log.session_log import Draft, SessionLog
from sightline_server.sessions import lifecycle, publishing, requests
from sightline_server.sessions.file_events import FileEvents
from sightline_server.sessions.publishing import OURS
from sightline_server.sessions.state.judge import Decision
from sightline_server.sessions.state.observation import ScreenJudge
from sightline_server.sessions.state.watch import Watch
from sightline_server.sessions.states import States
from sightline_server.storage.contract import SessionRow

logger = logging.getLogger(__name__)

MAX_INPUT = 1024 * 1024  # bytes in one `Send`
MAX_KEYS = 1000  # in one `Send`
MAX_AUTHOR = 128  # characters
MAX_REQUEST_ID = 128  # characters
REMEMBERED_INPUTS = 1024  # request ids whose delivery is known for sure
NOTE_SECONDS = 1.0  # for the store to note that a session is terminated, before it is
TERMINATE_PATIENCE = 10.0  # seconds beyond the grace period until `Terminate` says that it did not help

WATCHED_KINDS = frozenset({SessionKind.SESSION_KIND_TYPESCRIPT, SessionKind.SESSION_KIND_TRANSCRIPT})
"""Where there is something to find out, beside terminals and agents."""
TERMINAL_KINDS = frozenset({SessionKind.SESSION_KIND_TERMINAL, SessionKind.SESSION_KIND_TMUX, SessionKind.SESSION_KIND_SCREEN})
ADOPTED_KINDS = frozenset(
    {
        SessionKind.SESSION_KIND_TMUX,
        SessionKind.SESSION_KIND_SCREEN,
        SessionKind.SESSION_KIND_TYPESCRIPT,
        SessionKind.SESSION_KIND_TRANSCRIPT,
    }
)


@dataclasses.dataclass
class Private:
    """What a session remembers over a restart and nobody else reads.

    Attributes:
        terminated: `Terminate` was called.
        interrupted: nanoseconds since 1970 of the last `Interrupt`; 0: none.
        screen: the last screen of an ended terminal, a serialized `Snapshot` in base64.
        producer: the only one that may publish; empty: any may.
        watched: the directory whose files' changes become events; empty: none.
        rule: the name of what gave the present state.
        evidence: what it saw, line by line.
    """

    terminated: bool = False
    interrupted: int = 0
    screen: str = ""
    producer: str = ""
    watched: str = ""
    rule: str = ""
    evidence: list[str] = dataclasses.field(default_factory=list)


class Session:
    """One session, live or ended. Is the `Sink` of its source and a `Subject` for subscribers.

    Args:
        row: as stored.
        log: its log.
        directory: its spool directory; used while it lives.
        clock: nanoseconds since 1970.
        on_end: called once it has ended and that is committed.
    """

    def __init__(
        self,
        row: SessionRow,
        log: SessionLog,
        directory: Path,
        clock: Callable[[], int],
        on_end: Callable[[Session], None] = lambda _session: None,
    ) -> None:
        self.number = row.number
        self.log = log
        self._directory = directory
        self.source: Source | None = None
        self.record = SessionMessage.FromString(row.record)
        self.ended_event = asyncio.Event()
        self.started_event = asyncio.Event()
        """Its source runs, or never will: until then there is nothing that could be ended or let go."""
        self._row = row
        self._private = Private(**json.loads(row.private or "{}"))
        self._clock = clock
        self._on_end = on_end
        self.files = FileEvents(self.record, log, clock)
        self._typing = asyncio.Lock()
        self._publishing = asyncio.Lock()
        self._producers: publishing.Producers | None = None
        self._delivered: OrderedDict[str, int] = OrderedDict()
        self.states = States(self.record, log, self._private, self.row)
        self._watch: Watch | None = None
        if not row.live:
            self.ended_event.set()

    @property
    def session_id(self) -> str:
        """See `Sink`."""
        return self.record.id

    @property
    def session_name(self) -> str:
        """See `Sink`."""
        return self.record.name

    @property
    def directory(self) -> Path:
        """See `Sink`."""
        return self._directory

    @property
    def live(self) -> bool:
        """It has not ended."""
        return self.record.state != SessionState.SESSION_STATE_ENDED

    @property
    def watched_directory(self) -> str:
        """Where changes of files are looked for; empty: nowhere."""
        return self._private.watched

    @property
    def has_terminal(self) -> bool:
        """See `Subject`."""
        return self.record.kind in TERMINAL_KINDS or self.record.HasField("screen")

    def describe(self, *, followers: bool = True) -> SessionMessage:
        """See `Subject`."""
        message = SessionMessage()
        message.CopyFrom(self.record)
        kept = self.log.bounds
        message.oldest_seq = kept.oldest_seq
        message.head_seq = kept.head_seq
        message.bytes = self.log.size
        message.epoch = self.log.epoch
        for follower in self.log.followers if followers else ():
            lag_bytes = kept.end_offset - follower.offset
            message.subscribers.append(Subscriber(lag_events=kept.head_seq - follower.seq, lag_bytes=lag_bytes))
        return message

    def row(self) -> SessionRow:
        """As it is to be stored now."""
        return dataclasses.replace(
            self._row,
            live=self.live,
            record=self.record.SerializeToString(),
            private=json.dumps(dataclasses.asdict(self._private)),
        )

    # --- what the source reports: `capture.base.Sink`

    def position(self, source: str) -> int:
        return self.log.position(source)

    def output(
        self,
        source: str,
        channel: Channel.ValueType,
        chunks: Sequence[bytes],
        position: int,
        spool: str = "",
        *,
        times: Sequence[int] = (),
    ) -> asyncio.Future[int]:
        if times:
            drafts = [Draft(source, None, channel, chunk, time) for chunk, time in zip(chunks, times, strict=True)]
        else:
            drafts = [Draft(source, None, channel, chunk) for chunk in chunks]
        if self.log.has_room:
            committed = self.log.append(drafts, position=(spool or source, position))
        else:
            committed = asyncio.ensure_future(self._output_when_there_is_room(drafts, (spool or source, position)))
        if self._watch is not None and channel == Channel.CHANNEL_TERMINAL:  # behind it: what is said of it follows it in the log
            self._watch.output(chunks)
        return committed

    async def _output_when_there_is_room(self, drafts: Sequence[Draft], position: tuple[str, int], *, turned: bool = False) -> int:
        await self.log.room()
        return await self.log.append(drafts, position=position, row=self.row() if turned else None)

    async def event(self, event: Event, source: str, position: int | None = None, spool: str = "") -> int:
        self.files.note(event)
        place = None if position is None else (spool or source, position)
        if event.HasField("state_changed"):  # the session's own, whoever knows it: stored with it, and waited for
            said = event.state_changed
            decision = Decision(said.state, said.waiting_for, said.provenance, said.reason, said.confidence, f"{source}/said")
            if self._watch is not None:
                self._watch.told(decision)
            return await self.states.say(decision, place)
        if event.HasField("resized"):
            self.record.terminal.columns, self.record.terminal.rows = event.resized.columns, event.resized.rows
            return await self.log.append([Draft(source, event)], position=place, row=self.row())
        committed = self.log.append([Draft(source, event)], position=place)
        self._observe(event)
        return await committed

    def events(self, events: Sequence[Event], source: str, position: int, spool: str = "") -> asyncio.Future[int]:
        turned = False
        for event in events:
            self.files.note(event)
            turned |= self._turned(event)
        drafts = [Draft(event.source or source, event) for event in events]
        if self.log.has_room:
            row = self.row() if turned else None
            committed = self.log.append(drafts, position=(spool or source, position), row=row)
        else:
            place = (spool or source, position)
            committed = asyncio.ensure_future(self._output_when_there_is_room(drafts, place, turned=turned))
        for event in events:
            self._observe(event)
        return committed

    def _turned(self, event: Event) -> bool:
        """Notes the exchange under way; True: it is another one now, or none."""
        turn = event.turn_id if event.HasField("turn_started") else "" if event.HasField("turn_finished") else self.record.turn_id
        before, self.record.turn_id = self.record.turn_id, turn
        return before != turn

    def _observe(self, event: Event, *, hook: bool = False) -> None:
        if self._watch is not None:
            self._watch.event(event, hook=hook)

    async def capture(self, state: CaptureState.ValueType, reason: str) -> None:
        if self.live and (self.record.capture, self.record.capture_reason) != (state, reason):
            await self.states.say_capture(state, reason)

    async def ended(self, ending: Ending) -> None:
        await self.files.settle()
        if self.live:
            await self._end(ending)

    async def _end(
        self,
        ending: Ending,
        before: Sequence[Draft] = (),
        *,
        said: Event | None = None,
        position: tuple[str, int] | None = None,
        instead_of: str = "",
        refusable: bool = False,
    ) -> int:
        """Logs the end, in one transaction with what comes `before` it, and returns its `seq`.

        `said` is the last event in somebody's own words; the rest is as in `SessionLog.append`.

        Where it is refused, the session is as it was.
        """
        if ending.screen is not None:
            self._private.screen = base64.b64encode(ending.screen.SerializeToString()).decode()
        now = max(self._clock(), self.log.bounds.last_time)  # the clock may have been set back
        last = lifecycle.completed(ending, lifecycle.Asked(self._private.terminated, self._private.interrupted, now))
        record = self.record
        unended = SessionMessage()
        unended.CopyFrom(record)
        if record.capture == CaptureState.CAPTURE_STATE_PAUSED:  # this is stored when there is room again
            record.capture = CaptureState.CAPTURE_STATE_FOLLOWING
            record.capture_reason = ""
        record.outcome = last.outcome
        record.signal = last.signal
        if last.HasField("exit_code"):
            record.exit_code = last.exit_code
        record.end_time.FromNanoseconds(now)
        record.turn_id = ""
        state = self.states.change(lifecycle.ended(last))
        drafts = [
            *before,
            Draft(OURS, Event(state_changed=state)),
            Draft(said.source if said else OURS, said or Event(completed=last)),
        ]
        try:
            seq = await self.log.append(drafts, row=self.row(), position=position, instead_of=instead_of, refusable=refusable)
        except SightlineError as error:
            record.CopyFrom(unended)
            if record.capture != CaptureState.CAPTURE_STATE_PAUSED:
                self.paused(error)
            raise
        self.unwatch()
        self.files.close()
        self.source = None
        self.log.close()
        self.started_event.set()
        self.ended_event.set()
        self.states.came(seq - 1, SessionState.SESSION_STATE_ENDED)
        self._on_end(self)
        await asyncio.to_thread(shutil.rmtree, self.directory, ignore_errors=True)
        return seq

    # --- what other programs publish

    async def publish(self, request: PublishRequest) -> PublishResponse:
        """Takes the events of a call that were not taken before: all of them, or none. Returns when they are committed."""
        publishing.check_call(request)
        await self.log.room()
        # A caller who hangs up must not make a repeated call overtake this one.
        return await asyncio.shield(asyncio.ensure_future(self._publish(request)))

    async def _publish(self, request: PublishRequest) -> PublishResponse:
        async with self._publishing:
            if self._producers is None:
                self._producers = publishing.Producers(self.log)
            published = self._producers.published(request.producer_id)
            events = publishing.unpublished(request, published, self.record.name)
            if not events:
                return PublishResponse(next_sequence=published + 1)
            if request.events[-1].HasField("completed"):
                await self.files.settle()
            self._running("publish into")
            taken = publishing.Taken(self.record, request.producer_id, self._private.producer, self.log)
            for index, event in enumerate(events, len(request.events) - len(events)):
                taken.take(event, index)
                self.files.note(event)
            taken.close(len(request.events))
            published += len(events)
            position, forgotten = self._producers.place(request.producer_id, published)
            seq = await self._log_published(taken, position, forgotten)
            self._producers.spoke(request.producer_id, forgotten)
            return PublishResponse(next_sequence=published + 1, seq=seq)

    async def _log_published(self, taken: publishing.Taken, position: tuple[str, int], forgotten: str) -> int:
        drafts = [Draft(event.source, event) for event in taken.events]
        if taken.last is not None:
            if taken.terminal is not None:  # it may have changed in this very call
                self.record.terminal.CopyFrom(taken.terminal)
            ending = Ending(error=taken.last.completed.error or taken.end_reason, said=taken.last.completed)
            return await self._end(ending, drafts, said=taken.last, position=position, instead_of=forgotten, refusable=True)
        unchanged = taken.change(self.record)
        if taken.state_place >= 0:
            self._private.rule, self._private.evidence = (
                "published/said",
                [f"published by {taken.events[taken.state_place].source}"],
            )
        row = self.row() if taken.changes_record else None
        try:
            seq = await self.log.append(drafts, position=position, instead_of=forgotten, row=row, refusable=True)
        except SightlineError:
            self.record.state, self.record.waiting_for = unchanged
            raise
        if taken.state_place >= 0:
            self.states.came(seq - len(drafts) + 1 + taken.state_place, taken.state)
        for event in taken.events:
            self._observe(event, hook=True)
        return seq

    # --- its state

    def watch(self, screens: ScreenJudge | None) -> None:
        """Finds out from now on what it does, where it has a terminal or an agent."""
        watched = self.has_terminal or self.record.agent or self.record.kind in WATCHED_KINDS
        if self.live and self._watch is None and watched and self.record.kind != SessionKind.SESSION_KIND_PUBLISHED:
            self._watch = Watch(self.record, self.states.decision(), self.states.say, lambda: self.source, screens)
            if self.record.agent:
                self._watch.recall(self.states.told())

    def explain(self) -> ExplainResponse:
        """The present state, and the rule that says so: the one that says it now, else the one that brought it."""
        state = self.states.present()
        said = self.states.decision()
        if self._watch is not None and self._watch.observer.judge.confirmed.what == said.what:
            said = self._watch.observer.judge.confirmed
        state.provenance, state.reason, state.confidence = said.provenance, said.reason, said.confidence
        return ExplainResponse(state=state, seq=self.states.place(), rule=said.rule, evidence=said.evidence)

    def unwatch(self) -> None:
        """Finds out no longer."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def paused(self, error: SightlineError) -> None:
        """Nothing can be stored: what the source has waits in its spool. What is said about it comes before what waits behind."""
        if self.live:
            self.record.capture = CaptureState.CAPTURE_STATE_PAUSED
            self.record.capture_reason = str(error)
            problem = Error(code=error.reason, message=str(error), origin=ErrorOrigin.ERROR_ORIGIN_SIGHTLINE)
            self.log.append([Draft(OURS, Event(error=problem))])

    async def unpaused(self) -> None:
        """There is room again."""
        if self.record.capture == CaptureState.CAPTURE_STATE_PAUSED:
            await self.capture(CaptureState.CAPTURE_STATE_FOLLOWING, "")

    # --- what callers ask

    def _running(self, action: str) -> Source:
        if self.source is None or not self.live:
            raise SessionEnded(session=self.record.name, action=action)
        return self.source

    async def send(self, request: SendRequest, transport: str) -> SendResponse:
        """Types, at most once for each request id."""
        self._running("type into")
        if len(request.request_id) > MAX_REQUEST_ID:
            raise BadField(field="request_id", problem=f"at most {MAX_REQUEST_ID} characters")
        typed = Typed(
            data=request.text.encode() + request.data,
            keys=tuple(request.keys),
            submit=request.submit,
            eof=request.eof,
        )
        if len(typed.data) > MAX_INPUT:
            raise InputTooLarge(size=len(typed.data), limit=MAX_INPUT)
        if len(typed.keys) > MAX_KEYS:
            raise BadField(field="keys", problem=f"at most {MAX_KEYS}")
        check_author(request.author)
        # A caller who hangs up between commit and typing must not leave it untyped.
        return await asyncio.shield(asyncio.ensure_future(self._send(request, typed, transport)))

    async def _send(self, request: SendRequest, typed: Typed, transport: str) -> SendResponse:
        async with self._typing:
            known = self._known_input(request.request_id)
            if known is not None:
                return known
            source = self._running("type into")
            source.check_send(typed)
            redacted = request.sensitive or await source.echo_is_off()
            said = Input(
                data=b"" if redacted else typed.data,
                keys=() if redacted else typed.keys,
                length=len(typed.data) + len(typed.keys),
                redacted=redacted,
                submit=typed.submit,
                eof=typed.eof,
                author=request.author or transport,
                request_id=request.request_id,
            )
            draft = Draft(OURS, Event(input=said))
            self._running("type into")  # it may have ended while its terminal was looked at
            committed = self.log.append([draft], input_id=request.request_id, refusable=True)
            if self._watch is not None:  # at once: no idleness of before may come behind the input
                self._watch.typed(typed)
            seq = await committed
            await self._reach(source.send(typed), seq)
            self._delivered[request.request_id] = seq
            if len(self._delivered) > REMEMBERED_INPUTS:
                self._delivered.popitem(last=False)
            return SendResponse(seq=seq, delivered=Delivery.DELIVERY_DELIVERED)

    def _known_input(self, request_id: str) -> SendResponse | None:
        if not request_id:
            return None
        seq = self._delivered.get(request_id)
        if seq is not None:
            return SendResponse(seq=seq, delivered=Delivery.DELIVERY_DELIVERED)
        seq = self.log.input_seq(request_id)
        return None if seq is None else SendResponse(seq=seq, delivered=Delivery.DELIVERY_UNKNOWN)

    async def _reach(self, action: Awaitable[None], cause_seq: int) -> None:
        """Does what the log already says was done; if that fails, the log says so too, unless the end came in between."""
        try:
            await action
        except SightlineError as error:
            if self.live:
                problem = Error(code=error.reason, message=str(error), origin=ErrorOrigin.ERROR_ORIGIN_PROGRAM)
                await self.log.append([Draft(OURS, Event(error=problem, cause_seq=cause_seq))])
            raise

    async def interrupt(self, author: str) -> int:
        """What Ctrl-C means there."""
        check_author(author)
        async with self._typing:
            source = self._running("interrupt")
            self._private.interrupted = self._clock()
            said = Input(interrupt=True, author=author)
            committed = self.log.append([Draft(OURS, Event(input=said))], row=self.row(), refusable=True)
            if self._watch is not None:
                self._watch.typed(None)
            seq = await committed
            await self._reach(source.interrupt(), seq)
            return seq

    async def answer(self, request: AnswerRequest, transport: str) -> int:
        """Answers a request of its agent: the first answer counts."""
        source = self._running("answer")
        check_author(request.author)
        given = requests.answer_of(request, transport)
        # A caller who hangs up between commit and typing must not leave the agent waiting.
        return await asyncio.shield(asyncio.ensure_future(requests.answer(source, given, self.log, self.record.name)))

    async def resize(self, terminal: Terminal) -> int:
        """Sets the terminal's size."""
        for name, cells in (("columns", terminal.columns), ("rows", terminal.rows)):
            if not 1 <= cells <= MAX_CELLS:
                raise BadField(field=f"terminal.{name}", problem=f"it must be 1 to {MAX_CELLS}")
        await self._running("resize").resize(terminal.columns, terminal.rows)
        self._running("resize")  # it may have ended meanwhile
        self.record.terminal.CopyFrom(terminal)
        resized = Resized(columns=terminal.columns, rows=terminal.rows)
        return await self.log.append([Draft(OURS, Event(resized=resized))], row=self.row())

    async def terminate(self, signal: int, grace: float) -> None:
        """Ends the whole tree, and waits for the end; an ended session stays as it is."""
        if self.source is None or not self.live:
            return
        self._private.terminated = True
        noted = self.log.append([], row=self.row())
        await asyncio.wait([noted], timeout=NOTE_SECONDS)  # a full disk must not keep a program from being ended
        await self.started_event.wait()
        if self.source is not None:
            await self.source.terminate(signal, grace)
        await self._until_ended(grace + TERMINATE_PATIENCE)

    async def release(self) -> None:
        """Lets an adopted source go."""
        self._running("release")
        await self.started_event.wait()
        await self._running("release").release()
        await self._until_ended(TERMINATE_PATIENCE)

    async def _until_ended(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.ended_event.wait()
        except TimeoutError:
            raise SourceGone(
                session=self.record.name, why=f"it has not ended within {seconds:.0f} s; its log will say when"
            ) from None

    async def note_size(self) -> None:
        """Learns the size of an adopted terminal, which its owner decides."""
        if self.source is not None and self.record.kind in ADOPTED_KINDS and not self.record.HasField("terminal"):
            with contextlib.suppress(SightlineError):  # it may be gone already; its source says so
                screen = await self.source.snapshot()
                self.record.terminal.columns, self.record.terminal.rows = screen.columns, screen.rows

    async def let_go(self, grace: float) -> None:
        """Ends it, or releases it where it is not ours."""
        if self.record.kind in ADOPTED_KINDS:
            await self.release()
        else:
            await self.terminate(signals.SIGTERM, grace)

    async def snapshot(self) -> Snapshot:
        """The screen; of an ended terminal, its last one."""
        if self.source is not None and self.live:
            screen = await self.source.snapshot()  # one without a screen says why
        elif not self.has_terminal:
            raise NoTerminal(session=self.record.name)
        elif self._private.screen:
            screen = Snapshot.FromString(base64.b64decode(self._private.screen))
        else:
            raise SessionEnded(session=self.record.name, action="look at: its last screen was not seen")
        screen.session_id = self.record.id
        screen.as_of_seq = self.log.head_seq
        return screen

    async def detach(self) -> None:
        """The server goes."""
        self.unwatch()
        self.files.close()
        if self.source is not None:
            await self.source.detach()


def check_author(author: str) -> None:
    """Raises `BadField` for one that is no name but a text."""
    if len(author) > MAX_AUTHOR:
        raise BadField(field="author", problem=f"at most {MAX_AUTHOR} characters")
