"""Damage on the disk, done to real files: what is lost is known as lost, and the rest can be read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sightline_server.errors import DatabaseDamaged
from sightline_server.storage.contract import Block, Commit, SessionRow
from sightline_server.storage.reading import BlockReader
from sightline_server.storage.sqlite import SqliteStore

PAGE = 4096
SIZES = [20_000, 20_000, 20_000]


def opened(tmp_path: Path) -> SqliteStore:
    store = SqliteStore(tmp_path / "sightline.db", "boot")
    store.open()
    return store


def block(place: int, offset: int, size: int) -> Block:
    return Block(place * 2 + 1, place * 2 + 2, place, place, offset, os.urandom(size), bytes([place % 256]) * 24)


def filled(store: SqliteStore, sizes: list[int], number: int = 1) -> list[Block]:
    row = SessionRow(number, f"id{number}", "build", 7, True, "", b"", b"", "{}")
    store.commit(Commit(rows=[row]))
    blocks: list[Block] = []
    for place, size in enumerate(sizes):
        blocks.append(block(place, sum(sizes[:place]), size))
        store.commit(Commit(blocks=[(number, blocks[-1])]))
    return blocks


def events_file(tmp_path: Path, number: int = 1) -> Path:
    (file,) = (tmp_path / "sightline.db.blocks" / str(number)).iterdir()
    return file


def cut(file: Path) -> None:
    os.truncate(file, sum(SIZES) - 1)


def overwrite(file: Path) -> None:
    with file.open("r+b") as events:
        events.seek(sum(SIZES) - 10_000)
        events.write(b"x")


def empty_page(file: Path) -> None:
    with file.open("r+b") as events:
        events.seek(13 * PAGE)
        events.write(bytes(PAGE))


@pytest.mark.parametrize("damage", [cut, overwrite, empty_page])
def test_a_damaged_last_block_is_known_as_lost_and_the_log_goes_on_behind_it(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    store = opened(tmp_path)
    blocks = filled(store, SIZES)
    before = store.bounds(1)
    damage(events_file(tmp_path))
    store = opened(tmp_path)  # the one before was killed
    assert store.bounds(1) == before
    more = block(3, 60_000, 30_000)
    store.commit(Commit(blocks=[(1, more)]))
    read = store.blocks_after(1, 0, 1 << 30)
    assert [(one.first_seq, one.last_seq, one.data) for one in read] == [
        *((one.first_seq, one.last_seq, one.data) for one in blocks[:2]),
        (5, 6, b""),
        (7, 8, more.data),
    ]
    found = store.block_with(1, 6)
    assert found is not None
    assert found.data == b""
    store.close()


def test_a_file_that_is_gone_is_no_crash_and_is_not_made_anew(tmp_path: Path) -> None:
    store = opened(tmp_path)
    filled(store, SIZES)
    store.close()
    file = events_file(tmp_path)
    file.unlink()
    store = opened(tmp_path)
    assert [one.data for one in store.blocks_after(1, 0, 1 << 30)] == [b"", b"", b""]
    assert not file.exists()
    store.close()


def test_a_damaged_block_in_the_database_is_known_as_lost(tmp_path: Path) -> None:
    store = opened(tmp_path)
    blocks = filled(store, [3000] * 40)
    store.close()
    database = tmp_path / "sightline.db"
    content = bytearray(database.read_bytes())
    place = content.index(blocks[20].data[:100])
    content[place + 50] ^= 0xFF
    database.write_bytes(content)
    store = opened(tmp_path)
    read = store.blocks_after(1, 0, 1 << 30)
    assert [one.data for one in read] == [*(one.data for one in blocks[:20]), b"", *(one.data for one in blocks[21:])]
    store.close()


def test_a_merged_block_whose_pages_are_gone_is_known_as_lost(tmp_path: Path) -> None:
    store = opened(tmp_path)
    blocks = filled(store, [3000] * 60)
    store.merge(1, 1, 40)
    store.close()
    database = tmp_path / "sightline.db"
    content = bytearray(database.read_bytes())
    start = content.index(blocks[9].data[1000:1100]) // PAGE * PAGE
    content[start : start + PAGE] = bytes(PAGE)  # with it goes the way to the pages behind it
    database.write_bytes(content)
    store = opened(tmp_path)
    read: list[Block] = []
    while more := store.blocks_after(1, read[-1].last_seq if read else 0, 1 << 30):
        read += more
    assert [(one.first_seq, one.data) for one in read] == [(1, b""), *((one.first_seq, one.data) for one in blocks[20:])]
    found = store.block_with(1, 7)
    assert found is not None
    assert (found.last_seq, found.data) == (40, b"")
    store.close()


def test_damage_to_the_tree_of_blocks_is_said_and_other_sessions_can_be_found(tmp_path: Path) -> None:
    store = opened(tmp_path)
    filled(store, [3000] * 400)
    store.close()
    database = tmp_path / "sightline.db"
    with sqlite3.connect(database) as looked:
        (root,) = looked.execute("SELECT rootpage FROM sqlite_master WHERE name='block'").fetchone()
    looked.close()
    store = opened(tmp_path)
    with database.open("r+b") as pages:
        pages.seek((root - 1) * PAGE)
        pages.write(b"\xff" * PAGE)
    fresh = SqliteStore(database, "boot")
    fresh._hot = sqlite3.connect(database, isolation_level=None)  # as a running server whose cache has let the page go
    fresh._blocks = BlockReader(fresh._hot, fresh._files, database)
    with pytest.raises(DatabaseDamaged, match=r"sightline\.db"):
        fresh.blocks_after(1, 0, 1 << 30)
    with pytest.raises(DatabaseDamaged):
        fresh.bounds(1)
    with pytest.raises(DatabaseDamaged):
        fresh.commit(Commit(blocks=[(1, block(400, 0, 10))]))
    assert fresh.row("id1") is not None
    fresh._hot.close()
    store.close()


def test_damaged_blocks_are_not_merged(tmp_path: Path) -> None:
    store = opened(tmp_path)
    blocks = filled(store, [3000] * 10)
    store.close()
    database = tmp_path / "sightline.db"
    content = bytearray(database.read_bytes())
    content[content.index(blocks[4].data[:100])] ^= 0xFF
    database.write_bytes(content)
    store = opened(tmp_path)
    store.merge(1, 1, 20)
    assert [len(one.data) for one in store.blocks_after(1, 0, 1 << 30)] == [3000] * 4 + [0] + [3000] * 5
    store.close()
