"""Reading a history from the store, and resuming in the middle of it. The files are in the page cache, as after a cut."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator

from sightline.v1 import session_service_pb2 as pb
from sightline.v1.session_pb2 import Cursor

from benchmarks.figures import Figure, at_least, below, median, percentile, plain
from benchmarks.processes import processor
from benchmarks.readers import Readers, Report
from benchmarks.run import GB, MB, Run
from benchmarks.server import Server, new_home, server, serving
from benchmarks.sources import flood_file, gate, gated_cat
from benchmarks.stored import History, write_home

LARGE_RATE = 400.0  # MB/s
SMALL_RATE = 1.5  # million events a second
FIRST_EVENT_MS = 20.0
SMALL_BYTES = 100
QUIET_CORES = 0.02
CALM_SECONDS = 2  # in a row
QUIET_SECONDS = (120, 3)  # at most, until the store has tidied up; full, quick


async def replayed(running: Server, session: str, mode: str) -> Report:
    """One subscriber from the oldest event to the end. It must get the whole log."""
    log = await running.get(session)
    async with Readers(mode, running.target, [session]) as readers:
        (report,) = await readers.reports()
    if report.bytes != log.bytes or (mode != "count" and report.events != log.head_seq):
        raise RuntimeError(f"of {log.bytes} bytes and {log.head_seq} events {report.bytes} and {report.events} came")
    return report


def seconds(report: Report) -> float:
    """From the request to the stream's end."""
    return (report.ended - report.began) / 1e9


async def resumed(running: Server, session: str, times: int) -> list[float]:
    """Milliseconds from the request to the first event, at random cursors, on an open connection."""
    log = await running.get(session)
    chance = random.Random(1)  # noqa: S311 - any places do, the same ones each time
    found: list[float] = []
    for _ in range(times):
        cursor = Cursor(session_id=session, epoch=log.epoch, seq=chance.randrange(1, log.head_seq))
        began = time.monotonic()
        call = running.stub.Subscribe(pb.SubscribeRequest(sessions=[session], after=pb.Cursors(cursors=[cursor])))
        async for response in call:
            if response.events:
                found.append((time.monotonic() - began) * 1000)
                if response.events[0].seq != cursor.seq + 1:
                    raise RuntimeError(f"{response.events[0].seq} came after {cursor.seq}")
                break
        call.cancel()
    return found


async def quiet(running: Server, at_most: int) -> None:
    """Until the server has nothing left to tidy up, or for so many seconds."""
    calm = 0
    for _ in range(at_most):
        before = processor(running.pid)
        await asyncio.sleep(1)
        calm = calm + 1 if processor(running.pid) - before < QUIET_CORES else 0
        if calm == CALM_SECONDS:
            return


async def measure(run: Run) -> AsyncIterator[Figure]:
    """Large events from a real flood; small ones written into the store one by one, as lines that come one by one are."""
    async for figure in large(run):
        yield figure
    async for figure in small(run):
        yield figure


async def large(run: Run) -> AsyncIterator[Figure]:
    """Events of 64 KiB."""
    size = run.pick(GB, 100 * MB)
    run.say(f"a history of {size // MB} MB is made")
    with flood_file(size) as source, gate() as at:
        async with server() as running:
            session = (await running.create(*gated_cat(at, source))).id
            at.open()
            log = await running.ended(session)
            run.say("replay of large events")
            rates = [log.bytes / MB / seconds(await replayed(running, session, "count")) for _ in range(run.pick(3, 1))]
            name = f"replay from the store, {log.bytes // log.head_seq // 1024} KiB events, {size // MB} MB"
            yield at_least("replay.large", name, median(rates), "MB/s", LARGE_RATE)
            run.say("resume")
            delays = await resumed(running, session, run.pick(100, 20))
    yield below(
        "resume.p99", f"resume in {size // MB} MB of history, first event: p99", percentile(delays, 99), "ms", FIRST_EVENT_MS
    )
    yield plain("resume.p50", "  p50", percentile(delays, 50), "ms")


async def small(run: Run) -> AsyncIterator[Figure]:
    """Events of 100 bytes, each committed alone."""
    count = run.pick(1_500_000, 100_000)
    with new_home() as home:
        run.say(f"a history of {count} small events is written")
        text = SMALL_BYTES - 53  # what is left of them beside the session, the number, the time and the source
        (session,) = await asyncio.to_thread(write_home, home, History(outputs=count, size=text, together=1))
        async with serving(home) as running:
            log = await running.get(session)
            each = log.bytes / log.head_seq
            run.say("replay of small events, as they were written")
            before = log.head_seq / 1e6 / seconds(await replayed(running, session, "events"))
            run.say("the server tidies up")
            await quiet(running, run.pick(*QUIET_SECONDS))
            run.say("replay of small events")
            rates: list[float] = []
            parsed: list[float] = []
            for _ in range(run.pick(3, 1)):
                rates.append(log.head_seq / 1e6 / seconds(await replayed(running, session, "events")))
                parsed.append(log.head_seq / 1e6 / seconds(await replayed(running, session, "parse")))
            delays = await resumed(running, session, run.pick(100, 20))
    name = f"replay from the store, {each:.0f}-byte events, {count / 1e6:g} M, compacted"
    yield at_least("replay.small", name, median(rates), "M/s", SMALL_RATE, note="counted when the clock had stopped")
    yield plain("replay.small.parsed", "  decoded by the reader as they come", median(parsed), "M/s")
    yield plain("replay.small.before", "  before they are compacted", before, "M/s")
    yield plain("resume.small.p99", "  resume in the middle of it, first event: p99", percentile(delays, 99), "ms")
