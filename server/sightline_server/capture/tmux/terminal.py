"""Terminals that Sightline starts itself, in its private tmux server.

Knows how one begins (a gate keeps the program back until nothing it writes can be missed) and how its end is known.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal as signals
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from sightline.v1.event_pb2 import CaptureState
from sightline.v1.session_pb2 import SessionKind

from sightline_server import errors
from sightline_server.capture import processes, relay, relay_link
from sightline_server.capture.base import Ending, Sink
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.processes import Identity
from sightline_server.capture.tmux import pipe
from sightline_server.capture.tmux.control import CommandFailed
from sightline_server.capture.tmux.pane import Held
from sightline_server.capture.tmux.private import PrivateServer
from sightline_server.capture.tmux.source import START_SECONDS, PaneSource, told

HANGUP_SECONDS = 0.05  # between looks at a program whose terminal was closed
HANGUPS = 20  # looks, before it is left as it is: 1 s
TICK_SECONDS = 0.002  # between looks at what has no event: a FIFO's reader, an exec
POLL_SECONDS = 2.0  # for what an adopted pane does not tell by itself
NOT_STARTED = "the server went down before the program was started"
UNKNOWN = "how the program ended is not known"


class TerminalSource(PaneSource):
    """A terminal of our own, in a session of its own in the private server.

    For `start` it needs `argv` (not empty), `env` (all of the program's environment; `SIGHTLINE_SESSION_ID` and what tmux says of
    the terminal are added), `cwd` (absolute), `columns` and `rows`; a source that resumes needs none of these.
    """

    kind = SessionKind.SESSION_KIND_TERMINAL

    def __init__(
        self,
        sink: Sink,
        inotify: Inotify,
        server: PrivateServer,
        *,
        argv: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: str = "/",
        columns: int = 80,
        rows: int = 24,
    ) -> None:
        super().__init__(sink, inotify, server)
        self._private = server
        self._argv = tuple(argv)
        self._env = {**(env or {}), processes.SESSION_VARIABLE: sink.session_id}
        self._cwd = cwd
        self._size = (columns, rows)
        self._launcher_gone: asyncio.Task[None] | None = None
        self._hangups = 0

    async def start(self) -> None:
        """See `Source`."""
        relay_link.check_program(self._argv, self._env, self._cwd)
        self._look_out()
        try:
            await self._create()
            if not await self._until_relay():
                raise errors.StartTimeout(what="the relay of the terminal", seconds=START_SECONDS)
            await self._give_spec()
            self._follow()
        except BaseException as error:
            await self._undo_start()
            if isinstance(error, CommandFailed):
                raise errors.ProgramNotStarted(program=self._argv[0], why=f"tmux says: {error}") from None
            raise
        finally:
            self._env = {}  # it may hold secrets, and nobody needs it any more

    async def resume(self) -> None:
        """See `Source`."""
        try:
            held = Held.read(self._sink.directory)
            if held is None:
                await self._private.kill_session(self._sink.session_id)
                await self._sink.ended(Ending(started=False, error=NOT_STARTED))
                return
            self._hold(held)
            self._look_out()
            self._follow_relay(pipe.read_relay(self._sink.directory))
            self._follow()
        except (OSError, errors.SightlineError) as error:
            await self._sink.capture(CaptureState.CAPTURE_STATE_BLIND, str(error))

    async def resize(self, columns: int, rows: int) -> None:
        """See `Source`."""
        try:
            await self._private.resize(self._present().pane_id, columns, rows)
        except CommandFailed as error:
            raise errors.SourceGone(session=self._sink.session_name, why=str(error)) from None

    async def release(self) -> None:
        """See `Source`."""
        raise errors.NotAdopted(session=self._sink.session_name)

    def _follow(self) -> None:
        super()._follow()
        assert self._held is not None  # noqa: S101 - it was created, or read
        self._launcher_gone = asyncio.create_task(processes.exited(self._held.program), name=f"launcher of {self._sink.session_id}")
        self._launcher_gone.add_done_callback(lambda _task: self._changed.set())

    async def detach(self) -> None:
        """See `Source`."""
        await super().detach()
        await self._forget_launcher()

    async def _look(self) -> Ending | None:
        launcher_gone = self._launcher_gone is not None and self._launcher_gone.done()
        # The launcher's last deed is to say how the program ended: asked in this order, its word is not missed.
        exited = relay_link.read_exit(self._sink.directory)
        if exited and exited.signal != signals.SIGHUP:
            return told(exited)
        if not exited and not launcher_gone and not self._is_relay_gone():
            return None
        closed = await self._closed()
        if exited:
            return replace(told(exited), error=closed)
        if launcher_gone:
            return Ending(observed=False, error=f"{closed or 'its launcher was killed'}: {UNKNOWN}")
        return await self._without_relay(closed)

    async def _closed(self) -> str:
        """Why the program has no terminal any more; empty: it has, as far as can be known."""
        if not self._server_lives():
            return "the private tmux server that held the terminal is gone"
        with suppress(errors.SightlineError):
            if await self._state() is None:
                return "its pane was closed in tmux"
        return ""

    async def _without_relay(self, closed: str) -> Ending | None:
        """The program's end is not known, and nobody follows what it writes."""
        if not closed:
            self._poll_seconds = POLL_SECONDS
            if not self._blind:
                await self._without_pipe()
            return None
        # It was told to hang up, and may just be doing so.
        self._poll_seconds = HANGUP_SECONDS
        self._hangups += 1
        return Ending(observed=False, error=f"{closed}: {UNKNOWN}") if self._hangups > HANGUPS else None

    async def _completed(self, ending: Ending) -> Ending:
        left = await asyncio.to_thread(processes.tree, self._sink.session_id, self._root())
        return replace(ending, descendants_left=len(left))

    def _root(self) -> Identity | None:
        # Not the launcher: it tells how the program ended, and goes by itself.
        return relay_link.read_program(self._sink.directory)

    async def _after_end(self) -> None:
        await self._forget_launcher()
        if self._held:
            await self._private.kill(self._held.pane)

    async def _forget_launcher(self) -> None:
        if self._launcher_gone:
            self._launcher_gone.cancel()
            await asyncio.wait([self._launcher_gone])

    # --- starting

    async def _create(self) -> None:
        """The pane, its pipe and the note of it. A gate in the pane (the FIFO) keeps the program back until all that is there."""
        directory = self._sink.directory
        os.mkfifo(directory / "spec", 0o600)
        held = await self._private.create(
            self._sink.session_id,
            self._size,
            launcher=relay.command_line("exec", str(directory)),
            piped_to=pipe.shell_command(directory),
        )
        held.write(directory)
        self._hold(held)

    async def _give_spec(self) -> None:
        """Opens the gate, and waits until the launcher has started the program."""
        assert self._held is not None  # noqa: S101 - it was created
        path = self._sink.directory / "spec"
        try:
            async with asyncio.timeout(START_SECONDS):
                while (fd := relay_link.open_spec(path)) < 0:
                    self._raise_failure()
                    await asyncio.sleep(TICK_SECONDS)
                words = [os.fsencode(word) for word in self._argv]
                variables = {os.fsencode(name): os.fsencode(value) for name, value in self._env.items()}
                try:
                    spec = relay.encode_spec(words, variables, os.fsencode(self._cwd), False)
                except ValueError as error:
                    raise errors.BadField(field="env", problem=str(error)) from None
                await asyncio.to_thread(relay_link.write_spec, fd, spec)
                while not (self._sink.directory / "program").exists():
                    self._raise_failure()
                    await asyncio.sleep(TICK_SECONDS)
        except TimeoutError:
            raise errors.StartTimeout(what=self._argv[0], seconds=START_SECONDS) from None

    def _raise_failure(self) -> None:
        """Raises what the launcher says, if it could not start the program."""
        exited = relay_link.read_exit(self._sink.directory)
        if exited and exited.error:
            number, why = exited.error
            if number == errno.ENOENT:
                raise errors.ProgramNotFound(program=self._argv[0])
            raise errors.ProgramNotStarted(program=self._argv[0], why=why)

    async def _undo_start(self) -> None:
        """Leaves nothing of a start that failed."""
        await self._private.kill_session(self._sink.session_id)
        await self._let_go()
