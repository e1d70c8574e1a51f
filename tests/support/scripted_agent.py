"""A program that writes transcripts as agents do, from recordings of the real ones, and is told on stdin what to do.

    go N      appends the next N lines of the recording, half a line first
    new       goes on in another transcript, with the recording from its beginning, a year later (as `/clear` does)
    copy      goes on in another transcript that begins with a copy of this one (as a resumed session once did)
    sub ID    begins a subagent's file with the rest of the recording (Claude)
    exit C    ends with that code, as agents do: what it noted of itself is removed

Each order is answered on stdout. `install` makes the program; its environment says where it writes.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
import uuid
from pathlib import Path
from typing import IO

FAMILIES = ("claude", "codex", "gemini", "qwen")


def install(directory: Path, family: str) -> Path:
    """The program under the agent's name, in a directory for PATH."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / family
    path.write_text(f"#!{sys.executable} -SE\n" + Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    path.chmod(0o755)
    return path


class Agent:
    """One session of an agent, as far as its files go."""

    def __init__(self, family: str, recording: Path, home: Path) -> None:
        self.family = family
        self._recording = recording
        self._config = Path(os.environ.get("CLAUDE_CONFIG_DIR") or home / f".{family}")
        self._note: Path | None = None
        self._file: IO[bytes]
        self._lines: list[bytes]
        self._years = 0
        self.path: Path
        self.new()

    def new(self) -> None:
        """Begins a transcript, where the real one would."""
        session = str(uuid.uuid4())
        folder = re.sub("[^A-Za-z0-9]", "-", os.getcwd())
        self.path = {
            "claude": self._config / "projects" / folder / f"{session}.jsonl",
            "codex": self._config
            / "sessions"
            / time.strftime("%Y/%m/%d")
            / f"rollout-{time.strftime('%Y-%m-%dT%H-%M-%S')}-{session}.jsonl",
            "qwen": self._config / "projects" / folder / "chats" / f"{session}.jsonl",
            "gemini": self._config / "tmp" / "project" / "chats" / f"session-{session[:8]}.jsonl",
        }[self.family]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab", buffering=0)
        whole = self._recording.read_bytes().replace(b'"2026-', b'"%d-' % (2026 + self._years))
        self._lines = [line + b"\n" for line in whole.removesuffix(b"\n").split(b"\n")]
        self._years += 1
        if self.family == "claude":
            self._say_who(session)

    def go(self, count: int) -> None:
        """Appends lines of the recording."""
        data = b"".join(self._lines[:count])
        del self._lines[:count]
        self._file.write(data[: len(data) // 2])
        self._file.write(data[len(data) // 2 :])

    def copy(self) -> None:
        """Begins a transcript with what is in this one."""
        before = self.path
        self.new()
        session = self.path.stem.encode()
        self._file.write(before.read_bytes().replace(before.stem.encode(), session))

    def sub(self, agent_id: str) -> None:
        """Appends the rest of the recording to a subagent's file."""
        folder = self.path.with_suffix("") / "subagents"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"agent-{agent_id}.jsonl").open("ab") as file:
            file.write(b"".join(self._lines))
        self._lines = []

    def end(self) -> None:
        """Removes what it noted of itself."""
        if self._note:
            self._note.unlink()

    def _say_who(self, session: str) -> None:
        notes = self._config / "sessions"
        notes.mkdir(exist_ok=True)
        self._note = notes / f"{os.getpid()}.json"
        fresh = self._note.with_suffix(".new")
        noted = {"pid": os.getpid(), "sessionId": session, "cwd": os.getcwd(), "startedAt": time.time() * 1000, "status": "idle"}
        fresh.write_text(json.dumps(noted), encoding="utf-8")
        fresh.rename(self._note)


def main() -> None:
    agent = Agent(Path(sys.argv[0]).name, Path(sys.argv[1]), Path(os.environ["HOME"]))
    print(f"ready {os.getpid()} {agent.path}", flush=True)  # noqa: T201 - it is a program
    for line in iter(sys.stdin.readline, ""):
        order, _, value = line.strip().partition(" ")
        if order == "exit":
            agent.end()
            sys.exit(int(value or 0))
        if order == "go":
            agent.go(int(value))
        elif order == "new":
            agent.new()
        elif order == "copy":
            agent.copy()
        elif order == "sub":
            agent.sub(value)
        print(f"done {order} {agent.path}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
