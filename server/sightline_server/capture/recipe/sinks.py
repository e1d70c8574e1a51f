"""What stands between a session and the programs of its recipe: each has its own spool, its own positions, and its own end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from sightline.v1.event_pb2 import CaptureState, Channel, Event

from sightline_server.capture.base import Ending, Sink

steps_log = logging.getLogger("sightline.steps")
"""Where the steps' lines go when somebody has asked for it; `serve` lets this logger's INFO pass."""

MAX_LINE = 4096  # bytes of one line in the server's log; a longer one is cut into several


class StepSink:
    """The sink of a step: what it writes is of the step's label, how far it is read stands under a name of its own.

    Args:
        sink: the session's.
        directory: the step's own spool.
        label: the `Event.source` of its output.
        log_lines: its lines go to the server's log too.

    Attributes:
        over: done when the program is over and all of it is in the log.
    """

    def __init__(self, sink: Sink, directory: Path, label: str, *, log_lines: bool) -> None:
        self._sink = sink
        self._label = label
        self._lines = Lines(f"{sink.session_name} [{label}]") if log_lines else None
        self.session_id = sink.session_id
        self.session_name = sink.session_name
        self.directory = directory
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def position(self, spool: str) -> int:
        return self._sink.position(self._spool(spool))

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
        name = spool or source
        committed = self._sink.output(self._label, channel, chunks, position, self._spool(name), times=times)
        lines = self._lines
        if lines is not None:
            committed.add_done_callback(lambda done: None if done.cancelled() or done.exception() else lines.feed(name, chunks))
        return committed

    async def event(self, event: Event, source: str, position: int | None = None, spool: str = "") -> int:
        return await self._sink.event(event, self._label, position, self._spool(spool or source))

    def events(self, events: Sequence[Event], source: str, position: int, spool: str = "") -> asyncio.Future[int]:
        return self._sink.events(events, source, position, self._spool(spool or source))

    async def capture(self, state: CaptureState.ValueType, reason: str) -> None:
        await self._sink.capture(state, reason)

    async def ended(self, ending: Ending) -> None:  # noqa: ARG002 - its files say the same, also to the next server
        if self._lines is not None:
            self._lines.finish()
        if not self.over.done():
            self.over.set_result(None)

    def _spool(self, name: str) -> str:
        return f"{self.directory.name}.{name}"


class Lines:
    """Output on its way into the server's log: one record for each line, nothing in it that a terminal would obey.

    Args:
        head: what each line begins with.
    """

    def __init__(self, head: str) -> None:
        self._head = head
        self._open: dict[str, bytes] = {}

    def feed(self, channel: str, chunks: Sequence[bytes]) -> None:
        """Takes what was written there."""
        *lines, rest = (self._open.get(channel, b"") + b"".join(chunks)).split(b"\n")
        for line in lines:
            self._say(line)
        while len(rest) > MAX_LINE:
            self._say(rest[:MAX_LINE])
            rest = rest[MAX_LINE:]
        self._open[channel] = rest

    def finish(self) -> None:
        """Nothing comes any more: lines without an end are lines too."""
        for rest in self._open.values():
            if rest:
                self._say(rest)
        self._open.clear()

    def _say(self, line: bytes) -> None:
        line = line.removesuffix(b"\r")
        for start in range(0, max(1, len(line)), MAX_LINE):
            steps_log.info("%s %s", self._head, harmless(line[start : start + MAX_LINE]))


def harmless(data: bytes) -> str:
    """Text in which what a terminal would obey, and what is no text, is spelled out."""
    text = data.decode(errors="backslashreplace")
    return "".join(char if char.isprintable() or char == "\t" else char.encode("unicode_escape").decode() for char in text)
