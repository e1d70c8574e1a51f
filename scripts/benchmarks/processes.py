"""What the kernel says of a process."""

from __future__ import annotations

import os
from pathlib import Path

MIB = 1024 * 1024
TICKS = os.sysconf("SC_CLK_TCK")  # in a second
PAGE = os.sysconf("SC_PAGE_SIZE")  # bytes


def resident(pid: int) -> int:
    """Resident memory in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def proportional(pid: int) -> int:
    """Memory in bytes, shared pages divided among those who share them: what a process costs where there are many of its kind."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"/proc/{pid}/smaps_rollup names no Pss")


def processor(pid: int) -> float:
    """Processor time so far in seconds, of the process and all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def running(argument: str) -> list[int]:
    """The processes that have this text in an argument; those of ours are found by their home's path, which nobody else has."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if argument.encode() in command:
                found.append(int(entry.name))
    return found
