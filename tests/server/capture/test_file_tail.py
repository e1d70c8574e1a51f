"""Following a file of somebody else's: real files, real inotify; a restart is a new tail on the same sink."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

import pytest
import pytest_asyncio
from server.capture.memory_sink import MemorySink
from sightline.v1.event_pb2 import CaptureState
from sightline_server.capture.file_tail import BLOCK_BYTES, DELETED, FREE_BYTES, HEAD_BYTES, KEPT_BYTES, READ_BYTES, FileTail
from sightline_server.capture.inotify import Inotify
from sightline_server.errors import FileNotThere, FileUnreadable

FIRST = b"the first line of the file, by which it is known again\r\n" * 4


class Room:
    """A file, who writes it, and who follows it."""

    def __init__(self, place: Path) -> None:
        self.directory = place / "files"
        self.directory.mkdir()
        (place / "spool").mkdir()
        self.path = self.directory / "x.log"
        self.sink = MemorySink(place / "spool")
        self.inotify = Inotify()
        self.changes = 0
        self.written = b""
        self._writer: IO[bytes] = self.path.open("wb", buffering=0)
        self.tail = self.new_tail()

    def new_tail(self) -> FileTail:
        """As the next server makes it."""
        return FileTail(self.sink, self.inotify, self.path, changed=self._changed)

    def write(self, data: bytes) -> None:
        """Appends, as a program does that has the file open."""
        self.written += data
        self._writer.write(data)

    def reopen(self, mode: str = "wb") -> None:
        """Whoever writes opens the path anew."""
        self._writer.close()
        self._writer = self.path.open(mode, buffering=0)

    async def all_there(self) -> None:
        """Waits until the log has all that was written, and checks that it is that and nothing else."""
        await self.sink.until(lambda: self.sink.sizes["terminal"] >= len(self.written))
        assert self.sink.written("terminal") == self.written

    async def restart(self) -> None:
        """The server goes and comes back."""
        await self.tail.stop()
        self.tail = self.new_tail()
        self.tail.resume()

    def state(self) -> CaptureState.ValueType:
        """What was said of the capture last."""
        return self.sink.states[-1][0] if self.sink.states else CaptureState.CAPTURE_STATE_UNSPECIFIED

    async def close(self) -> None:
        await self.tail.stop()
        self._writer.close()
        self.inotify.close()

    def _changed(self) -> None:
        self.changes += 1


@pytest_asyncio.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(tmp_path)
    try:
        yield made
    finally:
        await made.close()


async def test_every_byte_of_a_growing_file_is_logged_once_in_order(room: Room) -> None:
    chance = random.Random(1)
    room.write(FIRST)
    room.tail.start()
    for _ in range(200):
        room.write(chance.randbytes(chance.choice([1, 10, 4095, 4096, 4097, 70_000])))
        await asyncio.sleep(0)
    await room.all_there()


async def test_what_was_written_while_nobody_looked_is_read_from_the_committed_byte(room: Room) -> None:
    room.write(FIRST)
    room.tail.start()
    await room.all_there()
    for count in (10, READ_BYTES + 1, 3 * READ_BYTES):
        await room.tail.stop()
        room.write(os.urandom(count))
        room.tail = room.new_tail()
        room.tail.resume()
        await room.all_there()
    assert not room.sink.of_kind("output_lost")


async def test_what_was_read_and_not_committed_is_read_again(room: Room) -> None:
    room.write(FIRST)
    room.tail.start()
    await room.all_there()
    room.sink.gate.clear()
    room.write(os.urandom(300_000))
    room.path.touch()
    await asyncio.sleep(0)
    await room.tail.stop()
    room.sink = room.sink.as_committed()
    room.tail = room.new_tail()
    room.tail.resume()
    await room.all_there()


async def test_half_a_character_waits_for_nothing(room: Room) -> None:
    room.write("ä".encode()[:1])
    room.tail.start()
    await room.all_there()
    room.write("ä".encode()[1:])
    await room.all_there()
    assert b"".join(room.sink.chunks("terminal")).decode() == "ä"


async def test_truncation_by_an_appending_writer_is_told_and_followed_from_the_new_beginning(room: Room) -> None:
    room.reopen("ab")
    room.write(FIRST)
    room.tail.start()
    await room.all_there()
    os.truncate(room.path, 0)
    await room.sink.until(lambda: bool(room.sink.of_kind("output_lost")))
    room.write(b"anew")
    await room.all_there()
    (lost,) = room.sink.of_kind("output_lost")
    assert "truncated" in lost.output_lost.reason


async def test_truncation_under_a_writer_that_does_not_append_makes_no_zero_bytes(room: Room) -> None:
    """It goes on where it was, behind a hole that nobody wrote."""
    room.write(FIRST * 1000)
    room.tail.start()
    await room.all_there()
    os.truncate(room.path, 0)
    await room.sink.until(lambda: bool(room.sink.of_kind("output_lost")))
    room.write(b"behind the hole")
    await room.all_there()
    room.write(b"\0zeros that were written\0")
    await room.all_there()


async def test_a_file_cut_to_a_part_is_not_read_twice(room: Room) -> None:
    room.reopen("ab")
    room.write(FIRST)
    room.tail.start()
    await room.all_there()
    os.truncate(room.path, 150)
    await room.sink.until(lambda: bool(room.sink.of_kind("output_lost")))
    room.write(b"and on")
    await room.all_there()


async def test_a_file_written_anew_under_its_inode_is_known_by_its_first_bytes(room: Room) -> None:
    """`script` on the same path, while the server was away: longer than what was read, and none of it."""
    room.write(FIRST)
    room.tail.start()
    await room.all_there()
    await room.tail.stop()
    room.reopen("wb")
    room.write(b"another beginning " * 100)
    room.tail = room.new_tail()
    room.tail.resume()
    await room.all_there()
    assert len(room.sink.of_kind("output_lost")) == 1


async def test_a_renamed_file_is_read_to_its_end_and_the_new_one_from_its_beginning(room: Room) -> None:
    room.write(FIRST)
    room.tail.start()
    await room.all_there()
    room.path.rename(room.directory / "x.log.1")
    room.write(b"the writer has not noticed yet")
    await room.all_there()
    room.reopen()
    room.write(b"the new file")
    await room.all_there()
    assert [event.notice.code for event in room.sink.of_kind("notice")] == ["file_replaced"]
    assert not room.sink.of_kind("output_lost")
    assert room.changes


async def test_rotation_while_nobody_looked_loses_nothing_when_the_old_file_is_still_there(room: Room) -> None:
    room.write(FIRST)
    room.tail.start()
    await room.all_there()
    await room.tail.stop()
    room.write(b"more in the old one")
    room.path.rename(room.directory / "x.log.1")
    room.reopen()
    room.write(b"the new one")
    room.tail = room.new_tail()
    room.tail.resume()
    await room.all_there()
    await room.restart()
    room.write(b", and on")
    await room.all_there()
    assert len(room.sink.of_kind("notice")) == 1


async def test_replacement_while_nobody_looked_says_that_bytes_may_be_missing(room: Room) -> None:
    room.write(FIRST)
    room.tail.start()
    await room.all_there()
    await room.tail.stop()
    another = room.directory / "another"
    another.write_bytes(b"another file, ")
    another.rename(room.path)
    room.reopen("ab")
    room.written += b"another file, "
    room.write(b"and what comes behind")
    room.tail = room.new_tail()
    room.tail.resume()
    await room.all_there()
    (lost,) = room.sink.of_kind("output_lost")
    assert "replaced" in lost.output_lost.reason


async def test_what_is_said_of_a_change_is_said_once_over_kills(room: Room) -> None:
    """Killed after the new place was written down, before its event was committed."""
    room.write(FIRST)
    room.tail.start()
    await room.all_there()
    committed = room.sink.as_committed()
    room.path.rename(room.directory / "x.log.1")
    room.reopen()
    room.write(b"the new one")
    await room.all_there()
    await room.tail.stop()
    room.sink = committed
    room.tail = room.new_tail()
    room.tail.resume()
    await room.all_there()
    assert len(room.sink.of_kind("notice")) == 1


async def test_a_deleted_file_is_followed_on_while_somebody_has_it_open(room: Room) -> None:
    room.write(FIRST)
    room.tail.start()
    await room.all_there()
    shutil.rmtree(room.directory)
    await room.sink.until(lambda: room.tail.missing or bool(room.sink.states))
    room.write(b"written all the same")
    await room.all_there()
    assert (CaptureState.CAPTURE_STATE_FOLLOWING, DELETED) in room.sink.states


async def test_a_file_that_is_not_there_after_a_restart_is_waited_for(room: Room) -> None:
    room.write(FIRST)
    room.tail.start()
    await room.all_there()
    await room.tail.stop()
    elsewhere = room.directory.with_name("unmounted")
    room.directory.rename(elsewhere)
    room.tail = room.new_tail()
    room.tail.resume()
    await room.sink.until(lambda: room.state() == CaptureState.CAPTURE_STATE_DISCONNECTED)
    assert room.tail.missing
    room.write(b"meanwhile")
    elsewhere.rename(room.directory)
    await room.all_there()
    assert room.sink.states[-1] == (CaptureState.CAPTURE_STATE_FOLLOWING, "")


async def test_a_file_that_cannot_be_read_makes_the_capture_blind_until_it_can(room: Room) -> None:
    """A directory at the path: also who may read everything cannot read that."""
    room.write(FIRST)
    room.tail.start()
    await room.all_there()
    await room.tail.stop()
    kept = room.directory / "kept"
    room.path.rename(kept)
    room.path.mkdir()
    room.tail = room.new_tail()
    room.tail.resume()
    await room.sink.until(lambda: room.state() == CaptureState.CAPTURE_STATE_BLIND)
    assert "regular file" in room.sink.states[-1][1]
    room.path.rmdir()
    kept.rename(room.path)
    room.write(b"readable again")
    await room.all_there()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, None])
async def test_what_cannot_be_followed_is_refused_at_the_start(room: Room, make: object) -> None:
    room.path.unlink()
    if callable(make):
        make(room.path)
    with pytest.raises(FileUnreadable if make else FileNotThere):
        room.tail.start()


async def test_a_finished_file_is_drained_to_its_last_byte(room: Room) -> None:
    room.write(os.urandom(2 * READ_BYTES + HEAD_BYTES))
    room.tail.start()
    room.tail.finish()
    await asyncio.wait_for(room.tail.drained(), 20)
    assert room.sink.written("terminal") == room.written


async def test_a_file_of_ours_gives_back_what_is_committed_and_is_read_on_after_a_restart(room: Room) -> None:
    room.tail = FileTail(room.sink, room.inotify, room.path, ours=True)
    for seed in range(6):
        room.write(random.Random(seed).randbytes(8 * 1024 * 1024))
    room.tail.start()
    await room.all_there()
    status = room.path.stat()
    assert status.st_size == len(room.written)
    assert status.st_blocks * 512 <= FREE_BYTES + KEPT_BYTES + BLOCK_BYTES
    await room.tail.stop()
    room.write(b"and on")
    room.tail = FileTail(room.sink, room.inotify, room.path, ours=True)
    room.tail.resume()
    await room.all_there()


async def test_where_its_place_cannot_be_kept_no_descriptor_is_left_behind(room: Room) -> None:
    room.write(FIRST)
    in_the_way = room.sink.directory / "terminal.new"
    in_the_way.mkdir()
    before = len(os.listdir("/proc/self/fd"))
    room.tail.resume()
    await room.sink.until(lambda: room.state() == CaptureState.CAPTURE_STATE_BLIND)
    for _ in range(5):
        room.tail.look()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) == before
    in_the_way.rmdir()
    await room.all_there()
