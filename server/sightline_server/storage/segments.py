"""The files that hold the large blocks of logs: append, read, remove. Knows bytes and places, no rows and no transactions.

One directory a session, one file for each 16 MiB of log. Measured: SQLite takes 64 KiB blobs at 350 MB/s of processor time and a
plain file at 3700 MB/s, and removing a file costs nothing where removing rows means reading every page of them.

Bytes are written before the row that names their place is committed. What a crash leaves behind a file's last committed byte is
overwritten by the next block.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

logger = logging.getLogger(__name__)

FILE_BYTES = 16 * 1024 * 1024  # a file is closed once it is so large
OPEN_FILES = 128  # kept open at once; the least recently used is closed first


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block's bytes are.

    Attributes:
        file: the file's name: `seq` of the first event in it.
        position: bytes before the block.
        length: bytes of the block.
    """

    file: int
    position: int
    length: int


class SegmentFiles:
    """Large blocks of all sessions below one directory, made when first needed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: OrderedDict[tuple[int, int], int] = OrderedDict()
        self._unsynced: set[tuple[int, int]] = set()
        self._removed: list[tuple[int, int]] = []  # by a thread: closed by the loop, which may be reading them

    def append(self, number: int, first_seq: int, data: bytes, last: Place | None) -> Place:
        """Writes a block of session `number` behind its `last` one. Raises OSError; the place is then still free."""
        if last is None or last.position + last.length >= FILE_BYTES:
            place = Place(first_seq, 0, len(data))
        else:
            place = Place(last.file, last.position + last.length, len(data))
        descriptor = self._descriptor(number, place.file)
        written = os.pwrite(descriptor, data, place.position)
        while written < len(data):
            written += os.pwrite(descriptor, memoryview(data)[written:], place.position + written)
        self._unsynced.add((number, place.file))
        return place

    def read(self, number: int, place: Place) -> bytes:
        """A block's bytes; fewer than `place.length` if the file has lost some, or is gone."""
        try:
            return os.pread(self._descriptor(number, place.file, create=False), place.length, place.position)
        except OSError as error:
            logger.warning("log of session number %d: %s", number, error)
            return b""

    def sync(self) -> None:
        """Returns when all that was appended before is on the disk. For a thread: it waits for the disk."""
        for number, file in sorted(self._unsynced):
            self._unsynced.discard((number, file))
            try:
                descriptor = os.open(self._path(number, file), os.O_RDONLY)
            except FileNotFoundError:
                continue  # removed meanwhile
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)

    def remove_before(self, number: int, file: int) -> None:
        """Removes a session's files older than `file`."""
        for path in self._folder(number).glob("*.events"):
            if int(path.stem) < file:
                path.unlink(missing_ok=True)
                self._removed.append((number, int(path.stem)))

    def remove(self, number: int) -> None:
        """Removes all of a session's files."""
        self._removed.extend((number, int(path.stem)) for path in self._folder(number).glob("*.events"))
        shutil.rmtree(self._folder(number), ignore_errors=True)

    def close_removed(self) -> None:
        """Closes what was removed: until then its room is not the disk's. For the loop, as `append` and `read` are."""
        while self._removed:
            self._close(*self._removed.pop())

    def disk_bytes(self) -> int:
        """What all files take on the disk. For a thread: it looks at each."""
        total = 0
        for folder, _, names in os.walk(self._directory):
            for name in names:
                with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                    total += os.stat(os.path.join(folder, name)).st_blocks * 512
        return total

    def close(self) -> None:
        """Closes every file."""
        for key in list(self._open):
            self._close(*key)

    def _folder(self, number: int) -> Path:
        return self._directory / str(number)

    def _path(self, number: int, file: int) -> Path:
        return self._folder(number) / f"{file:013d}.events"

    def _descriptor(self, number: int, file: int, *, create: bool = True) -> int:
        self.close_removed()
        key = (number, file)
        descriptor = self._open.get(key)
        if descriptor is not None:
            self._open.move_to_end(key)
            return descriptor
        path = self._path(number, file)
        if create:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
        self._open[key] = descriptor
        if len(self._open) > OPEN_FILES:
            self._close(*next(iter(self._open)))
        return descriptor

    def _close(self, number: int, file: int) -> None:
        descriptor = self._open.pop((number, file), None)
        if descriptor is not None:
            os.close(descriptor)
