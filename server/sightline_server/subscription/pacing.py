"""How fast one subscriber's events may come. Sans-I/O: it is told the time, reads from positions, and keeps no events.

A `Lane` is one session of the subscriber; a `Pacer` is all of them. What has to wait stays in the log: the pacer says from when on
it may go (`due`), and then reads and passes as much as may (`take`). Times are seconds of any clock that never goes back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from sightline.v1.event_pb2 import EventKind
from sightline.v1.session_service_pb2 import Gap, GapReason, OnExcess, Pacing, SubscribeResponse

from sightline_server.log.record import FILTER_PART, INDEX
from sightline_server.log.session_log import SessionLog
from sightline_server.subscription.asked import seconds_of
from sightline_server.subscription.filter import EntryFilter
from sightline_server.subscription.merging import Group, merge
from sightline_server.subscription.position import RESPONSE_BYTES, Ahead, Position

LOOK_BYTES = RESPONSE_BYTES  # of log that are judged at once
LOOK_ENTRIES = 4096  # the same in entries: some milliseconds of work
BURST_SECONDS = 1.0  # of its rate that a subscriber may get at once
GRAIN_SECONDS = 0.1  # of its rate: over the limit, events go in so many at a time, so that each look at the log is worth it
ROUNDING = 1e-6  # of an event

URGENT = frozenset({EventKind.EVENT_KIND_ERROR, EventKind.EVENT_KIND_REQUEST, EventKind.EVENT_KIND_COMPLETED})
"""Kinds that flush what is gathered. They are below 256: a byte of the index tells."""

LOW_VALUE: Sequence[frozenset[EventKind.ValueType]] = (
    frozenset({EventKind.EVENT_KIND_OUTPUT}),
    frozenset({EventKind.EVENT_KIND_TOOL_CALL, EventKind.EVENT_KIND_TOOL_RESULT}),
)
"""Kinds that may be left out, first those that go first. All others say what happened, and always come."""


class Bucket:
    """A token bucket: one token an event. It may be overdrawn, and is then paid back before anything else goes."""

    def __init__(self, rate: float, burst: float) -> None:
        self.burst = burst
        self._rate = rate
        self._level = burst
        self._at = -math.inf

    def level(self, now: float) -> float:
        """Tokens there are; below 0: overdrawn."""
        return min(self.burst, self._level + max(0.0, now - self._at) * self._rate)

    def spend(self, tokens: int, now: float) -> None:
        """Takes tokens out."""
        self._level = self.level(now) - tokens
        self._at = now

    def when(self, level: float, now: float) -> float:
        """From when on there are so many, if nothing is spent; `now`: already."""
        missing = min(level, self.burst) - self.level(now)
        return now if missing <= ROUNDING else now + missing / self._rate


class Lane(Position):
    """One session of a paced subscriber: a position, and what waits there."""

    def __init__(
        self,
        log: SessionLog,
        seq: int,
        entry_filter: EntryFilter | None = None,
        on_wake: Callable[[Position], None] = lambda _position: None,
    ) -> None:
        super().__init__(log, seq, entry_filter, on_wake)
        self.closes: float | None = None  # when what gathers may go; None: nothing gathers
        self.held_until = -math.inf  # what comes next is not decided before, unless something new comes
        self.stuck = False  # what comes next may not be left out, and waits for a token
        self._looked_at = 0
        self._urgent_seq = 0

    def is_urgent(self) -> bool:
        """Something urgent has not been sent yet. Looks at each entry once, at nothing but its kind unless that is urgent."""
        if self.lag_bytes >= LOOK_BYTES:
            return False  # there is too much before it for "at once" to mean anything
        self._looked_at = max(self._looked_at, self.seq)
        for block in self.log.read(self._looked_at, LOOK_BYTES):
            if not URGENT.isdisjoint(block.index[FILTER_PART.start :: INDEX.size]):
                self._urgent_seq = max(self._urgent_seq, self._last_urgent(block.index, block.first_seq))
            self._looked_at = block.last_seq
        return self._urgent_seq > self.seq

    def _last_urgent(self, index: bytes, first_seq: int) -> int:
        found = 0
        for place in range(0, len(index), INDEX.size):
            part = index[place : place + INDEX.size][FILTER_PART]
            if part[0] in URGENT and self.passes(part):
                found = first_seq + place // INDEX.size
        return found


class Pacer:
    """See the module.

    Args:
        wanted: what the subscriber asked for, checked.
    """

    def __init__(self, wanted: Pacing) -> None:
        self._window = seconds_of("min_interval", wanted.min_interval)
        self._coalesce = wanted.coalesce
        self._sheds = wanted.on_excess == OnExcess.ON_EXCESS_SHED
        self._rate = wanted.max_events_per_second
        self._bucket = Bucket(self._rate, self._rate * max(BURST_SECONDS, self._window)) if self._rate else None
        self._closes = -math.inf  # the window that all lanes share, so that what gathers goes together

    def due(self, lane: Lane, now: float, *, hurried: bool = False) -> float:
        """From when on something of this lane may be sent; at once if that is not after `now`.

        Args:
            lane: which.
            now: the time.
            hurried: gathering brings nothing: it is all there already.
        """
        if not lane.lag_events or lane.is_before_gone:
            return now
        if lane.held_until > now:
            return lane.held_until
        full = lane.lag_bytes >= LOOK_BYTES
        urgent = lane.is_urgent()
        if lane.closes is None:
            if now >= self._closes:
                self._closes = now + self._window
            lane.closes = self._closes
        opens = now if hurried or urgent or full else lane.closes
        if self._bucket is None or (full and self._sheds and not lane.stuck):
            return opens
        enough = 1.0 - self._bucket.burst if urgent else min(lane.lag_events, max(1.0, self._rate * GRAIN_SECONDS))
        return max(opens, self._bucket.when(enough, now))

    def allowance(self, now: float) -> int:
        """How many events may go now."""
        return LOOK_ENTRIES if self._bucket is None else max(0, math.floor(self._bucket.level(now) + ROUNDING))

    def take(self, lane: Lane, now: float) -> list[bytes]:
        """Passes what may go, and gives it: encoded responses, each events or one gap, in the order of the log.

        To be called when it is `due`.
        """
        if self._bucket is None and not self._coalesce:
            entries = lane.take()
            responses = [entries] if entries else []
        else:
            responses = self._judge(lane, now)
        if not lane.lag_events:
            lane.closes = None
        return responses

    def _judge(self, lane: Lane, now: float) -> list[bytes]:
        urgent = lane.is_urgent()
        ahead = lane.ahead(LOOK_BYTES, LOOK_ENTRIES)
        allowed = self.allowance(now)
        if urgent and self._bucket is not None:
            allowed = max(0, math.floor(self._bucket.level(now) + self._bucket.burst + ROUNDING))
        over = len(ahead.entries) > allowed
        groups = merge(ahead.entries) if self._coalesce or over else [Group(entry) for entry in ahead.entries]
        shed = excess(groups, len(groups) - allowed) if self._sheds else frozenset[int]()
        draft = Draft(lane)
        lane.stuck = not draft.fill(ahead, groups, shed, allowed)
        if self._bucket is not None:
            self._bucket.spend(draft.count, now)
        return draft.finished()


def excess(groups: Sequence[Group], surplus: int) -> frozenset[int]:
    """The places of those to be left out so that `surplus` fewer are left: of the lowest value first, of these the oldest."""
    chosen: set[int] = set()
    for kinds in LOW_VALUE:
        for place, group in enumerate(groups):
            if len(chosen) >= surplus:
                return frozenset(chosen)
            if group.kind in kinds:
                chosen.add(place)
    return frozenset(chosen)


class Draft:
    """Responses in the making.

    Attributes:
        count: events in them.
    """

    def __init__(self, position: Position) -> None:
        self.count = 0
        self._position = position
        self._responses: list[bytes] = []
        self._entries: list[bytes] = []
        self._left_out: list[Group] = []

    def fill(self, ahead: Ahead, groups: Sequence[Group], shed: frozenset[int], allowed: int) -> bool:
        """Passes groups up to the first one too many; False: there is one."""
        for place, group in enumerate(groups):
            if place in shed:
                self._end_events()
                self._left_out.append(group)
            elif self.count < allowed:
                self._end_gap()
                self._entries.append(group.encoded())
                self.count += 1
            else:
                return False
            self._position.advance(group.last.seq, group.last.end)
        self._position.advance(ahead.seq, ahead.end)
        return True

    def finished(self) -> list[bytes]:
        """All of them."""
        self._end_events()
        self._end_gap()
        return self._responses

    def _end_events(self) -> None:
        if self._entries:
            self._responses.append(b"".join(self._entries))
            self._entries = []

    def _end_gap(self) -> None:
        """Between the first and the last of a gap stands nothing that comes."""
        groups, self._left_out = self._left_out, []
        if groups:
            gap = Gap(
                session_id=self._position.log.session_id,
                first_seq=groups[0].entries[0].seq,
                last_seq=groups[-1].last.seq,
                reason=GapReason.GAP_REASON_SHED,
                kinds=sorted({group.kind for group in groups}),
                bytes=sum(len(entry.data) for group in groups for entry in group.entries),
            )
            self._responses.append(SubscribeResponse(gap=gap).SerializeToString())
