"""From a spool to a sink: follows the channels of one directory, cuts, commits, deletes what is committed.

Knows spools and sinks, nothing of programs: whether somebody still writes is told to it (`finish`) or stands in the spool.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Mapping
from pathlib import Path

from google.protobuf.timestamp_pb2 import Timestamp
from sightline.v1.event_pb2 import Channel, Event, OutputLost

from sightline_server.capture.base import Sink
from sightline_server.capture.inotify import GREW, Inotify, Watch
from sightline_server.capture.spool import READ_BYTES, Loss, SpoolReader
from sightline_server.decode.lines import HOLD_SECONDS, cut_anywhere, cut_lines

GATHER_BYTES = 4096  # in one round: whoever writes so much is not typing, and more will come
GATHER_SECONDS = 0.010  # to let it come: a pane floods in pieces of some KiB, and each would be a commit and a response of its own
STOP_SECONDS = 1.0  # for a commit under way, before it is left alone

CHANNELS: Mapping[str, Channel.ValueType] = {
    "stdout": Channel.CHANNEL_STDOUT,
    "stderr": Channel.CHANNEL_STDERR,
    "terminal": Channel.CHANNEL_TERMINAL,
}


class _Follower:
    """One channel: its reader, and until when it holds the beginning of a line."""

    def __init__(self, name: str, reader: SpoolReader) -> None:
        self.name = name
        self.channel = CHANNELS[name]
        self.by_line = name != "terminal"
        self.reader = reader
        self.held_until = 0.0  # loop time; 0: nothing is held
        self.ended = False


class Pump:
    """Follows channels (keys of `CHANNELS`) of a spool from the sink's positions until they end or it is stopped.

    Made and started inside the event loop. A sink's `position` of a channel is its offset in the spool.
    """

    def __init__(self, sink: Sink, inotify: Inotify, directory: Path, channels: tuple[str, ...]) -> None:
        self._sink = sink
        self._inotify = inotify
        self._directory = directory
        self._loop = asyncio.get_running_loop()
        self._followers = [
            _Follower(name, SpoolReader(directory, name, sink.position(name), can_lose=name == "terminal")) for name in channels
        ]
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._committed = 0  # bytes, by this pump
        self._owed: set[asyncio.Future[int]] = set()  # commits of glances that are not done yet
        self._again = False  # something was written meanwhile
        self._failed: asyncio.Future[int] | None = None  # such a commit that failed; the task raises what it did
        self._asleep = False  # the task waits for something to be written
        self._finishing = False
        self._stopping = False
        self._watch: Watch | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to follow. Raises `WatchLimit`."""
        self._watch = self._inotify.watch(self._directory, self._told)
        self._task = self._loop.create_task(self._run(), name=f"pump {self._directory.name}")

    async def drained(self) -> None:
        """Waits until every channel has ended and all of it is committed, or the pump was stopped.

        Raises what the sink raised, if it failed. May be cancelled; the pump then goes on.
        """
        if self._task:
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    def finish(self) -> None:
        """Nobody writes any more: what is in the spool is all there will be."""
        self._finishing = True
        self._wake.set()

    async def stop(self) -> None:
        """Stops following. A commit under way is waited for, but not for long; what was not committed stays in the spool."""
        self._stopping = True
        self._wake.set()
        if self._task:
            await asyncio.wait([self._task], timeout=STOP_SECONDS)
            self._task.cancel()
            await asyncio.wait([self._task])
        self._close()

    def caught_up(self) -> bool:
        """True when everything that is in the spool now is committed."""
        return all(not follower.reader.peek(1) and not follower.reader.loss() for follower in self._followers)

    def sizes(self) -> dict[str, int]:
        """The offset at which each channel ends in the spool now."""
        return {follower.name: follower.reader.size() for follower in self._followers}

    async def reach(self, offsets: Mapping[str, int]) -> None:
        """Waits until the channels are committed up to these offsets, or the pump is done."""
        while self._task and not self._task.done() and not self._has_reached(offsets):
            self._moved.clear()
            await self._moved.wait()

    def _has_reached(self, offsets: Mapping[str, int]) -> bool:
        return all(follower.reader.offset >= offsets.get(follower.name, 0) for follower in self._followers)

    def _told(self, mask: int) -> bool:
        """Something was written: the usual case here and now, everything else by the task. False: the task is at it already.

        Waking the task first takes the loop a whole turn: 0.06 of the millisecond that a line takes (measured).
        """
        began = self._asleep
        if mask == GREW and began:
            if self._owed:
                self._again = True
                return False
            with contextlib.suppress(OSError):  # the task meets it too, and says so; here other sessions would not be told
                if all(map(self._glance, self._followers)):
                    return True
        self._asleep = False
        self._wake.set()
        return began

    def _glance(self, follower: _Follower) -> bool:
        """Commits what is new in a channel if that is a few whole lines. False: the task must have a look."""
        data = follower.reader.glance(GATHER_BYTES)
        if not data:
            return data is not None
        if len(data) == GATHER_BYTES or (follower.by_line and not data.endswith(b"\n")):
            return False
        follower.held_until = 0.0  # what was held is at the beginning of `data`
        committed = self._sink.output(follower.name, follower.channel, (data,), follower.reader.offset + len(data))
        if committed.done():
            self._committed_glance(follower, len(data), committed)
        else:
            self._owed.add(committed)
            committed.add_done_callback(functools.partial(self._committed_glance, follower, len(data)))
        return True

    def _committed_glance(self, follower: _Follower, count: int, committed: asyncio.Future[int]) -> None:
        self._owed.discard(committed)
        if committed.cancelled() or committed.exception():
            self._failed = committed
            self._wake.set()
            return
        follower.reader.advance(count)
        self._committed += count
        self._moved.set()
        if self._again and not self._owed:
            self._again = False
            self._told(GREW)

    async def _run(self) -> None:
        try:
            while not self._stopping:
                self._wake.clear()
                if self._owed:
                    await asyncio.wait(self._owed)
                if self._failed:
                    self._failed.result()
                before = self._committed
                more = False
                for follower in self._followers:
                    if not follower.ended:
                        more |= await self._turn(follower)
                self._moved.set()
                if all(follower.ended for follower in self._followers):
                    return
                if more:
                    await asyncio.sleep(0)
                elif self._committed - before >= GATHER_BYTES and not self._finishing:
                    await asyncio.sleep(GATHER_SECONDS)
                else:
                    await self._sleep()
        finally:
            self._moved.set()
            self._close()

    async def _sleep(self) -> None:
        """Until something is written, or a held line has waited long enough."""
        deadlines = [follower.held_until for follower in self._followers if follower.held_until]
        timer = self._loop.call_at(min(deadlines), self._wake.set) if deadlines else None
        self._asleep = True
        try:
            await self._wake.wait()
        finally:
            self._asleep = False
            if timer:
                timer.cancel()

    async def _turn(self, follower: _Follower) -> bool:
        """Commits one look's worth of a channel. True: there may be more right now."""
        reader = follower.reader
        data = reader.peek()
        if not data:
            loss = reader.loss()
            if loss:
                await self._lose(follower, loss)
                return True
            follower.ended = self._finishing or reader.at_end
            return False
        full = len(data) >= READ_BYTES
        chunks = cut_lines(data, hold=self._holds(follower), more=full) if follower.by_line else cut_anywhere(data)
        taken = sum(map(len, chunks))
        if taken:
            await self._sink.output(follower.name, follower.channel, chunks, reader.offset + taken)
            reader.advance(taken)
            self._committed += taken
            await asyncio.sleep(0)  # readers first: they are awake now, and the source can wait
        if taken == len(data):
            follower.held_until = 0.0
        elif taken or not follower.held_until:
            follower.held_until = self._loop.time() + HOLD_SECONDS
        # Whatever is written from here on wakes us; what was there before must be asked for.
        return bool(taken) and (full or reader.end >= 0 or self._finishing or reader.loss() is not None)

    def _holds(self, follower: _Follower) -> bool:
        """Whether the rest of a line may still come soon."""
        if self._finishing or follower.reader.end >= 0:
            return False
        return not follower.held_until or self._loop.time() < follower.held_until

    async def _lose(self, follower: _Follower, loss: Loss) -> None:
        lost = OutputLost(channel=follower.channel, bytes=loss.bytes, reason="nobody read the spool in time, or its disk was full")
        if loss.since:
            lost.from_time.CopyFrom(_timestamp(loss.since))
            lost.to_time.CopyFrom(_timestamp(loss.until))
        else:
            lost.reason = "parts of the spool were removed before they were read"
        await self._sink.event(Event(output_lost=lost), follower.name, loss.offset + loss.bytes)
        follower.reader.advance(loss.bytes)

    def _close(self) -> None:
        if self._watch:
            self._watch.close()
            self._watch = None
        for follower in self._followers:
            follower.reader.close()


def _timestamp(nanoseconds: int) -> Timestamp:
    return Timestamp(seconds=nanoseconds // 10**9, nanos=nanoseconds % 10**9)
