"""One directory with all below it, as inotify tells of it: which directories are watched, which files are known, what happened.

Not watched, so that they cost nothing: ignored directories, those behind links, and those beyond the limits. The files that are
known tell a new file from one that took another's place. Lives in one thread; knows no sessions and no time.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sightline_server.capture import ignored
from sightline_server.capture.file_changes import Changes
from sightline_server.errors import WatchLimit

MAX_DIRECTORIES = 20_000  # watched below one directory: of a larger tree, the upper levels
MODIFY, MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x2, 0x40, 0x80, 0x100, 0x200
DELETE_SELF, MOVE_SELF, IGNORED, IS_DIRECTORY = 0x400, 0x800, 0x8000, 0x40000000
EVENTS = MODIFY | MOVED_FROM | MOVED_TO | CREATE | DELETE | DELETE_SELF | MOVE_SELF
ONLY_DIRECTORY, NO_LINK = 0x1000000, 0x2000000


@dataclass(eq=False, slots=True)
class Node:
    """A watched directory."""

    tree: Tree
    path: str
    chain: ignored.Chain
    watch: int = -1
    files: set[str] = field(default_factory=set)
    children: dict[str, Node] = field(default_factory=dict)


class Tree:
    """See the module.

    Args:
        root: an absolute path.
        without: absolute paths in which nobody's work lies: the server's own files, which change with each event.
        add: watches a directory and returns the number of the watch. Raises OSError, `WatchLimit`.
        remove: ends that.
    """

    def __init__(self, root: str, without: frozenset[str], add: Callable[[Node], int], remove: Callable[[Node], None]) -> None:
        self.root = root
        self.changes = Changes(root)
        self.problem: Exception | None = None
        """Why a part of it is not watched, once that is so."""
        self.is_cut = False
        """There are more directories than are watched."""
        self.gone = True
        """The directory is not there."""
        self._without = without | ignored.SYSTEM - {root}
        self._add = add
        self._remove = remove
        self._root: Node | None = None
        self._inode = -1
        self._count = 0
        self._moving: dict[int, tuple[Node, str, bool]] = {}

    # --- watching

    def begin(self) -> None:
        """Watches what is there now; where the root is not there, `gone` stays."""
        self.end()
        self.is_cut, self.problem = False, None
        self.gone = not os.path.isdir(self.root)
        if not self.gone:
            self._root = self._watch(self.root, ignored.chain_above(self.root), told=False)
            self.gone = self._root is None
            self._inode = inode(self.root)

    def end(self) -> None:
        """Watches nothing any more."""
        if self._root is not None:
            self._leave(self._root)
            self._root = None

    def check_root(self) -> None:
        """Notices that the directory is another one by now: nothing tells of a directory above that has moved."""
        if not self.gone and not self.changes.is_empty and inode(self.root) != self._inode:
            self.end()
            self.gone = True

    def _watch(self, path: str, chain: ignored.Chain, *, told: bool) -> Node | None:
        """Watches a directory and all below, breadth first. `told`: its files are new."""
        first = Node(self, path, chain)
        waiting = deque([first])
        while waiting:
            node = waiting.popleft()
            if self._count >= MAX_DIRECTORIES:
                self.is_cut = True
                break
            try:
                node.watch = self._add(node)
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                continue  # gone, a link by now, or not ours to read
            except (OSError, WatchLimit) as error:
                self.problem = error
                break
            self._count += 1
            waiting.extend(self._scan(node, told=told))
        return first if first.watch >= 0 else None

    def _scan(self, node: Node, *, told: bool) -> list[Node]:
        """Takes note of what is in a directory; gives those below it, not watched yet."""
        own = ignored.read(node.path)
        if own is not None:
            node.chain = (own, *node.chain)
        below = []
        try:
            with os.scandir(node.path) as entries:
                for entry in entries:
                    is_directory = entry.is_dir(follow_symlinks=False)
                    if self._is_ignored(node, entry.name, is_directory=is_directory):
                        continue
                    if is_directory and entry.name in node.children:
                        continue
                    if is_directory:
                        child = node.children[entry.name] = Node(self, entry.path, node.chain)
                        below.append(child)
                    elif entry.name not in node.files:
                        node.files.add(entry.name)
                        if told:
                            self.changes.created(entry.path)
        except OSError:
            pass  # gone, or not ours to read
        return below

    def _is_ignored(self, node: Node, name: str, *, is_directory: bool) -> bool:
        if ignored.is_never(name, is_directory=is_directory):
            return True
        path = os.path.join(node.path, name)
        return (is_directory and path in self._without) or ignored.is_ignored(node.chain, path, is_directory=is_directory)

    def _leave(self, node: Node) -> None:
        waiting = [node]
        while waiting:
            one = waiting.pop()
            waiting.extend(one.children.values())
            if one.watch >= 0:
                self._remove(one)
                one.watch = -1
                self._count -= 1

    # --- what happened

    def happened(self, node: Node, mask: int, cookie: int, name: str) -> None:
        """One event of inotify."""
        if mask & (DELETE_SELF | MOVE_SELF):
            if node is self._root:
                self.end()
                self.gone = True
            return
        if mask & IGNORED or node.watch < 0:
            return
        if mask & IS_DIRECTORY:
            self._directory(node, mask, cookie, name)
            return
        if name not in node.files and self._is_ignored(node, name, is_directory=False):
            if mask & MOVED_TO and cookie in self._moving:  # out of sight
                self._gone_for_good(*self._moving.pop(cookie))
            return
        self._file(node, mask, cookie, name)
        if name == ignored.GITIGNORE:
            self._read_again(node)

    def _file(self, node: Node, mask: int, cookie: int, name: str) -> None:
        path = os.path.join(node.path, name)
        known = name in node.files
        if mask & DELETE:
            node.files.discard(name)
            self.changes.deleted(path)
        elif mask & MOVED_FROM:
            self._moving[cookie] = (node, name, False)
        elif mask & MOVED_TO:
            before = self._moving.pop(cookie, None)
            node.files.add(name)
            if before is not None:
                before[0].files.discard(before[1])
                self.changes.moved(os.path.join(before[0].path, before[1]), path, onto_another=known)
            elif known:
                self.changes.modified(path)
            else:
                self.changes.created(path)
        elif mask & CREATE:
            if not known:  # else a look at its directory was quicker
                node.files.add(name)
                self.changes.created(path)
        else:
            node.files.add(name)
            self.changes.modified(path)

    def _directory(self, node: Node, mask: int, cookie: int, name: str) -> None:
        path = os.path.join(node.path, name)
        if mask & MOVED_FROM:
            if name in node.children:
                self._moving[cookie] = (node, name, True)
        elif mask & DELETE:
            child = node.children.pop(name, None)
            if child is not None:
                self._leave(child)
        else:
            before = self._moving.pop(cookie, None)
            if self._is_ignored(node, name, is_directory=True):
                if before is not None:
                    self._gone_for_good(*before)
            elif before is not None:
                child = node.children[name] = before[0].children.pop(before[1])
                self.changes.directory_moved(child.path, path)
                self._rename(child, path, node.chain)
            elif name not in node.children:  # else a look at its directory was quicker
                made = self._watch(path, node.chain, told=True)
                if made is not None:
                    node.children[name] = made

    def _rename(self, node: Node, path: str, above: ignored.Chain) -> None:
        """A directory has another path, and so has all below it. What appeared in it just before may not have been found."""
        node.path, node.chain = path, above
        known = list(node.children.items())
        self._enter(node, told=True)
        for name, child in known:
            self._rename(child, os.path.join(path, name), node.chain)

    def _enter(self, node: Node, *, told: bool) -> None:
        """Takes note of what is in a directory, and watches what is not watched below it."""
        for child in self._scan(node, told=told):
            made = self._watch(child.path, node.chain, told=told)
            name = os.path.basename(child.path)
            if made is not None:
                node.children[name] = made
            else:
                node.children.pop(name, None)

    def settle(self) -> None:
        """What left and did not come anywhere is gone."""
        for moving in self._moving.values():
            self._gone_for_good(*moving)
        self._moving.clear()

    def _gone_for_good(self, node: Node, name: str, is_directory: bool) -> None:
        path = os.path.join(node.path, name)
        if is_directory:
            child = node.children.pop(name, None)
            if child is not None:
                self._leave(child)
            self.changes.directory_deleted(path)
        else:
            node.files.discard(name)
            self.changes.deleted(path)

    def _read_again(self, node: Node) -> None:
        """Other files are ignored below a directory now: looks at it anew, and tells nothing of what it finds."""
        above = tuple(rules for rules in node.chain if rules.directory != node.path)
        for child in node.children.values():
            self._leave(child)
        node.children.clear()
        node.files.clear()
        node.chain = above
        self._enter(node, told=False)


def inode(path: str) -> int:
    """Which directory is there; -1: none."""
    try:
        return os.stat(path).st_ino
    except OSError:
        return -1
