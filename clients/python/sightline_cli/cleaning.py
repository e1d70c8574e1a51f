"""What of ours is on this machine beside a running server, and how it is removed: for `doctor`.

Reads the spools and the kernel, not the database: it must also work when that is damaged.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sightline_server.capture import processes, relay_link
from sightline_server.capture.tmux import pipe as tmux_pipe
from sightline_server.capture.tmux.pane import Held
from sightline_server.settings import Settings, load

from sightline_cli import whereabouts

GRACE = 3.0  # seconds between SIGTERM and SIGKILL
TMUX_SECONDS = 5.0  # for an answer of tmux
LOCK = "lock"
OURS = (
    *(LOCK, "token", "sightline.sock", "sightline.db*", "search.db*", "directories.json", "spool"),
    *("tmux.sock", "tmux.conf", ".tmux.conf.new"),
    *(whereabouts.NAME, whereabouts.PAGE),
)
"""What a server and its bridge make in the home. Anything else is somebody's own, such as `config.toml`, and is not touched."""


@dataclass(frozen=True)
class Running:
    """What a session started and that still runs.

    Attributes:
        session_id: the session, whose mark is in the environment of its processes.
        root: its first process; None: not known, or not ours to end.
        pids: those that run.
    """

    session_id: str
    root: processes.Identity | None
    pids: tuple[int, ...]


@dataclass(frozen=True)
class Piped:
    """A pane of somebody's own that our relay is still on.

    Attributes:
        socket: of its tmux server.
        pane: its id.
        relay: ours.
    """

    socket: str
    pane: str
    relay: processes.Identity


@dataclass
class Left:
    """What there is.

    Attributes:
        settings: those of the home that was looked at.
        server: the pid of the server that uses it; 0: none; -1: one that did not say.
        bridge: the pid of the bridge that uses it; 0: none; -1: one that is just starting.
        running: what sessions started.
        piped: panes that we are on.
        has_tmux: our own tmux server runs.
    """

    settings: Settings
    server: int
    bridge: int = 0
    running: list[Running] = field(default_factory=list)
    piped: list[Piped] = field(default_factory=list)
    has_tmux: bool = False

    @property
    def home(self) -> Path:
        """Where it was looked."""
        return self.settings.home

    @property
    def going_on(self) -> list[str]:
        """What goes on without a server, a line each."""
        found = [f"programs that run on: pid {', '.join(map(str, one.pids))}" for one in self.running]
        found += [f"our pipe on pane {one.pane} of the tmux server at {one.socket}" for one in self.piped]
        return found + ([f"our tmux server at {self.settings.tmux_socket}"] if self.has_tmux else [])

    @property
    def things(self) -> list[str]:
        """All of it, a line each."""
        files = ", ".join(sorted(path.name for path in self.files))
        return self.going_on + ([f"{self.home} with every log in it ({files})"] if files else [])

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


def look() -> Left:
    """What there is of ours for the home that the environment names. Changes nothing."""
    settings = load({}, os.environ)
    left = Left(settings, holder(settings))
    if found := whereabouts.find(settings.home):
        left.bridge = found.pid or -1
    if left.server:
        return left
    left.has_tmux = _tmux(str(settings.tmux_socket), "list-sessions") is not None
    for spool in settings.spools.glob("*"):
        root, piped = _read(spool)
        pids = tuple(one.pid for one in processes.tree(spool.name, root))
        if pids:
            left.running.append(Running(spool.name, root, pids))
        if piped is not None and piped.socket != str(settings.tmux_socket):
            left.piped.append(piped)
    return left


async def clean(left: Left) -> list[str]:
    """Removes it; returns what was done, a line each."""
    done = []
    for one in left.piped:
        _tmux(one.socket, "pipe-pane", "-t", one.pane)
        tmux_pipe.finish(one.relay)
        done.append(f"pane {one.pane}: our pipe removed")
    if left.has_tmux:
        # First: its programs are told that their terminal is gone, which a shell heeds and SIGTERM it does not.
        _tmux(str(left.settings.tmux_socket), "kill-server")
        done.append("our tmux server: ended")
    for session in left.running:
        still = await processes.end_tree(session.session_id, session.root, signal.SIGTERM, GRACE)
        done.append(f"pid {', '.join(map(str, session.pids))}: {f'{still} could not be ended' if still else 'ended'}")
    return done + _remove(left)


def _read(spool: Path) -> tuple[processes.Identity | None, Piped | None]:
    """The program whose relay writes here, or the pane that our relay is on. What cannot be read is neither."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        held = Held.read(spool)
        if held is None:
            started = relay_link.read_started(spool)
            return (started.child, None) if started else (None, None)
        relay = tmux_pipe.read_relay(spool)
        socket = listening_socket(held.server.pid) if processes.alive(held.server) else ""
        if relay is not None and socket and processes.alive(relay):
            return None, Piped(socket, held.pane, relay)
    return None, None


def listening_socket(pid: int) -> str:
    """The path of a Unix socket that a process of ours listens on; empty: none."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            target = os.readlink(descriptor)
            if target.startswith("socket:["):
                inodes.add(target[len("socket:[") : -1])
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split(maxsplit=7)
        # The fourth column is the flags: 0x10000 says that it accepts connections.
        if len(fields) == 8 and fields[6] in inodes and int(fields[3], 16) & 0x10000:
            return fields[7]
    return ""


def _tmux(socket: str, *words: str) -> str | None:
    """What tmux prints; None when it refuses, is not there, or does not answer."""
    command = ["tmux", "-S", socket, *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TMUX_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


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
