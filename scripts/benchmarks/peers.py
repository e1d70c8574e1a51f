"""Others that do a part of this: terminado and ttyd with WebSocket viewers, `pipe-pane`, the bare pipe and pty.

Some of the file runs in processes of its own: `serve`, a tornado server with terminado's handler and one shared terminal, as
Jupyter has it; `view`, so many viewers that do not decode what comes but count line ends, as ours count bytes; `watch`, one that
decodes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.readers import heard
from benchmarks.run import MB, ROOT
from benchmarks.sources import FloodFile, Gate, clock, flood_file, gate, gated_cat

READ_BYTES = 65536


def bare_pipe(size: int) -> float:
    """MB/s of `cat` into a pipe that is read and thrown away."""
    with flood_file(size) as flood:
        process = subprocess.Popen(["cat", flood.path], stdout=subprocess.PIPE)
        assert process.stdout is not None  # noqa: S101 - it was asked for
        rate = drained(process.stdout.fileno())
        process.wait()
        process.stdout.close()
    return rate


def bare_pty(size: int) -> float:
    """MB/s of `cat` in a pseudo terminal that is read and thrown away."""
    with flood_file(size) as flood:
        reader, terminal = pty.openpty()
        process = subprocess.Popen(["cat", flood.path], stdout=terminal)
        os.close(terminal)
        rate = drained(reader)
        process.wait()
        os.close(reader)
    return rate


def drained(descriptor: int) -> float:
    """MB/s read from a descriptor until its end."""
    began = time.monotonic()
    count = 0
    with contextlib.suppress(OSError):  # EIO is how a terminal ends
        while chunk := os.read(descriptor, READ_BYTES):
            count += len(chunk)
    return count / MB / (time.monotonic() - began)


def pipe_pane_alone(size: int) -> float:
    """MB/s of `cat` in a tmux pane whose output is piped to a file, and nothing else."""
    with flood_file(size) as flood, gate() as at, tempfile.TemporaryDirectory(prefix="slpane") as home:
        tmux = ["tmux", "-S", f"{home}/t", "-f", "/dev/null"]
        out = Path(home) / "out"
        command = gated_cat(at, flood, "; sleep 600")  # tmux drops the last bytes of a pane that goes
        try:
            subprocess.run([*tmux, "new-session", "-d", "-x", "80", "-y", "24", "--", *command], check=True)
            subprocess.run([*tmux, "pipe-pane", f"exec cat >{out}"], check=True)
            began = time.monotonic()
            at.open()
            while not out.exists() or out.stat().st_size < flood.terminal_size:
                time.sleep(0.001)
            return flood.terminal_size / MB / (time.monotonic() - began)
        finally:
            if Path(home, "t").exists():
                subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)


# --- terminals in browsers


async def terminado(flood: FloodFile, viewers: int) -> float:
    """MB/s of a flood to so many viewers of one terminado terminal, in all."""
    with gate() as at:
        async with terminado_server(gated_cat(at, flood)) as url:
            # One terminal for all: terminado starts its program for the first viewer.
            return await viewed(Viewers("terminado", url, viewers), at, flood)


async def terminado_delays(lines: int, interval: float) -> list[float]:
    """Milliseconds that each line of a clock was on its way to one viewer."""
    with gate() as at:
        async with terminado_server(clock(at, lines, interval)) as url, started("watch", url, str(lines)) as viewer:
            at.open()
            return list(await heard(viewer))


@contextlib.asynccontextmanager
async def terminado_server(command: list[str]) -> AsyncIterator[str]:
    """Terminado in a tornado server of its own; gives the viewers' URL."""
    port = free_port()
    async with started("serve", str(port), json.dumps(command)):
        yield f"ws://127.0.0.1:{port}/terminal"


async def ttyd(flood: FloodFile, viewers: int) -> float:
    """MB/s of a flood to so many viewers of ttyd, in all: it has a program of its own for each."""
    with gate() as at:
        port = free_port()
        command = ["ttyd", "-i", "127.0.0.1", "-p", str(port), *gated_cat(at, flood)]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                await asyncio.sleep(0.01)
            return await viewed(Viewers("ttyd", f"ws://127.0.0.1:{port}/ws", viewers), at, flood, programs=viewers)
        finally:
            process.terminate()
            await process.wait()


def has_ttyd() -> bool:
    """It is on PATH."""
    return shutil.which("ttyd") is not None


@dataclass(frozen=True)
class Viewers:
    """Who looks at a peer.

    Attributes:
        peer: `terminado` or `ttyd`.
        url: of its WebSocket.
        count: how many.
    """

    peer: str
    url: str
    count: int


async def viewed(viewers: Viewers, at: Gate, flood: FloodFile, programs: int = 1) -> float:
    """Connects the viewers, opens the gate for the programs, and waits for the last line at the last viewer; MB/s in all."""
    processes = min(viewers.count, os.cpu_count() or 1)
    shares = [viewers.count // processes + (number < viewers.count % processes) for number in range(processes)]
    async with contextlib.AsyncExitStack() as stack:
        running = [
            await stack.enter_async_context(started("view", viewers.peer, viewers.url, str(share), str(flood.lines)))
            for share in shares
        ]
        began = time.monotonic_ns()
        at.open(programs)
        ends: list[int] = await asyncio.gather(*(heard(process) for process in running))
    return flood.terminal_size * viewers.count / MB / ((max(ends) - began) / 1e9)


@contextlib.asynccontextmanager
async def started(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of this file that has said that it is ready."""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    command = [sys.executable, "-m", "benchmarks.peers", *arguments]
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=subprocess.PIPE)
    try:
        await heard(process)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def free_port() -> int:
    """A TCP port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- the other end


async def serve(port: int, command: list[str]) -> None:
    """A terminado server, until it is killed."""
    import tornado.web  # noqa: PLC0415 - the measuring process does without
    from terminado.management import SingleTermManager  # noqa: PLC0415
    from terminado.websocket import TermSocket  # noqa: PLC0415

    manager = SingleTermManager(shell_command=command)
    handler: Any = (r"/terminal", TermSocket, {"term_manager": manager})
    tornado.web.Application([handler]).listen(port, "127.0.0.1")
    tell({})
    await asyncio.Event().wait()


async def watch(url: str, lines: int) -> None:
    """One viewer of a clock in terminado; tells the milliseconds that each line was on its way."""
    import tornado.websocket  # noqa: PLC0415

    connection = await tornado.websocket.websocket_connect(url)
    await connection.read_message()  # its greeting
    tell({})
    delays: list[float] = []
    while len(delays) < lines:
        kind, *content = json.loads(await connection.read_message() or '["nothing"]')
        now = time.monotonic_ns()
        if kind != "stdout":
            raise RuntimeError(f"terminado ended after {len(delays)} of {lines} lines")
        delays += [(now - int(line)) / 1e6 for line in content[0].split() if line.isdigit()]
    tell(delays)


async def view(peer: str, url: str, count: int, lines: int) -> None:
    """So many viewers, each until it has seen all lines; tells when the last one had."""
    import tornado.httpclient  # noqa: PLC0415
    import tornado.websocket  # noqa: PLC0415

    connections = []
    for _ in range(count):
        request = tornado.httpclient.HTTPRequest(url)
        protocols = ["tty"] if peer == "ttyd" else None
        connection = await tornado.websocket.websocket_connect(request, subprotocols=protocols)
        if peer == "ttyd":
            await connection.write_message(json.dumps({"AuthToken": "", "columns": 80, "rows": 24}), binary=True)
        await connection.read_message()  # its greeting
        connections.append(connection)
    tell({})
    mark: Any = b"\n" if peer == "ttyd" else "\\n"  # terminado sends JSON

    async def follow(connection: tornado.websocket.WebSocketClientConnection) -> None:
        seen = 0
        while seen < lines:
            message = await connection.read_message()
            if message is None:
                raise RuntimeError(f"{peer} ended after {seen} of {lines} lines")
            seen += message.count(mark)

    await asyncio.gather(*map(follow, connections))
    tell(time.monotonic_ns())


def tell(what: object) -> None:
    """To who started us."""
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", number, argv]:
            asyncio.run(serve(int(number), json.loads(argv)))
        case ["watch", address, lines_wanted]:
            asyncio.run(watch(address, int(lines_wanted)))
        case ["view", name, address, viewers_wanted, lines_wanted]:
            asyncio.run(view(name, address, int(viewers_wanted), int(lines_wanted)))
    os._exit(0)
