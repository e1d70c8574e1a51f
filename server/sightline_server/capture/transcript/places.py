"""Where each family keeps its transcripts: paths below its configuration directory, and what the first lines of a file say.

Knows paths and files; nothing of processes. Everything here reads the disk: call it in a thread.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

FAMILIES = ("claude", "codex", "gemini", "qwen")
"""Those that write transcripts."""

FIRST_LINE = 1024 * 1024  # bytes of a first line that are read: Codex keeps its instructions there
LOOKED_AT = 200  # files of a family whose files do not say by their path which directory they are about, newest first
_HOME_FOLDERS: Mapping[str, str] = {"claude": ".claude", "codex": ".codex", "gemini": ".gemini", "qwen": ".qwen"}
_VARIABLES: Mapping[str, str] = {"claude": "CLAUDE_CONFIG_DIR", "codex": "CODEX_HOME"}


def config_directory(family: str, environ: Mapping[str, str]) -> Path:
    """Where an agent with this environment keeps what it keeps."""
    named = environ.get(_VARIABLES.get(family, ""), "")
    if named:
        return Path(named)
    return Path(environ.get("HOME") or Path.home()) / _HOME_FOLDERS[family]


def folder_of(cwd: str) -> str:
    """The name that a project's directory has among the others (Claude and Qwen)."""
    return re.sub(r"[^A-Za-z0-9]", "-", cwd)


def transcripts(family: str, config: Path, cwd: str) -> list[Path]:
    """The transcripts of sessions in this directory, the one written to last first; not those of subagents."""
    return newest_first(_about(family, config, cwd))


def newest_first(paths: Iterable[Path]) -> list[Path]:
    """By the time of the last write. Those that are gone are left out."""
    found = sorted(((written_at(path), path) for path in paths), reverse=True)
    return [path for written, path in found if written]


def written_at(path: Path) -> float:
    """When a file was last written to, in seconds since 1970; 0: it is not there."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def of_session(family: str, config: Path, cwd: str, session_id: str) -> Path | None:
    """The transcript of a session by the agent's own id of it; where it will be when it is not there yet. None: no such id."""
    if family != "claude" or not re.fullmatch(r"[A-Za-z0-9-]{1,100}", session_id):
        return None
    expected = config / "projects" / folder_of(cwd) / f"{session_id}.jsonl"
    if not expected.exists():  # long names are cut, and a session goes on in the folder where it began
        for path in (config / "projects").glob(f"*/{session_id}.jsonl"):
            return path
    return expected


def is_transcript(family: str, config: Path, path: Path) -> bool:
    """Whether a file that an agent has open is such a one."""
    if family == "codex":
        return path.name.startswith("rollout-") and path.suffix == ".jsonl"
    return path.suffix == ".jsonl" and path.is_relative_to(config) and not path.name.startswith("agent-")


def first_object(path: Path) -> dict[str, Any]:
    """The first line of a file as an object; empty: it is none, or not whole yet."""
    try:
        with path.open("rb") as file:
            one = json.loads(file.readline(FIRST_LINE))
    except (OSError, ValueError, RecursionError):
        return {}
    return one if isinstance(one, dict) else {}


def cwd_of(path: Path) -> str:
    """The directory that a transcript says it is about, by its first lines; empty: it does not say."""
    with suppress(OSError), path.open("rb") as file:
        for _ in range(20):
            line = file.readline(FIRST_LINE)
            match = re.search(rb'"cwd"\s*:\s*("(?:[^"\\]|\\.)*")', line)
            if match:
                with suppress(ValueError):
                    return str(json.loads(match[1]))
    return ""


def _about(family: str, config: Path, cwd: str) -> Iterator[Path]:
    if family == "claude":
        yield from (path for path in (config / "projects" / folder_of(cwd)).glob("*.jsonl") if not path.name.startswith("agent-"))
    elif family == "qwen":
        yield from (config / "projects" / folder_of(cwd) / "chats").glob("*.jsonl")
    elif family == "codex":
        yield from (path for path in _rollouts(config) if cwd_of_rollout(path) == cwd)
    elif family == "gemini":
        project = hashlib.sha256(os.fsencode(cwd)).hexdigest()
        chats = newest_first((config / "tmp").glob("*/chats/session-*.jsonl"))[:LOOKED_AT]
        yield from (path for path in chats if project in (first_object(path).get("projectHash"), path.parent.parent.name))


def _rollouts(config: Path) -> list[Path]:
    """Codex's files, newest first, by the date in their names."""
    found: list[Path] = []
    for year in _newest(config / "sessions"):
        for month in _newest(year):
            for day in _newest(month):
                found += (path for path in _newest(day) if is_transcript("codex", config, path))
                if len(found) >= LOOKED_AT:
                    return found
    return found


def _newest(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir(), reverse=True)
    except OSError:
        return []


def cwd_of_rollout(path: Path) -> str:
    """The directory in Codex's first line."""
    payload = first_object(path).get("payload")
    return str(payload.get("cwd", "")) if isinstance(payload, dict) else ""
