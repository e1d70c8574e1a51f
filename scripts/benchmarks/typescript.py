"""A line written by a program that `script -f` records, to its event received: with a timing and without."""

from __future__ import annotations

import asyncio
import shlex
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from sightline.v1 import session_pb2
from sightline.v1 import session_service_pb2 as pb

from benchmarks.figures import Figure, below, percentile, plain
from benchmarks.latency import INTERVAL, WARM_UP
from benchmarks.readers import Readers
from benchmarks.run import Run
from benchmarks.server import server
from benchmarks.sources import clock, gate

GOAL = 5.0  # ms, p50


async def delays(lines: int, *, timed: bool) -> list[float]:
    """Milliseconds from each line's writing to its arrival, decoded, at a subscriber."""
    with gate() as at, tempfile.TemporaryDirectory(prefix="slscript") as place:
        path = Path(place) / "clock.typescript"
        options = ["-T", str(path.with_suffix(".timing"))] if timed else []
        words = ["-q", "-f", *options, "-c", shlex.join(["exec", *clock(at, lines + WARM_UP, INTERVAL)]), str(path)]
        async with server() as running:
            script = await asyncio.create_subprocess_exec(
                "script", *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
            )
            while not path.exists():  # noqa: ASYNC110 - nobody would say so
                await asyncio.sleep(0.01)
            request = pb.CreateRequest(typescript=session_pb2.Typescript(path=str(path)))
            session = (await running.stub.Create(request)).session.id
            async with Readers("clock", running.target, [session]) as readers:
                at.open()
                (report,) = await readers.reports()
            await script.wait()
    if len(report.delays) != lines + WARM_UP:
        raise RuntimeError(f"{len(report.delays)} lines came of {lines + WARM_UP}")
    return report.delays[WARM_UP:]


async def measure(run: Run) -> AsyncIterator[Figure]:
    """A hundred lines a second, one at a time."""
    lines = run.pick(1000, 150)
    for key, timed, words in (("plain", False, "no timing"), ("timed", True, "with a timing")):
        run.say(f"typescript: {words}")
        found = await delays(lines, timed=timed)
        what = f"line written under `script` to event received, {words}: p50"
        yield below(f"typescript.{key}.p50", what, percentile(found, 50), "ms", GOAL)
        yield plain(f"typescript.{key}.p99", "  p99", percentile(found, 99), "ms")
