"""`decode.osc`: titles, progress and marks in the bytes of a terminal."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightline_server.decode.osc import MAX_SEQUENCE, Scanner, Signs

STREAM = (
    b"plain \x1b[31mred\x1b[0m\r\n"
    b"\x1b]0;caf\xc3\xa9 \xe2\x9c\xb3 one\x07\x1b]133;A\x1b\\$ \x1b]133;B\x07ls\r\n\x1b]133;C\x07"
    b"\x1b]9;4;1;250\x07 file\r\n\x1b]52;c;aGFs\x07\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\"
    b"\x1b]133;D;2;aid=7\x1b\\\x1b]9;4;3\x1b\\\x1b]2;two\x1b\\\x1b]633;C\x07"
)


def said(chunks: list[bytes]) -> list[tuple[str, object]]:
    """What a stream says, each thing once, whatever the chunks are: the last of a chunk hides those before it."""
    scanner = Scanner()
    found = [signs for signs in map(scanner.feed, chunks) if signs]
    return [
        (one.name, getattr(signs, one.name)) for signs in found for one in fields(signs) if getattr(signs, one.name) is not None
    ]


def test_the_last_title_progress_and_mark_of_some_bytes_are_told() -> None:
    assert Scanner().feed(STREAM) == Signs(title="two", progress=3, mark="C", exit_code=2)


def test_byte_by_byte_each_sign_is_told_in_its_order() -> None:
    assert said([bytes((byte,)) for byte in STREAM]) == [
        ("title", "café ✳ one"),
        ("mark", "A"),
        ("mark", "B"),
        ("mark", "C"),
        ("progress", 1),
        ("percent", 100),
        ("mark", "D"),
        ("exit_code", 2),
        ("progress", 3),
        ("title", "two"),
        ("mark", "C"),
    ]


def test_a_programs_own_state_is_told_however_it_is_cut_and_a_question_for_one_is_none() -> None:
    stream = b"x\x1b]7501;?\x1b\\\x1b]7501;state=blocked:app=codex:kind=permission\x1b\\"
    assert Scanner().feed(stream) == Signs(state="blocked", kind="permission")
    assert said([bytes((byte,)) for byte in stream]) == [("state", "blocked"), ("kind", "permission")]


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_however_a_stream_is_cut_its_last_words_are_the_same(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    last = dict(said([STREAM[begin:end] for begin, end in pairwise(places)]))
    assert (last["title"], last["progress"], last["mark"], last["exit_code"]) == ("two", 3, "C", 2)


@given(
    st.lists(
        st.sampled_from([b"\x1b", b"]", b"0;", b"133;", b"A", b"\x07", b"\\", b"9;4;", b"\x00", b"x" * 3000, b"\xff"]), max_size=40
    )
)
def test_no_bytes_make_it_fail_or_keep_more_than_one_sequence(parts: list[bytes]) -> None:
    scanner = Scanner()
    for part in parts:
        scanner.feed(part)
        assert len(scanner._held) <= MAX_SEQUENCE


@pytest.mark.parametrize(
    "data",
    [
        b"no sequence at all",
        b"\x1b]0;half\x1b[0m a title",
        b"\x1b]0;" + b"t" * (MAX_SEQUENCE + 1) + b"\x07",
        b"\x1b]133;Z\x07",
        b"\x1b]9;some words for a notification\x07",
        b"\x1b]10;?\x07",
        b"\x1b]2;with a\nline feed\x07",
    ],
)
def test_what_is_no_sign_says_nothing(data: bytes) -> None:
    assert Scanner().feed(data) is None


def test_a_sequence_that_never_ends_hides_nothing_behind_it() -> None:
    scanner = Scanner()
    assert scanner.feed(b"\x1b]0;" + b"t" * 100_000) is None
    assert scanner.feed(b"\x1b]133;A\x07") == Signs(mark="A")


def test_an_empty_title_is_a_title() -> None:
    assert Scanner().feed(b"\x1b]2;\x07") == Signs(title="")
