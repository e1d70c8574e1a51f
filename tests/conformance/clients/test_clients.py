"""Every client, by every scenario. What a client brings is in `clients.toml`, what is tried in `scenarios/`; README.md says how."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conformance.clients.harness import Harness
from conformance.clients.stage import staged
from support.server import ServerProcess

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CLIENTS: dict[str, dict[str, Any]] = tomllib.loads((HERE / "clients.toml").read_text())
SCENARIOS = {path.stem: json.loads(path.read_text()) for path in sorted((HERE / "scenarios").glob("*.json"))}
BUILD_SECONDS = 600


@pytest.fixture(scope="module", params=CLIENTS)
def client(request: pytest.FixtureRequest) -> tuple[str, list[str], Path]:
    """A client that is built: its name, its harness, where it runs."""
    described = CLIENTS[request.param]
    missing = [program for program in described["needs"] if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{request.param}: {' and '.join(missing)} is not on this machine")
    cwd = ROOT / described["cwd"]
    if described["build"]:
        built = subprocess.run(described["build"], cwd=cwd, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
        assert built.returncode == 0, built.stderr[-4000:] + built.stdout[-2000:]
    return request.param, [word.format(python=sys.executable) for word in described["run"]], cwd


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that is its own authority, and its key."""
    place = tmp_path_factory.mktemp("tls")
    cert, key = place / "cert.pem", place / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    subject += ["-addext", "basicConstraints=critical,CA:FALSE"]  # some libraries take no authority for a server
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-keyout",
        str(key),
        "-out",
        str(cert),
        *subject,
    ]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@pytest.fixture
def server(scenario: str, certificate: tuple[Path, Path]) -> Iterator[ServerProcess]:
    """A server as the scenario wants it."""
    cert, key = map(str, certificate)
    settings = {
        name: value.replace("${cert}", cert).replace("${key}", key) for name, value in SCENARIOS[scenario].get("server", {}).items()
    }
    server = ServerProcess(None, **settings)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_client_does_what_the_scenario_says(
    client: tuple[str, list[str], Path],
    scenario: str,
    server: ServerProcess,
    certificate: tuple[Path, Path],
    record_property: Callable[[str, object], None],
) -> None:
    name, argv, cwd = client
    record_property("client", name)
    record_property("scenario", scenario)
    with tempfile.TemporaryDirectory(prefix="slc") as home:
        environ = {**os.environ, "SIGHTLINE_HOME": home}  # nothing is found by chance

        async def play() -> None:
            async with staged(server, Harness(argv, cwd, environ), certificate[0]) as stage:
                for step in SCENARIOS[scenario]["steps"]:
                    await stage.do(step)

        asyncio.run(play())


@pytest.mark.parametrize("client", [name for name, described in CLIENTS.items() if "test" in described], indirect=True)
def test_what_a_client_promises_beyond_the_scenarios_is_tried_by_its_own_tests(client: tuple[str, list[str], Path]) -> None:
    name, _, cwd = client
    tried = subprocess.run(CLIENTS[name]["test"], cwd=cwd, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    assert tried.returncode == 0, tried.stdout[-8000:] + tried.stderr[-2000:]
