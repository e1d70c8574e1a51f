"""Changes of files below the directories of sessions: one watcher for all, each directory watched once, on the loop's side.

Knows directories and who asked for them, not what a session makes of it. The thread (`file_watcher`) is started when the first
session asks, and sleeps while nothing happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sightline_server.capture.file_changes import Report
from sightline_server.capture.file_watcher import FileWatcher
from sightline_server.errors import SightlineError

SETTLE_SECONDS = 2.0  # that a session's end waits at most for the last changes


class Follower(Protocol):
    """Who is told."""

    def files_changed(self, report: Report) -> None:
        """Called on the loop; must only take note."""
        ...


class Watching:
    """One session's interest in a directory."""

    def __init__(self, files: Files, directory: str, follower: Follower) -> None:
        self._files = files
        self.directory = directory
        self._follower = follower

    async def settle(self) -> None:
        """Returns when what has happened until now was told, or after 2 s."""
        await self._files.settle()

    def close(self) -> None:
        """Nothing more is told; doing so again does nothing."""
        self._files.forget(self.directory, self._follower)


class Files:
    """All of them. Made within the running loop.

    Args:
        home: the server's own directory, which changes with each event.
    """

    def __init__(self, home: Path) -> None:
        self._without = frozenset({str(home), str(home.resolve())})
        self._loop = asyncio.get_running_loop()
        self._watcher: FileWatcher | None = None
        self._followers: dict[str, list[Follower]] = {}
        self._first: dict[str, asyncio.Future[None]] = {}

    async def watch(self, directory: str, follower: Follower) -> Watching:
        """Tells of changes from now on; returns when they are seen. What cannot be watched is told in the same way."""
        try:
            watcher = self._watcher = self._watcher or FileWatcher(self._without)
        except (SightlineError, OSError) as error:
            follower.files_changed(Report(problem=error))
            return Watching(self, directory, follower)
        followers = self._followers.setdefault(directory, [])
        followers.append(follower)
        if len(followers) == 1:
            self._first[directory] = self._loop.create_future()
            watcher.watch(directory, self._from_thread(directory))
        await asyncio.shield(self._first[directory])
        return Watching(self, directory, follower)

    def _from_thread(self, directory: str) -> Callable[[Report], None]:
        def told(report: Report) -> None:
            self._loop.call_soon_threadsafe(self._tell, directory, report)

        return told

    def _tell(self, directory: str, report: Report) -> None:
        first = self._first.get(directory)
        if first is not None and not first.done():
            first.set_result(None)
        for follower in tuple(self._followers.get(directory, ())):
            follower.files_changed(report)

    def forget(self, directory: str, follower: Follower) -> None:
        """See `Watching.close`."""
        followers = self._followers.get(directory, [])
        if follower in followers:
            followers.remove(follower)
            if not followers and self._watcher is not None:
                del self._followers[directory], self._first[directory]
                self._watcher.unwatch(directory)

    async def settle(self) -> None:
        """See `Watching.settle`."""
        if self._watcher is None:
            return
        settled = asyncio.Event()

        def done() -> None:
            self._loop.call_soon_threadsafe(settled.set)

        self._watcher.settle(done)
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                await settled.wait()

    async def close(self) -> None:
        """The server goes."""
        if self._watcher is not None:
            watcher, self._watcher = self._watcher, None
            self._followers.clear()
            await asyncio.to_thread(watcher.close)
