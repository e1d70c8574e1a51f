"""Windows of the user's own screen sessions, the typescripts that are written in them, and programs that are started in screen."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sightline.v1.event_pb2 import Error
from sightline.v1.session_pb2 import Command, Screen, SessionKind, Terminal
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_service_pb2 import Candidate, CreateRequest, DiscoverRequest

from sightline_server.capture.base import Sink, Source
from sightline_server.capture.kind import Shared, StartedKind, check_command, directory, terminal_of
from sightline_server.capture.screen import discovery, windows
from sightline_server.capture.screen.adopted import AdoptedSource
from sightline_server.capture.screen.client import Listed, ScreenProgram
from sightline_server.capture.screen.discovery import Pair
from sightline_server.capture.screen.held import HeldScreenSource
from sightline_server.capture.screen.recorded import RecordedSource
from sightline_server.errors import SightlineError


class HeldScreenKind(StartedKind):
    """Programs that are started in screen, under `script`. See `Kind`."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._program = ScreenProgram(shared.environ)

    def check(self, request: CreateRequest) -> None:
        check_command(request.command)

    async def record(self, request: CreateRequest) -> SessionMessage:
        self._program.path()
        return SessionMessage(
            kind=SessionKind.SESSION_KIND_TERMINAL,
            argv=request.command.argv,
            cwd=directory(request.cwd),
            terminal=terminal_of(request.command),
            holder=Command.HOLDER_SCREEN,
        )

    def new(self, request: CreateRequest, record: SessionMessage, sink: Sink) -> Source:
        self._name(record, sink)
        return HeldScreenSource(
            sink,
            self._shared.inotify,
            self._shared.lookout,
            self._program,
            screen=record.screen,
            typescript=Path(record.typescript.path),
            argv=record.argv,
            env=self._shared.environment(request),
            cwd=record.cwd,
            columns=record.terminal.columns,
            rows=record.terminal.rows,
        )

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        if not record.typescript.path:  # the server went down while it was being started
            self._name(record, sink)
        return HeldScreenSource(
            sink,
            self._shared.inotify,
            self._shared.lookout,
            self._program,
            screen=record.screen,
            typescript=Path(record.typescript.path),
        )

    def _name(self, record: SessionMessage, sink: Sink) -> None:
        """The session has its name by now, and the record is the session's own: what is written here is told and kept."""
        where = self._shared.settings.stream_dir or sink.directory
        record.screen.name = sink.session_name
        record.typescript.path = os.path.realpath(where / f"{sink.session_name}.typescript")
        record.typescript.timing_path = os.path.realpath(where / f"{sink.session_name}.timing")


class ScreenKind:
    """See `Kind`."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._program = ScreenProgram(shared.environ)
        self._followed: Counter[int] = Counter()

    def check(self, request: CreateRequest) -> None:
        """See `Kind`."""

    def words(self, request: CreateRequest) -> Sequence[str]:
        pid, _, name = request.screen.name.partition(".")
        return [name if pid.isdigit() and name else request.screen.name]

    async def record(self, request: CreateRequest) -> SessionMessage:
        session, window = await discovery.resolve(self._program, request.screen)
        columns, rows = windows.size(window.tty)
        screen = Screen(name=session.address, pid=session.pid, window=window.number)
        record = SessionMessage(kind=SessionKind.SESSION_KIND_SCREEN, screen=screen, terminal=Terminal(columns=columns, rows=rows))
        for pair in await self._pairs():
            if pair.screen == screen and pair.direct:
                record.typescript.CopyFrom(pair.typescript)
        return record

    def is_same(self, record: SessionMessage, other: SessionMessage) -> bool:
        return (record.screen.pid, record.screen.window) == (other.screen.pid, other.screen.window)

    def new(self, request: CreateRequest, record: SessionMessage, sink: Sink) -> Source:
        return self.resumed(record, sink)

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        if record.HasField("typescript"):
            return RecordedSource(
                sink,
                self._shared.inotify,
                self._shared.lookout,
                self._program,
                screen=record.screen,
                typescript=record.typescript,
                kind=record.kind,
            )
        return AdoptedSource(sink, self._shared.inotify, self._program, self._followed, screen=record.screen)

    async def discover(self, request: DiscoverRequest) -> tuple[list[Candidate], list[Error]]:
        return await discovery.discover(self._program)

    async def close(self) -> None:
        """See `Kind`."""

    async def holding(self, path: str) -> Screen | None:
        """The window in which a typescript is written; None: in none that can be seen."""
        return next((pair.screen for pair in await self._pairs() if pair.typescript.path == path), None)

    async def without_pairs(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Without the typescripts that are written in a window which is a candidate itself."""
        sessions = {one.screen.pid: discovery.listed(one.screen) for one in candidates if one.HasField("screen")}
        if not sessions or not any(one.HasField("typescript") for one in candidates):
            return list(candidates)
        paths = {one.typescript.path for one in await self._pairs_in(list(sessions.values()))}
        return [one for one in candidates if not one.HasField("typescript") or one.typescript.path not in paths]

    async def _pairs(self) -> list[Pair]:
        try:
            sessions = [listed for listed in await self._program.sessions() if not listed.dead]
        except SightlineError:
            return []
        return await self._pairs_in(sessions)

    async def _pairs_in(self, sessions: list[Listed]) -> list[Pair]:
        if not sessions:
            return []
        writers = await self._shared.lookout.writers()
        return await asyncio.to_thread(discovery.pairs, sessions, writers)
