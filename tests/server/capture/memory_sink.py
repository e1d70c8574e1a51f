"""A session's side of a source, kept in memory: what tests of sources look into. Keeps every promise of `Sink` but durability."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from sightline.v1.event_pb2 import CaptureState, Channel, Event, Output
from sightline_server.capture.base import Ending

WAIT_SECONDS = 40.0  # for anything that a test waits for


def committed(seq: int) -> asyncio.Future[int]:
    """What `Sink.output` gives when the log took it at once."""
    done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    done.set_result(seq)
    return done


class MemorySink:
    """Events in the order of their `seq` (index + 1), positions, the ending.

    Attributes:
        log: what was logged, with `seq` and `source` set.
        positions: by source.
        sizes: bytes of output so far, by source.
        endings: what `ended` was called with; more than one is a failure of the source.
        gate: cleared, `output` and `event` wait, as with a full disk.
    """

    def __init__(self, directory: Path, session_id: str = "s-memory", session_name: str = "memory") -> None:
        self.session_id = session_id
        self.session_name = session_name
        self.directory = directory
        self.log: list[Event] = []
        self.positions: dict[str, int] = {}
        self.sizes: Counter[str] = Counter()
        self.states: list[tuple[CaptureState.ValueType, str]] = []
        self.endings: list[Ending] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._changed = asyncio.Event()

    def as_committed(self) -> MemorySink:
        """The same log for the next server: what waits at the gate now is not in it."""
        survivor = MemorySink(self.directory, self.session_id, self.session_name)
        survivor.log = list(self.log)
        survivor.positions = dict(self.positions)
        survivor.sizes = Counter(self.sizes)
        survivor.states = list(self.states)
        return survivor

    def position(self, source: str) -> int:
        return self.positions.get(source, 0)

    def output(
        self,
        source: str,
        channel: Channel.ValueType,
        chunks: Sequence[bytes],
        position: int,
        spool: str = "",
        *,
        times: Sequence[int] = (),
    ) -> asyncio.Future[int]:
        if self.gate.is_set():
            return committed(self._output(source, channel, chunks, position, spool or source, times))
        return asyncio.ensure_future(self._output_later(source, channel, chunks, position, spool or source, times))

    async def _output_later(
        self, source: str, channel: Channel.ValueType, chunks: Sequence[bytes], position: int, spool: str, times: Sequence[int]
    ) -> int:
        await self.gate.wait()
        return self._output(source, channel, chunks, position, spool or source, times)

    def _output(
        self, source: str, channel: Channel.ValueType, chunks: Sequence[bytes], position: int, spool: str, times: Sequence[int]
    ) -> int:
        assert not self.endings, "output after the end"
        assert chunks
        assert all(1 <= len(chunk) <= 65536 for chunk in chunks)
        assert position >= self.position(spool) + sum(map(len, chunks))
        for chunk, time in zip(chunks, times or [0] * len(chunks), strict=True):
            event = Event(output=Output(channel=channel, data=chunk))
            if time:
                event.source_time.FromNanoseconds(time)
            self._log(event, source)
        self._move(spool, position)
        return len(self.log)

    async def event(self, event: Event, source: str, position: int | None = None, spool: str = "") -> int:
        await self.gate.wait()
        assert not self.endings, "an event after the end"
        assert event.WhichOneof("payload")
        self._log(event, source)
        self._move(spool or source, position)
        return len(self.log)

    def events(self, events: Sequence[Event], source: str, position: int, spool: str = "") -> asyncio.Future[int]:
        if self.gate.is_set():
            return committed(self._events(events, source, position, spool or source))
        return asyncio.ensure_future(self._events_later(events, source, position, spool or source))

    async def _events_later(self, events: Sequence[Event], source: str, position: int, spool: str) -> int:
        await self.gate.wait()
        return self._events(events, source, position, spool)

    def _events(self, events: Sequence[Event], source: str, position: int, spool: str) -> int:
        assert not self.endings, "events after the end"
        for event in events:
            assert event.WhichOneof("payload")
            self._log(event, event.source or source)
        self._move(spool, position)
        return len(self.log)

    async def capture(self, state: CaptureState.ValueType, reason: str) -> None:
        if not self.states or self.states[-1][0] != state:
            self.states.append((state, reason))
            self._changed.set()

    async def ended(self, ending: Ending) -> None:
        assert not self.endings, "ended twice"
        self.endings.append(ending)
        self._changed.set()

    def written(self, source: str) -> bytes:
        """All output bytes of a source so far."""
        return b"".join(self.chunks(source))

    def chunks(self, source: str) -> list[bytes]:
        """The output events' data of a source."""
        return [event.output.data for event in self.log if event.source == source and event.HasField("output")]

    def of_kind(self, payload: str) -> list[Event]:
        """Events by the name of their payload's field."""
        return [event for event in self.log if event.WhichOneof("payload") == payload]

    async def until(self, condition: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
        """Waits until a condition on this sink holds. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def ending(self, seconds: float = WAIT_SECONDS) -> Ending:
        """Waits for the end and gives it."""
        await self.until(lambda: bool(self.endings), seconds)
        return self.endings[0]

    def _log(self, event: Event, source: str) -> None:
        event.seq = len(self.log) + 1
        event.source = source
        event.session_id = self.session_id
        self.log.append(event)
        if event.HasField("output"):
            self.sizes[source] += len(event.output.data)
        self._changed.set()

    def _move(self, source: str, position: int | None) -> None:
        if position is not None:
            assert position >= self.position(source), "a position went back"
            self.positions[source] = position
