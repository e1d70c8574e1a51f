"""One descriptor tells of all directories."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sightline_server.capture.inotify import APPEARED, GREW, Inotify

MOST_QUEUED = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())


@pytest_asyncio.fixture
async def inotify() -> AsyncIterator[Inotify]:
    inotify = Inotify()
    yield inotify
    inotify.close()


class Told:
    """Collects what a watch tells."""

    def __init__(self) -> None:
        self.mask = 0
        self._event = asyncio.Event()

    def __call__(self, mask: int) -> None:
        self.mask |= mask
        self._event.set()

    async def wait(self) -> int:
        """What was told since the last call; waits for something."""
        async with asyncio.timeout(10):
            await self._event.wait()
        self._event.clear()
        mask, self.mask = self.mask, 0
        return mask


async def test_a_file_that_appears_and_one_that_grows_are_told_apart(inotify: Inotify, tmp_path: Path) -> None:
    told = Told()
    inotify.watch(tmp_path, told)
    with (tmp_path / "file").open("wb", buffering=0) as file:
        assert await told.wait() == APPEARED
        file.write(b"x")
        assert await told.wait() == GREW
    (tmp_path / "file").rename(tmp_path / "other")
    assert await told.wait() == APPEARED


async def test_each_is_told_of_its_own_directory(inotify: Inotify, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    told_here, told_there = Told(), Told()
    inotify.watch(here, told_here)
    inotify.watch(there, told_there)
    (there / "file").touch()
    assert await told_there.wait()
    assert not told_here.mask


async def test_two_can_watch_one_directory_and_stop_one_by_one(inotify: Inotify, tmp_path: Path) -> None:
    first, second = Told(), Told()
    watch = inotify.watch(tmp_path, first)
    inotify.watch(tmp_path, second)
    (tmp_path / "a").touch()
    assert await first.wait() == await second.wait() == APPEARED
    watch.close()
    watch.close()
    (tmp_path / "b").touch()
    assert await second.wait() == APPEARED
    assert not first.mask


async def test_a_directory_that_is_removed_and_made_again_can_be_watched_again(inotify: Inotify, tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    for _ in range(2):
        directory.mkdir()
        told = Told()
        watch = inotify.watch(directory, told)
        (directory / "file").touch()
        assert await told.wait() == APPEARED
        (directory / "file").unlink()
        directory.rmdir()
        watch.close()


async def test_when_the_kernel_dropped_some_everybody_is_woken(inotify: Inotify, tmp_path: Path) -> None:
    busy, quiet = tmp_path / "busy", tmp_path / "quiet"
    busy.mkdir()
    quiet.mkdir()
    told = Told()
    inotify.watch(busy, lambda _mask: None)
    inotify.watch(quiet, told)
    with (busy / "a").open("wb", buffering=0) as first, (busy / "b").open("wb", buffering=0) as second:
        for number in range(MOST_QUEUED + 10):  # the loop does not run meanwhile, so that nobody reads the queue
            (first, second)[number % 2].write(b"x")
    assert await told.wait() == GREW | APPEARED


async def test_a_directory_that_is_not_there_is_said(inotify: Inotify, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        inotify.watch(tmp_path / "nowhere", lambda _mask: None)
