"""A file that takes up room for the moment when there is none: removing needs a little too. Knows nothing of what is removed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

RESERVE_BYTES = 1024 * 1024
ROOM_BYTES = 32 * RESERVE_BYTES  # must be free before the reserve is laid in again


class Reserve:
    """Room on the disk that can be given up.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def lay_in(self) -> None:
        """Takes up the room, if there is plenty of it and that was not done before."""
        if self._path.exists():
            return
        found = os.statvfs(self._path.parent)
        if found.f_bavail * found.f_frsize < ROOM_BYTES:
            return
        with contextlib.suppress(OSError):  # somebody else took it; the next time will do
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            finally:
                os.close(descriptor)

    def give_up(self) -> bool:
        """Gives the room back to the disk; False: there was none."""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True
