"""`scripts/setup` on this machine: quick when nothing is to do, clear when something cannot be done."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def setup(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [root / "scripts" / "setup", *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What setup reads, without a `.venv`."""
    (tmp_path / "scripts").mkdir()
    for name in ("pyproject.toml", "scripts/setup", "scripts/constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with what every system has and nothing more: no tmux, no apt-get, no sudo."""
    directory = tmp_path / "tools"
    directory.mkdir()
    for name in ("bash", "cat", "cut", "dirname", "env", "flock", "git", "id", "rm", "sha256sum"):
        found = shutil.which(name)
        assert found, name
        (directory / name).symlink_to(found)
    return directory


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_nothing_is_done_and_nothing_said_when_all_is_there() -> None:
    setup(ROOT, "--dev")
    stamp = ROOT / ".venv" / "setup-stamp"
    before = stamp.stat().st_mtime_ns
    again = setup(ROOT, "--dev")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert stamp.stat().st_mtime_ns == before


def test_a_development_venv_is_good_enough_to_run() -> None:
    setup(ROOT, "--dev")
    run = setup(ROOT)
    assert (run.returncode, run.stderr) == (0, "")


def test_a_python_that_is_too_old_is_refused_with_what_to_do(clone: Path) -> None:
    old = program(clone / "python3.9", 'case "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac')
    refused = setup(clone, PYTHON=str(old))
    assert refused.returncode == 1
    assert "needs Python 3.11 or newer" in refused.stderr
    assert "is Python 3.9.2" in refused.stderr
    assert "PYTHON=" in refused.stderr


def test_without_apt_it_says_what_is_missing(clone: Path, tools: Path) -> None:
    refused = setup(clone, "--dev", PATH=str(tools))
    assert refused.returncode == 1
    assert "this is no Debian: install what stands for tmux screen" in refused.stderr


def test_apt_runs_through_sudo_for_a_user_and_updates_first(clone: Path, tools: Path) -> None:
    log = clone / "log"
    (tools / "id").unlink()
    program(tools / "id", "echo 1000")
    program(tools / "sudo", f'echo "sudo $*" >>{log}; exec "$@"')
    program(tools / "mktemp", f"echo {clone}/apt.log")
    program(tools / "apt-get", "case $2 in update) ;; *) echo no room; exit 100;; esac")
    refused = setup(clone, "--dev", PATH=str(tools))
    assert refused.returncode == 1
    assert "no room" in refused.stderr
    assert "could not install tmux" in refused.stderr
    first, second = log.read_text().splitlines()
    assert first == "sudo apt-get -qq update"
    assert "apt-get -qq install -y --no-install-recommends tmux screen" in second


def test_without_tmux_a_run_goes_on(clone: Path, tools: Path) -> None:
    program(tools / "python3", "exit 1")
    said = setup(clone, PATH=str(tools)).stderr
    assert "going on without tmux" in said
    assert "needs Python 3.11 or newer" in said


def test_an_unknown_word_is_refused() -> None:
    refused = setup(ROOT, "--fast")
    assert refused.returncode == 2
    assert "usage" in refused.stderr
