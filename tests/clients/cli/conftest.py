"""Homes with and without a server."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from clients.cli.program import Sightline


@pytest.fixture
def alone() -> Iterator[Sightline]:
    """A home without a server."""
    # Short: sockets are in it, and pytest's own directories are too long for them.
    directory = Path(tempfile.mkdtemp(prefix="sl-"))
    sightline = Sightline(directory / "home")
    yield sightline
    sightline.close()
    shutil.rmtree(directory)


@pytest.fixture
def served(alone: Sightline) -> Sightline:
    """A home with a running server."""
    alone.serve()
    return alone
