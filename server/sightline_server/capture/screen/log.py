"""A window's log as a spool: screen writes numbered files, followed one after the other and deleted when they are committed.

The session goes on to the next file when one has become long, and whenever a server takes the log up again; so only the last
is ever written to, and each has its own position in the sink. A log that the window's owner keeps is followed as it is instead.
Knows `screen`'s log, nothing of how a window ends.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sightline.v1.event_pb2 import CaptureState

from sightline_server import errors
from sightline_server.capture.base import Sink
from sightline_server.capture.file_tail import FileTail
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.screen import windows
from sightline_server.capture.screen.client import NO_WINDOW, ScreenProgram, quoted
from sightline_server.capture.screen.settings import log_settings

SOURCE = "terminal"
FILE_BYTES = 16 * 1024 * 1024  # of one file, before the session goes on to the next
SWITCHED_OFF = "the window's log was switched off or taken elsewhere in screen: what it shows from here on is not seen"


@dataclass(frozen=True)
class Place:
    """Whose log it is.

    Attributes:
        session: the session's address.
        server: pid of the screen process.
        window: its number.
    """

    session: str
    server: int
    window: int


class _Shared:
    """What the logs of one session have in common: the name of those to come, and how soon what is written is in the file."""

    def __init__(self, sink: Sink, program: ScreenProgram, place: Place, followed: Counter[int]) -> None:
        self._sink = sink
        self._program = program
        self._place = place
        self._followed = followed
        self._before = log_settings(place.server, program.environ)
        self._counted = False

    async def _tell(self, window: int | str, *words: str) -> None:
        await self._program.command(self._place.session, window, *words)

    async def _slow_again(self) -> None:
        """Written as late as before, unless another window is followed still."""
        if self._followed[self._place.server] <= 1:
            await self._tell(NO_WINDOW, "logfile", "flush", str(self._before.flush))
        await self._program.settle(self._place.session)

    def _count(self) -> None:
        if not self._counted:
            self._counted = True
            self._followed[self._place.server] += 1

    def _uncount(self) -> None:
        if self._counted:
            self._counted = False
            self._followed[self._place.server] -= 1


class ScreenLog(_Shared):
    """A window's log into the sink's directory. Made inside the event loop.

    Args:
        sink: gets what is written.
        inotify: tells when it grows.
        program: `screen`.
        place: whose log.
        followed: windows that are followed, by screen process: what they share is put back by the last one.
    """

    def __init__(self, sink: Sink, inotify: Inotify, program: ScreenProgram, place: Place, followed: Counter[int]) -> None:
        super().__init__(sink, program, place, followed)
        self._inotify = inotify
        self._last = -1  # number of the file that screen writes to, as it has confirmed
        self._moved = asyncio.Event()
        self._finishing = False
        self._named = True  # the session's logs to come are named as ours
        self._tail: FileTail | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Switches the log on and begins to follow it. Raises as `ScreenProgram.feed` does, `WatchLimit`."""
        self._count()
        await self._write_to(0)
        if not self.is_ours(unknown=True):
            raise errors.ScreenNotLogging(session=self._place.session, window=self._place.window)
        self._follow()

    async def resume(self) -> None:
        """Goes on after a restart, with the files that were written meanwhile; a session that is gone has written its last."""
        self._count()
        numbers = self._numbers()
        self._last = numbers[-1] if numbers else 0
        if not numbers:
            _make(self._path(0))
        with suppress(errors.ScreenSilent, errors.ScreenNotInstalled, errors.ScreenNotFound):
            if self.is_ours(unknown=True):
                await self._write_to(self._last + 1)
        self._follow()

    async def look(self) -> None:
        """Goes on to another file where one has become long; says so when the log is no longer written."""
        if not self.is_ours(unknown=True):
            await self._sink.capture(CaptureState.CAPTURE_STATE_BLIND, SWITCHED_OFF)
            return
        with suppress(errors.ScreenSilent, errors.ScreenNotFound):  # at the next look, then
            if self._path(self._last).stat().st_size > FILE_BYTES:
                await self._write_to(max(self._numbers()) + 1)
            elif self._named:
                await self._free_name(self._other_window())
            await self._give_back()

    def is_ours(self, *, unknown: bool) -> bool:
        """Whether screen has a file of ours open; `unknown` where this user may not see that."""
        paths = written_by(self._place.server)
        if paths is None:
            return unknown
        return any(path.startswith(f"{self._sink.directory}/") for path in paths)

    async def close(self) -> None:
        """Switches the log off and puts back what it was set to. Raises as `ScreenProgram.feed` does."""
        if self.is_ours(unknown=True):
            await self._tell(self._place.window, "log", "off")
        await self._free_name(await self._silent_window())
        await self._give_back()
        await self._slow_again()

    async def finish(self) -> None:
        """Nothing more will be written: waits until all of it is committed. Raises what the sink raised."""
        self._uncount()
        self._last = max(self._numbers(), default=self._last)
        self._finishing = True
        self._moved.set()
        await self.drained()

    async def drained(self) -> None:
        """Waits until it is finished, or was stopped. Raises what the sink raised. May be cancelled."""
        if self._task:
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    async def stop(self) -> None:
        """Stops following; the log stays on."""
        self._uncount()
        if self._tail:
            await self._tail.stop()
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    def caught_up(self) -> bool:
        """All that screen has written is committed."""
        return self._tail is not None and self._tail.caught_up()

    # --- what screen is told

    async def _write_to(self, number: int) -> None:
        """Has screen write to this file from now on. Other windows' logs stay as they are."""
        window = self._place.window
        path = self._path(number)
        _make(path)
        directory = os.fsencode(self._sink.directory).replace(b"%", b"%%").replace(b"^", b"^^")  # both mean something in a name
        name = directory + b"/log.%d.%%n" % number
        await self._tell(window, "logfile", quoted(name))
        await self._tell(window, "logfile", "flush", "0")
        await self._tell(window, "log", "on")
        self._named = True
        await self._program.settle(self._place.session)
        self._last = number
        self._moved.set()
        await self._free_name(self._other_window())

    # The name of a log belongs to the whole session, and is where the next log of any window begins. Told from a window that has a
    # log it moves that, so it can be put back only from one that has none. Until then others' logs at least do not mix with ours:
    # the window's number is in the name.

    async def _free_name(self, window: int | None) -> None:
        if self._named and window is not None:
            await self._tell(window, "logfile", quoted(os.fsencode(self._before.name)))
            self._named = False

    async def _give_back(self) -> None:
        """A log that another window began while the name was ours goes where it would have gone, with what it has so far.

        It is given a second name, so that nothing is written between two files. Where a file of that name is there already, or on
        another file system, it is added to that: what the window writes in the very moment of the change may come late in it.
        """
        for path in self._sink.directory.glob("log.*.*"):
            window = path.suffix[1:]
            if not window.isdigit() or int(window) == self._place.window:
                continue
            target = self._before.path(self._place.server, int(window))
            linked = target is not None and _linked(path, target)
            copied = _append(path, target, 0) if target and not linked else 0
            await self._tell(int(window), "logfile", quoted(os.fsencode(self._before.name)))
            await self._program.settle(self._place.session)
            self._named = False
            if target and not linked:
                _append(path, target, copied)
            if target:
                path.unlink()

    def _other_window(self) -> int | None:
        """A window without a log, as far as that can be seen without asking."""
        if len(set(written_by(self._place.server) or ())) != 1:
            return None
        numbers = [window.number for window in windows.windows(self._place.server)]
        return next((number for number in numbers if number != self._place.window), None)

    async def _silent_window(self) -> int | None:
        """A window without a log: ours, now that it is off; where that is gone, one that says so."""
        there = [window.number for window in windows.windows(self._place.server)]
        for number in sorted(there, key=lambda number: number != self._place.window):
            facts = await self._program.query(self._place.session, number, "info")
            if facts is not None and not has_log(facts, number):
                return number
        return None

    # --- following

    def _follow(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"screen log {self._sink.session_id}")

    async def _run(self) -> None:
        while True:
            number = min(self._numbers(), default=self._last)
            await self._take(number)
            if number >= self._last:
                return
            self._path(number).unlink(missing_ok=True)  # before its place: without it, it would be read from the beginning
            (self._sink.directory / f"{_spool(number)}.tail").unlink(missing_ok=True)

    async def _take(self, number: int) -> None:
        """Follows one file until another is written."""
        tail = self._tail = FileTail(self._sink, self._inotify, self._path(number), source=SOURCE, spool=_spool(number))
        tail.start()
        drained = asyncio.create_task(tail.drained())
        try:
            while number >= self._last and not self._finishing and not drained.done():
                self._moved.clear()
                moved = asyncio.create_task(self._moved.wait())
                await asyncio.wait([moved, drained], return_when=asyncio.FIRST_COMPLETED)
                moved.cancel()
            tail.finish()
            await drained
        finally:
            drained.cancel()
            await tail.stop()

    def _numbers(self) -> list[int]:
        names = (path.name.split(".") for path in self._sink.directory.glob(f"log.*.{self._place.window}"))
        return sorted(int(name[1]) for name in names if len(name) == 3)

    def _path(self, number: int) -> Path:
        return self._sink.directory / f"{_spool(number)}.{self._place.window}"


class OwnersLog(_Shared):
    """A log that the window's owner keeps: followed from where it was, made immediate, otherwise left as it is.

    Args:
        path: the file.
        begin: how long it was.
        others: see `ScreenLog`.
    """

    def __init__(
        self,
        sink: Sink,
        inotify: Inotify,
        program: ScreenProgram,
        place: Place,
        followed: Counter[int],
        *,
        path: Path,
        begin: int,
    ) -> None:
        super().__init__(sink, program, place, followed)
        self._path = path
        self._tail = FileTail(sink, inotify, path, source=SOURCE, begin=begin)

    async def start(self) -> None:
        """See `ScreenLog`."""
        self._count()
        await self._tell(NO_WINDOW, "logfile", "flush", "0")
        await self._program.settle(self._place.session)
        self._tail.start()

    async def resume(self) -> None:
        """See `ScreenLog`."""
        self._count()
        self._tail.resume()

    async def look(self) -> None:
        """See `ScreenLog`."""
        paths = written_by(self._place.server)
        if paths is not None and str(self._path) not in paths:
            await self._sink.capture(CaptureState.CAPTURE_STATE_BLIND, SWITCHED_OFF)

    def is_ours(self, *, unknown: bool) -> bool:  # noqa: ARG002 - as `ScreenLog`
        """See `ScreenLog`: never ours to switch off."""
        return False

    async def close(self) -> None:
        """Makes it as slow as it was."""
        await self._slow_again()

    async def finish(self) -> None:
        """See `ScreenLog`."""
        self._uncount()
        self._tail.finish()
        await self._tail.drained()

    async def drained(self) -> None:
        """See `ScreenLog`."""
        await self._tail.drained()

    async def stop(self) -> None:
        """See `ScreenLog`."""
        self._uncount()
        await self._tail.stop()

    def caught_up(self) -> bool:
        """See `ScreenLog`."""
        return self._tail.caught_up()


def written_by(pid: int) -> list[str] | None:
    """The regular files that a process has open to append to; None: this user may not see them, or it is gone."""
    found = []
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                path = os.readlink(f"/proc/{pid}/fd/{number}")
                if path.startswith("/") and not path.startswith("/dev/") and _appends(pid, number):
                    found.append(path)
    except OSError:
        return None
    return found


async def owners_log(program: ScreenProgram, place: Place) -> str:
    """The file that a window's owner has it logged to; empty: it is not. Raises `ScreenLogged` when it is not known which."""
    facts = await program.query(place.session, place.window, "info") or ""
    if not has_log(facts, place.window):
        return ""
    paths = written_by(place.server)
    if paths is None or len(set(paths)) != 1:
        raise errors.ScreenLogged(session=place.session, window=place.window)
    return paths[0]


def has_log(facts: str, window: int) -> bool:
    """Whether what `info` says of a window names a log."""
    return "log" in facts.partition(f" {window}(")[0].split()


def _appends(pid: int, number: str) -> bool:
    with open(f"/proc/{pid}/fdinfo/{number}", "rb") as file:
        flags = next((int(line[6:], 8) for line in file if line.startswith(b"flags:")), 0)
    return flags & os.O_ACCMODE == os.O_WRONLY and bool(flags & os.O_APPEND)


def _linked(path: Path, target: Path) -> bool:
    """Whether a file has a second name now, or had it before; False: something else has it, or it cannot be."""
    with suppress(OSError):
        if not target.exists():
            target.hardlink_to(path)
        return path.samefile(target)
    return False


def _append(path: Path, target: Path, begin: int) -> int:
    """Adds a file's bytes, from an offset on, to another one; how many."""
    with path.open("rb") as file, target.open("ab") as to:
        file.seek(begin)
        return to.write(file.read())


def _spool(number: int) -> str:
    return f"log.{number}"


def _make(path: Path) -> None:
    """Screen adds to a file that is there, and leaves its mode."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
