"""Homes with and without a server."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from clients.cli.program import Sightline
from sightline import sync


@contextmanager
def new_home() -> Iterator[Sightline]:
    # Short: sockets are in it, and pytest's own directories are too long for them.
    directory = Path(tempfile.mkdtemp(prefix="sl-"))
    sightline = Sightline(directory / "home")
    try:
        yield sightline
    finally:
        sightline.close()
        shutil.rmtree(directory)


@pytest.fixture
def alone() -> Iterator[Sightline]:
    """A home without a server."""
    with new_home() as sightline:
        yield sightline


@pytest.fixture(scope="module")
def house() -> Iterator[Sightline]:
    """A home with a server, for all tests of a module."""
    with new_home() as sightline:
        sightline.serve()
        yield sightline


@pytest.fixture
def served(house: Sightline) -> Iterator[Sightline]:
    """A home with a running server and no sessions."""
    env = dict(house.env)
    yield house
    house.env = env
    house.leave()
    with sync.connect(f"unix:{house.home}/sightline.sock") as client:
        for session in client.list():
            client.terminate(session, signal=9)
            client.delete(session)
