"""Every client, by every scenario. What a client brings is in `clients.toml`, what is tried in `scenarios/`; README.md says how."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conformance.clients.harness import Harness
from conformance.clients.roster import BUILD_SECONDS, CLIENTS, Client
from conformance.clients.stage import staged
from support.server import ServerProcess

HERE = Path(__file__).parent
SCENARIOS = {path.stem: json.loads(path.read_text()) for path in sorted((HERE / "scenarios").glob("*.json"))}
TEST_SECONDS = 600

pytestmark = pytest.mark.timeout(BUILD_SECONDS + 60)  # the first test of a client builds it


@pytest.fixture(scope="module", params=CLIENTS.values(), ids=str)
def client(request: pytest.FixtureRequest) -> Client:
    """A client that is built."""
    client: Client = request.param
    if client.missing:
        pytest.skip(f"{client.name}: {' and '.join(client.missing)} is not on this machine, or does not start")
    client.build(hurried=True)
    return client


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """The loop of a harness, which lives over many scenarios."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def harness(client: Client, runner: asyncio.Runner) -> Iterator[Harness]:
    """One for all scenarios of a client: what a language compiles while it runs is compiled once. Each scenario connects anew."""
    with tempfile.TemporaryDirectory(prefix="slc") as home:
        harness = client.harness(Path(home))
        runner.run(harness.__aenter__())
        yield harness
        runner.run(harness.__aexit__())


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
    client: Client,
    harness: Harness,
    runner: asyncio.Runner,
    scenario: str,
    server: ServerProcess,
    certificate: tuple[Path, Path],
    record_property: Callable[[str, object], None],
) -> None:
    record_property("client", client.name)
    record_property("scenario", scenario)

    async def play() -> None:
        async with staged(server, harness, certificate[0]) as stage:
            for step in SCENARIOS[scenario]["steps"]:
                await stage.do(step)

    runner.run(play())


@pytest.mark.parametrize("client", [one for one in CLIENTS.values() if one.argv_test], indirect=True, ids=str)
def test_what_a_client_promises_beyond_the_scenarios_is_tried_by_its_own_tests(client: Client) -> None:
    tried = client.run(client.argv_test, TEST_SECONDS, hurried=True)
    assert tried.returncode == 0, tried.stdout[-8000:] + tried.stderr[-2000:]
