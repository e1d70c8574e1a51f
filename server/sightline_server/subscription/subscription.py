"""One subscriber: which sessions, where it is in each, its signs and its end.

It keeps positions, never events. What to send next is read from the log when the connection takes it, so a slow reader lags and
costs
nothing, and a fast one is woken by the commit itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Protocol, cast

from sightline.v1.session_pb2 import Session, Snapshot
from sightline.v1.session_service_pb2 import (
    CaughtUp,
    End,
    EndReason,
    GapReason,
    Header,
    Heartbeat,
    OnGap,
    OnSlow,
    SubscribeRequest,
    SubscribeResponse,
    View,
)

from sightline_server.errors import BadField, EventsGone, NotYetBuilt, TooManySessionsNamed
from sightline_server.log.session_log import SessionLog
from sightline_server.subscription import filter as filters
from sightline_server.subscription.filter import EntryFilter
from sightline_server.subscription.position import Position
from sightline_server.subscription.start import start_seq

ALL = "*"
MAX_SESSIONS_NAMED = 10_000
DEFAULT_MAX_LAG_BYTES = 64 * 1024 * 1024
MIN_HEARTBEAT_SECONDS = 0.1


class Subject(Protocol):
    """A session, as far as a subscriber needs it."""

    log: SessionLog

    @property
    def has_terminal(self) -> bool:
        """It has a screen to begin with."""
        ...

    def describe(self) -> Session:
        """As it is now."""
        ...

    async def snapshot(self) -> Snapshot:
        """Its screen."""
        ...


class Directory(Protocol):
    """Where sessions are found."""

    draining: bool
    """The server is going down."""

    on_join: set[Callable[[Subject], None]]
    """Called for each session that is created from now on."""

    on_drain: set[Callable[[], None]]
    """Called when `draining` becomes true."""

    def find(self, session: str) -> Subject:
        """By id or name; raises `SessionNotFound`."""
        ...

    def all(self) -> Iterable[Subject]:
        """All that are kept, oldest first."""
        ...


class Place(Position):
    """A position with what the subscriber was told about it."""

    def __init__(self, subject: Subject, seq: int, entry_filter: EntryFilter | None, on_wake: Callable[[Position], None]) -> None:
        super().__init__(subject.log, seq, entry_filter, on_wake)
        self.subject = subject
        self.target = subject.log.head_seq
        self.introduced = False
        self.began = False
        self.caught_up = False


class Subscription:
    """See the module.

    Args:
        request: what the subscriber asked for.
        directory: where the sessions are.
        clock: nanoseconds since 1970.

    Raises:
        SightlineError: the request cannot be fulfilled; at once, not when the stream is read.
    """

    def __init__(self, request: SubscribeRequest, directory: Directory, clock: Callable[[], int]) -> None:
        check(request)
        self._request = request
        self._directory = directory
        self._clock = clock
        self._everything = ALL in request.sessions
        self._places: dict[str, Place] = {}
        self._ready: dict[Place, None] = {}  # those with something to say, in the order in which they got it
        self._woken = asyncio.Event()
        subjects = directory.all() if self._everything else [directory.find(name) for name in request.sessions]
        for subject in subjects:
            self._join(subject, first=True)

    async def responses(self) -> AsyncIterator[bytes]:
        """The stream: encoded `SubscribeResponse` messages. Ends after `end`."""
        self._directory.on_drain.add(self._woken.set)
        if self._everything:
            self._directory.on_join.add(self._join_later)
        for place in self._places.values():
            place.log.followers.add(place)
        try:
            # All headers first: a client that is cut off a moment later knows every position to resume from.
            for place in list(self._places.values()):
                yield self._introduce(place)
            while True:
                reason = self._end()
                if reason is not None:
                    yield sign(SubscribeResponse(end=End(reason=reason)))
                    return
                if self._ready:
                    place = next(iter(self._ready))
                    del self._ready[place]
                    async for response in self._advance(place):
                        yield response
                elif not await self._wait():
                    yield sign(SubscribeResponse(heartbeat=self._heartbeat()))
        finally:
            self._directory.on_drain.discard(self._woken.set)
            self._directory.on_join.discard(self._join_later)
            for place in self._places.values():
                place.log.followers.discard(place)
                place.log.moved()

    # --- joining

    def _join(self, subject: Subject, *, first: bool) -> None:
        if subject.log.session_id in self._places:
            return
        wanted = self._request.filter
        entry_filter = None if filters.is_empty(wanted) else EntryFilter(wanted, subject.log)
        seq = start_seq(self._request, subject.log, entry_filter) if first else 0
        place = Place(subject, seq, entry_filter, self._wake)
        self._places[subject.log.session_id] = place
        self._ready[place] = None

    def _join_later(self, subject: Subject) -> None:
        self._join(subject, first=False)
        place = self._places[subject.log.session_id]
        place.log.followers.add(place)
        self._woken.set()

    def _wake(self, place: Position) -> None:
        self._ready[cast(Place, place)] = None
        self._woken.set()

    # --- one step

    async def _advance(self, place: Place) -> AsyncIterator[bytes]:
        async for response in self._signs_before(place):
            yield response
        before = place.seq
        entries = place.take()
        if entries:
            yield entries
        elif place.seq > before:
            await asyncio.sleep(0)  # a filter that hides a long history must not keep the loop from others
        if not place.caught_up and place.seq >= place.target:
            place.caught_up = True
            yield sign(SubscribeResponse(caught_up=CaughtUp(cursor=place.cursor())))
        if place.seq < place.log.head_seq and (place.seq > before or place.seq + 1 < place.log.bounds.oldest_seq):
            self._ready[place] = None

    async def _signs_before(self, place: Place) -> AsyncIterator[bytes]:
        if not place.introduced:
            yield self._introduce(place)
        if not place.began:
            place.began = True
            if self._request.snapshot and place.subject.has_terminal:
                yield await self._snapshot(place)
        gap = place.skip_gone()
        if gap is not None:
            if self._request.on_gap == OnGap.ON_GAP_FAIL:
                raise EventsGone(session=place.log.session_id, first=gap.first_seq, last=gap.last_seq)
            yield sign(SubscribeResponse(gap=gap))
        if self._lags(place) and self._request.on_slow == OnSlow.ON_SLOW_TO_LATEST:
            yield sign(SubscribeResponse(gap=place.skip_to(place.log.head_seq, GapReason.GAP_REASON_SLOW)))
            if place.subject.has_terminal:
                yield await self._snapshot(place)

    def _introduce(self, place: Place) -> bytes:
        place.introduced = True
        return sign(SubscribeResponse(header=Header(session=place.subject.describe(), cursor=place.cursor())))

    async def _snapshot(self, place: Place) -> bytes:
        """The screen; the events go on behind it."""
        snapshot = await place.subject.snapshot()
        if snapshot.as_of_seq > place.seq:
            place.skip_to(snapshot.as_of_seq, GapReason.GAP_REASON_UNSPECIFIED)
        return sign(SubscribeResponse(snapshot=snapshot))

    def _lags(self, place: Place) -> bool:
        return place.lag_bytes > (self._request.max_lag_bytes or DEFAULT_MAX_LAG_BYTES)

    def _end(self) -> EndReason.ValueType | None:
        if self._directory.draining:
            return EndReason.END_REASON_DRAINING
        if self._request.on_slow == OnSlow.ON_SLOW_FAIL and any(map(self._lags, self._places.values())):
            return EndReason.END_REASON_TOO_SLOW
        if self._ready:
            return None
        if self._request.until_caught_up and all(place.caught_up for place in self._places.values()):
            return EndReason.END_REASON_CAUGHT_UP
        if not self._everything and all(place.log.closed and place.seq >= place.log.head_seq for place in self._places.values()):
            return EndReason.END_REASON_ALL_ENDED
        return None

    async def _wait(self) -> bool:
        """Until something is new: True; or until a heartbeat is due: False."""
        self._woken.clear()
        if self._ready or self._directory.draining:
            return True
        if not self._request.HasField("heartbeat_interval"):
            await self._woken.wait()
            return True
        try:
            async with asyncio.timeout(max(MIN_HEARTBEAT_SECONDS, self._request.heartbeat_interval.ToTimedelta().total_seconds())):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True

    def _heartbeat(self) -> Heartbeat:
        heartbeat = Heartbeat(positions=[place.message() for place in self._places.values()])
        heartbeat.time.FromNanoseconds(self._clock())
        return heartbeat


def sign(response: SubscribeResponse) -> bytes:
    """A response that is a sign, encoded."""
    return response.SerializeToString()


def check(request: SubscribeRequest) -> None:
    """Refuses what no state of things could fulfil."""
    if not request.sessions:
        raise BadField(field="sessions", problem="name at least one session, or `*` for all")
    if len(request.sessions) > MAX_SESSIONS_NAMED:
        raise TooManySessionsNamed(count=len(request.sessions), limit=MAX_SESSIONS_NAMED)
    filters.check(request.filter)
    if request.view == View.VIEW_TEXT:
        raise NotYetBuilt(what="the text view of a subscription")
    if request.HasField("pacing"):
        raise NotYetBuilt(what="the pacing of a subscription")
    if request.snapshot and request.WhichOneof("start") not in (None, "latest"):
        raise BadField(field="snapshot", problem="it goes with the start `latest`, or none")
    for name, enum in (("view", View), ("on_slow", OnSlow), ("on_gap", OnGap)):
        if getattr(request, name) not in enum.values():
            raise BadField(field=name, problem=f"{getattr(request, name)} is none of its values")
    if request.HasField("heartbeat_interval") and request.heartbeat_interval.ToNanoseconds() <= 0:
        raise BadField(field="heartbeat_interval", problem="it must be longer than nothing")
