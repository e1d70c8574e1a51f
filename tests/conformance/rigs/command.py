"""Commands in pipes."""

from __future__ import annotations

from pathlib import Path

from conformance.rig import Parrot
from sightline.v1.session_pb2 import Command
from sightline.v1.session_service_pb2 import CreateRequest


class CommandRig:
    """See `Rig`."""

    adopted = False
    takes_input = True
    knows_exit_code = True
    holds_back = True

    def __init__(self, home: Path) -> None:
        self._home = home

    async def request(self, program: Parrot) -> CreateRequest:
        """See `Rig`."""
        return CreateRequest(cwd=str(self._home), command=Command(argv=program.argv, stdin=Command.STDIN_OPEN))

    def traces(self) -> object:
        """See `Rig`."""
        return None

    async def close(self) -> None:
        """See `Rig`."""
