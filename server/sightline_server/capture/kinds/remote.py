"""Whatever is on another host: commands, terminals, panes and typescripts there."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sightline.v1.event_pb2 import Error, ErrorOrigin
from sightline.v1.session_pb2 import Command, SessionKind
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_service_pb2 import Candidate, CreateRequest, DiscoverRequest

from sightline_server.capture.base import Sink, Source
from sightline_server.capture.kind import Shared, check_command, terminal_of
from sightline_server.capture.remote import discovery, typescript
from sightline_server.capture.remote.adopted import RemoteAdopted
from sightline_server.capture.remote.command import RemoteCommand
from sightline_server.capture.remote.host import Host
from sightline_server.capture.remote.program import Program
from sightline_server.capture.remote.ssh import check_host
from sightline_server.capture.remote.terminal import RemoteTerminal
from sightline_server.capture.remote.typescript import RemoteTypescript
from sightline_server.errors import BadField, BadHost, CwdNotFound, NotYetBuilt

MAX_SOCKET = 103  # bytes in a Unix socket's path, on the strictest of systems
SUFFIX = 28  # bytes that we and ssh put behind the directory of a control socket


class RemoteKind:
    """See `Kind`."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._hosts: dict[str, Host] = {}
        self._own_directory: Path | None = None

    def check(self, request: CreateRequest) -> None:
        check_host(request.host)
        if request.steps:
            raise NotYetBuilt(what="a recipe on another host")
        match request.WhichOneof("origin"):
            case "command":
                _check_command(request)
            case "tmux":
                pass
            case "typescript":
                if not os.path.isabs(request.typescript.path):
                    raise BadField(field="typescript.path", problem="give the file's absolute path")
                if request.typescript.timing_path:
                    raise BadField(field="typescript.timing_path", problem="on another host times are not followed")
            case None:
                raise BadField(field="origin", problem="say what to start or adopt: a command, or a tmux pane")
            case other:
                raise NotYetBuilt(what=f"a {other} on another host")

    def words(self, request: CreateRequest) -> Sequence[str]:
        if request.HasField("tmux"):
            return [request.tmux.target.partition(":")[0].lstrip("%$@")]
        if request.HasField("typescript"):
            return [Path(request.typescript.path).name.removesuffix(".typescript")]
        return request.command.argv

    async def record(self, request: CreateRequest) -> SessionMessage:
        if request.HasField("tmux"):
            pane = await discovery.resolve(self._host(request.host), request.tmux)
            return SessionMessage(kind=SessionKind.SESSION_KIND_TMUX, host=request.host, tmux=pane)
        if request.HasField("typescript"):
            return await typescript.record(self._host(request.host), request.typescript)
        in_terminal = request.command.HasField("terminal")
        return SessionMessage(
            kind=SessionKind.SESSION_KIND_TERMINAL if in_terminal else SessionKind.SESSION_KIND_COMMAND,
            host=request.host,
            argv=request.command.argv,
            cwd=request.cwd,
            terminal=terminal_of(request.command) if in_terminal else None,
            holder=Command.HOLDER_TMUX if in_terminal else Command.HOLDER_AUTO,
        )

    def is_same(self, record: SessionMessage, other: SessionMessage) -> bool:
        if record.kind == SessionKind.SESSION_KIND_TYPESCRIPT:
            return record.typescript.path == other.typescript.path
        if record.kind != SessionKind.SESSION_KIND_TMUX:
            return False
        return (record.tmux.server_pid, record.tmux.pane_id) == (other.tmux.server_pid, other.tmux.pane_id)

    def new(self, request: CreateRequest, record: SessionMessage, sink: Sink) -> Source:
        host = self._host(record.host)
        if record.kind == SessionKind.SESSION_KIND_TMUX:
            return RemoteAdopted(sink, host, pane=record.tmux)
        if record.kind == SessionKind.SESSION_KIND_TYPESCRIPT:
            return RemoteTypescript(sink, host, path=record.typescript.path)
        program = Program(tuple(record.argv), dict(request.env), record.cwd, request.clear_env)
        if record.kind == SessionKind.SESSION_KIND_TERMINAL:
            return RemoteTerminal(sink, host, program=program, size=(record.terminal.columns, record.terminal.rows))
        return RemoteCommand(sink, host, program=program, stdin_open=request.command.stdin == Command.STDIN_OPEN)

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        host = self._host(record.host)
        match record.kind:
            case SessionKind.SESSION_KIND_TMUX:
                return RemoteAdopted(sink, host)
            case SessionKind.SESSION_KIND_TERMINAL:
                return RemoteTerminal(sink, host)
            case SessionKind.SESSION_KIND_TYPESCRIPT:
                return RemoteTypescript(sink, host)
            case _:
                return RemoteCommand(sink, host)

    async def discover(self, request: DiscoverRequest) -> tuple[list[Candidate], list[Error]]:
        """See `Kind`; `hosts` are others than the server's own. They are asked at the same time."""
        hosts: list[Host] = []
        problems: list[Error] = []
        for name in dict.fromkeys(request.hosts):
            try:
                hosts.append(self._host(check_host(name)))
            except BadHost as error:
                problems.append(Error(code=error.reason, message=str(error), origin=ErrorOrigin.ERROR_ORIGIN_SIGHTLINE))
        found = await asyncio.gather(*(discovery.discover(host, request) for host in hosts))
        candidates = [one for some, _ in found for one in some]
        return candidates, problems + [one for _, some in found for one in some]

    async def close(self) -> None:
        await asyncio.gather(*(host.close() for host in self._hosts.values()))
        if self._own_directory:
            shutil.rmtree(self._own_directory, ignore_errors=True)

    def _host(self, name: str) -> Host:
        if name not in self._hosts:
            environ = {**os.environ, "SSH_ASKPASS_REQUIRE": "never"}
            self._hosts[name] = Host(name, self._shared.settings.ssh, environ, self._controls())
        return self._hosts[name]

    def _controls(self) -> Path:
        """A private directory for the sockets of shared connections, with a path short enough for them."""
        home = self._shared.settings.home
        if len(os.fsencode(home)) + SUFFIX <= MAX_SOCKET:
            return home
        if self._own_directory is None:
            self._own_directory = Path(tempfile.mkdtemp(prefix="sightline-", dir="/tmp"))
        return self._own_directory


def _check_command(request: CreateRequest) -> None:
    check_command(request.command)
    if request.command.holder in {Command.HOLDER_SCREEN, Command.HOLDER_SCRIPT}:
        raise BadField(field="command.holder", problem="on another host terminals are held by tmux alone")
    if request.command.holder == Command.HOLDER_TMUX and not request.command.HasField("terminal"):
        raise BadField(field="command.holder", problem="tmux holds terminals: set `terminal` too")
    if request.cwd and not os.path.isabs(request.cwd):
        raise CwdNotFound(cwd=request.cwd)
