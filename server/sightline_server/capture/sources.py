"""Which kind of source a request or a stored session means, and all kinds together. A new kind begins with a line here."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence

from sightline.v1.event_pb2 import Error
from sightline.v1.session_pb2 import Command, SessionKind
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_service_pb2 import Candidate, CreateRequest, DiscoverRequest

from sightline_server.capture.base import Sink, Source
from sightline_server.capture.files import Files
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.kind import Kind, Shared
from sightline_server.capture.kinds.agent import AgentKind
from sightline_server.capture.kinds.agent_terminal import AgentTerminalKind
from sightline_server.capture.kinds.command import CommandKind
from sightline_server.capture.kinds.held import HeldKind
from sightline_server.capture.kinds.published import PublishedKind
from sightline_server.capture.kinds.recipe import RecipeKind
from sightline_server.capture.kinds.remote import RemoteKind
from sightline_server.capture.kinds.screen import HeldScreenKind, ScreenKind
from sightline_server.capture.kinds.terminal import TerminalKind
from sightline_server.capture.kinds.tmux import TmuxKind
from sightline_server.capture.kinds.transcript import TranscriptKind, is_one_agent
from sightline_server.capture.kinds.typescript import TypescriptKind
from sightline_server.errors import BadField
from sightline_server.settings import Settings


class Sources:
    """All kinds, behind one face.

    Args:
        settings: where the server lives.
        environ: what a session's environment starts from, unless its request says otherwise.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._inotify = Inotify()
        shared = Shared(settings, environ, self._inotify)
        self.lookout = shared.lookout
        self.files = Files(settings.home)
        self._command = CommandKind(shared)
        self._terminal = TerminalKind(shared)
        self._held = HeldKind(shared)
        self._tmux = TmuxKind(shared)
        self._published = PublishedKind()
        self._screen = ScreenKind(shared)
        self.typescript = TypescriptKind(shared, self._screen)
        self._transcript = TranscriptKind(shared, AgentTerminalKind(shared, self._tmux))
        self._remote = RemoteKind(shared)
        self._all: Sequence[Kind] = (
            self._published,
            self._command,
            self._terminal,
            self._tmux,
            self._screen,
            self.typescript,
            self._transcript,
        )
        self._by_origin: Mapping[str, Kind] = {
            "tmux": self._tmux,
            "screen": self._screen,
            "typescript": self.typescript,
            "published": self._published,
            "transcript": self._transcript,
        }
        held_screen = HeldScreenKind(shared)
        self._by_holder: Mapping[Command.Holder.ValueType, Kind] = {
            Command.HOLDER_SCRIPT: self._held,
            Command.HOLDER_SCREEN: held_screen,
        }
        terminals: Sequence[Kind] = (self._terminal, self._held, held_screen, self._tmux, self._screen)
        self._with_agent = {kind: AgentTerminalKind(shared, kind) for kind in terminals}
        self._by_kind: Mapping[SessionKind.ValueType, Kind] = {
            SessionKind.SESSION_KIND_COMMAND: self._command,
            SessionKind.SESSION_KIND_TMUX: self._tmux,
            SessionKind.SESSION_KIND_SCREEN: self._screen,
            SessionKind.SESSION_KIND_TYPESCRIPT: self.typescript,
            SessionKind.SESSION_KIND_PUBLISHED: self._published,
            SessionKind.SESSION_KIND_TRANSCRIPT: self._transcript,
        }
        self._recipe = RecipeKind(shared, self.of_request, self.of_record)
        self._agent = AgentKind(self.of_request, self.of_record, self.is_here)
        self._hostname = socket.gethostname()

    async def close(self) -> None:
        """The server goes."""
        for kind in (*self._all, self._remote):
            await kind.close()
        await self.files.close()
        self._inotify.close()

    # --- from a request

    def of_request(self, request: CreateRequest) -> Kind:
        """The kind that a request means. Raises `BadField` where it means none."""
        if request.steps and not self.is_here(request.host):
            raise BadField(field="steps", problem="a recipe runs on the server's own host")
        if AgentKind.runs(request) and not request.steps:
            return self._agent
        if not self.is_here(request.host):
            return self._remote
        if request.steps:
            return self._recipe
        origin = request.WhichOneof("origin")
        if origin is None:
            raise BadField(field="origin", problem="say what to start or adopt: a command, or a tmux pane")
        kind = self._of_command(request.command) if origin == "command" else self._by_origin[origin]
        return self._with_agent.get(kind, kind) if request.agent.name else kind

    def _of_command(self, command: Command) -> Kind:
        if command.holder in self._by_holder:
            return self._by_holder[command.holder]
        if command.holder == Command.HOLDER_TMUX or command.HasField("terminal"):
            return self._terminal
        return self._command

    # --- from a session's record

    def of_record(self, record: SessionMessage) -> Kind:
        """The kind that a session is of."""
        if AgentKind.ran(record) and not record.steps:
            return self._agent
        if not self.is_here(record.host):
            return self._remote
        if record.steps:
            return self._recipe
        if record.kind == SessionKind.SESSION_KIND_TERMINAL:
            kind = self._by_holder.get(record.holder, self._terminal)
        else:
            kind = self._by_kind[record.kind]
        return self._with_agent.get(kind, kind) if record.agent else kind

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        """The source of a session that had not ended, to be resumed."""
        return self.of_record(record).resumed(record, sink)

    def are_same(self, record: SessionMessage, other: SessionMessage) -> bool:
        """Whether two sessions follow one and the same thing."""
        if record.host != other.host:
            return False
        if self.is_here(record.host) and (is_one_pair(record, other) or is_one_agent(record, other)):
            return True
        return record.kind == other.kind and self.of_record(record).is_same(record, other)

    # --- looking around

    def is_here(self, host: str) -> bool:
        """Whether a host's name means the server's own."""
        return host in {"", "localhost", self._hostname}

    async def discover(self, request: DiscoverRequest) -> tuple[list[Candidate], list[Error]]:
        """What could be adopted, and what could not be looked at."""
        others = [host for host in request.hosts if not self.is_here(host)]
        kinds: list[Kind] = [] if others and len(others) == len(request.hosts) else list(self._all)
        looks = [kind.discover(request) for kind in kinds]
        if others:
            away = DiscoverRequest(hosts=others, socket_paths=request.socket_paths, directories=request.directories)
            looks.append(self._remote.discover(away))
        found = await asyncio.gather(*looks)
        candidates = await self._screen.without_pairs([one for candidates, _ in found for one in candidates])
        return candidates, [one for _, problems in found for one in problems]


def is_one_pair(record: SessionMessage, other: SessionMessage) -> bool:
    """Whether two sessions, of whatever kind, have the same window of screen, or the same typescript."""
    if record.HasField("screen") and other.HasField("screen") and record.screen.pid:
        return (record.screen.pid, record.screen.window) == (other.screen.pid, other.screen.window)
    return bool(record.typescript.path) and record.typescript.path == other.typescript.path


def as_record(candidate: Candidate) -> SessionMessage:
    """What a session that follows this candidate would say of its source."""
    return SessionMessage(
        kind=candidate.kind,
        host=candidate.host,
        tmux=candidate.tmux if candidate.HasField("tmux") else None,
        screen=candidate.screen if candidate.HasField("screen") else None,
        typescript=candidate.typescript if candidate.HasField("typescript") else None,
        transcript=candidate.transcript if candidate.HasField("transcript") else None,
    )


def target_of(record: SessionMessage) -> str:
    """What an adopted session follows, in the words of the request that adopted it."""
    return record.tmux.target or record.screen.name or record.typescript.path or record.transcript.path or record.agent
