"""A pane's pipe: `pipe-pane` into a relay of ours, its start, its identity and its end.

Knows tmux's pipes and the relay's files, nothing of sinks. The bytes are the pump's affair.
"""

from __future__ import annotations

import shlex
import signal as signals
from pathlib import Path

from sightline_server.capture import processes, relay
from sightline_server.capture.processes import Identity
from sightline_server.capture.tmux.protocol import escape_time, quote
from sightline_server.capture.tmux.server import TmuxServer

CHANNEL = "terminal"
SEGMENTS = relay.PANE_SEGMENTS  # that a relay may leave unread


def shell_command(directory: Path) -> str:
    """What `pipe-pane` is to give to sh, formats not yet escaped: a relay that writes into this directory."""
    return "exec " + shlex.join([*relay.command_line("pane", str(directory)), str(SEGMENTS)])


async def open_pipe(server: TmuxServer, pane: str, directory: Path) -> bool:
    """Pipes a pane into a relay. False: it has a pipe already, which stays as it is. Raises as `TmuxServer.run` does.

    The look and the pipe are one command, so that nobody's pipe can be taken in between.
    """
    pipe = b"pipe-pane -t %s %s" % (quote(pane), quote(escape_time(shell_command(directory))))
    look = ["display-message", "-p", "-t", pane, "#{pane_pipe}"]
    # By a process of its own: over the held client the command inside would answer too.
    before = await server.run(look, ["if-shell", "-F", "-t", pane, "#{pane_pipe}", "", pipe])
    return before == ["0"]


async def replace_pipe(server: TmuxServer, pane: str, directory: Path) -> None:
    """Pipes a pane into a relay, in the place of one that was killed. Raises as `TmuxServer.ask` does."""
    await server.ask(pane, ["pipe-pane", "-t", pane, escape_time(shell_command(directory))])


async def close_pipe(server: TmuxServer, pane: str, ours: Identity) -> None:
    """Closes a pane's pipe if it is ours: a pane has one, and a relay that lost it is gone. Raises as `TmuxServer.ask` does."""
    if processes.alive(ours):
        await server.ask(pane, ["pipe-pane", "-t", pane])


def read_relay(directory: Path) -> Identity | None:
    """The relay that writes, or wrote, into a directory; None: none has said so."""
    try:
        lines = (directory / "started").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return None
    words = {line.split()[0]: line.split()[1:] for line in lines}
    pid, start = words["relay"]
    return Identity(int(pid), int(start), words["boot"][0])


def has_ended(directory: Path) -> bool:
    """A relay has seen the end of its pipe; False: it runs, or was killed."""
    return (directory / f"{CHANNEL}.end").exists()


def finish(ours: Identity) -> None:
    """Tells a relay to take what is there now, and to end."""
    processes.send_signal(ours, signals.SIGTERM)
