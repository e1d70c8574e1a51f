"""Words: what one is, what a query means, and where a line holds it. Pure: knows no index and no events.

A word is a run of letters and digits; case and accents do not matter. What stands between words matters only where a query names
it: `C++` is the word `c` in the index, and the line must then hold `C++` too. Scripts that are written without spaces (Chinese,
Japanese, Thai and their kin) have no runs to go by: there each character is a word in the index, and the line must hold them as
they stand in the query.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sightline_server.errors import BadField, QueryEmpty, QueryUnbalanced, QueryWithoutWords

MAX_QUERY = 1024  # characters
MAX_TERMS = 32
MAX_WORD = 128  # characters; a longer run of letters and digits is data, not a word, and not in the index

UNSPACED = (
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31a0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
LETTER = rf"[^\W_{UNSPACED}]"
_UNSPACED = re.compile(f"[{UNSPACED}]")
_RUN = re.compile(rf"[a-zA-Z0-9\u0080-\U0010ffff]{{{MAX_WORD + 1},}}")
_SPACE = re.compile(r"\s+")
_TERM = re.compile(r'"(?P<phrase>[^"]*)"(?P<more>\*?)|(?P<word>[^\s"]\S*)|(?P<open>")')


class _Fold(dict[int, int]):
    """For `str.translate`: each character without case and accents, always as a single one, so that places stay the same."""

    def __missing__(self, point: int) -> int:
        character = chr(point)
        wide = unicodedata.normalize("NFKC", character)
        character = wide if len(wide) == 1 else character
        base, marks = (whole := unicodedata.normalize("NFD", character))[0], whole[1:]
        if not _UNSPACED.match(character) and all(unicodedata.combining(mark) for mark in marks):
            character = base
        self[point] = folded = ord(character.lower()[0])
        return folded


class _Feed(dict[int, str]):
    """For `str.translate` of a folded line: as the index's tokenizer wants it, which knows no character beyond ASCII."""

    def __missing__(self, point: int) -> str:
        character = chr(point)
        if point < 0x80:
            fed = character
        elif _UNSPACED.match(character):
            fed = f" {character} "
        else:
            fed = character if character.isalnum() else " "
        self[point] = fed
        return fed


_FOLD = _Fold()
_FEED = _Feed()


def fold(text: str) -> str:
    """The text without case and accents, character for character."""
    return text.lower() if text.isascii() else text.translate(_FOLD)


def fed(line: str) -> str:
    """A line as the index takes it: its words are the runs of ASCII letters, digits, and whatever is not ASCII."""
    if not line.isascii():
        line = line.translate(_FOLD).translate(_FEED)
    return _RUN.sub(" ", line) if len(line) > MAX_WORD else line


def words_in(text: str) -> list[str]:
    """The words of a text, as they are in the index."""
    return re.findall(r"[a-z0-9\u0080-\U0010ffff]+", fold(text).translate(_FEED))


@dataclass(frozen=True)
class Term:
    """One word or phrase of a query.

    Attributes:
        text: as it is to stand in the line, folded.
        words: of it, as they are in the index; may be none, such as of `->`.
        prefix: the last word may go on.
    """

    text: str
    words: tuple[str, ...]
    prefix: bool

    @property
    def is_word(self) -> bool:
        """The index alone says whether a line holds it."""
        return self.words == (self.text,)

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds it in a folded line."""
        body = r"\s+".join(re.escape(part) for part in _SPACE.split(self.text))
        before = rf"(?<!{LETTER})" if re.match(LETTER, self.text) else ""
        after = rf"(?!{LETTER})" if re.match(LETTER, self.text[-1]) else ""
        return re.compile(before + body + (rf"{LETTER}*" if self.prefix and after else after))


@dataclass(frozen=True)
class Query:
    """What is looked for: lines that hold every term."""

    terms: tuple[Term, ...]

    @functools.cached_property
    def to_verify(self) -> tuple[Term, ...]:
        """Those of which the index says too little."""
        return tuple(term for term in self.terms if not term.is_word)

    def spans(self, line: str) -> list[tuple[int, int]]:
        """Where the terms stand in a line, in order, apart from each other."""
        folded = fold(line)
        found = sorted(match.span() for term in self.terms for match in term.pattern.finditer(folded))
        apart: list[tuple[int, int]] = []
        for start, end in found:
            if apart and start <= apart[-1][1]:
                apart[-1] = apart[-1][0], max(end, apart[-1][1])
            else:
                apart.append((start, end))
        return apart


def holds(line: str, terms: Sequence[Term]) -> bool:
    """Whether all of these terms stand in a line."""
    folded = fold(line)
    return all(term.pattern.search(folded) for term in terms)


def parse(query: str) -> Query:
    """What a query means: words, `"phrases"`, and `beginnings*`; anything else means itself.

    Raises `QueryEmpty`, `QueryUnbalanced`, `QueryWithoutWords`, or `BadField` for one that is too long.
    """
    if len(query) > MAX_QUERY:
        raise BadField(field="query", problem=f"{len(query)} characters; at most {MAX_QUERY}")
    terms = tuple(_terms(unicodedata.normalize("NFC", query)))
    if not terms:
        raise QueryEmpty
    if len(terms) > MAX_TERMS:
        raise BadField(field="query", problem=f"{len(terms)} words and phrases; at most {MAX_TERMS}")
    if not any(term.words for term in terms):
        raise QueryWithoutWords
    return Query(terms)


def _terms(query: str) -> Iterator[Term]:
    for found in _TERM.finditer(query):
        if found["open"]:
            raise QueryUnbalanced
        if found["word"]:
            text, prefix = found["word"], len(found["word"]) > 1 and found["word"].endswith("*")
            text = text[:-1] if prefix else text
        else:
            text, prefix = found["phrase"].strip(), bool(found["more"])
        if text:
            folded = fold(text)
            words = words_in(text)
            ends_in_word = bool(re.search(rf"{LETTER}\Z", folded))
            yield Term(folded, tuple(words), prefix and ends_in_word)
