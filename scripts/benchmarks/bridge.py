"""The bridge: what one socket's reader gets, what idle sockets hold, and what it adds to a line's way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from sightline.v1.bridge_pb2 import ClientFrame, ServerFrame
from sightline.v1.session_service_pb2 import SubscribeRequest
from sightline_cli import whereabouts

from benchmarks.figures import Figure, at_least, below, percentile, plain
from benchmarks.processes import processor, resident
from benchmarks.readers import Readers
from benchmarks.run import GB, MB, Run
from benchmarks.server import SIGHTLINE, Server, server
from benchmarks.sockets import BINARY, JSON, SocketReader
from benchmarks.sources import clock, flood_file, gate

THROUGHPUT = 100.0  # MB/s, binary
IDLE_KB = 100.0
INTERVAL = 0.01  # seconds between lines
START_SECONDS = 20.0


@dataclass
class Bridge:
    """A bridge that listens.

    Attributes:
        pid: its process.
        url: `http://127.0.0.1:PORT`.
        token: that opens it.
    """

    pid: int
    url: str
    token: str


@contextlib.asynccontextmanager
async def bridge(behind: Server) -> AsyncIterator[Bridge]:
    """A bridge of a server in a process of its own; what it prints goes to `bridge.log` in the home."""
    env = {**os.environ, "SIGHTLINE_HOME": str(behind.home)}
    argv = [str(SIGHTLINE), "bridge", "--web-address", "127.0.0.1:0"]
    with (behind.home / "bridge.log").open("ab") as log:
        process = subprocess.Popen(argv, env=env, stdout=log, stderr=log)  # noqa: ASYNC220 - nothing waits for this loop
    try:
        yield await listening(behind.home, process)
    finally:
        process.terminate()
        process.wait()


async def listening(home: Path, process: subprocess.Popen[bytes]) -> Bridge:
    """Once it does. Raises RuntimeError where it ends, or takes too long."""
    async with asyncio.timeout(START_SECONDS):
        while process.poll() is None:
            found = whereabouts.find(home)
            if found is not None and found.urls:
                return Bridge(process.pid, found.urls[0], (home / "token").read_text().strip())
            await asyncio.sleep(0.01)
    raise RuntimeError(f"the bridge ended: {(home / 'bridge.log').read_text()}")


async def measure(run: Run) -> AsyncIterator[Figure]:
    """Throughput, memory, latency."""
    async with server() as running, bridge(running) as at:
        async for figure in throughput(run, running, at):
            yield figure
    async with server() as running, bridge(running) as at:
        async for figure in idle(run, running, at):
            yield figure
    async with server() as running, bridge(running) as at:
        async for figure in latency(run, running, at):
            yield figure


async def throughput(run: Run, running: Server, at: Bridge) -> AsyncIterator[Figure]:
    """A log that is there already, so that it is the bridge that is measured."""
    for protocol, size in ((BINARY, run.pick(1000 * MB, 50 * MB)), (JSON, run.pick(100 * MB, 10 * MB))):
        run.say(f"the bridge: {protocol}")
        with flood_file(size) as source:
            log = await running.ended((await running.create("cat", str(source.path))).id)
        spent = processor(at.pid)
        async with SocketReader("bytes", at.url, at.token, log.id, protocol=protocol) as reader:
            await reader.begin()
            report = await reader.report()
        spent = processor(at.pid) - spent
        if report.bytes < log.bytes:
            raise RuntimeError(f"of a log of {log.bytes} bytes {report.bytes} came")
        rate = size / MB / report.seconds
        if protocol == BINARY:
            yield at_least("bridge.binary", "the bridge: output to one socket, binary", rate, "MB/s", THROUGHPUT)
        else:
            yield plain("bridge.json", "  as JSON", rate, "MB/s", note="of output; base64 makes a third more of it")
        yield plain(f"bridge.{protocol[13:]}.processor", "  bridge's processor time for each GB", spent / (size / GB), "s/GB")


async def idle(run: Run, running: Server, at: Bridge) -> AsyncIterator[Figure]:
    """Each socket with one subscription that is caught up."""
    count = run.pick(500, 100)
    run.say(f"the bridge: {count} idle sockets")
    session = (await running.create("sleep", "600")).id
    headers = {"Authorization": f"Bearer {at.token}"}
    ask = ClientFrame(call=1, subscribe=SubscribeRequest(sessions=[session])).SerializeToString()
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
        contextlib.AsyncExitStack() as open_sockets,
    ):

        async def connect() -> None:
            ws = await open_sockets.enter_async_context(http.ws_connect(at.url + "/ws", headers=headers, protocols=[BINARY]))
            await ws.send_bytes(ask)
            while not ServerFrame.FromString((await ws.receive()).data).subscribe.HasField("caught_up"):
                pass

        await connect()  # what the first one brings is not each one's
        before = resident(at.pid)
        for _ in range(count):
            await connect()
        held = resident(at.pid) - before
        name = f"the bridge: {count} idle sockets, each with one subscription: RSS for each"
        yield below("bridge.idle", name, held / count / 1000, "KB", IDLE_KB)
    await running.end(session)


async def latency(run: Run, running: Server, at: Bridge) -> AsyncIterator[Figure]:
    """The same lines to a gRPC client and to a socket at once, so that the machine's moods are the same for both."""
    lines = run.pick(1000, 150)
    run.say("the bridge: latency")
    with gate() as opened:
        session = (await running.create(*clock(opened, lines, INTERVAL))).id
        async with (
            Readers("clock", running.target, [session], lines=lines) as plainly,
            SocketReader("clock", at.url, at.token, session, lines=lines) as reader,
        ):
            opened.open()
            (direct,) = await plainly.reports()
            through = await reader.report()
    if len(direct.delays) != lines or len(through.delays) != lines:
        raise RuntimeError(f"{len(direct.delays)} and {len(through.delays)} lines came of {lines}")
    added = [late - soon for soon, late in zip(direct.delays, through.delays, strict=True)]
    for percent in (50, 99):
        name = "the bridge: added to a line's way, over gRPC alone: p50" if percent == 50 else "  p99"
        note = f"{percentile(through.delays, percent):.2f} against {percentile(direct.delays, percent):.2f} ms in all"
        yield plain(f"bridge.added.p{percent}", name, percentile(added, percent), "ms", note=note)
