"""What a kind of source is to the server: from a request, or a stored session, to a source. Each kind has its file in `kinds/`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sightline.v1.event_pb2 import Error
from sightline.v1.session_pb2 import Command, Terminal
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_service_pb2 import Candidate, CreateRequest, DiscoverRequest

from sightline_server.capture.base import Sink, Source
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.typescript.writers import Lookout
from sightline_server.errors import BadField, CwdNotFound, EmptyArgv
from sightline_server.settings import Settings

DEFAULT_TERMINAL = Terminal(columns=80, rows=24)
MAX_CELLS = 10_000  # columns or rows of a terminal
MAX_ID = 128  # characters of an id that a caller makes up


@dataclass(frozen=True)
class Shared:
    """What all kinds have in common.

    Attributes:
        settings: where the server lives.
        environ: what a session's environment starts from, unless its request says otherwise.
        inotify: tells of all files.
        lookout: knows who writes them.
    """

    settings: Settings
    environ: Mapping[str, str]
    inotify: Inotify
    lookout: Lookout = field(default_factory=Lookout)

    def environment(self, request: CreateRequest) -> dict[str, str]:
        """The whole environment of a new session, but for `SIGHTLINE_SESSION_ID`."""
        return {**({} if request.clear_env else self.environ), **request.env}


class Kind(Protocol):
    """One kind of source. Errors are those of `sightline_server.errors`."""

    def check(self, request: CreateRequest) -> None:
        """Refuses what no state of things could fulfil."""
        ...

    def words(self, request: CreateRequest) -> Sequence[str]:
        """What a name could be made of."""
        ...

    async def record(self, request: CreateRequest) -> SessionMessage:
        """A new session's record as far as its source determines it, at least `kind`. What was named must be there."""
        ...

    def is_same(self, record: SessionMessage, other: SessionMessage) -> bool:
        """Whether two records of this kind follow one and the same thing, which must not be followed twice."""
        ...

    def new(self, request: CreateRequest, record: SessionMessage, sink: Sink) -> Source:
        """The source of a new session, to be started."""
        ...

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        """The source of a session that had not ended, to be resumed."""
        ...

    async def discover(self, request: DiscoverRequest) -> tuple[list[Candidate], list[Error]]:
        """What could be adopted, and what could not be looked at."""
        ...

    async def close(self) -> None:
        """The server goes."""
        ...


class StartedKind:
    """The part that is the same for every kind that Sightline starts itself, and that therefore cannot be adopted."""

    def words(self, request: CreateRequest) -> Sequence[str]:
        return request.command.argv

    def is_same(self, record: SessionMessage, other: SessionMessage) -> bool:
        return False

    async def discover(self, request: DiscoverRequest) -> tuple[list[Candidate], list[Error]]:
        return [], []

    async def close(self) -> None:
        """See `Kind`."""


def check_command(command: Command) -> None:
    """Refuses a command that cannot be started anywhere. Raises `EmptyArgv`, `BadField`."""
    if not command.argv or not command.argv[0]:
        raise EmptyArgv
    if any("\0" in word for word in command.argv):
        raise BadField(field="command.argv", problem="a zero byte ends a word for every program: it cannot be given")
    for name, cells in (("columns", command.terminal.columns), ("rows", command.terminal.rows)):
        if cells > MAX_CELLS:
            raise BadField(field=f"command.terminal.{name}", problem=f"at most {MAX_CELLS}")


def terminal_of(command: Command) -> Terminal:
    """The size that a command's terminal begins with."""
    return terminal_of_size(command.terminal)


def terminal_of_size(size: Terminal) -> Terminal:
    """A size that was asked for, with what was left out."""
    return Terminal(columns=size.columns or DEFAULT_TERMINAL.columns, rows=size.rows or DEFAULT_TERMINAL.rows)


def directory(cwd: str) -> str:
    """An absolute directory: the home of the server's user when none is given. Raises `CwdNotFound` for a relative one."""
    if not cwd:
        return str(Path.home())
    if not os.path.isabs(cwd):
        raise CwdNotFound(cwd=cwd)
    return os.path.normpath(cwd)
