"""The clients of all languages: how fast each reads a log, and how soon it goes on when the server is back."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

from conformance.clients.harness import Harness, Line
from conformance.clients.roster import CLIENTS, Client
from support.server import ServerProcess

from benchmarks.figures import Figure, absent, at_least, below, median, percentile, plain
from benchmarks.run import MB, Run
from benchmarks.server import server
from benchmarks.sources import flood_file

YARDSTICK = "go"
SHARE = 0.5  # of the yardstick's throughput
STEP_MS = 120.0  # one backoff step on a Unix socket: 100 ms and its jitter
LINES = ["sh", "-c", "while :; do echo x; sleep 0.005; done"]


async def measure(run: Run) -> AsyncIterator[Figure]:
    """Throughput, then resuming. A quick run builds nothing."""
    found = []
    for client in CLIENTS.values():
        why = f"{' and '.join(client.missing)} is not on this machine" if client.missing else ""
        if not why and run.quick and client.argv_build:
            why = "a quick run builds nothing"
        if why:
            yield absent(f"clients.{client.name}", f"the {client.name} client", why)
            continue
        run.say(f"clients: building {client.name}")
        if not run.quick:
            await asyncio.to_thread(client.build)
        found.append(client)
    async for figure in throughput(run, found):
        yield figure
    async for figure in resuming(run, found):
        yield figure


async def throughput(run: Run, clients: list[Client]) -> AsyncIterator[Figure]:
    """Rounds in turn, so that the machine's moods are the same for all."""
    size = run.pick(200 * MB, 20 * MB)
    rates: dict[str, list[float]] = {client.name: [] for client in clients}
    async with server() as running:
        with flood_file(size) as source:
            size = source.path.stat().st_size  # whole lines
            session = (await running.ended((await running.create("cat", str(source.path))).id)).id
        for _ in range(run.pick(5, 1)):
            for client in clients:
                run.say(f"clients: {client.name} reads {size // MB} MB")
                async with connected(client, running.target) as harness:
                    await counted(harness, session)  # what a language compiles while it runs is then compiled
                    line = await counted(harness, session)
                if line["bytes"] != size:
                    raise RuntimeError(f"{client.name} read {line['bytes']} of {size} bytes")
                rates[client.name].append(size / MB / line["seconds"])
    wanted = SHARE * median(rates[YARDSTICK]) if rates.get(YARDSTICK) else 0.0
    for client in clients:
        rate = median(rates[client.name])
        name = f"{client.name}: {size // MB} MB read"
        if client.name == YARDSTICK or not wanted:
            yield plain(f"clients.throughput.{client.name}", name, rate, "MB/s")
        else:
            yield at_least(f"clients.throughput.{client.name}", name, rate, "MB/s", round(wanted))


async def resuming(run: Run, clients: list[Client]) -> AsyncIterator[Figure]:
    """The server is killed again and again; from the moment it serves until the next line is there."""
    for client in clients:
        run.say(f"clients: {client.name} resumes")
        delays = []
        running = ServerProcess()
        try:
            await asyncio.to_thread(running.start)
            async with connected(client, running.target) as harness:
                made = await harness.call("Create", {"command": {"argv": LINES}})
                number = await harness.subscribe({"sessions": [made["response"]["session"]["id"]]})
                await harness.until(number, functools.partial(has_event, 0))
                for _ in range(run.pick(10, 2)):
                    await asyncio.to_thread(running.kill)
                    await asyncio.sleep(0.3)  # so that the client has met nobody, more than once
                    await asyncio.to_thread(running.start)
                    began, count = time.monotonic(), len(harness.lines[number])
                    await harness.until(number, functools.partial(has_event, count))
                    delays.append(1000 * (time.monotonic() - began))
        finally:
            await asyncio.to_thread(running.close)
        name, note = f"{client.name}: goes on after a kill -9, worst", f"p50 {median(delays):.0f}"
        yield below(f"clients.resume.{client.name}", name, percentile(delays, 100), "ms", STEP_MS, note=note)


@contextlib.asynccontextmanager
async def connected(client: Client, target: str) -> AsyncIterator[Harness]:
    """A client's harness, connected."""
    with TemporaryDirectory(prefix="slc") as home:
        async with client.harness(Path(home)) as harness:
            await harness.connect(target=target)
            yield harness


def has_event(behind: int, lines: list[Line]) -> bool:
    """Whether an event stands among the lines behind so many."""
    return any("event" in line for line in lines[behind:])


async def counted(harness: Harness, session: str) -> Line:
    """The last line of a subscription that only counts."""
    number = await harness.subscribe({"sessions": [session]}, quiet=True)
    lines = await harness.until(number, bool)
    if "end" not in lines[-1]:
        raise RuntimeError(f"it did not end well: {lines[-1]}")
    return lines[-1]
