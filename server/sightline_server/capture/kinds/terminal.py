"""Commands in a terminal of their own, held by the private tmux server."""

from __future__ import annotations

from sightline.v1.session_pb2 import Command, SessionKind
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_service_pb2 import CreateRequest

from sightline_server.capture.base import Sink, Source
from sightline_server.capture.kind import Shared, StartedKind, check_command, directory, terminal_of
from sightline_server.capture.tmux import TerminalSource
from sightline_server.capture.tmux.private import PrivateServer
from sightline_server.errors import BadField


class TerminalKind(StartedKind):
    """See `Kind`."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._private: PrivateServer | None = None

    def check(self, request: CreateRequest) -> None:
        check_command(request.command)
        if not request.command.HasField("terminal"):
            raise BadField(field="command.holder", problem="tmux holds terminals: set `terminal` too")

    async def record(self, request: CreateRequest) -> SessionMessage:
        return SessionMessage(
            kind=SessionKind.SESSION_KIND_TERMINAL,
            argv=request.command.argv,
            cwd=directory(request.cwd),
            terminal=terminal_of(request.command),
            holder=Command.HOLDER_TMUX,
        )

    def new(self, request: CreateRequest, record: SessionMessage, sink: Sink) -> Source:
        return TerminalSource(
            sink,
            self._shared.inotify,
            self._server(),
            argv=record.argv,
            env=self._shared.environment(request),
            cwd=record.cwd,
            columns=record.terminal.columns,
            rows=record.terminal.rows,
        )

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        return TerminalSource(sink, self._shared.inotify, self._server())

    async def close(self) -> None:
        if self._private is not None:
            await self._private.close()

    def _server(self) -> PrivateServer:
        if self._private is None:
            self._private = PrivateServer(self._shared.settings.home)
        return self._private
