"""For tests of the bridge: `bridge`, a real one in the test's loop before a real server that the tests of a file share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from support.bridge import RunningBridge, bridging
from support.server import ServerProcess


@pytest.fixture(scope="module")
def bridged_server() -> Iterator[ServerProcess]:
    """A server for a whole file of tests."""
    server = ServerProcess()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    """A server of the test's own: to be killed."""
    made = ServerProcess()
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
async def bridge(bridged_server: ServerProcess) -> AsyncIterator[RunningBridge]:
    """A bridge of the test's own, on a free port."""
    async with bridging(bridged_server) as running:
        yield running
