"""What was asked of an agent, over restarts: in which turn it was interrupted, that it was to be ended. Two small files."""

from __future__ import annotations

import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)


class Marks:
    """The marks of one session.

    Args:
        directory: the session's spool directory.
    """

    def __init__(self, directory: Path) -> None:
        self._interrupted = directory / "agent.interrupted"
        self._terminated = directory / "agent.terminated"

    @property
    def interrupted(self) -> str | None:
        """The turn in which it was interrupted last, empty before the first; None: it never was."""
        try:
            return self._interrupted.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    @property
    def terminated(self) -> bool:
        """It was to be ended."""
        return self._terminated.exists()

    def interrupt(self, turn_id: str) -> None:
        """It is about to be interrupted."""
        _write(self._interrupted, turn_id)

    def terminate(self) -> None:
        """It is about to be ended."""
        _write(self._terminated, "")


def _write(path: Path, text: str) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:  # a full disk must not keep a program from being ended
        log.warning("%s: %s", path, error)
