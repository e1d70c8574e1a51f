"""Programs that are started under `script -f`."""

from __future__ import annotations

from sightline.v1.session_pb2 import Command, SessionKind
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_service_pb2 import CreateRequest

from sightline_server.capture.base import Sink, Source
from sightline_server.capture.kind import Shared, StartedKind, check_command, directory, terminal_of
from sightline_server.capture.typescript.held import HeldSource


class HeldKind(StartedKind):
    """See `Kind`."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def check(self, request: CreateRequest) -> None:
        check_command(request.command)

    async def record(self, request: CreateRequest) -> SessionMessage:
        return SessionMessage(
            kind=SessionKind.SESSION_KIND_TERMINAL,
            argv=request.command.argv,
            cwd=directory(request.cwd),
            terminal=terminal_of(request.command),
            holder=Command.HOLDER_SCRIPT,
        )

    def new(self, request: CreateRequest, record: SessionMessage, sink: Sink) -> Source:
        return HeldSource(
            sink,
            self._shared.inotify,
            self._shared.lookout,
            argv=record.argv,
            env=self._shared.environment(request),
            cwd=record.cwd,
            columns=record.terminal.columns,
            rows=record.terminal.rows,
        )

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        return HeldSource(sink, self._shared.inotify, self._shared.lookout)
