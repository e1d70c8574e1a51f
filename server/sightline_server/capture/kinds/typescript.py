"""Typescripts that `script` writes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from sightline.v1.event_pb2 import Error
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_pb2 import SessionKind, Terminal, Typescript
from sightline.v1.session_service_pb2 import Candidate, CreateRequest, DiscoverRequest

from sightline_server.capture.base import Sink, Source
from sightline_server.capture.kind import Shared
from sightline_server.capture.kinds.screen import ScreenKind
from sightline_server.capture.typescript import discovery
from sightline_server.capture.typescript.source import TypescriptSource
from sightline_server.errors import BadField, FileNotThere, FileUnreadable


class TypescriptKind:
    """See `Kind`."""

    def __init__(self, shared: Shared, screens: ScreenKind) -> None:
        self._shared = shared
        self._screens = screens
        self.directories: Sequence[str] = ()
        """Where `discover` looks, beside where it is asked to."""

    def check(self, request: CreateRequest) -> None:
        if not os.path.isabs(request.typescript.path):
            raise BadField(field="typescript.path", problem="give the file's absolute path")
        if request.typescript.timing_path and not os.path.isabs(request.typescript.timing_path):
            raise BadField(field="typescript.timing_path", problem="give the file's absolute path, or leave it out")

    def words(self, request: CreateRequest) -> Sequence[str]:
        return [Path(request.typescript.path).name.removesuffix(".typescript")]

    async def record(self, request: CreateRequest) -> SessionMessage:
        record = await asyncio.to_thread(_record, request.typescript)
        screen = await self._screens.holding(record.typescript.path)
        if screen:
            record.screen.CopyFrom(screen)
        return record

    def is_same(self, record: SessionMessage, other: SessionMessage) -> bool:
        return record.typescript.path == other.typescript.path

    def new(self, request: CreateRequest, record: SessionMessage, sink: Sink) -> Source:
        return self.resumed(record, sink)

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        if record.HasField("screen"):
            return self._screens.resumed(record, sink)
        return TypescriptSource(sink, self._shared.inotify, self._shared.lookout, record.typescript)

    async def discover(self, request: DiscoverRequest) -> tuple[list[Candidate], list[Error]]:
        if any("\0" in name for name in request.directories):
            raise BadField(field="directories", problem="one of them holds a null byte")
        named = [os.path.join(Path.home(), name) for name in request.directories]
        writers = await self._shared.lookout.writers()
        return await asyncio.to_thread(discovery.discover, [*self.directories, *named], writers)

    async def close(self) -> None:
        """See `Kind`."""


def _record(typescript: Typescript) -> SessionMessage:
    path = os.path.realpath(typescript.path)
    if os.path.isdir(path):
        raise FileUnreadable(path=path, why="it is a directory")
    timing = os.path.normpath(typescript.timing_path) if typescript.timing_path else ""
    if timing and not os.path.exists(timing):
        raise FileNotThere(path=timing)
    found = discovery.read_header(path)
    return SessionMessage(
        kind=SessionKind.SESSION_KIND_TYPESCRIPT,
        typescript=Typescript(path=path, timing_path=timing),
        terminal=Terminal(columns=found.columns, rows=found.rows) if found and found.columns else None,
    )
