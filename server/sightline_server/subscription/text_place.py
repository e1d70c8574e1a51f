"""One session of a subscriber that wants text: a position like any other, that gives other bytes.

Knows when to look, and what to read again after a jump; `text` knows what comes.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator

from sightline_server.log.record import NANOSECONDS
from sightline_server.subscription.directory import Subject
from sightline_server.subscription.echo import Echo
from sightline_server.subscription.filter import EntryFilter
from sightline_server.subscription.place import Place
from sightline_server.subscription.position import RESPONSE_BYTES, Ahead, Entry, Position
from sightline_server.subscription.text import Item, TextState, items

GRACE_SECONDS = 0.001  # until a pause is over for certain
TURN_SECONDS = 0.004  # that a subscriber may keep the loop from others, and one event more
LOOK_BYTES = 128 * 1024  # of log that are read at once; a turn takes one to four of it
LOOK_ENTRIES = 4096  # the same in entries
PRIMED_BYTES = 256 * 1024  # of log that are read again to know on what a stream goes on
PRIMED_BLOCK_BYTES = 1024 * 1024  # the same in whole blocks
PRIMED_EVENTS = (1024, 64, 4, 1)  # so many before; as many as are no more than that


class TextPlace(Place):
    """See the module.

    Args:
        subject: the session.
        seq: the last entry passed.
        entry_filter: which entries come; None: all.
        on_wake: called when there is something new, or something is decided.
        clock: that of the log.
        omit_echo: leave the terminal's echo of what was typed through Sightline out.
    """

    def __init__(
        self,
        subject: Subject,
        seq: int,
        entry_filter: EntryFilter | None,
        on_wake: Callable[[Position], None],
        clock: Callable[[], int],
        *,
        omit_echo: bool,
    ) -> None:
        super().__init__(subject, seq, entry_filter, on_wake)
        self._clock = clock
        self._omit_echo = omit_echo
        self._state: TextState | None = None
        self._state_seq = -1  # the entry behind which `_state` is
        self._timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """There is something new in the log, or time has passed."""
        self.held_until = -math.inf
        super().wake()

    def take(self, max_bytes: int = RESPONSE_BYTES, max_entries: int = 0) -> bytes:
        """See `Position.take`."""
        ahead = self._look(max_bytes, max_entries or LOOK_ENTRIES)
        self.advance(ahead.seq, ahead.end)
        self.log.moved()
        return b"".join(entry.data for entry in ahead.entries)

    def ahead(self, max_bytes: int, max_entries: int) -> Ahead:
        """See `Position.ahead`. Where only some of it is passed then, the next look reads a little of the past again."""
        return self._look(max_bytes, max_entries)

    def _look(self, max_bytes: int, max_entries: int) -> Ahead:
        state = self._state if self._state_seq == self.seq else None
        now = asyncio.get_running_loop().time
        until = now() + TURN_SECONDS
        entries: list[Entry] = []
        seq, end = self.seq, self.offset
        for item in self._items():
            if state is None:
                state = self._primed(item)
            entries += state.before(item)
            if seq > self.seq and (item.seq - self.seq > max_entries or item.end - self.offset > max_bytes or now() > until):
                break
            if item.seq == self.log.head_seq and not self.log.closed:
                entries += state.finish()
                tried = state.copy(item.part)
                of_it = tried.take(item)
                if self._waits(tried, item):
                    break
                state = tried
                entries += of_it
            else:
                entries += state.take(item)
            seq, end = item.seq, item.end
        else:  # at the end, or before what is missing
            if state is not None and (self.log.closed or seq < self.log.head_seq):
                state.give_line()
        if state is not None:
            entries += state.finish()
            self._state, self._state_seq = state, seq
        return Ahead(entries, seq, end)

    def _waits(self, tried: TextState, item: Item) -> bool:
        """Whether the text of the newest entry is not decided yet. If so, somebody will look again in time."""
        pause = tried.pause
        if not pause:
            return False
        passed = self._clock() - item.time
        # What is appended from now on has a later time. Below 0: a clock was set, and nobody knows.
        if self.log.is_settled and not 0 <= passed < pause:
            tried.give_line()
            return False
        loop = asyncio.get_running_loop()
        self.held_until = loop.time() + max(pause - passed, 0) / NANOSECONDS + GRACE_SECONDS
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(self.held_until, self._look_again)
        return True

    def _look_again(self) -> None:
        if self in self.log.followers:
            self.wake()

    def _primed(self, upcoming: Item) -> TextState:
        """The state before an entry, from what stands before it in the log."""
        state = TextState(self.passes, Echo() if self._omit_echo else None)
        for item in self._past():
            state.before(item)
            state.take(item)
        state.before(upcoming)
        state.forget_given()
        return state

    def _past(self) -> Iterator[Item]:
        """The last entries up to the position, as many as are worth it."""
        oldest = self.log.bounds.oldest_seq
        for count in PRIMED_EVENTS:
            start = max(oldest - 1, self.seq - count)
            blocks = self.log.read(start, PRIMED_BLOCK_BYTES) if start < self.seq else ()
            if blocks and blocks[-1].last_seq >= self.seq:
                return (item for item in items(blocks, start) if item.seq <= self.seq and item.end > self.offset - PRIMED_BYTES)
        return iter(())

    def _items(self) -> Iterator[Item]:
        """What comes next, hidden entries included, up to the log's end or what is missing in it."""
        seq = self.seq
        while seq < self.log.head_seq:
            begun = seq
            blocks = self.log.read(seq, LOOK_BYTES)
            for item in items(blocks, seq):
                seq = item.seq
                yield item
            if seq == begun:
                if blocks and seq == self.seq:
                    self._meet_hole(blocks[0])
                return
