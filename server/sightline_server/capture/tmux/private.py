"""The private tmux server: where terminals that Sightline starts live, so that they outlive it.

Knows its configuration and how a pane is made there. It starts with the first pane and goes with the last one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sightline_server.capture import processes
from sightline_server.capture.tmux.control import CommandFailed
from sightline_server.capture.tmux.pane import Held
from sightline_server.capture.tmux.protocol import escape_time
from sightline_server.capture.tmux.server import TmuxServer
from sightline_server.errors import SightlineError, TmuxServerNotFound

TRIES = 3  # to make a pane while the server is just going with its last one
HISTORY_LINES = 2000  # for somebody who attaches to it; the log has all of it

_CONFIG = f"""\
# Written by Sightline: changes are lost.
set -s escape-time 0
set -s exit-empty on
set -s set-clipboard off
set -g history-limit {HISTORY_LINES}
set -g status off
set -g set-titles off
set -g update-environment ''
set -g detach-on-destroy off
set -g destroy-unattached off
set -g allow-rename off
set -g automatic-rename off
set -gq allow-passthrough off
set -g remain-on-exit on
set -gq remain-on-exit-format ''
"""


class PrivateServer(TmuxServer):
    """The private server of one home directory.

    Args:
        home: the directory: its socket is `tmux.sock` there, its configuration `tmux.conf`.
    """

    def __init__(self, home: Path) -> None:
        super().__init__(home / "tmux.sock", home / "tmux.conf")
        self._home = home
        self._configuring = asyncio.Lock()

    async def create(self, name: str, size: tuple[int, int], *, launcher: Sequence[str], piped_to: str) -> Held:
        """Makes a pane in a session of its own, which runs `launcher`, and pipes it to a shell command.

        The pane stays when its program has exited, until it is killed. Raises `CommandFailed`, `TmuxNotInstalled` and so on.
        """
        async with self._configuring:
            await asyncio.to_thread(self._write_config)
        columns, rows = (str(cells) for cells in size)
        made = ["new-session", "-d", "-s", name, "-x", columns, "-y", rows, "-c", "/", "--", *launcher]
        # Makes the window's size its own, whoever attaches; as a global option, `window-size manual` kills tmux 3.3a.
        sized = ["resize-window", "-x", columns, "-y", rows]
        pipe = ["pipe-pane", escape_time(piped_to)]
        facts = ["display-message", "-p", "#{pane_id} #{pane_tty} #{pid} #{pane_pid}"]
        for remaining in reversed(range(TRIES)):
            try:
                lines = await self.run(made, sized, pipe, facts)
            except TmuxServerNotFound:
                if not remaining:
                    raise
            else:
                return await self._held(lines[-1])
        raise AssertionError

    async def _held(self, facts: str) -> Held:
        pane, tty, *pids = facts.split()
        server, program = (processes.identify(int(pid)) for pid in pids)
        if server is None or program is None:
            raise CommandFailed("the terminal was closed at once")
        # The server before this one may just be going, with our client still attached to it.
        await self.leave_others(server.pid)
        return Held(pane, tty, server, program)

    async def resize(self, pane: str, columns: int, rows: int) -> None:
        """Sets a pane's size. Raises as `ask` does."""
        await self.query(pane, ["resize-window", "-t", pane, "-x", str(columns), "-y", str(rows)])

    async def kill(self, pane: str) -> None:
        """Removes a pane; the server goes with its last one. One that is gone needs no removing."""
        with suppress(CommandFailed, SightlineError):
            await self.run(["kill-pane", "-t", pane])

    async def kill_session(self, name: str) -> None:
        """Removes what `create` made under a name; nothing there needs no removing."""
        with suppress(CommandFailed, SightlineError):
            await self.run(["kill-session", "-t", f"={name}"])

    def _write_config(self) -> None:
        config = f"{_CONFIG}set -g default-terminal {_terminal()}\n"
        if self._config_is(config):
            return
        fresh = self._home / ".tmux.conf.new"
        fresh.write_text(config, encoding="utf-8")
        fresh.replace(self._home / "tmux.conf")

    def _config_is(self, config: str) -> bool:
        with suppress(FileNotFoundError):
            return (self._home / "tmux.conf").read_text(encoding="utf-8") == config
        return False


def _terminal() -> str:
    """The best description of tmux's terminal that this machine has: programs look it up by `TERM`."""
    places = [Path(place) for place in ("/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/lib/terminfo")]
    for name in ("tmux-256color", "screen-256color"):
        if any((place / letter / name).exists() for place in places for letter in (name[0], f"{ord(name[0]):x}")):
            return name
    return "screen"
