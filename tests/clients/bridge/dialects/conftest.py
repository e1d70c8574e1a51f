"""For tests of the dialects: `dialects`, a bridge that asks their clients for no token."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from support.bridge import RunningBridge, bridging
from support.server import ServerProcess


@pytest.fixture
async def dialects(bridged_server: ServerProcess) -> AsyncIterator[RunningBridge]:
    """A bridge with `--open-dialects`."""
    async with bridging(bridged_server, open_dialects=True) as running:
        yield running
