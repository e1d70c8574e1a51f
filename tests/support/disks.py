"""Small file systems to fill: real ones, in memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(size: int) -> Iterator[Path]:
    """A private directory with a short path on a disk of `size` bytes; skips the test where none can be mounted."""
    directory = Path(tempfile.mkdtemp(prefix="sl"))
    try:
        options = f"size={size},mode=0700"
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "none", directory], capture_output=True, text=True, check=False
        )
        if mounted.returncode:
            pytest.skip(f"skipped, because no small disk can be mounted here (root can): {mounted.stderr.strip()}")
        try:
            yield directory
        finally:
            subprocess.run(["umount", "-l", directory], check=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def fill(path: Path) -> None:
    """Takes all the room that there is, to the last page."""
    with path.open("ab", buffering=0) as file:
        for piece in (b"x" * 65536, b"x" * 512):
            while True:
                try:
                    if file.write(piece) < len(piece):
                        break
                except OSError:
                    break


def room(path: Path) -> int:
    """Bytes that are free there."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize
