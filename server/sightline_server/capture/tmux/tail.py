"""Following a pane by tmux's own repeating of its output, where its pipe is somebody else's.

From a control client to a sink, with what `Pump` promises but for what is written while nobody is attached.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping

from google.protobuf.timestamp_pb2 import Timestamp
from sightline.v1.event_pb2 import Channel, Event, OutputLost

from sightline_server.capture.base import Sink
from sightline_server.capture.tmux.control import ControlClient
from sightline_server.capture.tmux.protocol import PaneOutput
from sightline_server.capture.tmux.server import TmuxServer
from sightline_server.decode.lines import cut_anywhere

SOURCE = "terminal"
MAX_HELD = 8 * 1024 * 1024  # bytes waiting for a slow log; tmux must not wait for us, so the rest is lost
BATCH = 256 * 1024  # bytes in one commit
STOP_SECONDS = 1.0  # for a commit under way


class PaneTail:
    """One pane's output. `on_broken` is called when the client went."""

    def __init__(self, sink: Sink, server: TmuxServer, pane: str, on_broken: Callable[[], None]) -> None:
        self._sink = sink
        self._server = server
        self._pane = pane
        self._on_broken = on_broken
        self._client: ControlClient | None = None
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._lost = 0
        self._lost_since = 0
        self._finishing = False
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def broken(self) -> bool:
        """Nobody listens at present."""
        return self._client is None or self._client.gone

    async def attach(self) -> None:
        """Listens from now on. Raises as `TmuxServer.attach` does."""
        if self.broken:
            self._client = await self._server.attach(self._pane, "ignore-size", self._on_broken, self._take)

    def start(self) -> None:
        """Begins to hand on what is heard."""
        self._task = asyncio.create_task(self._run(), name=f"tail {self._pane}")

    def finish(self) -> None:
        """Nothing more will come."""
        self._finishing = True
        self._wake.set()

    async def drained(self) -> None:
        """Waits until it is finished and all of it is committed. Raises what the sink raised."""
        if self._task:
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    async def stop(self) -> None:
        """Stops listening; what is not committed yet is lost."""
        if self._client:
            await self._client.close()
        self.finish()
        if self._task:
            await asyncio.wait([self._task], timeout=STOP_SECONDS)
            self._task.cancel()
            await asyncio.wait([self._task])

    def sizes(self) -> dict[str, int]:
        """See `Pump`."""
        return {SOURCE: self._sink.position(SOURCE) + self._held}

    async def reach(self, offsets: Mapping[str, int]) -> None:
        """See `Pump`; here nothing is ever known to be all."""

    def _take(self, output: PaneOutput) -> None:
        if output.pane != self._pane.encode():
            return  # the client hears all panes of the session
        if self._lost or self._held + len(output.data) > MAX_HELD:
            self._lost_since = self._lost_since or time.time_ns()
            self._lost += len(output.data)
        else:
            self._chunks.append(output.data)
            self._held += len(output.data)
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            while self._chunks:
                await self._commit()
            if self._lost:
                await self._tell_loss()
            elif self._finishing:
                return
            else:
                await self._wake.wait()

    async def _commit(self) -> None:
        parts: list[bytes] = []
        size = 0
        while self._chunks and size < BATCH:
            parts.append(self._chunks.popleft())
            size += len(parts[-1])
        position = self._sink.position(SOURCE) + size
        await self._sink.output(SOURCE, Channel.CHANNEL_TERMINAL, cut_anywhere(b"".join(parts)), position)
        self._held -= size

    async def _tell_loss(self) -> None:
        lost = OutputLost(channel=Channel.CHANNEL_TERMINAL, bytes=self._lost, reason="the log was slower than the pane")
        lost.from_time.CopyFrom(_timestamp(self._lost_since))
        lost.to_time.CopyFrom(_timestamp(time.time_ns()))
        self._lost = self._lost_since = 0
        await self._sink.event(Event(output_lost=lost), SOURCE, self._sink.position(SOURCE) + lost.bytes)


def _timestamp(nanoseconds: int) -> Timestamp:
    return Timestamp(seconds=nanoseconds // 10**9, nanos=nanoseconds % 10**9)
