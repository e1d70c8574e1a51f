"""A transcript's bytes into events: what `FileTail` asks. After a restart the decoder is where it was, because it reads again.

Knows decoders and bytes, nothing of paths, processes or sessions.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from sightline.v1.event_pb2 import Completed, Event

from sightline_server.capture.file_tail import Taken
from sightline_server.decode.agents.decoder import Decoder, End
from sightline_server.decode.agents.json_lines import Lines, span

SLICE_BYTES = 128 * 1024  # read again at once: some milliseconds, then others have their turn

_TIMESTAMP = re.compile(rb'"timestamp"\s*:\s*"([0-9T:.+Z-]{10,40})"')

SAYS = ("message", "payload")  # where a line has what it says, without the ids around it

Translate = Callable[[list[Event]], list[Event]]
"""What becomes of the decoder's events: those of a subagent are told as such."""


class Transcript:
    """One file's decoder. See `Reader`.

    Args:
        decoder: reads it, from its first byte.
        translate: of the events.
        begins: the offset at which it begins for this decoder.
        told: lines that an earlier file had, by `keys_of`: where this one repeats them they are left out.
    """

    def __init__(self, decoder: Decoder, translate: Translate, begins: int = 0, told: Iterable[bytes] = ()) -> None:
        self.decoder = decoder
        self.offset = begins
        """How much of the file was read."""
        self._translate = translate
        self._told = set(told)
        self._lines = Lines()
        self._fd = -1
        self._had = begins  # offset up to which the decoder was given what was committed
        self._committed = begins
        self._begun = False
        self._half = False  # the last line has no end yet
        self._cut = False  # nor will it get one: what comes next is of another file

    def begin(self, fd: int, offset: int) -> None:
        """See `Reader`."""
        if not self._begun:
            self._begun = True
            self._committed = self.offset = offset
        elif offset != self.offset:  # of a file that took its place, or was written anew, the decoder reads on
            while fd != self._fd and self.read_again(self._fd):  # the last chance: nobody has written since the restart
                pass
            self._had = self._committed
            self._cut = self._half
        self._fd = fd

    def take(self, data: bytes, offset: int, *, waited: bool) -> Taken:  # noqa: ARG002 - the contract's
        """See `Reader`."""
        if self.read_again(self._fd):
            return Taken(0, again=True)
        self.offset = offset + len(data)
        cut, self._cut = self._cut, False
        return Taken(len(data), events=self._events(b"\n" + data if cut else data))

    def read_again(self, fd: int) -> bool:
        """Gives the decoder a slice of what was committed before a restart. False: it has had all of that."""
        if self._had >= self._committed:
            return False
        data = os.pread(fd, min(SLICE_BYTES, self._committed - self._had), self._had)
        self._had += len(data)
        if data:
            self._events(data)
        else:
            self._had = self._committed  # shorter by now: what is gone is gone
        return True

    def close(self, end: End) -> tuple[Sequence[Event], Completed]:
        """The last events, and the end in the agent's own words. Nothing is read afterwards."""
        *events, last = self.decoder.close(end)
        return self._translate(events), last.completed

    def _events(self, data: bytes) -> list[Event]:
        self._half = not data.endswith(b"\n")
        return self._translate(self.decoder.feed(self._untold(data) if self._told else data))

    def _untold(self, data: bytes) -> bytes:
        """Without the lines that are copies of what an earlier file had."""
        lines = [line for line in self._lines.feed(data) if key_of(line) not in self._told]
        return b"".join(line + b"\n" for line in lines)


def keys_of(path: Path) -> frozenset[bytes]:
    """What the lines of a transcript are known by where another one repeats them. Call it in a thread."""
    try:
        with path.open("rb") as file:
            return frozenset(key for key in map(key_of, file) if key)
    except OSError:
        return frozenset()


def key_of(line: bytes) -> bytes:
    """What a line is known by although a copy has other ids: its time and what it says; empty: it has no time."""
    found = _TIMESTAMP.search(line)
    if found is None:
        return b""
    said = next((value for name in SAYS if (value := span(line, name))), line.strip())
    return found[1] + hashlib.blake2b(said, digest_size=8).digest()
