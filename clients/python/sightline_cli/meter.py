"""How far long work is, on one line of a terminal that is written again and again; nowhere else."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from sightline_cli import people

FIRST = 1.0  # seconds before it appears: short work needs none
EVERY = 0.2  # seconds between two looks


class Meter:
    """A line such as `exporting: 12 MiB, 40 %`.

    Args:
        what: what is being done.
        total: in the unit of `at`'s `done`; 0: not known.
        stream: where it is shown, if that is a terminal.
    """

    def __init__(self, what: str, total: int = 0, stream: TextIO = sys.stderr) -> None:
        self._what = what
        self._total = total
        self._stream = stream
        self._next = time.monotonic() + FIRST if stream.isatty() else float("inf")
        self._shown = False

    def at(self, done: int, written: int) -> None:
        """It is so far, and has written so many bytes."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY
        self._shown = True
        share = f", {min(100, 100 * done // self._total)} %" if self._total else ""
        self._stream.write(f"\r{self._what}: {people.size(written)}{share}\x1b[K")
        self._stream.flush()

    def done(self) -> None:
        """Takes the line away."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
