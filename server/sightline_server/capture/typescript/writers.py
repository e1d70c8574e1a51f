"""Which processes have which files open for writing, as far as this user may know. Knows /proc alone; costs some milliseconds."""

from __future__ import annotations

import asyncio
import math
import os
import stat
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sightline_server.capture import processes
from sightline_server.capture.processes import Identity

FileId = tuple[int, int]
"""A file for good, while somebody has it open: device and inode."""


@dataclass(frozen=True)
class Writer:
    """A process that has a file open for writing.

    Attributes:
        process: which one.
        descriptor: its number for the file there.
        program: its name, at most 15 bytes, such as `script`.
    """

    process: Identity
    descriptor: int
    program: str

    @property
    def path(self) -> str:
        """The file under a name that it has for as long as the process has it open, even when it was deleted."""
        return f"/proc/{self.process.pid}/fd/{self.descriptor}"


Writers = Mapping[FileId, Sequence[Writer]]


def scan() -> Writers:
    """All regular files that are open for writing, with their writers. Takes some 50 us for each process: call it in a thread."""
    found: dict[FileId, list[Writer]] = {}
    own = os.getpid()
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != own:
            _look_at(int(name), found)
    return found


def _look_at(pid: int, found: dict[FileId, list[Writer]]) -> None:
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")
    except OSError:  # gone, or somebody else's
        return
    identity = None
    for number in numbers:
        try:
            status = os.stat(f"/proc/{pid}/fd/{number}")
            if not stat.S_ISREG(status.st_mode) or not _writes(pid, number):
                continue
            identity = identity or processes.identify(pid)
            if identity is None:
                return
            with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                program = file.read().rstrip("\n")
        except OSError:
            continue
        found.setdefault((status.st_dev, status.st_ino), []).append(Writer(identity, int(number), program))


def _writes(pid: int, number: str) -> bool:
    with open(f"/proc/{pid}/fdinfo/{number}", "rb") as file:
        for line in file:
            if line.startswith(b"flags:"):
                return bool(int(line[6:], 8) & (os.O_WRONLY | os.O_RDWR))
    return False


class Lookout:
    """Scans for many who ask: those who come while one is under way share the next."""

    def __init__(self) -> None:
        self._running: asyncio.Task[Writers] | None = None
        self._next: asyncio.Task[Writers] | None = None
        self._last: Writers = {}
        self._last_began = -math.inf

    async def writers(self, max_age: float = 0) -> Writers:
        """What a scan finds that began after this was called, or at most `max_age` seconds before."""
        if time.monotonic() - self._last_began <= max_age:
            return self._last
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._scan(), name="look for writers")
            return await asyncio.shield(self._running)
        if self._next is None or self._next.done():
            self._next = asyncio.create_task(self._after(self._running), name="look for writers again")
        return await asyncio.shield(self._next)

    async def _after(self, running: asyncio.Task[Writers]) -> Writers:
        await asyncio.wait([running])
        self._running, self._next = self._next, None
        return await self._scan()

    async def _scan(self) -> Writers:
        began = time.monotonic()
        self._last = await asyncio.to_thread(scan)
        self._last_began = began
        return self._last

    async def of(self, file: FileId, max_age: float = 0) -> Sequence[Writer]:
        """Who writes this file now, or at most `max_age` seconds ago."""
        return (await self.writers(max_age)).get(file, ())
