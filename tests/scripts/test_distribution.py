"""The packages as a user gets them: built, installed into an empty venv, and used there, also where tmux is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.server import PATIENCE

ROOT = Path(__file__).parents[2]
PROGRAM = """
import asyncio, sightline

async def main():
    async with sightline.connect() as client:
        await client.wait_ready(20)
    print((await sightline.run(["echo", "hi"])).outcome)

asyncio.run(main())
"""
NEWEST_MINOR = 14  # of Python 3: the newest that may be on a machine by now
BUILD_SECONDS = 300  # to build and install, on a machine that is busy

pytestmark = pytest.mark.timeout(2 * BUILD_SECONDS)


def run(*command: str | Path, check: bool = True, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **(environ or {})}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=check, timeout=BUILD_SECONDS)


def starts(python: str) -> bool:
    try:
        return run(python, "--version", check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the source distribution."""
    place = tmp_path_factory.mktemp("dist")
    built = run(sys.executable, "-m", "hatchling", "build", "-d", place, check=False)
    assert built.returncode == 0, built.stderr + built.stdout
    return next(place.glob("*.whl")), next(place.glob("*.tar.gz"))


def pythons() -> Iterator[Any]:
    """This one, and each newer one of this machine, for the long run."""
    yield pytest.param(sys.executable, id="this")
    for minor in range(sys.version_info.minor + 1, NEWEST_MINOR + 1):
        name = f"python3.{minor}"
        yield pytest.param(name, id=name, marks=pytest.mark.soak)


@pytest.fixture(scope="module", params=pythons())
def venv(request: pytest.FixtureRequest, packages: tuple[Path, Path]) -> Iterator[Path]:
    """An empty venv with the wheel in it, and what that needs. Its path is short, because of the sockets in it."""
    if not starts(request.param):
        pytest.skip(f"{request.param} is not on this machine, or does not start")
    place = Path(tempfile.mkdtemp(prefix="slv"))
    try:
        run(request.param, "-m", "venv", "--without-pip", place)
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(place / "bin/python"),
            "install",
            "-q",
            "-c",
            str(ROOT / "scripts/constraints.txt"),
        ]
        run(*pip, packages[0], environ={"PIP_DISABLE_PIP_VERSION_CHECK": "1"})
        yield place
    finally:
        shutil.rmtree(place)


@pytest.fixture
def home() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="slh"))
    yield place
    shutil.rmtree(place)


def without_tmux(place: Path) -> str:
    """A PATH on which all programs are but tmux."""
    for directory in os.environ["PATH"].split(os.pathsep):
        for program in Path(directory).iterdir() if Path(directory).is_dir() else ():
            if program.name != "tmux" and not (place / program.name).is_symlink():
                (place / program.name).symlink_to(program)
    return str(place)


def test_the_wheel_and_the_source_hold_what_belongs_there_and_no_tests(packages: tuple[Path, Path]) -> None:
    names = set(zipfile.ZipFile(packages[0]).namelist())
    for wanted in (
        "sightline/py.typed",
        "sightline_bridge/dashboard/index.html",
        "sightline_server/app.py",
        "sightline/v1/event_pb2.pyi",
    ):
        assert wanted in names
    assert not [name for name in names if name.startswith(("tests/", "scripts/"))]
    with tarfile.open(packages[1]) as archive:
        source = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "proto/sightline/v1/event.proto"} <= source


def test_what_is_installed_is_whole(venv: Path, home: Path) -> None:
    sightline, python = venv / "bin/sightline", venv / "bin/python"
    environ = {"SIGHTLINE_HOME": str(home)}
    assert run(sightline, "--version", environ=environ).stdout.startswith("sightline ")
    assert "complete" in run(sightline, "completion", "bash", environ=environ).stdout
    server = subprocess.Popen(
        [sightline, "serve", "--grpc-address", "none"], env={**os.environ, **environ}, stderr=subprocess.DEVNULL
    )
    try:
        assert run(python, "-c", PROGRAM, environ=environ).stdout.strip()
        assert run(sightline, "run", "--", "echo", "from the wheel", environ=environ).stdout == "from the wheel\n"
    finally:
        server.terminate()
        server.wait(PATIENCE)


def test_the_dashboard_comes_along(venv: Path, home: Path) -> None:
    command = [str(venv / "bin/sightline"), "up", "--grpc-address", "none", "--web-address", "127.0.0.1:0"]
    with subprocess.Popen(command, env={**os.environ, "SIGHTLINE_HOME": str(home)}, stderr=subprocess.PIPE, text=True) as up:
        assert up.stderr is not None
        try:
            url = next(word for line in up.stderr for word in line.split() if word.startswith("http://"))
            page = urllib.request.urlopen(url.partition("#")[0], timeout=PATIENCE).read().decode()
            assert '<div id="root">' in page
        finally:
            up.terminate()
            up.stderr.read()


def test_without_tmux_commands_work_and_terminals_say_what_is_missing(venv: Path, home: Path, tmp_path: Path) -> None:
    environ = {"SIGHTLINE_HOME": str(home), "PATH": without_tmux(tmp_path)}
    sightline = venv / "bin/sightline"
    assert run(sightline, "run", "--", "echo", "hi", environ=environ).stdout == "hi\n"
    refused = run(sightline, "run", "--tty", "--", "true", check=False, environ=environ)
    assert refused.returncode != 0
    assert "tmux" in refused.stderr
