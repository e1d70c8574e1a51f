"""What a start costs: no command's help may load what only its work needs."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sightline_cli.main import all_commands

HEAVY = ("grpc", "aiohttp", "asyncio", "google.protobuf", "sightline_server", "sqlite3", "typing_extensions")


@pytest.mark.parametrize("words", [[], ["--version"], *([command.name, "--help"] for command in all_commands())], ids=" ".join)
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    script = f"""
import sys
from contextlib import suppress
from sightline_cli.main import main
with suppress(SystemExit):
    main({words!r})
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr == "[]\n"
