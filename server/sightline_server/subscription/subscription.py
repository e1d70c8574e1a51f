"""One subscriber: which sessions, where it is in each, its signs and its end.

It keeps positions, never events. What to send next is read from the log when the connection takes it, so a slow reader lags and
costs nothing, and a fast one is woken by the commit itself.

Sessions that live have a place for as long as they do. Ended ones, of which there may be thousands, wait as a few numbers each and
are opened one at a time; they take turns with those that live, as all that have something to say do with each other.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from itertools import chain, islice
from typing import cast

from sightline.v1.session_service_pb2 import (
    CaughtUp,
    End,
    EndReason,
    Gap,
    GapReason,
    Header,
    OnGap,
    OnSlow,
    SubscribeRequest,
    SubscribeResponse,
    View,
)
from sightline.v1.session_service_pb2 import Place as PlaceMessage

from sightline_server.errors import EventsGone, SessionNotFound, SightlineError
from sightline_server.subscription import filter as filters
from sightline_server.subscription.asked import ALL, check, seconds_of
from sightline_server.subscription.directory import Directory, Subject
from sightline_server.subscription.filter import EntryFilter
from sightline_server.subscription.heartbeats import heartbeats
from sightline_server.subscription.pacing import Pacer
from sightline_server.subscription.place import Later, Place, later
from sightline_server.subscription.position import RESPONSE_BYTES, Position
from sightline_server.subscription.responses import PAUSE, combined, sign
from sightline_server.subscription.start import Starts
from sightline_server.subscription.text_place import TextPlace

DEFAULT_MAX_LAG_BYTES = 64 * 1024 * 1024
MIN_HEARTBEAT_SECONDS = 0.1
SESSIONS_AT_ONCE = 16  # looked up before others may run: some milliseconds of work
RESTING_LOOKED_AT = 64  # places that rest, to see which may go on: half a millisecond of work


class Subscription:
    """See the module.

    Args:
        request: what the subscriber asked for.
        directory: where the sessions are.
        clock: nanoseconds since 1970.

    Raises:
        SightlineError: the request is nonsense. What does not fit the state of things is raised when the stream is first read.
    """

    def __init__(self, request: SubscribeRequest, directory: Directory, clock: Callable[[], int]) -> None:
        check(request)
        self._request = request
        self._directory = directory
        self._clock = clock
        self._everything = ALL in request.sessions
        self._told = request.resume.places  # what the subscriber knows from before a break, by the id of the session
        self._moment = request.resume.moment
        self._words: dict[str, str] = {}  # by which the request means a session, by its id
        self._max_lag = request.max_lag_bytes or DEFAULT_MAX_LAG_BYTES
        self._pacer = Pacer(request.pacing) if request.HasField("pacing") else None
        asked = seconds_of("heartbeat_interval", request.heartbeat_interval)
        self._interval = max(MIN_HEARTBEAT_SECONDS, asked) if asked else math.inf
        self._flows = self._pacer is None and request.on_slow != OnSlow.ON_SLOW_TO_LATEST
        self._next_heartbeat = math.inf
        self._places: dict[str, Place] = {}
        self._behind = 0  # places that are not caught up
        self._ready: dict[Place, None] = {}  # those with something to say, in the order in which they got it
        self._resting: dict[Place, None] = {}  # those whose events have to wait, in the order in which they began to
        self._later: deque[Later] = deque()
        self._opened: Place | None = None  # the ended session whose turn it is
        self._too_slow = False
        self._woken = asyncio.Event()

    async def responses(self) -> AsyncIterator[bytes]:
        """The stream: encoded `SubscribeResponse` messages. Ends after `end`."""
        self._directory.on_drain.add(self._woken.set)
        self._moment = self._moment or self._directory.next_number
        if self._everything:
            self._directory.on_join.add(self._join)
        try:
            # All headers first: a client that is cut off a moment later knows every position to resume from.
            async for response in self._introductions():
                yield response
            async with contextlib.aclosing(self._paced()) as stream:
                async for response in stream:
                    yield response
        finally:
            self._directory.on_drain.discard(self._woken.set)
            self._directory.on_join.discard(self._join)
            for place in list(self._places.values()):
                self._leave(place)

    # --- joining and leaving

    async def _introductions(self) -> AsyncIterator[bytes]:
        starts = Starts(self._request)
        seen: set[str] = set()  # also over both looks at all: a session that ended between them is among the ended ones too
        first = self._directory.live() if self._everything else self._named()
        headers = deque([header async for header in self._admitted(first, starts, seen)])
        while headers:
            yield headers.popleft()
        if self._everything:
            async for header in self._admitted(self._directory.all(), starts, seen):
                yield header

    def _named(self) -> Iterator[Subject]:
        """Those that the request names, each looked up when it is asked for; what it named before a break by its id."""
        for session_id, told in self._told.items():
            if not self._is_over(told):
                yield self._directory.find(session_id)
        known = {told.asked_as for told in self._told.values()}
        for word in self._request.sessions:
            if word not in known and word not in self._told:
                subject = self._directory.find(word)
                self._words.setdefault(subject.log.session_id, word)
                yield subject

    def _is_over(self, told: PlaceMessage | None) -> bool:
        return told is not None and (told.completed or (told.caught_up and self._request.until_caught_up))

    async def _admitted(self, subjects: Iterable[Subject], starts: Starts, seen: set[str]) -> AsyncIterator[bytes]:
        """Finds each session's start, and gives its header, unless the subscriber has it."""
        for count, subject in enumerate(subjects, 1):
            if self._directory.draining:
                return
            session_id = subject.log.session_id
            told = self._told.get(session_id)
            if session_id not in seen and session_id not in self._places and not self._is_over(told):
                seen.add(session_id)
                place = await self._admit(subject, starts, told)
                if not place.introduced:
                    yield self._introduce(place)
            if count % SESSIONS_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _admit(self, subject: Subject, starts: Starts, told: PlaceMessage | None) -> Place:
        place = self._place(subject, subject.log.head_seq)
        place.restart(await starts.seq(subject, self._filter(subject)))
        if told is not None:
            place.introduced, place.snapshot_due, place.told_caught_up = True, told.snapshot_due, told.caught_up
        if subject.log.closed:
            self._later.append(later(place))
        else:
            self._follow(place)
        return place

    def _join(self, subject: Subject) -> None:
        """A session that has begun just now."""
        if subject.log.session_id not in self._places:
            self._follow(self._place(subject, 0))

    def _place(self, subject: Subject, seq: int) -> Place:
        place: Place
        if self._request.view == View.VIEW_TEXT:
            omit_echo = self._request.omit_echo
            place = TextPlace(subject, seq, self._filter(subject), self._wake, self._clock, omit_echo=omit_echo)
        else:
            place = Place(subject, seq, self._filter(subject), self._wake)
        place.snapshot_due = self._request.snapshot and subject.has_terminal
        return place

    def _filter(self, subject: Subject) -> EntryFilter | None:
        wanted = self._request.filter
        return None if filters.is_empty(wanted) else EntryFilter(wanted, subject.log)

    def _follow(self, place: Place) -> None:
        self._places[place.log.session_id] = place
        self._behind += 1
        place.log.followers.add(place)
        self._wake(place)

    def _leave(self, place: Place) -> None:
        del self._places[place.log.session_id]
        self._ready.pop(place, None)
        self._resting.pop(place, None)
        place.log.followers.discard(place)
        place.log.moved()
        if place is self._opened:
            self._opened = None

    def _wake(self, position: Position) -> None:
        place = cast(Place, position)
        self._ready[place] = None
        if self._request.on_slow == OnSlow.ON_SLOW_FAIL and place.new_lag_bytes > self._max_lag:
            self._too_slow = True
        self._woken.set()

    # --- the stream

    def _paced(self) -> AsyncGenerator[bytes, None]:
        return self._stream() if self._pacer is None else combined(self._stream())

    async def _stream(self) -> AsyncGenerator[bytes, None]:
        self._next_heartbeat = self._first_heartbeat()
        while (reason := self._end()) is None:
            for response in self._signs_between():
                yield response
            if self._opened is not None or self._later:
                await asyncio.sleep(0)  # there may be thousands
            self._rouse()
            entries = self._flow() if self._flows else b""
            if entries:
                yield entries
            elif self._ready:
                place = next(iter(self._ready))
                del self._ready[place]
                async for response in self._advance(place):
                    yield response
            elif (self._opened is not None or not self._later) and self._end() is None:  # the last ended one had nothing left
                if self._pacer is not None:
                    yield PAUSE
                await self._wait()
        yield sign(SubscribeResponse(end=End(reason=reason)))

    def _first_heartbeat(self) -> float:
        """At once where no header says that the stream is there: behind a break, and with no session yet."""
        is_empty = self._interval < math.inf and not self._places and not self._later
        return self._now() if self._request.resume.moment or is_empty else self._now() + self._interval

    def _flow(self) -> bytes:
        """The events of those that are caught up and have nothing else to say, in one response: what most of the time is all.

        A thousand quiet sessions under one subscription would else be a message for each line.
        """
        parts: list[bytes] = []
        room = RESPONSE_BYTES
        while self._ready and room > 0:
            place = next(iter(self._ready))
            if not place.caught_up or place.log.closed or place.is_before_gone:
                break
            if parts and place.lag_bytes > room:
                break  # a block that is cut is copied, and so is all that follows it
            del self._ready[place]
            entries = place.take(room)
            if place.seq < place.log.head_seq:
                self._ready[place] = None
                if not entries:
                    break  # all of it hidden, and there is more: not in one go
            if entries:
                parts.append(entries)
                room -= len(entries)
        if len(parts) < 2:
            return parts[0] if parts else b""
        joined = b"".join(parts)
        place.log.counters.copied_bytes += len(joined)
        return joined

    def _signs_between(self) -> Iterator[bytes]:
        if self._next_heartbeat < math.inf and self._now() >= self._next_heartbeat:
            yield from self._heartbeats()
        if self._later and self._opened is None:
            yield from self._open(self._later.popleft())

    def _open(self, ended: Later) -> Iterator[bytes]:
        """The turn of an ended session."""
        if ended.seq < ended.head_seq or ended.snapshot_due:
            subject = self._find_again(ended)
            if subject is not None:
                self._opened = place = self._place(subject, ended.seq)
                place.introduced, place.snapshot_due, place.told_caught_up = True, ended.snapshot_due, ended.told_caught_up
                self._follow(place)
                return
            if ended.seq < ended.head_seq:
                yield self._gone(ended.gap())
        if not ended.told_caught_up:
            yield ended.at_end()

    def _find_again(self, ended: Later) -> Subject | None:
        with contextlib.suppress(SessionNotFound):
            subject = self._directory.find(ended.session_id)
            if subject.log.session_id == ended.session_id:  # else another's name
                return subject
        return None

    async def _advance(self, place: Place) -> AsyncIterator[bytes]:
        async for response in self._signs_before(place):
            yield response
        before = place.seq
        taken = self._taken(place)
        if taken is None:
            return
        for response in taken:
            yield response
        if place.seq > before and not taken:
            await asyncio.sleep(0)  # a filter that hides a long history must not keep the loop from others
        if not place.caught_up and place.seq >= place.target:
            place.caught_up = True
            self._behind -= 1
            if not place.told_caught_up:
                yield sign(SubscribeResponse(caught_up=CaughtUp(cursor=place.cursor())))
        self._go_on(place, moved=place.seq > before)

    def _taken(self, place: Place) -> list[bytes] | None:
        """What may go now; None: it has to wait."""
        if self._pacer is None:
            entries = place.take()
            return [entries] if entries else []
        return self._pacer.take(place, self._now()) if self._may_go(self._pacer, place) else None

    def _go_on(self, place: Place, *, moved: bool) -> None:
        """After its turn a place is done, ready for more, or waits."""
        if place.is_done:
            self._leave(place)
        elif place.seq < place.log.head_seq and (moved or place.is_before_gone):
            self._ready[place] = None
        elif place.seq < place.log.head_seq and self._pacer is not None:
            self._resting.setdefault(place)  # nothing of what comes next might go, and nobody else wakes it

    async def _signs_before(self, place: Place) -> AsyncIterator[bytes]:
        if not place.introduced:
            yield self._introduce(place)
        if place.snapshot_due:
            place.snapshot_due = False
            for response in await self._snapshot(place):
                yield response
        gap = place.skip_gone()
        if gap is not None:
            yield self._gone(gap)
        if self._request.on_slow == OnSlow.ON_SLOW_TO_LATEST and place.new_lag_bytes > self._max_lag:
            for response in await self._skip_to_latest(place):
                yield response

    def _introduce(self, place: Place) -> bytes:
        place.introduced = True
        cursor = place.cursor()
        told = PlaceMessage(epoch=cursor.epoch, seq=cursor.seq, snapshot_due=place.snapshot_due)
        told.asked_as = self._words.get(cursor.session_id, "")
        session = place.subject.describe(followers=False)
        return sign(SubscribeResponse(header=Header(session=session, cursor=cursor, place=told, moment=self._moment)))

    def _gone(self, gap: Gap) -> bytes:
        if self._request.on_gap == OnGap.ON_GAP_FAIL:
            raise EventsGone(session=gap.session_id, first=gap.first_seq, last=gap.last_seq)
        return sign(SubscribeResponse(gap=gap))

    async def _snapshot(self, place: Place) -> list[bytes]:
        """The screen, where there is one to be had; the events go on behind it."""
        with contextlib.suppress(SightlineError):
            snapshot = await place.subject.snapshot()
            if snapshot.as_of_seq > place.seq:
                place.skip_to(snapshot.as_of_seq, GapReason.GAP_REASON_UNSPECIFIED)
            return [sign(SubscribeResponse(snapshot=snapshot))]
        return []

    async def _skip_to_latest(self, place: Place) -> list[bytes]:
        """What it missed, up to the head or its screen, and the screen. Empty if it was all deleted while the screen was made."""
        snapshot = None
        if place.subject.has_terminal:
            with contextlib.suppress(SightlineError):
                snapshot = await place.subject.snapshot()
        signs: list[bytes] = []
        gone = place.skip_gone()
        if gone is not None:
            signs.append(self._gone(gone))
        latest = place.log.head_seq if snapshot is None else snapshot.as_of_seq
        if latest > place.seq:
            gap = place.skip_to(latest, GapReason.GAP_REASON_SLOW)
            gap.snapshot_due = snapshot is not None
            signs.append(sign(SubscribeResponse(gap=gap)))
        if snapshot is not None:
            signs.append(sign(SubscribeResponse(snapshot=snapshot)))
        return signs

    def _end(self) -> EndReason.ValueType | None:
        if self._directory.draining:
            return EndReason.END_REASON_DRAINING
        if self._too_slow:
            return EndReason.END_REASON_TOO_SLOW
        if self._later:
            return None
        if self._request.until_caught_up and not self._behind:
            return EndReason.END_REASON_CAUGHT_UP
        if not self._everything and not self._places:
            return EndReason.END_REASON_ALL_ENDED
        return None

    # --- waiting

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _may_go(self, pacer: Pacer, place: Place) -> bool:
        now = self._now()
        if pacer.due(place, now, hurried=place.log.closed or not place.caught_up) > now:
            self._resting.setdefault(place)
            return False
        self._resting.pop(place, None)
        return True

    def _rouse(self) -> None:
        """Those whose time has come are ready, as many as may say something. They keep their place in the row."""
        if self._pacer is None or not self._resting or next(iter(self._resting)) in self._ready:
            return
        now = self._now()
        due = [place for place, at in self._dues(self._pacer, now) if at <= now]
        for place in due[: max(1, self._pacer.allowance(now))]:
            self._ready[place] = None

    def _dues(self, pacer: Pacer, now: float) -> Iterator[tuple[Place, float]]:
        """When those that rest may go on, of the first ones: a window that is open keeps nobody who waits for another reason."""
        for place in islice(self._resting, RESTING_LOOKED_AT):
            yield place, pacer.due(place, now, hurried=place.log.closed or not place.caught_up)

    def _due(self) -> float:
        """When the next of those that rest may go on."""
        if self._pacer is None:
            return math.inf
        return min((at for _, at in self._dues(self._pacer, self._now())), default=math.inf)

    async def _wait(self) -> None:
        """Until something is new, or it is time for something."""
        self._woken.clear()
        if self._ready or self._directory.draining:
            return
        until = min(self._next_heartbeat, self._due())
        if until == math.inf:
            await self._woken.wait()
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._woken.wait()

    def _heartbeats(self) -> Iterator[bytes]:
        self._next_heartbeat = self._now() + self._interval
        places = (place.message() for place in list(self._places.values()) if place.introduced)
        return heartbeats(chain(places, (ended.message() for ended in list(self._later))), self._clock(), self._moment)
