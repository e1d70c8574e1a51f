"""The clients that are tried: what `clients.toml` says of them, and their harnesses, built."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from conformance.clients.harness import Harness

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
BUILD_SECONDS = 900  # for everything that a language brings along, on a machine that has nothing of it yet


@dataclass(frozen=True)
class Client:
    """One client.

    Attributes:
        name: its language.
        needs: programs that are needed to build and run it.
        cwd: where that is done.
        argv_build: builds its harness; empty: nothing is to be built.
        argv_run: the harness.
        argv_test: its own tests; empty: there are none beside the scenarios.
        layer: the files around its stubs that are written by hand, as a pattern below `cwd`; empty: they are no thin layer.
    """

    name: str
    needs: tuple[str, ...]
    cwd: Path
    argv_build: tuple[str, ...]
    argv_run: tuple[str, ...]
    argv_test: tuple[str, ...]
    layer: str

    def __str__(self) -> str:
        return self.name

    @property
    def missing(self) -> list[str]:
        """What it needs and this machine does not have, or has and cannot start, as a toolchain that was never chosen."""
        return [program for program in self.needs if not works(program)]

    def build(self, *, hurried: bool = False) -> None:
        """Raises RuntimeError, saying what the tools said. `hurried`: see `run`."""
        if self.argv_build:
            built = self.run(self.argv_build, BUILD_SECONDS, hurried=hurried)
            if built.returncode != 0:
                raise RuntimeError(f"{' '.join(self.argv_build)}: {built.stderr[-4000:]}{built.stdout[-2000:]}")

    def run(self, argv: tuple[str, ...], seconds: float, *, hurried: bool = False) -> subprocess.CompletedProcess[str]:
        """Runs a tool of its language. `hurried`: what it makes runs once, and Go's programs are made unoptimised."""
        env = {**os.environ, **({"GOFLAGS": "'-gcflags=all=-N -l'"} if hurried else {})}
        return subprocess.run(argv, cwd=self.cwd, env=env, capture_output=True, text=True, timeout=seconds, check=False)

    def harness(self, home: Path) -> Harness:
        """It finds nothing by chance: its home is this one."""
        return Harness(self.argv_run, self.cwd, {**os.environ, "SIGHTLINE_HOME": str(home)})


@functools.cache
def works(program: str) -> bool:
    """Whether a program can be started here; it is asked for its version."""
    if shutil.which(program) is None:
        return False
    word = "version" if program == "go" else "--version"
    return subprocess.run([program, word], capture_output=True, timeout=60, check=False).returncode == 0


def _read() -> dict[str, Client]:
    found = {}
    for name, said in tomllib.loads((HERE / "clients.toml").read_text()).items():
        run = tuple(word.format(python=sys.executable) for word in said["run"])
        build, test = tuple(said["build"]), tuple(said.get("test", ()))
        found[name] = Client(name, tuple(said["needs"]), ROOT / said["cwd"], build, run, test, said.get("layer", ""))
    return found


CLIENTS = _read()
"""By name."""
