"""What of ours is on this machine beside a running server, and how it is removed: for `doctor`."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path

from sightline_server.capture import processes, relay_link
from sightline_server.settings import Settings, load

GRACE = 3.0  # seconds between SIGTERM and SIGKILL
LOCK = "lock"
OURS = (LOCK, "token", "sightline.sock", "sightline.db*", "spool", "tmux.sock", "tmux.conf", ".tmux.conf.new")
"""What a server makes in its home. Anything else there is somebody's own, such as `config.toml`, and is not touched."""


@dataclass(frozen=True)
class Program:
    """A program that runs in pipes of ours.

    Attributes:
        session_id: the session it belonged to.
        identity: the program.
    """

    session_id: str
    identity: processes.Identity


@dataclass
class Left:
    """What there is.

    Attributes:
        home: the home that was looked at.
        server: the pid of the server that uses it; 0: none; -1: one that did not say.
        programs: what our relays hold.
        panes: panes with our pipe, and our own terminals, for people.
    """

    home: Path
    server: int
    programs: list[Program] = field(default_factory=list)
    panes: list[str] = field(default_factory=list)

    @property
    def things(self) -> list[str]:
        """All of it, a line each."""
        found = [f"the program with pid {program.identity.pid}, which still runs" for program in self.programs]
        found += self.panes
        if self.files:
            found.append(f"{self.home} with every log in it ({', '.join(sorted(path.name for path in self.files))})")
        return found

    @property
    def files(self) -> list[Path]:
        """What a server made in the home."""
        return [path for name in OURS for path in self.home.glob(name)]


def holder(settings: Settings) -> int:
    """The pid of the server that holds the home's lock; 0: nobody does; -1: somebody who has not said who."""
    try:
        descriptor = os.open(settings.home / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        written = os.read(descriptor, 32).strip()
        return int(written) if written.isdigit() else -1
    finally:
        os.close(descriptor)
    return 0


def programs(settings: Settings) -> list[Program]:
    """The programs in our pipes that still run."""
    found = []
    for started in settings.spools.glob("*/started"):
        try:
            held = relay_link.read_started(started.parent)
        except KeyError:
            continue  # a pane's relay, which holds no program
        if held is not None and processes.alive(held.child):
            found.append(Program(started.parent.name, held.child))
    return found


async def look() -> Left:
    """What there is of ours for the home that the environment names. Changes nothing."""
    settings = load({}, os.environ)
    left = Left(settings.home, holder(settings))
    if not left.server:
        from sightline_server.capture.tmux_leftovers import leftovers  # noqa: PLC0415

        left.programs = programs(settings)
        left.panes = list(await leftovers(settings.home))
    return left


async def clean(left: Left) -> list[str]:
    """Removes it; returns what was done, a line each."""
    from sightline_server.capture.tmux_leftovers import clean as clean_panes  # noqa: PLC0415

    done = []
    for program in left.programs:
        still = await processes.end_tree(program.session_id, program.identity, signal.SIGTERM, GRACE)
        done.append(f"pid {program.identity.pid} {'could not be ended' if still else 'and what it started: ended'}")
    done += await clean_panes(left.home)
    done += _remove(left)
    return done


def _remove(left: Left) -> list[str]:
    for path in left.files:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if not left.home.is_dir():
        return []
    others = sorted(path.name for path in left.home.iterdir())
    if others:
        return [f"{left.home}: kept, because of what is not ours in it: {', '.join(others)}"]
    left.home.rmdir()
    return [f"{left.home}: removed"]
