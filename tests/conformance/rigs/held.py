"""Programs that Sightline starts under `script -f`."""

from __future__ import annotations

from pathlib import Path

from conformance.rig import Parrot
from sightline.v1.session_pb2 import Command, Terminal
from sightline.v1.session_service_pb2 import CreateRequest


class HeldRig:
    """See `Rig`."""

    adopted = False
    takes_input = True
    knows_exit_code = True
    holds_back = False

    def __init__(self, home: Path) -> None:
        self._home = home

    async def request(self, program: Parrot) -> CreateRequest:
        """See `Rig`."""
        command = Command(argv=program.argv, terminal=Terminal(columns=90, rows=30), holder=Command.HOLDER_SCRIPT)
        return CreateRequest(cwd=str(self._home), command=command)

    def traces(self) -> object:
        """See `Rig`."""
        return None

    async def close(self) -> None:
        """See `Rig`."""
