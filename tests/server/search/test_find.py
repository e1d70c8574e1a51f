"""Looking up: what is found, in which order, page by page."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server.search.events import STEP, Log, Searched, output, searched
from sightline_server.errors import BadRequest
from sightline_server.search.find import Key, Limits
from sightline_server.search.words import parse


@pytest.fixture(params=["sqlite", "memory"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Searched]:
    with searched(tmp_path if request.param == "sqlite" else None) as made:
        yield made


def page_by_page(home: Searched, query: str, size: int) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    after: Key | None = None
    while True:
        hits, after = home.page(query, Limits(before=after), size)
        assert len(hits) <= size
        found += [(hit.number, hit.text) for hit in hits]
        if after is None:
            return found
        assert len(hits) == size, "a page is full unless it is the last"


def test_the_newest_place_comes_first(home: Searched) -> None:
    log = Log(home.store, 1)
    log.commit(output(b"error one\n"))
    log.commit(output(b"error two\nerror three\n"), output(b"fine\n"))
    assert home.texts("error") == ["error three", "error two", "error one"]


def test_sessions_are_merged_by_time(home: Searched) -> None:
    first, second = Log(home.store, 1, time=0), Log(home.store, 2, time=STEP // 2)
    for turn in range(3):
        for log in (first, second):
            log.commit(output(b"error %d in %d\n" % (turn, log.number)))
            home.catch_up()
    assert home.texts("error") == [f"error {turn} in {number}" for turn in (2, 1, 0) for number in (2, 1)]


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_pages_hold_every_place_once_whatever_comes_meanwhile(home: Searched, size: int) -> None:
    logs = [Log(home.store, number, time=number * STEP * 3) for number in range(1, 6)]
    for turn in range(8):
        for log in logs:
            log.commit(output(b"error %d\n" % turn), output(b"other\nerror again\n"))
        home.catch_up()
    expected = page_by_page(home, "error", 1000)
    assert len(expected) == 5 * 8 * 2
    hits, after = home.page("error", Limits(), size)
    logs[-1].commit(output(b"error too late\n"))
    home.catch_up()
    found = [(hit.number, hit.text) for hit in hits]
    while after is not None:
        hits, after = home.page("error", Limits(before=after), size)
        found += [(hit.number, hit.text) for hit in hits]
    assert found == expected


def test_many_sessions_are_searched_like_few(home: Searched) -> None:
    for number in range(1, 60):
        Log(home.store, number, time=number * STEP).commit(output(b"common\n" + (b"rare\n" if number in {3, 50} else b"")))
    home.catch_up()
    assert page_by_page(home, "rare", 1) == [(50, "rare"), (3, "rare")]
    assert [number for number, _ in page_by_page(home, "common", 7)] == list(range(59, 0, -1))


def test_only_the_sessions_asked_for_are_searched(home: Searched) -> None:
    for number in (1, 2, 3):
        Log(home.store, number).commit(output(b"error\n"))
    home.catch_up()
    assert {hit.number for hit in home.page("error", numbers=[2])[0]} == {2}


def test_times_are_of_events_from_the_first_to_before_the_second(home: Searched) -> None:
    log = Log(home.store, 1)
    for turn in range(1, 10):
        log.commit(output(b"error %d\n" % turn))
        if turn % 4 == 0:
            home.catch_up()
    home.catch_up()
    hits, _ = home.page("error", Limits(from_time=3 * STEP, to_time=6 * STEP))
    assert [(hit.text, hit.time, hit.seq) for hit in hits] == [(f"error {turn}", turn * STEP, turn) for turn in (5, 4, 3)]
    assert home.page("error", Limits(from_time=10 * STEP))[0] == []
    assert home.page("error", Limits(to_time=STEP))[0] == []


def test_words_of_different_lines_are_not_together(home: Searched) -> None:
    Log(home.store, 1).commit(output(b"one\ntwo\none two\n"))
    assert home.texts("one two") == ["one two"]


def test_the_beginning_of_very_many_words_is_found_too(home: Searched) -> None:
    log = Log(home.store, 1)
    log.commit(output(b"".join(b"x%04d y\nz%04d\n" % (n, n) for n in range(1500))))
    home.catch_up()
    assert len(page_by_page(home, "x*", 400)) == 1500
    assert len(page_by_page(home, "x* y", 400)) == 1500
    assert [text for _, text in page_by_page(home, "x00* y", 40)] == [f"x{n:04d} y" for n in range(99, -1, -1)]


def test_an_answer_that_takes_too_long_says_where_to_go_on(home: Searched) -> None:
    log = Log(home.store, 1)
    log.commit(output(b"".join(b"c plus %d\n" % n for n in range(1000)) + b"C++\n" + b"c again\n" * 500))
    home.catch_up()
    found: list[str] = []
    after: Key | None = None
    pages = 0
    while True:
        ticks = iter(range(0, 10**6, 10))  # each look at the clock is ten seconds later
        hits, after = home.page("C++", Limits(before=after), 10, clock=lambda: float(next(ticks)))  # noqa: B023 - called at once
        found += [hit.text for hit in hits]
        pages += 1
        if after is None:
            break
    assert found == ["C++"]
    assert pages > 5


WORDS = (
    *("error", "Err", "C++", "c", "foo/bar.py", "--flag", "日本語", "日", "café", "cafe", "E0308", "error[E0308]", "a_b", "x-1"),
    *('"', "*", "→"),
)
ASKED = (*WORDS, "err*", "caf*", "foo/b*", '"error C++"', '"c error"', '"日本"', "本", "bar", "flag")
LINES = st.lists(st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join), max_size=12)
QUERIES = st.lists(st.sampled_from(ASKED), max_size=3)


def letters(text: str) -> str:
    """Without case and accents, the slow way."""
    return "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))


def naive(query: str, line: str) -> bool:
    """Whether the line holds every term with nothing of a word on either side of it."""
    line = letters(line)
    return all(any(stands(line, term.text, at, term.prefix) for at in range(len(line))) for term in parse(query).terms)


def stands(line: str, text: str, at: int, prefix: bool) -> bool:
    text = letters(text)
    if not line.startswith(text, at):
        return False
    before, after = line[:at][-1:], line[at + len(text) :][:1]
    if is_letter(text[0]) and is_letter(before):
        return False
    return prefix or not (is_letter(text[-1]) and is_letter(after))


def is_letter(character: str) -> bool:
    return character.isalnum() and character not in "日本語"


@settings(max_examples=60)
@given(LINES, LINES, QUERIES.map(" ".join))
def test_what_is_found_is_what_reading_every_line_would_find(first: list[str], second: list[str], query: str) -> None:
    try:
        parse(query)
    except BadRequest:
        return
    with searched(None) as home:
        one, two = Log(home.store, 1), Log(home.store, 2, time=1000 * STEP)
        one.commit(output("".join(f"{line}\n" for line in first).encode()))
        two.commit(output("".join(f"{line}\n" for line in second).encode()))
        assert home.texts(query) == [line for line in [*second[::-1], *first[::-1]] if line and naive(query, line)]
