"""A typescript that is adopted: somebody else's `script` writes it, and it is followed, read and otherwise left as it is.

Knows what may be done about a recording of somebody else. Who can type into what is recorded makes a subclass with its own `send`.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from sightline.v1.event_pb2 import CaptureState
from sightline.v1.session_pb2 import SessionKind, Snapshot, Typescript

from sightline_server import errors
from sightline_server.capture import processes
from sightline_server.capture.base import Ending, Sink, Typed
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.typescript.recording import Recording
from sightline_server.capture.typescript.writers import Lookout

log = logging.getLogger(__name__)


class TypescriptSource:
    """A typescript. See `Source`."""

    kind: SessionKind.ValueType = SessionKind.SESSION_KIND_TYPESCRIPT

    def __init__(self, sink: Sink, inotify: Inotify, lookout: Lookout, typescript: Typescript) -> None:
        self._sink = sink
        timing = Path(typescript.timing_path) if typescript.timing_path else None
        self._path = Path(typescript.path)
        self._recording = Recording(sink, inotify, lookout, self._path, timing)
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """See `Source`."""
        await self._recording.start()
        self._follow()

    async def resume(self) -> None:
        """See `Source`."""
        await self._recording.resume()
        self._follow()

    def check_send(self, typed: Typed) -> None:  # noqa: ARG002 - the contract's
        """See `Source`."""
        raise errors.NoKeyboard(session=self._sink.session_name)

    async def send(self, typed: Typed) -> None:
        """See `Source`."""
        self.check_send(typed)

    async def echo_is_off(self) -> bool:
        """See `Source`."""
        return False

    async def interrupt(self) -> None:
        """See `Source`."""
        raise errors.NoKeyboard(session=self._sink.session_name)

    async def resize(self, columns: int, rows: int) -> None:  # noqa: ARG002 - the contract's
        """See `Source`."""
        raise errors.NotResizable(session=self._sink.session_name)

    async def terminate(self, signal: int, grace: float) -> None:
        """See `Source`. Ends `script` and what runs in it, where it is `script` that writes and we may."""
        writer = await self._recording.writer()
        if writer is None or writer.program != "script":
            who = f"it is written by {writer.program!r}" if writer else "who writes it cannot be seen"
            raise errors.NotOurs(session=self._sink.session_name, why=who)
        left = await processes.end_tree(self._sink.session_id, writer.process, signal, grace)
        if left:
            log.warning("session %s: %d processes could not be ended", self._sink.session_id, left)

    async def release(self) -> None:
        """See `Source`."""
        await self.detach()
        await self._sink.ended(Ending(released=True))

    async def snapshot(self) -> Snapshot:
        """See `Source`."""
        raise errors.NoScreen(session=self._sink.session_name)

    async def detach(self) -> None:
        """See `Source`."""
        if self._following:
            self._following.cancel()
            await asyncio.wait([self._following])
        await self._recording.stop()

    def _follow(self) -> None:
        self._following = asyncio.create_task(self._run(), name=f"typescript {self._sink.session_id}")

    async def _run(self) -> None:
        try:
            ending = await self._recording.over()
            await self._recording.stop()
            await self._sink.ended(ending)
        except Exception as error:
            log.exception("session %s: following stopped", self._sink.session_id)
            await self._sink.capture(CaptureState.CAPTURE_STATE_BLIND, str(error))
