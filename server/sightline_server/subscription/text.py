"""A log's output as text, entry by entry: what is on its way behind each, and which event it comes with. Pure.

What comes is decided by the log alone, never by how or when it is read: the text of an event is what its bytes make whole, and who
resumes behind it gets what the uncut stream would have given. Of a line that is not over, what stands on it belongs to the last
event before

- an event that comes and is not output of the same stream: nothing is overtaken;
- a pause, by the times in the log: a prompt stands there;
- the end of the log.

So the text of the newest event is not decided until something follows, or the pause is over: it waits, and the position stays
before it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence

from sightline.v1.event_pb2 import Channel, Event, EventKind

from sightline_server.decode.text import TextDecoder
from sightline_server.log import record
from sightline_server.log.record import FILTER_PART, NANOSECONDS
from sightline_server.storage.contract import Block
from sightline_server.subscription.echo import Echo
from sightline_server.subscription.filter import PART
from sightline_server.subscription.merging import MERGED_BYTES
from sightline_server.subscription.position import LENGTH_OF_INDEX, Entry

PAUSE_SECONDS = 0.1  # after which a line that is not over is given: a prompt
PROGRESS_PAUSE_SECONDS = 3.0  # the same where something on it was replaced: many programs say once a second how far they are
DECODED_BYTES = 64 * 1024  # together


class Item:
    """One entry of the log, hidden ones included.

    Attributes:
        seq: its number.
        end: bytes of log up to its end.
        part: its `FILTER_PART`.
        kind: what it is.
        data: its bytes.
    """

    __slots__ = ("_event", "data", "end", "kind", "part", "seq")

    def __init__(self, seq: int, end: int, part: bytes, data: bytes) -> None:
        self.seq = seq
        self.end = end
        self.part = part
        self.kind: int = PART.unpack(part)[0]
        self.data = data
        self._event: Event | None = None

    @property
    def event(self) -> Event:
        """It, decoded."""
        if self._event is None:
            self._event = record.decode(self.data)[0]
        return self._event

    @property
    def time(self) -> int:
        """Nanoseconds since 1970."""
        time = self.event.time
        return time.seconds * NANOSECONDS + time.nanos


class TextState:
    """What is known behind one event of a log, and the text that is on its way. Pure.

    Only one stream at a time has a line that is not over and was not given: another one's output is an event that ends the wait.

    Args:
        passes: whether the subscriber gets entries with this `FILTER_PART`.
        echo: leave what is expected there out of a terminal's output.
    """

    def __init__(self, passes: Callable[[bytes], bool], echo: Echo | None) -> None:
        self._passes = passes
        self._echo = echo
        self._streams: dict[bytes, TextDecoder] = {}
        self._open = b""  # the stream that wrote last
        self._head: Event | None = None  # its last event: what comes looks like it
        self._first_seq = 0  # the first event whose bytes have not come
        self._data: list[bytes] = []  # not decoded yet
        self._text: list[bytes] = []  # not given yet
        self._size = 0  # of output that is on its way
        self._undecoded = 0
        self._last: Item | None = None

    def copy(self, part: bytes) -> TextState:
        """Another one in the same state, to try an entry with this `FILTER_PART` on. To be called when nothing is on its way."""
        other = copy.copy(self)
        other._echo = copy.copy(self._echo)
        other._streams = dict(self._streams)
        for own in {part, self._open} & self._streams.keys():
            other._streams[own] = self._streams[own].copy()
        other._data, other._text = [], []
        return other

    @property
    def pause(self) -> int:
        """After so many nanoseconds without anything new the line that is not over is given; 0: there is none."""
        self._decode()
        decoder = self._streams.get(self._open)
        if decoder is None or not decoder.has_more:
            return 0
        return round((PROGRESS_PAUSE_SECONDS if decoder.is_rewritten else PAUSE_SECONDS) * NANOSECONDS)

    def before(self, item: Item) -> list[Entry]:
        """What is decided by the next entry: all that came before it."""
        barrier = item.part != self._open and self._passes(item.part)
        if barrier or self._pauses_before(item):
            self.give_line()
        return self.finish() if barrier or self._size > MERGED_BYTES else []

    def take(self, item: Item) -> list[Entry]:
        """The next entry, behind `before`."""
        given = []
        if self._echo is not None and item.kind == EventKind.EVENT_KIND_INPUT:
            self._decode()
            self._echo.typed(item.event.input)
        if self._passes(item.part):
            if item.kind == EventKind.EVENT_KIND_OUTPUT:
                self._take_output(item)
            else:
                given.append(Entry(item.seq, item.end, item.part, item.data))
                self._first_seq = 0
        self._last = item
        return given

    def give_line(self) -> None:
        """Gives the line that is not over."""
        self._decode()
        decoder = self._streams.get(self._open)
        if decoder is not None:
            self._text.append(decoder.end())

    def finish(self) -> list[Entry]:
        """What is on its way, as an event with the number of the last entry."""
        self._decode()
        text = b"".join(self._text)
        self._text, self._size = [], 0
        if not text or self._head is None or self._last is None:
            return []
        event, last = self._head, self._last
        event.seq = last.seq
        event.first_seq = self._first_seq if self._first_seq < last.seq else 0
        event.output.data = text
        self._first_seq = 0
        return [Entry(last.seq, last.end, self._open, record.frame(event.SerializeToString()))]

    def forget_given(self) -> None:
        """What led to this state is no part of what comes."""
        self.finish()
        self._first_seq = 0

    def _pauses_before(self, item: Item) -> bool:
        if self._last is None or not (self._data or (self._open and self._streams[self._open].has_more)):
            return False
        passed = item.time - self._last.time
        return passed >= PAUSE_SECONDS * NANOSECONDS and 0 < self.pause <= passed

    def _take_output(self, item: Item) -> None:
        event = item.event
        self._open, self._head = item.part, event
        self._first_seq = self._first_seq or item.seq
        decoder = self._streams.get(item.part)
        if decoder is None:
            decoder = self._streams[item.part] = TextDecoder()
        data = event.output.data
        if self._echo is not None and self._echo.is_expected and event.output.channel == Channel.CHANNEL_TERMINAL:
            self._decode()
            data = self._echo.without(data, in_line=decoder.is_in_line)
        self._data.append(data)
        self._size += len(data)
        self._undecoded += len(data)
        if self._undecoded >= DECODED_BYTES:
            self._decode()

    def _decode(self) -> None:
        if self._data:
            data, self._data, self._undecoded = self._data, [], 0
            self._text.append(self._streams[self._open].feed(b"".join(data)))


def items(blocks: Sequence[Block], seq: int) -> Iterator[Item]:
    """The entries behind `seq`, up to the first that is missing."""
    for block in blocks:
        if not block.data or block.first_seq > seq + 1:
            return
        stop = 0
        index = block.index
        for place, number in zip(range(0, len(index), LENGTH_OF_INDEX), range(block.first_seq, block.last_seq + 1), strict=True):
            entry = index[place : place + LENGTH_OF_INDEX]
            start, stop = stop, stop + int.from_bytes(entry[:4], "little")
            if number > seq:
                seq = number
                yield Item(seq, block.offset + stop, entry[FILTER_PART], block.data[start:stop])
