"""Commands in pipes on a host: their outputs apart, held back by spools that nobody reads, the exit code in a file there.

Knows how one begins, is typed to and ends; the rest is done by `sh/program.sh` and `sh/spool.sh`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

from sightline.v1.session_pb2 import SessionKind

from sightline_server import errors
from sightline_server.capture.base import Ending, Sink, Typed
from sightline_server.capture.remote.host import Host
from sightline_server.capture.remote.program import Program, count_left, lay_out, read_exit, until_started, words_of
from sightline_server.capture.remote.scripts import line, octal
from sightline_server.capture.remote.shell import Refused
from sightline_server.capture.remote.source import RemoteSource
from sightline_server.errors import SightlineError

FEATURE = "a command in pipes on another host"
LINGER_SECONDS = 1.0  # after the exit, for the pipes to end; whoever holds them then is left behind
MAX_INPUT = 1024 * 1024  # bytes in one send
MAX_UNREAD = 16  # sends that a program may leave unread
TICK_SECONDS = 0.05  # between looks at whether all that is there was read
LOST = "the shell that held the program was killed, or the host was restarted: how the program ended is not known"


class RemoteCommand(RemoteSource):
    """A program in pipes on a host.

    For `start` it needs the `program`; a source that resumes does not.
    """

    kind = SessionKind.SESSION_KIND_COMMAND
    channels = ("stdout", "stderr")

    def __init__(self, sink: Sink, host: Host, *, program: Program | None = None, stdin_open: bool = False) -> None:
        super().__init__(sink, host)
        self._program = program
        self._stdin_open = stdin_open
        self._stdin_closed = False
        self._root = 0
        self._lingering: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """See `Source`."""
        program, self._program = self._program, None  # it may hold secrets, and nobody needs it any more
        assert program is not None  # noqa: S101 - a new one has it
        facts = await self._begin_place()
        self._host.need_tools(FEATURE)
        for tool in ("setsid", "mkfifo", "proc"):
            self._host.need(tool, FEATURE)
        try:
            await lay_out(self._host, facts, self._sink.session_id, program, {})
            words = words_of(self._directory, self._sink.session_id, "open" if self._stdin_open else "closed", program)
            # Not by `&`: a shell has what it starts so ignore Ctrl-C, and nobody can undo that.
            await self._host.ask(f"{line('setsid', '-f', *words)} </dev/null >/dev/null 2>&1")
            self._root = await until_started(self._host, self._directory, program)
            self._follow()
        except BaseException as error:
            await self._undo()
            if isinstance(error, Refused):
                raise errors.ProgramNotStarted(program=program.argv[0], why=f"the host says: {error}") from None
            raise

    def check_send(self, typed: Typed) -> None:
        """See `Source`."""
        for key in typed.keys:
            if key != "Enter":
                raise errors.UnknownKey(key=key)
        size = len(_bytes(typed))
        if size > MAX_INPUT:
            raise errors.InputTooLarge(size=size, limit=MAX_INPUT)
        if self._stdin_closed:
            raise self._no_input("its stdin was closed by an earlier `eof`")
        super().check_send(typed)

    async def send(self, typed: Typed) -> None:
        """See `Source`."""
        data = _bytes(typed)
        said = await self._host.ask(
            f"sl_data() {{ printf {octal(data)}; }}; "
            + line("sl_type", self._directory, str(MAX_UNREAD), "data" if data else "", "eof" if typed.eof else "")
        )
        match said:
            case "":
                self._stdin_closed = typed.eof
            case "full":
                raise errors.InputBlocked(session=self._sink.session_name)
            case why:
                raise self._no_input(why)

    async def interrupt(self) -> None:
        """See `Source`."""
        self._check_connected()
        with suppress(Refused):
            await self._host.ask(f'kill -s INT -- "-$(cat {line(self._directory + "/program")})"')

    async def _look(self) -> Ending | None:
        if not all(stream.ended for stream in self._streams):
            if "exit" in self._news and self._lingering is None:
                self._lingering = asyncio.create_task(asyncio.sleep(LINGER_SECONDS), name=f"linger {self._sink.session_id}")
                self._lingering.add_done_callback(lambda _task: self._changed.set())
            writers = {f"gone {name}.writer" for name in self.channels}
            if (self._lingering and self._lingering.done()) or writers <= self._news:
                await self._finish()
            return None
        for stream in self._streams:
            await stream.settle()
        ending = await read_exit(self._host, self._directory)
        if ending or not await self._runs():
            return ending or await read_exit(self._host, self._directory) or Ending(observed=False, error=LOST)
        return None  # it has closed its outputs and goes on: the news will tell

    async def _runs(self) -> bool:
        return bool(await self._host.ask(f'kill -0 "$(cat {line(self._directory + "/program")})" 2>/dev/null && echo yes || :'))

    async def _finish(self) -> None:
        """The program is gone and somebody still holds its pipes: takes what is there now. What comes later goes nowhere."""
        sizes = [await stream.size() for stream in self._streams]
        for stream, size in zip(self._streams, sizes, strict=True):
            if stream.offset >= size and not stream.ended:
                stream.finish()
        if not all(stream.ended for stream in self._streams):
            asyncio.get_running_loop().call_later(TICK_SECONDS, self._changed.set)

    async def _completed(self, ending: Ending) -> Ending:
        left = 0
        with suppress(SightlineError, Refused):
            left = await count_left(self._host, self._sink.session_id)
            await self._host.ask(line("sl_discard", self._directory))
        return replace(ending, descendants_left=left)

    async def _let_go(self) -> None:
        if self._lingering:
            self._lingering.cancel()
        await super()._let_go()

    async def _undo(self) -> None:
        """Leaves nothing of a start that failed."""
        with suppress(SightlineError, Refused):
            await self._signal(9)
            await self._forget()

    def _no_input(self, why: str) -> SightlineError:
        return errors.NoInput(session=self._sink.session_name, why=why)


def _bytes(typed: Typed) -> bytes:
    """What is to be typed, in the order of the fields: a pipe knows no keys but the end of a line."""
    return typed.data + b"\n" * (len(typed.keys) + typed.submit)
