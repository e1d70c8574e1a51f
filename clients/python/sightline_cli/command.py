"""What a command is, and the kinds of arguments that several commands share.

Imports nothing heavy: every start of the program reads this file and the head of every command's file.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, NoReturn

from sightline_cli import codes

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "": 1.0}  # seconds
SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}  # bytes


class Complaint(Exception):
    """Something a person must hear about: its text is one line, and the program ends with `code`."""

    def __init__(self, text: str, code: int = codes.FAILED) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Command:
    """One command of the program.

    Attributes:
        name: the word on the command line.
        summary: one sentence: what it does.
        when: when to use it, and what to know; paragraphs as they are printed.
        examples: pairs of a command line and what it does.
        arguments: adds the command's arguments to its parser.
        run: does it, and returns the exit code.
        remote: it talks to a server, and takes `--target`.
    """

    name: str
    summary: str
    when: str
    examples: tuple[tuple[str, str], ...]
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int | Coroutine[Any, Any, int]]
    remote: bool = True


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line and say where help is."""

    def parse(self, words: list[str]) -> argparse.Namespace:
        """Options may stand anywhere, unless the rest of the line belongs to another program."""
        own = [action for action in self._actions if not action.option_strings]
        # argparse forgets a `--` before the first of a command's own words when options may stand anywhere.
        if ("--" in words and len(own) == 1) or any(action.nargs == argparse.REMAINDER for action in own):
            return self.parse_args(words)
        return self.parse_intermixed_args(words)

    def error(self, message: str) -> NoReturn:
        """Ends the program with code 2."""
        sys.stderr.write(f"{self.prog}: {message} (see `{self.prog} --help`)\n")
        raise SystemExit(codes.USAGE)


def describe(command: Command) -> str:
    """The text between the usage line and the list of options."""
    return f"{command.summary}\n\n{command.when}" if command.when else command.summary


def examples(command: Command) -> str:
    """The examples, one below the other."""
    if not command.examples:
        return ""
    lines = [f"  {line}\n      {meaning}" for line, meaning in command.examples]
    return "examples:\n" + "\n".join(lines)


def duration(text: str) -> float:
    """`90`, `30s`, `10m`, `1h30m`, `2d`, `500ms`, in seconds."""
    if not re.fullmatch(r"(\d+(\.\d+)?(ms|s|m|h|d))+|\d+(\.\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: write it like 30s, 10m, 2h or 1h30m")
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|)", text))


def size(text: str) -> int:
    """`1000`, `64M`, `2G`: bytes, in powers of 1024."""
    match = re.fullmatch(r"(\d+)\s*([kmgt]?)(?:i?b)?", text.lower())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write bytes, or like 64M or 2G")
    return int(match[1]) * SIZES[match[2]]


def given(text: str) -> str:
    """A word that says where: without it something else would be meant, such as this host for `--host "$UNSET"`."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty: leave the option out, or look why there is nothing in it")
    return text


def pair(text: str) -> tuple[str, str]:
    """`KEY=VALUE`; the value may be empty and may hold `=`."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form KEY=VALUE")
    return key, value


def columns_and_rows(text: str) -> tuple[int, int]:
    """`120x40`: columns and rows of a terminal."""
    match = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text)
    if match is None or not 1 <= int(match[1]) <= 10000 or not 1 <= int(match[2]) <= 10000:
        raise argparse.ArgumentTypeError(f"{text!r} is no size of a terminal: write columns and rows like 120x40")
    return int(match[1]), int(match[2])


def words(text: str) -> list[str]:
    """`a,b c`: words, separated by commas or blanks."""
    return [word for word in re.split(r"[,\s]+", text) if word]


def add_session(parser: argparse.ArgumentParser, many: str | None = None, doing: str = "") -> None:
    """The name or names of sessions. `many` is argparse's `nargs`; None: exactly one."""
    note = "a session's name or id (`sightline ls` lists them)" + (f"; {doing}" if doing else "")
    if many is None:
        parser.add_argument("session", metavar="NAME", help=note)
    else:
        parser.add_argument("sessions", metavar="NAME", nargs=many, help=note)


def add_json(parser: argparse.ArgumentParser, what: str = "print JSON, one object a line, instead of text for people") -> None:
    """`--json`."""
    parser.add_argument("--json", action="store_true", help=what)


def add_remote(parser: argparse.ArgumentParser) -> None:
    """Where the server is."""
    group = parser.add_argument_group("the server")
    group.add_argument(
        "--target", metavar="ADDRESS", help="`unix:PATH` or `HOST:PORT`; default: $SIGHTLINE_TARGET, else the socket in the home"
    )
    group.add_argument("--home", metavar="DIR", help="the server's home; default: $SIGHTLINE_HOME, else ~/.local/state/sightline")
