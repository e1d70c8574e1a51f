"""What is removed, and when: the oldest blocks of logs over their size, and what deleted sessions left.

In the background and in small pieces: a piece holds commits back for a few milliseconds, the loop for none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from sightline_server.errors import DiskFull
from sightline_server.log.committer import Committer
from sightline_server.log.session_log import SessionLog

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 0.25  # between looks
PIECE_BYTES = 8 * 1024 * 1024  # removed in one transaction


class Retention:
    """Keeps every log below its size.

    Args:
        committer: of the store.
        logs: gives the logs that may grow.
        max_session_bytes: how large one log may be.
    """

    def __init__(self, committer: Committer, logs: Callable[[], Iterable[SessionLog]], max_session_bytes: int) -> None:
        self._committer = committer
        self._logs = logs
        self._max_session_bytes = max_session_bytes

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except DiskFull as error:
                logger.warning("nothing could be removed: %s", error)
            await asyncio.sleep(INTERVAL_SECONDS)

    async def look(self) -> None:
        """One round: upkeep, logs that are too large, what was deleted."""
        await self._committer.upkeep()
        for log in list(self._logs()):
            await self._shorten(log)
        if self._committer.has_hidden:
            self._committer.has_hidden = False
            await self._committer.in_steps(self._committer.store.sweep())

    async def _shorten(self, log: SessionLog) -> None:
        while log.size > self._max_session_bytes:
            # The newest block always stays: it is where a restarted server finds the head.
            newest = log.block_with(log.head_seq)
            before = log.bounds.oldest_seq
            if newest is None:
                return
            await log.trim(newest.first_seq - 1, min(PIECE_BYTES, log.size - self._max_session_bytes))
            if log.bounds.oldest_seq == before:
                return
