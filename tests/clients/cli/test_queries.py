"""Questions to a terminal are taken out, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightline_cli.queries import MAX_HELD, QueryFilter

QUESTIONS = [
    b"\x05",
    b"\x1bZ",
    b"\x1b[c",
    b"\x1b[0c",
    b"\x1b[>c",
    b"\x1b[>0;0c",
    b"\x1b[=c",
    b"\x1b[5n",
    b"\x1b[6n",
    b"\x1b[?6n",
    b"\x1b[?996n",
    b"\x1b[?2026$p",
    b"\x1b[4$p",
    b"\x1b[>0q",
    b"\x1b[?u",
    b"\x1b[14t",
    b"\x1b[18t",
    b"\x1b[21t",
    b"\x1b]10;?\x07",
    b"\x1b]11;?\x1b\\",
    b"\x1b]4;1;?\x1b\\",
    b"\x1b]52;c;?\x07",
    b"\x1b]52;c;c2VjcmV0\x07",
    b"\x1bP$qm\x1b\\",
    b"\x1bP+q544e\x1b\\",
    b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\",
]
HARMLESS = [
    b"plain text",
    b"\x1b[1;31m",
    b"\x1b[2J",
    b"\x1b[?1049h",
    b"\x1b[?25l",
    b"\x1b[>1u",
    b"\x1b[<u",
    b"\x1b[22;0t",
    b"\x1b[4 q",
    b"\x1b]2;a title?\x07",
    b"\x1b]8;;http://example.com/?q=1\x1b\\",
    b"\x1b]10;#ffffff\x07",
    b"\x1b7\x1b8",
    b"\x1b(0",
    b"\x1bPqsixel\x1b\\",
    b"\xe2\x82\xac\xc3",
    b"\r\n",
]
STREAMS = st.lists(st.sampled_from(QUESTIONS + HARMLESS), max_size=12)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_left_out(question: bytes) -> None:
    assert QueryFilter().feed(b"before" + question + b"after") == b"beforeafter"


@pytest.mark.parametrize("code", HARMLESS)
def test_what_is_no_question_passes(code: bytes) -> None:
    assert QueryFilter().feed(code + b"after") == code + b"after"


@given(STREAMS)
def test_it_makes_no_difference_how_bytes_are_cut(pieces: list[bytes]) -> None:
    whole, bytewise, stream = QueryFilter(), QueryFilter(), b"".join(pieces)
    expected = whole.feed(stream) + whole.finish()
    assert b"".join(bytewise.feed(bytes([byte])) for byte in stream) + bytewise.finish() == expected


@given(STREAMS)
def test_no_question_is_left(pieces: list[bytes]) -> None:
    harmless = b"".join(piece for piece in pieces if piece in HARMLESS)
    filtered = QueryFilter()
    assert filtered.feed(b"".join(pieces)) + filtered.finish() == harmless


def test_an_unfinished_code_is_held_back_and_then_passes_whole() -> None:
    filtered = QueryFilter()
    assert filtered.feed(b"a\x1b[1;3") == b"a"
    assert filtered.feed(b"1mb") == b"\x1b[1;31mb"


def test_a_long_string_without_an_end_is_not_held_back_for_ever() -> None:
    filtered = QueryFilter()
    shown = filtered.feed(b"\x1bP" + b"x" * (2 * MAX_HELD))
    assert len(shown) > MAX_HELD
