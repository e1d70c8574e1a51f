"""`scripts/bench`: what it says is what it measured, a goal that is missed is no failure, what cannot be measured is one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from benchmarks import figures, page, peers
from benchmarks.command import SUBJECTS
from benchmarks.methods import METHODS
from benchmarks.plot import Bar, bars
from benchmarks.sources import flood_file, gate, gated_cat
from benchmarks.stored import History, write_home
from sightline.v1 import session_service_pb2 as pb
from support.server import PATIENCE, ServerProcess, completed, connect, data_of, follow

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def bench(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """The command behind `scripts/bench`, without its setup, which would install what a PATH leaves out."""
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'scripts'}:{ROOT / 'tests'}", **({} if path is None else {"PATH": path})}
    command = [sys.executable, "-m", "benchmarks.command", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=100)


def report(*rows: figures.Figure, quick: bool = False) -> dict[str, Any]:
    names = (
        "sightline",
        "processor",
        "cpus",
        "memory_gib",
        "system",
        "load",
        "python",
        "grpcio",
        "protobuf",
        "tmux",
        "terminado",
        "tornado",
    )
    return {
        "time": "2026-11-21T00:00:00+00:00",
        "seconds": 500,
        "quick": quick,
        "machine": {name: f"some {name}" for name in names},
        "figures": [{"subject": row.key.split(".")[0], **vars(row)} for row in rows],
    }


def test_a_goal_is_met_at_its_figure_or_below_it_as_it_says() -> None:
    assert figures.at_least("a", "a", 120, "MB/s", 120).met is True
    assert figures.at_least("a", "a", 119.9, "MB/s", 120).met is False
    assert figures.below("a", "a", 119.9, "ms", 120).met is True
    assert figures.below("a", "a", 120, "ms", 120).met is False
    assert figures.plain("a", "a", 1, "ms").met is None


def test_a_percentile_is_a_value_that_was_seen() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [figures.percentile(values, percent) for percent in (50, 99, 100)] == [50, 99, 100]
    assert figures.percentile([7.0], 99) == 7
    assert figures.percentile([3.0, 1.0, 2.0], 50) == 2


def test_the_page_shows_every_figure_and_names_the_goals_that_were_missed(tmp_path: Path) -> None:
    target = tmp_path / "performance.md"
    page.write(
        report(
            figures.at_least("output.1.sightline", "output to 1", 150, "MB/s", 120),
            figures.plain("output.1.terminado", "  terminado", 40, "MB/s"),
            figures.absent("output.1.ttyd", "  ttyd", "not on PATH"),
            figures.below("latency.command.p50", "a line, command: p50", 0.6, "ms", 0.5),
            figures.below("latency.command.p99", "  p99", 1.0, "ms", 2),
        ),
        target,
    )
    text = target.read_text()
    assert "| output to 1 | 150 MB/s | >= 120 | met |" in text
    assert "| &emsp;ttyd | not measured |  | not on PATH |" in text
    assert "2 of 3 goals are met. Missed:\n\n- a line, command: p50: 0.60 ms, wanted < 0.5\n" in text
    assert "A quick run" not in text
    assert all((tmp_path / link).exists() for link in ("pictures/performance-output.svg", "pictures/performance-latency.svg"))
    assert "pictures/performance-pane.svg" not in text  # nothing of it was measured


def test_what_people_wrote_into_the_page_stays(tmp_path: Path) -> None:
    target = tmp_path / "performance.md"
    row = figures.below("latency.command.p99", "a line, command: p99", 3.0, "ms", 2)
    page.write(report(row), target)
    target.write_text(target.read_text() + f"\n{page.NOTES}\n\nWhy p99 is missed.\n")
    page.write(report(row, quick=True), target)
    text = target.read_text()
    assert text.count(page.NOTES) == 1
    assert text.endswith("Why p99 is missed.\n")
    assert "A quick run" in text


def test_bars_are_as_long_as_their_values() -> None:
    drawn = ElementTree.fromstring(bars("A <title>", "MB/s", [Bar("ours & more", 200, True), Bar("theirs", 50, False)]))
    first, second = (float(rect.attrib["width"]) for rect in drawn.iter(f"{SVG}rect"))
    assert first == pytest.approx(4 * second)
    texts = [text.text for text in drawn.iter(f"{SVG}text")]
    assert texts == ["A <title>", "MB/s", "ours & more", "200", "theirs", "50.0"]


def test_every_subject_says_how_it_is_measured() -> None:
    assert list(SUBJECTS) == list(METHODS)


def test_a_run_keeps_its_figures_with_the_machine_and_missed_goals_are_no_failure(tmp_path: Path) -> None:
    done = bench("--quick", "--only", "resting", "--json", str(tmp_path / "new" / "bench.json"))
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "new" / "bench.json").read_text())
    assert kept["quick"] is True
    assert kept["machine"]["cpus"] == os.cpu_count()
    assert [figure["key"] for figure in kept["figures"]] == ["start.empty", "memory.idle"]
    for figure in kept["figures"]:
        assert figure["value"] > 0
        assert figure["name"] in done.stdout
    again = bench("--from", str(tmp_path / "new" / "bench.json"), "--page", str(tmp_path / "page.md"))
    assert again.returncode == 0, again.stderr
    assert kept["figures"][0]["name"] in (tmp_path / "page.md").read_text()


def test_what_cannot_be_measured_is_a_failure_and_the_rest_is_measured(tmp_path: Path) -> None:
    for name in ("sh", "head", "cat", "git", "sleep"):  # no tmux
        found = shutil.which(name)
        assert found, name
        (tmp_path / name).symlink_to(found)
    done = bench("--quick", "--only", "pane", "resting", "--json", str(tmp_path / "bench.json"), path=str(tmp_path))
    assert done.returncode == 1
    assert "pane: NOT MEASURED" in done.stdout
    assert {figure["subject"] for figure in json.loads((tmp_path / "bench.json").read_text())["figures"]} == {"resting"}


def test_a_gate_holds_a_command_until_it_opens() -> None:
    with flood_file(1000) as flood, gate() as at:
        process = subprocess.Popen(gated_cat(at, flood), stdout=subprocess.PIPE)
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        assert process.stdout.read() is None
        at.open()
        os.set_blocking(process.stdout.fileno(), True)
        assert len(process.stdout.read()) == flood.size
        process.stdout.close()
        assert process.wait(PATIENCE) == 0


async def test_every_viewer_of_terminado_sees_every_line() -> None:
    """The peer is measured for what it delivers: `terminado` returns only when each viewer has counted all lines."""
    with flood_file(1_000_000) as flood:
        assert await peers.terminado(flood, 3) > 0
    delays = await peers.terminado_delays(20, 0.001)
    assert len(delays) == 20
    assert all(delay > 0 for delay in delays)


def test_a_written_history_is_served_like_one_that_was_lived() -> None:
    server = ServerProcess()
    try:
        sessions = write_home(server.home, History(outputs=7, size=100, together=3), sessions=4)
        server.start()
        with connect(server.target) as stub:
            listed = stub.List(pb.ListRequest(), timeout=PATIENCE).sessions
            assert [session.id for session in listed] == sessions[::-1]
            events = follow(stub, sessions[2])
        assert len(data_of(events, "stdout")) == 700
        assert completed(events).exit_code == 0
    finally:
        server.close()
