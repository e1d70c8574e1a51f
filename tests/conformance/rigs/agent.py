"""Terminals in which an agent runs, of ours and adopted: what a terminal keeps, it keeps with an agent's transcripts beside it."""

from __future__ import annotations

from conformance.rig import Parrot
from conformance.rigs.terminal import TerminalRig
from conformance.rigs.tmux import TmuxRig
from sightline.v1.session_pb2 import Agent
from sightline.v1.session_service_pb2 import CreateRequest


class AgentTerminalRig(TerminalRig):
    """See `Rig`."""

    async def request(self, program: Parrot) -> CreateRequest:
        """See `Rig`."""
        return with_agent(await super().request(program))


class AgentTmuxRig(TmuxRig):
    """See `Rig`."""

    async def request(self, program: Parrot) -> CreateRequest:
        """See `Rig`."""
        return with_agent(await super().request(program))


def with_agent(request: CreateRequest) -> CreateRequest:
    """The same for a terminal in which an agent runs, or will."""
    request.agent.CopyFrom(Agent(name="claude"))
    return request
