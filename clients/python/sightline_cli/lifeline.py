"""The socket between `up` and the bridge that it starts, both of its ends: each sees by its end that the other one has gone.

Lines from the parent: `go`, once its server answers, and `stop`. A line from the child: where it is, once it listens. An end
without `stop` means that the parent was killed: then the child goes too, so that nothing runs on that nobody would end.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

GO, STOP = b"go", b"stop"
PATIENCE = 5.0  # seconds that the child may take to end in order


@dataclass(frozen=True)
class Ready:
    """The bridge listens.

    Attributes:
        url: logs a browser in, once.
        urls: where it listens.
    """

    url: str
    urls: tuple[str, ...]


class Parent:
    """What the child sees: its standard input is the socket."""

    def __init__(self) -> None:
        self._lines = _Lines(socket.socket(fileno=0))

    async def goes(self) -> bool:
        """Waits until the child may begin; False: it is to end instead."""
        return await self._lines.read() == GO

    def ready(self, ready: Ready) -> None:
        """Says that the bridge listens."""
        self._lines.write(json.dumps(asdict(ready)).encode())

    async def stops(self) -> bool:
        """Waits until the child is to end; False: the parent has gone without a word."""
        return await self._lines.read() == STOP


class Child:
    """What the parent sees: a process of this program, started at once, which loads what it needs while the parent does.

    Args:
        words: its command line, of `sightline`.
        environ: its environment.
    """

    def __init__(self, words: Sequence[str], environ: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "sightline_cli.entry", *words]
        # A terminal's Ctrl-C goes to the child too, which is to end when the parent says so: it inherits that it is blocked.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with theirs:
                self._process = subprocess.Popen(command, env=dict(environ), stdin=theirs.fileno())
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._lines = _Lines(ours)
        self._began = False

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    async def go(self) -> Ready | None:
        """Lets it begin, and waits until it listens; None: it has ended instead, and said why."""
        self._began = True
        self._lines.write(GO)
        line = await self._lines.read()
        if not line:
            return None
        found = json.loads(line)
        return Ready(found["url"], tuple(found["urls"]))

    async def ended(self) -> int:
        """Waits for its end: the exit code, negative for a signal."""
        while await self._lines.read():
            pass
        return await asyncio.to_thread(self._process.wait)

    async def stop(self) -> None:
        """Ends it, in order if it can."""
        if self._began:
            self._lines.write(STOP)
        else:
            self._process.kill()  # it has nothing to put in order
        try:
            await asyncio.to_thread(self._process.wait, PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._lines.close()


class _Lines:
    """Short lines over a socket, so short that its buffer always takes them."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._kept = b""

    def write(self, line: bytes) -> None:
        with suppress(OSError):  # the other end has gone, and who reads sees that
            self._socket.sendall(line + b"\n")

    async def read(self) -> bytes:
        """The next line; empty: the other end has gone."""
        while b"\n" not in self._kept:
            try:
                data = await asyncio.get_running_loop().sock_recv(self._socket, 4096)
            except ConnectionError:
                data = b""
            if not data:
                return b""
            self._kept += data
        line, _, self._kept = self._kept.partition(b"\n")
        return line

    def close(self) -> None:
        self._socket.close()
