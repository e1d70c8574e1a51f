"""Real tmux servers in short-lived directories, and sinks to follow them with: what the tests of tmux have in common."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal as signals
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path

from server.capture.memory_sink import WAIT_SECONDS, MemorySink, committed
from sightline.v1.event_pb2 import CaptureState, Channel, Event
from sightline.v1.session_pb2 import Tmux
from sightline_server.capture import processes
from sightline_server.capture.base import Ending, Sink
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.tmux import AdoptedSource, TerminalSource
from sightline_server.capture.tmux.private import PrivateServer
from sightline_server.capture.tmux.server import TmuxServer

ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/"}


class FileSink:
    """A sink whose log is a file of the bytes alone: its size is the position, so that both are committed by one write."""

    def __init__(self, directory: Path, log: Path) -> None:
        self.session_id = f"{directory.parent.name}-1"
        self.session_name = "file"
        self.directory = directory
        self._log = log
        self._fd = os.open(log, os.O_RDWR | os.O_CREAT | os.O_APPEND)

    def position(self, source: str) -> int:
        return os.fstat(self._fd).st_size

    def output(
        self,
        source: str,
        channel: Channel.ValueType,
        chunks: Sequence[bytes],
        position: int,
        spool: str = "",
        *,
        times: Sequence[int] = (),
    ) -> asyncio.Future[int]:
        data = b"".join(chunks)
        assert position == self.position(source) + len(data)
        assert os.write(self._fd, data) == len(data)
        return committed(position)

    async def event(self, event: Event, source: str, position: int | None = None, spool: str = "") -> int:
        raise AssertionError(f"nothing but bytes should come: {event}")

    def events(self, events: Sequence[Event], source: str, position: int, spool: str = "") -> asyncio.Future[int]:
        raise AssertionError(f"nothing but bytes should come: {events}")

    async def capture(self, state: CaptureState.ValueType, reason: str) -> None:
        assert state == CaptureState.CAPTURE_STATE_FOLLOWING, reason

    async def ended(self, ending: Ending) -> None:
        self._log.with_suffix(".ended").write_text(json.dumps(asdict(replace(ending, screen=None))))
        os.close(self._fd)


class Room:
    """A private directory with a private tmux server, and the user's own one when `user` starts it.

    Attributes:
        home: the directory; the spools in it have a blank, a quote and signs that tmux expands in their names.
        private: our server.
        user_socket: the user's.
        sinks: how many were made.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.inotify = Inotify()
        self.private = PrivateServer(home)
        self.user_socket = home / "user.sock"
        self.server = TmuxServer(self.user_socket)
        self.sinks = 0

    def sink(self) -> MemorySink:
        self.sinks += 1
        directory = self.home / f"spool {self.sinks}'#{{pid}} %H"
        directory.mkdir(mode=0o700)
        return MemorySink(directory, self.session_id(self.sinks), f"name{self.sinks}")

    def session_id(self, number: int = 1) -> str:
        """Of the room's sinks, from 1; no other room's."""
        return f"{self.home.name}-{number}"

    async def terminal(self, *argv: str, columns: int = 80, rows: int = 24, **env: str) -> tuple[MemorySink, TerminalSource]:
        """A terminal of ours that runs."""
        sink = self.sink()
        source = self.new_terminal(sink, *argv, columns=columns, rows=rows, **env)
        await source.start()
        return sink, source

    def new_terminal(self, sink: Sink, *argv: str, columns: int = 80, rows: int = 24, **env: str) -> TerminalSource:
        variables = {**ENVIRONMENT, **env}
        return TerminalSource(
            sink, self.inotify, self.private, argv=argv, env=variables, cwd=str(self.home), columns=columns, rows=rows
        )

    def user(self, *command: str) -> str:
        """Runs a command of the user's tmux and gives what it prints."""
        return self._tmux(self.user_socket, *command)

    def ours(self, *command: str) -> str:
        """Runs a command on our tmux server."""
        return self._tmux(self.home / "tmux.sock", *command)

    def pane(self, *command: str, options: Sequence[str] = ()) -> Tmux:
        """A pane of the user's own that runs a command."""
        self.user("new-session", "-d", "-x", "80", "-y", "24", *command, *options)
        # The newest pane is the one with the largest id.
        pane = max(self.user("list-panes", "-a", "-F", "#{pane_id}").split(), key=lambda name: int(name[1:]))
        pid = int(self.user("display-message", "-p", "#{pid}"))
        return Tmux(socket_path=str(self.user_socket), target=pane, pane_id=pane, server_pid=pid)

    async def adopted(self, pane: Tmux) -> tuple[MemorySink, AdoptedSource]:
        """A pane of the user's own that is followed."""
        sink = self.sink()
        source = AdoptedSource(sink, self.inotify, self.server, pane=pane)
        await source.start()
        return sink, source

    def _tmux(self, socket: Path, *command: str) -> str:
        argv = ["tmux", "-u", "-S", str(socket), "-f", "/dev/null", *command]
        return subprocess.run(argv, env=ENVIRONMENT, capture_output=True, check=False, timeout=WAIT_SECONDS).stdout.decode()


@asynccontextmanager
async def room() -> AsyncIterator[Room]:
    """A room, and nothing of it left afterwards."""
    home = Path(tempfile.mkdtemp(prefix="sl"))
    made = Room(home)
    try:
        yield made
    finally:
        await made.private.close()
        await made.server.close()
        made.inotify.close()
        made.ours("kill-server")
        made.user("kill-server")
        for number in range(1, max(made.sinks, 1) + 1):
            await processes.end_tree(made.session_id(number), None, signals.SIGKILL, 0)
        while os.path.exists(home):  # noqa: ASYNC240 - relays still write their last words
            shutil.rmtree(home, ignore_errors=True)


async def until(condition: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Waits for what has no event of its own. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nobody would set an event
            await asyncio.sleep(0.01)


@asynccontextmanager
async def hosted(*words: object) -> AsyncIterator[None]:
    """A process that hosts a source (`host`), killed at the end of the block as a server may be killed."""
    here = Path(__file__)
    argv = [sys.executable, str(here.with_name("host.py")), *map(str, words)]
    process = await asyncio.create_subprocess_exec(*argv, env={**os.environ, "PYTHONPATH": str(here.parents[3])})
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def outcome(sink: MemorySink) -> Ending:
    """Waits for the end and gives it, without the last screen."""
    return replace(await sink.ending(), screen=None)


def counted(last: int) -> bytes:
    """What a terminal makes of `seq 1 LAST`."""
    return b"".join(b"%d\r\n" % number for number in range(1, last + 1))
