"""What the measured commands do: wait at a gate, flood, write the time.

Each is a real command. Times are CLOCK_MONOTONIC in nanoseconds, which all processes of a machine share.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LINE = b"the quick brown fox jumps over the lazy dog and writes about it in a build log\n"


class Gate:
    """A FIFO at which commands wait, so that a measurement begins when everybody is there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._descriptor = os.open(path, os.O_RDWR)  # both ends: opening never waits, and what is written stays until it is read

    def open(self, count: int = 1) -> None:
        """Lets so many through."""
        os.write(self._descriptor, b"." * count)

    def close(self) -> None:
        """Done."""
        os.close(self._descriptor)


@contextlib.contextmanager
def gate() -> Iterator[Gate]:
    """A gate, closed."""
    with tempfile.TemporaryDirectory(prefix="slgate") as directory:
        made = Gate(Path(directory) / "gate")
        try:
            yield made
        finally:
            made.close()


@dataclass(frozen=True)
class FloodFile:
    """A file of build log.

    Attributes:
        path: where it is.
        lines: in it.
    """

    path: Path
    lines: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.lines * len(LINE)

    @property
    def terminal_size(self) -> int:
        """Bytes in a terminal, which makes CR LF of LF."""
        return self.size + self.lines


@contextlib.contextmanager
def flood_file(size: int) -> Iterator[FloodFile]:
    """A file of about `size` bytes of build log."""
    with tempfile.NamedTemporaryFile(prefix="slflood") as file:
        block = LINE * 10_000
        for _ in range(size // len(block)):
            file.write(block)
        file.write(LINE * (size % len(block) // len(LINE)))
        file.flush()
        yield FloodFile(Path(file.name), file.tell() // len(LINE))


def gated_cat(at: Gate, flood: FloodFile, then: str = "") -> list[str]:
    """Writes a file, once the gate opens; `then` is more shell."""
    return ["sh", "-c", f'head -c1 "$0" >/dev/null; cat "$1"{then}', str(at.path), str(flood.path)]


def clock(at: Gate, lines: int, interval: float) -> list[str]:
    """Writes so many lines, each the time of its writing, `interval` seconds apart, once the gate opens."""
    return [sys.executable, "-c", CLOCK, str(at.path), str(lines), str(interval)]


def paced_flood(at: Gate, size: int, rate: int) -> list[str]:
    """Writes `size` bytes, `rate` a second, once the gate opens."""
    return [sys.executable, "-c", PACED, str(at.path), str(size), str(rate)]


CLOCK = """
import os, sys, time
path, lines, interval = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
open(path, "rb", 0).read(1)
due = time.monotonic()
for _ in range(lines):
    os.write(1, b"%d\\n" % time.monotonic_ns())  # one write a line, as C programs do; `print` may make two
    due += interval
    time.sleep(max(0, due - time.monotonic()))
"""

PACED = """
import os, sys, time
path, size, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
line = b"the quick brown fox jumps over the lazy dog and writes about it in a build log\\n"
piece = line * (262144 // len(line))
open(path, "rb", 0).read(1)
begun, written = time.monotonic(), 0
while written < size:
    data = piece[: size - written]
    written += len(data)
    while data:
        data = data[os.write(1, data):]
    time.sleep(max(0, begun + written / rate - time.monotonic()))
"""
