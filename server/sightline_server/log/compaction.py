"""Small blocks become large ones, so that a log of many small commits is read as fast as one of few large ones.

A quiet session commits a line at a time, and each commit is a block. Once a log has grown by `MERGE_BYTES`, the small neighbours
among its blocks are joined, all but the newest; each event is rewritten once, or twice where a restart came between. What a session
leaves at its end is joined then, or after the next start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from sightline_server.log.committer import Committer
from sightline_server.log.session_log import SessionLog
from sightline_server.storage.contract import Outline

MERGE_BYTES = 64 * 1024  # a merged block holds at most so many, and is made when about so many are there
BLOCKS_AT_ONCE = 1000  # merged in one transaction: a few milliseconds
MERGES_AT_ONCE = 200  # in one round: other work has its turn then
ENDED_AT_ONCE = 50  # sessions in one round
LAST_SEQ = (1 << 40) - 1  # beyond any


@dataclass(frozen=True, slots=True)
class Done:
    """How far a log's small blocks are merged: up to `seq`, at `offset` bytes of log, of the `end` that it had then."""

    seq: int
    offset: int
    end: int = 0


class Compaction:
    """Merges the small blocks of all logs.

    Args:
        committer: of the store.
        live_logs: gives those that may grow.
    """

    def __init__(self, committer: Committer, live_logs: Callable[[], Iterable[SessionLog]]) -> None:
        self._committer = committer
        self._store = committer.store
        self._live_logs = live_logs
        self._done: dict[int, Done] = {}
        self._left = 0  # merges that this round may still make

    async def look(self) -> bool:
        """One round. True: there was something to do, and there may be more."""
        self._left = MERGES_AT_ONCE
        live = list(self._live_logs())
        for log in live:
            start = log.bounds.oldest_offset
            done = self._done.get(log.number, Done(0, start))
            end = log.bounds.end_offset
            if end > done.end and end - max(done.offset, start) >= MERGE_BYTES and self._left > 0:
                self._done[log.number] = await self._merge(log.number, done, log.bounds.head_seq, end)
        ended = await self._committer.off_loop(lambda: self._store.unmerged(ENDED_AT_ONCE), gate=False)
        finished = [number for number in ended if await self._finish(number)]
        if finished:
            await self._committer.off_loop(lambda: self._store.set_merged(finished))
        kept = {log.number for log in live}.union(ended)
        self._done = {number: done for number, done in self._done.items() if number in kept}
        return bool(ended) or self._left < MERGES_AT_ONCE

    async def _finish(self, number: int) -> bool:
        """All that an ended session has left, or as much of it as this round may; True: all."""
        self._done[number] = await self._merge(number, self._done.get(number, Done(0, 0)), None, 0)
        return self._left > 0

    async def _merge(self, number: int, done: Done, head_seq: int | None, end: int) -> Done:
        """Merges what is behind `done`, up to the newest block; with no `head_seq` all of it. Returns how far that is."""
        seq = done.seq
        while self._left > 0:
            blocks, up_to = await self._committer.off_loop(partial(self._small, number, seq, head_seq), gate=False)
            more = len(blocks) == BLOCKS_AT_ONCE
            runs = list(neighbours(blocks))
            # The last run may go on: with what this look did not reach, or with what is still to come.
            unfinished = len(runs) > 1 if more else bool(runs) and runs[-1][-1].last_seq == up_to
            left = runs.pop() if unfinished else []
            for run in runs:
                if len(run) > 1:
                    self._left -= 1
                    await self._committer.off_loop(partial(self._store.merge, number, run[0].first_seq, run[-1].last_seq))
                seq = run[-1].last_seq
            if not more:
                return Done(seq, left[0].offset, end) if left else Done(up_to, end, end)
        return Done(seq, done.offset)

    def _small(self, number: int, after_seq: int, head_seq: int | None) -> tuple[list[Outline], int]:
        """The next small blocks, and where the search for them ended: before the newest block of a live log."""
        up_to = LAST_SEQ
        if head_seq is not None:
            newest = self._store.outline(number, head_seq)
            up_to = newest.first_seq - 1 if newest else 0
        return self._store.small_blocks(number, after_seq, up_to, BLOCKS_AT_ONCE), up_to


def neighbours(blocks: Sequence[Outline]) -> Iterator[list[Outline]]:
    """Runs of blocks without a hole between them, each of at most `MERGE_BYTES`."""
    run: list[Outline] = []
    size = 0
    for block in blocks:
        if run and (block.first_seq != run[-1].last_seq + 1 or size + block.length > MERGE_BYTES):
            yield run
            run, size = [], 0
        run.append(block)
        size += block.length
    if run:
        yield run
