"""The programs of a recipe: one at a time, each held by a relay of its own, so that it outlives the server.

Knows how a program is started, taken over from an earlier server, and ended; nothing of the order in which they come.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal as signals
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from sightline.v1.session_pb2 import Step

from sightline_server.capture import processes, relay_link
from sightline_server.capture.base import Sink, Source
from sightline_server.capture.command import START_SECONDS, CommandSource
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.recipe import worktree
from sightline_server.capture.recipe.plan import RESULT_VARIABLE, Plan, note_not_started, put
from sightline_server.capture.recipe.sinks import StepSink
from sightline_server.errors import CwdNotFound, SightlineError

Result = TypeVar("Result")

KILL_GRACE = 5.0  # seconds from SIGTERM to SIGKILL for a step that takes too long
LOOK_AGAIN = 0.02  # seconds between looks for a relay that comes up
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
ROOM_PAUSE = 1.0  # seconds between two tries to write on a full disk


class Programs:
    """Starts and ends the programs of one recipe.

    Args:
        sink: the session's.
        inotify: tells of all files.
        plan: of the recipe.
        cwd: the session's directory.
        environ: of programs that take a step back: the server's own.

    Attributes:
        present: what runs now; None between two programs.
        changing: held while a program is being started or ended: the two never meet.
        cancelled: somebody ended the recipe: no step is started any more.
        interrupted: somebody interrupted it between two programs: the same.
        struck: somebody interrupted the present program.
    """

    def __init__(self, sink: Sink, inotify: Inotify, plan: Plan, *, cwd: str, environ: Mapping[str, str]) -> None:
        self.present: Source | None = None
        self.changing = asyncio.Lock()
        self.cancelled = plan.cancelled
        self.interrupted = False
        self.struck = False
        self._sink = sink
        self._inotify = inotify
        self._plan = plan
        self._cwd = cwd
        self._environ = environ

    async def end(self, signal: int, grace: float) -> None:
        """Ends the present program with its whole tree."""
        async with self.changing:
            if self.present is not None:
                await self.present.terminate(signal, grace)

    async def interrupt(self) -> None:
        """Interrupts the present program, or keeps the next one from being started."""
        async with self.changing:
            if self.present is None:
                self.interrupted = True
            else:
                self.struck = True
                await self.present.interrupt()

    async def start(self, begin: Callable[[], Awaitable[Result]]) -> Result:
        """Does what starts a program, once the disk has room for what that writes."""
        while True:
            async with self.changing:
                try:
                    return await begin()
                except OSError as error:
                    self.present = None
                    if error.errno not in NO_ROOM:
                        raise
            await asyncio.sleep(ROOM_PAUSE)

    async def step(self, number: int) -> None:
        """Starts a step, or takes over one that an earlier server has started; returns when it is over. Its files say how."""
        sink = self._sink_of(number, self._plan.of_step(number))
        resumed = await was_started(sink.directory)
        if resumed:
            await self._resume(sink)
            if self.cancelled:
                await self.end(signals.SIGTERM, KILL_GRACE)
        elif not await self.start(lambda: self._begin(sink, lambda: self._step(number, sink))):
            return
        if number == len(self._plan.steps) and not self._plan.has_command:
            self._plan.forget()
        await self._until_over(number, sink, resumed=resumed)
        self.present = None
        (sink.directory / "script").unlink(missing_ok=True)

    async def take_back(self, number: int) -> None:
        """Removes what a step has made, also where an earlier server has begun to."""
        made = self._plan.made(number)
        if made is None or not made.ours:
            return
        sink = self._sink_of(number, self._plan.of_undoing(number))
        if await was_started(sink.directory):
            await self._resume(sink)
        elif not await self.start(lambda: self._begin(sink, lambda: self._undoer(number, sink), whatever=True)):
            return
        await sink.over
        self.present = None

    # --- starting

    def _sink_of(self, number: int, directory: Path) -> StepSink:
        return StepSink(self._sink, directory, self._plan.steps[number - 1].source, log_lines=self._plan.log_steps)

    async def _begin(self, sink: StepSink, make: Callable[[], CommandSource], *, whatever: bool = False) -> bool:
        """Starts a program. False: it did not start, and its files say why.

        Where somebody has ended the recipe meanwhile it is not started, unless `whatever` is said. Raises OSError.
        """
        shutil.rmtree(sink.directory, ignore_errors=True)
        sink.directory.mkdir(mode=0o700)
        if not whatever and (self.cancelled or self.interrupted):
            put(sink.directory / "exit", b"signal %d\n" % (signals.SIGTERM if self.cancelled else signals.SIGINT))
            return False
        self.struck = False
        try:
            self.present = source = make()
            await source.start()
        except SightlineError as error:
            self.present = None
            note_not_started(sink.directory, error)
            return False
        return True

    async def _resume(self, sink: StepSink) -> None:
        self.present = source = CommandSource(sink, self._inotify)
        await source.resume()

    def _step(self, number: int, sink: StepSink) -> CommandSource:
        """The program of a step. Raises OSError, `CwdNotFound`."""
        whole = self._plan.whole()
        assert whole is not None  # noqa: S101 - it is forgotten when the last program has started, and this one has not
        step = whole.steps[number - 1]
        before = self._plan.worktree(number)
        cwd = os.path.normpath(os.path.join(before.path if before else self._cwd, step.cwd))
        env = {**whole.env, RESULT_VARIABLE: str(self._plan.result), **step.env}
        return CommandSource(sink, self._inotify, argv=argv_of(step, sink.directory, cwd), env=env, cwd=cwd)

    def _undoer(self, number: int, sink: StepSink) -> CommandSource:
        argv = tool("remove", str(self._plan.of_step(number) / "worktree"), self._sink.session_name)
        return CommandSource(sink, self._inotify, argv=argv, env=self._environ, cwd="/")

    # --- until it is over

    async def _until_over(self, number: int, sink: StepSink, *, resumed: bool) -> None:
        """Waits for a step's end, and brings it about when it takes too long."""
        left = self._plan.time_left(number)
        if left is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, left)):
                    await asyncio.shield(sink.over)
            # Only the files know how long one took that ended while no server was there.
            late = resumed and self._plan.was_late(number) if self._plan.has_exited(number) else not sink.over.done()
            if late:
                async with self.changing:
                    await self._end_step(sink.directory)
                await self._note_timeout(number)
        await sink.over

    async def _end_step(self, directory: Path) -> None:
        """Ends what a step has started; what an earlier one left running on purpose lives on."""
        started = relay_link.read_started(directory)
        if started is not None:
            since = started.child.start
            await processes.end_tree(self._sink.session_id, started.child, signals.SIGTERM, KILL_GRACE, since=since)

    async def _note_timeout(self, number: int) -> None:
        while True:
            try:
                self._plan.note_timeout(number)
            except OSError as error:
                if error.errno not in NO_ROOM:
                    raise
            else:
                return
            await asyncio.sleep(ROOM_PAUSE)


def argv_of(step: Step, directory: Path, cwd: str) -> list[str]:
    """What a step runs. Raises OSError, `CwdNotFound`."""
    match step.WhichOneof("action"):
        case "argv":
            return list(step.argv.argv)
        case "script":
            # In a file: an argument has a limit, everybody can read it, and what stands on stdin a program in it would eat.
            put(directory / "script", step.script.encode())
            return ["sh", str(directory / "script")]
        case _:
            if not os.path.isdir(cwd):
                raise CwdNotFound(cwd=cwd)
            wanted = step.worktree
            return tool("add", str(directory / "worktree"), wanted.path, wanted.branch, wanted.base)


def tool(*words: str) -> list[str]:
    """The argv of the program behind the built-in step."""
    return [sys.executable, "-I", "-S", worktree.__file__, *words]


async def was_started(directory: Path) -> bool:
    """Whether the program of a step was started, now or by an earlier server; waits for a relay that is just coming up."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_SECONDS
    while not any((directory / name).exists() for name in ("started", "exit")):
        if not (directory / "relay.log").exists() or not await asyncio.to_thread(has_relay, directory):
            return (directory / "exit").exists() or (directory / "started").exists()
        if loop.time() > deadline:
            return True
        await asyncio.sleep(LOOK_AGAIN)
    return True


def has_relay(directory: Path) -> bool:
    """Whether a relay for this spool runs."""
    own = os.fsencode(directory)
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                words = Path("/proc", name, "cmdline").read_bytes().split(b"\0")
            except OSError:  # gone, or somebody else's
                continue
            if own in words:
                return True
    return False
