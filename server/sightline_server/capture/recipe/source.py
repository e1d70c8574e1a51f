"""A recipe: its steps one after the other, each held by a relay of its own, then the session's own command, if there is one.

How far it is stands in the session's log, as the position `PLACE` (2N-1: step N begins, 2N: it has ended, and one more for the
command), committed with the very events that say so; what it needs to go on stands in its `Plan`. So a server that is killed, at
any moment, is followed by one that goes on with the same step at the same byte.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shutil
import signal as signals
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from google.protobuf.duration_pb2 import Duration
from sightline.v1.event_pb2 import CaptureState, Event, Notice, SessionState, StateChanged, StepFinished, StepStarted
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_pb2 import SessionKind, Snapshot, Step
from sightline.v1.session_service_pb2 import CreateRequest

from sightline_server.capture import processes, relay_link
from sightline_server.capture.base import Ending, Sink, Source, Typed
from sightline_server.capture.command import START_SECONDS, CommandSource
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.recipe import worktree
from sightline_server.capture.recipe.plan import RESULT_VARIABLE, Plan, note_not_started, put
from sightline_server.capture.recipe.sinks import OwnSink, StepSink
from sightline_server.errors import CwdNotFound, NotAdopted, SightlineError, StepsRunning

log = logging.getLogger(__name__)

Made = TypeVar("Made")

OURS = "sightline"  # `Event.source` of what the server itself has to say
PLACE = "recipe"  # the position that says how far the recipe is
KILL_GRACE = 5.0  # seconds from SIGTERM to SIGKILL for a step that takes too long
LOOK_AGAIN = 0.02  # seconds between looks for a relay that comes up
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
ROOM_PAUSE = 1.0  # seconds between two tries to write on a full disk
SIGINT_CODE = 128 + signals.SIGINT
BEHIND_STEPS = {SessionKind.SESSION_KIND_COMMAND: SessionState.SESSION_STATE_WORKING}
"""What is known of the session's own command as it starts; of a terminal's program nothing is."""


class CommandMaker(Protocol):
    """Makes the source of the session's own command."""

    def new(self, request: CreateRequest, record: SessionMessage, sink: Sink) -> Source:
        """To be started."""
        ...

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        """To be resumed."""
        ...


class RecipeSource:
    """The steps of one session, and its own command.

    Args:
        sink: the session's.
        inotify: tells of all files.
        record: the session's.
        command: makes the source of its own command.
        environ: of programs that take a step back: the server's own.
        request: with the whole environment in `env`; needed by `start`, and by nobody else.
    """

    def __init__(
        self,
        sink: Sink,
        inotify: Inotify,
        record: SessionMessage,
        command: CommandMaker,
        *,
        environ: Mapping[str, str],
        request: CreateRequest | None = None,
    ) -> None:
        self.kind = record.kind
        self._sink = sink
        self._inotify = inotify
        self._record = record
        self._maker = command
        self._environ = environ
        self._request = request
        self._plan: Plan
        self._step: Source | None = None  # what runs now, a step or what takes one back
        self._command: Source | None = None
        self._changing = asyncio.Lock()  # held while a program is being started or ended: the two never meet
        self._cancelled = False
        self._interrupted = False  # when no program ran
        self._step_interrupted = False  # since the present program began
        self._undoing = False
        self._settled = asyncio.Event()  # the session's own command runs, or never will
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        assert self._request is not None  # noqa: S101 - the contract of `start`
        self._plan = Plan.write(self._sink.directory, self._request)
        self._request = None  # it may hold secrets, and the plan has them where they can be forgotten
        self._begin()

    async def resume(self) -> None:
        try:
            self._plan = Plan.read(self._sink.directory)
        except FileNotFoundError:
            await self._sink.ended(Ending(started=False, error="the server went down before the recipe was begun"))
            return
        self._cancelled = self._plan.cancelled
        self._begin()
        if self._is_at_command:
            await self._settled.wait()

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"recipe {self._sink.session_id}")

    # --- what callers ask

    def check_send(self, typed: Typed) -> None:
        if self._command is not None or not self._is_at_command:  # else it is just being started, and `send` waits for it
            self._own("type into").check_send(typed)

    async def send(self, typed: Typed) -> None:
        await self._until_settled()
        await self._own("type into").send(typed)

    async def echo_is_off(self) -> bool:
        return self._command is not None and await self._command.echo_is_off()

    async def interrupt(self) -> None:
        await self._until_settled()
        async with self._changing:
            present = self._command or self._step
            if self._undoing:
                return  # what takes steps back is not to be stopped
            if present is None:
                self._interrupted = True
            else:
                self._step_interrupted = True
                await present.interrupt()

    async def resize(self, columns: int, rows: int) -> None:
        await self._own("resize").resize(columns, rows)

    async def snapshot(self) -> Snapshot:
        return await self._own("look at").snapshot()

    async def terminate(self, signal: int, grace: float) -> None:
        self._cancelled = True
        try:
            self._plan.cancel()
        except OSError as error:  # a full disk must not keep a program from being ended
            log.warning("session %s: %s", self._sink.session_id, error)
        if self._undoing and signal != signals.SIGKILL:
            return  # it ends already, and what takes its steps back is not to be stopped
        async with self._changing:
            await self._end_present(signal, grace)
        if self._task is not None and self._task.done() and self._command is None:  # it had stopped by a defect
            await self._sink.ended(Ending(observed=False, error="the recipe had stopped before"))

    async def release(self) -> None:
        raise NotAdopted(session=self._sink.session_name)

    async def detach(self) -> None:
        async with self._changing:  # a program that is just being started is let come up: cancelled, its start would end it
            if self._task is not None:
                self._task.cancel()
                await asyncio.wait([self._task])
        for source in (self._step, self._command):
            if source is not None:
                await source.detach()

    @property
    def _is_at_command(self) -> bool:
        """The steps are done, and the session's own command was begun."""
        return self._place > 2 * len(self._plan.steps)

    async def _until_settled(self) -> None:
        """Waits for a command that is just being started."""
        if self._is_at_command:
            await self._settled.wait()

    async def _end_present(self, signal: int, grace: float) -> None:
        present = self._command or self._step
        if present is not None:
            await present.terminate(signal, grace)

    def _own(self, action: str) -> Source:
        """The session's own command. Raises `StepsRunning` while the steps run."""
        if self._command is None:
            raise StepsRunning(session=self._sink.session_name, action=action)
        return self._command

    # --- from step to step

    async def _run(self) -> None:
        try:
            failed = await self._steps()
            if failed is not None:
                await self._give_up(failed)
            elif self._plan.has_command:
                try:
                    await self._run_command()
                finally:
                    self._settled.set()
            else:
                await self._finish(Ending(exit_code=0))
        except Exception as error:
            log.exception("session %s: the recipe stopped", self._sink.session_id)
            await self._sink.capture(CaptureState.CAPTURE_STATE_BLIND, str(error))

    async def _steps(self) -> Ending | None:
        """Does what is left of the steps. How the session ends, when they do not all come to a good end."""
        for number, step in enumerate(self._plan.steps, 1):
            if self._place > 2 * number:
                continue
            if self._place < 2 * number - 1:
                if stopped := self._stopped(f"before {step.source}"):
                    return stopped
                begun = StepStarted(step=step.source, index=number, count=len(self._plan.steps))
                await self._reach(Event(step_started=begun), 2 * number - 1)
            if self._place < 2 * number:
                await self._follow_step(number, step)
                await self._tell_end(number, step)
            if failed := self._judge(number, step):
                return failed
        return None

    def _judge(self, number: int, step: Step) -> Ending | None:
        """How the session ends because of this step; None: the recipe goes on."""
        end = self._plan.end(number)
        asked = self._interrupted or self._step_interrupted
        of_interrupt = asked and (end.signal == signals.SIGINT or end.exit_code == SIGINT_CODE)
        if not self._cancelled and not of_interrupt and (not end.failure or step.allow_failure):
            return None
        ending = Ending(signal=end.signal) if end.signal else Ending(exit_code=end.exit_code if end.observed else None)
        error = f"cancelled in {step.source}" if self._cancelled else end.failure
        return replace(ending, observed=end.observed, error=error)

    def _stopped(self, where: str) -> Ending | None:
        """How the session ends because somebody ended it between two programs; None: nobody did."""
        if self._cancelled:
            return Ending(error=f"cancelled {where}")
        if self._interrupted:
            return Ending(signal=signals.SIGINT, error=f"interrupted {where}")
        return None

    @property
    def _place(self) -> int:
        return self._sink.position(PLACE)

    async def _reach(self, event: Event, place: int) -> None:
        """Says what happens next, and that it was said."""
        await self._sink.event(event, OURS, place, PLACE)

    async def _tell_end(self, number: int, step: Step) -> None:
        end = self._plan.end(number)
        if end.detail:
            await self._notice(f"step-{number}.notice", "step_failed", end.failure)
        took = Duration()
        took.FromMicroseconds(round(end.seconds * 1e6))
        allowed = bool(end.failure) and self._judge(number, step) is None
        finished = StepFinished(step=step.source, exit_code=end.exit_code, duration=took, failure_allowed=allowed)
        await self._reach(Event(step_finished=finished), 2 * number)

    async def _notice(self, once: str, code: str, text: str) -> None:
        """Says something, once over all servers."""
        if not self._sink.position(once):
            await self._sink.event(Event(notice=Notice(code=code, text=text)), OURS, 1, once)

    # --- one program

    async def _follow_step(self, number: int, step: Step) -> None:
        """Starts a step, or follows one that an earlier server has started; returns when it is over."""
        sink = StepSink(self._sink, self._plan.of_step(number), step.source, log_lines=self._plan.log_steps)
        resumed = await was_started(sink.directory)
        if resumed:
            await self._resume(sink)
            if self._cancelled:
                async with self._changing:
                    await self._end_present(signals.SIGTERM, KILL_GRACE)
        elif not await self._start(sink, lambda: self._program(number, sink)):
            return
        if number == len(self._plan.steps) and not self._plan.has_command:
            self._plan.forget()
        await self._until_over(number, sink, resumed=resumed)
        self._step = None
        (sink.directory / "script").unlink(missing_ok=True)

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
                async with self._changing:
                    await self._end_step(sink.directory)
                await self._when_there_is_room(lambda: self._plan.note_timeout(number))
        await sink.over

    async def _end_step(self, directory: Path) -> None:
        """Ends what a step has started; what an earlier one left running on purpose lives on."""
        started = relay_link.read_started(directory)
        if started is not None:
            since = started.child.start
            await processes.end_tree(self._sink.session_id, started.child, signals.SIGTERM, KILL_GRACE, since=since)

    async def _start(self, sink: StepSink, make: Callable[[], CommandSource], *, whatever: bool = False) -> bool:
        """Starts a program. False: it did not start, and its files say why.

        Where somebody has ended the recipe meanwhile it is not started, unless `whatever` is said.
        """
        while True:
            async with self._changing:
                try:
                    shutil.rmtree(sink.directory, ignore_errors=True)
                    sink.directory.mkdir(mode=0o700)
                    if not whatever and (self._cancelled or self._interrupted):
                        number = signals.SIGTERM if self._cancelled else signals.SIGINT
                        put(sink.directory / "exit", b"signal %d\n" % number)
                        return False
                    return await self._try_to_start(sink, make)
                except OSError as error:
                    if error.errno not in NO_ROOM:
                        raise
            await asyncio.sleep(ROOM_PAUSE)

    async def _try_to_start(self, sink: StepSink, make: Callable[[], CommandSource]) -> bool:
        self._step_interrupted = False
        try:
            source = make()
            self._step = source
            await source.start()
        except OSError:
            self._step = None
            raise
        except SightlineError as error:
            self._step = None
            note_not_started(sink.directory, error)
            return False
        return True

    async def _resume(self, sink: StepSink) -> None:
        source = CommandSource(sink, self._inotify)
        self._step = source
        await source.resume()

    async def _when_there_is_room(self, work: Callable[[], Made]) -> Made:
        """Does what writes a file, once the disk has room for it."""
        while True:
            try:
                return work()
            except OSError as error:
                if error.errno not in NO_ROOM:
                    raise
            await asyncio.sleep(ROOM_PAUSE)

    def _program(self, number: int, sink: StepSink) -> CommandSource:
        """What a step runs. Raises OSError, `CwdNotFound`."""
        whole = self._plan.whole()
        assert whole is not None  # noqa: S101 - it is forgotten when the last program has started, and this one has not
        step = whole.steps[number - 1]
        before = self._plan.worktree(number)
        cwd = os.path.normpath(os.path.join(before.path if before else self._record.cwd, step.cwd))
        match step.WhichOneof("action"):
            case "argv":
                argv = list(step.argv.argv)
            case "script":
                # In a file: an argument has a limit, everybody can read it, and what stands on stdin a program in it would eat.
                put(sink.directory / "script", step.script.encode())
                argv = ["sh", str(sink.directory / "script")]
            case _:
                if not os.path.isdir(cwd):
                    raise CwdNotFound(cwd=cwd)
                wanted = step.worktree
                argv = tool("add", str(sink.directory / "worktree"), wanted.path, wanted.branch, wanted.base)
        env = {**whole.env, RESULT_VARIABLE: str(self._plan.directory / "result"), **step.env}
        return CommandSource(sink, self._inotify, argv=argv, env=env, cwd=cwd)

    # --- the session's own command

    async def _run_command(self) -> None:
        place = 2 * len(self._plan.steps) + 1
        if self._place < place:
            if stopped := self._stopped("before the command"):
                await self._give_up(stopped)
                return
            state = BEHIND_STEPS.get(self._record.kind, SessionState.SESSION_STATE_UNKNOWN)
            reason = "the steps are done: the command starts"
            said = StateChanged(state=state, provenance="sightline", reason=reason, confidence=1.0)
            await self._reach(Event(state_changed=said), place)
        sink = OwnSink(self._sink, self._command_ended)
        whole = self._plan.whole()
        if whole is None or not self._plan.is_untouched():
            self._command = self._maker.resumed(self._record, sink)
            await self._command.resume()
            if self._cancelled:
                async with self._changing:
                    await self._end_present(signals.SIGTERM, KILL_GRACE)
        elif not await self._start_command(whole, sink):
            return
        self._plan.forget()

    async def _start_command(self, whole: CreateRequest, sink: Sink) -> bool:
        """Starts it; False: it could not be, and the session has ended."""
        record = SessionMessage()
        record.CopyFrom(self._record)
        worktree_ = self._plan.worktree(len(self._plan.steps) + 1)
        if worktree_ is not None:
            record.cwd = whole.cwd = worktree_.path
        del whole.steps[:]
        whole.env[RESULT_VARIABLE] = str(self._plan.directory / "result")
        async with self._changing:
            stopped = self._stopped("before the command")
            if stopped is None:
                command = self._maker.new(whole, record, sink)
                try:
                    await command.start()
                except SightlineError as error:
                    stopped = Ending(started=False, error=str(error))
                else:
                    self._command = command
        if stopped is not None:
            await self._give_up(stopped)
        return stopped is None

    async def _command_ended(self, ending: Ending) -> None:
        await self._sink.ended(replace(ending, labels=await self._labels(ending)))

    # --- the end

    async def _finish(self, ending: Ending) -> None:
        """The session ends without a command of its own: all steps are done, or one of them was the last."""
        self._plan.forget()
        left = await asyncio.to_thread(processes.tree, self._sink.session_id, None)
        await self._sink.ended(replace(ending, descendants_left=len(left), labels=await self._labels(ending)))

    async def _give_up(self, ending: Ending) -> None:
        """The session ends before its own command has run: the worktrees that were made are taken back, the last one first."""
        self._undoing = True
        for number in range(len(self._plan.steps), 0, -1):
            made = self._plan.made(number)
            if made is None or not made.ours:
                continue
            sink = StepSink(
                self._sink, self._plan.of_undoing(number), self._plan.steps[number - 1].source, log_lines=self._plan.log_steps
            )
            if await was_started(sink.directory):
                await self._resume(sink)
            elif not await self._start(sink, lambda number=number, sink=sink: self._undoer(number, sink), whatever=True):  # type: ignore[misc]
                continue
            await sink.over
            self._step = None
        await self._finish(ending)

    def _undoer(self, number: int, sink: StepSink) -> CommandSource:
        argv = tool("remove", str(self._plan.of_step(number) / "worktree"), self._sink.session_name)
        return CommandSource(sink, self._inotify, argv=argv, env=self._environ, cwd="/")

    async def _labels(self, ending: Ending) -> dict[str, str]:
        """The result: what the caller said of the session, what is known of it, and what the steps wrote, which beats both."""
        written, skipped = self._plan.results(whole=ending.exit_code is not None)
        if skipped:
            await self._notice("result.notice", "result_skipped", f"in ${RESULT_VARIABLE}, left out: " + "; ".join(skipped[:10]))
        known = {"id": self._sink.session_id, "name": self._sink.session_name}
        made = self._plan.worktree(len(self._plan.steps) + 1)
        if made is not None and os.path.isdir(made.path):  # noqa: ASYNC240 - one look
            known |= {"worktree": made.path, "branch": made.branch}
        return {**self._record.labels, **known, **written}


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
