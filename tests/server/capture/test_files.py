"""The watcher on real directories and repositories: what changed, what is nobody's business, and what it survives."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sightline_server.capture import file_changes, file_tree
from sightline_server.capture.file_changes import CREATED, DELETED, MODIFIED, MOVED, PER_SECOND, Changed, Report
from sightline_server.capture.file_watcher import FileWatcher
from sightline_server.errors import WatchLimit
from support.server import PATIENCE, until

NUMBERS = itertools.count()


class Told:
    """What was told of one directory."""

    def __init__(self, watcher: FileWatcher, directory: Path) -> None:
        self.reports: list[Report] = []
        self.directory = directory
        self._watcher = watcher
        watcher.watch(str(directory), self.reports.append)
        self.settle()

    def settle(self) -> None:
        """Returns when all that happened before is told."""
        done = threading.Event()
        self._watcher.settle(done.set)
        assert done.wait(PATIENCE)

    def changes(self) -> list[Changed]:
        """Since the last time, paths below the directory."""
        self.settle()
        found = [changed for report in self.reports for changed in report.changes]
        self.reports.clear()
        base = f"{self.directory}/"
        return [Changed(one.path.removeprefix(base), one.change, one.old_path.removeprefix(base), one.size) for one in found]

    def notices(self) -> list[str]:
        return [code for report in self.reports for code, _ in report.notices]


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[FileWatcher]:
    made = FileWatcher(frozenset({str(tmp_path / "home")}))
    yield made
    made.close()


@pytest.fixture
def watched(watcher: FileWatcher, tmp_path: Path) -> Told:
    (tmp_path / "old").mkdir()
    (tmp_path / "old/file").write_text("12345")
    (tmp_path / ".gitignore").write_text("*.o\n/out/\n")
    return Told(watcher, tmp_path)


def test_each_kind_of_change_is_told_with_its_size(watched: Told, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("123")
    assert watched.changes() == [Changed("new", CREATED, size=3)]
    (tmp_path / "new").write_text("1234")
    assert watched.changes() == [Changed("new", MODIFIED, size=4)]
    (tmp_path / "new").rename(tmp_path / "old/moved")
    assert watched.changes() == [Changed("old/moved", MOVED, "new", 4)]
    (tmp_path / "old/moved").unlink()
    assert watched.changes() == [Changed("old/moved", DELETED)]


def test_a_file_saved_by_renaming_is_modified(watched: Told, tmp_path: Path) -> None:
    (tmp_path / "old/.file.tmp").write_text("123456")
    (tmp_path / "old/.file.tmp").replace(tmp_path / "old/file")
    assert watched.changes() == [Changed("old/file", MODIFIED, size=6)]


def test_what_is_ignored_is_not_told_and_costs_no_watch(watched: Told, watcher: FileWatcher, tmp_path: Path) -> None:
    before = len(watcher._nodes)
    for name in ("a.o", "out/x", "node_modules/p/x", ".git/objects/x", "old/__pycache__/x", "home/database", "old/x~"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert watched.changes() == []
    assert len(watcher._nodes) == before


def test_directories_that_appear_are_watched_with_what_is_in_them_already(watched: Told, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"a{number}/b/c").mkdir(parents=True)
        (tmp_path / f"a{number}/b/c/file").write_text("x")
    created = [one.path for one in watched.changes() if one.change == CREATED]
    assert sorted(created) == sorted(f"a{number}/b/c/file" for number in range(20))
    (tmp_path / "a3/b/c/file").write_text("xx")
    assert watched.changes() == [Changed("a3/b/c/file", MODIFIED, size=2)]


def test_a_directory_that_moves_is_one_change_and_is_watched_on(watched: Told, tmp_path: Path) -> None:
    (tmp_path / "old/sub").mkdir()
    (tmp_path / "old").rename(tmp_path / "renamed")
    (tmp_path / "renamed/sub/file").write_text("x")  # at once
    assert watched.changes() == [Changed("renamed", MOVED, "old"), Changed("renamed/sub/file", CREATED, size=1)]
    (tmp_path / "renamed").rename(tmp_path / "out")
    (tmp_path / "out/file").write_text("changed where nobody looks")
    assert watched.changes() == [Changed("renamed", DELETED)]


def test_a_directory_that_is_removed_is_its_files_removed(watched: Told, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "old")
    assert watched.changes() == [Changed("old/file", DELETED)]


def test_other_ignore_rules_hold_at_once(watched: Told, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/x").write_text("x")
    (tmp_path / ".gitignore").write_text("*.tmp\n")
    assert watched.changes() == [Changed(".gitignore", MODIFIED, size=6)]
    (tmp_path / "out/x").write_text("xx")
    (tmp_path / "a.tmp").write_text("x")
    assert watched.changes() == [Changed("out/x", MODIFIED, size=2)]


def test_links_are_told_and_not_followed(watched: Told, watcher: FileWatcher, tmp_path: Path) -> None:
    before = len(watcher._nodes)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "usr").symlink_to("/usr")
    assert [one.path for one in watched.changes()] == ["loop", "usr"]
    (tmp_path / "old/file").write_text("1")
    assert [one.path for one in watched.changes()] == ["old/file"]
    assert len(watcher._nodes) == before


def test_names_that_are_no_text_are_told_as_well_as_can_be(watched: Told, tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")).write_text("x")
    assert watched.changes() == [Changed("caf\ufffd", CREATED, size=1)]


def test_what_a_real_git_does_is_told_as_its_files(watcher: FileWatcher, tmp_path: Path) -> None:
    def git(*words: str) -> None:
        argv = ["git", "-c", "user.name=x", "-c", "user.email=x@x", *words]
        subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    for number in range(5):
        (tmp_path / f"f{number}").write_text("one")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    told = Told(watcher, tmp_path)
    git("checkout", "-q", "-b", "two")
    assert told.changes() == []
    (tmp_path / "f1").write_text("two!")
    (tmp_path / "f2").unlink()
    git("commit", "-q", "-a", "-m", "two")
    assert {(one.path, one.change) for one in told.changes()} == {("f1", MODIFIED), ("f2", DELETED)}
    git("checkout", "-q", "main")
    assert {(one.path, one.change) for one in told.changes()} == {("f1", MODIFIED), ("f2", CREATED)}


def test_a_burst_of_ten_thousand_changes_is_a_bounded_number(watched: Told, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    began = time.monotonic()
    for number in range(10_000):
        (tmp_path / f"src/{number}").touch()
    watched.settle()
    seconds = time.monotonic() - began
    told = [changed for report in watched.reports for changed in report.changes]
    counted = sum(int(report.rest.split()[0]) for report in watched.reports if report.rest)
    assert len(told) + counted == 10_000
    assert len(told) <= PER_SECOND * (seconds + 1)
    assert len([report for report in watched.reports if report.rest]) <= seconds + 2


def test_a_directory_that_vanishes_is_told_and_watched_again_when_it_is_back(watcher: FileWatcher, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "file").write_text("x")
    told = Told(watcher, place)
    shutil.rmtree(place)
    until(lambda: told.notices() == ["files_gone"])
    assert Changed("file", DELETED) in told.changes()
    place.mkdir()
    until(lambda: told.notices() == ["files_back"])
    (place / "again").write_text("x")
    assert told.changes() == [Changed("again", CREATED, size=1)]
    place.rename(tmp_path / "elsewhere")
    until(lambda: told.notices() == ["files_gone"])


def test_a_directory_that_is_not_there_yet_is_watched_when_it_is(watcher: FileWatcher, tmp_path: Path) -> None:
    told = Told(watcher, tmp_path / "later")
    assert told.notices() == ["files_gone"]
    (tmp_path / "later").mkdir()
    until(lambda: "files_back" in told.notices())


def test_two_who_watch_one_inside_the_other_are_both_told(watcher: FileWatcher, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    outer, inner = Told(watcher, tmp_path), Told(watcher, tmp_path / "in")
    (tmp_path / "in/file").write_text("x")
    assert [one.path for one in outer.changes()] == ["in/file"]
    assert [one.path for one in inner.changes()] == ["file"]
    watcher.unwatch(str(tmp_path))
    (tmp_path / "in/file").write_text("xx")
    assert [one.path for one in inner.changes()] == ["file"]
    assert outer.changes() == []


def test_of_a_huge_tree_the_upper_levels_are_watched_and_that_is_said(
    watcher: FileWatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_tree, "MAX_DIRECTORIES", 30)
    for number in range(20):
        (tmp_path / f"d{number}/deep/deeper").mkdir(parents=True)
    told = Told(watcher, tmp_path)
    assert told.notices() == ["files_cut"]
    (tmp_path / "d19/file").write_text("x")
    (tmp_path / "d19/deep/deeper/file").write_text("x")
    assert [one.path for one in told.changes()] == ["d19/file"]


def test_where_the_system_allows_no_more_watches_the_rest_goes_on(
    watcher: FileWatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(node: file_tree.Node, add: Callable[[file_tree.Node], int] = watcher._add) -> int:
        if node.path.endswith("one-too-many"):
            raise WatchLimit(setting="fs.inotify.max_user_watches", limit=8192)
        return add(node)

    monkeypatch.setattr(watcher, "_add", refuse)
    told = Told(watcher, tmp_path)
    (tmp_path / "one-too-many").mkdir()
    told.settle()
    assert [type(report.problem) for report in told.reports if report.problem] == [WatchLimit]
    (tmp_path / "file").write_text("x")
    assert [one.path for one in told.changes()] == ["file"]


def test_when_the_kernel_drops_what_happened_that_is_said_and_it_goes_on(
    watched: Told, watcher: FileWatcher, tmp_path: Path
) -> None:
    begun, stopped = threading.Event(), threading.Event()

    def hold_up() -> None:
        begun.set()
        stopped.wait(PATIENCE)

    watcher._ask(hold_up)
    assert begun.wait(PATIENCE)
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for number in range(limit // 2 + 100):  # two events each: they do not merge
        (tmp_path / f"old/{number % 7}").touch()
        (tmp_path / f"old/{number % 7}").unlink()
    stopped.set()
    watched.settle()
    assert "files_missed" in watched.notices()
    watched.reports.clear()
    (tmp_path / "old/after").write_text("x")
    assert Changed("old/after", CREATED, size=1) in watched.changes()


def test_at_rest_the_thread_sleeps(watched: Told, watcher: FileWatcher) -> None:
    assert watcher._timeout() is None


@pytest.mark.parametrize("seed", range(8))
def test_who_follows_what_is_told_knows_which_files_there_are(
    watcher: FileWatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Random work at full speed, also in directories that have just appeared, moved or gone."""
    monkeypatch.setattr(file_changes, "PER_SECOND", 1 << 40)
    chance = random.Random(seed)
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    told = Told(watcher, root)
    for _ in range(200):
        work(root, chance)
        if chance.random() < 0.01:
            told.settle()
    known: set[str] = set()
    for changed in told.changes():
        if changed.change == DELETED:
            known = {path for path in known if path != changed.path and not path.startswith(f"{changed.path}/")}
        elif changed.change == MOVED:
            known = {renamed(path, changed.old_path, changed.path) for path in known} | {changed.path}
        else:
            known.add(changed.path)
    there = {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}
    assert {path for path in known if path.endswith((".txt", "at-once"))} == there  # directories are told when they move alone


def renamed(path: str, old: str, new: str) -> str:
    return new + path[len(old) :] if path == old or path.startswith(f"{old}/") else path


def work(root: Path, chance: random.Random) -> None:
    """Something that somebody does to files."""
    directories = [path for path in (root, *root.rglob("*")) if path.is_dir()]
    files = [path for path in root.rglob("*") if path.is_file()]
    where = chance.choice(directories)
    name = chance.choice("abcdef")
    fresh = f"d{next(NUMBERS)}"  # a directory in another's place within milliseconds can be taken for it
    match chance.randrange(8):
        case 0 | 1:
            if not (where / f"{name}.txt").is_dir():
                (where / f"{name}.txt").write_text("x")
        case 2:
            (where / fresh).mkdir()
            (where / fresh / "at-once").write_text("x")
        case 3 if files:
            chance.choice(files).unlink()
        case 4 if files:
            chance.choice(files).replace(where / f"{name}.txt")
        case 5 if where != root and chance.random() < 0.3:
            shutil.rmtree(where)
        case 6 if where != root:
            target = chance.choice(directories) / fresh
            if not target.exists() and where not in target.parents:
                where.rename(target)
        case _:
            (where / fresh / "deep/er").mkdir(parents=True)
