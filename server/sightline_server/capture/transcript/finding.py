"""Which transcript is meant by a process, a directory or a file, and which agents could be followed. Two that fit are an error.

Knows agents and places; reads /proc and disks: call it in a thread.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sightline_server import errors
from sightline_server.capture import processes
from sightline_server.capture.transcript import agents, places
from sightline_server.capture.transcript.agents import Agent
from sightline_server.decode.agents import choose

RECENT_SECONDS = 600.0  # since its last write: a transcript whose agent cannot be seen may still be one that is written
CLOCK_SLACK = 1.0  # s: times of files and of processes are not to the same clock tick


@dataclass(frozen=True)
class Found:
    """What is to be followed.

    Attributes:
        family: such as `claude`.
        path: its transcript; None: it has written none yet.
        agent: who writes it; None: that is not known.
    """

    family: str
    path: Path | None
    agent: Agent | None


def by_pid(pid: int, family: str, environ: Mapping[str, str]) -> Found:
    """What a process writes. Raises `AgentNotFound`."""
    family = family or agents.family_of_process(pid) or _noted_family(pid, environ)
    agent = look_at(pid, family, environ) if family in places.FAMILIES else None
    if agent is None:
        raise errors.AgentNotFound(what=f"process {pid}", agent=family or "agent")
    path = transcript_of(agent)
    if path is None and not agent.session_id and agents.family_of_process(pid) != family:
        raise errors.AgentNotFound(what=f"process {pid}", agent=family)
    return Found(family, path, agent)


def look_at(pid: int, family: str, environ: Mapping[str, str]) -> Agent | None:
    """A process that is an agent of this family; None: there is no such process. `environ`: whose configuration may name it."""
    return agents.look_at(pid, family, _noted_config(pid, family, environ))


def by_cwd(cwd: str, family: str, environ: Mapping[str, str]) -> Found:
    """What the one agent in a directory writes; empty: the one agent that runs. Raises `SeveralAgents`, `TranscriptNotFound`."""
    configs = [places.config_directory(one, environ) for one in places.FAMILIES if family in ("", one)]
    found = [one for one in agents.running(family, configs) if one.family in places.FAMILIES and cwd in ("", one.cwd)]
    where = f"in {cwd}" if cwd else "on this host"
    if len(found) > 1:
        raise errors.SeveralAgents(where=where, agents="; ".join(describe(one, transcript_of(one)) for one in found))
    if found:
        return Found(found[0].family, transcript_of(found[0]), found[0])
    families = [family] if family else list(places.FAMILIES)
    if not cwd:
        raise errors.TranscriptNotFound(agent=family or "agent", where=where)
    written = [(one, path) for one in families for path in places.transcripts(one, places.config_directory(one, environ), cwd)]
    if not written:
        raise errors.TranscriptNotFound(agent=family or "agent", where=where)
    recent = [path for _, path in written if time.time() - places.written_at(path) < RECENT_SECONDS]
    if len(recent) > 1:
        raise errors.SeveralAgents(where=where, agents="; ".join(map(str, recent)))
    family, path = max(written, key=lambda one: places.written_at(one[1]))
    return Found(family, path, None)


def by_file(path: Path, family: str, environ: Mapping[str, str]) -> Found:
    """A file, and who writes it where that can be seen. Raises `FileNotThere`, `FileUnreadable`, `UnknownTranscript`."""
    if not path.exists():
        raise errors.FileNotThere(path=path)
    try:
        with path.open("rb") as file:
            beginning = file.read(choose.SNIFFED)
    except OSError as error:
        raise errors.FileUnreadable(path=path, why=error.strerror or error) from None
    family = family or choose.sniff(beginning, choose.TRANSCRIPTS)
    if not family:
        raise errors.UnknownTranscript(path=path)
    if family not in places.FAMILIES:
        return Found(family, path, None)
    configs = [places.config_directory(family, environ)]
    if family == "claude" and path.parent.parent.name == "projects":
        configs.append(path.parent.parent.parent)
    for one in agents.running(family, configs):
        if one.session_id == path.stem or (not one.session_id and _same(transcript_of(one), path)):
            return Found(family, path, one)
    return Found(family, path, None)


def transcript_of(agent: Agent) -> Path | None:
    """The file that a running agent writes now; where it will be, if it says so already. None: there is none yet."""
    if agent.session_id:
        return places.of_session(agent.family, agent.config, agent.cwd, agent.session_id)
    opened = {path for one in _with_children(agent) for path in agents.open_files(one) if _is_its(agent, path)}
    newest = next(iter(places.newest_first(opened)), None)
    if newest is not None or agent.family == "codex":  # which keeps its file open from the first word on
        return newest
    began = agents.started_at(agent.process) - CLOCK_SLACK
    written = places.transcripts(agent.family, agent.config, agent.cwd)
    return next((path for path in written if places.written_at(path) >= began), None)


def next_of(agent: Agent, present: Path | None) -> Path | None:
    """Another file that it writes now instead of the `present` one; None: there is no other, or it could be another agent's."""
    path = transcript_of(agent)
    if path is None or _same(path, present) or not path.exists():
        return None
    if present is not None and not agent.session_id and agent.family != "codex":
        here = [one for one in agents.running(agent.family) if one.cwd == agent.cwd]
        if len(here) > 1 or places.written_at(path) <= places.written_at(present):
            return None
    return path


def describe(agent: Agent, path: Path | None) -> str:
    """One agent, for people."""
    return f"pid {agent.process.pid} {path or '(no transcript yet)'}"


def discover(environ: Mapping[str, str]) -> Sequence[tuple[Agent, Path | None]]:
    """The agents that run now, with their transcripts."""
    configs = [places.config_directory("claude", environ)]
    return [(one, transcript_of(one) if one.family in places.FAMILIES else None) for one in agents.running("", configs)]


def _with_children(agent: Agent) -> list[int]:
    """The agent's processes: a wrapper's child does the writing."""
    return [agent.process.pid, *(one.pid for one in processes.descendants(agent.process))]


def _is_its(agent: Agent, path: Path) -> bool:
    return places.is_transcript(agent.family, agent.config, path)


def _noted_config(pid: int, family: str, environ: Mapping[str, str]) -> Path | None:
    """The directory in which Claude has noted a process, where that is not the one of its environment."""
    if family != "claude":
        return None
    config = places.config_directory("claude", environ)
    return config if (config / "sessions" / f"{pid}.json").exists() else None


def _noted_family(pid: int, environ: Mapping[str, str]) -> str:
    return "claude" if _noted_config(pid, "claude", environ) else ""


def _same(path: Path | None, other: Path | None) -> bool:
    if path is None or other is None:
        return False
    return path == other or (path.exists() and other.exists() and path.samefile(other))
