"""What a kind of source must bring to be tried: a `Rig`, one file in `rigs/`, listed in `test_sources.py`.

A rig answers with the request that starts or adopts a program; everything else is done through `Sources`, as the server does it.
The program is a `Parrot`. What a rig cannot do it says by its attributes, so that each exception stands in one place.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from conformance import parrot
from sightline.v1.session_service_pb2 import CreateRequest

WAIT_SECONDS = 40.0  # for anything that a test waits for


class Parrot:
    """A program that does what it is told; see `parrot.py`.

    Attributes:
        argv: starts it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._orders = 0
        directory.mkdir(mode=0o700)
        os.mkfifo(directory / "orders", 0o600)
        self.argv = [sys.executable, "-S", "-E", parrot.__file__, str(directory)]

    async def ready(self) -> None:
        """Waits until it runs."""
        await until((self._directory / "ready").exists)

    @property
    def pid(self) -> int:
        """Of the program, once it is ready."""
        return int((self._directory / "ready").read_text())

    @property
    def received(self) -> bytes:
        """What it has read, and `<SIGINT>` for each interrupt."""
        return self._file("received")

    def end(self) -> None:
        """Kills it, whoever started it."""
        if (self._directory / "ready").exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def child(self) -> int:
        """Has it start a child in a session of its own, and gives its pid."""
        await self.ordered(b"c")
        return int(self._file("child"))

    async def write(self, data: bytes) -> None:
        """Has it write, and waits until it has."""
        await self.ordered(b"w", data)

    async def ordered(self, letter: bytes, data: bytes = b"") -> None:
        """Gives an order, and waits until it is done."""
        await self.order(letter, data)
        await until(lambda: len(self._file("done")) >= self._orders)

    async def order(self, letter: bytes, data: bytes = b"") -> None:
        """Gives an order and does not wait for it to be done: `x` for the end, with its exit code."""
        self._orders += letter != b"x"
        await asyncio.to_thread(parrot.append, str(self._directory / "orders"), parrot.HEAD.pack(letter, len(data)))
        await asyncio.to_thread(self._say, data)

    def _say(self, data: bytes) -> None:
        with (self._directory / "orders").open("wb", buffering=0) as orders:
            view = memoryview(data)
            while view:
                view = view[orders.write(view) :]

    def _file(self, name: str) -> bytes:
        path = self._directory / name
        return path.read_bytes() if path.exists() else b""


class Rig(Protocol):
    """One kind of source, ready to be tried. Made for each test, closed after it.

    Attributes:
        adopted: the program is somebody else's: it can be released, and lives on.
        takes_input: `send` and `interrupt` reach it.
        knows_exit_code: the exit code of a program that ends is known.
        holds_back: a program that nobody reads waits, so that nothing of it can be lost.
    """

    adopted: bool
    takes_input: bool
    knows_exit_code: bool
    holds_back: bool

    async def request(self, program: Parrot) -> CreateRequest:
        """Starts what is to be adopted, if anything, and gives the request for it. The program is `program.argv`."""
        ...

    def traces(self) -> object:
        """What can be seen of us around an adopted program: options, hooks, files. Equal before and after."""
        ...

    async def close(self) -> None:
        """Ends everything that this rig, or the server's home, has left running."""
        ...


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def until(condition: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Waits for what has no event of its own. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nobody would set an event
            await asyncio.sleep(0.01)
