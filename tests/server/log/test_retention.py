"""Retention and compaction: what goes, what stays, and what readers are told; on both stores."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sightline.v1.event_pb2 import Event
from sightline_server.errors import DiskFull
from sightline_server.log import record
from sightline_server.log.committer import Committer
from sightline_server.log.expiry import Limits, Living, plan
from sightline_server.log.retention import Retention
from sightline_server.log.session_log import SessionLog
from sightline_server.storage.contract import Bounds, Outline, SessionRow, Store
from sightline_server.storage.memory import MemoryStore
from sightline_server.storage.sqlite import SqliteStore
from sightline_server.subscription.position import Position
from support.logs import EPOCH, SECOND, notice, output, settled

KIB = 1024
DAY = 24 * 3600 * SECOND


class Held:
    def __init__(self, log: SessionLog) -> None:
        self.log = log


class Shelf:
    """A `retention.Logs` of logs without sessions, and the clocks they go by."""

    def __init__(self, store: Store) -> None:
        self.committer = Committer(store)
        self.now = 400 * DAY
        self.steady = 0
        self.live: dict[int, SessionLog] = {}
        self.open: dict[int, Held] = {}
        self.gone: list[int] = []

    def retention(self, **limits: int) -> Retention:
        return Retention(self.committer, self, Limits(**limits), lambda: self.now, lambda: self.steady)

    def add(self, number: int) -> SessionLog:
        self.live[number] = SessionLog(f"id{number}", number, EPOCH, self.committer, lambda: self.now)
        return self.live[number]

    async def end(self, number: int) -> None:
        log = self.live[number]
        row = SessionRow(number, log.session_id, log.session_id, EPOCH, False, "", b"", b"", "{}")
        await log.append([notice("over")], row=row)
        log.close()
        self.open[number] = Held(self.live.pop(number))

    async def ended(self, number: int, events: int, size: int) -> SessionLog:
        log = self.add(number)
        for _ in range(events):
            await log.append([output(bytes(size))])
        await self.end(number)
        return log

    def live_logs(self) -> Iterator[SessionLog]:
        yield from self.live.values()

    def numbered(self, number: int) -> Held | None:
        if number in self.live:
            return Held(self.live[number])
        if number not in self.open and self.committer.store.bounds(number) != Bounds():
            self.open[number] = Held(SessionLog(f"id{number}", number, EPOCH, self.committer, lambda: self.now, closed=True))
        return self.open.get(number)

    def forgotten(self, numbers: object) -> None:
        assert isinstance(numbers, list)
        self.gone += numbers
        for number in numbers:
            if number in self.open:
                self.open.pop(number).log.forget()


@pytest.fixture(params=["memory", "sqlite"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    store: Store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "sightline.db", "boot")
    store.open()
    yield Shelf(store)
    store.close()


def stored(store: Store, number: int, after: int = 0) -> list[Event]:
    return [event for block in store.blocks_after(number, after, 1 << 40) for event in record.decode(block.data)]


async def test_a_live_log_over_its_size_loses_its_oldest_and_keeps_its_newest(shelf: Shelf) -> None:
    log = shelf.add(1)
    for _ in range(100):
        await log.append([output(bytes(10 * KIB))])
    await shelf.retention(max_session_bytes=200 * KIB).look()
    assert 190 * KIB < log.size <= 200 * KIB
    assert [event.seq for event in stored(shelf.committer.store, 1)] == list(range(log.bounds.oldest_seq, 101))
    await shelf.retention(max_session_bytes=1).look()
    assert log.bounds.oldest_seq == log.head_seq == 100


async def test_ended_logs_give_way_before_live_ones_and_the_oldest_first(shelf: Shelf) -> None:
    live = shelf.add(1)
    await live.append([output(bytes(100 * KIB))])
    for number in (2, 3, 4):
        shelf.now += DAY
        await shelf.ended(number, 10, 10 * KIB)
    await shelf.retention(max_total_bytes=250 * KIB).look()
    assert shelf.gone == [2]
    assert (live.bounds.oldest_seq, shelf.open[4].log.bounds.oldest_seq) == (1, 1)
    assert shelf.open[3].log.bounds.oldest_seq > 1
    assert shelf.committer.store.ended_totals().sessions == 2
    assert shelf.committer.store.ended_totals().bytes + live.size <= 250 * KIB


async def test_live_logs_give_way_when_no_ended_one_is_left(shelf: Shelf) -> None:
    logs = [shelf.add(number) for number in (1, 2)]
    for log in logs:
        for _ in range(10):
            await log.append([output(bytes(10 * KIB))])
        shelf.now += DAY
    await shelf.ended(3, 1, 10)
    await shelf.retention(max_total_bytes=150 * KIB).look()
    assert shelf.gone == [3]
    assert logs[0].bounds.oldest_seq > 5
    assert logs[1].bounds.oldest_seq == 1


async def test_a_reader_of_an_ended_log_meets_the_exact_gap(shelf: Shelf) -> None:
    log = await shelf.ended(1, 20, 10 * KIB)
    reader = Position(log, 3)
    await shelf.retention(max_session_bytes=100 * KIB).look()
    gap = reader.skip_gone()
    assert gap is not None
    assert (gap.first_seq, gap.last_seq) == (4, log.bounds.oldest_seq - 1)
    read: list[Event] = []
    while reader.seq < log.head_seq:
        read += record.decode(reader.take())
    assert [event.seq for event in read] == list(range(gap.last_seq + 1, log.head_seq + 1))


async def test_the_gap_is_told_before_the_events_go(shelf: Shelf) -> None:
    log = await shelf.ended(1, 20, 10 * KIB)
    reader = Position(log, 0)
    trim, seen = shelf.committer.store.trim, list[int]()

    def watched(number: int, up_to_seq: int, max_bytes: int) -> Bounds:
        seen.append(log.bounds.oldest_seq - up_to_seq)
        return trim(number, up_to_seq, max_bytes)

    shelf.committer.store.trim = watched  # type: ignore[method-assign]
    await shelf.retention(max_session_bytes=100 * KIB).look()
    assert seen
    assert set(seen) == {1}
    assert reader.skip_gone() is not None


async def test_what_could_not_be_removed_can_be_read_again(shelf: Shelf) -> None:
    log = await shelf.ended(1, 20, 10 * KIB)

    def full(number: int, up_to_seq: int, max_bytes: int) -> Bounds:
        raise DiskFull(path="here")

    shelf.committer.store.trim = full  # type: ignore[method-assign]
    with pytest.raises(DiskFull):
        await shelf.retention().collect(Limits(max_session_bytes=100 * KIB))
    assert log.bounds.oldest_seq == 1
    assert Position(log, 0).skip_gone() is None


async def test_a_forgotten_session_is_gone_for_its_readers_too(shelf: Shelf) -> None:
    log = await shelf.ended(1, 5, 10)
    reader = Position(log, 2)
    removed = await shelf.retention().collect(Limits(max_total_bytes=1))
    gap = reader.skip_gone()
    assert gap is not None
    assert (gap.first_seq, gap.last_seq, reader.seq) == (3, 6, log.head_seq)
    assert (removed.events, len(removed.forgotten), len(removed.shortened)) == (6, 1, 0)
    assert shelf.committer.store.bounds(1) == Bounds()
    assert shelf.committer.store.row("id1") is None


async def test_a_caller_who_hangs_up_meanwhile_leaves_no_reader_untold(shelf: Shelf) -> None:
    log = await shelf.ended(1, 5, 10)
    reader = Position(log, 2)
    store = shelf.committer.store
    plain, begun, may_go_on = store.hide, threading.Event(), threading.Event()

    def watched(numbers: Sequence[int]) -> None:
        begun.set()
        may_go_on.wait(10)
        plain(numbers)

    store.hide = watched  # type: ignore[method-assign]
    collecting = asyncio.create_task(shelf.retention().collect(Limits(max_total_bytes=1)))
    assert await asyncio.to_thread(begun.wait, 10)
    collecting.cancel()
    await settled()
    may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await collecting
    assert store.row("id1") is None
    gap = reader.skip_gone()
    assert gap is not None
    assert gap.last_seq == log.head_seq
    await shelf.retention().look()
    assert store.bounds(1) == Bounds()


async def test_a_dry_run_says_what_would_go_and_removes_nothing(shelf: Shelf) -> None:
    await shelf.ended(1, 20, 10 * KIB)
    await shelf.ended(2, 20, 10 * KIB)
    retention = shelf.retention()
    said = await retention.collect(Limits(max_total_bytes=300 * KIB), dry_run=True)
    assert shelf.committer.store.ended_totals().sessions == 2
    assert shelf.committer.store.bounds(1).oldest_seq == 1
    assert await retention.collect(Limits(max_total_bytes=300 * KIB)) == said
    assert said.bytes >= 100 * KIB


async def test_a_limit_of_the_server_holds_whatever_a_caller_wants(shelf: Shelf) -> None:
    await shelf.ended(1, 20, 10 * KIB)
    await shelf.retention(max_session_bytes=100 * KIB).collect(Limits(max_session_bytes=1 << 60))
    assert shelf.committer.store.ended_totals().bytes <= 100 * KIB


# --- age, and clocks that jump


async def test_old_events_go_and_sessions_that_have_no_others_are_forgotten(shelf: Shelf) -> None:
    await shelf.ended(1, 3, 10)
    log = shelf.add(2)
    await log.append([output(b"old")])
    shelf.now += 5 * DAY
    await log.append([output(b"new")])
    shelf.now += 8 * DAY
    await log.append([output(b"newest")])
    await shelf.retention().collect(Limits(max_age=10 * DAY))
    assert shelf.gone == [1]
    assert [event.output.data for event in stored(shelf.committer.store, 2)] == [b"new", b"newest"]


async def test_age_counts_in_the_background_once_the_clock_has_gone_on_for_an_hour(shelf: Shelf) -> None:
    await shelf.ended(1, 3, 10)
    shelf.now += 11 * DAY
    retention = shelf.retention(max_age=10 * DAY)
    await retention.look()
    assert shelf.gone == []
    pass_time(shelf, retention, 3600)
    await retention.look()
    assert shelf.gone == [1]


@pytest.mark.parametrize("jump", [365 * DAY, -365 * DAY])
async def test_a_clock_that_jumps_a_year_removes_nothing_until_it_was_steady_for_an_hour(shelf: Shelf, jump: int) -> None:
    await shelf.ended(1, 3, 10)
    retention = shelf.retention(max_age=10 * DAY)
    pass_time(shelf, retention, 7200)
    await retention.look()
    shelf.now += jump
    pass_time(shelf, retention, 60)
    await retention.look()
    shelf.now -= jump  # it is put right
    pass_time(shelf, retention, 60)
    await retention.look()
    assert shelf.gone == []


def pass_time(shelf: Shelf, retention: Retention, seconds: int) -> None:
    shelf.now += seconds * SECOND
    shelf.steady += seconds * SECOND
    retention._next_age_look = 0


# --- compaction


def sizes(store: Store, number: int) -> list[int]:
    return [len(block.data) for block in store.blocks_after(number, 0, 1 << 40)]


async def test_small_blocks_of_a_quiet_log_become_large_ones_and_read_the_same(shelf: Shelf) -> None:
    log = shelf.add(1)
    for number in range(1500):
        await log.append([output(b"%d" % number * 20)])
    before = stored(shelf.committer.store, 1)
    retention = shelf.retention()
    await retention.look()
    merged = sizes(shelf.committer.store, 1)
    assert stored(shelf.committer.store, 1) == before
    assert max(merged) <= 64 * KIB
    assert sum(size > 4 * KIB for size in merged) >= 2
    assert len(merged) < 1000  # the rest waits until there is enough for a block
    await shelf.end(1)
    await retention.look()
    assert len(sizes(shelf.committer.store, 1)) < 10
    assert stored(shelf.committer.store, 1)[:-1] == before
    assert shelf.committer.store.unmerged(10) == []


async def test_each_event_is_rewritten_once(shelf: Shelf) -> None:
    log = shelf.add(1)
    retention = shelf.retention()
    merges: list[tuple[int, int]] = []
    merge = shelf.committer.store.merge

    def counted(number: int, first_seq: int, last_seq: int) -> None:
        merges.append((first_seq, last_seq))
        merge(number, first_seq, last_seq)

    shelf.committer.store.merge = counted  # type: ignore[method-assign]
    for turn in range(2000):
        await log.append([output(bytes(200) if turn % 7 else bytes(9000))])
        if turn % 50 == 0:
            await retention.look()
    await shelf.end(1)
    await retention.look()
    seqs = [seq for first, last in merges for seq in range(first, last + 1)]
    assert len(seqs) == len(set(seqs))
    assert len(sizes(shelf.committer.store, 1)) < 700
    assert [event.seq for event in stored(shelf.committer.store, 1)] == list(range(1, 2002))


async def test_a_log_that_does_not_grow_is_not_looked_at_again(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    log = shelf.add(1)
    for _ in range(3):
        await log.append([notice("small")])
    await log.append([output(bytes(60 * KIB)), output(bytes(60 * KIB))])  # what is before it may still grow, for all one knows
    retention = shelf.retention()
    await retention.look()
    looks: list[int] = []
    plain = shelf.committer.store.small_blocks

    def watched(number: int, after_seq: int, up_to_seq: int, limit: int) -> list[Outline]:
        looks.append(number)
        return plain(number, after_seq, up_to_seq, limit)

    monkeypatch.setattr(shelf.committer.store, "small_blocks", watched)
    await retention.look()
    assert looks == []
    await log.append([notice("small")])
    await retention.look()
    assert looks == [1]
    outline = shelf.committer.store.outline(1, 1)
    assert outline is not None
    assert outline.last_seq == 3


async def test_a_reader_in_the_middle_does_not_notice(shelf: Shelf) -> None:
    log = shelf.add(1)
    for number in range(1000):
        await log.append([output(b"%d" % number * 30)])
    reader = Position(log, 0)
    read = record.decode(reader.take(max_entries=333))
    await shelf.retention().look()
    while reader.seq < log.head_seq:
        read += record.decode(reader.take())
    assert [event.seq for event in read] == list(range(1, 1001))
    assert reader.offset == log.bounds.end_offset


Step = Callable[[SessionLog, Retention], object]
STEPS = st.lists(st.one_of(st.integers(1, 9000), st.sampled_from(["look", "trim", "reopen"])), min_size=1, max_size=60)


@settings(max_examples=60)
@given(steps=STEPS, on_disk=st.booleans())
def test_merging_and_trimming_never_change_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int | str], on_disk: bool
) -> None:
    asyncio.run(merge_and_trim(tmp_path_factory.mktemp("store") / "sightline.db" if on_disk else None, steps))


async def merge_and_trim(path: Path | None, steps: list[int | str]) -> None:
    store: Store = SqliteStore(path, "boot") if path else MemoryStore()
    store.open()
    shelf = Shelf(store)
    log = shelf.add(1)
    retention = shelf.retention()
    written: dict[int, bytes] = {}
    for step in steps:
        if isinstance(step, int):
            data = bytes([step % 256]) * step
            drafts = [output(data[:100])] * 3 + [output(data)]
            last = await log.append(drafts)
            written.update(zip(range(last - 3, last + 1), [data[:100]] * 3 + [data], strict=True))
        elif step == "look":
            for _ in range(70):  # enough for a block of merged ones
                written[await log.append([output(b"-" * 1000)])] = b"-" * 1000
            await retention.look()
        elif step == "trim":
            await retention.collect(Limits(max_session_bytes=max(1, log.size // 2)))
        elif path:
            if log.head_seq:
                await log.append([])
            store = SqliteStore(path, "boot")  # the one before was killed
            store.open()
            shelf = Shelf(store)
            log, retention = shelf.add(1), shelf.retention()
        oldest = log.bounds.oldest_seq
        for start in {oldest - 1, (oldest + log.head_seq) // 2}:
            got = {event.seq: event.output.data for event in stored(store, 1, start) if event.seq > start}
            assert got == {seq: data for seq, data in written.items() if seq > start}
        assert store.bounds(1) == log.bounds or not log.head_seq
    store.close()


async def test_a_plan_over_many_ended_sessions_takes_just_enough(shelf: Shelf) -> None:
    for number in range(1, 31):
        await shelf.ended(number, 1, KIB)
        shelf.now += SECOND
    store = shelf.committer.store
    total = store.ended_totals().bytes
    cuts = plan(store, Limits(max_total_bytes=total // 2), 0, [], 1000)
    assert [cut.number for cut in cuts if cut.whole] == list(range(1, 16))
    assert sum(cut.bytes for cut in cuts) >= total - total // 2


async def test_a_plan_that_does_not_look_at_all_ended_sessions_leaves_the_live_ones_alone(shelf: Shelf) -> None:
    for number in (1, 2, 3):
        await shelf.ended(number, 1, KIB)
    live = shelf.add(4)
    for _ in range(10):
        await live.append([output(bytes(KIB))])
    cuts = plan(shelf.committer.store, Limits(max_total_bytes=live.size), 0, [Living(4, live.bounds)], 2)
    assert [cut.number for cut in cuts] == [1, 2]
