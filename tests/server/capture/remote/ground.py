"""A host and a server's sources for tests of what is on other hosts."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from server.capture.memory_sink import MemorySink
from sightline.v1.event_pb2 import CaptureState
from sightline.v1.session_pb2 import Command, Terminal
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_service_pb2 import CreateRequest
from sightline_server.capture import processes
from sightline_server.capture.base import Source
from sightline_server.capture.sources import Sources
from sightline_server.settings import Settings
from support.sshd import SshHost

FOLLOWING = CaptureState.CAPTURE_STATE_FOLLOWING
DISCONNECTED = CaptureState.CAPTURE_STATE_DISCONNECTED

FLOOD = """
import sys
for number in range(int(sys.argv[1])):
    sys.stdout.write("%09d " % number + "x" * 89 + "\\n")
"""


def flood(lines: int) -> list[str]:
    """A program that writes so many lines of 100 bytes as fast as it can."""
    return [sys.executable, "-c", FLOOD, str(lines)]


def flooded(lines: int, end: bytes = b"\n") -> bytes:
    """What it writes."""
    return b"".join(b"%09d " % number + b"x" * 89 + end for number in range(lines))


class Sink(MemorySink):
    """A sink that also keeps each reason, as a session does."""

    async def capture(self, state: CaptureState.ValueType, reason: str) -> None:
        if self.states and self.states[-1][0] == state and self.states[-1][1] != reason:
            self.states.append((state, reason))
            self._changed.set()
        await super().capture(state, reason)


class Followed:
    """A session's source and sink."""

    def __init__(self, record: SessionMessage, sink: MemorySink, source: Source) -> None:
        self.record = record
        self.sink = sink
        self.source = source

    def output(self, channel: str = "") -> bytes:
        """All that came, of one channel or of the only one."""
        return b"".join(
            event.output.data for event in self.sink.log if event.HasField("output") and (not channel or event.source == channel)
        )

    @property
    def size(self) -> int:
        """Bytes of all that came."""
        return self.sink.sizes.total()

    async def disconnected(self, seconds: float = 20.0) -> str:
        """Waits until the capture says that it is; the reason."""
        await self.sink.until(lambda: bool(self.sink.states) and self.sink.states[-1][0] == DISCONNECTED, seconds)
        return self.sink.states[-1][1]

    async def following(self, seconds: float = 60.0) -> None:
        """Waits until the capture works again."""
        await self.sink.until(lambda: bool(self.sink.states) and self.sink.states[-1][0] == FOLLOWING, seconds)


class Ground:
    """A host called `box`, and sources that reach it.

    Attributes:
        host: the other side.
        sources: all kinds.
        home: the server's.
    """

    def __init__(self, host: SshHost, ssh: Sequence[str] = ()) -> None:
        self.host = host
        self.home = Path(tempfile.mkdtemp(prefix="slg", dir="/tmp"))
        self._settings = Settings(home=self.home, ssh=tuple(ssh or host.ssh.split()))
        self.sources = Sources(self._settings, {})
        self._followed: list[Followed] = []

    async def create(self, request: CreateRequest) -> Followed:
        """Starts or adopts, as the server does it."""
        request.host = request.host or "box"
        kind = self.sources.of_request(request)
        kind.check(request)
        record = await kind.record(request)
        record.id = secrets.token_hex(8)
        directory = self.home / record.id
        directory.mkdir(mode=0o700)
        sink = Sink(directory, record.id, "followed")
        source = kind.new(request, record, sink)
        await source.start()
        followed = Followed(record, sink, source)
        self._followed.append(followed)
        return followed

    async def run(self, *argv: str, terminal: bool = False, stdin: bool = False, **fields: object) -> Followed:
        """Starts a command there."""
        command = Command(argv=argv, stdin=Command.STDIN_OPEN if stdin else Command.STDIN_NULL)
        if terminal:
            command.terminal.CopyFrom(Terminal(columns=100, rows=30))
        return await self.create(CreateRequest(command=command, **fields))  # type: ignore[arg-type] # each test names real ones

    def spool(self, followed: Followed) -> Path:
        """A session's directory there."""
        return self.host.spools / followed.record.id

    async def restart(self, followed: Followed) -> Followed:
        """The server goes and comes back, with what was committed of one session."""
        await followed.source.detach()
        await self.sources.close()
        self.sources = Sources(self._settings, {})
        source = self.sources.resumed(followed.record, followed.sink)
        again = Followed(followed.record, followed.sink, source)
        self._followed = [again]
        await source.resume()
        return again

    async def close(self) -> None:
        """Ends what runs there, and leaves nothing here."""
        for followed in self._followed:
            if not followed.sink.endings:
                await followed.source.detach()
            await processes.end_tree(followed.record.id, None, signal.SIGKILL, 0)
        await self.sources.close()
        shutil.rmtree(self.home, ignore_errors=True)


@asynccontextmanager
async def ground(**environ: str) -> AsyncIterator[Ground]:
    """A host with sources that reach it, for the length of a block."""
    host = SshHost(**environ)
    try:
        await asyncio.to_thread(host.start)
        made = Ground(host)
        try:
            yield made
        finally:
            await made.close()
    finally:
        host.close()
