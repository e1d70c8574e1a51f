"""What keeps the index up: over restarts, removals, other epochs, and whatever happens to its file."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest
from server.search.events import PATIENCE, STEP, Log, output, searched
from sightline.v1.event_pb2 import Completed, Event
from sightline_server.search.find import Limits
from sightline_server.storage.sqlite import SqliteStore
from support.server import until


def test_what_is_committed_can_be_found_in_a_moment(tmp_path: Path) -> None:
    with searched(tmp_path) as home:
        log = Log(home.store, 1)
        for turn in range(5):
            log.commit(output(b"word%d\n" % turn))
            assert home.texts(f"word{turn}") == [f"word{turn}"]


def test_a_log_that_grows_slowly_is_indexed_unasked(tmp_path: Path) -> None:
    with searched(tmp_path) as home:
        log = Log(home.store, 1)
        log.commit(output(b"word " * 20_000 + b"\n"))  # more than is gathered
        until(lambda: home.indexer.is_open and home.lines() > 0, PATIENCE)


def test_the_index_is_private(tmp_path: Path) -> None:
    with searched(tmp_path) as home:
        Log(home.store, 1).commit(output(b"word\n"))
        home.catch_up()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("search.db*")}
        assert set(modes) == {"search.db", "search.db-wal", "search.db-shm"}
        assert set(modes.values()) == {0o600}


def test_a_prompt_is_found_and_the_whole_line_once_it_ended_over_a_restart(tmp_path: Path) -> None:
    with searched(tmp_path) as home:
        log = Log(home.store, 1)
        log.commit(output(b"before\nPass"))
        assert home.texts("pass") == ["Pass"]
        home.restart()
        log.commit(output(b"word: "))
        assert (home.texts("pass"), home.texts("password")) == ([], ["Password: "])
        log.commit(output(b"ok\nafter\n"))
        assert home.texts("password") == ["Password: ok"]
        assert home.texts("ok after") == []
        assert home.lines() == 3


def test_a_restart_adds_nothing_twice(tmp_path: Path) -> None:
    with searched(tmp_path) as home:
        log = Log(home.store, 1)
        for turn in range(6):
            log.commit(output(b"line %d a\nline %d b\n" % (turn, turn)))
            home.catch_up()
            home.restart()
        assert len(home.texts("line")) == 12
        assert home.lines() == 12


def test_an_ended_session_is_read_once(tmp_path: Path) -> None:
    with searched(tmp_path) as home:
        Log(home.store, 1).commit(output(b"word"), Event(completed=Completed()), live=False)
        assert home.texts("word") == ["word"]
        home.restart()
        assert home.texts("word") == ["word"]


def test_what_retention_removes_goes_from_the_index(tmp_path: Path) -> None:
    with searched(tmp_path) as home:
        log = Log(home.store, 1)
        for turn in range(10):
            log.commit(output(b"word %d\n" % turn))
            home.catch_up()  # a page for each
        home.store.trim(1, 7, 1 << 40)
        log.commit(output(b"word 10\n"))
        until(lambda: len(home.texts("word")) == 4, PATIENCE)
        assert home.lines() == 4
        with home.index.reading():
            assert len(home.index.matching('"word"', 0, 1 << 62, 100)) == 4


def test_a_deleted_session_goes_from_the_index(tmp_path: Path) -> None:
    with searched(tmp_path) as home:
        Log(home.store, 1).commit(output(b"word one\n"))
        Log(home.store, 2).commit(output(b"word two\n"))
        assert sorted(home.texts("word")) == ["word one", "word two"]
        home.store.hide([1])
        until(lambda: home.texts("word") == ["word two"], PATIENCE)
        until(lambda: home.lines() == 1, PATIENCE)
        with home.index.reading():
            assert home.index.matching('"one"', 0, 1 << 62, 100) == []


def test_a_restored_backup_is_indexed_anew(tmp_path: Path) -> None:
    with searched(tmp_path) as home:
        Log(home.store, 1).commit(output(b"common\n"), output(b"taken back\n"))
        assert home.texts("taken") == ["taken back"]
        home.stop()
        home.store.close()
        for path in tmp_path.glob("sightline.db*"):
            path.unlink()
        home.store = SqliteStore(tmp_path / "sightline.db", "this boot")
        home.store.open()
        other = Log(home.store, 1, epoch=8, time=STEP // 3)
        other.commit(output(b"common\n"), output(b"other history\n"))
        home.restart()
        until(lambda: home.texts("common") == ["common"], PATIENCE)
        assert home.texts("taken") == []
        assert home.texts("history") == ["other history"]


def test_the_same_history_under_another_epoch_is_kept(tmp_path: Path) -> None:
    with searched(tmp_path) as home:
        log = Log(home.store, 1)
        log.commit(output(b"word one\n"))
        assert home.texts("word") == ["word one"]
        first = home.page("word")[0]
        log.epoch = 8
        log.commit(output(b"word two\n"))
        assert home.texts("word") == ["word two", "word one"]
        assert home.page("one")[0] == first
        assert home.lines() == 2


def test_a_damaged_block_hides_no_other(tmp_path: Path) -> None:
    with searched(tmp_path) as home:
        log = Log(home.store, 1)
        log.commit(output(b"first wo"))
        log.commit(output(b"lost\n" * 2000))
        log.commit(output(b"rd last\n"))
        (file,) = (tmp_path / "sightline.db.blocks" / "1").glob("*.events")
        file.write_bytes(b"x" * file.stat().st_size)
        assert home.texts("last") == ["rd last"]
        assert home.texts("first") == ["first wo"]
        assert home.texts("lost") == []


@pytest.mark.parametrize("damage", ["garbage", "cut", "empty", "other"])
def test_an_index_that_cannot_be_used_is_made_anew(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "search.db"
    with searched(tmp_path) as home:
        Log(home.store, 1).commit(output(b"".join(b"word %d\n" % n for n in range(5000))))
        home.catch_up()
        home.stop()
        whole = path.read_bytes()
        match damage:
            case "garbage":
                path.write_bytes(os.urandom(len(whole)))
            case "cut":
                path.write_bytes(whole[: len(whole) // 2])
            case "empty":
                path.write_bytes(b"")
            case "other":
                path.write_bytes(b"SQLite format 3\0" + whole[16:4096] + b"\0" * (len(whole) - 4096))
        with caplog.at_level(logging.WARNING):
            home.restart()
            until(lambda: len(home.texts("word 4999")) == 1, PATIENCE)
        assert home.lines() == 5000
        if damage in {"garbage", "cut"}:
            assert "made anew" in caplog.text


def test_an_index_removed_under_way_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with searched(tmp_path) as home:
        log = Log(home.store, 1)
        log.commit(output(b"word one\n"))
        assert home.texts("word") == ["word one"]
        with caplog.at_level(logging.WARNING):
            for path in tmp_path.glob("search.db*"):
                path.unlink()
            log.commit(output(b"word two\n"))
            assert home.texts("word") == ["word two", "word one"]
        assert "removed" in caplog.text
        assert (tmp_path / "search.db").exists()


def test_times_are_found_after_a_long_line_and_many_batches(tmp_path: Path) -> None:
    with searched(tmp_path) as home:
        log = Log(home.store, 1)
        for turn in range(30):
            log.commit(*[output(b"turn %d %d " % (turn, n) + b"x" * 50_000 + b"\n") for n in range(2)])
        home.catch_up()
        hits, _ = home.page("turn", Limits(from_time=11 * STEP, to_time=13 * STEP))
        assert [hit.seq for hit in hits] == [12, 11]
