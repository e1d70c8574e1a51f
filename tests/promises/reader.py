"""The reference client: what docs/stream.md says that a client must do, and nothing more. Knows no log and no model.

A `Stream` is one call of `Subscribe`, served as gRPC would; a `Reader` goes on over any number of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from sightline.v1.event_pb2 import Event
from sightline.v1.session_pb2 import Cursor, Session, Snapshot
from sightline.v1.session_service_pb2 import (
    CaughtUp,
    Cursors,
    EndReason,
    Gap,
    Heartbeat,
    OnGap,
    SubscribeRequest,
    SubscribeResponse,
)
from sightline_server.errors import EpochChanged, EventsGone, SessionNotFound, SightlineError
from sightline_server.subscription.directory import Directory
from sightline_server.subscription.subscription import Subscription

ALL = "*"
FINAL = frozenset({EndReason.END_REASON_ALL_ENDED, EndReason.END_REASON_CAUGHT_UP})  # after the others there is more to come
MAX_RESPONSE = 2 * 1024 * 1024  # bytes, as the contract says

Moment: TypeAlias = dict[str, tuple[int, int]]

Item: TypeAlias = Event | Gap | Snapshot | CaughtUp | Heartbeat


class Stream:
    """One call: the server writes, the client takes; what is between them is lost when it breaks.

    Args:
        window: responses that may be on their way before a write waits for the client.
        on_written: called for each response as it is written.
        on_error: called when the server refuses or fails it.

    Attributes:
        written: all that the server wrote.
        finished: the server ended the stream by itself.
        error: the status with which it failed.
        moments: when it began, and by session when its header was written: the oldest event kept and the head of each.
    """

    def __init__(
        self,
        request: SubscribeRequest,
        directory: Directory,
        clock: Callable[[], int],
        window: int,
        on_written: Callable[[Stream], None],
        on_error: Callable[[Stream], None],
    ) -> None:
        self.request = request
        self.written: list[SubscribeResponse] = []
        self.finished = False
        self.error: SightlineError | None = None
        self._wire: deque[SubscribeResponse] = deque()
        self._window = window
        self._room = asyncio.Event()
        self._on_written = on_written
        self._on_error = on_error
        self._subscription = Subscription(request, directory, clock)
        self._directory = directory
        self.moments: dict[str, Moment] = {"": {}}
        self.task = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        self.moments[""] = self._moment()  # a subscription finds its sessions when it is first read
        responses = self._subscription.responses()
        try:
            async for response in responses:
                await self._write(response)
            self.finished = True
        except SightlineError as error:
            self.error = error
            self._on_error(self)
        finally:
            await responses.aclose()  # type: ignore[attr-defined] # it is a generator

    async def _write(self, response: bytes) -> None:
        assert len(response) <= MAX_RESPONSE
        self.written.append(SubscribeResponse.FromString(response))
        self._wire.append(self.written[-1])
        if self.written[-1].HasField("header"):
            self.moments[self.written[-1].header.session.id] = self._moment()
        self._on_written(self)
        while len(self._wire) > self._window:
            self._room.clear()
            await self._room.wait()

    def _moment(self) -> Moment:
        return {one.log.session_id: (one.log.bounds.oldest_seq, one.log.head_seq) for one in self._directory.all()}

    def take(self) -> SubscribeResponse | None:
        """The next response that has arrived."""
        self._room.set()
        return self._wire.popleft() if self._wire else None

    @property
    def is_over(self) -> bool:
        """Nothing more will arrive."""
        return self.task.done() and not self._wire

    def cut(self, *, arrives: bool = False) -> None:
        """The connection breaks: what was on its way is lost, or arrives all the same."""
        if not arrives:
            self._wire.clear()
        self.task.cancel()


@dataclass
class Record:
    """What a reader was given of one session, in order, over all its streams.

    Attributes:
        origin: the stream that brought its first header.
        start: where that header said that events begin.
        cursor: where it would go on.
        items: events, gaps and screens, and the signs that moved the cursor.
        resumes: where it asked to go on, and where the header then said that events begin.
    """

    origin: Stream
    start: int
    cursor: Cursor
    items: list[Item] = field(default_factory=list)
    resumes: list[tuple[Cursor, Cursor]] = field(default_factory=list)

    def add(self, item: Item, up_to: int) -> None:
        self.items.append(item)
        self.cursor.seq = max(self.cursor.seq, up_to)


class Reader:
    """Follows what `asked` names, over any number of streams.

    Attributes:
        records: by session id and epoch.
        over: an `end` said that there is nothing more, or all that was followed has been deleted.
    """

    def __init__(self, asked: SubscribeRequest, window: int) -> None:
        self.asked = asked
        self.everything = ALL in asked.sessions
        self.records: dict[tuple[str, int], Record] = {}
        self.streams: list[Stream] = []
        self.over = False
        self._window = window
        self._current: dict[str, Record] = {}  # by session id: of the epoch that is followed now
        self._unresolved: list[str] = []
        self._held: list[Session] | None = None
        self._starts: dict[str, Cursor] = {}
        self._begin()

    def _begin(self) -> None:
        """A start such as `latest` means a moment, which the headers fix: until all are there, it is asked for anew."""
        self._opening = True
        self._starts = {}
        self._unresolved = [name for name in self.asked.sessions if name != ALL]

    @property
    def stream(self) -> Stream | None:
        return self.streams[-1] if self.streams else None

    @property
    def followed(self) -> dict[str, Record]:
        """By session id, in the present epoch."""
        return self._current

    # --- asking

    def connect(
        self,
        directory: Directory,
        clock: Callable[[], int],
        on_written: Callable[[Stream], None],
        on_error: Callable[[Stream], None],
    ) -> None:
        """Opens the first stream, or resumes."""
        self.streams.append(Stream(self.request(), directory, clock, self._window, on_written, on_error))

    def learn(self, error: SightlineError | None) -> None:
        """What to do about the status with which the last stream failed."""
        if isinstance(error, EventsGone):
            self.asked.on_gap = OnGap.ON_GAP_SKIP  # it was told, and goes on all the same
        elif isinstance(error, EpochChanged):
            self._start_over(error.variables["session"])
        elif isinstance(error, SessionNotFound):
            self._forget(error.variables["session"])

    def request(self) -> SubscribeRequest:
        request = SubscribeRequest()
        request.CopyFrom(self.asked)
        if self._opening:
            self._begin()
            return request
        if not self.everything:
            del request.sessions[:]
            request.sessions.extend([*self._current, *self._unresolved])  # by id: a name may be another session's by now
        request.after.CopyFrom(Cursors(cursors=[record.cursor for record in self._current.values()]))
        request.snapshot = False
        return request

    def _start_over(self, session_id: str) -> None:
        """Its log has a new epoch: what was read before may not be what is there."""
        self._current.pop(session_id, None)
        if not self.everything:
            self._unresolved.append(session_id)

    def _forget(self, session_id: str) -> None:
        """It is not there any more."""
        self._current.pop(session_id, None)
        if session_id in self._unresolved:
            self._unresolved.remove(session_id)
            self.asked.sessions.remove(session_id)
        self.over = not self.everything and not self._current and not self._unresolved

    # --- listening

    def take(self) -> bool:
        """Takes the next response; False: none has arrived."""
        response = self.stream.take() if self.stream else None
        if response is None:
            return False
        sign = response.WhichOneof("sign")
        assert not (sign and response.events), "a sign is sent alone"
        if sign == "header":
            self._header(response.header.session, response.header.cursor)
        elif sign == "end":
            self.over = response.end.reason in FINAL
        else:
            self._opened()
            for event in response.events:
                self._current[event.session_id].add(event, event.seq)
            if sign is not None:
                self._sign(getattr(response, sign))
        return True

    def _header(self, session: Session, cursor: Cursor) -> None:
        self._starts[session.id] = cursor
        if not self._opening:
            self._follow(session.id, cursor)
        names = {session.id, session.name}
        self._unresolved = [name for name in self._unresolved if name not in names]
        if not self.everything and not self._unresolved:
            self._opened()

    def _opened(self) -> None:
        if self._opening:
            self._opening = False
            for session_id, cursor in self._starts.items():
                self._follow(session_id, cursor)

    def _follow(self, session_id: str, cursor: Cursor) -> None:
        known = self._current.get(session_id)
        if known is None:
            record = Record(self.streams[-1], cursor.seq, copied(cursor))
            self._current[session_id] = self.records[session_id, cursor.epoch] = record
        else:
            known.resumes.append((copied(known.cursor), cursor))

    def _sign(self, sign: Gap | Snapshot | CaughtUp | Heartbeat) -> None:
        if isinstance(sign, Gap):
            self._current[sign.session_id].add(sign, sign.last_seq)
        elif isinstance(sign, Snapshot):
            self._current[sign.session_id].add(sign, sign.as_of_seq)
        elif isinstance(sign, CaughtUp):
            self._current[sign.cursor.session_id].add(sign, sign.cursor.seq)
        else:
            for position in sign.positions:
                if position.cursor.session_id in self._current:  # else its header is still to come
                    self._current[position.cursor.session_id].add(sign, position.cursor.seq)


def copied(cursor: Cursor) -> Cursor:
    return Cursor(session_id=cursor.session_id, epoch=cursor.epoch, seq=cursor.seq)
