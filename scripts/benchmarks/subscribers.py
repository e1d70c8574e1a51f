"""A thousand subscribers of one session that writes 20 lines a second."""

from __future__ import annotations

from collections.abc import AsyncIterator

from benchmarks.figures import Figure, below, median, percentile, plain
from benchmarks.processes import processor, resident
from benchmarks.readers import Readers
from benchmarks.run import Run
from benchmarks.server import server
from benchmarks.sources import clock, gate

INTERVAL = 0.05  # seconds between lines
P99_MS = 150.0
EACH_KB = 60.0


async def measure(run: Run) -> AsyncIterator[Figure]:
    """Each on a connection of its own. Memory is what the server grew by, when all are caught up and when all is over."""
    count = run.pick(1000, 100)
    lines = run.pick(400, 60)
    run.say(f"{count} subscribers of one session")
    with gate() as at:
        async with server() as running:
            session = await running.create(*clock(at, lines, INTERVAL))
            before = resident(running.pid)
            async with Readers("clock", running.target, [session.id], count) as readers:
                idle = resident(running.pid)
                spent = processor(running.pid)
                at.open()
                await running.ended(session.id)
                busy = resident(running.pid)
                share = (processor(running.pid) - spent) / (lines * INTERVAL)
                reports = await readers.reports()
    if [len(report.delays) for report in reports] != [lines] * count:
        raise RuntimeError("not every subscriber got every line once")
    p99s = [percentile(report.delays, 99) for report in reports]
    name = f"{count} subscribers of one session, {1 / INTERVAL:g} lines/s, {count} connections"
    yield below("subscribers.p99", f"{name}: worst p99", max(p99s), "ms", P99_MS)
    yield plain("subscribers.p99.median", "  the middle one's p99", median(p99s), "ms")
    yield plain("subscribers.share", "  server's processor", share, "cores")
    yield below("subscribers.idle", "  server RSS for each, caught up", (idle - before) / count / 1000, "KB", EACH_KB)
    yield below("subscribers.busy", "  server RSS for each, after the run", (busy - before) / count / 1000, "KB", EACH_KB)
