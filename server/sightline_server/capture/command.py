"""A command: a program in pipes behind a relay, its outputs apart, its exit code known even when the server was not there.

Knows its relay and its processes, nothing of logs or gRPC. The bytes are the pump's affair.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import signal as signals
import time
from collections.abc import Callable, Mapping, Sequence

from sightline.v1.event_pb2 import CaptureState
from sightline.v1.session_pb2 import SessionKind, Snapshot

from sightline_server import errors
from sightline_server.capture import processes, relay, relay_link
from sightline_server.capture.base import Ending, Sink, Typed
from sightline_server.capture.inotify import APPEARED, Inotify, Watch
from sightline_server.capture.processes import Identity
from sightline_server.capture.pump import Pump
from sightline_server.capture.relay_link import Started

log = logging.getLogger(__name__)

START_SECONDS = 10.0  # for a relay to come up and start its program
RESUME_SECONDS = 1.0  # the same, for one that a server left behind in the very moment of starting it
LINGER_SECONDS = 1.0  # after the exit, for the pipes to end; whoever holds them then is left behind
MAX_INPUT = relay.PIPE_BYTES  # bytes in one send: what a pipe can be made to hold, so that it fits whole or is refused whole
CHANNELS = ("stdout", "stderr")

_background: set[asyncio.Task[None]] = set()  # relays that outlive their session, waited for so that none stays a zombie


class CommandSource:
    """A program of one session.

    For `start` it needs `argv` (not empty), `env` (all of the program's environment; `SIGHTLINE_SESSION_ID` is added), `cwd`
    (absolute) and `stdin_open`; a source that resumes needs none of these. `given` is what its stdin begins with, and all of it
    where it is not open.
    """

    kind = SessionKind.SESSION_KIND_COMMAND

    def __init__(
        self,
        sink: Sink,
        inotify: Inotify,
        *,
        argv: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: str = "/",
        stdin_open: bool = False,
        given: bytes = b"",
    ) -> None:
        self._sink = sink
        self._inotify = inotify
        self._argv = tuple(argv)
        self._env = {**(env or {}), processes.SESSION_VARIABLE: sink.session_id}
        self._cwd = cwd
        self._stdin_open = stdin_open
        self._given = given
        self._pump = Pump(sink, inotify, sink.directory, CHANNELS)
        self._watch: Watch | None = None
        self._changed = asyncio.Event()
        self._started: Started | None = None
        self._stdin_closed = False
        self._relay: Identity | None = None
        self._relay_gone: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        relay_link.check_program(self._argv, self._env, self._cwd)
        self._look_out()
        try:
            pid = relay_link.spawn(
                self._sink.directory, self._argv, self._env, self._cwd, stdin_open=self._stdin_open, given=self._given
            )
            self._relay = processes.identify(pid)
            self._relay_gone = self._wait_for(self._relay)
            self._started = await self._until_started(START_SECONDS)
            if self._started is None:
                raise self._start_error()
            self._follow(self._started)
        except BaseException as error:
            await self._undo_start()
            if isinstance(error, ValueError):
                raise errors.BadField(field="command", problem=str(error)) from None
            raise
        finally:
            self._env, self._given = {}, b""  # they may hold secrets, and nobody needs them any more

    async def resume(self) -> None:
        try:
            self._look_out()
            self._started = await self._until_started(RESUME_SECONDS)
            if self._started is None:
                self._stop_looking()
                failed = relay_link.read_exit(self._sink.directory)
                why = failed.error[1] if failed and failed.error else "the server went down before the program was started"
                await self._sink.ended(Ending(started=False, error=why))
                return
            self._relay = self._started.relay
            self._relay_gone = self._wait_for(self._relay)
            self._follow(self._started)
        except (OSError, errors.SightlineError) as error:
            await self._sink.capture(CaptureState.CAPTURE_STATE_BLIND, str(error))

    def check_send(self, typed: Typed) -> None:
        for key in typed.keys:
            if key != "Enter":
                raise errors.UnknownKey(key=key)
        size = len(_bytes(typed))
        if size > MAX_INPUT:
            raise errors.InputTooLarge(size=size, limit=MAX_INPUT)
        if self._started is None or self._started.stdin is None:
            raise self._no_input("it was started without an open stdin")
        if self._stdin_closed:
            raise self._no_input("its stdin was closed by an earlier `eof`")

    async def send(self, typed: Typed) -> None:
        self.check_send(typed)
        assert self._started is not None  # noqa: S101 - check_send has seen to it
        data = _bytes(typed)
        try:
            if data:
                relay_link.type_bytes(self._started, data)
        except relay_link.Blocked:
            raise errors.InputBlocked(session=self._sink.session_name) from None
        except BrokenPipeError:
            raise self._no_input("the program has closed its stdin") from None
        except FileNotFoundError:
            raise self._no_input("its stdin is closed") from None
        if typed.eof:
            self._stdin_closed = True
            relay_link.order(self._started, relay.CONTROL_EOF)

    async def echo_is_off(self) -> bool:
        return False

    async def interrupt(self) -> None:
        if self._started:
            processes.signal_group(self._started.child, signals.SIGINT)

    async def resize(self, columns: int, rows: int) -> None:  # noqa: ARG002 - the contract's
        raise errors.NoTerminal(session=self._sink.session_name)

    async def terminate(self, signal: int, grace: float) -> None:
        root = self._started.child if self._started else None
        left = await processes.end_tree(self._sink.session_id, root, signal, grace)
        if left:
            log.warning("session %s: %d processes could not be ended", self._sink.session_id, left)

    async def release(self) -> None:
        raise errors.NotAdopted(session=self._sink.session_name)

    async def snapshot(self) -> Snapshot:
        raise errors.NoTerminal(session=self._sink.session_name)

    async def detach(self) -> None:
        for task in (self._following, self._relay_gone):
            if task:
                task.cancel()
                await asyncio.wait([task])
        self._stop_looking()
        await self._pump.stop()

    # --- starting

    def _look_out(self) -> None:
        def look(mask: int) -> None:
            if mask & APPEARED:
                self._changed.set()

        self._watch = self._inotify.watch(self._sink.directory, look)

    def _stop_looking(self) -> None:
        if self._watch:
            self._watch.close()
            self._watch = None

    async def _until_started(self, seconds: float) -> Started | None:
        """What the relay says; None when it could not start the program, is gone, or says nothing for so long."""
        directory = self._sink.directory
        await self._until(
            lambda: (directory / "started").exists() or (directory / "exit").exists() or self._is_relay_gone(), seconds
        )
        return relay_link.read_started(directory)

    def _start_error(self) -> errors.SightlineError:
        failed = relay_link.read_exit(self._sink.directory)
        if failed is None or failed.error is None:
            if self._is_relay_gone():
                why = relay_link.read_log(self._sink.directory) or "its relay ended without a word"
                return errors.ProgramNotStarted(program=self._argv[0], why=why)
            return errors.StartTimeout(what=self._argv[0], seconds=START_SECONDS)
        number, text = failed.error
        if number == errno.ENOENT:
            return errors.ProgramNotFound(program=self._argv[0])
        return errors.ProgramNotStarted(program=self._argv[0], why=text)

    async def _undo_start(self) -> None:
        """Leaves nothing of a start that failed."""
        self._stop_looking()
        await self._pump.stop()
        if self._relay_gone and not self._relay_gone.done():
            _background.add(self._relay_gone)
            self._relay_gone.add_done_callback(_background.discard)
            if self._relay:
                processes.send_signal(self._relay, signals.SIGKILL)
            await processes.end_tree(self._sink.session_id, None, signals.SIGKILL, 0)

    # --- following

    def _follow(self, started: Started) -> None:
        self._pump.start()
        self._following = asyncio.create_task(self._run(started), name=f"command {self._sink.session_id}")

    async def _run(self, started: Started) -> None:
        """Until the end: of the program and of its pipes, or of the relay, which then could not say more."""
        drained = asyncio.create_task(self._pump.drained())
        drained.add_done_callback(lambda _task: self._changed.set())
        try:
            await self._until(lambda: self._is_over() or (drained.done() and drained.exception() is not None), None)
            left = 0
            if not drained.done():
                left = await self._drain(drained, started)
            if drained.done():
                drained.result()
            await self._pump.stop()
            self._stop_looking()
            await self._sink.ended(self._ending(left))
        except Exception as error:
            log.exception("session %s: following stopped", self._sink.session_id)
            await self._sink.capture(CaptureState.CAPTURE_STATE_BLIND, str(error))
        finally:
            drained.cancel()

    async def _drain(self, drained: asyncio.Task[None], started: Started) -> int:
        """Takes what there is to take after the end; returns how many processes are left behind.

        The relay says that the program has exited when all that it wrote is in the spool: so much is waited for, however long.
        """
        if self._is_relay_gone():
            self._pump.finish()
            await asyncio.wait([drained])
            return 0
        its_own = self._pump.sizes()
        since_exit = max(0.0, time.time() - (self._sink.directory / "exit").stat().st_mtime)  # the clock may have been set back
        await asyncio.wait([drained], timeout=max(0.0, LINGER_SECONDS - since_exit))
        await self._pump.reach(its_own)
        if drained.done():
            return 0
        left = await asyncio.to_thread(processes.tree, self._sink.session_id, started.child)
        relay_link.order(started, relay.CONTROL_DISCARD)
        if self._relay_gone:
            _background.add(self._relay_gone)
            self._relay_gone.add_done_callback(_background.discard)
            self._relay_gone = None
        return len(left)

    def _is_over(self) -> bool:
        return self._is_relay_gone() or (self._sink.directory / "exit").exists()

    def _is_relay_gone(self) -> bool:
        return self._relay_gone is not None and self._relay_gone.done()

    def _wait_for(self, identity: Identity | None) -> asyncio.Task[None]:
        """A task that is done when a relay is gone."""

        async def gone() -> None:
            if identity:
                await processes.exited(identity, reap=True)

        task = asyncio.create_task(gone(), name=f"relay of {self._sink.session_id}")
        task.add_done_callback(lambda _task: self._changed.set())
        return task

    async def _until(self, condition: Callable[[], bool], seconds: float | None) -> None:
        """Waits until a condition on the relay or its files holds, but not longer than this."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return

    def _ending(self, left: int) -> Ending:
        exited = relay_link.read_exit(self._sink.directory)
        if exited is None:
            why = "the relay that held the program was killed, or the machine was restarted: how the program ended is not known"
            said = relay_link.read_log(self._sink.directory)
            return Ending(observed=False, error=f"{why} ({said})" if said else why, descendants_left=left)
        if exited.error:
            return Ending(started=False, error=exited.error[1])
        return Ending(exit_code=exited.code, signal=exited.signal, descendants_left=left)

    def _no_input(self, why: str) -> errors.SightlineError:
        return errors.NoInput(session=self._sink.session_name, why=why)


def _bytes(typed: Typed) -> bytes:
    """What is to be typed, in the order of the fields: a pipe knows no keys but the end of a line."""
    return typed.data + b"\n" * (len(typed.keys) + typed.submit)
