"""Real agents, each at a desk of its own: a home, a project, a model on loopback, a server."""

from __future__ import annotations

import fcntl
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.agent_desk import Desk
from support.model_server import Step, serving
from support.real_agents import AGENTS, RealAgent
from support.server import ServerProcess, connect

_LOOPBACK = b"lo"
_SIOCSIFFLAGS = 0x8914
_UP_AND_RUNNING = 0x41


def _bring_loopback_up() -> None:
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", _LOOPBACK, _UP_AND_RUNNING))


@pytest.fixture(scope="session")
def _private_network() -> None:
    """Agents call home: they are tried only where there is no network but loopback."""
    if [name for _, name in socket.if_nameindex()] != [_LOOPBACK.decode()]:
        pytest.skip("real agents are tried only where there is no network but loopback: scripts/test --agents makes such a place")
    _bring_loopback_up()


@pytest.fixture(params=AGENTS, ids=lambda one: one.name)
def agent(request: pytest.FixtureRequest, _private_network: None) -> RealAgent:
    """Each of them that is there."""
    one = next(one for one in AGENTS if request.param in (one, one.name))
    if why := one.missing():
        pytest.skip(why)
    return one


@pytest.fixture
def desk(agent: RealAgent, tmp_path: Path) -> Iterator[Desk]:
    """See `Desk`. What is still running in the end is ended, and fails the test."""
    home, project = tmp_path / "home", tmp_path / "home" / "project"
    project.mkdir(parents=True)
    (project / "hello.py").write_text('print("hello, world")\n')
    (project / "README.md").write_text("# demo\n")
    _git(project, "init", "-q")
    _git(project, "add", ".")
    _git(project, "-c", "user.name=dev", "-c", "user.email=dev@example.invalid", "commit", "-qm", "init")
    with serving(Step("Hello there.")) as model:
        environ = agent.prepare(home, model.url)
        server = ServerProcess(None, **environ)
        try:
            server.start()
            with connect(server.target) as stub:
                yield Desk(agent, model, project, environ, server, stub)
        finally:
            server.close()


def _git(cwd: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=cwd, check=True, capture_output=True)
