"""Commands in a terminal that the private tmux server holds."""

from __future__ import annotations

import subprocess
from pathlib import Path

from conformance.rig import Parrot
from sightline.v1.session_pb2 import Command, Terminal
from sightline.v1.session_service_pb2 import CreateRequest


class TerminalRig:
    """See `Rig`."""

    adopted = False
    takes_input = True
    knows_exit_code = True
    holds_back = False

    def __init__(self, home: Path) -> None:
        self._home = home

    async def request(self, program: Parrot) -> CreateRequest:
        """See `Rig`."""
        return CreateRequest(cwd=str(self._home), command=Command(argv=program.argv, terminal=Terminal(columns=90, rows=30)))

    def traces(self) -> object:
        """See `Rig`."""
        return None

    async def close(self) -> None:
        """See `Rig`."""
        self._kill_server()

    def _kill_server(self) -> None:
        subprocess.run(["tmux", "-S", str(self._home / "tmux.sock"), "kill-server"], capture_output=True, check=False)
