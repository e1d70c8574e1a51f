"""Everything that can happen around a stream, as rules that hypothesis combines, at the moments that hypothesis chooses.

A rule's `turns` are the turns of the event loop after it: 0 puts the next rule into the same turn, 1 lets only what was ready run.
The store's thread works when a rule says so, time passes when a rule says so, and a write waits until the reader takes.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from promises.history import Histories, History
from promises.house import DISKS, House, Resident
from promises.loop import SteppedLoop
from promises.reader import ALL, Reader, Record, Stream
from sightline.v1.event_pb2 import Channel, Error, Event, EventKind, Message, SessionState, StateChanged, ToolCall
from sightline.v1.session_service_pb2 import Filter, GapReason, Latest, OnExcess, OnGap, OnSlow, Pacing, SubscribeRequest
from sightline_server.errors import EpochChanged, EventsGone, SessionNotFound
from sightline_server.log.expiry import Limits
from sightline_server.log.session_log import Draft
from support.logs import Clock, notice, output

MANY = 10_000
MANY_STREAMS = 50
PATIENCE = 20
PATIENCE_SECONDS = 5.0
MAX_SESSIONS = 6
MAX_READERS = 4
HEARTBEAT_SECONDS = 1.0

TURNS = st.sampled_from([0, 1, 1, 2, 5])
WINDOWS = st.sampled_from([0, 1, 4, 1000])
WHICH = st.integers(0, 5)
LIMITS = st.sampled_from([None, None, Limits(max_session_bytes=1), Limits(max_session_bytes=6000), Limits(max_total_bytes=8000)])
NAMES = st.sampled_from(["a", "b"])
BATCHES = st.lists(st.text("oeOBnxmst", min_size=1, max_size=5), min_size=1, max_size=3)

FILTERS = {
    "all": Filter(),
    "output": Filter(kinds=[EventKind.EVENT_KIND_OUTPUT]),
    "stderr": Filter(channels=[Channel.CHANNEL_STDERR]),
    "from stderr": Filter(sources=["stderr"]),
    "notices": Filter(kinds=[EventKind.EVENT_KIND_NOTICE]),
    "nothing": Filter(kinds=[EventKind.EVENT_KIND_RESIZED]),
}

SLOW = {"block": OnSlow.ON_SLOW_BLOCK, "latest": OnSlow.ON_SLOW_TO_LATEST, "fail": OnSlow.ON_SLOW_FAIL}
RATE = 10  # events a second
PACES = {
    "gathered": Pacing(min_interval=Duration(nanos=300_000_000)),
    "merged": Pacing(min_interval=Duration(nanos=300_000_000), coalesce=True),
    "delayed": Pacing(max_events_per_second=RATE),
    "shed": Pacing(max_events_per_second=RATE, on_excess=OnExcess.ON_EXCESS_SHED),
    "merged and shed": Pacing(max_events_per_second=RATE, coalesce=True, on_excess=OnExcess.ON_EXCESS_SHED),
}


@dataclass(frozen=True)
class Ask:
    """What a subscriber asks for, in words that read well in a failing example."""

    who: tuple[str, ...]
    start: str | int = "oldest"
    filter: str = "all"
    heartbeat: bool = False
    until_caught_up: bool = False
    slow: str = "block"
    fail_on_gap: bool = False
    pace: str = "none"

    def request(self) -> SubscribeRequest:
        request = SubscribeRequest(
            sessions=self.who, filter=FILTERS[self.filter], until_caught_up=self.until_caught_up, max_lag_bytes=2000
        )
        if self.heartbeat:
            request.heartbeat_interval.FromMilliseconds(int(HEARTBEAT_SECONDS * 1000))
        if isinstance(self.start, int):
            request.tail = self.start
        elif self.start == "latest":
            request.latest.CopyFrom(Latest())
        request.snapshot = self.start == "screen"
        request.on_slow = SLOW[self.slow]
        request.on_gap = OnGap.ON_GAP_FAIL if self.fail_on_gap else OnGap.ON_GAP_SKIP
        if self.pace != "none":
            request.pacing.CopyFrom(PACES[self.pace])
        return request


RARELY = st.sampled_from([False, False, False, True])
ASKS = st.builds(
    Ask,
    who=st.sampled_from([(ALL,), ("a",), ("b",), ("a", "b"), ("id1",), ("id2", "id1")]),
    start=st.sampled_from(["oldest", "oldest", "latest", "screen", 0, 1, 5]),
    filter=st.sampled_from(["all", "all", *FILTERS]),
    heartbeat=st.booleans(),
    until_caught_up=RARELY,
    slow=st.sampled_from(["block", "block", "latest", "fail"]),
    fail_on_gap=RARELY,
    pace=st.sampled_from(["none", "none", *PACES]),
)


class World(RuleBasedStateMachine):
    """Sessions, readers and a server that comes and goes. What is promised is for those who inherit to judge."""

    def __init__(self, disk: str) -> None:
        super().__init__()
        self._folder = Path(tempfile.mkdtemp(prefix="promises"))
        self.loop = SteppedLoop()
        self.clock = Clock()
        self.histories = Histories()
        self._disk = DISKS[disk](self._folder)
        self.house = House(self._disk.open(), self.clock, self.histories)
        self.readers: list[Reader] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._problems: list[BaseException] = []
        self._marks = 0

    # --- moving

    def act(self, action: Callable[[], object], turns: int) -> None:
        """In the loop's next turn, behind what was to act in it before."""

        def guarded() -> None:
            try:
                action()
            except Exception as error:
                self._problems.append(error)

        self.loop.call_soon(guarded)
        for _ in range(turns):
            self.loop.turn()
        self.note()

    def begin(self, work: Coroutine[object, object, None]) -> None:
        """A task that nobody waits for."""
        self._tasks.add(self.loop.create_task(work))

    def note(self) -> None:
        """Takes in what was confirmed, and raises what went wrong meanwhile."""
        self.histories.note()
        tasks = [*self._tasks, *(reader.stream.task for reader in self.readers if reader.stream)]
        self._problems += [
            error for task in tasks if task.done() and not task.cancelled() and (error := task.exception()) is not None
        ]
        self._tasks = {task for task in self._tasks if not task.done()}
        if self._problems:
            raise self._problems.pop(0)

    def settle(self) -> None:
        """Until nothing is left to do and every reader has taken all there is, also those who wanted it slowly."""
        self.settle_at_once()
        for _ in range(PATIENCE):
            if not any(stream.request.HasField("pacing") for _, stream in self.open_streams()):
                return
            self.loop.wait(PATIENCE_SECONDS)
            self.settle_at_once()

    def settle_at_once(self) -> None:
        """The same, as far as it goes while time stands still."""
        for _ in range(MANY):
            self.loop.rest()
            self.note()
            if not [reader for reader in self.readers if self.took_all(reader)]:
                return
        raise AssertionError("the readers never come to rest")

    @staticmethod
    def took_all(reader: Reader) -> bool:
        taken = reader.take()
        while taken and reader.take():
            pass
        return taken

    # --- what is there

    def resident(self, which: int) -> Resident | None:
        residents = list(self.house.residents.values())
        return residents[which % len(residents)] if residents else None

    def reader(self, which: int) -> Reader | None:
        return self.readers[which % len(self.readers)] if self.readers else None

    def records(self) -> Iterator[tuple[Reader, Record, History]]:
        for reader in self.readers:
            for (session_id, _), record in reader.records.items():
                yield reader, record, self.histories.by_id[session_id]

    def open_streams(self) -> Iterator[tuple[Reader, Stream]]:
        for reader in self.readers:
            if reader.stream is not None and not reader.stream.task.done():
                yield reader, reader.stream

    # --- sessions

    @initialize(batches=BATCHES, ask=ASKS, window=WINDOWS, turns=TURNS)
    def begin_with(self, batches: Sequence[str], ask: Ask, window: int, turns: int) -> None:
        """A session with something in it, and somebody who follows."""
        self.create("a", False, 5)
        self.append(0, batches, turns)
        self.follow(ask, window, turns)

    @rule(name=NAMES, terminal=st.booleans(), turns=TURNS)
    def create(self, name: str, terminal: bool, turns: int) -> None:
        if len(self.histories.by_id) < MAX_SESSIONS:
            self.act(lambda: self.begin(self.house.create(name, terminal=terminal)), turns)

    @rule(which=WHICH, batches=BATCHES, turns=TURNS)
    def append(self, which: int, batches: Sequence[str], turns: int) -> None:
        def action() -> None:
            session = self.resident(which)
            for batch in batches:
                if session is not None and session.row.live:
                    session.append([self.draft(letter) for letter in batch], refusable="x" in batch)

        self.act(action, turns)

    @rule(which=WHICH, batches=BATCHES, turns=TURNS)
    def append_more(self, which: int, batches: Sequence[str], turns: int) -> None:
        """The same: it happens more often than all else."""
        self.append(which, batches, turns)

    def draft(self, letter: str) -> Draft:
        """Every event differs from every other."""
        self._marks += 1
        mark = f"{letter}{self._marks}"
        match letter:
            case "e":
                return output(mark.encode(), Channel.CHANNEL_STDERR, "stderr")
            case "n":
                return notice(mark)
            case "x":
                return Draft("sightline", Event(error=Error(message=mark)))
            case "m":
                return Draft("agent", Event(message=Message(message_id="one", text=mark, delta=True)))
            case "s":
                return Draft("sightline", Event(state_changed=StateChanged(state=SessionState.SESSION_STATE_IDLE, reason=mark)))
            case "t":
                return Draft("agent", Event(tool_call=ToolCall(name=mark)))
        return output(mark.encode().ljust({"o": 0, "O": 5000, "B": 300_000}[letter]))

    @rule(which=WHICH, how=st.sampled_from(["end", "delete", "replace"]), turns=TURNS)
    def a_session_goes(self, which: int, how: str, turns: int) -> None:
        """`replace`: another gets its name at once."""

        async def work(session: Resident) -> None:
            if how != "delete":
                await self.house.end(session)
            if how != "end":
                await self.house.delete(session)
            if how == "replace" and len(self.histories.by_id) < MAX_SESSIONS:
                await self.house.create(session.row.name, terminal=False)

        def action() -> None:
            session = self.resident(which)
            if session is not None:
                self.begin(work(session))

        self.act(action, turns)

    # --- the store

    @rule(limit=LIMITS, turns=TURNS, at_once=st.booleans())
    def retention_looks(self, limit: Limits | None, turns: int, at_once: bool) -> None:
        """Removes what is beyond a limit; without one it makes its round, and merges small blocks. `at_once`: until it is done."""
        retention = self.house.retention

        async def work() -> None:
            await (retention.look() if limit is None else retention.collect(limit))

        self.act(lambda: self.begin(work()), turns)
        if at_once:
            self.loop.rest()

    @rule(turns=TURNS)
    def the_thread_works(self, turns: int) -> None:
        self.loop.thread.work()
        self.act(lambda: None, turns)

    @rule(full=st.booleans(), turns=TURNS)
    def the_disk_is_full(self, full: bool, turns: int) -> None:
        self.house.full = full
        self.act(lambda: None, turns)

    @rule(seconds=st.sampled_from([0.4, HEARTBEAT_SECONDS]), turns=TURNS)
    def time_passes(self, seconds: float, turns: int) -> None:
        self.loop.wait(seconds)
        self.act(lambda: None, turns)

    # --- readers

    @rule(ask=ASKS, window=WINDOWS, turns=TURNS)
    def follow(self, ask: Ask, window: int, turns: int) -> None:
        if len(self.readers) < MAX_READERS:
            reader = Reader(ask.request(), window)
            self.readers.append(reader)
            self.act(lambda: self.connect(reader), turns)

    @rule(which=WHICH, count=st.sampled_from([1, 1, 2, 10]), turns=TURNS)
    def take(self, which: int, count: int, turns: int) -> None:
        def action() -> None:
            reader = self.reader(which)
            for _ in range(count):
                if reader is None or not reader.take():
                    return

        self.act(action, turns)

    @rule(which=WHICH, turns=TURNS)
    def take_all(self, which: int, turns: int) -> None:
        self.take(which, MANY, turns)

    @rule(which=WHICH, turns=TURNS)
    def cut(self, which: int, turns: int) -> None:
        def action() -> None:
            reader = self.reader(which)
            if reader is not None and reader.stream is not None:
                reader.stream.cut()

        self.act(action, turns)

    @rule(which=WHICH, turns=TURNS)
    def resume(self, which: int, turns: int) -> None:
        def action() -> None:
            reader = self.reader(which)
            if reader is not None:
                self.connect(reader)

        self.act(action, turns)

    @rule(which=WHICH, count=st.integers(1, 8))
    def cut_at_every_message(self, which: int, count: int) -> None:
        reader = self.reader(which)
        for _ in range(count if reader else 0):
            self.take(which, 1, 2)
            self.cut(which, 2)
            self.resume(which, 2)

    def connect(self, reader: Reader) -> None:
        """Opens the first stream, or the next one when the last is broken and there is more to come."""
        if reader.stream is not None:
            if not reader.stream.is_over:
                return
            reader.learn(reader.stream.error)
        if not reader.over:
            reader.connect(self.house, self.clock, self.on_written, self.on_error)  # type: ignore[arg-type]

    def on_written(self, stream: Stream) -> None:
        """What can only be judged at the moment."""
        gap = stream.written[-1].gap
        if gap.reason == GapReason.GAP_REASON_RETENTION and gap.session_id in self.house.residents:
            oldest = self.house.residents[gap.session_id].log.bounds.oldest_seq
            assert gap.last_seq < oldest, f"{gap} names what is kept: {oldest}"

    def on_error(self, stream: Stream) -> None:
        """No refusal without need."""
        session = stream.error.variables.get("session", "") if stream.error else ""
        match stream.error:
            case EpochChanged():
                assert stream.request.resume.places[session].epoch != self.house.residents[session].row.epoch
            case SessionNotFound():
                assert session not in self.house.residents
                assert session not in {one.row.name for one in self.house.residents.values()}
            case EventsGone():
                assert stream.request.on_gap == OnGap.ON_GAP_FAIL
            case _:
                raise AssertionError(f"the stream failed: {stream.error}")

    # --- the server

    @rule(how=st.sampled_from(["clean", "kill", "power"]), arrives=st.booleans())
    def restart(self, how: str, arrives: bool) -> None:
        """`arrives`: what was on its way to readers still reaches them."""
        self.loop.turn()
        if how == "clean":
            self.house.drain()
            self.loop.rest()
        self.note()
        self.house.die()
        self.loop.thread.die()
        for reader in self.readers:
            if reader.stream is not None:
                reader.stream.cut(arrives=arrives)
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.rest()
        if how == "clean":
            self._disk.close()
        self._tasks.clear()
        store = self._disk.open() if how == "clean" else self._disk.crash(power=how == "power")
        self.histories.crash(lambda session_id: store.row(session_id) is not None)
        self.house = House(store, self.clock, self.histories)
        self.note()

    # --- judging

    @rule()
    def all_is_quiet(self) -> None:
        """All that was begun is done, and all readers are there and have taken everything: now promises can be judged."""
        self.house.full = False
        self.loop.wait(HEARTBEAT_SECONDS)  # also the time after which a full disk is tried again
        self.settle()
        for _ in range(MANY_STREAMS):
            broken = [reader for reader in self.readers if not reader.over and (reader.stream is None or reader.stream.is_over)]
            if not broken:
                self.judge()
                return
            for reader in broken:
                self.act(partial(self.connect, reader), 1)
            self.settle()
        raise AssertionError("a reader resumes for ever")

    def judge(self) -> None:
        """Raises when the promise is broken."""

    def teardown(self) -> None:
        try:
            self.all_is_quiet()
        finally:
            self.house.die()
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.rest()
            self._disk.close()
            self.loop.close()
            shutil.rmtree(self._folder)
