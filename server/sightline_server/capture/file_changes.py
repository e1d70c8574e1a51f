"""Many changes made into few: what became of each file since the last look, and how much is told one by one. No I/O, no clock.

A burst is told by its first `PER_SECOND` files, and then by one notice a second that counts the rest by directory.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sightline.v1.event_pb2 import FileChange

PER_SECOND = 200  # changes told one by one; the rest is counted
MAX_HELD = 20_000  # changes of one window that are told apart: what comes beyond is counted
MAX_NAMED = 10  # directories in a notice

CREATED = FileChange.FILE_CHANGE_CREATED
MODIFIED = FileChange.FILE_CHANGE_MODIFIED
DELETED = FileChange.FILE_CHANGE_DELETED
MOVED = FileChange.FILE_CHANGE_MOVED


@dataclass(frozen=True)
class Changed:
    """What became of one file.

    Attributes:
        path: absolute, as the system gives it; after a move the new one.
        change: what.
        old_path: before a move.
        size: bytes afterwards; 0 where it is gone.
    """

    path: str
    change: FileChange.ValueType
    old_path: str = ""
    size: int = 0


@dataclass(frozen=True)
class Report:
    """What is to be told of one directory.

    Attributes:
        changes: one by one.
        rest: a text about those that were only counted; empty: none.
        notices: pairs of a code and a text.
        problem: it cannot be watched whole; None: no news of that.
    """

    changes: tuple[Changed, ...] = ()
    rest: str = ""
    notices: tuple[tuple[str, str], ...] = ()
    problem: Exception | None = None


class Changes:
    """What happened below one directory, in the order in which it happened.

    Args:
        root: the directory.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._before: list[Changed] = []
        self._by_path: dict[str, Changed] = {}
        self._uncounted: Counter[str] = Counter()
        self._tokens = float(PER_SECOND)
        self._refilled = 0.0
        self._told = 0.0

    @property
    def is_empty(self) -> bool:
        """Nothing is to be told."""
        return not self._by_path and not self._before and not self._uncounted

    def created(self, path: str) -> None:
        """A file is there that was not."""
        before = self._by_path.get(path)
        self._set(Changed(path, MODIFIED if before is not None and before.change == DELETED else CREATED))

    def modified(self, path: str) -> None:
        """Its content changed."""
        if path not in self._by_path or self._by_path[path].change == DELETED:
            self._set(Changed(path, MODIFIED))

    def deleted(self, path: str) -> None:
        """It is gone."""
        before = self._by_path.pop(path, None)
        if before is None or before.change != CREATED:
            self._set(Changed(path, DELETED))

    def moved(self, old_path: str, path: str, *, onto_another: bool) -> None:
        """It has another path, maybe that of another file, which is gone."""
        before, there = self._by_path.get(old_path), self._by_path.get(path)
        if before is None or before.change != CREATED:
            self._settled(Changed(path, MOVED, old_path))
            return
        del self._by_path[old_path]  # as editors save: a new file takes the place of the old one
        was_there = onto_another if there is None else there.change != CREATED
        self._set(Changed(path, MODIFIED if was_there else CREATED))

    def directory_moved(self, old_path: str, path: str) -> None:
        """A directory with all below it has another path: what came before means the old one, what follows the new one."""
        self._settled(Changed(path, MOVED, old_path))

    def directory_deleted(self, path: str) -> None:
        """A directory went with all below it, as one."""
        self._settled(Changed(path, DELETED))

    def _settled(self, changed: Changed) -> None:
        self._before += self._by_path.values()
        self._by_path.clear()
        if len(self._before) < MAX_HELD:
            self._before.append(changed)
        else:
            self._uncounted[self._top(changed.path)] += 1

    def _set(self, changed: Changed) -> None:
        self._by_path.pop(changed.path, None)  # to the end: the order is that of what happened last
        if len(self._by_path) + len(self._before) >= MAX_HELD:
            self._uncounted[self._top(changed.path)] += 1
        else:
            self._by_path[changed.path] = changed

    def take(self, now: float) -> list[Changed]:
        """Those that are told one by one at this time (seconds); the others are counted."""
        self._tokens = min(float(PER_SECOND), self._tokens + (now - self._refilled) * PER_SECOND)
        self._refilled = now
        changes = [*self._before, *self._by_path.values()]
        self._before.clear()
        self._by_path.clear()
        told = changes[: int(self._tokens)]
        self._tokens -= len(told)
        self._uncounted.update(self._top(changed.path) for changed in changes[len(told) :])
        return told

    def rest(self, now: float, *, at_once: bool = False) -> str:
        """The text of a notice about those that were only counted; empty: nothing is to be said now."""
        if not self._uncounted or (now - self._told < 1.0 and not at_once):
            return ""
        self._told = now
        count = self._uncounted.total()
        named = [f"{top} ({number})" for top, number in self._uncounted.most_common(MAX_NAMED)]
        if len(self._uncounted) > MAX_NAMED:
            named.append(f"{len(self._uncounted) - MAX_NAMED} more directories")
        self._uncounted.clear()
        return f"{count} more files changed: {', '.join(named)}"

    def _top(self, path: str) -> str:
        """The directory below the root that a path lies in."""
        top, slash, _ = path[len(self._root) :].lstrip("/").partition("/")
        return top if slash else "."
