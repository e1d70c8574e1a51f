"""The reference client: what docs/stream.md says that a client must do, and nothing more. Knows no log and no model.

A `Stream` is one call of `Subscribe`, served as gRPC would; a `Reader` goes on over any number of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from sightline.v1.event_pb2 import Event
from sightline.v1.session_pb2 import Snapshot
from sightline.v1.session_service_pb2 import (
    CaughtUp,
    EndReason,
    Gap,
    Header,
    Heartbeat,
    OnGap,
    Place,
    SubscribeRequest,
    SubscribeResponse,
)
from sightline_server.errors import EpochChanged, EventsGone, SessionNotFound, SightlineError
from sightline_server.subscription.directory import Directory
from sightline_server.subscription.subscription import Subscription

ALL = "*"
FINAL = frozenset({EndReason.END_REASON_ALL_ENDED, EndReason.END_REASON_CAUGHT_UP})  # after the others there is more to come
MAX_RESPONSE = 2 * 1024 * 1024  # bytes, as the contract says


class Extent(NamedTuple):
    """A log at one moment.

    Attributes:
        oldest: the first event kept.
        head: the last one.
        number: the session's.
    """

    oldest: int
    head: int
    number: int


Moment: TypeAlias = dict[str, Extent]

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
        moments: when it began, and by session when its header was written: the logs.
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
        return {
            one.log.session_id: Extent(one.log.bounds.oldest_seq, one.log.head_seq, one.number) for one in self._directory.all()
        }

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
        origin: the stream that brought its header.
        start: where that header said that events begin.
        place: where it would go on.
        items: events, gaps and screens, and the signs that moved the place.
        resumes: where it asked to go on, and where the stream then said that it does.
    """

    origin: Stream
    start: int
    place: Place
    items: list[Item] = field(default_factory=list)
    resumes: list[tuple[int, int]] = field(default_factory=list)

    def add(self, item: Item, up_to: int) -> Place:
        self.items.append(item)
        self.place.seq = max(self.place.seq, up_to)
        return self.place


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
        self._moment = 0
        self._told_by: Stream | None = None  # the last stream that had a heartbeat
        self._current: dict[str, Record] = {}  # by session id: of the epoch that is followed now

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
            del self._current[error.variables["session"]]  # what was read before may not be what is there
        elif isinstance(error, SessionNotFound):
            self._forget(error.variables["session"])

    def request(self) -> SubscribeRequest:
        request = SubscribeRequest()
        request.CopyFrom(self.asked)
        request.resume.moment = self._moment
        for session_id, record in self._current.items():
            request.resume.places[session_id].CopyFrom(record.place)
        return request

    def _forget(self, named: str) -> None:
        """It is not there any more; the others are."""
        record = self._current.pop(named, None)
        word = named if record is None else record.place.asked_as
        if word in self.asked.sessions:
            self.asked.sessions.remove(word)
        self.over = not self.asked.sessions

    # --- listening

    def take(self) -> bool:
        """Takes the next response; False: none has arrived."""
        response = self.stream.take() if self.stream else None
        if response is None:
            return False
        sign = response.WhichOneof("sign")
        assert not (sign and response.events), "a sign is sent alone"
        for event in response.events:
            place = self._current[event.session_id].add(event, event.seq)
            place.snapshot_due = False
            place.completed = place.completed or event.HasField("completed")
        if sign == "header":
            self._header(response.header)
        elif sign == "end":
            self.over = response.end.reason in FINAL
        elif sign is not None:
            self._sign(getattr(response, sign))
        return True

    def _header(self, header: Header) -> None:
        assert header.session.id not in self._current, "a header came again"
        self._moment = self._moment or header.moment
        record = Record(self.streams[-1], header.cursor.seq, header.place)
        self._current[header.session.id] = self.records[header.session.id, header.place.epoch] = record

    def _sign(self, sign: Gap | Snapshot | CaughtUp | Heartbeat) -> None:
        if isinstance(sign, Gap):
            self._current[sign.session_id].add(sign, sign.last_seq).snapshot_due = sign.snapshot_due
        elif isinstance(sign, Snapshot):
            self._current[sign.session_id].add(sign, sign.as_of_seq).snapshot_due = False
        elif isinstance(sign, CaughtUp):
            self._current[sign.cursor.session_id].add(sign, sign.cursor.seq).caught_up = True
        else:
            self._heartbeat(sign)

    def _heartbeat(self, sign: Heartbeat) -> None:
        self._moment = self._moment or sign.moment
        first, self._told_by = self._told_by is not self.streams[-1], self.streams[-1]
        asked = self.streams[-1].request.resume.places
        for position in sign.positions:
            session_id = position.cursor.session_id
            if session_id not in self._current:
                continue  # its header is still to come
            if first and session_id in asked:
                self._current[session_id].resumes.append((asked[session_id].seq, position.cursor.seq))
            self._current[session_id].add(sign, position.cursor.seq)
