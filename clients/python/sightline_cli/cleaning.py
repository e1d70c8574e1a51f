"""What of ours is on this machine beside a running server, and how it is removed: for `doctor`."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path

from sightline_server.capture.relay import start_time
from sightline_server.settings import Settings, load

GRACE = 3.0  # seconds between SIGTERM and SIGKILL
LOCK = "lock"


@dataclass(frozen=True)
class Program:
    """A program that a relay holds.

    Attributes:
        pid: it leads a session of its own.
        born: its start time in clock ticks: with the pid it names it for good.
        spool: where its output goes.
    """

    pid: int
    born: int
    spool: Path

    @property
    def lives(self) -> bool:
        """It still runs, and is not another with its number."""
        return start_time(self.pid) == self.born


@dataclass
class Left:
    """What there is.

    Attributes:
        home: the home that was looked at.
        settings: those in force.
        server: the pid of the server that uses it; 0: none.
        programs: what our relays hold.
        panes: panes with our pipe, and our own tmux server, for people.
        things: all of it, a line each.
    """

    home: Path
    settings: Settings
    server: int
    programs: list[Program] = field(default_factory=list)
    panes: list[str] = field(default_factory=list)
    things: list[str] = field(default_factory=list)


def holder(settings: Settings) -> int:
    """The pid of the server that holds the home's lock; 0: nobody does."""
    try:
        descriptor = os.open(settings.home / LOCK, os.O_RDWR)
    except OSError:
        return 0
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        written = os.read(descriptor, 32).strip()
        return int(written) if written.isdigit() else -1
    finally:
        os.close(descriptor)
    return 0


def programs(settings: Settings) -> list[Program]:
    """The programs in our spools that still run."""
    found = []
    for started in settings.spools.glob("**/started"):
        try:
            facts = dict(line.split(" ", 1) for line in started.read_text().splitlines())
            pid, born = map(int, facts["child"].split())
        except (OSError, ValueError, KeyError):
            continue  # a pane's relay has no child, and one that is being written has nothing yet
        program = Program(pid, born, started.parent)
        if program.lives:
            found.append(program)
    return found


def panes(settings: Settings) -> list[str]:
    """Panes with a pipe of ours, and our own tmux server, in words."""
    from sightline_server.capture import tmux_leftovers  # noqa: PLC0415

    return [str(one) for one in tmux_leftovers.leftovers(settings.home)]


async def look() -> Left:
    """What there is of ours for the home that the environment names. Changes nothing."""
    settings = load({}, os.environ)
    left = Left(settings.home, settings, holder(settings))
    if left.server:
        return left
    left.programs = programs(settings)
    left.panes = panes(settings)
    left.things = [f"the program with pid {program.pid}, which still runs" for program in left.programs]
    left.things += left.panes
    if settings.home.exists():
        left.things.append(f"{settings.home} with every log in it")
    return left


async def clean(left: Left) -> list[str]:
    """Removes it; returns what was done, a line each."""
    from sightline_server.capture import tmux_leftovers  # noqa: PLC0415

    done = []
    if left.programs:
        await _end(left.programs)
        done.append(f"{len(left.programs)} programs ended")
    done += [str(line) for line in tmux_leftovers.clean(left.home)]
    if left.home.exists():
        shutil.rmtree(left.home)
        done.append(f"{left.home} removed")
    return done


async def _end(running: list[Program]) -> None:
    """SIGTERM to each one's process group, SIGKILL to what is left."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for program in running:
            if program.lives:
                _signal(program.pid, number)
        deadline = asyncio.get_running_loop().time() + GRACE
        while any(program.lives for program in running) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)


def _signal(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return
