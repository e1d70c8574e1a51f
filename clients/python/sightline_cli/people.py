"""Ages, sizes, tables and colours, for people. Pure: the clock, the width and the terminal are arguments."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import IO

RESET = "\x1b[0m"
COLOURS = {"red": "\x1b[31m", "green": "\x1b[32m", "yellow": "\x1b[33m", "cyan": "\x1b[36m", "dim": "\x1b[2m", "bold": "\x1b[1m"}


def wants_colour(stream: IO[str], environment: Mapping[str, str] = os.environ) -> bool:
    """True on a terminal that is not `dumb`, unless NO_COLOR is set to anything (https://no-color.org)."""
    return not environment.get("NO_COLOR") and environment.get("TERM") != "dumb" and stream.isatty()


def paint(text: str, colour: str, on: bool) -> str:
    """The text in that colour, if `on`."""
    return f"{COLOURS[colour]}{text}{RESET}" if on and text else text


def age(seconds: float) -> str:
    """`5s`, `3m`, `2h`, `4d`: the largest unit that fits."""
    whole = max(0, int(seconds))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= length:
            return f"{whole // length}{unit}"
    return f"{whole}s"


def span(seconds: float) -> str:
    """`0.42 s`, `12 s`, `3 m 5 s`, `2 h 10 m`: how long something took."""
    if seconds < 10:
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} m"


def size(count: int) -> str:
    """`512 B`, `1.5 MiB`."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{int(value)} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def count(number: int, noun: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def fit(text: str, width: int) -> str:
    """At most `width` characters, the last one `…` where something was cut off."""
    clean = "".join(character if character.isprintable() else "?" for character in text)
    return clean if len(clean) <= width else clean[: max(0, width - 1)] + "…"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None, flexible: int) -> list[str]:
    """Aligned lines, the head first; the column `flexible` gives way so that a line fits `width` (None: no limit)."""
    every = [list(head), *([*row] for row in rows)]
    widths = [max(len(row[column]) for row in every) for column in range(len(head))]
    if width is not None:
        others = sum(widths) - widths[flexible] + 2 * (len(head) - 1)
        widths[flexible] = min(widths[flexible], max(8, width - others))
    lines = []
    for row in every:
        cells = [fit(cell, widths[column]).ljust(widths[column]) for column, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    return lines


def width_of(stream: IO[str]) -> int | None:
    """The columns of the terminal that the stream writes to; None where it is none, and lines may be of any length."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None
