"""Panes of the user's own tmux servers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sightline.v1.event_pb2 import Error
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_pb2 import SessionKind
from sightline.v1.session_service_pb2 import Candidate, CreateRequest, DiscoverRequest

from sightline_server.capture.base import Sink, Source
from sightline_server.capture.kind import Shared
from sightline_server.capture.tmux import AdoptedSource, discovery
from sightline_server.capture.tmux.server import TmuxServer


class TmuxKind:
    """See `Kind`."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._servers: dict[str, TmuxServer] = {}

    def check(self, request: CreateRequest) -> None:
        """See `Kind`."""

    def words(self, request: CreateRequest) -> Sequence[str]:
        return [request.tmux.target.partition(":")[0].lstrip("%$@")]

    async def record(self, request: CreateRequest) -> SessionMessage:
        return SessionMessage(kind=SessionKind.SESSION_KIND_TMUX, tmux=await discovery.resolve(request.tmux))

    def is_same(self, record: SessionMessage, other: SessionMessage) -> bool:
        return (record.tmux.server_pid, record.tmux.pane_id) == (other.tmux.server_pid, other.tmux.pane_id)

    def new(self, request: CreateRequest, record: SessionMessage, sink: Sink) -> Source:
        return AdoptedSource(sink, self._shared.inotify, self._server(record), pane=record.tmux)

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        return AdoptedSource(sink, self._shared.inotify, self._server(record))

    async def discover(self, request: DiscoverRequest) -> tuple[list[Candidate], list[Error]]:
        return await discovery.discover(list(request.socket_paths), self._shared.settings.tmux_socket)

    async def close(self) -> None:
        for server in self._servers.values():
            await server.close()

    def _server(self, record: SessionMessage) -> TmuxServer:
        """The user's server on this socket, one for all of its panes."""
        path = record.tmux.socket_path
        if path not in self._servers:
            self._servers[path] = TmuxServer(Path(path))
        return self._servers[path]
