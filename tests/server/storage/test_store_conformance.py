"""What every store promises, tried on each of them."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sightline_server.errors import CorruptDatabase, DiskFull, NewerDatabase
from sightline_server.storage.contract import (
    Block,
    Bounds,
    Commit,
    EndedLog,
    EndedTotals,
    Outline,
    SessionRow,
    SourcePosition,
    Store,
)
from sightline_server.storage.layout import LAYOUT
from sightline_server.storage.memory import MemoryStore
from sightline_server.storage.sqlite import SqliteStore

BOOT = "first-boot"


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "sightline.db", BOOT)
    made.open()
    yield made
    made.close()


def block(first: int, last: int, offset: int, size: int = 10, time: int = 0) -> Block:
    return Block(first, last, time, time, offset, os.urandom(size), b"i" * 12 * (last - first + 1))


def row(number: int, name: str = "build", *, live: bool = True, request_id: str = "") -> SessionRow:
    return SessionRow(number, f"id{number}", name, 7, live, request_id, b"f", b"record", "{}")


def filled(store: Store, number: int, sizes: list[int]) -> list[Block]:
    blocks: list[Block] = []
    offset = 0
    for place, size in enumerate(sizes):
        blocks.append(block(place * 2 + 1, place * 2 + 2, offset, size))
        offset += size
        store.commit(Commit(blocks=[(number, blocks[-1])]))
    return blocks


def test_an_empty_log_has_no_bounds(store: Store) -> None:
    assert store.bounds(1) == Bounds()
    assert store.blocks_after(1, 0, 100) == []
    assert store.block_with(1, 5) is None


@pytest.mark.parametrize("sizes", [[10, 20, 30], [5000, 10, 70_000, 4096, 4097]])
def test_blocks_come_back_as_they_were(store: Store, sizes: list[int]) -> None:
    blocks = filled(store, 1, sizes)
    assert store.blocks_after(1, 0, 1 << 30) == blocks
    assert store.bounds(1) == Bounds(1, len(sizes) * 2, 0, sum(sizes), 0)


def test_reading_begins_with_the_block_that_holds_the_next_entry(store: Store) -> None:
    blocks = filled(store, 1, [10, 20, 30])
    assert store.blocks_after(1, 3, 1 << 30) == blocks[1:]
    assert store.blocks_after(1, 4, 1 << 30) == blocks[2:]
    assert store.blocks_after(1, 6, 1 << 30) == []


def test_reading_gives_one_block_at_least_and_no_more_than_asked(store: Store) -> None:
    blocks = filled(store, 1, [1000, 1000, 1000])
    assert store.blocks_after(1, 0, 1) == blocks[:1]
    assert store.blocks_after(1, 0, 2000) == blocks[:2]


def test_logs_of_sessions_do_not_mix(store: Store) -> None:
    first = filled(store, 1, [10, 9000])
    second = filled(store, 2, [9000, 10])
    assert store.blocks_after(1, 0, 1 << 30) == first
    assert store.blocks_after(2, 0, 1 << 30) == second
    assert store.block_with(2, 99) == second[-1]


def test_the_block_with_an_entry_is_found(store: Store) -> None:
    blocks = filled(store, 1, [10, 20, 30])
    assert [store.block_with(1, seq) for seq in range(7)] == [None, *(b for b in blocks for _ in range(2))]


def test_positions_replace_each_other(store: Store) -> None:
    store.commit(Commit(positions=[SourcePosition(1, 1, "stdout", 5), SourcePosition(1, 2, "stderr", 6)]))
    store.commit(Commit(positions=[SourcePosition(1, 1, "stdout", 50)]))
    assert store.positions(1) == [SourcePosition(1, 1, "stdout", 50), SourcePosition(1, 2, "stderr", 6)]
    assert store.positions(2) == []


def test_inputs_are_remembered(store: Store) -> None:
    store.commit(Commit(inputs=[(1, "r1", 17)]))
    assert store.input_seq(1, "r1") == 17
    assert store.input_seq(2, "r1") is None


def test_the_live_session_of_a_name_is_found_before_newer_ended_ones(store: Store) -> None:
    store.commit(Commit(rows=[row(1), row(2, live=False), row(3, "other", live=False, request_id="r3")]))
    assert store.newest_named("build") == row(1)
    store.commit(Commit(rows=[row(1, live=False)]))
    assert store.newest_named("build") == row(2, live=False)
    assert store.requested("r3") == row(3, "other", live=False, request_id="r3")
    assert store.requested("") is None
    assert store.row("id2") == row(2, live=False)
    assert store.live_rows() == []


def test_rows_come_newest_first_by_page(store: Store) -> None:
    store.commit(Commit(rows=[row(number) for number in range(1, 6)]))
    assert [r.number for r in store.rows_before(6, 2)] == [5, 4]
    assert [r.number for r in store.rows_before(4, 9)] == [3, 2, 1]


def test_a_deleted_session_is_gone_at_once_and_its_blocks_later(store: Store) -> None:
    store.commit(Commit(rows=[row(1, request_id="r"), row(2)]))
    filled(store, 1, [9000, 10])
    kept = filled(store, 2, [9000])
    store.hide([1])
    assert store.row("id1") is None
    assert store.newest_named("build") == row(2)
    assert store.requested("r") is None
    list(store.sweep())
    assert store.bounds(1) == Bounds()
    assert store.blocks_after(2, 0, 1 << 30) == kept


def test_numbers_are_not_given_again(store: Store) -> None:
    assert store.last_number() == 0
    store.commit(Commit(rows=[row(1), row(2)]))
    store.hide([2])
    list(store.sweep())
    assert store.last_number() == 2


def test_trimming_takes_whole_blocks_from_the_oldest_on(store: Store) -> None:
    blocks = filled(store, 1, [9000, 10, 9000, 20])
    assert store.trim(1, 5, 1 << 30) == Bounds(5, 8, 9010, 18030, 0)
    assert store.blocks_after(1, 0, 1 << 30) == blocks[2:]
    assert store.trim(1, 1, 1 << 30) == Bounds(5, 8, 9010, 18030, 0)


def test_trimming_stops_when_enough_is_gone(store: Store) -> None:
    filled(store, 1, [10, 10, 10])
    assert store.trim(1, 6, 1).oldest_seq == 3


def test_outlines_are_blocks_without_their_bytes(store: Store) -> None:
    filled(store, 1, [10, 9000])
    assert store.outline(1, 4) == Outline(3, 4, 0, 0, 10, 9000)
    assert store.outline(1, 0) is None
    assert store.extent(1) == store.bounds(1)


def test_what_ended_sessions_keep_is_known(store: Store) -> None:
    store.commit(Commit(rows=[row(1), row(2)]))
    filled(store, 1, [9000, 10])
    store.commit(Commit(rows=[row(1, live=False)], blocks=[(1, block(5, 5, 9010, 90, time=7))]))
    assert store.ended_totals() == EndedTotals(1, 9100)
    assert store.ended_logs(10) == [EndedLog(1, 9100, 0, 7)]
    assert store.ended_logs(10, over=9100) == []
    store.trim(1, 4, 1 << 30)
    assert store.ended_logs(10, over=1) == [EndedLog(1, 90, 7, 7)]
    assert store.ended_totals() == EndedTotals(1, 90)
    store.hide([1])
    assert store.ended_totals() == EndedTotals(0, 0)


def test_a_session_that_ends_while_they_are_counted_is_counted_the_next_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.commit(Commit(rows=[row(1), row(2)]))
    store.commit(Commit(rows=[row(1, live=False)]))

    def meanwhile(sessions: int, size: int) -> EndedTotals:
        monkeypatch.undo()
        store.commit(Commit(rows=[row(2, live=False)]))
        return EndedTotals(sessions, size)

    for module in ("memory", "upkeep"):
        monkeypatch.setattr(f"sightline_server.storage.{module}.EndedTotals", meanwhile)
    assert store.ended_totals().sessions == 1
    assert store.ended_totals().sessions == 2


def test_what_a_thread_removes_and_merges_is_no_hole_for_who_reads_meanwhile() -> None:
    store = MemoryStore()
    last = 4000
    filled(store, 1, [1] * (last // 2))

    def shorten() -> None:
        for seq in range(1, last // 2, 4):
            store.merge(1, seq, seq + 3)
        for seq in range(4, last // 2, 4):
            store.trim(1, seq, 1)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        thread = threading.Thread(target=shorten)
        thread.start()
        while thread.is_alive():
            assert store.blocks_after(1, last - 10, 1)[0].first_seq == last - 9
        thread.join()
    finally:
        sys.setswitchinterval(interval)


def test_ended_logs_come_with_the_oldest_first(store: Store) -> None:
    for number, time in ((1, 30), (2, 10), (3, 20)):
        store.commit(Commit(rows=[row(number, f"s{number}", live=False)], blocks=[(number, block(1, 1, 0, 10, time))]))
    assert [log.number for log in store.ended_logs(2)] == [2, 3]


def test_ended_sessions_wait_to_be_merged_until_they_were(store: Store) -> None:
    store.commit(Commit(rows=[row(1, live=False), row(2, "other")]))
    assert store.unmerged(10) == [1]
    store.set_merged([1])
    assert store.unmerged(10) == []
    store.commit(Commit(rows=[row(2, "other", live=False)]))
    assert store.unmerged(10) == [2]


def test_small_blocks_are_found_between_large_ones(store: Store) -> None:
    filled(store, 1, [10, 4096, 4097, 20, 30])
    assert [one.first_seq for one in store.small_blocks(1, 0, 10, 9)] == [1, 3, 7, 9]
    assert [one.first_seq for one in store.small_blocks(1, 2, 8, 9)] == [3, 7]
    assert [one.first_seq for one in store.small_blocks(1, 2, 9, 9)] == [3, 7]  # the last one ends behind 9
    assert [one.first_seq for one in store.small_blocks(1, 0, 10, 2)] == [1, 3]


def test_merged_blocks_are_one_with_all_their_bytes(store: Store) -> None:
    blocks = filled(store, 1, [10, 20, 30, 40])
    before = store.bounds(1)
    store.merge(1, 3, 6)
    joined = Block(3, 6, 0, 0, 10, blocks[1].data + blocks[2].data, blocks[1].index + blocks[2].index)
    assert store.blocks_after(1, 0, 1 << 30) == [blocks[0], joined, blocks[3]]
    assert store.block_with(1, 5) == joined
    assert store.bounds(1) == before


def test_what_are_no_whole_neighbours_is_not_merged(store: Store) -> None:
    blocks = filled(store, 1, [10, 20, 30])
    store.merge(1, 2, 6)
    store.merge(1, 3, 5)
    store.merge(1, 7, 9)
    assert store.blocks_after(1, 0, 1 << 30) == blocks


def test_upkeep_changes_nothing_that_can_be_read(store: Store) -> None:
    blocks = filled(store, 1, [100_000] * 5)
    list(store.upkeep())
    assert store.blocks_after(1, 0, 1 << 30) == blocks


# --- SQLite alone: what a process that ends does not lose


Reopen = Callable[..., SqliteStore]


@pytest.fixture
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Reopen:
    def opened(boot: str = BOOT) -> SqliteStore:
        made = SqliteStore(tmp_path / "sightline.db", boot)
        made.open()
        request.addfinalizer(made.close)
        return made

    return opened


def epoch(store: Store) -> int:
    found = store.row("id1")
    assert found is not None
    return found.epoch


def test_a_killed_process_takes_nothing_back(reopen: Reopen) -> None:
    first = reopen()
    first.commit(Commit(rows=[row(1)]))
    blocks = filled(first, 1, [10, 100_000])
    second = reopen()  # the first was never closed
    assert second.blocks_after(1, 0, 1 << 30) == blocks
    assert epoch(second) == 7


def test_what_a_torn_write_left_is_overwritten(reopen: Reopen, tmp_path: Path) -> None:
    first = reopen()
    blocks = filled(first, 1, [9000])
    (file,) = (tmp_path / "sightline.db.blocks" / "1").iterdir()
    with file.open("ab") as tail:
        tail.write(b"half a block that was never committed")
    second = reopen()
    second.commit(Commit(blocks=[(1, more := block(3, 4, 9000, 5000))]))
    assert second.blocks_after(1, 0, 1 << 30) == [*blocks, more]


def test_a_machine_that_went_down_gives_new_epochs(reopen: Reopen) -> None:
    reopen().commit(Commit(rows=[row(1)]))
    assert epoch(reopen("second-boot")) != 7


@pytest.mark.parametrize("damage", ["cut", "empty page"])
def test_a_machine_that_went_down_keeps_what_reached_the_disk(reopen: Reopen, tmp_path: Path, damage: str) -> None:
    first = reopen()
    first.commit(Commit(rows=[row(1)]))
    blocks = filled(first, 1, [50_000, 50_000, 50_000])
    (file,) = (tmp_path / "sightline.db.blocks" / "1").iterdir()
    with file.open("r+b") as events:
        if damage == "cut":
            events.truncate(120_000)
        else:
            events.seek(102_400)
            events.write(bytes(8192))
    second = reopen("second-boot")
    assert second.blocks_after(1, 0, 1 << 30) == blocks[:2]
    assert epoch(second) != 7
    second.commit(Commit(blocks=[(1, more := block(5, 6, 100_000, 5000))]))
    assert second.blocks_after(1, 0, 1 << 30) == [*blocks[:2], more]


def test_a_clean_close_keeps_the_epoch_over_a_boot(reopen: Reopen) -> None:
    first = reopen()
    first.commit(Commit(rows=[row(1)]))
    first.close()
    assert epoch(reopen("second-boot")) == 7


def test_a_restored_backup_gives_new_epochs(reopen: Reopen, tmp_path: Path) -> None:
    path = tmp_path / "sightline.db"
    first = reopen()
    first.commit(Commit(rows=[row(1)]))
    first.close()
    backup = path.read_bytes()
    reopen().close()
    path.write_bytes(backup)  # in place: the inode stays
    assert epoch(reopen()) != 7


def test_a_damaged_database_is_named(reopen: Reopen, tmp_path: Path) -> None:
    (tmp_path / "sightline.db").write_bytes(b"not a database, and long enough to look like one" * 100)
    with pytest.raises(CorruptDatabase, match=r"sightline\.db"):
        reopen()


def test_a_database_of_another_program_is_left_alone(reopen: Reopen, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "sightline.db") as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    with pytest.raises(CorruptDatabase, match="another program"):
        reopen()


def test_a_database_of_the_first_layout_is_brought_up_to_date(reopen: Reopen, tmp_path: Path) -> None:
    first = reopen()
    first.commit(Commit(rows=[row(1), row(2, "ended", live=False)]))
    blocks = filled(first, 1, [10, 9000])
    first.close()
    with sqlite3.connect(tmp_path / "sightline.db") as older:
        older.execute("ALTER TABLE block DROP COLUMN checksum")
        older.execute("DROP TABLE ended")
        older.execute("PRAGMA user_version=1")
    older.close()
    second = reopen()
    assert second.blocks_after(1, 0, 1 << 30) == blocks
    assert second.ended_totals() == EndedTotals(1, 0)
    assert epoch(second) == 7


def test_room_that_became_free_goes_back_to_the_disk(reopen: Reopen, tmp_path: Path) -> None:
    store = reopen()
    filled(store, 1, [4000] * 8000)
    store._unchecked = 1 << 30  # a checkpoint is due
    list(store.upkeep())
    before = (tmp_path / "sightline.db").stat().st_size
    while store.trim(1, 15_900, 1 << 30).oldest_seq <= 15_900:
        pass
    store._unchecked = 1 << 30
    list(store.upkeep())
    store.close()
    assert before > 30_000_000
    assert (tmp_path / "sightline.db").stat().st_size < 20_000_000
    assert [one.last_seq for one in reopen().blocks_after(1, 15_998, 1 << 30)] == [16_000]


def test_files_that_were_removed_are_not_kept_open(reopen: Reopen) -> None:
    store = reopen(BOOT)
    filled(store, 1, [100_000] * 3)
    store.commit(Commit(rows=[row(1, live=False)]))
    store.hide([1])
    list(store.sweep())
    store.needs_upkeep()
    links = (Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd"))
    assert not [link for link in links if link.is_symlink() and ".events (deleted)" in os.readlink(link)]


def test_a_newer_database_is_refused(reopen: Reopen, tmp_path: Path) -> None:
    reopen().close()
    with sqlite3.connect(tmp_path / "sightline.db") as newer:
        newer.execute(f"PRAGMA user_version={LAYOUT + 1}")
    newer.close()
    with pytest.raises(NewerDatabase, match=f"layout {LAYOUT + 1}"):
        reopen()


def test_a_full_database_says_so_and_has_changed_nothing(reopen: Reopen) -> None:
    store = reopen()
    filled(store, 1, [10])
    pages = store._value("PRAGMA page_count")
    store._hot.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(DiskFull):
        store.commit(Commit(blocks=[(1, block(3 + n, 3 + n, 10 + 4000 * n, 4000)) for n in range(9)]))
    assert store.bounds(1).head_seq == 2
    store._hot.execute("PRAGMA max_page_count=1000000")
    store.commit(Commit(blocks=[(1, block(3, 3, 10))]))
    assert store.bounds(1).head_seq == 3
