"""Subscribers that never read while a flood passes: what they cost the server, and the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from sightline.v1 import session_service_pb2 as pb

from benchmarks.figures import Figure, below, percentile, plain
from benchmarks.processes import processor, resident
from benchmarks.readers import Readers
from benchmarks.run import GB, MB, Run
from benchmarks.server import Server, server
from benchmarks.sources import clock, gate, paced_flood

RATE = 100 * MB  # bytes a second: steady, so that the runs compare
INTERVAL = 0.01  # seconds between the lines of the clock
GROWTH_MB = 50.0
SLOWER = 1.5
LOOK_SECONDS = 0.05


@dataclass
class Passage:
    """A flood that passed.

    Attributes:
        delays: milliseconds of each line of the clock in another session.
        growth: bytes by which the server's memory had grown at its largest.
        caught_up: bytes that the one that read on got in the end; None: nobody stalled.
        share: cores that the server took.
    """

    delays: list[float]
    growth: int
    caught_up: int | None
    share: float


async def passage(running: Server, size: int, stalled: int) -> Passage:
    """A flood in one session, a clock in another, and so many subscribers of the flood that do not read."""
    length = size / RATE
    with gate() as at:
        flood = (await running.create(*paced_flood(at, size, RATE))).id
        ticking = (await running.create(*clock(at, int(length / INTERVAL), INTERVAL))).id
        async with Readers("stall", running.target, [flood], stalled, processes=1) as sleepers:
            async with Readers("clock", running.target, [ticking]) as watching:
                before, spent = resident(running.pid), processor(running.pid)
                at.open(2)
                largest = before
                over = asyncio.ensure_future(running.ended(flood))
                while not over.done():
                    largest = max(largest, resident(running.pid))
                    await asyncio.sleep(LOOK_SECONDS)
                log = over.result()
                share = (processor(running.pid) - spent) / length
                (report,) = await watching.reports()
            caught_up = None
            if stalled:
                await sleepers.read_on()
                caught_up = (await sleepers.reports())[0].bytes
                if caught_up != log.bytes or log.bytes < size:
                    raise RuntimeError(f"a stalled subscriber read on and got {caught_up} of {log.bytes} bytes")
    await running.stub.Delete(pb.DeleteRequest(session=flood))
    return Passage(report.delays, largest - before, caught_up, share)


async def measure(run: Run) -> AsyncIterator[Figure]:
    """Without them, with them, and without them again."""
    count = run.pick(50, 5)
    size = run.pick(5 * GB, 200 * MB)
    beside = run.pick(GB, 200 * MB)
    limit = str(2 * size)
    async with server(SIGHTLINE_MAX_SESSION_BYTES=limit, SIGHTLINE_MAX_TOTAL_BYTES=str(10 * size)) as running:
        run.say(f"{beside // MB} MB pass")
        before = await passage(running, beside, 0)
        run.say(f"{size // MB} MB pass {count} subscribers that do not read")
        among = await passage(running, size, count)
        run.say(f"{beside // MB} MB pass")
        behind = await passage(running, beside, 0)
    usual = percentile(before.delays + behind.delays, 99)
    p99 = percentile(among.delays, 99)
    name = f"{count} subscribers that never read while {size / GB:g} GB pass"
    yield below("stalled.growth", f"{name}: RSS growth", among.growth / MB, "MB", GROWTH_MB)
    yield plain("stalled.growth.without", "  the same without them", max(before.growth, behind.growth) / MB, "MB")
    yield below("stalled.ratio", "  another subscriber's p99, to the same without them", p99 / usual, "ratio", SLOWER)
    yield plain("stalled.p99", "  its p99", p99, "ms")
    yield plain("stalled.p99.without", "  its p99 without them", usual, "ms")
    yield plain(
        "stalled.caught_up", "  one of them reads on in the end, and gets", (among.caught_up or 0) / MB, "MB", note="all of it"
    )
    yield plain("stalled.share", "  server's processor meanwhile", among.share, "cores")
