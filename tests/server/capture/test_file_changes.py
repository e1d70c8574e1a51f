"""Many changes made into few: what became of a file within one window, and how much of a burst is told one by one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sightline_server.capture.file_changes import CREATED, DELETED, MAX_HELD, MODIFIED, MOVED, PER_SECOND, Changed, Changes

Do = Callable[[Changes], None]


def created(path: str) -> Do:
    return lambda changes: changes.created(path)


def modified(path: str) -> Do:
    return lambda changes: changes.modified(path)


def deleted(path: str) -> Do:
    return lambda changes: changes.deleted(path)


def moved(old: str, new: str, *, onto: bool = False) -> Do:
    return lambda changes: changes.moved(old, new, onto_another=onto)


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        ([created("/r/a"), modified("/r/a"), modified("/r/a")], [Changed("/r/a", CREATED)]),
        ([modified("/r/a"), modified("/r/a")], [Changed("/r/a", MODIFIED)]),
        ([created("/r/a"), deleted("/r/a")], []),
        ([modified("/r/a"), deleted("/r/a")], [Changed("/r/a", DELETED)]),
        ([deleted("/r/a"), created("/r/a"), modified("/r/a")], [Changed("/r/a", MODIFIED)]),
        ([moved("/r/a", "/r/b")], [Changed("/r/b", MOVED, "/r/a")]),
        ([moved("/r/a", "/r/b"), moved("/r/b", "/r/c")], [Changed("/r/b", MOVED, "/r/a"), Changed("/r/c", MOVED, "/r/b")]),
        ([moved("/r/a", "/r/b"), deleted("/r/b")], [Changed("/r/b", MOVED, "/r/a"), Changed("/r/b", DELETED)]),
        ([deleted("/r/a"), created("/r/tmp"), moved("/r/tmp", "/r/a"), deleted("/r/a")], [Changed("/r/a", DELETED)]),
        ([modified("/r/a"), moved("/r/a", "/r/b")], [Changed("/r/a", MODIFIED), Changed("/r/b", MOVED, "/r/a")]),
        ([created("/r/tmp"), modified("/r/tmp"), moved("/r/tmp", "/r/a", onto=True)], [Changed("/r/a", MODIFIED)]),
        ([created("/r/tmp"), moved("/r/tmp", "/r/a")], [Changed("/r/a", CREATED)]),
        ([created("/r/b"), modified("/r/a")], [Changed("/r/b", CREATED), Changed("/r/a", MODIFIED)]),
    ],
)
def test_what_became_of_a_file_is_told_once(happened: list[Do], told: list[Changed]) -> None:
    changes = Changes("/r")
    for do in happened:
        do(changes)
    assert changes.take(1.0) == told
    assert changes.is_empty
    assert changes.take(1.0) == []


def test_a_burst_is_its_first_files_and_a_count_by_directory() -> None:
    changes = Changes("/r")
    for number in range(10_000):
        changes.created(f"/r/{'src' if number % 4 else 'lib'}/deep/{number}")
    changes.created("/r/top")
    assert len(changes.take(100.0)) == PER_SECOND
    text = changes.rest(100.0)
    assert text == f"{10_001 - PER_SECOND} more files changed: src (7350), lib (2450), . (1)"
    assert changes.is_empty


def test_a_long_burst_is_bounded_by_its_time_and_nothing_goes_uncounted() -> None:
    changes = Changes("/r")
    told, counted = 0, 0
    for tick in range(50):  # five seconds of windows
        for number in range(1000):
            changes.modified(f"/r/a/{tick}-{number}")
        told += len(changes.take(tick / 10))
        text = changes.rest(tick / 10)
        counted += int(text.split()[0]) if text else 0
    text = changes.rest(5.0, at_once=True)
    counted += int(text.split()[0])
    assert told + counted == 50_000
    assert told <= PER_SECOND * 6


def test_what_is_held_of_one_window_is_bounded() -> None:
    changes = Changes("/r")
    for number in range(MAX_HELD + 5):
        changes.created(f"/r/{number}")
    assert len(changes.take(1.0)) == PER_SECOND
    assert changes.rest(1.0) == f"{MAX_HELD + 5 - PER_SECOND} more files changed: . ({MAX_HELD + 5 - PER_SECOND})"


def test_a_notice_names_few_directories() -> None:
    changes = Changes("/r")
    for number in range(500):
        changes.created(f"/r/d{number % 30}/{number}")
    changes.take(1.0)
    assert changes.rest(1.0).endswith("20 more directories")
