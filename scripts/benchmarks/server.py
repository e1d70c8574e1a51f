"""A Sightline server in a process of its own with a home of its own, and what it takes to talk to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from sightline.v1 import event_pb2, session_pb2
from sightline.v1 import session_service_pb2 as pb
from sightline.v1 import session_service_pb2_grpc as pb_grpc

from benchmarks.run import ROOT

SIGHTLINE = ROOT / ".venv" / "bin" / "sightline"
STOP_SECONDS = 30.0
OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),  # each channel a connection of its own
)
IMPATIENT = (
    *OPTIONS,
    ("grpc.initial_reconnect_backoff_ms", 10),
    ("grpc.min_reconnect_backoff_ms", 10),  # also the patience with one attempt: not for a thousand connections at once
    ("grpc.max_reconnect_backoff_ms", 10),
)


class Server:
    """A server that serves.

    Args:
        process: its process.
        home: its home.
        stub: to it, on a connection of its own.
    """

    def __init__(self, process: subprocess.Popen[bytes], home: Path, stub: pb_grpc.SessionServiceAsyncStub) -> None:
        self.process = process
        self.pid = process.pid
        self.home = home
        self.stub = stub

    @property
    def target(self) -> str:
        """For gRPC."""
        return target_of(self.home)

    async def create(self, *argv: str, pane: bool = False) -> session_pb2.Session:
        """A session that runs this."""
        command = session_pb2.Command(argv=argv)
        if pane:
            command.terminal.columns, command.terminal.rows = 80, 24
        return (await self.stub.Create(pb.CreateRequest(command=command))).session

    async def get(self, session: str) -> session_pb2.Session:
        """As it is now."""
        return (await self.stub.Get(pb.GetRequest(session=session))).session

    async def end(self, session: str) -> None:
        """Ends a session, not gently."""
        request = pb.TerminateRequest(session=session)
        request.grace.FromMilliseconds(100)
        await self.stub.Terminate(request)

    async def ended(self, session: str) -> session_pb2.Session:
        """Waits for a session's end."""
        request = pb.WaitRequest(session=session, until=[event_pb2.SESSION_STATE_ENDED])
        return (await self.stub.Wait(request)).session


def target_of(home: Path) -> str:
    """The address of the server of a home."""
    return f"unix:{home}/sightline.sock"


@contextlib.contextmanager
def new_home() -> Iterator[Path]:
    """A home, short because a socket's path is; removed afterwards, with the tmux server in it."""
    home = Path(tempfile.mkdtemp(prefix="sl"))
    try:
        yield home
    finally:
        if (home / "tmux.sock").exists():
            subprocess.run(["tmux", "-S", home / "tmux.sock", "kill-server"], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


@contextlib.asynccontextmanager
async def serving(home: Path, **environ: str) -> AsyncIterator[Server]:
    """A server in this home; what it prints goes to `server.log` there."""
    env = {**os.environ, "SIGHTLINE_GRPC_ADDRESS": "none", **environ, "SIGHTLINE_HOME": str(home)}
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen([SIGHTLINE, "serve"], env=env, stdout=log, stderr=log)  # noqa: ASYNC220 - nothing waits for this loop
    try:
        async with grpc.aio.insecure_channel(target_of(home), options=IMPATIENT) as channel:
            if not await until_serving(channel, process):
                raise RuntimeError(f"the server ended with {process.returncode}: {(home / 'server.log').read_text()}")
            yield Server(process, home, pb_grpc.SessionServiceStub(channel))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RuntimeError(f"the server does not stop: {(home / 'server.log').read_text()}") from None


@contextlib.asynccontextmanager
async def server(**environ: str) -> AsyncIterator[Server]:
    """A server in a new home."""
    with new_home() as home:
        async with serving(home, **environ) as running:
            yield running


async def until_serving(channel: grpc.aio.Channel, process: subprocess.Popen[bytes]) -> bool:
    """Until health says SERVING: True; or until the process ends: False."""
    stub: Any = health_pb2_grpc.HealthStub(channel)  # comes with a stub that knows nothing of its methods
    while process.poll() is None:
        with contextlib.suppress(grpc.aio.AioRpcError):
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return True
        await asyncio.sleep(0.002)
    return False
