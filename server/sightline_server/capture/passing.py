"""What stands between a session and one of the several sources that it is made of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from sightline.v1.event_pb2 import CaptureState, Channel, Event

from sightline_server.capture.base import Ending, Sink


class PassingSink:
    """A sink that passes everything on, but for what is to be done at the end. Whoever changes more of it makes a subclass.

    Args:
        sink: the session's.
        at_end: called with how the source ended, instead of `Sink.ended`.
    """

    def __init__(self, sink: Sink, at_end: Callable[[Ending], Awaitable[None]]) -> None:
        self._sink = sink
        self._at_end = at_end
        self.session_id = sink.session_id
        self.session_name = sink.session_name
        self.directory = sink.directory

    def position(self, spool: str) -> int:
        return self._sink.position(spool)

    def output(
        self,
        source: str,
        channel: Channel.ValueType,
        chunks: Sequence[bytes],
        position: int,
        spool: str = "",
        *,
        times: Sequence[int] = (),
    ) -> asyncio.Future[int]:
        return self._sink.output(source, channel, chunks, position, spool, times=times)

    async def event(self, event: Event, source: str, position: int | None = None, spool: str = "") -> int:
        return await self._sink.event(event, source, position, spool)

    def events(self, events: Sequence[Event], source: str, position: int, spool: str = "") -> asyncio.Future[int]:
        return self._sink.events(events, source, position, spool)

    async def capture(self, state: CaptureState.ValueType, reason: str) -> None:
        await self._sink.capture(state, reason)

    async def ended(self, ending: Ending) -> None:
        await self._at_end(ending)
