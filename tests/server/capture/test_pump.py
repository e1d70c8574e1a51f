"""From a spool to a sink: everything once, in order, cut at lines where lines come, and at once where they do not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from server.capture.memory_sink import MemorySink
from sightline.v1.event_pb2 import Channel
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.pump import Pump
from sightline_server.capture.relay import SEGMENT_BYTES, Files, Segments


@pytest_asyncio.fixture
async def inotify() -> AsyncIterator[Inotify]:
    inotify = Inotify()
    yield inotify
    inotify.close()


class Writer:
    """The relay's own writing end, used here without a relay."""

    def __init__(self, directory: Path, channel: str) -> None:
        self.segments = Segments(Files(str(directory)), channel)

    def write(self, data: bytes) -> None:
        while data:
            assert self.segments.open(), "no room"
            written = os.write(self.segments.fd, data[: self.segments.room])
            self.segments.advance(written)
            data = data[written:]


@contextmanager
def writer(directory: Path, channel: str = "stdout") -> Iterator[Writer]:
    writer = Writer(directory, channel)
    yield writer
    writer.segments.close()


def segments(directory: Path) -> int:
    """How many segments of stdout there are."""
    return len(list(directory.glob("stdout.[0-9]*")))


def pump(sink: MemorySink, inotify: Inotify, *channels: str) -> Pump:
    pump = Pump(sink, inotify, sink.directory, channels)
    pump.start()
    return pump


async def drained(pump: Pump) -> None:
    async with asyncio.timeout(20):
        await pump.drained()


async def test_lines_arrive_as_they_are_written(inotify: Inotify, tmp_path: Path) -> None:
    sink = MemorySink(tmp_path)
    following = pump(sink, inotify, "stdout", "stderr")
    with writer(tmp_path) as out, writer(tmp_path, "stderr") as err:
        for number in range(3):
            out.write(b"line %d\n" % number)
            await sink.until(lambda number=number: len(sink.chunks("stdout")) == number + 1)  # type: ignore[misc]
        err.write(b"trouble\n")
        await sink.until(lambda: sink.written("stderr") == b"trouble\n")
    assert sink.chunks("stdout") == [b"line 0\n", b"line 1\n", b"line 2\n"]
    assert [event.output.channel for event in sink.log][2:] == [Channel.CHANNEL_STDOUT, Channel.CHANNEL_STDERR]
    assert sink.positions == {"stdout": 21, "stderr": 8}
    assert following.caught_up()
    await following.stop()


async def test_a_line_without_its_end_is_shown_soon_and_what_follows_is_cut_anew(inotify: Inotify, tmp_path: Path) -> None:
    sink = MemorySink(tmp_path)
    following = pump(sink, inotify, "stdout")
    with writer(tmp_path) as out:
        out.write(b"done\n50%")
        await sink.until(lambda: sink.written("stdout") == b"done\n50%")
        out.write(b"\r100%\nnext\n")
        await sink.until(lambda: sink.written("stdout").endswith(b"next\n"))
    assert sink.chunks("stdout") == [b"done\n", b"50%", b"\r100%\nnext\n"]
    await following.stop()


async def test_the_end_of_a_line_that_comes_soon_stays_with_it(inotify: Inotify, tmp_path: Path) -> None:
    sink = MemorySink(tmp_path)
    following = pump(sink, inotify, "stdout")
    with writer(tmp_path) as out:
        out.write(b"one\ntw")
        await sink.until(lambda: bool(sink.log))
        out.write(b"o\n")
        await sink.until(lambda: sink.written("stdout") == b"one\ntwo\n")
    assert sink.chunks("stdout") == [b"one\n", b"two\n"]
    await following.stop()


async def test_a_terminal_is_not_held_for_line_ends(inotify: Inotify, tmp_path: Path) -> None:
    sink = MemorySink(tmp_path)
    following = pump(sink, inotify, "terminal")
    with writer(tmp_path, "terminal") as out:
        out.write(b"one\n$ ")
        await sink.until(lambda: bool(sink.log))
    assert sink.chunks("terminal") == [b"one\n$ "]
    await following.stop()


async def test_a_flood_comes_in_few_large_events_and_its_segments_go(inotify: Inotify, tmp_path: Path) -> None:
    sink = MemorySink(tmp_path)
    stream = b"".join(b"%d and some more words\n" % number for number in range(800_000))
    with writer(tmp_path) as out:
        out.write(stream)
        out.segments.end()
        following = pump(sink, inotify, "stdout")
        await drained(following)
    assert sink.written("stdout") == stream
    assert all(chunk.endswith(b"\n") for chunk in sink.chunks("stdout"))
    assert len(sink.log) < len(stream) / 60_000
    assert segments(tmp_path) == 1


async def test_nothing_is_deleted_or_lost_while_the_log_cannot_be_written(inotify: Inotify, tmp_path: Path) -> None:
    sink = MemorySink(tmp_path)
    sink.gate.clear()
    stream = bytes(3 * SEGMENT_BYTES)
    with writer(tmp_path) as out:
        following = pump(sink, inotify, "stdout")
        out.write(stream)
        out.segments.end()
        await asyncio.sleep(0.1)  # a pump that does not wait for the sink would be through by now
        assert not following.caught_up()
        assert segments(tmp_path) == 3
        sink.gate.set()
        await drained(following)
    assert sink.written("stdout") == stream


async def test_a_stopped_pump_is_followed_by_another_at_the_exact_byte(inotify: Inotify, tmp_path: Path) -> None:
    sink = MemorySink(tmp_path)
    stream = b"".join(b"%d\n" % number for number in range(400_000))
    with writer(tmp_path) as out:
        out.write(stream[:1_000_000])
        for part in range(10):
            following = pump(sink, inotify, "stdout")
            await sink.until(lambda: sink.position("stdout") > 0)
            out.write(stream[1_000_000 + part * 100_000 : 1_100_000 + part * 100_000])
            await following.stop()
        out.write(stream[2_000_000:])
        out.segments.end()
        await drained(pump(sink, inotify, "stdout"))
    assert sink.written("stdout") == stream


async def test_a_loss_is_an_event_in_its_place(inotify: Inotify, tmp_path: Path) -> None:
    sink = MemorySink(tmp_path)
    with writer(tmp_path, "terminal") as out:
        out.write(b"before")
        out.segments.note_loss(5 * SEGMENT_BYTES, 1_500_000_000, 2_000_000_001)
        out.segments.close()
        out.write(b"after")
        out.segments.end()
        await drained(pump(sink, inotify, "terminal"))
    assert [event.WhichOneof("payload") for event in sink.log] == ["output", "output_lost", "output"]
    lost = sink.log[1].output_lost
    assert (lost.bytes, lost.channel) == (5 * SEGMENT_BYTES, Channel.CHANNEL_TERMINAL)
    assert (lost.from_time.ToNanoseconds(), lost.to_time.ToNanoseconds()) == (1_500_000_000, 2_000_000_001)
    assert sink.position("terminal") == 5 * SEGMENT_BYTES + len(b"beforeafter")


async def test_when_nobody_writes_any_more_what_is_there_is_all(inotify: Inotify, tmp_path: Path) -> None:
    sink = MemorySink(tmp_path)
    with writer(tmp_path) as out:
        out.write(b"whole\npart")
        following = pump(sink, inotify, "stdout", "stderr")
        following.finish()
        await drained(following)
    assert sink.written("stdout") == b"whole\npart"


async def test_a_place_in_the_spool_can_be_waited_for(inotify: Inotify, tmp_path: Path) -> None:
    sink = MemorySink(tmp_path)
    sink.gate.clear()
    with writer(tmp_path) as out:
        out.write(b"so far\n")
        following = pump(sink, inotify, "stdout")
        sizes = following.sizes()
        assert sizes == {"stdout": 7}
        reached = asyncio.create_task(following.reach(sizes))
        sink.gate.set()
        async with asyncio.timeout(20):
            await reached
    assert sink.position("stdout") == 7
    await following.stop()


async def test_a_channel_that_floods_does_not_silence_the_other(inotify: Inotify, tmp_path: Path) -> None:
    sink = MemorySink(tmp_path)
    with writer(tmp_path) as out, writer(tmp_path, "stderr") as err:
        out.write(bytes(4 * SEGMENT_BYTES))
        err.write(b"trouble\n")
        following = pump(sink, inotify, "stdout", "stderr")
        await sink.until(lambda: bool(sink.written("stderr")))
    place = next(event.seq for event in sink.log if event.source == "stderr")
    assert place < 10
    await following.stop()


async def test_a_sink_that_fails_is_told_to_who_waits(inotify: Inotify, tmp_path: Path) -> None:
    class Failing(MemorySink):
        def output(self, *_: object, **__: object) -> asyncio.Future[int]:
            failed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            failed.set_exception(RuntimeError("no log"))
            return failed

    with writer(tmp_path) as out:
        out.write(b"text\n")
        following = pump(Failing(tmp_path), inotify, "stdout")
        with pytest.raises(RuntimeError, match="no log"):
            await drained(following)
    await following.stop()


async def test_a_spool_that_cannot_be_read_silences_no_other_and_is_told_to_who_waits(
    inotify: Inotify, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sinks = [MemorySink(tmp_path / name) for name in "ab"]
    for sink in sinks:
        sink.directory.mkdir()
    with writer(sinks[0].directory) as one, writer(sinks[1].directory) as other:
        one.write(b"1\n")
        other.write(b"1\n")
        following = [pump(sink, inotify, "stdout") for sink in sinks]
        for sink in sinks:
            await sink.until(lambda sink=sink: sink.written("stdout") == b"1\n")  # type: ignore[misc]
        await asyncio.sleep(0)
        broken = following[0]._followers[0].reader
        monkeypatch.setattr(broken, "_read", unreadable)
        monkeypatch.setattr(broken, "glance", unreadable)
        one.write(b"2\n")
        other.write(b"2\n")
        await sinks[1].until(lambda: sinks[1].written("stdout") == b"1\n2\n")
        with pytest.raises(OSError, match="broken disk"):
            await drained(following[0])
    for each in following:
        await each.stop()


def unreadable(*_: object) -> bytes:
    raise OSError("broken disk")
