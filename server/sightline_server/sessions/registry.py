"""All sessions: names, request ids, create, find, list, delete, and going on after a restart."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import secrets
import socket
import weakref
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path

from sightline.v1.event_pb2 import CaptureState, Event, SessionState, StateChanged
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_pb2 import SessionKind
from sightline.v1.session_service_pb2 import (
    CreateRequest,
    DiscoverRequest,
    DiscoverResponse,
    ListRequest,
    ListResponse,
    WatchFiles,
)

from sightline_server.capture.base import Ending
from sightline_server.capture.kind import directory
from sightline_server.capture.sources import Sources, as_record, target_of
from sightline_server.errors import (
    BadField,
    BadPageToken,
    Draining,
    NameTaken,
    RequestIdReused,
    SessionLive,
    SessionNotFound,
    SourceFollowed,
)
from sightline_server.log.committer import Committer, Refusal
from sightline_server.log.session_log import Draft, SessionLog
from sightline_server.sessions import names
from sightline_server.sessions.publishing import OURS
from sightline_server.sessions.session import MAX_REQUEST_ID, Private, Session
from sightline_server.sessions.state.judge import Decision
from sightline_server.sessions.state.observation import ScreenJudge
from sightline_server.storage.contract import SessionRow, new_epoch
from sightline_server.subscription.directory import Subject

logger = logging.getLogger(__name__)

DEFAULT_PAGE = 100
MAX_PAGE = 1000
END_ALL_GRACE = 1.0  # seconds from SIGTERM to SIGKILL
ROWS_AT_ONCE = 200  # read from the store at once
ROWS_LISTED = 50  # looked at before others have their turn: a few milliseconds
MAX_LABEL_BYTES = 16 * 1024  # keys and values of all labels that a caller gives a session
MAX_REPEATED = 128  # characters of a name that there is not, in the error: an answer's trailers must stay small
MAX_NUMBER = 1 << 62  # beyond any session's
STATE_BEHIND_NAME = {
    SessionKind.SESSION_KIND_COMMAND: (SessionState.SESSION_STATE_WORKING, "the command runs"),
    SessionKind.SESSION_KIND_PUBLISHED: (SessionState.SESSION_STATE_UNKNOWN, "its publisher has said nothing yet"),
    SessionKind.SESSION_KIND_TRANSCRIPT: (SessionState.SESSION_STATE_UNKNOWN, "its transcript has not been read yet"),
}
"""What is known of a session that has just started; a terminal's program may be anything, so nothing is known."""


class Registry:
    """All sessions of one server. Is the `Directory` of subscriptions.

    Args:
        committer: of the store.
        sources: makes what sessions follow.
        spools: directory of the spools.
        clock: nanoseconds since 1970.
        hold_back: see `SessionLog`.
        screens: knows what screens and titles say of a state; None: nobody does.
    """

    def __init__(
        self,
        committer: Committer,
        sources: Sources,
        spools: Path,
        clock: Callable[[], int],
        *,
        hold_back: int = 0,
        screens: ScreenJudge | None = None,
    ) -> None:
        self._screens = screens
        self.draining = False
        self.on_join: set[Callable[[Subject], None]] = set()
        self.on_drain: set[Callable[[], None]] = set()
        self.on_state: set[Callable[[Session], None]] = set()
        """Called with each session whose state has just been committed."""
        self._committer = committer
        self._store = committer.store
        self._sources = sources
        self._spools = spools
        self._clock = clock
        self._hold_back = hold_back
        self._hostname = socket.gethostname()
        self._live: dict[str, Session] = {}
        self._by_name: dict[str, Session] = {}
        self._ended: weakref.WeakValueDictionary[str, Session] = weakref.WeakValueDictionary()
        self._creating: dict[str, asyncio.Future[Session]] = {}
        self._last_number = 0
        self._beginning: set[int] = set()  # numbers of those that nobody has seen yet: a crash may take them back
        self._tasks: set[asyncio.Task[None]] = set()

    # --- the server's own life

    async def start(self) -> None:
        """Takes up all sessions that had not ended. Their sources go on in the background."""
        self._last_number = self._store.last_number()
        for row in self._store.live_rows():
            session = self._take_up(row)
            session.started_event.set()
            try:
                session.source = self._sources.resumed(session.record, session)
            except Exception as error:  # whatever is wrong with one, the others are followed
                logger.exception("session %s cannot be taken up", session.session_id)
                self._in_background(session.capture(CaptureState.CAPTURE_STATE_BLIND, f"it cannot be taken up: {error}"))
                continue
            session.watch(self._screens)
            self._in_background(session.source.resume())
            if session.watched_directory:
                self._in_background(session.files.begin(self._sources.files, session.watched_directory, again=True))

    def drain(self) -> None:
        """Tells every subscriber that the server goes; nothing new is begun."""
        self.draining = True
        for tell in list(self.on_drain):
            tell()

    async def end_all(self) -> None:
        """Ends what we started and lets go what we adopted: for a server whose home goes with it."""
        live = list(self._live.values())
        await asyncio.gather(*(session.let_go(END_ALL_GRACE) for session in live), return_exceptions=True)

    async def stop(self) -> None:
        """Leaves every source running and follows none."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(session.detach() for session in list(self._live.values())))

    def room_changed(self, full: Refusal | None) -> None:
        """The disk filled up, or has room again."""
        for session in list(self._live.values()):
            if full is not None:
                session.paused(full)
            else:
                self._in_background(session.unpaused())

    def live_logs(self) -> Iterator[SessionLog]:
        """The logs that may grow."""
        for session in self._live.values():
            yield session.log

    def followed_logs(self) -> list[SessionLog]:
        """The logs that somebody reads."""
        sessions = [*self._live.values(), *self._ended.values()]
        return [session.log for session in sessions if session.log.followers]

    def numbered(self, number: int) -> Session | None:
        """See `retention.Logs`."""
        row = next(iter(self._store.rows_before(number + 1, 1)), None)
        if row is None or row.number != number:
            return None
        return self._live.get(row.session_id) or self._ended_session(row)

    def forgotten(self, numbers: Sequence[int]) -> None:
        """See `retention.Logs`."""
        gone = set(numbers)
        for session in [session for session in self._ended.values() if session.number in gone]:
            del self._ended[session.session_id]
            session.log.forget()

    def _in_background(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(log_failure)

    # --- finding

    def find(self, session: str) -> Session:
        """By id or name: the live one, else the newest ended one of that name."""
        name, _, host = names.without_host(session, self._hostname).partition("@")
        found = self._live.get(name) or self._by_name.get(name) or self._ended.get(name)
        if found is None:
            row = self._store.row(name) or self._store.newest_named(name)
            found = None if row is None else self._live.get(row.session_id) or self._ended_session(row)
        if found is None or (host and found.record.host != host):
            raise SessionNotFound(session=session if len(session) <= MAX_REPEATED else f"{session[:MAX_REPEATED]}...")
        return found

    @property
    def next_number(self) -> int:
        """See `Directory`."""
        return min(self._beginning, default=self._last_number + 1)

    def live(self) -> Sequence[Session]:
        """All that have not ended."""
        return list(self._live.values())

    def all(self) -> Iterator[Session]:
        """All that are kept, newest first, each looked up when it is asked for."""
        return self._newest_first()

    def _newest_first(self, before: int | None = None) -> Iterator[Session]:
        number = self._last_number + 1 if before is None else before
        while rows := self._store.rows_before(number, ROWS_AT_ONCE):
            for row in rows:
                session = self._live.get(row.session_id) or self._ended_now(row)
                if session is not None:
                    yield session
            number = rows[-1].number

    def _ended_now(self, row: SessionRow) -> Session | None:
        """An ended session; None: it was deleted since `row` was read."""
        present = self._store.row(row.session_id) if row.live else row
        session = None if present is None else self._ended_session(present)
        return session if session is not None and session.log.head_seq else None

    async def list(self, request: ListRequest) -> ListResponse:
        """One page of sessions, newest first. Others have their turn while it looks through a long past."""
        if request.page_size > MAX_PAGE:
            raise BadField(field="page_size", problem=f"at most {MAX_PAGE}")
        if request.page_token and not re.fullmatch(r"[0-9]{1,18}", request.page_token):
            raise BadPageToken
        size = request.page_size or DEFAULT_PAGE
        response = ListResponse()
        before = int(request.page_token) if request.page_token else self._last_number + 1
        while rows := self._store.rows_before(min(before, MAX_NUMBER), ROWS_LISTED):
            for row in rows:
                live = self._live.get(row.session_id)
                if matches(SessionMessage.FromString(row.record) if live is None else live.record, request):
                    if len(response.sessions) == size:
                        response.next_page_token = str(before)
                        return response
                    response.sessions.append((live or self._ended_session(row)).describe())
                before = row.number
            await asyncio.sleep(0)
        return response

    def _ended_session(self, row: SessionRow) -> Session:
        session = self._ended.get(row.session_id)
        if session is None:
            log = SessionLog(row.session_id, row.number, row.epoch, self._committer, self._clock, closed=True)
            session = Session(row, log, self._spools / row.session_id, self._clock)
            self._ended[row.session_id] = session
        return session

    # --- creating and ending

    async def create(self, request: CreateRequest) -> tuple[Session, bool]:
        """Starts or adopts a session; True: an earlier request with this id did."""
        if self.draining:
            raise Draining
        self._check(request)
        if not request.request_id:
            return await self._create(request, b""), False
        fingerprint = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
        known = await self._requested(request.request_id, fingerprint)
        if known is not None:
            return known, True
        pending: asyncio.Future[Session] = asyncio.get_running_loop().create_future()
        self._creating[request.request_id] = pending
        try:
            session = await self._create(request, fingerprint)
        except BaseException as error:
            pending.set_exception(error)
            pending.exception()  # nobody may be waiting for it
            raise
        else:
            pending.set_result(session)
            return session, False
        finally:
            del self._creating[request.request_id]

    def _check(self, request: CreateRequest) -> None:
        if request.name:
            names.check(request.name)
        if len(request.request_id) > MAX_REQUEST_ID:
            raise BadField(field="request_id", problem=f"at most {MAX_REQUEST_ID} characters")
        if (size := sum(len(f"{key}{value}".encode()) for key, value in request.labels.items())) > MAX_LABEL_BYTES:
            raise BadField(field="labels", problem=f"{size} bytes in all; at most {MAX_LABEL_BYTES}")  # each answer repeats them
        self._sources.of_request(request).check(request)

    async def _requested(self, request_id: str, fingerprint: bytes) -> Session | None:
        pending = self._creating.get(request_id)
        if pending is not None:
            await asyncio.wait([pending])
        row = self._store.requested(request_id)
        if row is None:
            return None
        if row.fingerprint != fingerprint:
            raise RequestIdReused(request_id=request_id)
        return self.find(row.session_id)

    async def _create(self, request: CreateRequest, fingerprint: bytes) -> Session:
        kind = self._sources.of_request(request)
        record = await kind.record(request)
        for session in self._live.values():
            if self._sources.are_same(session.record, record):
                raise SourceFollowed(target=target_of(record), session=session.record.name)
        name = request.name or names.invent(kind.words(request), self._by_name.__contains__)
        if name in self._by_name:
            raise NameTaken(name=name)
        record.id = secrets.token_hex(8)
        record.name = name
        record.labels.update(request.labels)
        record.state = SessionState.SESSION_STATE_STARTING
        record.capture = CaptureState.CAPTURE_STATE_FOLLOWING
        record.create_time.FromNanoseconds(self._clock())
        self._last_number += 1
        self._beginning.add(self._last_number)
        row = SessionRow(
            number=self._last_number,
            session_id=record.id,
            name=name,
            epoch=new_epoch(),
            live=True,
            request_id=request.request_id,
            fingerprint=fingerprint,
            record=record.SerializeToString(),
            private=json.dumps(vars(Private(producer=request.published.producer_id, watched=self._watched(request, record)))),
        )
        session = self._take_up(row)
        try:
            await self._begin(session, request)
        except BaseException:
            await asyncio.shield(self._never_was(session))
            raise
        return session

    def _watched(self, request: CreateRequest, record: SessionMessage) -> str:
        """The directory whose files' changes become events; empty: none."""
        if request.watch_files == WatchFiles.WATCH_FILES_UNSPECIFIED:
            return self._watched_unasked(request, record)
        if request.watch_files != WatchFiles.WATCH_FILES_ON:
            return ""
        if not self._sources.is_here(record.host):
            raise BadField(field="watch_files", problem="files are watched on the server's own host alone")
        if not record.cwd and not request.cwd:
            raise BadField(field="watch_files", problem="say below which directory, in `cwd`")
        return directory(record.cwd or request.cwd)

    def _watched_unasked(self, request: CreateRequest, record: SessionMessage) -> str:
        """The directory that an agent was started for; never a whole home, nor all there is."""
        if not request.HasField("agent") or not request.cwd or not self._sources.is_here(record.host):
            return ""
        found = directory(record.cwd or request.cwd)
        return "" if found in {"/", str(Path.home())} else found

    async def _begin(self, session: Session, request: CreateRequest) -> None:
        starting = StateChanged(state=session.record.state, capture=session.record.capture, provenance="sightline", confidence=1.0)
        await session.log.append([Draft(OURS, Event(state_changed=starting))], row=session.row(), refusable=True)
        session.directory.mkdir(mode=0o700, parents=True)
        self._beginning.discard(session.number)
        for tell in list(self.on_join):
            tell(session)
        session.source = self._sources.of_request(request).new(request, session.record, session)
        if session.watched_directory:
            await session.files.begin(self._sources.files, session.watched_directory, again=False)
        await session.source.start()
        session.started_event.set()
        state, reason = STATE_BEHIND_NAME.get(
            session.record.kind, (SessionState.SESSION_STATE_UNKNOWN, "a terminal's program may be doing anything")
        )
        if session.record.steps:
            state, reason = SessionState.SESSION_STATE_WORKING, "its steps run"
        if session.live:
            await session.note_size()
        if session.live:  # what is adopted may go while it is looked at
            await session.states.say(Decision(state, provenance="process", reason=reason, rule="process/started"))
            session.watch(self._screens)

    async def _never_was(self, session: Session) -> None:
        """A session that could not be started leaves nothing: whoever saw it sees its end, then it is deleted."""
        self._beginning.discard(session.number)
        if not session.log.head_seq:  # nobody saw it: not even its first event could be stored
            session.log.close()
            self._live.pop(session.session_id, None)
            self._by_name.pop(session.session_name, None)
            return
        if session.live:
            await session.ended(Ending(started=False, error="it could not be started"))
        await self.delete(session)

    def _take_up(self, row: SessionRow) -> Session:
        log = SessionLog(row.session_id, row.number, row.epoch, self._committer, self._clock, hold_back=self._hold_back)
        session = Session(row, log, self._spools / row.session_id, self._clock, self._on_end)
        session.states.on_came = lambda: self._state_came(session)
        self._live[session.session_id] = session
        self._by_name[session.session_name] = session
        return session

    def _state_came(self, session: Session) -> None:
        for saw in self.on_state:
            saw(session)

    def _on_end(self, session: Session) -> None:
        self._live.pop(session.session_id, None)
        self._by_name.pop(session.session_name, None)
        self._ended[session.session_id] = session

    async def delete(self, session: Session) -> None:
        """Forgets an ended session and its log."""
        if session.live:
            raise SessionLive(session=session.session_name)

        def forgotten() -> None:
            self._ended.pop(session.session_id, None)
            session.log.forget()

        await self._committer.hide([session.number], forgotten)

    # --- looking around

    async def discover(self, request: DiscoverRequest) -> DiscoverResponse:
        """What could be adopted, and which of it is followed already."""
        candidates, problems = await self._sources.discover(request)
        for candidate in candidates:
            if candidate.session_id not in self._live:  # what an agent was started in may be another server's
                candidate.session_id = ""
            found = as_record(candidate)
            for session in self._live.values():
                if self._sources.are_same(session.record, found):
                    candidate.session_id = session.session_id
        return DiscoverResponse(candidates=candidates, problems=problems)


def matches(record: SessionMessage, request: ListRequest) -> bool:
    """Whether a listing wants this session."""
    if request.states and record.state not in request.states:
        return False
    if request.name and record.name != request.name:
        return False
    return all(record.labels.get(key) == value for key, value in request.labels.items())


def log_failure(task: asyncio.Task[None]) -> None:
    """A background task must not fail in silence."""
    if not task.cancelled() and task.exception() is not None:
        logger.error("a background task failed", exc_info=task.exception())
