"""Cutting a stream: nothing is lost, chunks are bounded, lines stay whole where they can."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightline_server.decode.lines import MAX_CHUNK, cut_anywhere, cut_lines

streams = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.integers(0, 2 * MAX_CHUNK).map(lambda size: b"x" * size),
        st.integers(0, MAX_CHUNK).map(lambda size: b"y" * size + b"\n"),
        st.just(b"\n"),
    ),
    max_size=12,
).map(b"".join)


def feed(parts: list[bytes]) -> list[bytes]:
    """Cuts as a pump does: what is left over comes again with the next part; at the end nothing is held."""
    chunks: list[bytes] = []
    held = b""
    for part in parts:
        held += part
        cut = cut_lines(held, hold=True)
        chunks += cut
        held = held[sum(map(len, cut)) :]
    return chunks + cut_lines(held, hold=False)


@given(streams, st.lists(st.integers(0, 300_000), max_size=8))
def test_however_it_arrives_the_chunks_joined_are_the_stream(stream: bytes, places: list[int]) -> None:
    bounds = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]
    parts = [stream[start:end] for start, end in pairwise(bounds)]
    chunks = feed(parts)
    assert b"".join(chunks) == stream
    assert all(1 <= len(chunk) <= MAX_CHUNK for chunk in chunks)


@given(st.binary(max_size=200).map(lambda data: data.replace(b"a", b"\n")))
def test_byte_by_byte_gives_whole_lines(stream: bytes) -> None:
    chunks = feed([stream[i : i + 1] for i in range(len(stream))])
    assert chunks == lines_of(stream)


def lines_of(stream: bytes) -> list[bytes]:
    lines = [line + b"\n" for line in stream.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


@given(streams)
def test_a_chunk_that_is_not_the_last_ends_with_a_line_unless_a_line_fills_it(stream: bytes) -> None:
    for chunk in cut_lines(stream, hold=True):
        assert chunk.endswith(b"\n") or (len(chunk) == MAX_CHUNK and b"\n" not in chunk)


@given(streams)
def test_what_is_held_is_the_beginning_of_one_line_that_would_fit(stream: bytes) -> None:
    held = stream[sum(map(len, cut_lines(stream, hold=True))) :]
    assert b"\n" not in held
    assert len(held) < MAX_CHUNK


@given(streams)
def test_when_more_is_there_only_full_chunks_are_cut(stream: bytes) -> None:
    chunks = cut_lines(stream, hold=False, more=True)
    left = stream[sum(map(len, chunks)) :]
    assert b"".join(chunks) + left == stream
    assert len(left) < MAX_CHUNK


def test_many_short_lines_become_few_large_chunks() -> None:
    stream = b"a line of some length\n" * 100_000
    chunks = cut_lines(stream, hold=True)
    assert len(chunks) <= len(stream) // MAX_CHUNK + 2
    assert b"".join(chunks) == stream


@pytest.mark.parametrize("size", [0, 1, MAX_CHUNK - 1, MAX_CHUNK, MAX_CHUNK + 1, 3 * MAX_CHUNK])
def test_a_terminal_is_cut_at_once_and_by_size_alone(size: int) -> None:
    stream = b"z" * size
    chunks = cut_anywhere(stream)
    assert b"".join(chunks) == stream
    assert all(1 <= len(chunk) <= MAX_CHUNK for chunk in chunks)
    assert len(chunks) == -(-size // MAX_CHUNK)
