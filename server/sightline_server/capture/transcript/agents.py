"""Which agents run now: processes by their programs' names, what they were started with, and the pane that they run in.

Knows /proc. Takes some 50 us for each process of the machine: call it in a thread.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from sightline_server.capture import processes
from sightline_server.capture.processes import SESSION_VARIABLE, Identity
from sightline_server.capture.transcript import places

PROGRAMS: Mapping[str, str] = {"claude": "claude", "codex": "codex", "gemini": "gemini", "qwen": "qwen", "opencode": "opencode"}
"""Families by the names of their programs."""

PACKAGES: Mapping[str, str] = {"claude-code": "claude", "gemini-cli": "gemini", "qwen-code": "qwen", "opencode-ai": "opencode"}
"""Families by a folder in a script's path."""

INTERPRETERS = re.compile(r"(node|bun|deno|python[0-9.]*|sh|bash|dash|env)(-[0-9.]+)?")
STARTED_SLACK = 10.0  # s by which an agent may say it started before, or its process after, what the other says


@dataclass(frozen=True)
class Agent:
    """A running agent.

    Attributes:
        family: such as `claude`.
        process: the outermost process of its program.
        cwd: its directory.
        environ: what it was started with, as far as that is to be read.
        session_id: the agent's own id of its session; empty: it does not say.
        noted_in: the configuration directory in which a note of it was found; None: what its environment says.
    """

    family: str
    process: Identity
    cwd: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    session_id: str = ""
    noted_in: Path | None = None

    @property
    def config(self) -> Path:
        """Where it keeps its transcripts."""
        return self.noted_in or places.config_directory(self.family, self.environ)

    @property
    def pane(self) -> tuple[str, str]:
        """Socket and id of the tmux pane it was started in; empty: in none."""
        socket = self.environ.get("TMUX", "").rpartition(",")[0].rpartition(",")[0]
        pane = self.environ.get("TMUX_PANE", "")
        return (socket, pane) if socket and pane else ("", "")

    @property
    def sightline_session(self) -> str:
        """The session of Sightline's that it was started in; empty: none."""
        return self.environ.get(SESSION_VARIABLE, "")


def running(family: str = "", configs: Sequence[Path] = ()) -> list[Agent]:
    """The agents that run now, of one family or of all that are known, by pid.

    `configs`: configuration directories of Claude's beside those of the agents found, whose own notes of who runs are believed.
    """
    programs = {pid: found for pid in _pids() if (found := family_of_process(pid)) and family in ("", found)}
    outermost = [pid for pid, found in programs.items() if not _is_inner(pid, found, programs)]
    agents = {pid: one for pid in outermost if (one := look_at(pid, programs[pid])) is not None}
    if family in ("", "claude"):
        for config in dict.fromkeys([*configs, *(one.config for one in agents.values() if one.family == "claude")]):
            for path in (config / "sessions").glob("*.json"):
                with suppress(ValueError):
                    pid = int(path.stem)
                    noted = look_at(pid, "claude", config) if pid not in agents else None
                    if noted is not None and noted.session_id:
                        agents[pid] = noted
    return [agents[pid] for pid in sorted(agents)]


def among(pids: Iterable[Identity], family: str) -> Agent | None:
    """The first agent of a family among processes, parents before their children."""
    for identity in pids:
        if family_of_process(identity.pid) == family:
            found = look_at(identity.pid, family)
            if found is not None and found.process == identity:
                return found
    return None


def look_at(pid: int, family: str, config: Path | None = None) -> Agent | None:
    """What can be known of a process that is an agent of this family; None: there is no such process.

    `config`: its configuration directory, where another is meant than its environment says.
    """
    process = processes.identify(pid)
    if process is None or not processes.alive(process):
        return None
    environ: dict[str, str] = {}
    cwd = ""
    with suppress(OSError):  # somebody else's
        cwd = os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)")
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        environ = {os.fsdecode(key): os.fsdecode(value) for key, _, value in (word.partition(b"=") for word in words)}
    agent = Agent(family, process, cwd, environ, noted_in=config)
    return _as_noted(agent) if family == "claude" else agent


def _as_noted(agent: Agent) -> Agent:
    """With what Claude writes of each of its processes; what it wrote of another that had the pid is not believed."""
    try:
        noted = json.loads((agent.config / "sessions" / f"{agent.process.pid}.json").read_bytes())
        session_id, cwd = str(noted["sessionId"]), str(noted.get("cwd") or agent.cwd)
        started = float(noted.get("startedAt", 0)) / 1000
    except (OSError, ValueError, TypeError, LookupError):
        return agent
    if started and started_at(agent.process) > started + STARTED_SLACK and family_of_process(agent.process.pid) != "claude":
        return agent
    return replace(agent, cwd=cwd, session_id=session_id)


def started_at(process: Identity) -> float:
    """When a process started, in seconds since 1970, to some tens of milliseconds."""
    with open("/proc/stat", "rb") as file:
        boot = next(int(line.split()[1]) for line in file if line.startswith(b"btime"))
    return boot + process.start / os.sysconf("SC_CLK_TCK")


def open_files(pid: int) -> list[Path]:
    """The files that a process has open, by their names."""
    found: list[Path] = []
    with suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                name = os.readlink(f"/proc/{pid}/fd/{number}")
                if name.startswith("/") and not name.endswith(" (deleted)"):
                    found.append(Path(name))
    return found


def family_of_process(pid: int) -> str:
    """The family whose program a process is; empty: none that is known."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = [os.fsdecode(word) for word in file.read(16 * 1024).split(b"\0")]
    except OSError:
        return ""
    return family_of_words(words)


def family_of_words(words: Sequence[str]) -> str:
    """The family that a command line is of, also behind an interpreter; empty: none that is known."""
    if not words or not words[0]:
        return ""
    name = os.path.basename(words[0].split(" ")[0])  # who gives itself a title writes it all into the first word
    if name in PROGRAMS:
        return PROGRAMS[name]
    if not INTERPRETERS.fullmatch(name):
        return ""
    script = next((word for word in words[1:] if word and not word.startswith("-")), "")
    name = os.path.basename(script).removesuffix(".js").removesuffix(".mjs").removesuffix(".py")
    folder = next((PACKAGES[part] for part in Path(script).parts if part in PACKAGES), "")
    return PROGRAMS.get(name, folder)


def _is_inner(pid: int, family: str, programs: Mapping[int, str]) -> bool:
    """Whether a program of the same family started it: a wrapper stands for both."""
    parent = processes.parent(pid)
    return bool(parent) and programs.get(parent) == family


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
