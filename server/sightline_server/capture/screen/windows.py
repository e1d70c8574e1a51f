"""The windows of a screen session, from what /proc tells of screen's children. Nothing is asked of screen, so nobody is disturbed.

A window's number is the `WINDOW` that its program was started with: one that was given another number later is taken for the
one that it was. Knows processes and terminals, nothing of commands.
"""

from __future__ import annotations

import array
import fcntl
import os
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sightline_server.capture import processes
from sightline_server.capture.processes import Identity

_PTS = 136  # major number of the first 256 terminals below /dev/pts; there are eight


@dataclass(frozen=True)
class Window:
    """A window and the program that it was opened with.

    Attributes:
        number: its number in the session.
        program: the program's process.
        tty: its terminal's path.
    """

    number: int
    program: Identity
    tty: str


def windows(screen: int) -> list[Window]:
    """The windows of the screen process with this pid, by number; without those whose program this user may not look at."""
    found = []
    for pid in children(screen):
        window = _window(screen, pid)
        if window:
            found.append(window)
    return sorted(found, key=lambda window: window.number)


def children(pid: int) -> list[int]:
    """The children of a process; none when it is gone."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def ancestors(pid: int) -> Iterator[int]:
    """The parents of a process, nearest first."""
    while pid > 1:
        fields = _stat(pid)
        if fields is None:
            return
        pid = int(fields[1])
        yield pid


def descendants(pid: int) -> Iterator[int]:
    """The children of a process, and theirs."""
    for child in children(pid):
        yield child
        yield from descendants(child)


def foreground(window: Window) -> str:
    """What runs in a window now, as its own words; empty: not known."""
    fields = _stat(window.program.pid)
    group = int(fields[5]) if fields else 0
    for pid in (group, window.program.pid):
        with suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().rstrip(b"\0").split(b"\0")
            if words != [b""]:
                return os.fsdecode(b" ".join(words))
    return ""


def directory(window: Window) -> str:
    """The directory of a window's program; empty: not known."""
    with suppress(OSError):
        return os.readlink(f"/proc/{window.program.pid}/cwd")
    return ""


def tty(pid: int) -> str:
    """The path of a process's terminal; empty: it has none that could be opened."""
    fields = _stat(pid)
    device = int(fields[4]) if fields else 0
    major, minor = os.major(device), os.minor(device)
    return f"/dev/pts/{(major - _PTS) * 256 + minor}" if _PTS <= major < _PTS + 8 else ""


def size(path: str) -> tuple[int, int]:
    """Columns and rows of a terminal; zeros: not known."""
    with suppress(OSError), opened(path) as fd:
        rows, columns = struct.unpack("HH4x", fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(8)))
        return columns, rows
    return 0, 0


def set_size(path: str, columns: int, rows: int) -> None:
    """Tells the programs of a terminal that it has this size. Raises OSError."""
    with opened(path) as fd:
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HH4x", rows, columns))


def echoes(path: str) -> bool:
    """Whether a terminal shows what is typed. Raises OSError, termios.error."""
    with opened(path) as fd:
        return bool(termios.tcgetattr(fd)[3] & termios.ECHO)


def unread(path: str) -> int:
    """Bytes that were typed into a terminal and that its program has not read. Raises OSError."""
    with opened(path) as fd:
        count = array.array("i", [0])
        fcntl.ioctl(fd, termios.FIONREAD, count)
        return count[0]


@contextmanager
def opened(path: str) -> Iterator[int]:
    """A descriptor of a terminal, which does not become ours by it."""
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _window(screen: int, pid: int) -> Window | None:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            variables = dict(line.partition(b"=")[::2] for line in file.read().split(b"\0"))
        number = int(variables[b"WINDOW"])
        owner = int(variables[b"STY"].partition(b".")[0])
    except (OSError, KeyError, ValueError):
        return None
    program = processes.identify(pid)
    terminal = tty(pid)
    if program is None or not terminal or owner != screen:
        return None
    return Window(number, program, terminal)


def _stat(pid: int) -> list[bytes] | None:
    """The fields behind the name: state, parent, group, session, terminal, foreground group."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return None
