"""The command `scripts/bench`: which subjects, the table, the JSON, the page.

    scripts/bench [--quick] [--json FILE] [--page FILE] [--only SUBJECT ...]
    scripts/bench --from FILE --page FILE
    scripts/bench --agents [--each] [--quick]

Every figure comes from real servers in processes of their own with homes of their own, real commands, a real tmux, and readers in
processes of their own. On a busy machine look at the ratios. A goal that is missed is shown and is no failure; what cannot be
measured is one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

from benchmarks import (
    agents,
    bridge,
    browser,
    clients,
    latency,
    output,
    page,
    pane,
    replay,
    resting,
    search,
    sessions,
    stalled,
    start,
    subscribers,
    text,
    typescript,
)
from benchmarks.figures import HEADING, Figure, shown
from benchmarks.run import ROOT, Run

SUBJECTS: dict[str, Callable[[Run], AsyncIterator[Figure]]] = {
    "resting": resting.measure,
    "latency": latency.measure,
    "output": output.measure,
    "pane": pane.measure,
    "typescript": typescript.measure,
    "subscribers": subscribers.measure,
    "sessions": sessions.measure,
    "replay": replay.measure,
    "search": search.measure,
    "text": text.measure,
    "start": start.measure,
    "stalled": stalled.measure,
    "bridge": bridge.measure,
    "browser": browser.measure,
    "clients": clients.measure,
}
PATIENCE = {True: 120.0, False: 900.0}  # seconds for one subject, quick or not: a hang must end
PACKAGES = ("grpcio", "protobuf", "terminado", "tornado")


def main() -> int:
    """0: all was measured, whether goals are met or not; 1: something could not be."""
    arguments = parse()
    if arguments.agents:
        return agents.main(quick=arguments.quick, each=arguments.each)
    if arguments.from_json:
        report = json.loads(arguments.from_json.read_text())
        failed = False
    else:
        raise_file_limit()
        where, began = machine(), time.monotonic()
        figures, failed = asyncio.run(measured(Run(arguments.quick), arguments.only))
        report = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "quick": arguments.quick,
            "seconds": round(time.monotonic() - began),
            "machine": where,
            "figures": figures,
        }
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    if arguments.page:
        page.write(report, arguments.page)
    return int(failed)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measures Sightline on this machine, beside its peers. Missed goals are shown and no failure.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="small amounts, one round: a minute and a half, and the figures say little"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write them as a page with pictures, such as docs/performance.md")
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS), metavar="SUBJECT", help=", ".join(SUBJECTS))
    parser.add_argument(
        "--from", dest="from_json", type=Path, metavar="FILE", help="measure nothing: take the figures of an earlier run"
    )
    parser.add_argument(
        "--agents", action="store_true", help="only the decoders of agents, on their recordings; what is wrong is a failure"
    )
    parser.add_argument("--each", action="store_true", help="with --agents: each recording's speed too")
    return parser.parse_args()


async def measured(run: Run, subjects: list[str]) -> tuple[list[dict[str, Any]], bool]:
    """All figures as they are stored, printed as they come, and whether a subject failed."""
    figures: list[dict[str, Any]] = []
    failed = False
    print(HEADING, flush=True)
    for subject in subjects:
        try:
            async with asyncio.timeout(PATIENCE[run.quick]):
                async for figure in SUBJECTS[subject](run):
                    run.say("")
                    print(shown(figure), flush=True)
                    figures.append({"subject": subject, **asdict(figure)})
        except Exception:
            failed = True
            run.say("")
            print(f"{subject}: NOT MEASURED", flush=True)
            traceback.print_exc()
    run.say("")
    return figures, failed


def raise_file_limit() -> None:
    """A thousand connections need descriptors; what is started from here inherits the limit."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "processor": processor_name(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "tmux": said("tmux", "-V").removeprefix("tmux "),
        "sightline": said("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
        **{package: metadata.version(package) for package in PACKAGES},
    }


def processor_name() -> str:
    """As the kernel has it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def said(*command: str) -> str:
    """What a program says; empty when it is not there or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


if __name__ == "__main__":
    sys.exit(main())
