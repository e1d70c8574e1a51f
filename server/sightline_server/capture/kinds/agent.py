"""Agents that Sightline runs: a command in pipes, of whatever kind, whose stdout becomes typed events."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sightline.v1.session_pb2 import Command, SessionKind
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_service_pb2 import CreateRequest

from sightline_server.capture.agent import programs
from sightline_server.capture.agent.account import Account
from sightline_server.capture.agent.sink import AgentSink
from sightline_server.capture.agent.source import AgentSource
from sightline_server.capture.base import Sink, Source
from sightline_server.capture.kind import Kind, StartedKind
from sightline_server.decode.agents.choose import FALLBACK, STREAMS


class AgentKind(StartedKind):
    """See `Kind`.

    Args:
        of_request: the kind that a request without an agent means.
        of_record: the kind that a session without an agent is of.
        is_here: whether a host's name means the server's own.
    """

    def __init__(
        self,
        of_request: Callable[[CreateRequest], Kind],
        of_record: Callable[[SessionMessage], Kind],
        is_here: Callable[[str], bool],
    ) -> None:
        self._of_request = of_request
        self._of_record = of_record
        self._is_here = is_here

    @staticmethod
    def runs(request: CreateRequest) -> bool:
        """Whether a request is for an agent in pipes."""
        return (
            request.HasField("agent")
            and request.WhichOneof("origin") in {"command", None}
            and not request.command.HasField("terminal")
        )

    @staticmethod
    def ran(record: SessionMessage) -> bool:
        """Whether a session is of this kind."""
        return bool(record.agent) and record.kind == SessionKind.SESSION_KIND_COMMAND

    def check(self, request: CreateRequest) -> None:
        programs.interval_of(request)
        ready = programs.prepared(request, programs.talk_of(request))
        self._kind(ready).check(ready)

    def words(self, request: CreateRequest) -> Sequence[str]:
        return request.command.argv or [programs.family(request)]

    async def record(self, request: CreateRequest) -> SessionMessage:
        ready = programs.prepared(request, programs.talk_of(request))
        record = await self._kind(ready).record(ready)
        record.agent = programs.family(request)
        return record

    def new(self, request: CreateRequest, record: SessionMessage, sink: Sink) -> Source:
        talk = programs.talk_of(request)
        ready = programs.prepared(request, talk)
        between = self._between(record, sink)
        given = ""
        if not self._is_here(record.host) and ready.agent.prompt:  # no relay of ours is there that could hold it
            given = ready.agent.prompt
            ready.command.stdin = Command.STDIN_OPEN
        program = self._kind(ready).new(ready, record, between)
        account = Account(STREAMS[record.agent](keep_raw=request.keep_raw), talk, programs.interval_of(request))
        return AgentSource(between, program, record.agent, account, argv=tuple(record.argv), given=given)

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        between = self._between(record, sink)
        program = self._of_record(without_agent(record)).resumed(record, between)
        return AgentSource(between, program, record.agent, Account(STREAMS.get(record.agent, STREAMS[FALLBACK])()))

    def _between(self, record: SessionMessage, sink: Sink) -> AgentSink:
        return AgentSink(sink, record.agent, here=self._is_here(record.host))

    def _kind(self, ready: CreateRequest) -> Kind:
        without = CreateRequest()
        without.CopyFrom(ready)
        without.ClearField("agent")
        return self._of_request(without)


def without_agent(record: SessionMessage) -> SessionMessage:
    """What the record of the program alone would be."""
    without = SessionMessage()
    without.CopyFrom(record)
    without.agent = ""
    return without
