"""A row of the table. Knows nothing of how it was measured."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One row.

    Attributes:
        key: stable, for programs: `output.10.sightline`.
        name: what was measured, for people.
        value: the figure; None: it could not be measured, `note` says why.
        unit: of it.
        goal: what is wanted, for people; empty: nothing in particular.
        met: whether it is; None: no goal.
        note: what else there is to know.
    """

    key: str
    name: str
    value: float | None
    unit: str
    goal: str = ""
    met: bool | None = None
    note: str = ""


def plain(key: str, name: str, value: float, unit: str, *, note: str = "") -> Figure:
    """A row without a goal."""
    return Figure(key, name, value, unit, note=note)


def at_least(key: str, name: str, value: float, unit: str, goal: float, *, note: str = "") -> Figure:
    """A row that is met from `goal` on."""
    return Figure(key, name, value, unit, f">= {goal:g}", value >= goal, note)


def below(key: str, name: str, value: float, unit: str, goal: float, *, note: str = "") -> Figure:
    """A row that is met below `goal`."""
    return Figure(key, name, value, unit, f"< {goal:g}", value < goal, note)


def absent(key: str, name: str, why: str) -> Figure:
    """A row that could not be measured."""
    return Figure(key, name, None, "", note=why)


HEADING = f"{'':<66} {'':>10} {'':<10} {'goal':>8}"


def shown(figure: Figure) -> str:
    """A row for people."""
    value = "-" if figure.value is None else number(figure.value)
    mark = {True: "ok", False: "MISSED", None: ""}[figure.met]
    note = f"({figure.note})" if figure.note else ""
    return f"{figure.name:<66} {value:>10} {figure.unit:<10} {figure.goal:>8}  {' '.join(filter(None, (mark, note)))}".rstrip()


def number(value: float) -> str:
    """Three digits that matter."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which `percent` of the values lie; the nearest rank, so that it is one that was seen."""
    ordered = sorted(values)
    return ordered[max(1, math.ceil(percent * len(ordered) / 100)) - 1]


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)
