"""A terminal in which an agent runs: its bytes and what the agent writes of itself are one session, in one log.

The terminal is the session: it is typed into, looked at and ended as ever. Agents come and go in it, each with its transcripts.
Knows sources and transcripts; not what holds the terminal.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from sightline.v1.event_pb2 import CaptureState, Completed
from sightline.v1.session_pb2 import SessionKind, Snapshot

from sightline_server.capture import processes
from sightline_server.capture.base import Ending, Sink, Source, Typed
from sightline_server.capture.foreground import OnTty, Tty
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.passing import PassingSink
from sightline_server.capture.processes import Identity
from sightline_server.capture.transcript import agents, notes
from sightline_server.capture.transcript.agents import Agent
from sightline_server.capture.transcript.following import Following
from sightline_server.capture.transcript.notes import Notes
from sightline_server.capture.transcript.watch import Watched
from sightline_server.decode.agents.decoder import End

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # between looks for an agent, at first
LOOK_MOST = 5.0  # s, later on: each costs some milliseconds
INTERRUPT_SECONDS = 5.0  # an end so soon after an interrupt is its consequence
AGENT_GONE = "the agent's process is gone; how it ended is not known"

FOLLOWING = CaptureState.CAPTURE_STATE_FOLLOWING

Ended = Callable[[Ending], Awaitable[None]]


class _Capture:
    """What two of them say of one session's capture: what is worse, the terminal's first."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._said: dict[str, tuple[CaptureState.ValueType, str]] = {"terminal": (FOLLOWING, ""), "transcript": (FOLLOWING, "")}

    async def say(self, who: str, state: CaptureState.ValueType, reason: str) -> None:
        self._said[who] = (state, reason)
        await self._sink.capture(*min(self._said.values(), key=lambda said: (said[0] == FOLLOWING, not said[1])))


class _PartSink(PassingSink):
    """The sink of one of the two: what is said of its capture counts together with the other's."""

    def __init__(self, sink: Sink, who: str, capture: _Capture, ended: Ended) -> None:
        super().__init__(sink, ended)
        self._who = who
        self._capture = capture

    async def capture(self, state: CaptureState.ValueType, reason: str) -> None:
        await self._capture.say(self._who, state, reason)


class AgentTerminal:
    """See `Source`.

    Args:
        sink: the session's.
        inotify: tells when transcripts grow.
        terminal: makes the terminal's source, which reports to the sink that it is given.
        root: the process whose descendants run in it; None: only what carries the session's mark does.
        family: of the agent.
        keep_raw: its events carry its own lines.
    """

    def __init__(
        self,
        sink: Sink,
        inotify: Inotify,
        terminal: Callable[[Sink], Source],
        root: Callable[[Source], Identity | None],
        *,
        family: str,
        keep_raw: bool = False,
    ) -> None:
        self._sink = sink
        self._capture = _Capture(sink)
        self._terminal = terminal(_PartSink(sink, "terminal", self._capture, self._terminal_ended))
        self._root = root
        part = _PartSink(sink, "transcript", self._capture, self._terminal_ended)
        self._following = Following(part, inotify, Notes(family, keep_raw))
        self._agents: asyncio.Task[None] | None = None
        self._watched: Watched | None = None
        self._over = asyncio.Event()
        self._interrupted = -INTERRUPT_SECONDS  # loop time
        self.kind: SessionKind.ValueType = self._terminal.kind

    async def start(self) -> None:
        """See `Source`."""
        self._following.write()
        await self._terminal.start()
        self._look_for_agents()

    async def resume(self) -> None:
        """See `Source`."""
        noted = notes.read(self._sink.directory)
        if noted is not None:
            self._following.noted = noted
        await self._following.resume()
        await self._terminal.resume()
        if not self._over.is_set():
            self._look_for_agents()

    def check_send(self, typed: Typed) -> None:
        """See `Source`."""
        self._terminal.check_send(typed)

    async def send(self, typed: Typed) -> None:
        """See `Source`."""
        await self._terminal.send(typed)

    async def echo_is_off(self) -> bool:
        """See `Source`."""
        return await self._terminal.echo_is_off()

    def tty(self) -> Tty | None:
        """See `OnTty`."""
        return self._terminal.tty() if isinstance(self._terminal, OnTty) else None

    async def interrupt(self) -> None:
        """See `Source`."""
        self._interrupted = asyncio.get_running_loop().time()
        await self._terminal.interrupt()

    async def resize(self, columns: int, rows: int) -> None:
        """See `Source`."""
        await self._terminal.resize(columns, rows)

    async def terminate(self, signal: int, grace: float) -> None:
        """See `Source`."""
        self._following.noted.terminated = True
        self._following.write()
        await self._terminal.terminate(signal, grace)

    async def release(self) -> None:
        """See `Source`."""
        await self._terminal.release()

    async def snapshot(self) -> Snapshot:
        """See `Source`."""
        return await self._terminal.snapshot()

    async def detach(self) -> None:
        """See `Source`."""
        await self._terminal.detach()
        if self._agents:
            self._agents.cancel()
            await asyncio.wait([self._agents])
        await self._following.stop()

    # --- agents

    def _look_for_agents(self) -> None:
        self._agents = asyncio.create_task(self._run(), name=f"agents of {self._sink.session_id}")

    async def _run(self) -> None:
        try:
            while not self._over.is_set():
                agent = await self._next_agent()
                if agent is None:
                    return
                noted = self._following.noted
                if agent.process != noted.process and self._following.is_open:  # another since the server went down
                    await self._finish_agent()
                noted.process = agent.process
                self._following.write()
                self._watched = Watched(self._following, agent.process)
                await self._watched.until_gone(self._found)
                self._watched = None
                if not self._over.is_set():
                    await self._finish_agent()
        except Exception as error:
            log.exception("session %s: following the agent stopped", self._sink.session_id)
            await self._capture.say("transcript", CaptureState.CAPTURE_STATE_BLIND, str(error))

    async def _next_agent(self) -> Agent | None:
        """Waits for an agent to run in the terminal; None: the terminal is over."""
        seconds = LOOK_SECONDS
        while not self._over.is_set():
            agent = await asyncio.to_thread(self._find)
            if agent is not None:
                return agent
            if self._following.is_open:  # it ended while the server was away
                await self._finish_agent()
            try:
                async with asyncio.timeout(seconds):
                    await self._over.wait()
            except TimeoutError:
                seconds = min(LOOK_MOST, seconds * 1.1)
        return None

    def _find(self) -> Agent | None:
        root = self._root(self._terminal)
        return agents.among(processes.tree(self._sink.session_id, root), self._following.noted.family)

    async def _found(self) -> None:
        await self._capture.say("transcript", FOLLOWING, "")

    async def _finish_agent(self) -> None:
        await self._following.finish(End(observed=False, error=AGENT_GONE))
        await self._capture.say("transcript", FOLLOWING, "")

    # --- the end

    async def _terminal_ended(self, ending: Ending) -> None:
        """All the terminal's bytes are in the log: now what the agent has to say, then the end."""
        self._over.set()
        if self._watched:
            self._watched.stop()
        if self._agents:
            await asyncio.wait([self._agents])
        if ending.released:
            await self._following.stop()
        else:
            completed = await self._following.finish(self._end(ending))
            if completed is not None:
                ending = replace(ending, said=self._said(completed, ending))
        await self._sink.ended(ending)

    def _end(self, ending: Ending) -> End:
        lately = asyncio.get_running_loop().time() - self._interrupted < INTERRUPT_SECONDS
        return End(
            exit_code=ending.exit_code,
            signal=ending.signal,
            observed=ending.observed,
            interrupted=lately,
            terminated=self._following.noted.terminated,
            error=ending.error,
        )

    def _said(self, completed: Completed, ending: Ending) -> Completed:
        completed.descendants_left = ending.descendants_left
        completed.labels.update(ending.labels)
        return completed
