"""Watching one agent's process: which transcript it writes now, and whether it is there at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from sightline_server.capture import processes
from sightline_server.capture.processes import Identity
from sightline_server.capture.transcript import agents, finding
from sightline_server.capture.transcript.following import Following

LOOK_SECONDS = 1.0  # between looks for files of subagents, which nothing tells of
NEXT_SECONDS = 2.0  # between looks for another transcript of the same process


class Watched:
    """An agent's process and its transcripts.

    Args:
        following: of its transcripts.
        process: the agent's; None: it is not known, and so never seen to end.
        noted_in: see `Agent`.
        moves: it may go on in another transcript.
    """

    def __init__(self, following: Following, process: Identity | None, noted_in: Path | None = None, *, moves: bool = True) -> None:
        self._moves = moves
        self._following = following
        self._process = process
        self._noted_in = noted_in
        self._looked = 0.0
        self._stopped = False

    def stop(self) -> None:
        """`until_gone` returns soon, as if the process were gone."""
        self._stopped = True
        self._following.changed.set()

    async def until_gone(self, on_found: Callable[[], Awaitable[None]]) -> None:
        """Follows every transcript that it writes until its process is gone. `on_found` when there is one where none was."""
        loop = asyncio.get_running_loop()
        gone = loop.create_task(self._gone())
        gone.add_done_callback(lambda _task: self._following.changed.set())
        try:
            while True:
                self._following.changed.clear()
                await self._following.look()
                over = gone.done() or self._stopped
                if (
                    self._process
                    and self._moves
                    and (over or not self._following.is_open or loop.time() - self._looked >= NEXT_SECONDS)
                ):
                    self._looked = loop.time()
                    await self._move_on(on_found)
                if over:
                    return
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._following.changed.wait()
                except TimeoutError:
                    continue
        finally:
            gone.cancel()

    async def _gone(self) -> None:
        if self._process is None:
            await asyncio.get_running_loop().create_future()  # for ever
        else:
            await processes.exited(self._process)

    async def _move_on(self, on_found: Callable[[], Awaitable[None]]) -> None:
        present = self._following.path if self._following.is_open else None
        path = await asyncio.to_thread(self._next, present)
        if path is None:
            return
        if present is None:
            await self._following.begin(path)
            await on_found()
        else:
            await self._following.move_on(path)

    def _next(self, present: Path | None) -> Path | None:
        assert self._process is not None  # noqa: S101 - asked for only then
        agent = agents.look_at(self._process.pid, self._following.noted.family, self._noted_in)
        if agent is None or agent.process != self._process:
            return None  # it is gone: what it wrote last is what was found last
        return finding.next_of(agent, present)
