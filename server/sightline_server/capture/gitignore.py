"""One `.gitignore` as git reads it: patterns to expressions that match a path itself, never what lies below it. No I/O.

Whoever goes through a tree from its top asks of each directory before it enters, so nothing below an ignored one is ever asked.
Libraries for this match a directory's content with it, and then a negation of the directory brings back what is below; git does
not, and the tests have git itself judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

CLASSES = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "blank": " \\t", "cntrl": "\\x00-\\x1f\\x7f", "digit": "0-9", "graph": "!-~",
    "lower": "a-z", "print": " -~", "punct": "!-/:-@\\[-`{-~", "space": "\\s", "upper": "A-Z", "xdigit": "0-9A-Fa-f",
}  # fmt: skip


@dataclass(frozen=True)
class Pattern:
    """One line.

    Attributes:
        ignores: False: what matches is not ignored after all.
        only_directories: it says nothing of files.
        anywhere: it is matched with the last part of a path, in any directory.
        expression: matches the path, or its last part.
    """

    ignores: bool
    only_directories: bool
    anywhere: bool
    expression: re.Pattern[str]


class GitIgnore:
    """The lines of one file, the last that matches decides."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._patterns = [pattern for line in lines if (pattern := parse(line)) is not None]
        self._patterns.reverse()

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def verdict(self, path: str, *, is_directory: bool) -> bool | None:
        """Whether a path, relative to the file's directory, is ignored; None: nothing is said of it."""
        name = path.rpartition("/")[2]
        for pattern in self._patterns:
            if (is_directory or not pattern.only_directories) and pattern.expression.fullmatch(name if pattern.anywhere else path):
                return pattern.ignores
        return None


def parse(line: str) -> Pattern | None:
    """The pattern of a line; None for blank ones, comments, and those that can match nothing."""
    text = re.sub(r"(?<!\\) +$", "", line.rstrip("\r\n"))
    if not text or text.startswith("#"):
        return None
    ignores = not text.startswith("!")
    text = text if ignores else text[1:]
    only_directories = text.endswith("/")
    text = text.removesuffix("/")
    anywhere = "/" not in text
    try:
        expression = re.compile(translated(text.removeprefix("/")), re.DOTALL)
    except (ValueError, re.error):
        return None
    return Pattern(ignores, only_directories, anywhere, expression) if text else None


def translated(text: str) -> str:
    """A glob as a regular expression. Raises ValueError for one that git takes for no pattern."""
    parts: list[str] = []
    place = 0
    while place < len(text):
        rest = text[place:]
        at_start = place == 0 or text[place - 1] == "/"
        if at_start and rest.startswith("**/"):
            parts.append("(?:[^/]+/)*")
            place += 3
        elif at_start and rest == "**":
            parts.append(".+")
            place += 2
        elif rest[0] == "*":
            parts.append("[^/]*")
            place += len(rest) - len(rest.lstrip("*"))
        elif rest[0] == "?":
            parts.append("[^/]")
            place += 1
        elif rest[0] == "[":
            found, length = bracket(rest)
            parts.append(found)
            place += length
        elif rest[0] == "\\":
            if len(rest) == 1:
                raise ValueError("a lone backslash at the end")
            parts.append(re.escape(rest[1]))
            place += 2
        else:
            parts.append(re.escape(rest[0]))
            place += 1
    return "".join(parts)


def bracket(text: str) -> tuple[str, int]:
    """A class of characters at the start of a text, and its length. Raises ValueError for one without an end."""
    place = 1
    negated = text[place : place + 1] in {"!", "^"}
    place += negated
    parts: list[str] = []
    first = place
    while place == first or text[place : place + 1] != "]":
        if place >= len(text):
            raise ValueError("a class without its end")
        named = re.match(r"\[:(\w+):\]", text[place:])
        if named is not None:
            parts.append(CLASSES.get(named[1], ""))
            place += len(named[0])
            continue
        low, place = character(text, place)
        if text[place : place + 1] == "-" and text[place + 1 : place + 2] not in {"]", ""}:
            high, place = character(text, place + 1)
            if low <= high:
                parts.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            parts.append(re.escape(low))
    content = "".join(parts)
    matches = f"[^{content}]" if negated else f"[{content}]"
    if not content:
        matches = "." if negated else "(?!)"
    return f"(?!/){matches}", place + 1


def character(text: str, place: int) -> tuple[str, int]:
    """One character of a class, and where the next one begins. Raises ValueError where there is none."""
    if text[place : place + 1] == "\\":
        place += 1
    if place >= len(text):
        raise ValueError("a class without its end")
    return text[place], place + 1
