"""A transcript's bytes into events: what `FileTail` asks. After a restart the decoder is where it was, because it reads again.

Knows decoders and bytes, nothing of paths, processes or sessions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence

from sightline.v1.event_pb2 import Completed, Event

from sightline_server.capture.file_tail import Taken
from sightline_server.decode.agents.decoder import Decoder, End
from sightline_server.decode.agents.json_lines import Lines

SLICE_BYTES = 128 * 1024  # read again at once: some milliseconds, then others have their turn

_TIMESTAMP = re.compile(rb'"timestamp"\s*:\s*"([0-9T:.+Z-]{10,40})"')

Translate = Callable[[list[Event]], list[Event]]
"""What becomes of the decoder's events: those of a subagent are told as such."""


class Transcript:
    """One file's decoder. See `Reader`.

    Args:
        decoder: reads it, from its first byte.
        translate: of the events.
        after: lines up to this time were told by an earlier file, which this one repeats; empty: it repeats none.
    """

    def __init__(self, decoder: Decoder, translate: Translate, after: str = "") -> None:
        self.decoder = decoder
        self.last_time = ""
        """The time of the last line that has one, in the agent's own words."""
        self._translate = translate
        self._after = after
        self._repeats = Lines() if after else None
        self._fd = -1
        self._had = 0  # bytes that the decoder was given
        self._committed = 0
        self._begun = False

    def begin(self, fd: int, offset: int) -> None:
        """See `Reader`."""
        self._fd = fd
        if not self._begun:  # of a file that took its place, or was written anew, the decoder reads on
            self._begun = True
            self._committed = offset

    def take(self, data: bytes, offset: int, *, waited: bool) -> Taken:  # noqa: ARG002 - the contract's
        """See `Reader`."""
        if self.read_again(self._fd):
            return Taken(0, again=True)
        return Taken(len(data), events=self._events(data))

    def read_again(self, fd: int) -> bool:
        """Gives the decoder a slice of what was committed before a restart. False: it has had all of that."""
        if self._had >= self._committed:
            return False
        data = os.pread(fd, min(SLICE_BYTES, self._committed - self._had), self._had)
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
        self._had += len(data)
        data = self._unrepeated(data)
        times = _TIMESTAMP.findall(data, data.rfind(b"\n", 0, -1) + 1) or _TIMESTAMP.findall(data)
        if times:
            self.last_time = max(times).decode()
        return self._translate(self.decoder.feed(data))

    def _unrepeated(self, data: bytes) -> bytes:
        """Without the lines that are a copy of what an earlier file had."""
        if self._repeats is None:
            return data
        lines = self._repeats.feed(data)
        for number, line in enumerate(lines):
            found = _TIMESTAMP.search(line)
            if found and found[1].decode() > self._after:
                rest = b"\n".join([*lines[number:], self._repeats.rest()])
                self._repeats = None
                return rest
        return b""
