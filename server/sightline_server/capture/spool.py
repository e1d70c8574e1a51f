"""Reading what a relay writes: one channel of a spool, from any offset, and deleting what has been committed.

Knows the layout of a spool (`relay` describes it), nothing of events, sinks or the event loop. Calls block on nothing but the disk.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sightline_server.capture.relay import SEGMENT_BYTES

READ_BYTES = 256 * 1024  # at most, in one look: a turn of one channel


@dataclass(frozen=True)
class Loss:
    """Bytes that the relay could not keep.

    Attributes:
        offset: where in the channel they would be.
        bytes: how many.
        since: when the first was lost, in ns since 1970; 0: not known.
        until: when the last was lost, in ns since 1970; 0: not known.
    """

    offset: int
    bytes: int
    since: int
    until: int


class SpoolReader:
    """One channel, read from `offset`. Looking moves nothing; `advance` does, when what was seen is committed.

    Args:
        directory: the spool.
        channel: its name in the spool.
        offset: bytes of the channel that are committed.
        can_lose: its relay may note losses; False, for a command's, saves a look for them at every read.

    Attributes:
        offset: bytes of the channel that are committed, lost ones included.
    """

    def __init__(self, directory: Path, channel: str, offset: int, *, can_lose: bool = True) -> None:
        self.offset = offset
        self._prefix = f"{directory}/{channel}."
        self._directory = directory
        self._files: dict[int, int] = {}  # segment number -> descriptor; two at most
        self._can_lose = can_lose
        self._losses: list[Loss] = []
        self._lost_read = 0  # bytes of the `.lost` file
        self._end = -1
        self._deleted = self._oldest()

    def peek(self, limit: int = READ_BYTES) -> bytes:
        """The bytes at the offset, at most `limit`, none behind the next loss. Empty: nothing now, or a loss comes next."""
        data = self._read(self.offset, limit)
        # The relay notes a loss before it writes what comes behind it: looking for losses after reading, none can be read over.
        self._read_losses()
        if self._losses:
            data = data[: max(0, self._losses[0].offset - self.offset)]
        return data

    def glance(self, limit: int) -> bytes | None:
        """As `peek`, but only where that is one read. None: it takes more than that; empty: nothing new."""
        number, within = divmod(self.offset, SEGMENT_BYTES)
        fd = self._files.get(number, -1)
        if fd < 0:
            return b"" if not self._files and not self.offset else None
        if within + limit > SEGMENT_BYTES:
            return None
        data = os.pread(fd, limit, within)
        if self._can_lose and os.access(f"{self._prefix}lost", os.F_OK):  # after reading, as in `peek`
            return None
        return data

    def loss(self) -> Loss | None:
        """What was lost exactly at the offset, if the relay says so; None otherwise. Ask when `peek` had nothing."""
        self._read_losses()
        if self._losses and self._losses[0].offset <= self.offset:
            return self._losses[0]
        return self._missing()

    def advance(self, count: int) -> None:
        """`count` bytes (or a loss's bytes) are committed: segments that lie behind and are not the last are deleted."""
        self.offset += count
        while self._losses and self._losses[0].offset + self._losses[0].bytes <= self.offset:
            del self._losses[0]
        if self.offset // SEGMENT_BYTES > self._deleted:
            self._delete_before(self.offset // SEGMENT_BYTES)

    @property
    def end(self) -> int:
        """The final offset, once the relay has said that nothing will be added; -1 before."""
        if self._end < 0:
            try:
                with open(f"{self._prefix}end", "rb") as file:
                    self._end = int(file.read())
            except FileNotFoundError:
                pass
        return self._end

    @property
    def at_end(self) -> bool:
        """True when nothing will be added and all is committed."""
        return 0 <= self.end <= self.offset

    def size(self) -> int:
        """The offset of the channel's end as it is now. Looks at the directory: not for every turn."""
        numbers = self._numbers()
        end = max(self.offset, *(loss.offset + loss.bytes for loss in self._losses), 0)
        return max(end, numbers[-1] * SEGMENT_BYTES + os.stat(self._path(numbers[-1])).st_size) if numbers else end

    def close(self) -> None:
        """Closes what is open. The files stay."""
        for fd in self._files.values():
            os.close(fd)
        self._files.clear()

    def _read(self, offset: int, limit: int) -> bytes:
        number, within = divmod(offset, SEGMENT_BYTES)
        fd = self._open(number)
        if fd < 0:
            return b""
        data = os.pread(fd, min(limit, SEGMENT_BYTES - within), within)
        if within + len(data) == SEGMENT_BYTES and len(data) < limit:
            data += self._read(offset + len(data), limit - len(data))
        return data

    def _open(self, number: int) -> int:
        fd = self._files.get(number, -1)
        if fd < 0:
            try:
                fd = self._files[number] = os.open(self._path(number), os.O_RDONLY)
            except FileNotFoundError:
                return -1
            if self._deleted < number <= self.offset // SEGMENT_BYTES:
                self._delete_before(number)
        return fd

    def _delete_before(self, number: int) -> None:
        """Deletes what lies before a segment that exists: the last one always stays, so that a relay knows where to go on."""
        if number not in self._files and not os.path.exists(self._path(number)):
            return
        for old in [old for old in self._files if old < number]:
            os.close(self._files.pop(old))
        for old in range(self._deleted, number):
            try:
                os.unlink(self._path(old))
            except FileNotFoundError:
                continue
        self._deleted = number

    def _oldest(self) -> int:
        numbers = self._numbers()
        return min([*numbers, self.offset // SEGMENT_BYTES])

    def _numbers(self) -> list[int]:
        base = os.path.basename(self._prefix)
        names = (name.removeprefix(base) for name in os.listdir(self._directory) if name.startswith(base))
        return sorted(int(name) for name in names if name.isdigit())

    def _path(self, number: int) -> str:
        return f"{self._prefix}{number:08d}"

    def _read_losses(self) -> None:
        if not self._can_lose:
            return
        try:
            fd = os.open(f"{self._prefix}lost", os.O_RDONLY)
        except FileNotFoundError:
            return
        try:
            data = os.pread(fd, READ_BYTES, self._lost_read)
        finally:
            os.close(fd)
        whole, newline, _ = data.rpartition(b"\n")
        self._lost_read += len(whole) + len(newline)
        for line in whole.splitlines():
            loss = Loss(*map(int, line.split()))
            if loss.offset + loss.bytes > self.offset:
                self._losses.append(loss)

    def _missing(self) -> Loss | None:
        """Segments that somebody else deleted: everything up to the first one that is there."""
        number = self.offset // SEGMENT_BYTES
        if number in self._files or os.path.exists(self._path(number)):
            return None
        later = [other for other in self._numbers() if other > number]
        return Loss(self.offset, later[0] * SEGMENT_BYTES - self.offset, 0, 0) if later else None
