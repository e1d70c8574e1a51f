"""From one spool on a host to a sink: at the exact byte, also after a connection that broke, to the marker at its end.

Knows spools (`sh/spool.sh` describes them) and sinks, nothing of programs. A sink's `position` of a stream counts the bytes of all
its segments; that of `NAME.lost` the bytes of the list of losses.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from sightline.v1.event_pb2 import Channel as EventChannel
from sightline.v1.event_pb2 import Event, OutputLost

from sightline_server.capture.base import Sink
from sightline_server.capture.remote import ssh
from sightline_server.capture.remote.channel import Channel
from sightline_server.capture.remote.host import ATTEMPT_SECONDS, Host
from sightline_server.capture.remote.scripts import SEGMENT_BYTES, line, marker, script
from sightline_server.capture.remote.shell import Refused
from sightline_server.decode.lines import HOLD_SECONDS, cut_anywhere, cut_lines
from sightline_server.errors import SightlineError

GATHER_BYTES = 4096  # in one commit: whoever writes so much is not typing, and more will come
GATHER_SECONDS = 0.010  # to let it come
COMMIT_BYTES = 256 * 1024  # at most, at once
HELD_SECONDS = 0.02  # for the rest of what may be the marker
BELIEVED_BYTES = 6  # of a marker: others hardly write so much of it, and its own writer may need several writes for it
BELIEVED_SECONDS = 1.0  # for the rest of that
MOST_WAITING = 1024 * 1024  # bytes that a slow log leaves here; the rest waits with ssh, and then on the host
STOP_SECONDS = 1.0  # for a commit under way

CHANNELS = {
    "stdout": EventChannel.CHANNEL_STDOUT,
    "stderr": EventChannel.CHANNEL_STDERR,
    "terminal": EventChannel.CHANNEL_TERMINAL,
}


class Stream:
    """One spool, followed. `attach` as often as the connection comes back.

    Args:
        sink: what it reports to.
        host: where it is.
        place: its directory there.
        name: of its channel, a key of `CHANNELS`.
        on_change: called when it broke, has ended, or failed.

    Attributes:
        ended: its end was seen, and all of it is committed.
        problem: why it broke; None: it did not.
    """

    def __init__(self, sink: Sink, host: Host, place: str, name: str, on_change: Callable[[], None]) -> None:
        self.ended = False
        self.problem: SightlineError | None = None
        self._sink = sink
        self._host = host
        self._place = place
        self._name = name
        self._event_channel = CHANNELS[name]
        self._by_line = name != "terminal"
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._marker = marker(sink.session_id)
        self._channel: Channel | None = None
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._token = b""
        self._head = b""  # what came before a header, and may be part of one
        self._in_head = False
        self._received = 0  # offset
        self._offset = 0  # committed
        self._waiting = bytearray()  # received and not committed, but for `_held`
        self._held = b""  # what may be the beginning of the marker
        self._kept_back = 0  # bytes at the end of `_waiting` that may turn out to be no output
        self._matched = 0  # bytes of the marker that came last, let out or not
        self._marked = False
        self._finishing = False
        self._paused = False
        self._committing: asyncio.Future[int] | None = None
        self._failed: BaseException | None = None
        self._attachment = 0  # how often it was detached: what was begun before does not count
        self._loss_at = -1  # the offset at which something was lost; -1: nowhere
        self._losing: asyncio.Task[None] | None = None
        self._gathering: asyncio.TimerHandle | None = None
        self._holding: asyncio.TimerHandle | None = None
        self._line_until = 0.0  # loop time
        self._dropped = 0  # segments
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def attached(self) -> bool:
        """Somebody reads there."""
        return self._channel is not None and not self._channel.gone

    @property
    def marked(self) -> bool:
        """Its end was seen."""
        return self._marked

    @property
    def offset(self) -> int:
        """How much is committed."""
        return self._offset

    async def is_read(self) -> bool:
        """All that is in the spool now has come here. Raises `HostDisconnected`, `Refused`."""
        return not self._in_head and self._received >= await self.size()

    def check(self) -> None:
        """Raises what the sink raised, if it failed."""
        if self._failed:
            raise self._failed

    async def attach(self) -> None:
        """Reads from the committed byte on. Raises a domain error when that cannot be just now."""
        await self.detach()
        if self._committing:
            await asyncio.wait([self._committing])  # read again before that, its bytes would come twice
        self._offset = self._received = self._sink.position(self._name)
        self._ready = self._loop.create_future()
        self.problem = None
        ready = secrets.token_hex(8)
        self._token = ready.encode()
        self._in_head = True
        self._channel = await self._host.channel(self._take, self._broke)
        self._channel.write(f"{script('reader.sh')}\nprintf '\\n%s 0\\n' {ready}\n".encode())
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await self._ready
        except TimeoutError:
            self.problem = ssh.failure(self._host.name, f"no channel within {ATTEMPT_SECONDS:.0f} s")
            await self._close_channel()
        if self.problem:
            raise self.problem

    async def detach(self) -> None:
        """Stops reading. A commit under way is waited for, but not for long; what was not committed is read again."""
        await self._close_channel()
        for timer in (self._gathering, self._holding):
            if timer:
                timer.cancel()
        self._gathering = self._holding = None
        if self._losing:
            self._losing.cancel()
            await asyncio.wait([self._losing])
            self._losing = None
        if self._committing:
            await asyncio.wait([self._committing], timeout=STOP_SECONDS)
        self._attachment += 1
        self._loss_at = -1
        self._waiting.clear()
        self._held = self._head = b""
        self._matched = self._kept_back = 0
        self._paused = self._marked = self._finishing = False
        self._line_until = 0.0

    def finish(self) -> None:
        """Nothing more will come: what is here is all there will be."""
        self._finishing = True
        self._waiting += self._held
        self._held = b""
        self._flow()

    async def settle(self) -> None:
        """Names the losses that are not named yet. Raises `HostDisconnected`."""
        with contextlib.suppress(Refused):
            said = await self._host.ask(
                line("tail", "-c", f"+{self._sink.position(self._lost) + 1}", f"{self._place}/{self._lost}")
            )
            await self._tell_losses(said)

    async def size(self) -> int:
        """The offset at which the spool ends now. Raises `HostDisconnected`, `Refused`."""
        return spool_size(await self._host.ask(line("sl_size", self._place, self._name)))

    # --- reading

    def _broke(self) -> None:
        """The channel has ended."""
        if self._channel is None or not self._channel.gone:
            return
        said = self._channel.said
        self.problem = self.problem or ssh.failure(self._host.name, said)
        if not self._ready.done():
            self._ready.set_result(None)
        self._on_change()

    async def _close_channel(self) -> None:
        channel, self._channel = self._channel, None
        if channel:
            if self._host.up:
                await channel.close()
            else:
                channel.kill()

    def _take(self, data: bytes) -> None:
        self._host.heard()
        if self._in_head:
            data = self._take_head(data)
        if data:
            self._take_bytes(data)
            self._flow()

    def _take_head(self, data: bytes) -> bytes:
        """Takes the line that comes before a segment's bytes; gives what is behind it."""
        self._head += data
        if self._matched and self._head.startswith(self._marker[self._matched :]):
            self._marked = True  # it began at the very end of a segment
            self._held = b""
            self._loop.call_soon(self._flow)
        start = self._head.find(b"\n" + self._token + b" ")
        end = self._head.find(b"\n", start + 1)
        if start < 0 or end < 0:
            return b""
        words, rest = self._head[start + len(self._token) + 2 : end], self._head[end + 1 :]
        self._head = b""
        self._in_head = False
        if not self._ready.done():
            self._ready.set_result(None)
            self._go()
        elif int(words) > self._sink.position(self._lost):
            self._loss_at = self._received
        return rest

    def _go(self) -> None:
        """Orders the segment that comes next."""
        number, within = divmod(self._received, SEGMENT_BYTES)
        token = secrets.token_hex(8)
        self._token = token.encode()
        self._in_head = True
        if self._channel:
            segment = f"{self._place}/{self._name}.{number}"
            self._channel.write((line("sl_go", token, segment, str(within), f"{self._place}/{self._lost}") + "\n").encode())

    def _take_bytes(self, data: bytes) -> None:
        self._received += len(data)
        self._sift(data)
        if self._received % SEGMENT_BYTES == 0 and not self._marked:
            self._go()
        self._hold_back_if_full()

    def _hold_back_if_full(self) -> None:
        if len(self._waiting) > MOST_WAITING and self._channel:
            self._channel.pause()
            self._paused = True

    def _sift(self, data: bytes) -> None:
        """Leaves out the marker, and what may be its beginning until that is known."""
        if self._marked:
            return
        if self._holding:
            self._holding.cancel()
            self._holding = None
        data = self._held + data
        shown = self._matched - len(self._held)  # bytes of the marker that were let out before
        seen = self._marker[:shown] + data
        place = seen.find(self._marker)
        if place >= 0:
            self._marked = True
            self._held = b""
            self._waiting += seen[shown:place]
            return
        self._matched = _begun(self._marker, seen)
        held = min(self._matched, len(data))
        self._held = data[len(data) - held :] if held else b""
        self._waiting += data[: len(data) - held]
        if held:
            seconds = HELD_SECONDS if self._matched < BELIEVED_BYTES else BELIEVED_SECONDS
            self._holding = self._loop.call_later(seconds, self._let_out)

    def _let_out(self) -> None:
        self._holding = None
        self._waiting += self._held
        self._held = b""
        self._flow()

    # --- committing

    def _flow(self) -> None:
        """Commits what there is, unless a commit, a loss or more bytes come first."""
        if self._committing or self._gathering or self._failed or self._losing:
            return
        ready = len(self._waiting) - self._kept_back
        limit = min(COMMIT_BYTES, self._loss_at - self._offset) if self._loss_at >= 0 else COMMIT_BYTES
        if limit <= 0:
            self._losing = self._loop.create_task(self._find_losses(), name=f"losses of {self._sink.session_id}")
            return
        data = bytes(self._waiting[: min(limit, ready)])
        if not data:
            self._check_end()
            return
        full = len(data) < ready
        chunks = cut_lines(data, hold=self._holds_line(), more=full) if self._by_line else cut_anywhere(data)
        taken = sum(map(len, chunks))
        if not taken:
            self._wait_for_line()
            return
        self._line_until = 0.0
        committing = self._sink.output(self._name, self._event_channel, chunks, self._offset + taken)
        if committing.done():
            self._committed(taken, committing)
        else:
            self._committing = committing
            attachment = self._attachment
            committing.add_done_callback(lambda done: self._committed(taken if attachment == self._attachment else 0, done))

    def _committed(self, taken: int, done: asyncio.Future[int]) -> None:
        self._committing = None
        if done.cancelled() or done.exception():
            self._failed = asyncio.CancelledError() if done.cancelled() else done.exception()
            self._on_change()
            return
        if not taken:
            return
        self._offset += taken
        del self._waiting[:taken]
        if self._paused and len(self._waiting) <= MOST_WAITING // 2 and self._channel:
            self._paused = False
            self._channel.resume()
        if self._place and self._offset // SEGMENT_BYTES > self._dropped:
            self._dropped = self._offset // SEGMENT_BYTES
            self._in_background(self._drop())
        if taken >= GATHER_BYTES and not self._marked and len(self._waiting) < COMMIT_BYTES:
            self._gathering = self._loop.call_later(GATHER_SECONDS, self._gathered)
        else:
            self._loop.call_soon(self._flow)

    def _gathered(self) -> None:
        self._gathering = None
        self._flow()

    def _holds_line(self) -> bool:
        if self._marked or self._finishing:
            return False
        return not self._line_until or self._loop.time() < self._line_until

    def _wait_for_line(self) -> None:
        if not self._line_until:
            self._line_until = self._loop.time() + HOLD_SECONDS
            self._loop.call_at(self._line_until, self._flow)

    def _check_end(self) -> None:
        if (self._marked or self._finishing) and not self.ended and not self._waiting:
            self.ended = True
            self._on_change()

    # --- losses and what was read

    @property
    def _lost(self) -> str:
        return f"{self._name}.lost"

    async def _find_losses(self) -> None:
        try:
            await self.settle()
        except SightlineError:
            return  # the connection is gone: they are found again behind the next one
        self._losing = None
        self._loss_at = -1
        self._flow()

    async def _tell_losses(self, said: str) -> None:
        position = self._sink.position(self._lost)
        for text in said.splitlines():
            position += len(text) + 1
            _, count, since, until = map(int, text.split())
            why = "the connection was down, or the log slow, for longer than the spool on the host could keep it"
            lost = OutputLost(channel=self._event_channel, bytes=count, reason=why if count else "the host's disk was full")
            lost.from_time.CopyFrom(Timestamp(seconds=since))
            lost.to_time.CopyFrom(Timestamp(seconds=until))
            await self._sink.event(Event(output_lost=lost), self._name, position, self._lost)

    async def _drop(self) -> None:
        with contextlib.suppress(SightlineError, Refused):
            await self._host.ask(line("sl_drop", self._place, self._name, str(self._dropped)))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _begun(marker: bytes, data: bytes) -> int:
    """How many bytes at the end of the data are the beginning of the marker; the marker is not in it whole."""
    start = data.find(marker[:1], max(0, len(data) - len(marker) + 1))
    while start >= 0 and not marker.startswith(data[start:]):
        start = data.find(marker[:1], start + 1)
    return len(data) - start if start >= 0 else 0


def spool_size(said: str) -> int:
    """From the answer to `sl_size`."""
    number, size = said.split()
    return int(number) * SEGMENT_BYTES + int(size)
