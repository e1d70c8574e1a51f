"""Where the bridge of a home is: a private file, locked for as long as it lives, so that one that was left behind is told apart.

Knows neither the bridge nor HTTP.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "bridge.json"
PAGE = "open.html"  # by which `sightline open` hands a browser its ticket; it goes with the bridge


@dataclass(frozen=True)
class Whereabouts:
    """Who it is, and how to reach it.

    Attributes:
        pid: its process.
        urls: where it listens, as browsers write it: `http://127.0.0.1:7412`; empty: it is just starting.
        token_file: holds the token that it judges by.
    """

    pid: int
    urls: tuple[str, ...]
    token_file: str


class Held(Exception):
    """Another bridge has the home."""


@contextmanager
def hold(home: Path) -> Iterator[Callable[[Whereabouts], None]]:
    """Holds the home for one bridge; the function that it gives writes down where it is. All of it goes at the end.

    Raises:
        Held: another one has it.
        OSError: the file cannot be made.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / NAME
    descriptor = _lock(path)
    try:
        os.fchmod(descriptor, 0o600)
        os.ftruncate(descriptor, 0)

        def write(found: Whereabouts) -> None:
            os.pwrite(descriptor, json.dumps(asdict(found)).encode() + b"\n", 0)

        yield write
    finally:
        for left in (home / PAGE, path):  # before the lock goes: afterwards it may be another's
            with suppress(OSError):
                left.unlink()
        os.close(descriptor)


def find(home: Path) -> Whereabouts | None:
    """The bridge that runs for this home; None: none does."""
    try:
        descriptor = os.open(home / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)
    finally:
        os.close(descriptor)
    return None


def _lock(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(descriptor, path):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise Held from None
        os.close(descriptor)  # its holder went, and removed it, between the two calls


def _is(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _read(descriptor: int) -> Whereabouts:
    try:
        found = json.loads(os.read(descriptor, 64 * 1024))
        return Whereabouts(int(found["pid"]), tuple(map(str, found["urls"])), str(found["token_file"]))
    except (ValueError, KeyError, TypeError):
        return Whereabouts(0, (), "")  # it holds the lock, and has not written yet
