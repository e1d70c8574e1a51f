"""What steps leave behind by name, from bytes alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightline_server.capture.recipe import result


def test_lines_end_with_lf_or_crlf_and_the_later_one_of_a_key_counts() -> None:
    assert result.parse(b"id=1\nname=a b=c\r\n\n\r\nid=2\nempty=\n") == ({"id": "2", "name": "a b=c", "empty": ""}, [])


def test_a_last_line_without_an_end_counts_unless_it_may_be_torn() -> None:
    assert result.parse(b"a=1\nid=env-7") == ({"a": "1", "id": "env-7"}, [])
    labels, skipped = result.parse(b"a=1\nid=env-7", whole=False)
    assert labels == {"a": "1"}
    assert skipped == ["line 2: it has no end"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"no sign", "not of the form"),
        (b"=value", "key"),
        (b"two words=x", "key"),
        (b"k\xc3\xa9y=x", "key"),
        (b"k" * 65 + b"=x", "key"),
        (b"key=a\0b", "zero byte"),
        (b"key=\xff", "UTF-8"),
        (b"key=" + b"x" * 4097, "4096"),
    ],
)
def test_a_line_that_is_none_is_left_out_with_its_number_and_the_rest_counts(line: bytes, problem: str) -> None:
    labels, skipped = result.parse(b"a=1\n" + line + b"\nb=2\n")
    assert labels == {"a": "1", "b": "2"}
    assert len(skipped) == 1
    assert skipped[0].startswith("line 2: ")
    assert problem in skipped[0]


def test_too_much_is_cut_where_a_line_ends() -> None:
    lines = b"".join(b"k%d=%s\n" % (n, b"x" * 1000) for n in range(100))
    labels, skipped = result.parse(lines)
    assert list(labels) == [f"k{n}" for n in range(len(labels))]
    assert set(labels.values()) == {"x" * 1000}
    assert 60 < len(labels) < 66
    assert "65536" in skipped[0]
    many, skipped = result.parse(b"".join(b"k%d=\n" % n for n in range(150)))
    assert (len(many), len(skipped)) == (100, 50)


@given(st.binary(max_size=2000), st.booleans())
def test_no_bytes_break_it(data: bytes, whole: bool) -> None:
    labels, _ = result.parse(data, whole=whole)
    for key, value in labels.items():
        assert key
        assert len(value.encode()) <= result.MAX_VALUE
