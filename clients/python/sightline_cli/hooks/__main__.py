"""The forwarder's start: `python -m sightline_cli.hooks DIRECTORY`. Whoever comes second is gone before it has cost much."""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import suppress

from sightline_cli.hooks import queue


def main(path: str) -> None:
    """Forwards, unless somebody else does. The lock's file says who."""
    lock = os.open(os.path.join(path, queue.LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return
    os.ftruncate(lock, 0)
    os.write(lock, b"%d\n" % os.getpid())
    with suppress(FileExistsError):
        os.mkfifo(os.path.join(path, queue.WAKE), 0o600)
    # Open for writing too: so it never comes to an end when a hook has closed it.
    wake = os.open(os.path.join(path, queue.WAKE), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    os.nice(5)  # the agent's own work comes first
    os.chdir("/")
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    import asyncio  # noqa: PLC0415

    from sightline_cli.hooks.forwarding import run  # noqa: PLC0415

    asyncio.run(run(path, wake))


if __name__ == "__main__":
    main(sys.argv[1])
