"""A program that Sightline starts under `script -f`: it outlives the server, and its output is in a typescript.

    relay ──pipe──> script ──pty──> launcher ──> program        script ──> terminal.typescript, terminal.timing

The relay (`relay`, mode `command`) holds the pipe that `script` reads what is typed from; `script` has the terminal; the launcher
(`relay`, mode `exec`, bare) gets the program's words and environment through a FIFO, so that neither is in an argv or a file, and
writes down how it ended. Knows these three and their files. What it cannot do: `script` keeps no screen; and it would stop reading
the program's output while its terminal takes no more input, so no more than that takes is ever typed.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import shlex
import shutil
import signal as signals
import struct
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sightline.v1.event_pb2 import CaptureState
from sightline.v1.session_pb2 import SessionKind, Snapshot

from sightline_server import errors
from sightline_server.capture import processes, relay, relay_link
from sightline_server.capture.base import Ending, Sink, Typed
from sightline_server.capture.foreground import Tty
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.relay_link import Started
from sightline_server.capture.tmux.keys import END_OF_FILE, INTERRUPT, key_bytes
from sightline_server.capture.typescript.recording import Recording
from sightline_server.capture.typescript.writers import Lookout

log = logging.getLogger(__name__)

START_SECONDS = 10.0  # for the relay, `script`, the launcher and the program to come up
TICK_SECONDS = 0.002  # between looks at what has no event
MAX_INPUT = 4095  # bytes that a terminal takes before its program reads
ROOM_SECONDS = 0.5  # for a program that reads to make room
PASSING_SECONDS = 0.02  # for what was typed to be seen in the terminal
WITHOUT_A_WORD = "it ended at once, without a word"
NOT_STARTED = "the server went down before the program was started"
TERM = "xterm-256color"  # what a terminal is that nobody looks at
SHELL_LINE = 'exec "$@" >/dev/null'  # what `script` shows of the output is nobody's


class HeldSource:
    """See above, and `Source`.

    For `start` it needs `argv` (not empty), `env` (all of the program's environment; `SIGHTLINE_SESSION_ID` and `TERM` are added),
    `cwd` (absolute), `columns` and `rows`; a source that resumes needs none of these.
    """

    kind = SessionKind.SESSION_KIND_TERMINAL

    def __init__(
        self,
        sink: Sink,
        inotify: Inotify,
        lookout: Lookout,
        *,
        argv: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: str = "/",
        columns: int = 80,
        rows: int = 24,
        typescript: Path | None = None,
    ) -> None:
        self._sink = sink
        self._argv = tuple(argv)
        self._env = {**(env or {}), processes.SESSION_VARIABLE: sink.session_id}
        self._cwd = cwd
        self._size = (columns, rows)
        self._relay_directory = sink.directory / "script"
        self._typescript = typescript or sink.directory / "terminal.typescript"
        self._timing = self._typescript.with_suffix(".timing")
        self._recording = Recording(sink, inotify, lookout, self._typescript, self._timing, ours=typescript is None)
        self._started: Started | None = None
        self._passing = (0.0, 0)  # loop time and size of what was typed last
        self._relay_gone: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """See `Source`."""
        relay_link.check_program(self._argv, self._env, self._cwd)
        script = shutil.which("script")
        if script is None:
            raise errors.ScriptNotInstalled
        try:
            await self._spawn(script)
            async with asyncio.timeout(START_SECONDS):
                await self._until_there("launcher")
                self._set_size(*self._size)
                await self._give_spec()
                await self._until_there("program")
            self._started = relay_link.read_started(self._relay_directory)
            await self._recording.start()
            self._follow()
        except BaseException as error:
            await self._undo_start()
            if isinstance(error, TimeoutError):
                raise errors.StartTimeout(what=self._argv[0], seconds=START_SECONDS) from None
            raise
        finally:
            self._env = {}  # it may hold secrets, and nobody needs it any more

    async def resume(self) -> None:
        """See `Source`."""
        self._started = relay_link.read_started(self._relay_directory)
        if relay_link.read_program(self._sink.directory) is None:
            await self._undo_start()
            await self._sink.ended(Ending(started=False, error=NOT_STARTED))
            return
        await self._recording.resume()
        self._follow()

    def check_send(self, typed: Typed) -> None:
        """See `Source`."""
        size = len(_bytes(typed))
        if size > MAX_INPUT:
            raise errors.InputTooLarge(size=size, limit=MAX_INPUT)

    async def send(self, typed: Typed) -> None:
        """See `Source`."""
        await self._type(_bytes(typed))

    async def echo_is_off(self) -> bool:
        """See `Source`."""
        with suppress(OSError, termios.error, FileNotFoundError):
            fd = self._open_terminal()
            try:
                return not termios.tcgetattr(fd)[3] & termios.ECHO
            finally:
                os.close(fd)
        return False

    def tty(self) -> Tty | None:
        """See `OnTty`."""
        with suppress(OSError):
            return Tty(self._terminal(), self._launcher())
        return None

    async def interrupt(self) -> None:
        """See `Source`."""
        await self._type(INTERRUPT)

    async def resize(self, columns: int, rows: int) -> None:
        """See `Source`."""
        try:
            self._set_size(columns, rows)
        except OSError:
            raise errors.SourceGone(session=self._sink.session_name, why="its terminal is closed") from None

    async def terminate(self, signal: int, grace: float) -> None:
        """See `Source`."""
        root = relay_link.read_program(self._sink.directory)
        left = await processes.end_tree(self._sink.session_id, root, signal, grace)
        if left:
            log.warning("session %s: %d processes could not be ended", self._sink.session_id, left)

    async def release(self) -> None:
        """See `Source`."""
        raise errors.NotAdopted(session=self._sink.session_name)

    async def snapshot(self) -> Snapshot:
        """See `Source`."""
        raise errors.NoScreen(session=self._sink.session_name)

    async def detach(self) -> None:
        """See `Source`."""
        for task in (self._following, self._relay_gone):
            if task:
                task.cancel()
                await asyncio.wait([task])
        await self._recording.stop()

    # --- starting

    async def _spawn(self, script: str) -> None:
        """The relay, and `script` with the launcher, which waits for what it is to start."""
        self._relay_directory.mkdir(mode=0o700)
        os.mkfifo(self._sink.directory / "spec", 0o600)
        argv = ["/bin/sh", "-c", SHELL_LINE, "sh", *self._script_line(script, "advanced")]
        env = {**own_environment(), "TERM": TERM, "LC_ALL": "C"}
        pid = relay_link.spawn(self._relay_directory, argv, env, "/", stdin_open=True)
        self._relay_gone = self._wait_for(processes.identify(pid))

    def _script_line(self, script: str, timing: str) -> list[str]:
        """`script` around the launcher, with a timing in this format."""
        launcher = shlex.join([*relay.command_line("exec", str(self._sink.directory)), "bare"])
        words = ["-q", "-f", "-e", "-E", "always", "-m", timing, f"--timing={self._timing}"]
        return [script, *words, "-c", f"exec {launcher}", str(self._typescript)]

    async def _until_there(self, name: str) -> None:
        """Until a file of the launcher's is there."""
        while not self._has(name):
            await self._tick()

    async def _tick(self) -> None:
        """A moment of waiting for the start. Raises when it has failed."""
        self._raise_failure()
        await asyncio.sleep(TICK_SECONDS)

    def _has(self, name: str) -> bool:
        return (self._sink.directory / name).exists()

    def _raise_failure(self) -> None:
        """Raises what the launcher or the relay says, if the program could not be started."""
        exited = relay_link.read_exit(self._sink.directory)
        if exited and exited.error:
            number, why = exited.error
            if number == errno.ENOENT:
                raise errors.ProgramNotFound(program=self._argv[0])
            raise errors.ProgramNotStarted(program=self._argv[0], why=why)
        if not exited and (self._relay_directory / "exit").exists():
            raise errors.ProgramNotStarted(program="script", why=self._complaint() or WITHOUT_A_WORD)

    def _complaint(self) -> str:
        """What `script` said last, of itself."""
        with suppress(OSError):
            said = (self._relay_directory / "stderr.00000000").read_text(encoding="utf-8", errors="replace").split("\n")
            return next((line for line in said if line), "")
        return ""

    async def _give_spec(self) -> None:
        words = [os.fsencode(word) for word in self._argv]
        variables = {os.fsencode(name): os.fsencode(value) for name, value in self._env.items()}
        try:
            spec = relay.encode_spec(words, variables, os.fsencode(self._cwd), False)
        except ValueError as error:
            raise errors.BadField(field="env", problem=str(error)) from None
        while (fd := relay_link.open_spec(self._sink.directory / "spec")) < 0:
            await self._tick()
        await asyncio.to_thread(relay_link.write_spec, fd, spec)

    async def _undo_start(self) -> None:
        """Leaves nothing of a start that failed."""
        await self._recording.stop()
        started = relay_link.read_started(self._relay_directory)
        if started:
            await processes.end_tree(self._sink.session_id, started.child, signals.SIGKILL, 0)
        await processes.end_tree(self._sink.session_id, None, signals.SIGKILL, 0)
        if self._relay_gone:
            self._relay_gone.cancel()

    # --- following

    def _follow(self) -> None:
        self._following = asyncio.create_task(self._run(), name=f"held {self._sink.session_id}")

    async def _run(self) -> None:
        try:
            ending = await self._recording.over()
            await self._recording.stop()
            exited = relay_link.read_exit(self._sink.directory)
            if exited:
                ending = Ending(exit_code=exited.code, signal=exited.signal)
            root = relay_link.read_program(self._sink.directory)
            left = await asyncio.to_thread(processes.tree, self._sink.session_id, root)
            await self._sink.ended(replace(ending, descendants_left=len(left)))
        except Exception as error:
            log.exception("session %s: following stopped", self._sink.session_id)
            await self._sink.capture(CaptureState.CAPTURE_STATE_BLIND, str(error))

    def _wait_for(self, identity: processes.Identity | None) -> asyncio.Task[None]:
        async def gone() -> None:
            if identity:
                await processes.exited(identity, reap=True)

        return asyncio.create_task(gone(), name=f"relay of {self._sink.session_id}")

    # --- its terminal

    async def _type(self, data: bytes) -> None:
        """Types all of it or nothing, and no more than the terminal takes."""
        if self._started is None:
            raise self._gone()
        loop = asyncio.get_running_loop()
        try:
            deadline = loop.time() + ROOM_SECONDS
            while self._waiting(self._started) + len(data) > MAX_INPUT:
                if loop.time() > deadline:
                    raise errors.InputBlocked(session=self._sink.session_name)
                await asyncio.sleep(PASSING_SECONDS)
            relay_link.type_bytes(self._started, data)
            self._passing = (loop.time(), len(data))
        except relay_link.Blocked:
            raise errors.InputBlocked(session=self._sink.session_name) from None
        except OSError:
            raise self._gone() from None

    def _waiting(self, started: Started) -> int:
        """How much of what was typed the program has not read: in the pipe, in its terminal, or on its way between."""
        fd = self._open_terminal()
        try:
            there = int(struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0])
        finally:
            os.close(fd)
        typed, size = self._passing
        passing = size if asyncio.get_running_loop().time() - typed < PASSING_SECONDS else 0
        return relay_link.unread(started) + there + passing

    def _gone(self) -> errors.SightlineError:
        return errors.NoInput(session=self._sink.session_name, why="its terminal is closed")

    def _open_terminal(self) -> int:
        """A descriptor of the program's terminal. Raises OSError when it is gone; nobody else's that has its name by now."""
        self._launcher()
        return os.open(self._terminal(), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)

    def _launcher(self) -> processes.Identity:
        """The launcher. Raises OSError when it is gone."""
        pid, start, _ = (self._sink.directory / "launcher").read_text(encoding="utf-8").split(" ", 2)
        launcher = processes.identify(int(pid))
        if launcher is None or launcher.start != int(start):
            raise FileNotFoundError(errno.ENOENT, "the launcher is gone")
        return launcher

    def _terminal(self) -> str:
        """The path of its terminal. Raises OSError before the launcher has said so."""
        return (self._sink.directory / "launcher").read_text(encoding="utf-8").split(" ", 2)[2].rstrip("\n")

    def _set_size(self, columns: int, rows: int) -> None:
        fd = self._open_terminal()
        try:
            fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        finally:
            os.close(fd)


def own_environment() -> dict[str, str]:
    """What `script` and the launcher need of ours; the program gets its own."""
    own = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME") if name in os.environ}
    return {**own, "SHELL": "/bin/sh"}


def _bytes(typed: Typed) -> bytes:
    """What is to be typed, in the order of the fields. Raises `UnknownKey`."""
    keys = b"".join(map(key_bytes, typed.keys))
    return typed.data + keys + b"\r" * typed.submit + END_OF_FILE * typed.eof
