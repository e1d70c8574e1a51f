"""Which events are to go: a plan from limits and what there is. Reads outlines of blocks, removes nothing, and asks no clock.

The oldest go first, those of ended sessions before those of live ones. Of an ended session all can go, and then it is forgotten; of
a live one the newest block stays, because a restarted server finds the log's head there. Blocks are looked up by halves, so that a
plan over a large log costs a few dozen look-ups.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sightline_server.storage.contract import Bounds, EndedLog, Outline, Store

SHARE_BYTES = 8 * 1024 * 1024  # taken of one log before the next one's turn, when several are as old


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept; 0: no limit.

    Attributes:
        max_session_bytes: of one session.
        max_total_bytes: of all together.
        max_age: nanoseconds.
    """

    max_session_bytes: int = 0
    max_total_bytes: int = 0
    max_age: int = 0

    def tightened(self, other: Limits) -> Limits:
        """The tighter of both, each by each."""
        return Limits(
            tighter(self.max_session_bytes, other.max_session_bytes),
            tighter(self.max_total_bytes, other.max_total_bytes),
            tighter(self.max_age, other.max_age),
        )


@dataclass(frozen=True, slots=True)
class Living:
    """A log that may grow, and what is kept of it."""

    number: int
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Cut:
    """What is to go of one log.

    Attributes:
        number: the session.
        up_to_seq: the last entry that goes.
        end: bytes of log up to its end.
        bytes: how many go.
        events: how many go.
        whole: all of an ended session, which is to be forgotten.
    """

    number: int
    up_to_seq: int
    end: int
    bytes: int
    events: int
    whole: bool = False


def plan(store: Store, limits: Limits, cutoff: int, living: Sequence[Living], most: int) -> list[Cut]:
    """What is beyond the limits.

    Args:
        store: where the logs are; asked under *beside*.
        limits: how much is kept; `max_age` is not looked at.
        cutoff: what is older goes, in nanoseconds since 1970; 0: nothing is too old.
        living: logs of sessions that have not ended.
        most: look at so many ended sessions; the rest is left for the next time.
    """
    planned = Plan(store, living)
    if cutoff > 0:
        planned.older_than(cutoff, most)
    if limits.max_session_bytes:
        planned.larger_than(limits.max_session_bytes, most)
    if limits.max_total_bytes:
        planned.down_to(limits.max_total_bytes, most)
    return planned.cuts()


class Plan:
    """A plan in the making: what is still there of each log if it is carried out.

    Args:
        store: see `plan`.
        living: see `plan`.
    """

    def __init__(self, store: Store, living: Sequence[Living]) -> None:
        self._store = store
        self._living = {log.number: log.bounds for log in living}
        self._kept: dict[int, Bounds] = {}  # of the logs that lose something
        self._was: dict[int, Bounds] = {}
        self._whole: dict[int, Cut] = {}

    def cuts(self) -> list[Cut]:
        """The plan."""
        cuts = list(self._whole.values())
        for number, kept in self._kept.items():
            was = self._was[number]
            size = kept.oldest_offset - was.oldest_offset
            events = kept.oldest_seq - was.oldest_seq
            if number not in self._whole and events:
                cuts.append(Cut(number, kept.oldest_seq - 1, kept.oldest_offset, size, events))
        return cuts

    def older_than(self, cutoff: int, most: int) -> None:
        """What is older goes."""
        for log in self._store.ended_logs(most):
            if log.first_time >= cutoff:
                break
            if log.last_time < cutoff:
                self._drop(log.number)
            else:
                self._cut(log.number, lambda block: block.last_time < cutoff)
        for number, bounds in self._living.items():
            oldest = self._outline(number, bounds.oldest_seq)
            if oldest is not None and oldest.last_time < cutoff:
                self._cut(number, lambda block: block.last_time < cutoff)

    def larger_than(self, size: int, most: int) -> None:
        """What one log has too much goes."""
        ended = (log.number for log in self._store.ended_logs(most, over=size) if log.number not in self._whole)
        for number in [*ended, *self._living]:
            bounds = self._bounds(number)
            excess = bounds.end_offset - bounds.oldest_offset - size
            if excess > 0:
                self._take(number, excess)

    def down_to(self, size: int, most: int) -> None:
        """What all together have too much goes."""
        excess = self._store.ended_totals().bytes + sum(map(size_of, self._living.values())) - size - self._planned()
        if excess <= 0:
            return
        ended = self._store.ended_logs(most)
        excess = self._take_ended(excess, ended)
        if excess > 0 and len(ended) < most:  # else the next ended ones have their turn first
            self._take_living(excess)

    def _take_ended(self, excess: int, logs: Sequence[EndedLog]) -> int:
        heap = [(log.first_time, log.number) for log in logs if log.number not in self._whole]
        while heap and excess > 0:
            _, number = heapq.heappop(heap)
            bounds = self._bounds(number)
            size = size_of(bounds)
            taken = 0 if size <= min(SHARE_BYTES, excess) else self._take(number, min(SHARE_BYTES, excess))
            if not taken:  # all of it is to go, or nothing but its newest block is left
                self._drop(number)
                excess -= size
                continue
            excess -= taken
            oldest = self._outline(number, self._bounds(number).oldest_seq)
            if oldest is not None:
                heapq.heappush(heap, (oldest.first_time, number))
        return excess

    def _take_living(self, excess: int) -> None:
        heap: list[tuple[int, int]] = []
        for number in self._living:
            oldest = self._outline(number, self._bounds(number).oldest_seq)
            if oldest is not None:
                heap.append((oldest.first_time, number))
        heapq.heapify(heap)
        while heap and excess > 0:
            _, number = heapq.heappop(heap)
            taken = self._take(number, min(SHARE_BYTES, excess))
            excess -= taken
            oldest = self._outline(number, self._bounds(number).oldest_seq)
            if taken and oldest is not None:
                heapq.heappush(heap, (oldest.first_time, number))

    # --- one log

    def _outline(self, number: int, seq: int) -> Outline | None:
        return self._store.outline(number, seq)

    def _bounds(self, number: int) -> Bounds:
        """What is left of a log so far."""
        known = self._kept.get(number)
        if known is None:
            known = self._living.get(number) or self._store.extent(number)
            self._kept[number] = self._was[number] = known
        return known

    def _planned(self) -> int:
        return sum(cut.bytes for cut in self.cuts())

    def _drop(self, number: int) -> None:
        bounds = self._bounds(number)
        was = self._was[number]
        events = bounds.head_seq - was.oldest_seq + 1
        self._whole[number] = Cut(number, bounds.head_seq, bounds.end_offset, size_of(was), events, whole=True)

    def _take(self, number: int, size: int) -> int:
        """At least `size` bytes of a log's oldest blocks, if there are so many to take; returns how many."""
        start = self._bounds(number).oldest_offset
        self._cut(number, lambda block: block.offset - start < size)
        return self._bounds(number).oldest_offset - start

    def _cut(self, number: int, goes: Callable[[Outline], bool]) -> None:
        """The blocks that go are the oldest: those before the first one that stays; the newest stays always."""
        bounds = self._bounds(number)
        newest = self._outline(number, bounds.head_seq)
        low, high = bounds.oldest_seq, newest.first_seq - 1 if newest else 0
        last: Outline | None = None
        while low <= high:
            middle = (low + high) // 2
            block = self._outline(number, middle)
            if block is None:
                break
            if goes(block):
                last = block
                low = max(block.last_seq, middle) + 1
            else:
                high = block.first_seq - 1
        if last is not None:
            self._kept[number] = replace(bounds, oldest_seq=last.last_seq + 1, oldest_offset=last.end)


def tighter(one: int, other: int) -> int:
    """The smaller limit, where 0 is none."""
    return min(one, other) if one and other else one or other


def size_of(bounds: Bounds) -> int:
    """Bytes kept."""
    return bounds.end_offset - bounds.oldest_offset
