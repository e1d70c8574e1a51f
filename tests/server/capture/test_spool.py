"""Reading a spool: every byte once from any offset, losses named, what is committed deleted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sightline_server.capture.relay import SEGMENT_BYTES, Files, Segments
from sightline_server.capture.spool import READ_BYTES, Loss, SpoolReader


class Writer:
    """The relay's own writing end, used here without a relay."""

    def __init__(self, directory: Path, channel: str = "stdout") -> None:
        self.segments = Segments(Files(str(directory)), channel)

    def write(self, data: bytes) -> None:
        while data:
            assert self.segments.open(), "no room"
            written = os.write(self.segments.fd, data[: self.segments.room])
            self.segments.advance(written)
            data = data[written:]

    def lose(self, count: int) -> None:
        self.segments.close()
        assert self.segments.note_loss(count, 100, 200)
        self.segments.close()


def segments(directory: Path, channel: str = "stdout") -> list[int]:
    return sorted(int(path.suffix[1:]) for path in directory.glob(f"{channel}.[0-9]*"))


def read_all(reader: SpoolReader) -> tuple[bytes, list[Loss]]:
    """Everything there is, in looks that are committed one by one."""
    data, losses = b"", []
    while True:
        piece = reader.peek()
        loss = None if piece else reader.loss()
        if piece:
            data += piece
            reader.advance(len(piece))
        elif loss:
            losses.append(loss)
            reader.advance(loss.bytes)
        else:
            return data, losses


def test_looking_moves_nothing_until_it_is_committed(tmp_path: Path) -> None:
    writer, reader = Writer(tmp_path), SpoolReader(tmp_path, "stdout", 0)
    assert reader.peek() == b""
    writer.write(b"one two")
    assert reader.peek() == reader.peek() == b"one two"
    reader.advance(4)
    assert reader.peek() == b"two"
    assert reader.size() == 7
    reader.close()


def test_a_look_goes_across_the_border_of_two_segments(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(b"a" * SEGMENT_BYTES + b"b" * 10)
    reader = SpoolReader(tmp_path, "stdout", SEGMENT_BYTES - 5)
    assert reader.peek() == b"aaaaabbbbbbbbbb"
    reader.close()


def test_a_look_is_bounded(tmp_path: Path) -> None:
    Writer(tmp_path).write(b"c" * (READ_BYTES + 1))
    reader = SpoolReader(tmp_path, "stdout", 0)
    assert len(reader.peek()) == READ_BYTES
    assert len(reader.peek(3)) == 3
    reader.close()


def test_a_segment_goes_when_it_is_committed_and_the_next_is_there(tmp_path: Path) -> None:
    writer, reader = Writer(tmp_path), SpoolReader(tmp_path, "stdout", 0)
    writer.write(b"d" * SEGMENT_BYTES)
    read_all(reader)
    assert reader.offset == SEGMENT_BYTES
    assert segments(tmp_path) == [0], "the last one shows a later relay where to go on"
    writer.write(b"e")
    assert reader.peek() == b"e"
    assert segments(tmp_path) == [1]
    reader.close()


def test_a_reader_goes_on_at_its_offset_and_removes_what_a_crash_left_behind(tmp_path: Path) -> None:
    Writer(tmp_path).write(b"f" * (2 * SEGMENT_BYTES) + b"the rest")
    reader = SpoolReader(tmp_path, "stdout", 2 * SEGMENT_BYTES + 4)
    assert reader.peek() == b"rest"
    assert segments(tmp_path) == [2]
    reader.close()


def test_a_full_row_of_segments_has_no_room_until_the_reader_makes_some(tmp_path: Path) -> None:
    writer, reader = Writer(tmp_path), SpoolReader(tmp_path, "stdout", 0)
    writer.write(b"g" * (8 * SEGMENT_BYTES))
    assert not writer.segments.has_room(8)
    reader.advance(SEGMENT_BYTES)
    reader.peek(1)
    assert writer.segments.has_room(8)
    writer.segments.close()
    reader.close()


def test_the_end_is_known_once_the_relay_has_said_it_and_all_is_committed(tmp_path: Path) -> None:
    writer, reader = Writer(tmp_path), SpoolReader(tmp_path, "stdout", 0)
    writer.write(b"last")
    assert reader.end == -1
    writer.segments.end()
    assert (reader.end, reader.at_end) == (4, False)
    read_all(reader)
    assert (reader.end, reader.at_end) == (4, True)
    reader.close()


def test_nothing_is_read_over_a_loss(tmp_path: Path) -> None:
    writer, reader = Writer(tmp_path), SpoolReader(tmp_path, "stdout", 0)
    writer.write(b"before")
    writer.lose(1000)
    writer.write(b"after")
    assert reader.loss() is None
    assert read_all(reader) == (b"beforeafter", [Loss(6, 1000, 100, 200)])
    assert reader.offset == 6 + 1000 + 5 == reader.size()
    reader.close()


def test_a_loss_that_was_committed_is_not_told_again(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(b"before")
    writer.lose(3 * SEGMENT_BYTES)
    writer.write(b"after")
    reader = SpoolReader(tmp_path, "stdout", 6 + 3 * SEGMENT_BYTES)
    assert read_all(reader) == (b"after", [])
    assert segments(tmp_path) == [3]
    reader.close()


def test_segments_that_somebody_removed_are_a_loss(tmp_path: Path) -> None:
    Writer(tmp_path).write(b"h" * (2 * SEGMENT_BYTES) + b"kept")
    reader = SpoolReader(tmp_path, "stdout", 7)
    (tmp_path / "stdout.00000000").unlink()
    (tmp_path / "stdout.00000001").unlink()
    assert read_all(reader) == (b"kept", [Loss(7, 2 * SEGMENT_BYTES - 7, 0, 0)])
    reader.close()


def test_a_later_relay_goes_on_behind_the_last_byte(tmp_path: Path) -> None:
    first = Writer(tmp_path)
    first.write(b"first")
    first.lose(50)
    first.segments.end()
    second = Writer(tmp_path)
    second.write(b"second")
    second.segments.close()
    reader = SpoolReader(tmp_path, "stdout", 0)
    assert read_all(reader) == (b"firstsecond", [Loss(5, 50, 100, 200)])
    assert reader.end == -1
    reader.close()


steps = st.lists(
    st.tuples(st.sampled_from(["write", "lose", "read", "resume"]), st.integers(1, SEGMENT_BYTES + SEGMENT_BYTES // 2)), max_size=14
)


@pytest.mark.filterwarnings("error")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_any_interplay_gives_every_byte_once_and_every_loss_once(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[str, int]]
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    writer, reader = Writer(directory), SpoolReader(directory, "stdout", 0)
    written, lost = b"", 0
    got, told = b"", 0
    for step, size in plan:
        if step == "write" and len(written) + lost + size - reader.offset < 7 * SEGMENT_BYTES:
            piece = (b"%d-" % len(written)) * (size // 8 + 1)
            writer.write(piece)
            written += piece
        elif step == "lose":
            writer.lose(size)
            lost += size
        elif step == "read":
            piece = reader.peek(min(size, READ_BYTES))
            loss = None if piece else reader.loss()
            got += piece
            told += loss.bytes if loss else 0
            reader.advance(loss.bytes if loss else len(piece))
        elif step == "resume":
            reader.close()
            reader = SpoolReader(directory, "stdout", reader.offset)
    rest, losses = read_all(reader)
    assert got + rest == written
    assert told + sum(loss.bytes for loss in losses) == lost
    assert len(segments(directory)) <= 1
    writer.segments.close()
    reader.close()
