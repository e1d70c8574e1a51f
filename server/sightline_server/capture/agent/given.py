"""What an agent's stdin is to begin with, kept until the agent has it: a file of the session's own, which goes with that moment.

For programs that no relay of ours holds: on another host, where stdin is typed behind the start.
"""

from __future__ import annotations

import os
from pathlib import Path


class Given:
    """The file of one session.

    Args:
        directory: the session's spool directory.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "agent.stdin"

    @property
    def text(self) -> bytes:
        """What is still to be given; empty: nothing."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""

    def keep(self, text: str) -> None:
        """Keeps it until it is given. Raises OSError."""
        if text:
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(fd, "wb") as file:
                file.write(text.encode())

    def forget(self) -> None:
        """It was given."""
        self._path.unlink(missing_ok=True)
