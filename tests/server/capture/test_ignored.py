"""What is ignored, judged by git itself."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest
from sightline_server.capture import ignored


def git(where: Path, *words: str, stdin: str = "") -> str:
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    argv = ["git", "-c", "user.name=x", "-c", "user.email=x@x", *words]
    done = subprocess.run(argv, cwd=where, input=stdin, capture_output=True, text=True, env=environ, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout


def visible(root: Path, start: Path | None = None) -> set[str]:
    """Files below `start` that are not ignored, as our rules say it: ignored directories are not entered."""
    start = start or root
    found: set[str] = set()

    def enter(directory: str, chain: ignored.Chain) -> None:
        own = ignored.read(directory)
        chain = (own, *chain) if own else chain
        for entry in os.scandir(directory):
            is_directory = entry.is_dir(follow_symlinks=False)
            if ignored.is_never(entry.name, is_directory=is_directory) or ignored.is_ignored(
                chain, entry.path, is_directory=is_directory
            ):
                continue
            if is_directory:
                enter(entry.path, chain)
            else:
                found.add(os.path.relpath(entry.path, root))

    enter(str(start), ignored.chain_above(str(start)))
    return found


def as_git_says(root: Path, start: Path | None = None) -> set[str]:
    listed = git(start or root, "ls-files", "--others", "--exclude-standard", "--full-name", "-z").split("\0")
    return {os.fsdecode(os.fsencode(name)) for name in listed if name}


def write(path: Path, text: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    return tmp_path


def test_nested_ignore_files_negations_and_info_exclude_hold_as_in_git(repository: Path) -> None:
    write(repository / ".gitignore", "*.log\n!keep.log\n/only-top\nout/\n# comment\n\\#odd\nspaces\\ \ndeep/**/x\n[ab].c\n")
    write(repository / "sub/.gitignore", "!sub.log\nkeep.log\n")
    write(repository / ".git/info/exclude", "*.secret\nsub.log\n")
    for name in ("a.log", "keep.log", "only-top", "out/file", "#odd", "spaces ", "deep/1/2/x", "deep/x", "a.c", "c.c", "p.secret"):
        write(repository / name)
        write(repository / "sub" / name)
    write(repository / "sub/sub.log")
    write(repository / "out/keep.log")
    assert visible(repository) == as_git_says(repository)
    assert visible(repository, repository / "sub") == as_git_says(repository, repository / "sub")


PATTERNS = [
    "a", "*.x", "!*.x", "/b", "c/", "!c/", "**/d", "a/**", "!a/b", "b*", "!bb", "?", "/c/*.x", "d/**/a", "*", "[a-c]", "[!a]",
    "e[.]x", "!/c", "b**", "**", "a//b", "\\a", "[", "[]a]", "[[:alpha:]].x", "!", "/", "a/b/", " a", "b ", "c\\ ", "[^a-b]b",
    "*/b", "!*/", "**/a/**",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_any_rules_hold_as_in_git(repository: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(40):
        parts = [chance.choice(["a", "b", "c", "d", "bb", "e.x"]) for _ in range(chance.randint(1, 4))]
        path = repository.joinpath(*parts)
        if not any(parent.is_file() for parent in (path, *path.parents)) and not path.is_dir():
            write(path)
    for directory in (repository, *(path for path in repository.rglob("*") if path.is_dir() and ".git" not in path.parts)):
        if directory == repository or chance.random() < 0.3:
            write(directory / ".gitignore", "\n".join(chance.sample(PATTERNS, chance.randint(1, 4))) + "\n")
    assert visible(repository) == as_git_says(repository)


def test_a_worktree_has_the_rules_of_its_repository(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    write(repository / "file")
    git(repository, "add", "file")
    git(repository, "commit", "-q", "-m", "one")
    write(repository / ".git/info/exclude", "*.secret\n")
    tree = tmp_path_factory.mktemp("trees") / "tree"
    git(repository, "worktree", "add", "-q", str(tree))
    write(tree / "a.secret")
    write(tree / "b")
    assert visible(tree) - {"file"} == as_git_says(tree) == {"b"}


@pytest.mark.parametrize("name", ["node_modules", ".git", "target", "__pycache__", ".venv", "dist", "x.egg-info"])
def test_version_control_and_build_output_are_ignored_without_being_told(tmp_path: Path, name: str) -> None:
    write(tmp_path / name / "file")
    write(tmp_path / "a/b" / name / "file")
    write(tmp_path / "seen")
    assert visible(tmp_path) == {"seen"}


def test_outside_of_a_repository_only_the_ignore_files_below_count(tmp_path: Path) -> None:
    write(tmp_path / ".gitignore", "*.x\n")
    write(tmp_path / "project/a.x")
    write(tmp_path / "project/.gitignore", "*.y\n")
    write(tmp_path / "project/b.y")
    assert visible(tmp_path / "project") == {"a.x", ".gitignore"}


def test_an_ignore_file_that_is_no_text_hides_nothing_and_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(bytes(range(256)) * 10)
    write(tmp_path / "seen")
    assert "seen" in visible(tmp_path)
