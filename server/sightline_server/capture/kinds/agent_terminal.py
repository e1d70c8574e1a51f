"""Terminals, of ours or adopted, in which an agent runs: any kind of them, with the agent's transcripts beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sightline.v1.event_pb2 import Error
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_service_pb2 import Candidate, CreateRequest, DiscoverRequest

from sightline_server.capture.base import Sink, Source
from sightline_server.capture.kind import Kind, Shared
from sightline_server.capture.processes import Identity
from sightline_server.capture.tmux.source import PaneSource
from sightline_server.capture.transcript import places
from sightline_server.capture.transcript.pane import AgentTerminal
from sightline_server.errors import AgentUnknown, BadField

MAX_PROMPT = 64 * 1024  # bytes: it is a word of a command line

PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "claude": ("claude", "--"),
    "codex": ("codex", "--"),
    "gemini": ("gemini", "--prompt-interactive="),
    "qwen": ("qwen", "--prompt-interactive="),
    "opencode": ("opencode", "--prompt="),
    "cursor": ("cursor-agent", "--"),
    "goose": ("goose", ""),
    "amp": ("amp", ""),
}
"""How each agent is started for people, and what its first prompt stands behind, so that it is never read as an option."""


class AgentTerminalKind:
    """See `Kind`. `terminal` is the kind of the terminal."""

    def __init__(self, shared: Shared, terminal: Kind) -> None:
        self._shared = shared
        self._terminal = terminal

    def check(self, request: CreateRequest) -> None:
        if request.agent.name not in PROGRAMS:
            raise AgentUnknown(agent=request.agent.name[:64], known=", ".join(PROGRAMS))
        if request.agent.two_way:
            raise BadField(field="agent.two_way", problem="it is for an agent in pipes: in a terminal it is typed to")
        self._terminal.check(with_program(request))

    def words(self, request: CreateRequest) -> Sequence[str]:
        return self._terminal.words(with_program(request))

    async def record(self, request: CreateRequest) -> SessionMessage:
        record = await self._terminal.record(with_program(request))
        record.agent = request.agent.name
        return record

    def is_same(self, record: SessionMessage, other: SessionMessage) -> bool:
        return self._terminal.is_same(record, other)

    def new(self, request: CreateRequest, record: SessionMessage, sink: Sink) -> Source:
        request = with_program(request)
        if record.agent not in places.FAMILIES:
            return self._terminal.new(request, record, sink)
        return AgentTerminal(
            sink,
            self._shared.inotify,
            lambda part: self._terminal.new(request, record, part),
            root_of,
            family=record.agent,
            keep_raw=request.keep_raw,
        )

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        if record.agent not in places.FAMILIES:
            return self._terminal.resumed(record, sink)
        terminal = self._terminal
        return AgentTerminal(sink, self._shared.inotify, lambda part: terminal.resumed(record, part), root_of, family=record.agent)

    async def discover(self, request: DiscoverRequest) -> tuple[list[Candidate], list[Error]]:
        return [], []  # the terminal's own kind does

    async def close(self) -> None:
        """See `Kind`. The terminal's own kind is closed by itself."""


def root_of(source: Source) -> Identity | None:
    """The process that a terminal was opened for, where another program's than ours may hold it."""
    return source.root() if isinstance(source, PaneSource) else None


def with_program(request: CreateRequest) -> CreateRequest:
    """The request with the agent's own program, where it names no command; the first prompt is part of that. Raises `BadField`."""
    if request.WhichOneof("origin") != "command":
        if request.agent.prompt:
            raise BadField(field="agent.prompt", problem="the agent runs already: send it the prompt")
        return request
    program, before = PROGRAMS.get(request.agent.name, (request.agent.name, ""))
    prompt = request.agent.prompt
    if not prompt and request.command.argv:
        return request
    if "\0" in prompt or len(prompt.encode()) > MAX_PROMPT:
        raise BadField(field="agent.prompt", problem=f"at most {MAX_PROMPT} bytes in a terminal, and no zero byte")
    if prompt and (not before or (request.command.argv and request.command.argv[0].rpartition("/")[2] != program)):
        raise BadField(field="agent.prompt", problem="that program takes none when it starts: send it the prompt when it is there")
    ready = CreateRequest()
    ready.CopyFrom(request)
    if not ready.command.argv:
        ready.command.argv.append(program)
    if prompt:
        ready.command.argv.extend(["--", prompt] if before == "--" else [before + prompt])
    return ready
