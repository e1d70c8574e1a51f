"""The whole of events that were cut to fit the log: one file each, beside the log's own files. Knows bytes, no events.

A file is written before the row of its event is committed, and nothing reads it before: what a failed commit or a crash leaves is
overwritten by the next event of that number, or goes with its neighbours.
"""

from __future__ import annotations

import contextlib
import logging
import os
import struct
import zlib
from pathlib import Path

from sightline_server.storage.contract import PART_BYTES, Part

logger = logging.getLogger(__name__)

_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")


class WholeFiles:
    """Wholes of all sessions below one directory: that of `segments.SegmentFiles`, so that they go with a session's others."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._unsynced: set[Path] = set()

    def write(self, number: int, seq: int, whole: bytes) -> None:
        """Writes one. Raises OSError; nothing of it is left then."""
        path = self._path(number, seq)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_LENGTH.pack(len(whole)))
                for start in range(0, len(whole), PART_BYTES):
                    part = whole[start : start + PART_BYTES]
                    file.write(_CHECKSUM.pack(zlib.crc32(part)) + part)
        except OSError:
            self.remove_one(number, seq)
            raise
        self._unsynced.add(path)

    def part(self, number: int, seq: int, place: int) -> Part | None:
        """Piece `place`, from 0; None: it is not there, or damaged."""
        try:
            with self._path(number, seq).open("rb") as file:
                (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
                file.seek(_LENGTH.size + place * (PART_BYTES + _CHECKSUM.size))
                (expected,) = _CHECKSUM.unpack(file.read(_CHECKSUM.size))
                data = file.read(min(PART_BYTES, length - place * PART_BYTES))
        except (OSError, ValueError, struct.error) as error:
            logger.warning("whole event %d of session number %d: %s", seq, number, error)
            return None
        if zlib.crc32(data) != expected:
            logger.error("whole event %d of session number %d is damaged", seq, number)
            return None
        return Part(data, is_last=(place + 1) * PART_BYTES >= length)

    def sync(self) -> None:
        """Returns when all that was written before is on the disk. For a thread: it waits for the disk."""
        for path in sorted(self._unsynced):
            self._unsynced.discard(path)
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue  # removed meanwhile
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)

    def remove_one(self, number: int, seq: int) -> None:
        """Removes that of one event, if there is one and it can be."""
        with contextlib.suppress(OSError):
            self._path(number, seq).unlink()

    def remove(self, number: int, *, before: int = 0, behind: int = 1 << 62) -> None:
        """Removes those of a session's events before `before` and behind `behind`."""
        for path in (self._directory / str(number)).glob("*.whole"):
            if not before <= int(path.stem) <= behind:
                path.unlink(missing_ok=True)

    def _path(self, number: int, seq: int) -> Path:
        return self._directory / str(number) / f"{seq:013d}.whole"
