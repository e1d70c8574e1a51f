"""The committer: what one turn of the event loop appends becomes one transaction or two; then, and only then, it is seen.

Also the place where the disk can be full: what came from a source waits and is tried again (its spool holds the rest), what a
caller asked for is refused, and both learn it. And the gate: work in another thread may hold commits back for a moment, never the
loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from sightline_server.errors import CannotStore, DatabaseDamaged, DiskFull
from sightline_server.metrics import Counters
from sightline_server.storage.contract import Commit, Store

logger = logging.getLogger(__name__)

T = TypeVar("T")

Refusal = DiskFull | DatabaseDamaged | CannotStore
"""Why nothing can be committed for the time being."""

RETRY_SECONDS = 0.5  # between attempts while nothing can be stored


class Appender(Protocol):
    """A log with something to commit."""

    def encode_staged(self, commit: Commit) -> None:
        """Gives what was appended its numbers and adds it to the transaction."""
        ...

    def publish_staged(self) -> None:
        """It is committed: shows it, and forgets that it was staged."""
        ...

    def refuse_staged(self, error: Refusal) -> None:
        """It could not be committed: fails what may fail, keeps the rest for the next attempt."""
        ...


class Committer:
    """Commits for all logs of one store.

    Args:
        store: where to.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.counters = Counters()
        self.on_room: Callable[[Refusal | None], None] = lambda _full: None
        """Called with the error when nothing can be stored, such as on a full disk, and with None when it can be again."""
        self.full: Refusal | None = None
        self.has_hidden = True  # deleted sessions may have left blocks, also those of the run before
        self._waiting: dict[Appender, None] = {}
        self._scheduled = False
        self._retry: asyncio.TimerHandle | None = None
        self._closed_gates = 0
        self._maintenance = asyncio.Lock()

    def schedule(self, appender: Appender) -> None:
        """`appender` has something to commit: the first of a turn at once, all that follow in it together at its end."""
        self._waiting[appender] = None
        if not self._scheduled and not self._closed_gates:
            self._scheduled = True
            try:
                self._commit()
            finally:  # whatever happens: without it nothing would ever be committed again
                asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        self._commit()

    def _commit(self) -> None:
        if self._closed_gates or not self._waiting:
            return
        appenders = list(self._waiting)
        commit = Commit()
        for appender in appenders:
            appender.encode_staged(commit)
        try:
            self.store.commit(commit)
        except (DiskFull, DatabaseDamaged, CannotStore) as error:
            self._refuse(appenders, error)
            return
        self.counters.commits += 1
        self._waiting.clear()
        for appender in appenders:
            appender.publish_staged()
        if self.full is not None:
            self.full = None
            logger.warning("what waited is stored: going on")
            self.on_room(None)

    def _refuse(self, appenders: Sequence[Appender], error: Refusal) -> None:
        for appender in appenders:
            appender.refuse_staged(error)
        if self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(RETRY_SECONDS, self._try_again)
        if self.full is None:
            self.full = error
            logger.error("%s", error)
            self.on_room(error)

    def _try_again(self) -> None:
        self._retry = None
        if not self._scheduled:
            self._flush()

    async def off_loop(self, work: Callable[[], T], *, gate: bool = True) -> T:
        """Runs one of the store's slow calls in a thread, with commits held back meanwhile.

        Args:
            work: the call.
            gate: False: it is one that goes on beside commits.
        """
        async with self._held_back() if gate else self._maintenance:
            thread = asyncio.ensure_future(asyncio.to_thread(work))
            try:
                return await asyncio.shield(thread)
            finally:
                while not thread.done():  # whoever gives up waiting must not open the gate while the thread still writes
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.wait([thread])

    async def hide(self, numbers: Sequence[int], forgotten: Callable[[], None]) -> None:
        """Forgets sessions in the store, then calls `forgotten`: also when whoever waits for it gives up meanwhile."""
        hidden = False

        def work() -> None:
            nonlocal hidden
            self.store.hide(numbers)
            hidden = True

        try:
            await self.off_loop(work)
        finally:
            if hidden:
                self.has_hidden = True
                forgotten()

    async def in_steps(self, steps: Iterator[bool]) -> None:
        """Does the store's work in threads; before each step the store says whether commits must be held back for it."""
        needs_gate: bool | None = False
        while needs_gate is not None:
            needs_gate = await self.off_loop(lambda: next(steps, None), gate=needs_gate)

    async def upkeep(self) -> None:
        """The store's housekeeping, when it is due."""
        if self.store.needs_upkeep():
            await self.in_steps(self.store.upkeep())

    @contextlib.asynccontextmanager
    async def _held_back(self) -> AsyncIterator[None]:
        async with self._maintenance:
            self._closed_gates += 1
            try:
                yield
            finally:
                self._closed_gates -= 1
                self._commit()  # at once: the next piece of work may close the gate before the loop's next turn
