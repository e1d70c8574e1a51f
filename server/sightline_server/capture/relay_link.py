"""The server's side of a relay in mode `command`: starting one, and what it says and takes afterwards.

Knows the relay's files and descriptors, nothing of sinks or the event loop.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sightline_server import errors
from sightline_server.capture import relay
from sightline_server.capture.processes import Identity, boot_id

_PAGE = 4096  # bytes: what a pipe gives out; a write of at most that much is whole or not at all


@dataclass(frozen=True)
class Pipe:
    """A pipe end that a relay holds.

    Attributes:
        number: its descriptor there.
        inode: the pipe's: the number may mean something else by now.
    """

    number: int
    inode: int


@dataclass(frozen=True)
class Started:
    """What a relay says when its program runs.

    Attributes:
        relay: the relay.
        child: the program.
        control: takes orders.
        stdin: the program's; None when it was not asked for.
    """

    relay: Identity
    child: Identity
    control: Pipe
    stdin: Pipe | None


@dataclass(frozen=True)
class Exit:
    """How a relay's program ended: one of the three is set.

    Attributes:
        code: its exit code.
        signal: what ended it.
        error: the errno and text of why it could not be started.
    """

    code: int | None = None
    signal: int = 0
    error: tuple[int, str] | None = None


class Blocked(Exception):
    """The pipe has no room for all of it; nothing was written."""


def check_program(argv: Sequence[str], env: Mapping[str, str], cwd: str) -> None:
    """Raises what can be known before anything is started: `EmptyArgv`, `CwdNotFound` or `ProgramNotFound`."""
    if not argv or not argv[0]:
        raise errors.EmptyArgv
    if not os.path.isdir(cwd):
        raise errors.CwdNotFound(cwd=cwd)
    places = relay.candidates(os.fsencode(argv[0]), {os.fsencode(name): os.fsencode(value) for name, value in env.items()})
    if not any(os.path.isfile(os.path.join(os.fsencode(cwd), place)) for place in places):
        raise errors.ProgramNotFound(program=argv[0])


def spawn(
    directory: Path, argv: Sequence[str], env: Mapping[str, str], cwd: str, *, stdin_open: bool = False, given: bytes = b""
) -> int:
    """Starts a relay that starts a program, whose stdin begins with `given`; returns its pid. Raises OSError, ValueError for a NUL.

    Neither the program's words nor its environment are in the relay's own: who looks for the program by name finds the program.
    """
    variables = {os.fsencode(name): os.fsencode(value) for name, value in env.items()}
    spec = relay.encode_spec([os.fsencode(word) for word in argv], variables, os.fsencode(cwd), stdin_open, given)
    own = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "PYTHONHOME") if name in os.environ}
    null = os.open("/dev/null", os.O_WRONLY)
    log = os.open(directory / "relay.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    fd = os.memfd_create("spec")
    try:
        with open(fd, "wb", closefd=False) as file:
            file.write(spec)
        os.lseek(fd, 0, os.SEEK_SET)
        actions = [(os.POSIX_SPAWN_DUP2, source, number) for number, source in enumerate((fd, null, log))]
        words = relay.command_line("command", str(directory))
        return os.posix_spawn(sys.executable, words, own, file_actions=actions, setsid=True, setsigmask=(), setsigdef=range(1, 32))
    finally:
        for opened in (fd, null, log):
            os.close(opened)


def open_spec(path: Path) -> int:
    """The writing end of a launcher's FIFO, once it reads; -1 before. Never waits: a launcher that is gone will not read."""
    try:
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return -1
        raise


def write_spec(fd: int, spec: bytes) -> None:
    """Writes all that the launcher waits for, and closes the FIFO. Call it in a thread."""
    os.set_blocking(fd, True)
    with open(fd, "wb") as file:
        file.write(spec)


def read_started(directory: Path) -> Started | None:
    """What the relay of this directory says; None when it has not said anything."""
    try:
        lines = (directory / "started").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return None
    words = {line.split()[0]: line.split()[1:] for line in lines}
    boot = words["boot"][0]
    stdin = Pipe(*map(int, words["stdin"])) if "stdin" in words else None
    own, child = (Identity(int(words[name][0]), int(words[name][1]), boot) for name in ("relay", "child"))
    return Started(own, child, Pipe(*map(int, words["control"])), stdin)


def read_exit(directory: Path) -> Exit | None:
    """How the program ended; None when it runs, or when its relay could not say."""
    try:
        kind, number, *text = (directory / "exit").read_text(encoding="utf-8").rstrip("\n").split(" ", 2)
    except FileNotFoundError:
        return None
    if kind == "error":
        return Exit(error=(int(number), "".join(text)))
    return Exit(signal=int(number)) if kind == "signal" else Exit(code=int(number))


def read_program(directory: Path) -> Identity | None:
    """A terminal's program; None when it was not started."""
    try:
        pid, start = map(int, (directory / "program").read_text(encoding="ascii").split())
    except FileNotFoundError:
        return None
    return Identity(pid, start, boot_id())


def read_log(directory: Path) -> str:
    """The last line of what a relay said about its own failure; empty: it said nothing."""
    try:
        lines = (directory / "relay.log").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return lines[-1] if lines else ""


def order(started: Started, what: bytes) -> None:
    """Gives the relay one of its `CONTROL_` orders. One that is gone needs none."""
    with suppress(FileNotFoundError, BrokenPipeError):
        fd = _open(started, started.control)
        try:
            os.write(fd, what)
        finally:
            os.close(fd)


def type_bytes(started: Started, data: bytes) -> None:
    """Writes all of `data` to the program's stdin, at most `relay.PIPE_BYTES`, or nothing.

    Raises `Blocked` when there is no room, FileNotFoundError when stdin is closed on our side, BrokenPipeError when the program
    closed it.
    """
    if started.stdin is None:
        raise FileNotFoundError
    fd = _open(started, started.stdin)
    try:
        if _write_whole(fd, data):
            return
        # Made bigger only when it must be: what all of a user's pipes may hold together is limited.
        with suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, relay.PIPE_BYTES)
        if not _write_whole(fd, data):
            raise Blocked
    finally:
        os.close(fd)


def unread(started: Started) -> int:
    """How many bytes of what was typed still are in the program's stdin. Raises FileNotFoundError when that is closed."""
    if started.stdin is None:
        raise FileNotFoundError
    fd = _open(started, started.stdin)
    try:
        return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4), sys.byteorder)
    finally:
        os.close(fd)


def _write_whole(fd: int, data: bytes) -> bool:
    """Writes all of it and says True, or nothing."""
    if not _fits(fd, len(data)):
        return False
    try:
        written = os.write(fd, data)
    except BlockingIOError:
        return False
    if written != len(data):
        raise AssertionError(f"{written} of {len(data)} bytes fitted where all should")
    return True


def _fits(fd: int, size: int) -> bool:
    """Whether a pipe has room, in its worst case: written in bits, it holds as little as half a page in each of its pages."""
    unread = int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4), sys.byteorder)
    room: int = fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)
    if unread == 0 or size <= _PAGE:
        return size <= room
    return 2 * unread + 2 * _PAGE + size <= room


def _open(started: Started, pipe: Pipe) -> int:
    """A descriptor of our own on a relay's pipe. Raises FileNotFoundError when it is closed there, or the relay is gone."""
    try:
        fd = os.open(f"/proc/{started.relay.pid}/fd/{pipe.number}", os.O_WRONLY | os.O_NONBLOCK)
    except (ProcessLookupError, PermissionError):
        raise FileNotFoundError from None
    if os.fstat(fd).st_ino != pipe.inode:
        os.close(fd)
        raise FileNotFoundError
    return fd
