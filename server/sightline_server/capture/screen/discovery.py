"""Looking around in the user's screen sessions: which window a request means, what could be adopted, what is recorded.

Asks `screen` for its sessions and /proc for the rest; changes nothing, and shows nothing to whoever is attached.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from sightline.v1.event_pb2 import Error, ErrorOrigin
from sightline.v1.session_pb2 import Screen, SessionKind, Terminal, Typescript
from sightline.v1.session_service_pb2 import Candidate

from sightline_server import errors
from sightline_server.capture.paths import is_utf8, utf8
from sightline_server.capture.processes import Identity
from sightline_server.capture.screen import windows
from sightline_server.capture.screen.client import Listed, ScreenProgram
from sightline_server.capture.screen.windows import Window
from sightline_server.capture.typescript.writers import Writers

YOUNG_SECONDS = 1.0  # for a new session to open its first window
TICK_SECONDS = 0.01  # between looks for it

_CURRENT = re.compile(r"(\d+)")
_DESCENT = 100  # generations that are looked through


@dataclass(frozen=True)
class Pair:
    """A window in which `script` writes a typescript.

    Attributes:
        screen: the window, as a session's record has it.
        typescript: the file, as a session's record has it.
        script: the process that writes.
        direct: the window's program is that `script`, or the file is named after the session: they are one thing.
    """

    screen: Screen
    typescript: Typescript
    script: Identity
    direct: bool


async def resolve(program: ScreenProgram, asked: Screen) -> tuple[Listed, Window]:
    """The window that a request means.

    Raises `BadField`, `ScreenNotInstalled`, `ScreenSilent`, `ScreenNotFound`, `ScreenAmbiguous`, `ScreenWindowNotFound`.
    """
    if not asked.name or "\0" in asked.name:
        raise errors.BadField(field="screen.name", problem="say which session: NAME or PID.NAME, as `screen -ls` shows it")
    session = _one(asked, [listed for listed in await program.sessions() if not listed.dead])
    there = await _windows(session.pid)
    number = asked.window if asked.HasField("window") else await _current(program, session, there)
    for window in there:
        if window.number == number:
            return session, window
    listing = ", ".join(str(window.number) for window in there) or "none"
    raise errors.ScreenWindowNotFound(name=session.address, window=number, there=listing)


async def discover(program: ScreenProgram) -> tuple[list[Candidate], list[Error]]:
    """Every window of this user's living sessions; and what could not be looked at."""
    try:
        sessions = await program.sessions()
    except errors.SightlineError as error:
        return [], [Error(code=error.reason, message=str(error), origin=ErrorOrigin.ERROR_ORIGIN_SIGHTLINE)]
    found = await asyncio.to_thread(
        lambda: [_candidate(one, w) for one in sessions if not one.dead for w in windows.windows(one.pid)]
    )
    return found, []


def pairs(sessions: list[Listed], writers: Writers) -> list[Pair]:
    """The windows in which a `script` writes, wherever in them it was started. Looks at /proc: call it in a thread."""
    scripts = {
        one.process.pid: one for who in writers.values() for one in who if one.program == "script" and _is_typescript(one.path)
    }
    found = []
    for session in sessions if scripts else ():
        for window in windows.windows(session.pid):
            for pid, writer in scripts.items():
                if pid == window.program.pid or _descends(pid, window.program.pid):
                    path = _target(writer.path)
                    screen = Screen(name=session.address, pid=session.pid, window=window.number)
                    direct = pid == window.program.pid or Path(path).stem == session.name
                    found.append(Pair(screen, Typescript(path=path), writer.process, direct))
    return found


def listed(screen: Screen) -> Listed:
    """The session of a window."""
    return Listed(screen.pid, screen.name.partition(".")[2], "")


def terminal_of(script: int) -> str:
    """The terminal that a `script` made for its program; empty: it has none yet, or it cannot be seen."""
    own = windows.tty(script)
    return next((tty for tty in map(windows.tty, windows.descendants(script)) if tty and tty != own), "")


def _one(asked: Screen, sessions: list[Listed]) -> Listed:
    if asked.pid:
        sessions = [session for session in sessions if session.pid == asked.pid]
    for names in ([one for one in sessions if one.address == asked.name], [one for one in sessions if one.name == asked.name]):
        if len(names) > 1:
            raise errors.ScreenAmbiguous(name=asked.name, sessions=", ".join(sorted(one.address for one in names)))
        if names:
            return names[0]
    raise errors.ScreenNotFound(name=asked.name)


async def _windows(pid: int) -> list[Window]:
    """The windows of a session; one that has only just been started is given a moment to open its first."""
    deadline = time.monotonic() + YOUNG_SECONDS
    while True:
        there = await asyncio.to_thread(windows.windows, pid)
        if there or time.monotonic() > deadline:
            return there
        await asyncio.sleep(TICK_SECONDS)


async def _current(program: ScreenProgram, session: Listed, there: list[Window]) -> int:
    if len(there) == 1:
        return there[0].number
    found = _CURRENT.match(await program.query(session.address, "", "number") or "")
    return int(found[1]) if found else 0


def _candidate(session: Listed, window: Window) -> Candidate:
    columns, rows = windows.size(window.tty)
    return Candidate(
        kind=SessionKind.SESSION_KIND_SCREEN,
        screen=Screen(name=session.address, pid=session.pid, window=window.number),
        command=utf8(windows.foreground(window)),
        title=session.name,
        cwd=utf8(windows.directory(window)),
        terminal=Terminal(columns=columns, rows=rows) if columns else None,
    )


def _descends(pid: int, ancestor: int) -> bool:
    return any(parent == ancestor for _, parent in zip(range(_DESCENT), windows.ancestors(pid), strict=False))


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _is_typescript(link: str) -> bool:
    """`script` writes its timing too."""
    path = _target(link)
    return is_utf8(path) and bool(path) and not path.endswith((".timing", " (deleted)"))
