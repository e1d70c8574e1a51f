"""The start of a server with a large store: 10 000 sessions, 10 GB."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from sightline.v1 import session_service_pb2 as pb

from benchmarks.figures import Figure, below, median, plain
from benchmarks.processes import MIB, resident
from benchmarks.run import GB, Run
from benchmarks.server import new_home, serving
from benchmarks.stored import History, write_home

START_SECONDS = 1.0
OUTPUT = History(outputs=16, size=64 * 1024, together=4)  # 1 MiB
SPARE = 2 * GB  # of the disk, left free


async def measure(run: Run) -> AsyncIterator[Figure]:
    """From exec to SERVING, after a clean stop and after `kill -9`."""
    wanted = run.pick(10_000, 200)
    size = OUTPUT.outputs * OUTPUT.size
    sessions = min(wanted, max(1, (shutil.disk_usage(tempfile.gettempdir()).free - SPARE) // size))
    note = "" if sessions == wanted else "the disk has no room for more"
    with new_home() as home:
        run.say(f"a store of {sessions} sessions, {sessions * size / GB:.1f} GB, is written")
        await asyncio.to_thread(write_home, home, OUTPUT, sessions)
        run.say("start with a large store")
        rounds = run.pick(3, 1)
        clean = [await started(home, sessions, kill=False) for _ in range(rounds)]
        killed = [await started(home, sessions, kill=True) for _ in range(rounds + 1)][1:]  # each starts after the kill before it
        async with serving(home) as running:
            held = resident(running.pid)
    name = f"server start to SERVING, {sessions} sessions and {sessions * size / GB:.1f} GB in the store"
    yield below("start.large", name, median(clean), "s", START_SECONDS, note=note)
    yield below("start.killed", "  after kill -9", median(killed), "s", START_SECONDS)
    yield plain("start.memory", "  server RSS then", held / MIB, "MiB")


async def started(home: Path, sessions: int, *, kill: bool) -> float:
    """Seconds to SERVING. What was written must be there."""
    began = time.monotonic()
    async with serving(home) as running:
        seconds = time.monotonic() - began
        newest = (await running.stub.List(pb.ListRequest(page_size=1))).sessions[0]
        if newest.name != f"build-{sessions}" or newest.bytes < OUTPUT.outputs * OUTPUT.size:
            raise RuntimeError(f"the store has {newest.name} of {newest.bytes} bytes for its newest session")
        if kill:
            with contextlib.suppress(ProcessLookupError):
                running.process.kill()
    return seconds
