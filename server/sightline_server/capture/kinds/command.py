"""Commands in pipes."""

from __future__ import annotations

from sightline.v1.session_pb2 import Command, SessionKind
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_service_pb2 import CreateRequest

from sightline_server.capture.base import Sink, Source
from sightline_server.capture.command import CommandSource
from sightline_server.capture.kind import Shared, StartedKind, check_command, directory


class CommandKind(StartedKind):
    """See `Kind`."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def check(self, request: CreateRequest) -> None:
        check_command(request.command)

    async def record(self, request: CreateRequest) -> SessionMessage:
        return SessionMessage(
            kind=SessionKind.SESSION_KIND_COMMAND,
            argv=request.command.argv,
            cwd=directory(request.cwd),
            holder=Command.HOLDER_AUTO,
        )

    def new(self, request: CreateRequest, record: SessionMessage, sink: Sink) -> Source:
        return CommandSource(
            sink,
            self._shared.inotify,
            argv=record.argv,
            env=self._shared.environment(request),
            cwd=record.cwd,
            stdin_open=request.command.stdin == Command.STDIN_OPEN,
            given=request.agent.prompt.encode(),  # an agent's kind has put there what stdin is to begin with
        )

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        return CommandSource(sink, self._shared.inotify)
