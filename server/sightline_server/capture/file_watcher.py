"""The thread that watches directories with all that is below them: one inotify descriptor for all, asleep while nothing happens.

A thread, because ten thousand changes at once would hold up everybody on the loop. Knows trees and time, no sessions: what it
finds it reports to whoever asked, in this thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import stat
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from sightline_server.capture import file_tree
from sightline_server.capture.file_changes import DELETED, Changed, Report
from sightline_server.capture.file_tree import Node, Tree
from sightline_server.capture.inotify import _libc, _limit
from sightline_server.capture.paths import utf8

WINDOW_SECONDS = 0.1  # from the first change to the report of it and of those that follow
MISSING_SECONDS = 1.0  # between looks for a directory that is not there
logger = logging.getLogger(__name__)

READ_BYTES = 256 * 1024
OVERFLOW = 0x4000
GONE, BACK, CUT = "files_gone", "files_back", "files_cut"
GONE_TEXT = "the directory {directory} is gone: changes of files are told again when it is back"
BACK_TEXT = "the directory {directory} is there again: what changed in it meanwhile is not known"
CUT_TEXT = "{directory} holds more than {limit} directories: changes are told of the upper ones only"
MISSED = (
    "files_missed",
    "more happened at once than the system tells (fs.inotify.max_queued_events): some changes of files are not known",
)
HEADER = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows


Told = Callable[[Report], None]


class FileWatcher:
    """See the module. Its methods may be called from any thread and return at once.

    Args:
        without: directories that are never watched.
    """

    def __init__(self, without: frozenset[str]) -> None:
        self._without = without
        self._inotify = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._inotify < 0:
            raise _limit("/proc/sys/fs/inotify/max_user_instances")
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._nodes: dict[int, list[Node]] = {}
        self._watched: dict[str, Watched] = {}
        self._looked = 0.0
        self._asked: deque[Callable[[], None]] = deque()
        self._closing = False
        self._due: float | None = None
        self._thread = threading.Thread(target=self._run, name="files", daemon=True)
        self._thread.start()

    def watch(self, directory: str, told: Told) -> None:
        """Reports on a directory from now on; the first report, maybe an empty one, comes when it is watched."""
        self._ask(lambda: self._begin(directory, told))

    def unwatch(self, directory: str) -> None:
        """Reports on it no more."""
        self._ask(lambda: self._end(directory))

    def settle(self, done: Callable[[], None]) -> None:
        """Reports what has happened until now without waiting, then calls `done`."""
        self._ask(lambda: self._settle(done))

    def close(self) -> None:
        """Ends it, and waits for that."""
        self._closing = True
        self._ask(lambda: None)
        self._thread.join()
        os.close(self._inotify)
        os.close(self._wake)

    def _ask(self, work: Callable[[], None]) -> None:
        self._asked.append(work)
        os.eventfd_write(self._wake, 1)

    # --- the thread

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._inotify, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while not self._closing:
            try:
                self._turn(poll)
            except Exception:  # whatever it is, others' directories are watched on
                logger.exception("watching files failed")

    def _turn(self, poll: select.poll) -> None:
        for descriptor, _ in poll.poll(self._timeout()):
            if descriptor == self._wake:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._wake)
            elif self._read() and self._due is None:
                self._due = time.monotonic() + WINDOW_SECONDS
        while self._asked:
            self._asked.popleft()()
        self._look_for_missing()
        if self._due is not None and time.monotonic() >= self._due:
            self._report()

    def _timeout(self) -> int | None:
        """Milliseconds until there is something to do unasked; None: nothing."""
        if self._due is not None:
            return max(0, round((self._due - time.monotonic()) * 1000) + 1)
        return round(MISSING_SECONDS * 1000) if any(watched.tree.gone for watched in self._watched.values()) else None

    def _begin(self, directory: str, told: Told) -> None:
        watched = self._watched[directory] = Watched(Tree(directory, self._without, self._add, self._remove), told)
        watched.tree.begin()
        told(Report(notices=watched.news(), problem=watched.problem()))

    def _end(self, directory: str) -> None:
        self._watched.pop(directory).tree.end()

    def _settle(self, done: Callable[[], None]) -> None:
        while self._read():
            pass
        self._report(at_once=True)
        done()

    def _add(self, node: Node) -> int:
        mask = file_tree.EVENTS | file_tree.ONLY_DIRECTORY | (0 if node.path == node.tree.root else file_tree.NO_LINK)
        number = int(_libc.inotify_add_watch(self._inotify, os.fsencode(node.path), mask))
        if number < 0:
            raise _limit("/proc/sys/fs/inotify/max_user_watches", node.path)
        self._nodes.setdefault(number, []).append(node)
        return number

    def _remove(self, node: Node) -> None:
        nodes = self._nodes.get(node.watch, [])
        if node in nodes:
            nodes.remove(node)
            if not nodes:
                del self._nodes[node.watch]
                _libc.inotify_rm_watch(self._inotify, node.watch)  # fails when the directory is gone, which is as good

    def _read(self) -> bool:
        try:
            data = os.read(self._inotify, READ_BYTES)
        except BlockingIOError:
            return False
        place = 0
        while place < len(data):
            number, mask, cookie, length = HEADER.unpack_from(data, place)
            place += HEADER.size
            name = os.fsdecode(data[place : place + length].rstrip(b"\0"))
            place += length
            if mask & OVERFLOW:
                self._begin_anew()
                return True
            for node in tuple(self._nodes.get(number, ())):
                node.tree.happened(node, mask, cookie, name)
            if mask & file_tree.IGNORED:
                self._nodes.pop(number, None)
        return True

    def _begin_anew(self) -> None:
        """The kernel has dropped what happened, nobody knows where."""
        for watched in self._watched.values():
            if not watched.tree.gone:
                self._tell(watched, at_once=True)
                watched.tree.begin()
                watched.told(Report(notices=(MISSED, *watched.news()), problem=watched.problem()))

    def _report(self, *, at_once: bool = False) -> None:
        self._due = None
        for watched in self._watched.values():
            self._tell(watched, at_once=at_once)
            if not watched.tree.changes.is_empty:
                self._due = time.monotonic() + WINDOW_SECONDS

    def _tell(self, watched: Watched, *, at_once: bool) -> None:
        tree = watched.tree
        tree.settle()
        tree.check_root()
        now = time.monotonic()
        changes = tuple(map(with_size, tree.changes.take(now)))
        rest = tree.changes.rest(now, at_once=at_once)
        report = Report(changes, rest, watched.news(), watched.problem())
        if report != Report():
            watched.told(report)

    def _look_for_missing(self) -> None:
        if time.monotonic() - self._looked < MISSING_SECONDS:
            return
        self._looked = time.monotonic()
        for watched in self._watched.values():
            if watched.tree.gone and os.path.isdir(watched.tree.root):
                watched.tree.begin()
                watched.told(Report(notices=watched.news(), problem=watched.problem()))


class Watched:
    """A tree, who is told of it, and what they know of its state."""

    def __init__(self, tree: Tree, told: Told) -> None:
        self.tree = tree
        self.told = told
        self._gone = self._cut = self._has_problem = False

    def news(self) -> tuple[tuple[str, str], ...]:
        """Notices about its state that were not given yet."""
        found = []
        tree = self.tree
        if tree.gone != self._gone:
            self._gone = tree.gone
            found.append((GONE if tree.gone else BACK, (GONE_TEXT if tree.gone else BACK_TEXT).format(directory=tree.root)))
        if tree.is_cut and not self._cut:
            self._cut = True
            found.append((CUT, CUT_TEXT.format(limit=file_tree.MAX_DIRECTORIES, directory=tree.root)))
        return tuple((code, utf8(text)) for code, text in found)

    def problem(self) -> Exception | None:
        """Why it cannot be watched whole, the first time that it is asked."""
        if self.tree.problem is None or self._has_problem:
            return None
        self._has_problem = True
        return self.tree.problem


def with_size(changed: Changed) -> Changed:
    """The same with the size that the file has now."""
    try:
        found = None if changed.change == DELETED else os.lstat(changed.path)
    except OSError:  # gone again: the next report says so
        found = None
    size = 0 if found is None or stat.S_ISDIR(found.st_mode) else found.st_size
    return replace(changed, path=utf8(changed.path), old_path=utf8(changed.old_path), size=size)
