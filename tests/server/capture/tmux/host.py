"""A process that hosts a source, to be killed: `terminal HOME SPOOL LOG ARGV...` or `adopted SOCKET PANE PID SPOOL LOG`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from server.capture.tmux.rooms import ENVIRONMENT, FileSink
from sightline.v1.session_pb2 import Tmux
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.tmux import AdoptedSource, TerminalSource
from sightline_server.capture.tmux.private import PrivateServer
from sightline_server.capture.tmux.server import TmuxServer


async def host(kind: str, words: list[str]) -> None:
    """Starts the source and follows it until killed."""
    source: AdoptedSource | TerminalSource
    if kind == "terminal":
        home, spool, log, *argv = words
        sink = FileSink(Path(spool), Path(log))
        source = TerminalSource(sink, Inotify(), PrivateServer(Path(home)), argv=argv, env=ENVIRONMENT, cwd=home)
    else:
        socket, pane, pid, spool, log = words
        tmux = Tmux(socket_path=socket, target=pane, pane_id=pane, server_pid=int(pid))
        source = AdoptedSource(FileSink(Path(spool), Path(log)), Inotify(), TmuxServer(Path(socket)), pane=tmux)
    await source.start()
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(host(sys.argv[1], sys.argv[2:]))
