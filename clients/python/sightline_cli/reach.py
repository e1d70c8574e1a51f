"""The way to a server: the one that runs or, for a command that can do without, one in this process that keeps nothing."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sightline_cli import codes, people
from sightline_cli.command import Complaint

if TYPE_CHECKING:
    from sightline import Client

IN_PROCESS = "no server runs: this run is kept in memory only and gone when it ends (`sightline serve` starts a server)"
MAX_SOCKET = 107  # bytes in the path of a Unix socket


@dataclass(frozen=True)
class Place:
    """Where a session runs.

    Attributes:
        client: the way to its server.
        local: the server is this process: when it goes, the session goes.
    """

    client: Client
    local: bool = False


@asynccontextmanager
async def server(chosen: argparse.Namespace) -> AsyncIterator[Client]:
    """A client of the server that the arguments or the environment name. The first call says if there is none."""
    import sightline  # noqa: PLC0415

    async with sightline.connect(chosen.target) as client:
        yield client


@asynccontextmanager
async def server_or_own(chosen: argparse.Namespace) -> AsyncIterator[Place]:
    """The server or, when none runs and none was asked for by name, one in this process."""
    from sightline import errors  # noqa: PLC0415

    async with server(chosen) as client:
        try:
            await anyone(client)
        except errors.ServerNotFound:
            if chosen.target or os.environ.get("SIGHTLINE_TARGET"):
                raise
        else:
            yield Place(client)
            return
    note(IN_PROCESS)
    import sightline  # noqa: PLC0415

    async with own_server() as target, sightline.connect(target) as client:
        yield Place(client, local=True)


async def each(sessions: Sequence[str], do: Callable[[str], Awaitable[object]]) -> int:
    """Does it to every session, also when one of them cannot be; each failure is a line, and then the code is 1."""
    from sightline import errors  # noqa: PLC0415

    code = codes.OK
    for session in sessions:
        try:
            await do(session)
        except errors.Unavailable:
            raise
        except errors.SightlineError as error:
            print(f"sightline: {error.message}", file=sys.stderr)
            code = codes.FAILED
    return code


async def anyone(client: Client) -> None:
    """Returns when the server answers. Raises ServerNotFound when there is none."""
    async for _ in client.list(name="-"):
        return


@asynccontextmanager
async def own_server() -> AsyncIterator[str]:
    """A server in this process, reached through a Unix socket only; what it knows is in memory and in a directory that goes too."""
    import shutil  # noqa: PLC0415
    import tempfile  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    from sightline_server.app import Application  # noqa: PLC0415
    from sightline_server.errors import SightlineError  # noqa: PLC0415
    from sightline_server.settings import Settings, load  # noqa: PLC0415

    # A home's path must leave room for the names of sockets in it.
    base = tempfile.gettempdir()
    home = Path(tempfile.mkdtemp(prefix="sightline-", dir=base if len(base) < MAX_SOCKET - 40 else "/tmp"))  # noqa: S108 - mkdtemp: 0700
    try:
        ssh = load({"home": str(home)}, os.environ).ssh
        settings = Settings(home=home, memory=True, grpc_address=None, ssh=ssh)
        application = Application(settings)
        await application.start()
        try:
            yield f"unix:{settings.socket}"
        finally:
            await application.stop(end_sessions=True)
    except SightlineError as error:
        raise Complaint(str(error)) from error
    finally:
        shutil.rmtree(home, ignore_errors=True)


class Connection:
    """What a person is told when the server goes away and comes back: what `subscribe` calls.

    Args:
        say: shows one line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lost: float | None = None

    def lost(self, *_: object) -> None:
        """The stream broke: once for each time."""
        if self._lost is None:
            self._lost = time.monotonic()
            self._say("the server went away (it was stopped or killed): waiting for it; the session goes on, and nothing is lost")

    def back(self, *_: object) -> None:
        """The stream goes on."""
        if self._lost is not None:
            self._say(f"the server is back after {people.span(time.monotonic() - self._lost)}: going on where it stopped")
            self._lost = None


def note(text: str) -> None:
    """One line of our own on stderr."""
    colour = people.wants_colour(sys.stderr)
    sys.stderr.write(f"[sightline] {people.paint(text, 'dim', colour)}\n")
    sys.stderr.flush()
