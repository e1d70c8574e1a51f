"""What an agent has said, over restarts: a pickled state, and a journal of what came behind it. Knows files, nothing of agents.

    agent.state      a number, and the pickled state
    agent.journal.N  records behind the state of number N, in the order in which they were committed, each written before its commit

So the state at any committed place can be made again: the stored one, and the records up to there. Those behind it were never
committed; they come again from the source. Nothing is synced to the disk: a machine that went down takes the log back as well.
"""

from __future__ import annotations

import os
import pickle
import struct
from dataclasses import dataclass
from pathlib import Path

_HEAD = struct.Struct("<cqqI")
_NUMBER = struct.Struct("<q")
MAX_RECORDS = 4 * 1024 * 1024  # bytes of records until a new state takes their place: what a restart has to read again
STATES_WORTH = 4  # ... or so many times the state's own size, where that is more


@dataclass(frozen=True)
class Record:
    """Something that happened.

    Attributes:
        kind: one byte that says what.
        place: the position that is committed with it.
        time: when it came, in ns since 1970.
        data: what came.
    """

    kind: bytes
    place: int
    time: int
    data: bytes


class Journal:
    """The files of one session.

    Args:
        directory: the session's spool directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._number = 0
        self._size = 0
        self._state_size = 0
        self._fd = -1

    @property
    def is_long(self) -> bool:
        """It is time for a new state."""
        return self._size > max(MAX_RECORDS, STATES_WORTH * self._state_size)

    def keep(self, state: object) -> None:
        """Stores a state in the place of the one before and of all records. Raises OSError; then all is as it was."""
        number = self._number + 1
        data = _NUMBER.pack(number) + pickle.dumps(state, protocol=pickle.HIGHEST_PROTOCOL)
        fresh = self._directory / ".agent.state.new"
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(fd, "wb") as file:
            file.write(data)
        records = os.open(self._path(number), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.rename(fresh, self._directory / "agent.state")
        except OSError:
            os.close(records)
            raise
        before, self._number, self._size, self._state_size = self._number, number, 0, len(data)
        self.close()
        self._fd = records
        self._path(before).unlink(missing_ok=True)

    def append(self, record: Record) -> None:
        """Writes a record, whole or not at all. Raises OSError."""
        entry = _HEAD.pack(record.kind, record.place, record.time, len(record.data)) + record.data
        written = 0
        try:
            written = os.pwrite(self._fd, entry, self._size)
            if written != len(entry):
                raise OSError(28, "no room for a whole record")
        except OSError:
            if written:
                os.ftruncate(self._fd, self._size)
            raise
        self._size += written

    def read(self) -> tuple[object, list[Record]]:
        """The stored state, and the records behind it. Raises FileNotFoundError; whatever unpickling raises when it is damaged."""
        data = (self._directory / "agent.state").read_bytes()
        (self._number,) = _NUMBER.unpack_from(data)
        self._state_size = len(data)
        self._fd = os.open(self._path(self._number), os.O_RDWR | os.O_CREAT, 0o600)
        state = pickle.loads(memoryview(data)[_NUMBER.size :])  # noqa: S301 - ours: the directory is the user's alone
        return state, self._records()

    def _records(self) -> list[Record]:
        data = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        records = []
        place = 0
        while place + _HEAD.size <= len(data):
            kind, position, time, size = _HEAD.unpack_from(data, place)
            place += _HEAD.size
            if place + size > len(data):  # cut by the kill: it was not committed
                break
            records.append(Record(kind, position, time, data[place : place + size]))
            place += size
        self._size = place
        return records

    def cut(self, records: list[Record]) -> None:
        """Keeps only these, the first of those that were read: what lies behind was never committed. Needs no room on the disk."""
        self._size = sum(_HEAD.size + len(record.data) for record in records)
        os.ftruncate(self._fd, self._size)

    def close(self) -> None:
        """Closes what is open. The files stay."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _path(self, number: int) -> Path:
        return self._directory / f"agent.journal.{number}"
