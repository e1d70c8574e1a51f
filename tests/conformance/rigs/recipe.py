"""A command behind the steps of a recipe: what the steps have done before makes no difference to it."""

from __future__ import annotations

from pathlib import Path

from conformance.rig import Parrot
from sightline.v1.session_pb2 import Command, Step, StepCommand
from sightline.v1.session_service_pb2 import CreateRequest


class RecipeRig:
    """See `Rig`."""

    adopted = False
    takes_input = True
    knows_exit_code = True
    holds_back = True

    def __init__(self, home: Path) -> None:
        self._home = home

    async def request(self, program: Parrot) -> CreateRequest:
        """See `Rig`."""
        steps = [
            Step(source="docker", argv=StepCommand(argv=["true"])),
            Step(source="script:prepare", script="exit 3", allow_failure=True),
        ]
        return CreateRequest(cwd=str(self._home), steps=steps, command=Command(argv=program.argv, stdin=Command.STDIN_OPEN))

    def traces(self) -> object:
        """See `Rig`."""
        return None

    async def close(self) -> None:
        """See `Rig`."""
