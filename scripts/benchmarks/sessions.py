"""A thousand sessions that write a line a second each, and one subscriber that follows them all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from benchmarks.figures import Figure, below, percentile, plain
from benchmarks.processes import MIB, processor, proportional, resident, running
from benchmarks.readers import Readers
from benchmarks.run import Run
from benchmarks.server import Server, server

CORES = 0.35
P99_MS = 50.0
AT_ONCE = 8  # sessions being created

# One program writes for all, because a thousand that sleep and wake would be measured more than the server: each session's own
# program is `cat` of a FIFO. The moments are spread evenly over the second.
WRITER = """
import os, sys, time
directory, count, lines = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
fifos = [os.open(f"{directory}/{number}", os.O_WRONLY) for number in range(count)]
print("ready", flush=True)
sys.stdin.readline()
begun = time.monotonic()
for line in range(lines):
    for number, fifo in enumerate(fifos):
        time.sleep(max(0, begun + line + number / count - time.monotonic()))
        os.write(fifo, b"%d\\n" % time.monotonic_ns())
print("done", flush=True)
sys.stdin.readline()
"""


@contextlib.contextmanager
def writer(directory: Path, count: int, lines: int) -> Iterator[subprocess.Popen[str]]:
    """The program that writes into all FIFOs; waits for a line on its stdin to begin."""
    arguments = [sys.executable, "-c", WRITER, str(directory), str(count), str(lines)]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def create_all(server_: Server, directory: Path, count: int, run: Run) -> list[str]:
    """The sessions."""
    made: list[str] = []
    limit = asyncio.Semaphore(AT_ONCE)

    async def create(number: int) -> None:
        async with limit:
            made.append((await server_.create("cat", str(directory / str(number)))).id)
            run.say(f"{len(made)} of {count} sessions started")

    await asyncio.gather(*map(create, range(count)))
    return made


async def measure(run: Run) -> AsyncIterator[Figure]:
    """Processor time and delay while they write; what their relays take, beside."""
    count = run.pick(1000, 50)
    lines = run.pick(20, 5)
    with tempfile.TemporaryDirectory(prefix="slfifos") as name:
        directory = Path(name)
        for number in range(count):
            os.mkfifo(directory / str(number))
        async with server() as measured:
            with writer(directory, count, lines) as process:
                sessions = await create_all(measured, directory, count, run)
                assert process.stdin is not None  # noqa: S101 - both were asked for
                assert process.stdout is not None  # noqa: S101
                await asyncio.to_thread(process.stdout.readline)
                relays = running(str(measured.home / "spool"))
                async with Readers("clock", measured.target, ["*"], lines=count * lines, joined=count) as readers:
                    run.say(f"{count} sessions write a line a second")
                    spent, relayed = processor(measured.pid), sum(map(processor, relays))
                    process.stdin.write("go\n")
                    process.stdin.flush()
                    await asyncio.to_thread(process.stdout.readline)
                    spent, relayed = processor(measured.pid) - spent, sum(map(processor, relays)) - relayed
                    (report,) = await readers.reports()
                held = resident(measured.pid)
                shared, alone = sum(map(proportional, relays)), sum(map(resident, relays))
            run.say(f"{count} sessions end")
            await asyncio.gather(*map(measured.ended, sessions))
    if len(report.delays) != count * lines or len(relays) != count:
        raise RuntimeError(f"{len(report.delays)} lines came of {count * lines}; there were {len(relays)} relays")
    name = f"{count} sessions, a line a second each, one `*` subscriber"
    yield below("sessions.share", f"{name}: server", spent / lines, "cores", CORES)
    yield below("sessions.p99", "  line written to event received, p99", percentile(report.delays, 99), "ms", P99_MS)
    yield plain("sessions.p50", "  p50", percentile(report.delays, 50), "ms")
    yield plain("sessions.memory", "  server RSS", held / MIB, "MiB")
    yield plain("sessions.relays.share", f"  their {count} relays together", relayed / lines, "cores")
    note = f"RSS, pages that they share counted each time: {alone / MIB:.0f}"
    yield plain("sessions.relays.memory", f"  their {count} relays together, PSS", shared / MIB, "MiB", note=note)
