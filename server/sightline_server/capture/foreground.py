"""What has a terminal's foreground, and whether it reads: facts from /proc and from the terminal itself. Knows no states.

Nothing is sent to anybody. A process of another user (`sudo`) is seen as far as its kind is told to all.
"""

from __future__ import annotations

import array
import fcntl
import os
import platform
import re
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sightline_server.capture.processes import Identity, boot_id

MAX_WORDS = 8  # of a command line
MAX_WORD = 200  # characters
MAX_DEPTH = 4  # terminals within terminals
MAX_GROUP = 32  # processes of a foreground group that are looked at
CALLS: Mapping[str, Mapping[int, str]] = {
    "x86_64": {0: "read", 7: "poll", 23: "select", 270: "select", 271: "poll"},
    "aarch64": {63: "read", 72: "select", 73: "poll"},
}
"""System calls that wait, by machine and number."""
WAITING_CALLS = CALLS.get(platform.machine(), {})
FOR_EVER = (0, 0xFFFFFFFF, (1 << 64) - 1)  # a timeout that is none: no pointer, or -1
TTY_READ = frozenset({b"n_tty_read", b"wait_woken"})  # where a terminal's reader sleeps; a socket's sleeps in the second too


@dataclass(frozen=True, slots=True)
class Tty:
    """A terminal whose programs can be looked at.

    Attributes:
        path: its path.
        program: a process of the session whose terminal it is: what it was opened with.
    """

    path: str
    program: Identity


@runtime_checkable
class OnTty(Protocol):
    """A source whose programs have a terminal on this machine."""

    def tty(self) -> Tty | None:
        """The terminal; None: not yet, or no longer, or none that can be seen."""
        ...


@dataclass(frozen=True, slots=True)
class Foreground:
    """What a terminal's foreground was at one moment.

    Attributes:
        group: the foreground's process group.
        name: of the process that reads, else of the leader, as the kernel has it: at most 15 characters.
        argv: the first words of its command line; empty: it is somebody else's, or gone.
        asleep: every process of the group sleeps.
        reads: one of them waits for the terminal's input, and for nothing else; None: they may not be looked into.
        by_line: the terminal gives whole lines (canonical mode); otherwise each key.
        echo: the terminal shows what is typed.
        unread: bytes that were typed and not read.
    """

    group: int
    name: str
    argv: Sequence[str]
    asleep: bool
    reads: bool | None
    by_line: bool
    echo: bool
    unread: int


def foreground(tty: Tty) -> Foreground | None:
    """The foreground now; None: there is none, or it cannot be seen. Some 0.1 ms of system calls: call it in a thread.

    Of a program that has made a terminal for another (`script`), it is the foreground of that one.
    """
    for _ in range(MAX_DEPTH):
        seen = _foreground(tty)
        inner = _inner(tty, seen.group) if seen is not None else None
        if inner is None or _foreground(inner) is None:
            return seen
        tty = inner
    return seen


def _foreground(tty: Tty) -> Foreground | None:
    root = _stat(tty.program.pid)
    if root is None or int(root[19]) != tty.program.start or tty.program.boot != boot_id():
        return None
    try:
        fd = os.open(tty.path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        device = os.fstat(fd).st_rdev
        flags = termios.tcgetattr(fd)[3]
        count = array.array("i", [0])
        fcntl.ioctl(fd, termios.FIONREAD, count)
    except (OSError, termios.error):
        return None
    finally:
        os.close(fd)
    group = int(root[5])
    members = _members(tty.program.pid, group)
    reads = {pid: _reads(pid, tty.path) for pid in members}
    stats = [stat for stat in map(_stat, members) if stat is not None]
    if group <= 0 or not stats or int(root[4]) != _number(device):
        return None
    speaker = next((pid for pid in members if reads[pid]), members[0])
    return Foreground(
        group=group,
        name=_name(speaker),
        argv=_argv(speaker),
        asleep=all(stat[0] == b"S" for stat in stats),
        reads=True if True in reads.values() else None if None in reads.values() else False,
        by_line=bool(flags & termios.ICANON),
        echo=bool(flags & termios.ECHO),
        unread=count[0],
    )


def _inner(tty: Tty, leader: int) -> Tty | None:
    """The terminal that the leader has made for a child of its own; None: it has not, or it cannot be seen."""
    root = _stat(tty.program.pid)
    for child in _children(leader):
        stat = _stat(child)
        if root is None or stat is None or stat[4] == root[4] or int(stat[5]) <= 0:
            continue
        with suppress(OSError):
            path = os.readlink(f"/proc/{child}/fd/0")
            if path.startswith("/dev/pts/"):
                return Tty(path, Identity(child, int(stat[19]), boot_id()))
    return None


def _members(root: int, group: int) -> list[int]:
    """The processes of the group below `root`, the leader first where it lives."""
    found = [group] if _group(group) == group else []
    waiting = [root, group]
    seen = set(waiting)
    if group != root and _group(root) == group:
        found.append(root)
    while waiting and len(seen) < 8 * MAX_GROUP and len(found) < MAX_GROUP:
        for child in _children(waiting.pop()):
            if child not in seen:
                seen.add(child)
                waiting.append(child)
                if _group(child) == group:
                    found.append(child)
    return found


def _reads(pid: int, path: str) -> bool | None:
    """Whether a process waits for the terminal's input alone; None: that may not be known."""
    # Refused where processes may not be traced; who runs is in no call.
    with suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/syscall", "rb") as file:
        number, *arguments = file.read().split()
        call = WAITING_CALLS.get(int(number), "")
        first, second, third, fifth = (int(arguments[place], 16) for place in (0, 1, 2, 4))
        if call == "read":
            return os.readlink(f"/proc/{pid}/fd/{first}") in (path, "/dev/tty")
        # Of these one descriptor, and without an end: who waits for more has more to do.
        alone = first == 1 and not fifth if call == "select" else call == "poll" and second == 1 and third in FOR_EVER
        if alone or WAITING_CALLS:
            return alone
    with suppress(OSError), open(f"/proc/{pid}/wchan", "rb") as file:
        place = file.read()
        if place != b"0":  # it runs, or this is told to nobody
            return place in TTY_READ and not _has_socket(pid)
    return None


def _has_socket(pid: int) -> bool:
    with suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:"):
                    return True
        return False
    return True


def _children(pid: int) -> list[int]:
    with suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]
    return []


def _group(pid: int) -> int:
    stat = _stat(pid)
    return int(stat[2]) if stat else -1


def _name(pid: int) -> str:
    with suppress(OSError), open(f"/proc/{pid}/comm", "rb") as file:
        return file.read().strip().decode(errors="replace")
    return ""


def _argv(pid: int) -> tuple[str, ...]:
    with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        # A process that names itself anew writes one text with blanks.
        words = re.split(rb"\0", file.read(MAX_WORDS * MAX_WORD).rstrip(b"\0"))
        return tuple(os.fsdecode(word)[:MAX_WORD] for word in words[:MAX_WORDS] if word)
    return ()


def _number(device: int) -> int:
    """A device's number as /proc writes it."""
    major, minor = os.major(device), os.minor(device)
    return (minor & 0xFF) | (major << 8) | ((minor & 0xFFF00) << 12)


def _stat(pid: int) -> list[bytes] | None:
    """The fields behind the name: state, parent, group, session, terminal, foreground group, and so on."""
    with suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()
    return None
