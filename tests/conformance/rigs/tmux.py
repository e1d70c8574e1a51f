"""Panes of the user's own tmux."""

from __future__ import annotations

import subprocess
from pathlib import Path

from conformance.rig import Parrot
from sightline.v1.session_pb2 import Tmux
from sightline.v1.session_service_pb2 import CreateRequest

SEEN = (
    ("show-options", "-g"),
    ("show-options", "-s"),
    ("show-hooks", "-g"),
    ("list-clients",),
    ("list-buffers",),
    ("list-panes", "-a", "-F", "#{pane_id} #{pane_pipe} #{pane_pid}"),
)


class TmuxRig:
    """See `Rig`."""

    adopted = True
    takes_input = True
    knows_exit_code = False
    holds_back = False

    def __init__(self, home: Path) -> None:
        self._socket = home.parent / "user.sock"

    async def request(self, program: Parrot) -> CreateRequest:
        """See `Rig`."""
        self._tmux("new-session", "-d", "-s", "work", "-x", "90", "-y", "30", *program.argv)
        return CreateRequest(tmux=Tmux(socket_path=str(self._socket), target="work:0.0"))

    def traces(self) -> object:
        """See `Rig`."""
        return [self._tmux(*question) for question in SEEN]

    async def close(self) -> None:
        """See `Rig`."""
        self._tmux("kill-server")

    def _tmux(self, *words: str) -> str:
        argv = ["tmux", "-S", str(self._socket), "-f", "/dev/null", *words]
        return subprocess.run(argv, capture_output=True, check=False, text=True).stdout
