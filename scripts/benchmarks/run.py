"""One run of the benchmarks: how much is measured, and what is said meanwhile."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MB = 1_000_000
GB = 1_000_000_000


@dataclass(frozen=True)
class Run:
    """What every subject is told.

    Attributes:
        quick: smaller amounts, one round each: it shows that all can be measured, the figures say little.
    """

    quick: bool

    def pick(self, full: int, quick: int) -> int:
        """How much."""
        return quick if self.quick else full

    def say(self, text: str) -> None:
        """What is being done, on a terminal: one line that the next one replaces. Empty: nothing any more."""
        if sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
