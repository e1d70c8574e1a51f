"""The built-in step of recipes: makes a git worktree, and takes it back again. Runs on its own, held by a relay as any program.

    python worktree.py add RECORD PATH BRANCH BASE      PATH and BASE may be empty
    python worktree.py remove RECORD NAME               NAME: of the session, for the message of a stash

RECORD is the file in which it keeps what it has made, JSON: `path`, `branch`, `git` (the program), `repository`, `made` (`no`: it
was there before; `making`: it was stopped while it made it; `yes`), `began` (the commit that a branch made here began at; empty:
the branch was there before). What git says goes to the outputs. Nothing is lost: uncommitted work becomes a stash before a worktree
goes, and a branch goes only while it has no commit of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

REPOSITORY_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
"""What git tells its hooks: started from one, another repository than the directory's would be meant."""


class Refused(Exception):
    """Why it cannot be done, for people, and the exit code for it."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class Stopped(Exception):
    """Somebody ends this: nothing more is to be begun."""


class Git:
    """git, in one directory."""

    def __init__(self, program: str, directory: str) -> None:
        self.program = program
        self.directory = directory
        self.env = {name: value for name, value in os.environ.items() if name not in REPOSITORY_VARIABLES}

    def run(self, *words: str) -> int:
        """Runs it with its output shown; its exit code, 128 + N for signal N."""
        code = subprocess.run([self.program, *words], cwd=self.directory, env=self.env, check=False).returncode
        return 128 - code if code < 0 else code

    def ask(self, *words: str) -> str | None:
        """What it prints, without the last line end; None when it fails."""
        done = subprocess.run(
            [self.program, *words],
            cwd=self.directory,
            env=self.env,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return None if done.returncode else done.stdout.decode(errors="surrogateescape").removesuffix("\n")

    def worktrees(self) -> dict[str, str]:
        """The repository's worktrees: real path to branch, the main one first; the branch is empty where there is none."""
        found: dict[str, str] = {}
        path = ""
        for line in (self.ask("worktree", "list", "--porcelain", "-z") or "").split("\0"):
            if line.startswith("worktree "):
                path = os.path.realpath(line.removeprefix("worktree "))
                found[path] = ""
            elif line.startswith("branch refs/heads/"):
                found[path] = line.removeprefix("branch refs/heads/")
        return found

    def commit_of(self, name: str) -> str:
        """The commit that a name means; empty: none."""
        return self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}") or ""


def add(record: str, path: str, branch: str, base: str) -> int:
    """Makes the worktree, or finds it as it is wanted; its exit code is git's."""
    program = shutil.which("git")
    if program is None:
        raise Refused("git is not installed on the server's host: install it (Debian: apt-get install git)", 127)
    git = Git(program, os.getcwd())
    worktrees = git.worktrees()
    if not worktrees:
        raise Refused(f"{os.getcwd()} is in no git repository: run the recipe in one, or set the step's cwd", 128)
    if git.ask("check-ref-format", "--branch", branch) != branch:
        raise Refused(f"{branch!r} is no name for a branch", 128)
    main = next(iter(worktrees))
    place = os.path.abspath(path) if path else os.path.join(os.path.dirname(main), branch.replace("/", "-"))
    known = {"path": place, "branch": branch, "git": program, "repository": main, "made": "no", "began": ""}
    if worktrees.get(os.path.realpath(place)) == branch and os.path.isdir(place):
        write(record, known)
        print(f"the worktree {place} of branch {branch} is there already: it is used as it is", flush=True)
        return 0
    if os.path.realpath(place) in worktrees:
        other = worktrees[os.path.realpath(place)] or "no branch"
        raise Refused(f"{place} is a worktree of {other} already, not of {branch}: choose another path, or remove it", 128)
    if os.path.lexists(place) and not (os.path.isdir(place) and not os.listdir(place)):
        raise Refused(f"{place} is there already, and is no worktree of this repository: choose another path", 128)
    return make(git, record, known, base)


def make(git: Git, record: str, known: dict[str, str], base: str) -> int:
    """Makes a worktree where none is, and its branch where that is none; a failure leaves neither."""
    place, branch = known["path"], known["branch"]
    words = [place, branch]
    if not git.commit_of(f"refs/heads/{branch}"):
        start = git.commit_of(base or "HEAD")
        if not start:
            raise Refused(f"{base or 'HEAD'} is no commit that a new branch could begin at", 128)
        # Made from what was named, so that git can set up its upstream.
        known["began"], words = start, ["-b", branch, "--", place, base or "HEAD"]
    was_there = os.path.isdir(place)
    known["made"] = "making"
    write(record, known)
    stop_if_asked()
    code = git.run("worktree", "add", *words)
    known["made"] = "yes"
    if code:
        known["made"] = "no"
        if not was_there and os.path.isdir(place) and not os.listdir(place):
            os.rmdir(place)
        drop_branch(git, known)
        known["began"] = ""
    write(record, known)
    return code


def remove(record: str, name: str) -> int:
    """Takes back what `add` has made, and nothing else. Work that is not committed becomes a stash of the repository."""
    with open(record, "rb") as file:
        known: dict[str, str] = json.load(file)
    if known["made"] == "no":
        return 0
    place, branch = known["path"], known["branch"]
    git = Git(known["git"], known["repository"])
    found = git.worktrees().get(os.path.realpath(place))
    if found not in (None, branch):
        raise Refused(f"the worktree {place} stays: it is not on branch {branch} any more", 1)
    if found == branch:
        if known["made"] == "yes" and os.path.isdir(place) and not keep_work(Git(git.program, place), name):
            raise Refused(f"the worktree {place} stays: its uncommitted work could not be put into a stash", 1)
        # Twice: also one that git was stopped in the middle of making, which it has locked.
        if code := git.run("worktree", "remove", "--force", "--force", "--", place):
            raise Refused(f"the worktree {place} could not be removed: `git worktree remove` says why", code)
        print(f"the worktree {place} is removed", flush=True)
    drop_branch(git, known)
    return 0


def keep_work(git: Git, name: str) -> bool:
    """Puts uncommitted work, new files too, into a stash. False: that did not work."""
    if not git.ask("status", "--porcelain", "--untracked-files=normal"):
        return git.ask("status", "--porcelain") is not None
    message = f"sightline: left by {name}, whose recipe did not end well"
    return git.run("stash", "push", "--include-untracked", "--message", message) == 0


def drop_branch(git: Git, known: dict[str, str]) -> None:
    """Removes a branch that was made here, unless somebody has committed to it."""
    branch, began = known["branch"], known["began"]
    there = git.commit_of(f"refs/heads/{branch}") if began else ""
    if not there:
        return
    if there == began:
        git.run("branch", "--quiet", "-D", "--", branch)
    else:
        print(f"the branch {branch} stays: it has commits of its own", flush=True)


def write(record: str, known: dict[str, str]) -> None:
    """Keeps what is known, whole or not at all."""
    with open(f"{record}.new", "w", encoding="utf-8", errors="surrogateescape") as file:
        json.dump(known, file)
    os.rename(f"{record}.new", record)


_asked: list[int] = []


def stop_if_asked() -> None:
    """Raises `Stopped` once somebody has asked for an end."""
    if _asked:
        raise Stopped


def main(words: list[str]) -> int:
    """Runs one of the two."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # git gets the signal as well, and cleans up behind itself; we go on to write down what has come of it.
        signal.signal(number, lambda got, _frame: _asked.append(got))
    try:
        code = add(*words[1:]) if words[0] == "add" else remove(*words[1:])
        stop_if_asked()
    except Refused as refused:
        print(refused, file=sys.stderr, flush=True)
        return refused.code
    except Stopped:
        return 128 + _asked[0]
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
