"""The places that a query means, newest first, within a bounded time. Reads an index; knows no sessions but by number.

Lines of one session are in the index in their order. Those of several are merged by the time of their pages: of all sessions that
may still have something newer, the one that may have the newest is looked at next. So the newest places of a common word are found
without looking at all of them, and a page goes on where the one before ended, whatever was added meanwhile.

What the words of the index cannot say, a phrase or a sign, is looked for in each line that has the words. When that takes too
long, the answer has fewer places than were asked for, and says where to go on.
"""

from __future__ import annotations

import heapq
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sightline_server.search.index import FARTHEST, Index, Page, Progress, first_place, number_at, origin, texts_of
from sightline_server.search.words import Query, Term, holds

AT_ONCE = 100  # lines looked at together
FEW = 5000  # places that are taken at once to see in which sessions they are
MANY_SESSIONS = 20  # from so many on
MAX_EXPANDED = 1000  # words that the beginning of one may stand for; with more, lines are looked at: there are enough of them
SECONDS = 0.12  # after which an answer ends with what it has


@dataclass(frozen=True, slots=True)
class Hit:
    """A line that was found.

    Attributes:
        number: the session.
        seq: the event where it begins.
        time: of that event, in nanoseconds since 1970.
        text: all of it.
    """

    number: int
    seq: int
    time: int
    text: str


Key = tuple[int, int]
"""Where a line is in the order of all: its page's time, its place."""


@dataclass(frozen=True)
class Limits:
    """What a line must be, beside holding the query.

    Attributes:
        from_time: not older, in nanoseconds since 1970; None: any.
        to_time: older; None: any.
        before: it comes behind this one in the order of answers; None: any.
    """

    from_time: int | None = None
    to_time: int | None = None
    before: Key | None = None


@dataclass(order=True)
class Scan:
    """One session: what is still to be looked at. Those that may have newer lines are lower."""

    order: tuple[int, int]
    low: int = field(compare=False)
    high: int = field(compare=False)

    @property
    def key(self) -> Key:
        """No line that is left comes before this."""
        return -self.order[0], -self.order[1]


def find(  # noqa: PLR0917 - each is a part of the question
    index: Index,
    query: Query,
    sessions: Iterable[Progress],
    limits: Limits,
    size: int,
    is_kept: Callable[[int, int], bool],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[list[Hit], Key | None]:
    """At most `size` lines, newest first, and where the next page begins; None: these were the last.

    Args:
        index: read within its `reading`.
        query: what they hold.
        sessions: where they may be.
        limits: what else they must be.
        size: at least 1.
        is_kept: whether a session's event is still there, by number and `seq`.
        clock: seconds.
    """
    plan = plan_of(index, query)
    return Finding(index, plan, limits, is_kept, clock).page(list(sessions), size) if plan else ([], None)


@dataclass(frozen=True)
class Plan:
    """How a query is looked up.

    Attributes:
        expression: what FTS5 is asked; empty: nothing, every line is looked at.
        terms: what is then looked for in the lines.
    """

    expression: str
    terms: Sequence[Term]


def plan_of(index: Index, query: Query) -> Plan | None:
    """How a query is looked up; None: nothing can hold it."""
    parts: list[str] = []
    left = [term for term in query.terms if not term.is_word]
    for term in query.terms:
        whole = term.words[:-1] if term.prefix else term.words
        parts += [f'"{word}"' for word in whole]
        if term.prefix:
            words = index.words_from(term.words[-1], MAX_EXPANDED)
            if not words:
                return None
            if len(words) < MAX_EXPANDED:
                parts.append(" OR ".join(f'"{word}"' for word in words))
            elif term.is_word:
                left.append(term)
    return Plan(" AND ".join(f"({part})" for part in parts), left)


class Finding:
    """One search. See `find`."""

    def __init__(
        self, index: Index, plan: Plan, limits: Limits, is_kept: Callable[[int, int], bool], clock: Callable[[], float]
    ) -> None:
        self._index = index
        self._plan = plan
        self._limits = limits
        self._is_kept = is_kept
        self._clock = clock
        self._all: list[int] | None = None  # the places of all lines that FTS5 finds, in order, if they are few
        self._page: Page | None = None
        self._texts: Sequence[str] = ()

    def page(self, sessions: Sequence[Progress], size: int) -> tuple[list[Hit], Key | None]:
        """See `find`."""
        until = self._clock() + SECONDS
        scans = [scan for progress in self._those_with_any(sessions) if (scan := self._scan(progress)) is not None]
        heapq.heapify(scans)
        ready: list[tuple[int, int, Hit]] = []  # found, the newest lowest
        hits: list[Hit] = []
        last: Key | None = None
        has_advanced = False  # each page must come further than the one before
        while ready or scans:
            if ready and (not scans or ready[0][:2] <= scans[0].order):
                if len(hits) == size:
                    return hits, last
                time_, place, hit = heapq.heappop(ready)
                last = -time_, -place
                hits.append(hit)
            elif has_advanced and self._clock() > until:
                time_, place = scans[0].key
                return hits, (time_, place + 1)
            else:
                self._advance(scans, ready, AT_ONCE if self._plan.terms else size + 1)
                has_advanced = True
        return hits, None

    def _those_with_any(self, sessions: Sequence[Progress]) -> Sequence[Progress]:
        """Without sessions that hold nothing, if that can be said at once."""
        if len(sessions) <= MANY_SESSIONS or not self._plan.expression:
            return sessions
        places = self._index.matching(self._plan.expression, 0, FARTHEST, FEW)
        if len(places) == FEW:
            return sessions
        self._all = places[::-1]
        numbers = {number_at(place) for place in places}
        return [progress for progress in sessions if progress.number in numbers]

    def _scan(self, progress: Progress) -> Scan | None:
        """What is to be looked at of a session; None: nothing."""
        number = progress.number
        low, key = first_place(number), (progress.time, progress.last_place)
        if self._limits.from_time is not None:
            page = self._index.page_from(number, self._limits.from_time)
            if page is None:
                return None
            low = page[1]
        if self._limits.to_time is not None:
            page = self._index.page_from(number, self._limits.to_time)
            if page is not None:
                key = page[0], page[2]
        if self._limits.before is not None and key >= self._limits.before:
            found = self._index.last_before(number, *self._limits.before)
            if found is None:
                return None
            key = found
        return Scan((-key[0], -key[1]), low, key[1]) if low <= key[1] else None

    def _advance(self, scans: list[Scan], ready: list[tuple[int, int, Hit]], count: int) -> None:
        """Looks at the next lines of the session that may have the newest."""
        scan = scans[0]
        places = self._lines(scan, count)
        key = scan.key
        for place in places:
            page = self._page_with(place)
            if page is not None:
                key = page.time, place
                hit = self._look_at(page, place)
                if hit is not None:
                    heapq.heappush(ready, (-page.time, -place, hit))
        if not places or (len(places) < count and self._plan.expression):
            heapq.heappop(scans)
        else:
            heapq.heapreplace(scans, Scan((-key[0], 1 - places[-1]), scan.low, places[-1] - 1))

    def _lines(self, scan: Scan, count: int) -> list[int]:
        """The highest places of a session that may be it; fewer than `count`: there are no more, if FTS5 was asked."""
        if not self._plan.expression:
            return self._index.all_lines(scan.low, scan.high)
        if self._all is None:
            return self._index.matching(self._plan.expression, scan.low, scan.high, count)
        low, high = bisect_left(self._all, scan.low), bisect_right(self._all, scan.high)
        return self._all[max(low, high - count) : high][::-1]

    def _page_with(self, place: int) -> Page | None:
        if self._page is None or not self._page.id <= place < self._page.id + self._page.count:
            self._page = self._index.page_with(place)
            self._texts = texts_of(self._page) if self._page else ()
        return self._page

    def _look_at(self, page: Page, place: int) -> Hit | None:
        """The line, if it is one of those that are looked for."""
        text = self._texts[place - page.id]
        if self._plan.terms and not holds(text, self._plan.terms):
            return None
        number = number_at(place)
        seq, time_ = origin(page, place - page.id)
        if self._limits.from_time is not None and time_ < self._limits.from_time:
            return None
        if self._limits.to_time is not None and time_ >= self._limits.to_time:
            return None
        return Hit(number, seq, time_, text) if self._is_kept(number, seq) else None
