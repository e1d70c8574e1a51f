"""What a session remembers of the transcripts that it follows: a small file in its directory, written before that is done."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sightline_server.capture.processes import Identity

FILE = "transcripts.json"


@dataclass
class Followed:
    """One transcript.

    Attributes:
        spool: the name of its position in the sink.
        path: where it is.
        turns: how many exchanges the transcripts before it had: they are counted on.
        begins: the offset at which it begins: what stands before was told before.
        before: the transcript before it, whose lines it may repeat; empty: there was none.
        agent_id: the subagent's whose it is; empty: it is the main agent's.
        call_id: the tool call that the subagent acts for; empty: not known yet.
        turn_id: of that call.
    """

    spool: str
    path: str
    turns: int = 0
    begins: int = 0
    before: str = ""
    agent_id: str = ""
    call_id: str = ""
    turn_id: str = ""


@dataclass
class Notes:
    """All of them.

    Attributes:
        family: of the agent.
        keep_raw: events carry the agent's own lines.
        files: in the order in which they were found.
        process: who writes them; None: not known.
        noted_in: see `Agent`.
        terminated: it was asked to end.
        url: of the agent's own server; empty: it has none.
        session_id: the agent's own id of the session, where its server has several.
    """

    family: str = ""
    keep_raw: bool = False
    files: list[Followed] = field(default_factory=list)
    process: Identity | None = None
    noted_in: str = ""
    terminated: bool = False
    url: str = ""
    session_id: str = ""

    def write(self, directory: Path) -> None:
        """Keeps them, whole or not at all."""
        fresh = directory / f"{FILE}.new"
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
            json.dump(asdict(self), file)
        fresh.rename(directory / FILE)


def read(directory: Path) -> Notes | None:
    """What was noted; None: nothing was."""
    try:
        noted: dict[str, Any] = json.loads((directory / FILE).read_text(encoding="utf-8", errors="surrogateescape"))
    except FileNotFoundError:
        return None
    noted["files"] = [Followed(**one) for one in noted["files"]]
    noted["process"] = Identity(**noted["process"]) if noted["process"] else None
    return Notes(**noted)
