"""A session that follows an agent by its transcripts alone: somebody else started it, and it is left as it is.

Knows when such a session is over (its process is gone) and what can be done about an agent that is only read.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from sightline.v1.event_pb2 import CaptureState
from sightline.v1.session_pb2 import SessionKind, Snapshot

from sightline_server import errors
from sightline_server.capture import processes
from sightline_server.capture.base import Ending, Sink, Typed
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.transcript import notes
from sightline_server.capture.transcript.finding import Found
from sightline_server.capture.transcript.following import Following
from sightline_server.capture.transcript.notes import Notes
from sightline_server.capture.transcript.watch import Watched
from sightline_server.decode.agents.decoder import End

log = logging.getLogger(__name__)

GONE = "the agent's process is gone; how it ended is not known"
NEVER_WROTE = "the agent's process is gone, and it wrote no transcript"
NOT_FOLLOWED = "the server went down before the transcript was followed"
NO_INPUT = "it is followed by its transcript alone: adopt the tmux pane that it runs in to type into it"


class TranscriptSource:
    """See `Source`. For `start` it needs what was `found`; one that resumes does not."""

    kind: SessionKind.ValueType = SessionKind.SESSION_KIND_TRANSCRIPT

    def __init__(self, sink: Sink, inotify: Inotify, found: Found | None = None, *, keep_raw: bool = False) -> None:
        self._sink = sink
        self._inotify = inotify
        self._found = found
        self._keep_raw = keep_raw
        self._following = Following(sink, inotify, Notes())
        self._watched: Watched | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """See `Source`."""
        found = self._found
        assert found is not None  # noqa: S101 - the contract's
        agent = found.agent
        noted = Notes(found.family, self._keep_raw)
        if agent is not None:
            noted.process, noted.noted_in = agent.process, str(agent.noted_in or "")
        self._following.noted = noted
        self._following.write()
        if found.path is not None and (agent is None or found.path.exists()):
            await self._following.begin(found.path)
        self._watch()
        if self._following.path is None:
            await self._say_waiting()

    async def resume(self) -> None:
        """See `Source`."""
        noted = notes.read(self._sink.directory)
        if noted is None or (not noted.files and noted.process is None):
            await self._sink.ended(Ending(observed=False, error=NOT_FOLLOWED))
            return
        self._following.noted = noted
        await self._following.resume()
        self._watch()

    def check_send(self, typed: Typed) -> None:  # noqa: ARG002 - the contract's
        """See `Source`."""
        raise errors.NoInput(session=self._sink.session_name, why=NO_INPUT)

    async def send(self, typed: Typed) -> None:
        """See `Source`."""
        self.check_send(typed)

    async def echo_is_off(self) -> bool:
        """See `Source`."""
        return False

    async def interrupt(self) -> None:
        """See `Source`."""
        raise errors.NoInput(session=self._sink.session_name, why=NO_INPUT)

    async def resize(self, columns: int, rows: int) -> None:  # noqa: ARG002 - the contract's
        """See `Source`."""
        raise errors.NoTerminal(session=self._sink.session_name)

    async def terminate(self, signal: int, grace: float) -> None:
        """See `Source`. Ends the agent and what it has started, where its process is known."""
        noted = self._following.noted
        if noted.process is None:
            raise errors.NotOurs(session=self._sink.session_name, why="who writes its transcript is not known")
        noted.terminated = True
        self._following.write()
        left = await processes.end_tree(self._sink.session_id, noted.process, signal, grace)
        if left:
            log.warning("session %s: %d processes could not be ended", self._sink.session_id, left)

    async def release(self) -> None:
        """See `Source`."""
        await self.detach()
        await self._sink.ended(Ending(released=True))

    async def snapshot(self) -> Snapshot:
        """See `Source`."""
        raise errors.NoTerminal(session=self._sink.session_name)

    async def detach(self) -> None:
        """See `Source`."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._following.stop()

    def _watch(self, *, moves: bool = True) -> None:
        noted = self._following.noted
        self._watched = Watched(self._following, noted.process, Path(noted.noted_in) if noted.noted_in else None, moves=moves)
        self._task = asyncio.create_task(self._run(), name=f"transcript {self._sink.session_id}")

    async def _run(self) -> None:
        assert self._watched is not None  # noqa: S101 - made beside it
        try:
            await self._watched.until_gone(self._say_following)
            await self._gone()
        except Exception as error:
            log.exception("session %s: following stopped", self._sink.session_id)
            await self._sink.capture(CaptureState.CAPTURE_STATE_BLIND, str(error))

    async def _gone(self) -> None:
        end = End(observed=False, terminated=self._following.noted.terminated, error=GONE)
        completed = await self._following.finish(end)
        await self._sink.ended(Ending(observed=False, error=GONE if completed else NEVER_WROTE, said=completed))

    async def _say_waiting(self) -> None:
        await self._sink.capture(CaptureState.CAPTURE_STATE_DISCONNECTED, "the agent has written no transcript yet")

    async def _say_following(self) -> None:
        await self._sink.capture(CaptureState.CAPTURE_STATE_FOLLOWING, "")
