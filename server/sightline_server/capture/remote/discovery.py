"""Looking around on a host: which panes could be adopted there, and which one a target means. Asks, and changes nothing."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Iterable

from sightline.v1.event_pb2 import Error, ErrorOrigin
from sightline.v1.session_pb2 import SessionKind, Tmux, Typescript
from sightline.v1.session_service_pb2 import Candidate, DiscoverRequest

from sightline_server.capture.remote.host import Facts, Host
from sightline_server.capture.remote.pane import RemoteTmux
from sightline_server.capture.remote.scripts import quote
from sightline_server.capture.tmux import discovery
from sightline_server.capture.tmux.control import CommandFailed
from sightline_server.errors import (
    BadField,
    FileNotThere,
    HostUnreachable,
    PaneNotFound,
    SightlineError,
    TmuxServerNotFound,
)

DISCOVER_SECONDS = 5.0  # for one host
FEATURE = "following a pane"


async def resolve(host: Host, tmux: Tmux) -> Tmux:
    """The pane that a target means, with its id, its server's pid and its socket filled in. Raises as `tmux.discovery.resolve`."""
    if not tmux.target:
        raise BadField(field="tmux.target", problem="say which pane: `session:window.pane`, or an id such as %3")
    discovery.check_path("tmux.socket_path", tmux.socket_path)
    discovery.check_path("tmux.target", tmux.target)
    facts = await host.connected()
    host.need_tmux(FEATURE)
    path = tmux.socket_path or f"{facts.sockets}/default"
    where = f"{path} on {host.name}"
    try:
        lines = await RemoteTmux(host, path).run(*discovery.which(tmux.target))
    except CommandFailed:
        raise PaneNotFound(target=tmux.target, socket=where) from None
    except TmuxServerNotFound:
        raise TmuxServerNotFound(socket=where) from None
    found = discovery.found(lines)
    if found is None:
        raise PaneNotFound(target=tmux.target, socket=where)
    pane, pid = found
    return Tmux(socket_path=path, target=tmux.target, pane_id=pane, server_pid=pid)


async def discover(host: Host, request: DiscoverRequest) -> tuple[list[Candidate], list[Error]]:
    """The panes and typescripts of one host, and what could not be looked at; it takes no longer than `DISCOVER_SECONDS`."""
    try:
        async with asyncio.timeout(DISCOVER_SECONDS):
            return await _discover(host, request)
    except TimeoutError:
        return [], [_problem(host, HostUnreachable(host=host.name, why=f"it did not answer within {DISCOVER_SECONDS:.0f} s"))]
    except SightlineError as error:
        return [], [_problem(host, error)]


async def _discover(host: Host, request: DiscoverRequest) -> tuple[list[Candidate], list[Error]]:
    facts = await host.connected()
    candidates, problems = await _typescripts(host, facts, request.directories)
    try:
        host.need_tmux(FEATURE)
        panes, more = await _panes(host, facts, list(request.socket_paths))
        candidates, problems = panes + candidates, problems + more
    except SightlineError as error:
        problems.append(_problem(host, error))
    for candidate in candidates:
        candidate.host = host.name
    return candidates, problems


async def _panes(host: Host, facts: Facts, socket_paths: list[str]) -> tuple[list[Candidate], list[Error]]:
    candidates: list[Candidate] = []
    problems: list[Error] = []
    for path in dict.fromkeys((*await _sockets(host, facts), *socket_paths)):
        try:
            lines = await RemoteTmux(host, path).run(discovery.LIST)
        except (TmuxServerNotFound, CommandFailed):
            if path in socket_paths:
                problems.append(_problem(host, TmuxServerNotFound(socket=f"{path} on {host.name}")))
        except SightlineError as error:
            problems.append(_problem(host, error))
        else:
            candidates += discovery.candidates_of(lines, path)
    return candidates, problems


async def _typescripts(host: Host, facts: Facts, directories: Iterable[str]) -> tuple[list[Candidate], list[Error]]:
    candidates: list[Candidate] = []
    problems: list[Error] = []
    for directory in dict.fromkeys(posixpath.join(facts.home, directory) for directory in directories):
        files = f'set +f; for sl_file in {quote(directory)}/*.typescript; do [ -f "$sl_file" ] && echo "$sl_file"; done; set -f'
        if not await host.ask(f"[ ! -d {quote(directory)} ] || echo there"):
            problems.append(_problem(host, FileNotThere(path=f"{directory} on {host.name}")))
        for path in (await host.ask(files)).splitlines():
            candidate = Candidate(kind=SessionKind.SESSION_KIND_TYPESCRIPT, typescript=Typescript(path=path))
            candidate.title = posixpath.basename(path).removesuffix(".typescript")
            candidates.append(candidate)
    return candidates, problems


async def _sockets(host: Host, facts: Facts) -> list[str]:
    look = f'set +f; for sl_file in {quote(facts.sockets)}/*; do [ -S "$sl_file" ] && echo "$sl_file"; done; set -f'
    return (await host.ask(look)).splitlines()


def _problem(host: Host, error: SightlineError) -> Error:
    text = str(error)
    return Error(
        code=error.reason,
        message=text if host.name in text else f"{host.name}: {text}",
        origin=ErrorOrigin.ERROR_ORIGIN_SIGHTLINE,
    )
