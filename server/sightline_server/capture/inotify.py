"""One inotify descriptor for all spools: who watches a directory is called when something in it grows or appears.

A file can be watched too. Knows paths and callbacks, nothing of what the files in them mean. Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path

from sightline_server.errors import WatchLimit

GREW = 0x2  # IN_MODIFY: bytes were added to a file
APPEARED = 0x100  # IN_CREATE, and here IN_MOVED_TO as well: a file has a name now
CHANGED = 0x4  # IN_ATTRIB, and here also: renamed, removed. Of files only
CLOSED = 0x8  # IN_CLOSE_WRITE: somebody who could write has closed it. Of files only
_FILE = 0x4 | 0x400 | 0x800  # IN_ATTRIB (also when a name goes), IN_DELETE_SELF, IN_MOVE_SELF
_MOVED_TO = 0x80
_OVERFLOW = 0x4000  # IN_Q_OVERFLOW: the kernel dropped some, nobody knows whose
_IGNORED = 0x8000  # IN_IGNORED: the directory is gone, or no longer watched
_HEADER = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows
_READ_BYTES = 64 * 1024
BUSY_RATE = 125.0  # looks a second that begin work; from there on it is gathered, so that many sessions share wakes and commits
BURST = 16.0  # looks that may follow each other at once before that
GATHER_SECONDS = 0.008  # from one look to the next while it is busy

_libc = ctypes.CDLL(None, use_errno=True)

Callback = Callable[[int], bool | None]
"""Called with `GREW`, `APPEARED`, `CHANGED`, `CLOSED` or some of these, once for all that happened since the loop last looked.

True: that began some work, which had better be shared if there is much of it.
"""


class Watch:
    """A callback on a directory, until it is closed."""

    def __init__(self, inotify: Inotify, number: int, callback: Callback) -> None:
        self._inotify = inotify
        self._number = number
        self._callback = callback

    def close(self) -> None:
        """Ends it; doing so again does nothing."""
        self._inotify._forget(self._number, self._callback)


class Inotify:
    """The descriptor. Made inside the running loop that is to call the callbacks."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise _limit("/proc/sys/fs/inotify/max_user_instances")
        self._callbacks: dict[int, list[Callback]] = {}
        self._heat = 0.0  # looks of late, less `BUSY_RATE` a second
        self._looked = 0.0  # loop time of the last look
        self._pause: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._fd, self._look)

    def watch(self, directory: Path, callback: Callback) -> Watch:
        """Calls `callback` from now on. What happened before is not told: look at the directory afterwards.

        Raises `WatchLimit` when the system allows no more, OSError when the directory is not there.
        """
        return self._watch(os.fsencode(directory), GREW | APPEARED | _MOVED_TO, callback)

    def watch_file(self, fd: int, callback: Callback) -> Watch:
        """As `watch`, for a file that is open here: `GREW` also when it shrinks, `CHANGED`, `CLOSED`. Raises `WatchLimit`."""
        return self._watch(b"/proc/self/fd/%d" % fd, GREW | CLOSED | _FILE, callback)

    def _watch(self, path: bytes, mask: int, callback: Callback) -> Watch:
        number = _libc.inotify_add_watch(self._fd, path, mask)
        if number < 0:
            raise _limit("/proc/sys/fs/inotify/max_user_watches", os.fsdecode(path))
        self._callbacks.setdefault(number, []).append(callback)
        return Watch(self, number, callback)

    def close(self) -> None:
        """Ends all watches."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            if self._pause:
                self._pause.cancel()
            os.close(self._fd)
            self._fd = -1
            self._callbacks.clear()

    def _forget(self, number: int, callback: Callback) -> None:
        callbacks = self._callbacks.get(number, [])
        if callback in callbacks:
            callbacks.remove(callback)
            if not callbacks:
                del self._callbacks[number]
                _libc.inotify_rm_watch(self._fd, number)  # fails when the directory is gone, which is as good

    def _look(self) -> None:
        if not self._read():
            return
        now = self._loop.time()
        self._heat = max(0.0, self._heat - (now - self._looked) * BUSY_RATE) + 1
        self._looked = now
        if self._heat > BURST and self._fd >= 0:
            self._loop.remove_reader(self._fd)
            self._pause = self._loop.call_later(GATHER_SECONDS, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        self._loop.add_reader(self._fd, self._look)

    def _read(self) -> bool:
        """Tells what happened. True: somebody began to work."""
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return False
        happened: dict[int, int] = {}
        place = 0
        while place < len(data):
            number, mask, _, length = _HEADER.unpack_from(data, place)
            place += _HEADER.size + length
            if mask & _OVERFLOW:
                happened.update(dict.fromkeys(self._callbacks, GREW | APPEARED))
            elif mask & _IGNORED:
                self._callbacks.pop(number, None)
            else:
                seen = mask & (GREW | APPEARED | CLOSED) | (APPEARED if mask & _MOVED_TO else 0) | (CHANGED if mask & _FILE else 0)
                happened[number] = happened.get(number, 0) | seen
        began = False
        for number, mask in happened.items():
            for callback in tuple(self._callbacks.get(number, ())):
                began |= bool(callback(mask))
        return began


def _limit(setting: str, path: str = "") -> Exception:
    """The error behind a failed call: the system's limit by its name, or whatever it is."""
    code = ctypes.get_errno()
    if code in (errno.ENOSPC, errno.EMFILE):
        limit = Path(setting).read_text(encoding="ascii").strip()
        return WatchLimit(setting=setting.removeprefix("/proc/sys/").replace("/", "."), limit=limit)
    return OSError(code, os.strerror(code), path)
