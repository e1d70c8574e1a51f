"""`scripts/run`: what somebody who has just cloned the repository starts first."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def own_home(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of somebody else's machine: a home of its own, no port that others use."""
    with tempfile.TemporaryDirectory(prefix="sightline-") as place:  # below /tmp: a socket's path is short
        yield {
            **{name: value for name, value in os.environ.items() if not name.startswith("SIGHTLINE_")},
            "SIGHTLINE_HOME": f"{place}/home",
            "SIGHTLINE_GRPC_ADDRESS": "none",
            "SIGHTLINE_WEB_ADDRESS": "127.0.0.1:0",
            "TMUX_TMPDIR": str(tmp_path),
        }


def test_it_starts_server_and_dashboard_and_ends_both(own_home: dict[str, str]) -> None:
    with subprocess.Popen(
        [ROOT / "scripts" / "run"], env=own_home, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as started:
        assert started.stderr is not None
        try:
            address = next(
                found[0] for line in started.stderr if (found := re.search(r"http://127\.0\.0\.1:\d+/(?=#ticket=)", line))
            )
            page = urlopen(address, timeout=10).read().decode()
            listed = subprocess.run(
                [ROOT / "scripts" / "run", "--", "echo", "hello"], env=own_home, capture_output=True, text=True, check=False
            )
        finally:
            started.send_signal(signal.SIGTERM)
            started.stderr.read()
    assert '<div id="root">' in page
    assert "hello" in listed.stdout
    assert started.returncode == 0
    with pytest.raises(OSError, match="refused"):
        urlopen(address, timeout=10)
