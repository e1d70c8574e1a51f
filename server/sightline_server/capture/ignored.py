"""Which files of a directory nobody wants to hear of: version control, build output, and what git ignores. Reads ignore files only.

As git does it: the deepest `.gitignore` that says something about a path decides, then those above it up to the repository's root,
then `.git/info/exclude`; what lies in an ignored directory is ignored. What `is_never` names is ignored whatever they say.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sightline_server.capture.gitignore import GitIgnore

NEVER_DIRECTORIES = frozenset(
    {
        ".git", ".hg", ".svn", ".jj", "node_modules", "bower_components", "target", "dist", "build", "_build",
        "DerivedData", "__pycache__", ".venv", "venv", ".tox", ".nox", ".eggs", ".mypy_cache", ".ruff_cache",
        ".pytest_cache", ".hypothesis", ".cache", ".gradle", ".next", ".nuxt", ".svelte-kit", ".turbo", ".parcel-cache",
        ".terraform", ".zig-cache", "zig-cache",
    }
)  # fmt: skip
"""Directories of these names, wherever they are."""
NEVER_FILES = frozenset({".git", ".DS_Store"})
"""Files of these names: a worktree's link, a desktop's note."""
NEVER_ENDINGS = (".pyc", ".pyo", ".swp", ".swo", ".swx", "~")
NEVER_BEGINNINGS = (".#", ".~lock.")
SYSTEM = frozenset({"/proc", "/sys", "/dev", "/run"})  # no files of anybody's work, and endless
MAX_IGNORE_FILE = 1024 * 1024  # bytes: nobody writes a longer one
GITIGNORE = ".gitignore"


@dataclass(frozen=True)
class Rules:
    """What one ignore file says of the paths below its directory."""

    directory: str
    said: GitIgnore

    def verdict(self, path: str, *, is_directory: bool) -> bool | None:
        """Whether it ignores an absolute path; None: it says nothing of it."""
        return self.said.verdict(path[len(self.directory) :].lstrip("/"), is_directory=is_directory)


Chain = tuple[Rules, ...]
"""The rules that hold in a directory, those that decide first in front."""


def is_never(name: str, *, is_directory: bool) -> bool:
    """Whether a name is ignored whatever ignore files say."""
    if is_directory:
        return name in NEVER_DIRECTORIES or name.endswith(".egg-info")
    return name in NEVER_FILES or name.endswith(NEVER_ENDINGS) or name.startswith(NEVER_BEGINNINGS)


def is_ignored(chain: Chain, path: str, *, is_directory: bool) -> bool:
    """Whether the rules of its directory ignore a path."""
    for rules in chain:
        verdict = rules.verdict(path, is_directory=is_directory)
        if verdict is not None:
            return verdict
    return False


def chain_above(directory: str) -> Chain:
    """The rules that hold for a directory because of the repository that it lies in; its own not among them."""
    above: list[str] = []
    here = directory
    while not os.path.lexists(os.path.join(here, ".git")):
        parent = os.path.dirname(here)
        if parent == here:
            return ()  # in no repository: nothing above counts
        above.append(parent)
        here = parent
    rules = [made for parent in above if (made := read(parent))]
    exclude = _rules(here, os.path.join(_git_directory(here), "info", "exclude"))
    return (*rules, *((exclude,) if exclude else ()))


def read(directory: str) -> Rules | None:
    """What the directory's own `.gitignore` says; None: nothing."""
    return _rules(directory, os.path.join(directory, GITIGNORE))


def _git_directory(root: str) -> str:
    """Where the repository's `info` is: a worktree's `.git` is a file that names another place."""
    found = os.path.join(root, ".git")
    try:
        if os.path.isdir(found):
            return found
        words = Path(found).read_text(errors="surrogateescape").removeprefix("gitdir:").strip()
        own = os.path.join(root, words)
        common = Path(own, "commondir")
        return os.path.join(own, common.read_text().strip()) if common.exists() else own
    except OSError:
        return found


def _rules(directory: str, file: str) -> Rules | None:
    try:
        with open(file, "rb") as opened:
            said = GitIgnore(os.fsdecode(opened.read(MAX_IGNORE_FILE)).removeprefix("\ufeff").split("\n"))
    except OSError:  # not there, or not ours to read
        return None
    return Rules(directory, said) if said else None
