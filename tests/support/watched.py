"""A session's events as a watcher gets them, checked while they come: nothing is kept but the place reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sightline.v1.event_pb2 import Completed, Event


@dataclass
class Watched:
    """One session as one watcher sees it. A wrong event fails at once, and says where.

    Attributes:
        name: for the failure's text.
        expected: what each source is to write, in pieces; made when they are needed. Other sources may write anything.
        head: the last `seq` seen.
        size: bytes of the expected sources' output, seen.
        completed: the last event, once it is there.
    """

    name: str
    expected: dict[str, Iterator[bytes]]
    head: int = 0
    size: int = 0
    completed: Completed | None = None
    _time: int = 0
    _rest: dict[str, memoryview] = field(default_factory=dict)

    def see(self, event: Event) -> None:
        """The next event: dense, in time, right, and not behind the end."""
        assert event.seq == self.head + 1, f"{self.name}: {event.seq} after {self.head}"
        assert self.completed is None, f"{self.name}: {event} after the end"
        time = event.time.ToNanoseconds()
        assert time >= self._time, f"{self.name}: the time of {event.seq} went back"
        assert not event.HasField("output_lost"), f"{self.name}: {event}"
        self.head = event.seq
        self._time = time
        if event.HasField("output") and event.source in self.expected:
            self._compare(event.source, event.output.data)
        if event.HasField("completed"):
            self.completed = event.completed

    def check_end(self) -> Completed:
        """All that was expected came, and the end."""
        assert self.completed is not None, f"{self.name}: no end"
        for source, pieces in self.expected.items():
            missing = len(self._rest.get(source, b"")) + sum(map(len, pieces))
            assert not missing, f"{self.name}: {missing} bytes of {source} are missing at the end"
        return self.completed

    def _compare(self, source: str, data: bytes) -> None:
        rest = self._rest.get(source, memoryview(b""))
        while data:
            if not rest:
                rest = memoryview(next(self.expected[source], b""))
                assert rest, f"{self.name}: {source} has more than was written: {data[:80]!r}"
            length = min(len(rest), len(data))
            if rest[:length] != data[:length]:
                place = next(n for n in range(length) if rest[n] != data[n])
                wanted, got = bytes(rest[place : place + 80]), data[place : place + 80]
                raise AssertionError(f"{self.name}: at byte {self.size + place} of {source} came {got!r}, not {wanted!r}")
            self.size += length
            rest, data = rest[length:], data[length:]
        self._rest[source] = rest
