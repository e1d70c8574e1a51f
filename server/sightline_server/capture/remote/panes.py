"""What panes on a host have in common, our own and adopted ones: typing, echo, the screen. Knows nothing of beginnings and ends."""

from __future__ import annotations

import asyncio

from sightline.v1.session_pb2 import Snapshot

from sightline_server import errors
from sightline_server.capture.base import Sink, Typed
from sightline_server.capture.remote.host import Host
from sightline_server.capture.remote.pane import RemotePane, RemoteTmux
from sightline_server.capture.remote.scripts import line
from sightline_server.capture.remote.source import Place, RemoteSource
from sightline_server.capture.remote.stream import Stream, spool_size
from sightline_server.capture.tmux.pane import check_keys

SNAPSHOT_TRIES = 3
REACH_SECONDS = 1.0  # for what is in the spool to be in the log
WRITER_GONE = "gone terminal.writer"
REACH_TICK = 0.005  # s, between looks at whether it is


class RemotePaneSource(RemoteSource):
    """A pane on a host that is followed."""

    def __init__(self, sink: Sink, host: Host) -> None:
        super().__init__(sink, host)
        self._server: RemoteTmux | None = None
        self._pane: RemotePane | None = None

    def check_send(self, typed: Typed) -> None:
        """See `Source`."""
        check_keys(typed)
        super().check_send(typed)

    async def send(self, typed: Typed) -> None:
        """See `Source`."""
        await self._present().type(typed)

    async def echo_is_off(self) -> bool:
        """See `Source`."""
        return await self._present().echo_is_off()

    async def interrupt(self) -> None:
        """See `Source`."""
        self._check_connected()
        await self._present().interrupt()

    async def snapshot(self) -> Snapshot:
        """See `Source`. Exact when the spool did not grow around the look, and all of it is given to the sink."""
        pane = self._present()
        look = line("sl_size", self._directory, "terminal") if self._streams else "echo 0 0"
        for _ in range(SNAPSHOT_TRIES):
            screen, before, after = await pane.screen(look)
            if before == after and await self._reached(spool_size(after)):
                screen.exact = True
                break
        return screen

    async def _writer_was_killed(self, stream: Stream) -> bool:
        """The writer is gone, and has not marked its end: that is known when all is read."""
        if WRITER_GONE not in self._news or stream.ended:
            return False
        if not await stream.is_read():
            asyncio.get_running_loop().call_later(REACH_TICK, self._changed.set)
            return False
        self._news.discard(WRITER_GONE)
        return not stream.marked

    async def _reached(self, size: int) -> bool:
        """Waits a little until so much is given to the sink; False: it was not."""
        if not self._streams:
            return False
        (stream,) = self._streams
        try:
            async with asyncio.timeout(REACH_SECONDS):
                while stream.offset < size and not stream.ended:
                    if not stream.attached:
                        return False
                    await asyncio.sleep(REACH_TICK)
        except TimeoutError:
            return False
        return True

    def _hold(self, held: Place) -> None:
        super()._hold(held)
        if held.pane:
            self._server = RemoteTmux(self._host, held.socket)
            self._pane = RemotePane(self._host, self._server, held.pane, held.tty, self._sink.session_name)

    def _present(self) -> RemotePane:
        if self._pane is None:
            raise errors.SourceGone(session=self._sink.session_name, why="its pane is not there any more")
        return self._pane
