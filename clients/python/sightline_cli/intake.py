"""Reading a descriptor without stopping everything else. Knows bytes and the event loop, nothing of sessions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

from sightline_cli.outlet import settle

CHUNK = 64 * 1024  # bytes in one read


async def chunks(descriptor: int) -> AsyncIterator[bytes]:
    """What can be read there, as it comes, until its end. Nothing is read ahead of whoever iterates."""
    while True:
        await readable(descriptor)
        try:
            data = os.read(descriptor, CHUNK)
        except BlockingIOError:
            continue
        except OSError:
            return  # a terminal that was hung up
        if not data:
            return
        yield data


async def readable(descriptor: int) -> None:
    """Returns when a read would not wait. A regular file never waits."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    try:
        loop.add_reader(descriptor, settle, ready)
    except PermissionError:  # epoll takes no regular files and no /dev/null
        await asyncio.sleep(0)
        return
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)
