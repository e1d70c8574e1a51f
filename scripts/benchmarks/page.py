"""docs/performance.md from the JSON of a run: the table, the pictures, how each was measured and how to repeat it.

What stands in the page from the heading `NOTES` on was written by people, and stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.figures import number
from benchmarks.methods import METHODS
from benchmarks.plot import Bar, bars

NOTES = "## Notes"

CHARTS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "performance-output": (
        "Output of one command, delivered to all together",
        "MB/s, more is better",
        {
            "output.1.sightline": "Sightline, 1 subscriber",
            "output.1.terminado": "terminado, 1 viewer",
            "output.1.ttyd": "ttyd, 1 viewer",
            "output.10.sightline": "Sightline, 10 subscribers",
            "output.10.terminado": "terminado, 10 viewers",
            "output.10.ttyd": "ttyd, 10 viewers",
            "output.100.sightline": "Sightline, 100 subscribers",
        },
    ),
    "performance-pane": (
        "Output of a tmux pane",
        "MB/s, more is better",
        {"pane.sightline": "Sightline, 1 subscriber", "pane.pipe_pane": "pipe-pane to a file alone", "output.pty": "a bare pty"},
    ),
    "performance-latency": (
        "From the writing of a line to its arrival",
        "ms, less is better",
        {
            "latency.command.p50": "Sightline, command, p50",
            "latency.pane.p50": "Sightline, pane, p50",
            "latency.terminado.p50": "terminado, p50",
            "latency.grpc.p50": "a bare gRPC message, p50",
            "latency.command.p99": "Sightline, command, p99",
            "latency.pane.p99": "Sightline, pane, p99",
            "latency.terminado.p99": "terminado, p99",
            "latency.grpc.p99": "a bare gRPC message, p99",
        },
    ),
}


def write(report: Mapping[str, Any], path: Path) -> None:
    """Writes the page, and its pictures into `pictures` beside it."""
    figures: list[Mapping[str, Any]] = report["figures"]
    pictures = path.parent / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    drawn: list[str] = []
    for name, chart in CHARTS.items():
        title, unit, wanted = chart
        rows = chosen(figures, wanted)
        if any(row.ours for row in rows):
            (pictures / f"{name}.svg").write_text(bars(title, unit, rows))
            drawn.append(f"![{title}](pictures/{name}.svg)")
    notes = kept_notes(path)
    sections = [heading(report), *drawn, goals(figures), *(section(subject, figures) for subject in METHODS), REPEAT, notes]
    path.write_text("\n\n".join(part.strip() for part in sections if part.strip()) + "\n")


def chosen(figures: list[Mapping[str, Any]], wanted: Mapping[str, str]) -> list[Bar]:
    """The bars of a chart, in its order; those that were not measured are left out."""
    values = {figure["key"]: figure["value"] for figure in figures if figure["value"] is not None}
    return [Bar(label, values[key], label.startswith("Sightline")) for key, label in wanted.items() if key in values]


def kept_notes(path: Path) -> str:
    """What people wrote."""
    if not path.exists():
        return ""
    _, found, notes = path.read_text().partition(f"\n{NOTES}\n")
    return f"{NOTES}\n{notes}" if found else ""


def heading(report: Mapping[str, Any]) -> str:
    """What this is, where and when it was measured."""
    machine = report["machine"]
    versions = ", ".join(f"{name} {machine[name]}" for name in ("python", "grpcio", "protobuf", "tmux", "terminado", "tornado"))
    quick = "**A quick run: small amounts, one round. The figures say little.**\n\n" if report["quick"] else ""
    return f"""# Performance

Measured by `scripts/bench`, which wrote this page. Look at the ratios: they are taken within one run, and carry over to other
machines; the absolute figures are this one's.

{quick}| | |
|---|---|
| when | {report["time"]}, in {report["seconds"]} s |
| what | Sightline at {machine["sightline"] or "an unknown revision"} |
| machine | {machine["processor"]}, {machine["cpus"]} processors, {machine["memory_gib"]} GiB, {machine["system"]} |
| load before | {machine["load"]} |
| versions | {versions} |"""


def goals(figures: list[Mapping[str, Any]]) -> str:
    """How many goals are met, and which are not."""
    wanted = [figure for figure in figures if figure["met"] is not None]
    missed = [figure for figure in wanted if not figure["met"]]
    if not missed:
        return f"All {len(wanted)} goals are met."
    names = "\n".join(f"- {full_name(figure, figures)}: {shown_value(figure)}, wanted {figure['goal']}" for figure in missed)
    return f"{len(wanted) - len(missed)} of {len(wanted)} goals are met. Missed:\n\n{names}"


def full_name(figure: Mapping[str, Any], figures: list[Mapping[str, Any]]) -> str:
    """With the row it belongs to, where its own name is only the end of that one's."""
    name = str(figure["name"])
    if not name.startswith(" "):
        return name
    before = figures[: figures.index(figure)]
    head = next((str(other["name"]) for other in reversed(before) if not str(other["name"]).startswith(" ")), "")
    return f"{head.partition(':')[0]}: {name.strip()}"


def shown_value(figure: Mapping[str, Any]) -> str:
    """With its unit."""
    return "not measured" if figure["value"] is None else f"{number(figure['value'])} {figure['unit']}"


def section(subject: str, figures: list[Mapping[str, Any]]) -> str:
    """A subject: its rows, and how they were measured."""
    rows = [figure for figure in figures if figure["subject"] == subject]
    if not rows:
        return ""
    title, how = METHODS[subject]
    return "\n".join(
        [f"## {title}", "", how.strip(), "", "| what | figure | goal | |", "|---|---:|---:|---|", *map(table_row, rows)]
    )


def table_row(figure: Mapping[str, Any]) -> str:
    """A row of the table."""
    name = str(figure["name"])
    indented = f"&emsp;{name.strip()}" if name.startswith(" ") else name
    mark = {True: "met", False: "**missed**", None: ""}[figure["met"]]
    remark = ", ".join(filter(None, (mark, figure["note"])))
    return f"| {indented} | {shown_value(figure)} | {figure['goal']} | {remark} |"


REPEAT = """## How to repeat it

    scripts/bench --json build/bench.json --page docs/performance.md

About ten minutes on a machine that does nothing else, with 25 GB of free disk and 12 GB of free memory. `--quick` takes a minute
and a half and shows that all can be measured; continuous integration runs that and keeps its JSON. `--only output pane` measures
some of it. `--from build/bench.json --page docs/performance.md` writes this page again without measuring.

Speed is not what guards against regressions, since machines differ: `tests/end_to_end/test_counted_work.py` holds the server to the
work it may do, in events encoded, commits, bytes and system calls."""
