"""What is removed, and when: the oldest blocks of logs beyond the limits, and what deleted sessions left.

In the background and in small pieces: a piece holds commits back for a few milliseconds, the loop for none. What goes is decided by
`expiry`, and told to readers before it goes, so that none of them can pass a hole without knowing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from sightline_server.errors import DiskFull
from sightline_server.log import expiry
from sightline_server.log.committer import Committer
from sightline_server.log.compaction import Compaction
from sightline_server.log.expiry import Cut, Limits, Living
from sightline_server.log.session_log import SessionLog
from sightline_server.log.steadiness import Steadiness

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 0.25  # between looks at sizes
QUIET_BYTES = 256 * 1024  # of events since the last look, below which the next one comes after:
QUIET_SECONDS = 2.0
AGE_SECONDS = 60.0  # between looks at ages
PIECE_BYTES = 4 * 1024 * 1024  # removed in one transaction
FORGOTTEN_AT_ONCE = 20  # sessions in one transaction
LOGS_AT_ONCE = 1000  # looked at in one round of the background


class HasLog(Protocol):
    """A session, as far as retention needs it; whoever holds it shares its log with its readers."""

    log: SessionLog


class Logs(Protocol):
    """Where the logs are."""

    def live_logs(self) -> Iterable[SessionLog]:
        """Those that may grow."""
        ...

    def numbered(self, number: int) -> HasLog | None:
        """The session with this number; None: it is gone."""
        ...

    def forgotten(self, numbers: Sequence[int]) -> None:
        """These ended sessions are gone from the store: those who read them meet a gap up to the end."""
        ...


@dataclass
class Removed:
    """What was removed, or would be.

    Attributes:
        bytes: of events.
        events: how many.
        shortened: numbers of sessions that lost events and are still kept.
        forgotten: numbers of ended sessions that are gone.
    """

    bytes: int = 0
    events: int = 0
    shortened: set[int] = field(default_factory=set)
    forgotten: set[int] = field(default_factory=set)

    def add(self, cut: Cut) -> None:
        """Counts one more."""
        self.bytes += cut.bytes
        self.events += cut.events
        (self.forgotten if cut.whole else self.shortened).add(cut.number)


@dataclass(frozen=True, slots=True)
class Usage:
    """What is kept.

    Attributes:
        log_bytes: of events, of all sessions.
        ended_bytes: of it, what belongs to sessions that have ended.
        disk_bytes: what the store takes on the disk.
        ended: how many sessions have ended.
        live: how many have not.
    """

    log_bytes: int
    ended_bytes: int
    disk_bytes: int
    ended: int
    live: int


class Retention:
    """Keeps all logs within the limits, merges their small blocks, and does the store's housekeeping.

    Args:
        committer: of the store.
        logs: where the logs are.
        limits: how much is kept.
        clock: nanoseconds since 1970.
        steady_clock: nanoseconds since some moment, which nobody sets: see `steadiness`.
    """

    def __init__(
        self, committer: Committer, logs: Logs, limits: Limits, clock: Callable[[], int], steady_clock: Callable[[], int]
    ) -> None:
        self.limits = limits
        self._committer = committer
        self._store = committer.store
        self._logs = logs
        self._clock = clock
        self._steadiness = Steadiness(clock, steady_clock)
        self._compaction = Compaction(committer, logs.live_logs)
        self._round = asyncio.Lock()
        self._next_age_look = 0.0
        self._next_look = 0.0
        self._written = 0  # bytes of events at the last look

    async def run(self) -> None:
        """Until cancelled."""
        full = False
        more = True
        while True:
            try:
                if more or self._is_due():
                    more = await self.look()
                full = False
            except DiskFull as error:
                if not full:  # four times a second would fill what is left
                    logger.warning("nothing could be removed: %s", error)
                full = True
            except Exception:
                logger.exception("a round of retention failed")
                await asyncio.sleep(AGE_SECONDS)
            await asyncio.sleep(INTERVAL_SECONDS)

    def _is_due(self) -> bool:
        """Whether a look may find something: it takes a thread some turns of the loop, and a quiet server has better to do."""
        now = asyncio.get_running_loop().time()
        written = self._committer.counters.event_bytes
        waits = self._committer.has_hidden or self._store.needs_upkeep()
        if not waits and written - self._written < QUIET_BYTES and now < self._next_look:
            return False
        self._written = written
        self._next_look = now + QUIET_SECONDS
        return True

    async def look(self) -> bool:
        """One round. True: there was something to do, and there may be more."""
        await self._committer.upkeep()
        now = asyncio.get_running_loop().time()
        cutoff = 0
        if self.limits.max_age and now >= self._next_age_look:
            self._next_age_look = now + AGE_SECONDS
            if self._steadiness.look():
                cutoff = self._clock() - self.limits.max_age
        async with self._round:
            cuts = await self._plan(self.limits, cutoff, LOGS_AT_ONCE)
            await self._carry_out(cuts)
            merged = await self._compaction.look()
        await self._sweep()
        return merged or bool(cuts)

    async def collect(self, wanted: Limits, *, dry_run: bool = False) -> Removed:
        """Removes at once what is beyond the limits.

        Args:
            wanted: tighter limits for this once.
            dry_run: only say what would go.

        Raises:
            DiskFull: the disk is so full that nothing can be removed.
        """
        removed = Removed()
        limits = self.limits.tightened(wanted)
        cutoff = self._clock() - limits.max_age if limits.max_age else 0
        async with self._round:
            cuts = await self._plan(limits, cutoff, 1 << 31)
            for cut in cuts:
                removed.add(cut)
            if not dry_run:
                await self._carry_out(cuts)
        if not dry_run:
            await self._sweep()
            await self._committer.upkeep()
        return removed

    async def usage(self) -> Usage:
        """How much is kept."""
        sizes = [log.size for log in self._logs.live_logs()]
        totals, disk_bytes = await self._committer.off_loop(
            lambda: (self._store.ended_totals(), self._store.disk_bytes()), gate=False
        )
        return Usage(sum(sizes) + totals.bytes, totals.bytes, disk_bytes, totals.sessions, len(sizes))

    async def _plan(self, limits: Limits, cutoff: int, most: int) -> list[Cut]:
        living = [Living(log.number, log.bounds) for log in self._logs.live_logs()]
        return await self._committer.off_loop(lambda: expiry.plan(self._store, limits, cutoff, living, most), gate=False)

    async def _carry_out(self, cuts: Sequence[Cut]) -> None:
        whole = [cut.number for cut in cuts if cut.whole]
        for start in range(0, len(whole), FORGOTTEN_AT_ONCE):
            await self._forget(whole[start : start + FORGOTTEN_AT_ONCE])
        for cut in cuts:
            if not cut.whole:
                await self._shorten(cut)

    async def _shorten(self, cut: Cut) -> None:
        holder = self._logs.numbered(cut.number)  # held until it is done: whoever comes to read shares this log
        if holder is None:
            return
        log = holder.log
        log.shorten(cut.up_to_seq + 1, cut.end)
        try:
            oldest, before = 0, -1
            while before < oldest <= cut.up_to_seq:
                before = oldest
                kept = await self._committer.off_loop(partial(self._store.trim, cut.number, cut.up_to_seq, PIECE_BYTES))
                oldest = kept.oldest_seq
        except DiskFull:
            bounds = self._store.bounds(cut.number)
            log.shorten(bounds.oldest_seq, bounds.oldest_offset)  # it is still there
            raise

    async def _forget(self, numbers: Sequence[int]) -> None:
        await self._committer.hide(numbers, lambda: self._logs.forgotten(numbers))

    async def _sweep(self) -> None:
        if self._committer.has_hidden:
            self._committer.has_hidden = False
            try:
                await self._committer.in_steps(self._store.sweep())
            except BaseException:
                self._committer.has_hidden = True
                raise
