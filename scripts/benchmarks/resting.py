"""A server that does nothing: how soon it serves, and what it holds."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from sightline.v1 import session_service_pb2 as pb

from benchmarks.figures import Figure, below, median
from benchmarks.processes import resident
from benchmarks.run import MB, Run
from benchmarks.server import server

START_SECONDS = 0.5
IDLE_MB = 120.0


async def start_seconds() -> float:
    """From exec to SERVING, in a new home."""
    began = time.monotonic()
    async with server():
        return time.monotonic() - began


async def idle_bytes(count: int) -> int:
    """Resident memory of a server with so many idle commands, each followed by one subscriber."""
    async with server() as running:
        sessions = [(await running.create("sleep", "600")).id for _ in range(count)]
        calls = [running.stub.Subscribe(pb.SubscribeRequest(sessions=[session])) for session in sessions]
        for call in calls:
            async for response in call:
                if response.HasField("caught_up"):
                    break
        held = resident(running.pid)
        for call in calls:
            call.cancel()
        for session in sessions:
            await running.end(session)
        return held


async def measure(run: Run) -> AsyncIterator[Figure]:
    """Start, then memory."""
    run.say("start")
    seconds = median([await start_seconds() for _ in range(run.pick(5, 1))])
    yield below("start.empty", "server start to SERVING", seconds, "s", START_SECONDS)
    count = run.pick(100, 20)
    run.say(f"memory of {count} idle sessions")
    held = await idle_bytes(count)
    yield below("memory.idle", f"server RSS, {count} idle sessions with {count} subscribers", held / MB, "MB", IDLE_MB)
