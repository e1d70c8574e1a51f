"""Subscriptions that break anywhere, to logs that grow meanwhile: the server's own, without gRPC."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field

from sightline.v1.event_pb2 import Completed, Event
from sightline.v1.session_service_pb2 import SubscribeRequest, SubscribeResponse
from sightline_server.log.session_log import Draft
from support.logs import LoggedSession, Sessions, output, settled, trim
from support.subscribing import stream


@dataclass
class Plan:
    """A session of so many events, the last of them `completed`; `head` are there at first, and those may be `gone` again."""

    name: str
    length: int
    head: int
    gone: bool = False
    has_terminal: bool = False

    @property
    def session_id(self) -> str:
        return f"id-{self.name}"


@dataclass
class World:
    """Sessions, and streams of them.

    Attributes:
        plans: what is to be.
        steps: how many events come when a stream has nothing left to send, and between streams; then three at a time, to the end.
        batch: events in one response at most.
        grows: more comes, until all has.
        newcomer: begins when a stream has nothing left to send.
        between: called between streams.
    """

    plans: list[Plan]
    batch: int = 3
    steps: list[int] = field(default_factory=list)
    grows: bool = True
    newcomer: Plan | None = None
    between: Callable[[], object] = lambda: None
    sessions: Sessions = field(default_factory=Sessions)
    streams: int = 0
    _logged: dict[str, LoggedSession] = field(default_factory=dict)

    async def begin(self) -> World:
        for plan in self.plans:
            await self._add(plan)
        return self

    async def _add(self, plan: Plan) -> None:
        logged = self.sessions.add(plan.session_id, plan.name)
        logged.has_terminal = plan.has_terminal
        self._logged[plan.name] = logged
        await self._append(plan, plan.head)
        if plan.gone:
            trim(logged.log, plan.head)

    async def _append(self, plan: Plan, head: int) -> bool:
        log = self._logged[plan.name].log
        seqs = range(log.head_seq + 1, min(head, plan.length) + 1)
        if not seqs:
            return False
        await log.append(
            [Draft("sightline", Event(completed=Completed())) if n == plan.length else output(b"%d" % n) for n in seqs]
        )
        if log.head_seq == plan.length:
            log.close()
        return True

    def head(self, plan: Plan) -> int:
        return self._logged[plan.name].log.head_seq

    async def _grow(self, plans: Iterable[Plan]) -> bool:
        grew = [await self._append(plan, self.head(plan) + (self.steps.pop() if self.steps else 3)) for plan in plans if self.grows]
        return any(grew)

    async def stream(self, request: SubscribeRequest) -> AsyncIterator[SubscribeResponse]:
        """One stream; it ends without an `end` when nothing more will come."""
        self.streams += 1
        if self.streams > 1:
            self.between()
            await self._grow(self.plans)
        copy = SubscribeRequest.FromString(request.SerializeToString())
        async with aclosing(stream(self.sessions, copy)) as responses:  # type: ignore[type-var]
            while (response := await self._next(responses)) is not None:
                for first in range(0, len(response.events) or 1, self.batch):
                    piece = SubscribeResponse.FromString(response.SerializeToString())
                    del piece.events[first + self.batch :], piece.events[:first]
                    yield piece

    async def _next(self, responses: AsyncIterator[SubscribeResponse]) -> SubscribeResponse | None:
        coming = asyncio.ensure_future(anext(responses, None))
        try:
            while not coming.done():
                await settled()
                if not coming.done() and not await self._goes_on():
                    return None
            return coming.result()
        finally:
            coming.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await coming

    async def _goes_on(self) -> bool:
        if self.newcomer is not None:
            plan, self.newcomer = self.newcomer, None
            await self._add(plan)
            self.plans.append(plan)
            return True
        return await self._grow(self.plans)
