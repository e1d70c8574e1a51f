"""The hook itself. It runs within the agent's turn, so it is gone in a moment, whatever is the matter: exit code 0, not a word."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import NoReturn

from sightline_cli.hooks import queue

MAX_PAYLOAD = 8 * 1024 * 1024  # bytes; the whole of a larger one is not kept
PATIENCE = 2  # seconds for a payload whose writer does not close its end


def take() -> NoReturn:
    """Leaves what stands on standard input in the queue, sees to it that somebody forwards it, and ends the process."""
    try:
        signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
        signal.alarm(PATIENCE)
        payload = _read()
        path = queue.directory(os.environ) if payload else None
        session = os.environ.get("SIGHTLINE_SESSION_ID", "")
        if path and queue.append(path, session, payload, time.time_ns()) and not queue.wake(path):
            start(path)
    finally:
        os._exit(0)


def _read() -> bytes:
    parts, size = [], 0
    while part := os.read(0, 1 << 20):
        parts.append(part)
        size += len(part)
    return b"".join(parts) if size <= MAX_PAYLOAD else b""


def start(path: str) -> None:
    """Starts the forwarder: nobody's child, in a session of its own, with nothing of the agent's open.

    It does not belong to the agent's session: it must not be counted or ended with it.
    """
    environ = {name: value for name, value in os.environ.items() if name != "SIGHTLINE_SESSION_ID"}
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.set_inheritable(int(name), False)
            except OSError:
                continue  # the listing's own
    nothing = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_RDWR, 0) for descriptor in range(3)]
    argv = [sys.executable, "-P", "-m", "sightline_cli.hooks", path]  # -P: nothing of the directory that the agent works in
    os.posix_spawn(sys.executable, argv, environ, file_actions=nothing, setsid=True)
