"""Directories in which every typescript becomes a session: found with watchfiles, remembered over restarts.

Which file is taken: one that somebody writes, or that was written to since its directory was last looked at (a recording may be
over before it is seen). Never twice: not while a session follows it, nor again when that has ended, was released or deleted, until
`script` begins a new recording there. A finished file that was there before is left alone: importing it is another thing.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sightline.v1.event_pb2 import Outcome
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_pb2 import Typescript
from sightline.v1.session_service_pb2 import CreateRequest, Directory

from sightline_server import errors
from sightline_server.capture.paths import is_utf8, utf8
from sightline_server.capture.sources import Sources
from sightline_server.capture.typescript import discovery
from sightline_server.capture.typescript.discovery import SUFFIX
from sightline_server.sessions.registry import Registry

logger = logging.getLogger(__name__)

SECOND = 1_000_000_000  # nanoseconds
STEP = 10  # ms that nothing changes, until what changed is told
DEBOUNCE = 100  # ms, at most, until it is told while changes go on: a file that grows is a change
LOOK_SECONDS = 2.0  # between looks whether the directories are there
MARGIN = 10 * SECOND  # that a change may be told late
SAVE_SECONDS = 30.0  # between notes of when it was looked last
SESSIONS_AT_ONCE = 200  # looked at before others have their turn


@dataclass(frozen=True)
class _Found:
    """A typescript in a directory, as far as it matters here."""

    path: str
    directory: str
    device: int
    inode: int
    modified: int  # ns since 1970


class Directories:
    """All of them. Made inside the event loop.

    Args:
        registry: makes the sessions.
        sources: knows hosts, and who writes; is told where to look.
        file: remembers the directories.
        from_settings: the one that the settings name; None: they name none.
    """

    def __init__(self, registry: Registry, sources: Sources, file: Path, from_settings: Path | None) -> None:
        self._registry = registry
        self._sources = sources
        self._file = file
        self._fixed = frozenset() if from_settings is None else frozenset({os.path.realpath(from_settings)})
        self._looked: dict[str, int] = {}  # path -> ns since 1970: what was not written to since then is of no interest
        self._asked: frozenset[str] = frozenset()  # those of them that somebody asked for: they stay when the settings change
        self._since: dict[str, int] = {}  # the same, as it was when looking began: events do not come in order
        self._missing: dict[str, str] = {}
        self._refused: dict[str, str] = {}  # path of a file -> why it could not be followed
        self._newest: dict[str, SessionMessage] | None = None  # path of a file -> the newest session of it
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Takes up those that were there before, and looks from now on."""
        self._load()
        for path in self._fixed:
            self._looked.setdefault(path, time.time_ns())
        self._since = dict(self._looked)
        self._remember()
        self._changed()

    async def stop(self) -> None:
        """The server goes."""
        await self._end()
        self._remember()

    def list(self) -> list[Directory]:
        """As they are now, by path."""
        return [self._describe(path) for path in sorted(self._looked)]

    async def watch(self, host: str, path: str) -> Directory:
        """Looks there from now on. Raises `BadField`, `DirectoryNotThere`, `DiskFull`, `CannotStore`."""
        path = self._absolute(host, path)
        if not await asyncio.to_thread(os.path.isdir, path):
            raise errors.DirectoryNotThere(path=path)
        if path not in self._asked:
            looked = {path: time.time_ns(), **self._looked}
            self._save(looked, self._asked | {path})
            self._asked |= {path}
            if path not in self._looked:
                self._looked[path] = self._since[path] = looked[path]
                await self._end()
                self._changed()
        return self._describe(path)

    async def unwatch(self, host: str, path: str) -> None:
        """Looks there no longer. Raises `BadField`, `DirectoryNotWatched`, `DirectoryFromSettings`, `DiskFull`, `CannotStore`."""
        path = self._absolute(host, path)
        if path in self._fixed:
            raise errors.DirectoryFromSettings(path=path)
        if path not in self._looked:
            raise errors.DirectoryNotWatched(path=path)
        self._save({other: looked for other, looked in self._looked.items() if other != path}, self._asked - {path})
        self._asked -= {path}
        del self._looked[path]
        self._missing.pop(path, None)
        await self._end()
        self._changed()

    def _absolute(self, host: str, path: str) -> str:
        if not self._sources.is_here(host):
            raise errors.NotYetBuilt(what="watching a directory of another host")
        if not os.path.isabs(path):
            raise errors.BadField(field="path", problem="give the directory's absolute path")
        return os.path.realpath(path)

    def _describe(self, path: str) -> Directory:
        refused = next((why for file, why in sorted(self._refused.items()) if os.path.dirname(file) == path), "")
        return Directory(path=path, from_settings=path in self._fixed, problem=self._missing.get(path, refused))

    # --- looking

    def _changed(self) -> None:
        """Which directories there are is told, and looked after."""
        self._sources.typescript.directories = list(self._looked)
        if self._looked:
            self._task = asyncio.create_task(self._run(), name="watch directories")

    async def _end(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _run(self) -> None:
        saved = time.monotonic()
        failed = ""
        while True:
            try:
                there = await asyncio.to_thread(self._those_there)
                if there:
                    await self._look_while(there)
                else:
                    await asyncio.sleep(LOOK_SECONDS)
                if time.monotonic() - saved > SAVE_SECONDS:
                    self._remember()
            except errors.Draining:
                return
            except Exception as error:
                if failed != (failed := repr(error)):  # watchfiles fails at each change of a file whose name is no UTF-8
                    logger.exception("watched directories: looking failed, and is tried again")
                await asyncio.sleep(LOOK_SECONDS)

    def _those_there(self) -> frozenset[str]:
        there = frozenset(path for path in self._looked if os.path.isdir(path))
        self._missing = {path: str(errors.DirectoryNotThere(path=path)) for path in self._looked if path not in there}
        return there

    async def _look_while(self, there: frozenset[str]) -> None:
        """Until one of the directories goes, or another one comes."""
        from watchfiles import awatch  # noqa: PLC0415 - 20 ms, for those who watch directories

        changes = awatch(
            *sorted(there),
            watch_filter=lambda _change, path: path.endswith(SUFFIX),
            debounce=DEBOUNCE,
            step=STEP,
            rust_timeout=int(LOOK_SECONDS * 1000),
            yield_on_timeout=True,
            recursive=False,
        )
        await self._scan(there)
        quiet = 0
        saved = time.monotonic()
        async for changed in changes:
            if changed:
                await self._take(await asyncio.to_thread(_find, {path for _, path in changed}), recent=True)
            else:
                quiet += 1
                if quiet == 1 or self._refused:  # what came between the first look and the watch, and what may be readable by now
                    await self._scan(there)
            now = time.time_ns() - MARGIN
            self._looked.update((path, max(now, self._looked[path])) for path in there)
            if time.monotonic() - saved > SAVE_SECONDS:
                self._remember()
                saved = time.monotonic()
            if await asyncio.to_thread(self._those_there) != there:
                return

    async def _scan(self, there: Iterable[str]) -> None:
        for directory in there:
            await self._take(await asyncio.to_thread(_files, directory))

    async def _take(self, files: Sequence[_Found], *, recent: bool = False) -> None:
        """Makes sessions of those that are new. `recent`: they have just changed."""
        live = [session.record for session in self._registry.live()]
        followed = {record.typescript.path: record for record in live if self._is_recorded_here(record)}
        if self._newest is not None:  # whoever asked for them: as a typescript, a screen session, a program held in one
            self._newest.update(followed)
        files = [file for file in files if file.path not in followed]
        if not files:
            return
        writers = await self._sources.lookout.writers()
        newest = await self._newest_sessions()
        for file in files:
            written = (file.device, file.inode) in writers
            since = self._since.get(file.directory, 0)
            wanted = recent or written or file.modified >= since or file.path in self._refused
            if wanted and not self._is_known(file, newest.get(file.path), written):
                await self._follow(file.path)

    def _is_known(self, file: _Found, session: SessionMessage | None, written: bool) -> bool:
        """Whether the newest session of this file had all that is in it, or was let go on purpose."""
        if session is None:
            return False
        ended = session.end_time.ToNanoseconds()
        header = discovery.read_header(file.path)
        began = header.started if header else 0
        if session.outcome == Outcome.OUTCOME_RELEASED:
            return began <= ended
        if 0 < began <= ended - SECOND and not written:
            return True
        return file.modified <= ended

    async def _follow(self, path: str) -> None:
        if not is_utf8(path):
            self._refuse(path, errors.FileUnreadable(path=utf8(path), why=discovery.NO_TEXT))
            return
        try:
            session, _ = await self._registry.create(CreateRequest(typescript=Typescript(path=path)))
        except errors.Draining:
            raise
        except errors.SourceFollowed:
            return
        except errors.SightlineError as error:
            self._refuse(path, error)
            return
        self._refused.pop(path, None)
        if self._newest is not None:
            self._newest[session.record.typescript.path] = session.record

    def _refuse(self, path: str, error: errors.SightlineError) -> None:
        if self._refused.get(path) != str(error):
            logger.warning("%r is not followed: %s", path, error)
        self._refused[path] = str(error)

    async def _newest_sessions(self) -> Mapping[str, SessionMessage]:
        """By file. Looked up once: afterwards those that are live are noted at each look."""
        if self._newest is None:
            newest: dict[str, SessionMessage] = {}
            for number, session in enumerate(self._registry.all()):
                if self._is_recorded_here(session.record):
                    newest.setdefault(session.record.typescript.path, session.record)
                if number % SESSIONS_AT_ONCE == 0:
                    await asyncio.sleep(0)
            self._newest = newest
        return self._newest

    def _is_recorded_here(self, record: SessionMessage) -> bool:
        """Whether a session follows a typescript of this host."""
        return bool(record.typescript.path) and self._sources.is_here(record.host)

    # --- over restarts

    def _load(self) -> None:
        try:
            kept = json.loads(self._file.read_bytes())
            looked = {str(path): int(when) for path, when in kept["looked"].items()}
            self._asked = frozenset(map(str, kept["asked"])) & looked.keys()
            self._looked = {path: when for path, when in looked.items() if path in self._asked | self._fixed}
        except FileNotFoundError:
            return
        except (ValueError, AttributeError, TypeError, KeyError) as error:
            logger.error("%s is damaged (%s): no directory is watched until it is said again", self._file, error)

    def _remember(self) -> None:
        """When was looked, for the next start: where it cannot be stored, what came since the last time is looked at again."""
        try:
            self._save(self._looked, self._asked)
        except errors.SightlineError as error:
            logger.warning("watched directories: %s", error)

    def _save(self, looked: Mapping[str, int], asked: Iterable[str]) -> None:
        fresh = self._file.with_suffix(".new")
        try:
            fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(fd, "w", encoding="utf-8") as file:
                json.dump({"asked": sorted(asked), "looked": looked}, file)
            fresh.rename(self._file)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise errors.DiskFull(path=self._file) from None
            raise errors.CannotStore(path=self._file, problem=error) from None


def _files(directory: str) -> list[_Found]:
    """All typescripts in a directory; empty when it is gone."""
    try:
        with os.scandir(directory) as entries:
            return _find(entry.path for entry in entries if entry.name.endswith(SUFFIX))
    except OSError:
        return []


def _find(paths: Iterable[str]) -> list[_Found]:
    found = []
    for path in paths:
        with suppress(OSError):
            status = os.stat(path)
            if os.path.isfile(path):
                directory = os.path.dirname(path)
                found.append(_Found(os.path.realpath(path), directory, status.st_dev, status.st_ino, status.st_mtime_ns))
    return found
