"""A bar chart as SVG. Knows numbers and labels. It can be read on light and on dark pages, and loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchmarks.figures import number

WIDTH = 760
LABEL_WIDTH = 270  # left of the bars
VALUE_WIDTH = 110  # right of them
ROW = 26
BAR = 16
HEAD = 44
OURS, THEIRS, TEXT, LINE = "#2f81f7", "#8c959f", "#768390", "#76839055"
FONT = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        label: what it is.
        value: how long.
        ours: it is Sightline's.
    """

    label: str
    value: float
    ours: bool


def bars(title: str, unit: str, rows: Sequence[Bar]) -> str:
    """The chart. Bars begin at 0 and share one scale."""
    height = HEAD + ROW * len(rows) + 10
    longest = max((row.value for row in rows), default=0.0) or 1.0
    room = WIDTH - LABEL_WIDTH - VALUE_WIDTH
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<g font-family="{FONT}" font-size="13" fill="{TEXT}">',
        f'<text x="0" y="18" font-size="15" font-weight="600">{escape(title)}</text>',
        f'<text x="{WIDTH}" y="18" text-anchor="end">{escape(unit)}</text>',
        f'<line x1="{LABEL_WIDTH}" y1="{HEAD - 10}" x2="{LABEL_WIDTH}" y2="{height - 6}" stroke="{LINE}"/>',
    ]
    for place, row in enumerate(rows):
        top = HEAD + ROW * place
        base = top + BAR - 4
        length = max(1.0, row.value / longest * room)
        weight = ' font-weight="600"' if row.ours else ""
        parts += [
            f'<text x="{LABEL_WIDTH - 10}" y="{base}" text-anchor="end"{weight}>{escape(row.label)}</text>',
            f'<rect x="{LABEL_WIDTH}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2" fill="{OURS if row.ours else THEIRS}"/>',
            f'<text x="{LABEL_WIDTH + length + 8:.1f}" y="{base}"{weight}>{number(row.value)}</text>',
        ]
    return "\n".join([*parts, "</g>", "</svg>"]) + "\n"
