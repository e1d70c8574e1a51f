"""Sightline's Python client.

    async with sightline.connect() as client:
        session = await client.create(["make", "-j2"])
        async for item in client.subscribe(session):
            ...

    result = await sightline.run(["make", "-j2"], on_event=print)

The map, one line per module:

    client        `connect`, `Client`: one method per RPC, with retries
    subscription  `Subscription`: a stream of events that resumes by itself
    running       `run`, `RunResult`: a command from start to end in one call
    sync          the same surface without async
    writer        `StreamWriter`: a file whose lines are output of a session
    log_handler   `LogHandler`: what a program logs, as events of a session
    errors        what can go wrong, as a tree
    target        where the server is and the token for it
    progress      how far a subscription is, and what to ask after a break (no I/O)
    requests      Python arguments to messages (no I/O)
    transport     the gRPC channel
    outbox        what a program says, on its way to its session
    relay         from a forked child to its parent
    v1            the generated messages and stubs

Names are loaded when they are first used: the server and tools import `sightline.v1` without loading the client or gRPC.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sightline import errors, sync
    from sightline.client import Client, connect
    from sightline.errors import Cancelled, SightlineError
    from sightline.log_handler import LogHandler
    from sightline.running import RunResult, run
    from sightline.subscription import Subscription
    from sightline.writer import StreamWriter

__all__ = [
    "Cancelled",
    "Client",
    "LogHandler",
    "RunResult",
    "SightlineError",
    "StreamWriter",
    "Subscription",
    "connect",
    "errors",
    "run",
    "sync",
]

_HOMES = {
    "Cancelled": "errors",
    "Client": "client",
    "LogHandler": "log_handler",
    "RunResult": "running",
    "SightlineError": "errors",
    "StreamWriter": "writer",
    "Subscription": "subscription",
    "connect": "client",
    "run": "running",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in _HOMES:
        return import_module(f"{__name__}.{name}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
