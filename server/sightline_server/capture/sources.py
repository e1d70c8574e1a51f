"""The kinds of sources: from a request, or a stored session, to what the session follows. A new kind begins with a line here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from sightline.v1.event_pb2 import Error
from sightline.v1.session_pb2 import Command, SessionKind, Terminal, Tmux
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_service_pb2 import Candidate, CreateRequest

from sightline_server.capture import tmux_discovery
from sightline_server.capture.base import Sink, Source
from sightline_server.capture.command import CommandSource
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.tmux import AdoptedSource, TerminalSource
from sightline_server.capture.tmux_private import PrivateServer
from sightline_server.capture.tmux_server import TmuxServer
from sightline_server.errors import BadField, CwdNotFound, EmptyArgv, NotYetBuilt
from sightline_server.settings import Settings

DEFAULT_TERMINAL = Terminal(columns=80, rows=24)
MAX_CELLS = 10_000  # columns or rows of a terminal

NOT_YET: Mapping[str, str] = {
    "screen": "following a GNU screen session",
    "typescript": "following a typescript",
    "transcript": "following an agent's transcript",
    "published": "a session of published events",
}
HOLDERS_NOT_YET: Mapping[Command.Holder.ValueType, str] = {
    Command.HOLDER_SCREEN: "holding a program in GNU screen",
    Command.HOLDER_SCRIPT: "holding a program in script",
}


class Sources:
    """Makes sources, and holds what they share.

    Args:
        settings: where the private tmux server is.
        environ: what a session's environment starts from, unless its request says otherwise.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self._inotify = Inotify()
        self._private: PrivateServer | None = None
        self._tmux_servers: dict[str, TmuxServer] = {}

    async def close(self) -> None:
        """The server goes."""
        if self._private is not None:
            await self._private.close()
        for server in self._tmux_servers.values():
            await server.close()
        self._inotify.close()

    def _private_server(self) -> PrivateServer:
        if self._private is None:
            self._private = PrivateServer(self._settings.home)
        return self._private

    def _tmux_server(self, socket_path: str) -> TmuxServer:
        """The user's server on this socket, one for all of its panes."""
        if socket_path not in self._tmux_servers:
            self._tmux_servers[socket_path] = TmuxServer(Path(socket_path))
        return self._tmux_servers[socket_path]

    # --- from a request

    def check(self, request: CreateRequest) -> None:
        """Refuses what no state of things could fulfil."""
        origin = request.WhichOneof("origin")
        if origin is None:
            raise BadField(field="origin", problem="say what to start or adopt: a command, or a tmux pane")
        if origin in NOT_YET:
            raise NotYetBuilt(what=NOT_YET[origin])
        if origin == "command":
            self._check_command(request.command)

    def _check_command(self, command: Command) -> None:
        if not command.argv or not command.argv[0]:
            raise EmptyArgv
        if command.holder in HOLDERS_NOT_YET:
            raise NotYetBuilt(what=HOLDERS_NOT_YET[command.holder])
        if command.holder == Command.HOLDER_TMUX and not command.HasField("terminal"):
            raise BadField(field="command.holder", problem="tmux holds terminals: set `terminal` too")
        for name, cells in (("columns", command.terminal.columns), ("rows", command.terminal.rows)):
            if cells > MAX_CELLS:
                raise BadField(field=f"command.terminal.{name}", problem=f"at most {MAX_CELLS}")
        if any("\0" in word for word in command.argv):
            raise BadField(field="command.argv", problem="a zero byte ends a word for every program: it cannot be given")

    def words(self, request: CreateRequest) -> Sequence[str]:
        """What a name could be made of."""
        return request.command.argv or [request.tmux.target.partition(":")[0].lstrip("%$@")]

    async def resolve(self, request: CreateRequest) -> Tmux | None:
        """The pane that a request means, by its id; None when it means none."""
        if request.WhichOneof("origin") != "tmux":
            return None
        return await tmux_discovery.resolve(request.tmux)

    def record(self, request: CreateRequest, tmux: Tmux | None) -> SessionMessage:
        """A new session's record, as far as its source determines it."""
        if tmux is not None:
            return SessionMessage(kind=SessionKind.SESSION_KIND_TMUX, tmux=tmux)
        command = request.command
        record = SessionMessage(kind=SessionKind.SESSION_KIND_COMMAND, argv=command.argv, cwd=directory(request.cwd))
        if command.HasField("terminal"):
            record.kind = SessionKind.SESSION_KIND_TERMINAL
            record.terminal.columns = command.terminal.columns or DEFAULT_TERMINAL.columns
            record.terminal.rows = command.terminal.rows or DEFAULT_TERMINAL.rows
        return record

    def new(self, request: CreateRequest, record: SessionMessage, sink: Sink) -> Source:
        """The source of a new session, to be started."""
        if record.kind == SessionKind.SESSION_KIND_COMMAND:
            return CommandSource(
                sink,
                self._inotify,
                argv=record.argv,
                env=self._environment(request),
                cwd=record.cwd,
                stdin_open=request.command.stdin == Command.STDIN_OPEN,
            )
        if record.kind == SessionKind.SESSION_KIND_TERMINAL:
            return TerminalSource(
                sink,
                self._inotify,
                self._private_server(),
                argv=record.argv,
                env=self._environment(request),
                cwd=record.cwd,
                columns=record.terminal.columns,
                rows=record.terminal.rows,
            )
        return AdoptedSource(sink, self._inotify, self._tmux_server(record.tmux.socket_path), pane=record.tmux)

    def _environment(self, request: CreateRequest) -> dict[str, str]:
        return {**({} if request.clear_env else self._environ), **request.env}

    # --- from a stored session

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        """The source of a session that had not ended, to be resumed."""
        if record.kind == SessionKind.SESSION_KIND_COMMAND:
            return CommandSource(sink, self._inotify)
        if record.kind == SessionKind.SESSION_KIND_TERMINAL:
            return TerminalSource(sink, self._inotify, self._private_server())
        return AdoptedSource(sink, self._inotify, self._tmux_server(record.tmux.socket_path))

    # --- looking around

    async def discover(self, socket_paths: Sequence[str]) -> tuple[list[Candidate], list[Error]]:
        """What could be adopted, and what could not be looked at."""
        return await tmux_discovery.discover(socket_paths, self._settings.tmux_socket)


def directory(cwd: str) -> str:
    """An absolute directory: the home of the server's user when none is given. Raises `CwdNotFound` for a relative one."""
    if not cwd:
        return str(Path.home())
    if not os.path.isabs(cwd):
        raise CwdNotFound(cwd=cwd)
    return os.path.normpath(cwd)
