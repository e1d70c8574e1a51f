"""Which format a recording has: by the name of its file, or by its first bytes."""

from __future__ import annotations

import json
import re
from pathlib import Path

from sightline_server.decode.typescript import header

V3, V2, TYPESCRIPT, JSONL, TEXT = "v3", "v2", "typescript", "jsonl", "text"
FORMATS = (V3, V2, TYPESCRIPT, JSONL, TEXT)
ENDINGS = {".cast": V3, ".typescript": TYPESCRIPT, ".jsonl": JSONL, ".ndjson": JSONL, ".txt": TEXT, ".log": TEXT}
TIMINGS = (".timing", ".tm")


def by_name(path: Path) -> str | None:
    """The format to write to a file of this name; None: the name does not say."""
    return ENDINGS.get(path.suffix.lower())


def by_content(begin: bytes, path: Path) -> str:
    """The format of a file that begins so. What is nothing else is text."""
    if re.match(rb"\s*\{|\xef\xbb\xbf\{", begin):
        first = begin.partition(b"\n")[0].removeprefix(b"\xef\xbb\xbf")
        try:
            told = json.loads(first)
        except (ValueError, RecursionError):
            told = {}
        if isinstance(told, dict) and "version" in told:
            return V2 if told["version"] == 2 else V3
        if by_name(path) in {V3, JSONL}:
            return by_name(path) or JSONL
        if isinstance(told, dict) and ("seq" in told or "sessionId" in told):
            return JSONL
    if by_name(path) in {V3, JSONL}:
        return by_name(path) or V3
    return TYPESCRIPT if by_name(path) == TYPESCRIPT or header(begin) else TEXT


def beside(path: Path) -> tuple[Path, Path]:
    """Where the timing and the input of a typescript are written."""
    base = path.with_suffix("") if path.suffix == ".typescript" else path
    return base.with_name(base.name + ".timing"), base.with_name(base.name + ".input")


def found_beside(path: Path) -> tuple[Path | None, Path | None]:
    """The timing and the input that lie beside a typescript, where they do."""
    timing, typed = beside(path)
    candidates = [timing, *(path.with_name(path.name + ending) for ending in TIMINGS)]
    return next((one for one in candidates if one.is_file()), None), typed if typed.is_file() else None
