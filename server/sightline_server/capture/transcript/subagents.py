"""The files of an agent's subagents, and whose they are. Knows Claude's folders. Reads the disk: call it in a thread."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sightline_server.capture.transcript.places import first_object
from sightline_server.decode.agents.tools import as_text

_NAME = re.compile(r"agent-([A-Za-z0-9_-]{1,64})\.jsonl")
_CALL = ("toolUseId", "tool_use_id", "toolUseID", "parentToolUseId")


class Folder:
    """Where a session's subagents write."""

    def __init__(self) -> None:
        self._sessions: dict[Path, str] = {}  # files beside transcripts, and whose session they say they are of

    def files(self, transcript: Path) -> Mapping[str, tuple[Path, int]]:
        """Path and size of each subagent's file, by its id: in the session's folder, or (up to 2.0) beside its transcript."""
        inside = (transcript.with_suffix("") / "subagents").glob("agent-*.jsonl")
        beside = (path for path in transcript.parent.glob("agent-*.jsonl") if self._session_of(path) == transcript.stem)
        found: dict[str, tuple[Path, int]] = {}
        for path in (*beside, *inside):
            match = _NAME.fullmatch(path.name)
            with suppress(OSError):
                if match:
                    found[match[1]] = (path, path.stat().st_size)
        return found

    def _session_of(self, path: Path) -> str:
        if path not in self._sessions:
            session_id = str(first_object(path).get("sessionId", ""))
            if not session_id:
                return ""
            self._sessions[path] = session_id
        return self._sessions[path]


def about(path: Path) -> tuple[str, str]:
    """The call that a subagent acts for, where its notes say so, and what it was asked; empty: not known (yet)."""
    call = ""
    with suppress(OSError, ValueError, AttributeError):
        noted = json.loads(path.with_suffix(".meta.json").read_bytes())
        call = next((str(noted[key]) for key in _CALL if noted.get(key)), "")
    message = first_object(path).get("message")
    prompt = as_text(message.get("content")).strip() if isinstance(message, dict) else ""
    return call, prompt
