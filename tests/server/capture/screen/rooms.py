"""Real GNU screen sessions in short-lived directories, and sinks to follow them with."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import shutil
import signal as signals
import struct
import subprocess
import sys
import tempfile
import termios
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

from server.capture.memory_sink import WAIT_SECONDS, MemorySink, committed
from sightline.v1.event_pb2 import CaptureState, Channel, Event
from sightline.v1.session_pb2 import Screen
from sightline_server.capture import processes
from sightline_server.capture.base import Ending
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.screen import windows
from sightline_server.capture.screen.adopted import AdoptedSource
from sightline_server.capture.screen.client import ScreenProgram

SHELL = ("env", "PS1=$ ", "sh")


class FileSink:
    """A sink that outlives its process: a file for each spool, whose size is the position, and one with all bytes in order."""

    def __init__(self, directory: Path, log: Path) -> None:
        self.session_id = f"{log.parent.parent.name}-1"
        self.session_name = "file"
        self.directory = directory
        self._log = log
        log.mkdir(exist_ok=True)

    def position(self, source: str) -> int:
        path = self._log / source
        return path.stat().st_size if path.exists() else 0

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
        assert position == self.position(spool or source) + len(data)
        # One write, so that bytes and position are committed together: whoever is killed has done it or not.
        with (self._log / (spool or source)).open("ab", buffering=0) as file:
            assert file.write(data) == len(data)
        return committed(position)

    async def event(self, event: Event, source: str, position: int | None = None, spool: str = "") -> int:
        raise AssertionError(f"nothing but bytes should come: {event}")

    def events(self, events: Sequence[Event], source: str, position: int, spool: str = "") -> asyncio.Future[int]:
        raise AssertionError(f"nothing but bytes should come: {events}")

    async def capture(self, state: CaptureState.ValueType, reason: str) -> None:
        assert state == CaptureState.CAPTURE_STATE_FOLLOWING, reason

    async def ended(self, ending: Ending) -> None:
        (self._log / "ended").write_text(ending.error)

    def has_grown(self, count: int, end: bytes) -> Callable[[], bool]:
        """Whether so many bytes have come since it was asked for, or these are the last."""
        before = len(self.written())
        return lambda: len(self.written()) >= before + count or self.written().endswith(end)

    def written(self) -> bytes:
        """All bytes, in the order of the spools."""
        spools = sorted(self._log.glob("log.*"), key=lambda path: int(path.name.split(".")[1]))
        return b"".join(spool.read_bytes() for spool in spools)


class Room:
    """A private directory with sessions of the user's own.

    Attributes:
        home: the directory; the spools in it have a blank, quotes and signs that screen expands in their names.
        place: the directory in which the user's sessions are started.
        program: `screen`, for these sessions.
        followed: see `ScreenLog`.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.place = home / "place"
        self.place.mkdir()
        self.screens = home / "screens"
        self.screens.mkdir(mode=0o700)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "SCREENDIR": str(self.screens),
            "SYSSCREENRC": "/dev/null",
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm",
        }
        self.program = ScreenProgram(self.environ)
        self.inotify = Inotify()
        self.followed: Counter[int] = Counter()
        self.sources: list[AdoptedSource] = []

    def screen(self, *words: str) -> str:
        """Runs `screen` as the user does, and gives what it prints."""
        ran = subprocess.run(
            ["screen", *words], capture_output=True, check=False, text=True, env=self.environ, cwd=self.place, timeout=WAIT_SECONDS
        )
        return ran.stdout

    async def session(self, name: str, *argv: str) -> int:
        """Starts a detached session around a program and gives the pid of screen."""
        before = set(self.screens.iterdir())
        self.screen("-dmS", name, *argv)
        await until(lambda: len(set(self.screens.iterdir()) - before) == 1)
        pid = int((set(self.screens.iterdir()) - before).pop().name.partition(".")[0])
        await until(lambda: bool(windows.windows(pid)))
        return pid

    async def window(self, pid: int, *argv: str) -> int:
        """Opens another window and gives its number."""
        before = len(windows.windows(pid))
        self.screen("-S", str(pid), "-X", "screen", *argv)
        await until(lambda: len(windows.windows(pid)) == before + 1)
        return windows.windows(pid)[-1].number

    def sink(self) -> MemorySink:
        directory = self.home / f"spool {len(self.sources)}'\"%H $HOME ^M"
        directory.mkdir(mode=0o700)
        return MemorySink(directory, f"{self.home.name}-{len(self.sources)}", f"name{len(self.sources)}")

    async def adopted(self, name: str, window: int | None = None) -> tuple[MemorySink, AdoptedSource]:
        """A window that is followed."""
        sink = self.sink()
        source = AdoptedSource(sink, self.inotify, self.program, self.followed, screen=Screen(name=name, window=window))
        self.sources.append(source)
        await source.start()
        return sink, source

    def end(self) -> None:
        """Kills the sessions and what runs in them, also where their screen is gone."""
        mark = b"SCREENDIR=" + os.fsencode(self.screens) + b"\0"
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if mark in Path("/proc", pid, "environ").read_bytes():
                    os.kill(int(pid), signals.SIGKILL)

    def files(self, pid: int) -> list[str]:
        """What a screen process has open."""
        return sorted(os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir())

    @contextlib.contextmanager
    def attached(self, pid: int) -> Iterator[int]:
        """A person at a terminal of their own, whose end of it is given."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        person = subprocess.Popen(
            ["screen", "-r", str(pid)], stdin=theirs, stdout=theirs, stderr=theirs, env=self.environ, start_new_session=True
        )
        os.close(theirs)
        try:
            yield ours
        finally:
            os.close(ours)
            person.kill()
            person.wait()


@contextlib.asynccontextmanager
async def room() -> AsyncIterator[Room]:
    """A room, and nothing of it left afterwards."""
    home = Path(tempfile.mkdtemp(prefix="sls"))
    made = Room(home)
    try:
        yield made
    finally:
        for source in made.sources:
            await source.detach()
        made.inotify.close()
        made.end()
        for number in range(len(made.sources) + 1):
            await processes.end_tree(f"{home.name}-{number}", None, signals.SIGKILL, 0)
        shutil.rmtree(home, ignore_errors=True)


async def until(condition: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Waits for what has no event of its own. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nobody would set an event
            await asyncio.sleep(0.01)


async def shown(sink: MemorySink, data: bytes) -> None:
    """Waits until a window has shown something."""
    await sink.until(lambda: data in sink.written("terminal"))


@contextlib.asynccontextmanager
async def hosted(here: Room, spool: Path, log: Path, name: str) -> AsyncIterator[None]:
    """A process that follows a window (`host`), or goes on with it; killed at the end of the block as a server may be killed."""
    file = Path(__file__)
    argv = [sys.executable, str(file.with_name("host.py")), str(spool), str(log), name]
    process = await asyncio.create_subprocess_exec(*argv, env={**os.environ, **here.environ, "PYTHONPATH": str(file.parents[3])})
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def counted(last: int) -> bytes:
    """What a terminal makes of `seq 1 LAST`."""
    return b"".join(b"%d\r\n" % number for number in range(1, last + 1))
