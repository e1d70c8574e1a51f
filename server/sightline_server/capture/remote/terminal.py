"""Terminals that Sightline starts on a host: each in a tmux server of its own there, which goes with it.

Knows how one begins and how its end is known; the rest is done by `sh/program.sh` and `sh/spool.sh`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

from sightline.v1.session_pb2 import SessionKind

from sightline_server import errors
from sightline_server.capture.base import Ending, Sink
from sightline_server.capture.remote.host import Host
from sightline_server.capture.remote.pane import RemoteTmux
from sightline_server.capture.remote.panes import RemotePaneSource
from sightline_server.capture.remote.program import Program, count_left, lay_out, read_exit, until_started, words_of
from sightline_server.capture.remote.scripts import PANE_SEGMENTS, TMUX_CONFIG, line
from sightline_server.capture.remote.shell import Refused
from sightline_server.capture.remote.source import Place
from sightline_server.capture.remote.stream import Stream
from sightline_server.capture.tmux.control import CommandFailed
from sightline_server.capture.tmux.protocol import escape_argument, escape_time
from sightline_server.errors import SightlineError

FEATURE = "a terminal on another host"
MARK_SECONDS = 5.0  # for the marker behind a program's last byte, while no other byte comes; then its end is told without
LOST = "its tmux server on the host was ended, or its launcher killed: how the program ended is not known"


class RemoteTerminal(RemotePaneSource):
    """A terminal of our own on a host.

    For `start` it needs the `program` and the size; a source that resumes needs neither.
    """

    kind = SessionKind.SESSION_KIND_TERMINAL

    def __init__(self, sink: Sink, host: Host, *, program: Program | None = None, size: tuple[int, int] = (80, 24)) -> None:
        super().__init__(sink, host)
        self._program = program
        self._size = size
        self._marking: asyncio.Task[None] | None = None
        self._spooled = 0  # bytes, when the marker began to be waited for

    async def start(self) -> None:
        """See `Source`."""
        program, self._program = self._program, None  # it may hold secrets, and nobody needs it any more
        assert program is not None  # noqa: S101 - a new one has it
        facts = await self._begin_place()
        self._host.need_tmux(FEATURE)
        self._host.need_tools(FEATURE)
        try:
            await lay_out(self._host, facts, self._sink.session_id, program, {"tmux.conf": TMUX_CONFIG})
            await self._create(program)
            await until_started(self._host, self._directory, program)
            self._follow()
        except BaseException as error:
            await self._undo()
            if isinstance(error, CommandFailed | Refused):
                raise errors.ProgramNotStarted(program=program.argv[0], why=f"the host says: {error}") from None
            raise

    async def resize(self, columns: int, rows: int) -> None:
        """See `Source`."""
        pane = self._present()
        try:
            await pane.server.ask(pane.pane_id, ["resize-window", "-t", pane.pane_id, "-x", str(columns), "-y", str(rows)])
        except CommandFailed as error:
            raise errors.SourceGone(session=self._sink.session_name, why=str(error)) from None

    async def _look(self) -> Ending | None:
        (stream,) = self._streams
        if stream.ended:
            await stream.settle()
            ending = await read_exit(self._host, self._directory)
            return ending or Ending(observed=False, error=LOST)
        if "exit" in self._news and (self._marking is None or self._marking.done()):
            await self._await_marker(stream)
        if await self._writer_was_killed(stream):
            await self._without_writer()
        return None

    async def _await_marker(self, stream: Stream) -> None:
        """The program has ended: its marker comes, or it has left its terminal in such a way that none comes through."""
        spooled = await stream.size()
        if self._marking and spooled == self._spooled and stream.offset >= spooled:
            stream.finish()
            return
        self._spooled = spooled
        self._marking = asyncio.create_task(asyncio.sleep(MARK_SECONDS))
        self._marking.add_done_callback(lambda _task: self._changed.set())

    async def _without_writer(self) -> None:
        """Nobody fills the spool any more, and its end was not marked: the writer was killed, and the pane gets a new one."""
        pane = self._present()
        try:
            await pane.server.run(["pipe-pane", "-t", pane.pane_id, escape_time(self._pipe())])
        except (CommandFailed, SightlineError):
            self._host.check_up()
            (stream,) = self._streams
            stream.finish()  # there is no pane any more
            return
        await self._note_hole("the process that kept this terminal's output was killed: what was written meanwhile is not known")

    async def _completed(self, ending: Ending) -> Ending:
        screen = None
        left = 0
        with suppress(SightlineError, Refused):
            screen = await self.snapshot()
            screen.exact = True
        with suppress(SightlineError, Refused):
            left = await count_left(self._host, self._sink.session_id) - await self._holders()
        await self._kill()
        return replace(ending, screen=screen, descendants_left=max(0, left))

    async def _holders(self) -> int:
        """1 while the shell that has started the program still holds the pane: it is ours, and goes with it."""
        return int(await self._host.ask(f"kill -0 $(cat {line(f'{self._directory}/program')}) 2>/dev/null && echo 1 || echo 0"))

    # --- starting and ending

    async def _create(self, program: Program) -> None:
        assert self._held is not None  # noqa: S101 - its place is known
        directory, columns, rows = self._directory, *map(str, self._size)
        server = RemoteTmux(self._host, f"{directory}/tmux")
        words = words_of(directory, self._sink.session_id, "terminal", program)
        made = ["new-session", "-d", "-s", self._sink.session_id, "-x", columns, "-y", rows, "-c", "/", "--", *words]
        sized = ["resize-window", "-x", columns, "-y", rows]
        pipe = ["pipe-pane", escape_time(self._pipe())]
        facts = ["display-message", "-p", "#{pane_id} #{pane_tty} #{pid}"]
        all_ = [word for command in (made, sized, pipe, facts) for word in (";", *map(escape_argument, command))][1:]
        conf = f"{directory}/tmux.conf"
        terminal = (
            "for sl_file in /etc/terminfo /lib/terminfo /usr/share/terminfo /usr/lib/terminfo; do "
            f'[ -e "$sl_file/t/tmux-256color" ] && echo "set -g default-terminal tmux-256color" >>{line(conf)}; done'
        )
        start = line("sl_tmux", "-S", str(server.socket), "-f", conf, *all_)
        lines = await server.run_in_shell(f"{terminal}; {start}")
        pane, tty, pid = lines[-1].split()
        held = Place(directory, pane, tty, str(server.socket), await self._host.ask(line("sl_who", pid)))
        held.write(self._sink.directory)
        self._hold(held)

    def _pipe(self) -> str:
        """The shell command that a pane is piped to."""
        return line(
            "exec", "sh", f"{self._directory}/spool.sh", self._directory, "terminal", f"drop {PANE_SEGMENTS}", self._sink.session_id
        )

    async def _undo(self) -> None:
        """Leaves nothing of a start that failed."""
        with suppress(SightlineError, Refused):
            await self._signal(9)
        await self._kill()
        await self._forget()

    async def _kill(self) -> None:
        """Ends the tmux server; it has this one pane."""
        with suppress(SightlineError, Refused, CommandFailed):
            await RemoteTmux(self._host, f"{self._directory}/tmux").run(["kill-server"])
