"""A process that follows a window of screen, to be killed: `SPOOL LOG NAME`. It begins, or goes on where another one was killed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from pathlib import Path

from server.capture.screen.rooms import FileSink
from sightline.v1.session_pb2 import Screen
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.screen.adopted import AdoptedSource
from sightline_server.capture.screen.client import ScreenProgram


async def host(spool: Path, log: Path, name: str) -> None:
    """Follows until killed."""
    sink = FileSink(spool, log)
    source = AdoptedSource(sink, Inotify(), ScreenProgram(os.environ), Counter(), screen=Screen(name=name))
    if (spool / "screen.json").exists():
        await source.resume()
    else:
        await source.start()
    (log / "following").touch()
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(host(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
