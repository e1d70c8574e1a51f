"""The table of clients and scenarios: printed at the end of a run, and written into a page with `--clients-table FILE`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"
SIGNS = {"passed": "yes", "failed": "**no**", "skipped": "not tried"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--clients-table", metavar="FILE", help="write the table of clients and scenarios into this page")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    found: dict[tuple[str, str], str] = {}
    for outcome in SIGNS:
        for report in terminalreporter.stats.get(outcome, []):
            known = dict(report.user_properties)
            if "scenario" in known:
                found[known["scenario"], known["client"]] = outcome
    if not found:
        return
    text = table(found)
    terminalreporter.section("clients")
    terminalreporter.write_line(text)
    if page := terminalreporter.config.getoption("--clients-table"):
        path = Path(page)
        before, _, rest = path.read_text().partition(BEGIN)
        path.write_text(before + BEGIN + text + "\n" + END + rest.partition(END)[2])


def table(found: dict[tuple[str, str], str]) -> str:
    """Scenarios down, clients across, as Markdown."""
    clients = sorted({client for _, client in found})
    lines = ["| what a client does | " + " | ".join(clients) + " |", "|---" * (len(clients) + 1) + "|"]
    for scenario in sorted({scenario for scenario, _ in found}):
        sentence = json.loads((HERE / "scenarios" / f"{scenario}.json").read_text())["sentence"]
        lines.append(f"| {sentence} | " + " | ".join(SIGNS.get(found.get((scenario, client), ""), "") for client in clients) + " |")
    return "\n".join(lines)
