"""What a program says, on its way to its session: a bounded buffer, and a thread that empties it. Knows no files and no logging.

Nothing here waits for the server or raises for its sake. While it is slow or gone the buffer fills up; then the oldest goes first,
because the last lines before an end say why it ended. What went is counted, and told by an `output_lost` event that stands where it
is missing. Each event is in the log once, over breaks and restarts of the server.

gRPC cannot be used in a child after `os.fork` when its parent uses it, so a child hands what it says to its parent (`Relay`).
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401 - with `logging`: both take locks around forks, which must not begin in the middle of one
import logging  # noqa: F401
import os
import secrets
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, cast
from weakref import WeakSet

from sightline.relay import Relay
from sightline.v1.event_pb2 import Channel, Event, Output, OutputLost

if TYPE_CHECKING:
    from sightline import sync

MAX_BYTES = 1024 * 1024  # that may wait, unless told otherwise
MAX_CHUNK = 64 * 1024  # bytes of output in one event
MAX_BATCH = 256 * 1024  # bytes in one call
MAX_BATCH_EVENTS = 500  # in one call; the server takes 1000
OVERHEAD = 200  # bytes that an item takes in memory beside its own, about
GATHER_SECONDS = 0.02  # from the first line to the call that carries it: lines that come together travel together
POLL_SECONDS = 0.002  # between looks whether a child's messages are all in
FIRST_PAUSE, LAST_PAUSE = 0.1, 2.0  # seconds between attempts while nobody answers: doubled from one to the other
IMPORT_SECONDS = 5.0  # that a fork waits at most for the thread's imports: 0.3 s, once
EXIT_SECONDS = 2.0  # that the end of the program may take for what still waits
EXIT_SECONDS_ALONE = 0.2  # the same where the server did not answer last time
THREAD = "sightline-writer"
NO_SESSION = "there is no session: SIGHTLINE_SESSION_ID is not set, and none was named"
FULL = "the program's buffer was full: the server did not take it in time"
FINAL = {"NOT_FOUND", "FAILED_PRECONDITION", "INVALID_ARGUMENT", "UNAUTHENTICATED", "UNIMPLEMENTED"}
"""Answers after which nothing would change by trying again: an ended session, say."""


class Item:
    """Output, or an encoded event where `channel` is 0; `time` in nanoseconds since 1970."""

    __slots__ = ("channel", "data", "time")

    def __init__(self, channel: int, data: bytes) -> None:
        self.channel = channel
        self.data = data
        self.time = time.time_ns()


class Outbox:
    """See the module.

    Args:
        session: id or name; None: `SIGHTLINE_SESSION_ID`. Without either everything is dropped, and nothing else happens.
        source: `Event.source` of all of it; empty: the program's name.
        channel: of what is written.
        max_bytes: that may wait, here and, once more, in a forked child.
        target: as in `sightline.connect`.

    Attributes:
        dropped_bytes: so far.
        problem: why nothing arrives just now, for people; empty: all is well, as far as is known.
    """

    def __init__(self, session: str | None, source: str, channel: int, max_bytes: int, target: str | None) -> None:
        self.session = session or os.environ.get("SIGHTLINE_SESSION_ID", "")
        self.source = source or program_name()
        self.max_bytes = max_bytes
        self.dropped_bytes = 0
        self.problem = "" if self.session else NO_SESSION
        self._channel = cast(Channel.ValueType, channel)
        self._target = target
        self._given_up = not self.session
        self._retired = False
        self._relay: Relay | None = None
        self._in_child = False
        self._grpc_is_ours = "grpc" not in sys.modules
        self._tells_multiprocessing = False
        self._renew()
        _all.add(self)

    def _renew(self) -> None:
        """Locks and buffers as in a new one: also for a child, where another thread of its parent may have held them."""
        self._changed = threading.Condition(threading.RLock())  # a signal handler may print in the middle of a print
        self._partials: dict[int, bytes] = {}
        self._items: deque[Item] = deque()
        self._size = 0
        self._lost: OutputLost | None = None
        self._under_way = False
        self._carried = 0  # bytes under way
        self._idle = False
        self._thread: threading.Thread | None = None
        self._imported = threading.Event()

    # --- the program's side

    def write(self, data: bytes) -> None:
        """Takes output by the line: what has no end yet waits for it, or for `flush`; `print` writes in pieces, so by thread."""
        thread = threading.get_ident()
        with self._changed:
            data = self._partials.pop(thread, b"") + data
            end = data.rfind(b"\n") + 1
            if len(data) - end >= MAX_CHUNK:
                end = len(data)
            if end < len(data):
                self._partials[thread] = data[end:]
                data = data[:end]
            for start in range(0, len(data), MAX_CHUNK):
                self.put(data[start : start + MAX_CHUNK], self._channel)

    def put(self, data: bytes, channel: int) -> None:
        """Takes output, or an encoded event with the channel 0."""
        with self._changed:
            item = Item(channel, data)
            if self._given_up or len(data) + OVERHEAD > self.max_bytes:
                self._drop(item)
                return
            self._items.append(item)
            self._size += len(data) + OVERHEAD
            while self._size > self.max_bytes:
                self._drop(self._first())
            if self._in_child:
                self._hand_over()
            elif self._thread is None:
                self._start()
            elif self._idle:
                self._idle = False
                self._changed.notify_all()

    def _first(self) -> Item:
        item = self._items.popleft()
        self._size -= len(item.data) + OVERHEAD
        return item

    def _drop(self, item: Item) -> None:
        self.dropped_bytes += len(item.data)
        if self._lost is None:
            self._lost = OutputLost(channel=self._channel, reason=FULL)
            self._lost.from_time.FromNanoseconds(item.time)
        self._lost.bytes += len(item.data)
        self._lost.to_time.FromNanoseconds(item.time)

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no more threads, or the interpreter is going down
            self.problem = str(error)
        else:
            self._thread = thread

    def flush(self, timeout: float, *, everybody: bool = False) -> bool:
        """Sends a line without its end too, of this thread or of `everybody`.

        Waits at most so many seconds; True: all is with the server, but for what was dropped.
        """
        with self._changed:
            for thread in list(self._partials) if everybody else [threading.get_ident()]:
                if data := self._partials.pop(thread, b""):
                    self.put(data, self._channel)
        deadline = time.monotonic() + timeout
        while self._relay is not None and not self._in_child and not self._relay.is_empty() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        with self._changed:
            while (self._items or self._under_way) and not self._given_up:
                left = deadline - time.monotonic()
                if self._in_child and self._relay is not None:
                    self._relay.wait(max(0.0, left))
                    self._hand_over()
                elif left > 0 and self._thread is not None:
                    self._changed.wait(left)
                if left <= 0 or (self._thread is None and not self._in_child):
                    break
            return not (self._items or self._under_way or self._given_up)

    def close(self, timeout: float) -> bool:
        """As `flush`; afterwards nothing more is sent, and what has not arrived is counted as dropped."""
        done = self.flush(timeout, everybody=True)
        self._give_up(self.problem)
        return done

    def retire(self) -> None:
        """Nobody will say anything more: the thread ends when it has sent what waits."""
        with self._changed:
            self._retired = True
            self._changed.notify_all()

    # --- the thread's side

    def _run(self) -> None:
        from sightline import sync  # noqa: PLC0415 - a program that says nothing needs no gRPC

        self._imported.set()
        try:
            client = sync.connect(self._target, retry_for=0.0)
        except (ValueError, OSError) as error:
            self._give_up(str(error))
            return
        numbering = Numbering()
        for events in self._batches():
            self._deliver(client, events, numbering)
        client.close()

    def _batches(self) -> Iterator[list[Event]]:
        while True:
            with self._changed:
                self._under_way = False
                self._changed.notify_all()
                while not self._items and not self._given_up:
                    if self._retired:
                        return
                    self._idle = True
                    self._changed.wait()
                self._idle = False
            time.sleep(GATHER_SECONDS)
            with self._changed:
                if self._given_up:
                    return
                self._under_way = True
                events = self._take()
                self._carried = size_of(events)
            yield events

    def _take(self) -> list[Event]:
        made: list[Event] = []
        if self._lost is not None:
            made.append(Event(output_lost=self._lost, source=self.source))
            self._lost = None
        size = 0
        while self._items and size < MAX_BATCH and len(made) < MAX_BATCH_EVENTS:
            first = self._first()
            if not first.channel:
                made.append(Event.FromString(first.data))
                size += len(first.data)
                continue
            parts, length = [first.data], len(first.data)
            while self._items and self._items[0].channel == first.channel and length + len(self._items[0].data) <= MAX_CHUNK:
                parts.append(self._first().data)
                length += len(parts[-1])
            channel = cast(Channel.ValueType, first.channel)
            made.append(Event(output=Output(channel=channel, data=b"".join(parts)), source=self.source))
            made[-1].source_time.FromNanoseconds(first.time)
            size += length
        return made

    def _deliver(self, client: sync.Client, events: list[Event], numbering: Numbering) -> None:
        """Returns when they are in the log, or never can be."""
        from sightline import errors  # noqa: PLC0415

        pause = FIRST_PAUSE
        while not self._given_up:
            try:
                client.publish(self.session, events, producer_id=numbering.producer_id, first_sequence=numbering.next)
            except errors.SightlineError as error:
                if error.reason == "SEQUENCE_GAP":  # the server has forgotten how far this producer was
                    numbering.begin_anew()
                elif error.code in FINAL or error.reason == "TOO_MANY_SOURCES":
                    self._give_up(error.message)
                else:
                    self.problem = error.message
                    self._pause(pause)
                    pause = min(pause * 2, LAST_PAUSE)
            else:
                with self._changed:
                    numbering.next += len(events)
                    self.problem = ""
                    self.dropped_bytes += self._carried - size_of(events)  # those that were given up have arrived after all
                    self._carried = 0
                return

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with self._changed:
            while not self._given_up and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)

    def _give_up(self, problem: str) -> None:
        """Nothing can arrive any more, not even what is under way."""
        with self._changed:
            self.problem = problem
            self._given_up = True
            self.dropped_bytes += self._carried
            self._carried = 0
            while self._items:
                self._drop(self._first())
            self._changed.notify_all()

    # --- forks

    def prepare_fork(self) -> None:
        """Makes the way by which a child says something."""
        if self._thread is not None:
            self._grpc_is_ours = False
            self._imported.wait(IMPORT_SECONDS)  # a child must not find modules that are half imported
        if self._relay is None and not self._given_up:
            self._relay = Relay.new(self.put)
        util = sys.modules.get("multiprocessing.util")
        if util is not None and not self._tells_multiprocessing:  # its children end without `atexit`
            self._tells_multiprocessing = True
            util.register_after_fork(self, lambda _outbox: util.Finalize(None, _at_exit, exitpriority=0))

    def in_child(self) -> None:
        """What waits is the parent's to send; locks may be held by threads that are not here."""
        self._renew()
        self._in_child = self._relay is not None
        if self._relay is not None:
            self._relay.in_child()

    def _hand_over(self) -> None:
        """Gives to the parent what waits, as far as it takes it now."""
        while self._items and self._relay is not None:
            item = self._items[0]
            try:
                self._relay.send(item.channel, item.data)
            except BlockingIOError:
                return
            except OSError:
                self._without_parent()
                return
            self._first()

    def _without_parent(self) -> None:
        if self._grpc_is_ours:  # a daemon, say, that left its parent before it said anything
            self._in_child = False
            self._relay = None
            self._start()
        else:
            self._give_up("the process that talks to the server has ended: a forked child cannot do it")


class Numbering:
    """How far a producer is."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """As another producer."""
        self.producer_id = secrets.token_hex(16)
        self.next = 1


def size_of(events: Iterable[Event]) -> int:
    """Bytes that the program has said in these, as `Outbox.dropped_bytes` counts them."""
    return sum(len(event.output.data) or event.ByteSize() for event in events if not event.HasField("output_lost"))


def program_name() -> str:
    """What the program is called, as a source: printable and short."""
    name = PurePath(sys.argv[0] if sys.argv else "").name
    if name == "__main__.py":
        name = PurePath(sys.argv[0]).parent.name
    return "".join(filter(str.isprintable, name.encode(errors="replace").decode()))[:64] or "python"


_all: WeakSet[Outbox] = WeakSet()


def _at_exit() -> None:
    deadline = time.monotonic() + EXIT_SECONDS
    for outbox in list(_all):
        left = deadline - time.monotonic()
        outbox.flush(max(0.0, min(left, EXIT_SECONDS_ALONE) if outbox.problem else left), everybody=True)


def _for_each(do: Callable[[Outbox], None]) -> Callable[[], None]:
    def hook() -> None:
        for outbox in list(_all):
            do(outbox)

    return hook


atexit.register(_at_exit)
os.register_at_fork(before=_for_each(Outbox.prepare_fork), after_in_child=_for_each(Outbox.in_child))
