"""Agents that run already: followed by the transcripts that they write, together with the tmux pane they run in."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from sightline.v1.event_pb2 import Error
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_pb2 import SessionKind, Tmux, Transcript
from sightline.v1.session_service_pb2 import Candidate, CreateRequest, DiscoverRequest

from sightline_server import errors
from sightline_server.capture.base import Sink, Source
from sightline_server.capture.kind import Kind, Shared
from sightline_server.capture.paths import utf8
from sightline_server.capture.tmux import discovery
from sightline_server.capture.transcript import finding, http, opencode, places
from sightline_server.capture.transcript.agents import Agent, family_of_process, running
from sightline_server.capture.transcript.finding import Found
from sightline_server.capture.transcript.opencode import OpencodeSource
from sightline_server.capture.transcript.source import TranscriptSource

KNOWN = (*places.FAMILIES, opencode.FAMILY)
"""Agents that can be followed where they run."""


class TranscriptKind:
    """See `Kind`. `panes` makes the sources of agents that run in a tmux pane."""

    def __init__(self, shared: Shared, panes: Kind) -> None:
        self._shared = shared
        self._panes = panes

    def check(self, request: CreateRequest) -> None:
        transcript = request.transcript
        if request.agent.name and request.agent.name not in KNOWN:
            raise errors.AgentNotFollowable(agent=request.agent.name[:64], known=", ".join(KNOWN))
        if is_url(transcript.path):
            if request.agent.name not in ("", opencode.FAMILY):
                raise errors.BadField(field="transcript.path", problem="a URL is of opencode's server, which alone has one")
            try:
                http.parse(transcript.path)
            except ValueError as error:
                raise errors.BadField(field="transcript.path", problem=str(error)) from None
            return
        if "\0" in transcript.path or (transcript.path and not os.path.isabs(transcript.path)):
            raise errors.BadField(field="transcript.path", problem="give the file's absolute path")
        if "\0" in request.cwd or (request.cwd and not os.path.isabs(request.cwd)):
            raise errors.BadField(field="cwd", problem="give the directory's absolute path")

    def words(self, request: CreateRequest) -> Sequence[str]:
        return [request.agent.name or "agent"]

    async def record(self, request: CreateRequest) -> SessionMessage:
        if is_url(request.transcript.path):
            port = http.parse(request.transcript.path).port
            return _served(request.transcript.path, await asyncio.to_thread(opencode.listener, port))
        family = request.agent.name or (family_of_process(request.transcript.pid) if request.transcript.pid else "")
        if family == opencode.FAMILY and not request.transcript.path:
            return await asyncio.to_thread(_serving, request)
        found = await asyncio.to_thread(self._find, request)
        agent = found.agent
        pane = await self._pane_of(agent) if agent and not request.transcript.path else None
        path = utf8(str(found.path)) if found.path else ""
        cwd = agent.cwd if agent else await asyncio.to_thread(places.cwd_of, found.path) if found.path else ""
        return SessionMessage(
            kind=SessionKind.SESSION_KIND_TMUX if pane else SessionKind.SESSION_KIND_TRANSCRIPT,
            agent=found.family,
            cwd=utf8(cwd),
            tmux=pane,
            transcript=Transcript(path=path, pid=agent.process.pid if agent else 0),
        )

    def is_same(self, record: SessionMessage, other: SessionMessage) -> bool:
        return is_one_agent(record, other)

    def new(self, request: CreateRequest, record: SessionMessage, sink: Sink) -> Source:
        if record.kind == SessionKind.SESSION_KIND_TMUX:
            return self._panes.new(request, record, sink)
        if record.agent == opencode.FAMILY:
            return OpencodeSource(sink, self._shared.inotify, record.transcript.path, keep_raw=request.keep_raw)
        path = Path(record.transcript.path) if record.transcript.path else None
        agent = self._agent(record, request)
        return TranscriptSource(sink, self._shared.inotify, Found(record.agent, path, agent), keep_raw=request.keep_raw)

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        if record.agent == opencode.FAMILY:
            return OpencodeSource(sink, self._shared.inotify)
        return TranscriptSource(sink, self._shared.inotify)

    async def discover(self, request: DiscoverRequest) -> tuple[list[Candidate], list[Error]]:
        return await asyncio.to_thread(self._discover), []

    def _discover(self) -> list[Candidate]:
        found: list[Candidate] = []
        for agent, path in finding.discover(self._shared.environ):
            if agent.family != opencode.FAMILY:
                found.append(candidate_of(agent, str(path or "")))
            elif port := min(opencode.ports(agent), default=0):  # one that does not listen tells nobody
                found.append(candidate_of(agent, opencode.url_of(port)))
        return found

    async def close(self) -> None:
        """See `Kind`."""

    def _find(self, request: CreateRequest) -> Found:
        environ = self._shared.environment(request)
        family, transcript = request.agent.name, request.transcript
        if transcript.path:
            return finding.by_file(Path(os.path.realpath(transcript.path)), family, environ)
        if transcript.pid:
            return finding.by_pid(transcript.pid, family, environ)
        return finding.by_cwd(os.path.realpath(request.cwd) if request.cwd else "", family, environ)

    def _agent(self, record: SessionMessage, request: CreateRequest) -> Agent | None:
        pid = record.transcript.pid
        agent = finding.look_at(pid, record.agent, self._shared.environment(request)) if pid else None
        if pid and agent is None:  # it has ended since it was found
            raise errors.AgentNotFound(what=f"process {pid}", agent=record.agent)
        return agent

    async def _pane_of(self, agent: Agent) -> Tmux | None:
        """The tmux pane that an agent runs in; None: in none that is there."""
        socket, pane = agent.pane
        if not pane:
            return None
        try:
            return await discovery.resolve(Tmux(socket_path=socket, target=pane))
        except errors.SightlineError:
            return None  # it has outlived its tmux, or it is not ours


def is_url(path: str) -> bool:
    """Whether a transcript is a server to be listened to."""
    return path.startswith(("http://", "https://"))


def _serving(request: CreateRequest) -> SessionMessage:
    """The opencode with this process, or in this directory. Raises what `finding` does, `AgentWithoutServer`."""
    cwd = os.path.realpath(request.cwd) if request.cwd else ""
    pid = request.transcript.pid
    found = [one for one in running(opencode.FAMILY) if pid in (0, one.process.pid) and cwd in ("", one.cwd)]
    if not found:
        raise errors.AgentNotFound(what=f"process {pid}" if pid else cwd or "nothing", agent=opencode.FAMILY)
    if len(found) > 1:
        where = f"in {cwd}" if cwd else "on this host"
        raise errors.SeveralAgents(where=where, agents="; ".join(finding.describe(one, None) for one in found))
    port = min(opencode.ports(found[0]), default=0)
    if not port:
        raise errors.AgentWithoutServer(pid=found[0].process.pid)
    return _served(opencode.url_of(port), found[0])


def _served(url: str, agent: Agent | None) -> SessionMessage:
    return SessionMessage(
        kind=SessionKind.SESSION_KIND_TRANSCRIPT,
        agent=opencode.FAMILY,
        cwd=utf8(agent.cwd) if agent else "",
        transcript=Transcript(path=url, pid=agent.process.pid if agent else 0),
    )


def is_one_agent(record: SessionMessage, other: SessionMessage) -> bool:
    """Whether two sessions, of whatever kind, follow one agent: its process, or its transcript."""
    one, another = record.transcript, other.transcript
    if one.pid and another.pid:
        return one.pid == another.pid
    return bool(one.path) and one.path == another.path


def candidate_of(agent: Agent, path: str) -> Candidate:
    """An agent as something that could be adopted."""
    socket, pane = agent.pane
    return Candidate(
        kind=SessionKind.SESSION_KIND_TRANSCRIPT,
        transcript=Transcript(path=utf8(path), pid=agent.process.pid),
        agent=agent.family,
        command=agent.family,
        cwd=utf8(agent.cwd),
        pane=Tmux(socket_path=utf8(socket), target=pane, pane_id=pane) if pane else None,
        session_id=agent.sightline_session,
    )
