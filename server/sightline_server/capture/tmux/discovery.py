"""Looking around in the user's tmux servers: which panes could be adopted, and which one a target means.

Knows libtmux and sockets; asks, and changes nothing. libtmux is slow to import and waits for processes: both happen in a thread.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from sightline.v1.event_pb2 import Error, ErrorOrigin
from sightline.v1.session_pb2 import SessionKind, Terminal, Tmux
from sightline.v1.session_service_pb2 import Candidate

from sightline_server.capture.paths import is_utf8
from sightline_server.capture.tmux import server
from sightline_server.capture.tmux.control import CommandFailed
from sightline_server.errors import BadField, PaneNotFound, SightlineError, TmuxServerNotFound

CONNECT_SECONDS = 1.0  # for a server to take a connection, before its socket counts as stale

# A line for each field, the path last: it may hold anything, a line end too.
_FACTS = "#{pane_id} #{pid} #{pane_width} #{pane_height} #{pane_pipe} #{pane_dead}"
_TARGET = "#{session_name}:#{window_index}.#{pane_index}"
_FORMAT = "\n".join((_FACTS, _TARGET, "#{pane_current_command}", "#{pane_title}", "#{pane_current_path}"))
LIST = ("list-panes", "-a", "-F", _FORMAT)  # the command whose answer `candidates` takes
_FOUND = re.compile(r"(%\d+) (\d+) ([01]?)")
_FIRST = re.compile(r"(%\d+) (\d+) (\d+) (\d+) ([01]) ([01]?)")


async def resolve(tmux: Tmux) -> Tmux:
    """The pane that a target means, with its id, its server's pid and its socket filled in.

    Raises `BadField`, `TmuxNotInstalled`, `TmuxTooOld`, `TmuxServerNotFound`, `PaneNotFound`.
    """
    if not tmux.target:
        raise BadField(field="tmux.target", problem="say which pane: `session:window.pane`, or an id such as %3")
    check_path("tmux.socket_path", tmux.socket_path)
    check_path("tmux.target", tmux.target)
    path = Path(tmux.socket_path or default_socket())
    return await asyncio.to_thread(_resolve, path, tmux.target)


async def discover(socket_paths: Sequence[str], private: Path) -> tuple[list[Candidate], list[Error]]:
    """The living panes of the user's tmux servers, and of those on `socket_paths`; and what could not be looked at.

    `private`: the socket of our own server, which is left out. A socket in the default directory that nobody listens on is no
    problem; one that was named is. Raises `BadField`.
    """
    for path in socket_paths:
        check_path("socket_paths", path)
    return await asyncio.to_thread(_discover, [Path(path) for path in socket_paths], private)


def check_path(field: str, words: str) -> None:
    """Raises `BadField` for what cannot be handed to a program or the system."""
    if "\0" in words:
        raise BadField(field=field, problem="it holds a null byte")


def default_directory() -> Path:
    """Where tmux keeps the sockets of this user's servers."""
    return Path(os.environ.get("TMUX_TMPDIR") or "/tmp") / f"tmux-{os.getuid()}"  # noqa: S108 - tmux's own place


def default_socket() -> Path:
    """The socket of a tmux that was started without `-L` and `-S`."""
    return default_directory() / "default"


def _resolve(path: Path, target: str) -> Tmux:
    exact, asked = which(target)
    try:
        pane = found(_command(path, *exact, ";", *asked))
    except CommandFailed:
        raise PaneNotFound(target=target, socket=path) from None
    if pane is None:
        raise PaneNotFound(target=target, socket=path)
    return Tmux(socket_path=str(path), target=target, pane_id=pane[0], server_pid=pane[1])


def which(target: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The commands whose answer `found` takes.

    Of a target that is half right, display-message makes the nearest pane there is; capture-pane refuses it.
    """
    exact = ("capture-pane", "-p", "-S", "0", "-E", "0", "-t", target)
    return exact, ("display-message", "-p", "-t", target, "#{pane_id} #{pid} #{pane_dead}")


def found(answer: Sequence[str]) -> tuple[str, int] | None:
    """The pane's id and its server's pid; None: there is no living pane of that name."""
    match = _FOUND.fullmatch(answer[-1] if answer else "")
    return None if match is None or match[3] == "1" else (match[1], int(match[2]))


def _discover(named: Sequence[Path], private: Path) -> tuple[list[Candidate], list[Error]]:
    candidates: list[Candidate] = []
    problems: list[Error] = []
    for path in dict.fromkeys((*_default_sockets(), *named)):
        if _same(path, private):
            continue
        try:
            candidates += candidates_of(_command(path, *LIST), str(path))
        except (TmuxServerNotFound, CommandFailed):  # a server that goes just now refuses the command
            if path in named:
                problems.append(_problem(TmuxServerNotFound(socket=path)))
        except SightlineError as error:
            return candidates, [_problem(error)]  # there is no tmux to ask
    return candidates, problems


def candidates_of(lines: Iterable[str], socket_path: str) -> Iterable[Candidate]:
    """The living panes that tmux lists."""
    panes: list[list[str]] = []
    for line in lines:
        if _FIRST.fullmatch(line):
            panes.append([])
        if panes:
            panes[-1].append(line)
    for facts, target, command, title, *cwd in panes:
        match = _FIRST.fullmatch(facts)
        if match is None or match[6] == "1":
            continue
        pane, pid, width, height, piped, _ = match.groups()
        yield Candidate(
            kind=SessionKind.SESSION_KIND_TMUX,
            tmux=Tmux(socket_path=socket_path, target=target, pane_id=pane, server_pid=int(pid)),
            command=command,
            title=title,
            cwd="\n".join(cwd),
            terminal=Terminal(columns=int(width), rows=int(height)),
            piped=piped == "1",
        )


def _command(path: Path, *words: str) -> list[str]:
    """What tmux commands print. Raises `TmuxNotInstalled`, `TmuxTooOld`, `TmuxServerNotFound`, `CommandFailed`."""
    server.program()
    # Not asked by tmux itself: it would remove the socket of a server that is only starting.
    if not _answers(path):
        raise TmuxServerNotFound(socket=path)
    import libtmux  # noqa: PLC0415 - 0.2 s, which a start of the server has no need of

    answer = libtmux.Server(socket_path=str(path)).cmd(*words)
    if answer.returncode:
        raise CommandFailed("\n".join(answer.stderr))
    return list(answer.stdout)


def _default_sockets() -> list[Path]:
    try:
        paths = [path for path in default_directory().iterdir() if is_utf8(str(path))]  # nobody could ask for another
        return sorted(path for path in paths if stat.S_ISSOCK(path.stat().st_mode))
    except OSError:
        return []


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(CONNECT_SECONDS)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False


def _problem(error: SightlineError) -> Error:
    return Error(code=error.reason, message=str(error), origin=ErrorOrigin.ERROR_ORIGIN_SIGHTLINE)
