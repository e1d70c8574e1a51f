"""A line written to its event received, on an idle server, beside a bare gRPC message and terminado."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc

from benchmarks import peers
from benchmarks.figures import Figure, below, percentile, plain
from benchmarks.readers import Readers
from benchmarks.run import Run
from benchmarks.server import server
from benchmarks.sources import clock, gate

INTERVAL = 0.01  # seconds between lines: far apart, so that none waits for another
WARM_UP = 20  # lines that are not counted
GOALS = {"command": (0.5, 2.0), "pane": (0.7, 3.0)}  # ms, p50 and p99

BARE_SERVER = """
import asyncio, sys, time, grpc
async def stream(_request, context):
    for _ in range(int(sys.argv[2])):
        await asyncio.sleep(float(sys.argv[3]))
        await context.write(b"%d" % time.monotonic_ns())
async def main():
    server = grpc.aio.server()
    handlers = {"Stream": grpc.unary_stream_rpc_method_handler(stream)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bare", handlers),))
    server.add_insecure_port(sys.argv[1])
    await server.start()
    print("ready", flush=True)
    await server.wait_for_termination()
asyncio.run(main())
"""


async def delays(lines: int, *, pane: bool) -> list[float]:
    """Milliseconds from each line's writing to its arrival, decoded, at a subscriber."""
    with gate() as at:
        async with server() as running:
            session = await running.create(*clock(at, lines + WARM_UP, INTERVAL), pane=pane)
            async with Readers("clock", running.target, [session.id]) as readers:
                at.open()
                (report,) = await readers.reports()
    if len(report.delays) != lines + WARM_UP:
        raise RuntimeError(f"{len(report.delays)} lines came of {lines + WARM_UP}")
    return report.delays[WARM_UP:]


async def bare_grpc(messages: int) -> list[float]:
    """The same of one gRPC message at a time over a Unix socket with nothing behind it: what is ours is beyond this."""
    with tempfile.TemporaryDirectory(prefix="slbare") as home:
        arguments = [f"unix:{home}/bare", str(messages), str(INTERVAL)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", BARE_SERVER, *arguments, stdout=asyncio.subprocess.PIPE
        )
        try:
            if process.stdout is not None:
                await process.stdout.readline()
            async with grpc.aio.insecure_channel(arguments[0]) as channel:
                call: Any = channel.unary_stream("/bare/Stream")
                return [(time.monotonic_ns() - int(message)) / 1e6 async for message in call(b"")]
        finally:
            process.kill()
            await process.wait()


async def measure(run: Run) -> AsyncIterator[Figure]:
    """A hundred lines a second, one at a time."""
    lines = run.pick(1000, 150)
    run.say("latency: bare gRPC")
    bare = await bare_grpc(lines)
    yield plain("latency.grpc.p50", "a bare gRPC message, sent to received: p50", percentile(bare, 50), "ms")
    yield plain("latency.grpc.p99", "  p99", percentile(bare, 99), "ms")
    run.say("latency: terminado")
    other = await peers.terminado_delays(lines, INTERVAL)
    yield plain("latency.terminado.p50", "line written to shown by terminado: p50", percentile(other, 50), "ms")
    yield plain("latency.terminado.p99", "  p99", percentile(other, 99), "ms")
    for source, (p50_goal, p99_goal) in GOALS.items():
        run.say(f"latency: {source}")
        found = await delays(lines, pane=source == "pane")
        p50 = percentile(found, 50)
        yield below(f"latency.{source}.p50", f"line written to event received, {source}: p50", p50, "ms", p50_goal)
        yield below(f"latency.{source}.p99", "  p99", percentile(found, 99), "ms", p99_goal)
        yield plain(f"latency.{source}.of_grpc", "  p50, of a bare gRPC message", p50 / percentile(bare, 50), "ratio")
