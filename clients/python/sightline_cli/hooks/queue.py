"""The queue between hooks and the one process that forwards what they say: a file of records, a pipe that wakes it, a lock.

A record is a line `LENGTH NANOSECONDS SESSION`, the payload, and a line end. Whoever appends and whoever empties the file hold its
lock for as long as that takes. A writer that finds no reader on the pipe knows that nobody forwards, and starts somebody: the
forwarder closes the pipe while it holds the lock and knows the file to be empty.
"""

from __future__ import annotations

import fcntl
import os

MAX_QUEUE = 16 * 1024 * 1024  # bytes: with a server that is away for long, what comes behind is not kept
QUEUE, WAKE, LOCK, STATE = "queue", "wake", "lock", "state"
NOBODY = b"-"  # in place of a session


def directory(environ: os._Environ[str] | dict[str, str]) -> str | None:
    """Where the queue is, made if need be; None: there is no home, so there has never been a server, and none is named."""
    home = home_of(environ)
    if not os.path.isdir(home) and not environ.get("SIGHTLINE_TARGET"):
        return None
    path = os.path.join(home, "hooks")
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path


def home_of(environ: os._Environ[str] | dict[str, str]) -> str:
    """As `sightline.target.home`, which costs more to import than all of this."""
    if given := environ.get("SIGHTLINE_HOME"):
        return os.path.abspath(os.path.expanduser(given))
    state = environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(os.path.abspath(state), "sightline")


def append(path: str, session: str, payload: bytes, now: int) -> bool:
    """Adds a record. False: the queue is full."""
    name = session.encode() if session.isascii() and session and not session.isspace() and len(session.split()) == 1 else NOBODY
    record = b"%d %d %s\n%s\n" % (len(payload), now, name, payload)
    descriptor = os.open(os.path.join(path, QUEUE), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        if size + len(record) > MAX_QUEUE:
            return False
        written = os.write(descriptor, record)
        if written < len(record):  # a full disk: half a record would spoil those behind it
            os.ftruncate(descriptor, size)
            return False
    finally:
        os.close(descriptor)
    return True


def wake(path: str) -> bool:
    """Tells the forwarder that there is something. False: there is no forwarder."""
    try:
        descriptor = os.open(os.path.join(path, WAKE), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # no reader, or no pipe yet
        return False
    try:
        os.write(descriptor, b"!")
    except BlockingIOError:
        pass  # it has been woken often enough
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
