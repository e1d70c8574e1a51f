"""What a word is and what a query means."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightline_server.errors import BadField, QueryEmpty, QueryUnbalanced, QueryWithoutWords
from sightline_server.search.words import MAX_QUERY, fed, fold, holds, parse, words_in


def finds(query: str, line: str) -> bool:
    """Whether a line is found: the index has its words, and the rest is looked for in it."""
    parsed = parse(query)
    words = set(words_in(line))
    for term in parsed.terms:
        *whole, last = term.words or ("",)
        if not words.issuperset(whole):
            return False
        if last and not (any(word.startswith(last) for word in words) if term.prefix else last in words):
            return False
    return holds(line, [term for term in parsed.terms if not term.is_word])


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("error", "An ERROR: here"),
        ("error here", "here is an error"),
        ("cafe", "Café au lait"),
        ("CAFÉ", "cafe\u0301 au lait"),
        ("E0308", "error[E0308]: mismatched types"),
        ("error[E0308]", "error[E0308]: mismatched types"),
        ("c++", "written in C++ and C"),
        ("--flag", "cmd --flag=1"),
        ("foo/bar.py", "src/foo/bar.py:12: warning"),
        ("bar", "foo_bar"),
        ("foo_bar", "a foo_bar b"),
        ('"connection refused"', "tcp: connection   refused by peer"),
        ('"connection ref"*', "connection refused"),
        ("comp*", "Compiling serde"),
        ("a -> b", "fn a() -> b"),
        ("日本", "これは日本語です"),
        ("日本 です", "これは日本語です"),
        ("한국*", "한국어입니다"),
        ("foo日", "foo日本"),
        ("foo", "foo日本"),
        ("ไทย", "ภาษาไทยง่าย"),
        ("ﬁle", "ﬁle"),
        ('hi"there', 'oh hi"there'),
    ],
)
def test_a_query_finds_the_line(query: str, line: str) -> None:
    assert finds(query, unicodedata.normalize("NFC", line))


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("error", "errors"),
        ("err", "error"),
        ("C++", "C and ++ and C--"),
        ("--flag", "flag"),
        ("foo/bar.py", "foo bar py"),
        ("oo/bar", "foo/bar"),
        ("foo/ba", "foo/bar"),
        ('"connection refused"', "refused connection"),
        ('"error war"', "error warning"),
        ("日本", "日の本"),
        ("が", "か"),
        ("error warning", "error"),
    ],
)
def test_and_not_this_one(query: str, line: str) -> None:
    assert not finds(query, line)


@pytest.mark.parametrize("query", ["", "  ", '""', '"  " ""'])
def test_a_query_must_say_something(query: str) -> None:
    with pytest.raises(QueryEmpty):
        parse(query)


@pytest.mark.parametrize("query", ['"', 'a "b', '"a" "'])
def test_a_quote_must_end(query: str) -> None:
    with pytest.raises(QueryUnbalanced):
        parse(query)


@pytest.mark.parametrize("query", ["++", "->", "*", '"..."', "→ ☃"])
def test_signs_alone_cannot_be_looked_up(query: str) -> None:
    with pytest.raises(QueryWithoutWords):
        parse(query)


def test_a_query_has_a_bound() -> None:
    with pytest.raises(BadField):
        parse("x" * (MAX_QUERY + 1))
    with pytest.raises(BadField):
        parse("a " * 33)


@given(st.text(max_size=60))
def test_folding_keeps_every_place(text: str) -> None:
    assert len(fold(text)) == len(text)


@given(st.text(max_size=60), st.text(max_size=20))
def test_whatever_is_asked_is_a_query_or_a_reason(line: str, query: str) -> None:
    try:
        parsed = parse(query)
    except (QueryEmpty, QueryUnbalanced, QueryWithoutWords):
        return
    for start, end in parsed.spans(line):
        assert 0 <= start < end <= len(line)
    for word in words_in(line):
        assert word in fed(line).lower()
        assert finds(word, line)
