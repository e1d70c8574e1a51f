"""A recipe: its steps one after the other, each held by a relay of its own, then the session's own command, if there is one.

How far it is stands in the session's log, as the position `PLACE` (2N-1: step N begins, 2N: it has ended, and one more for the
command), committed with the very events that say so; what it needs to go on stands in its `Plan`. So a server that is killed, at
any moment, is followed by one that goes on with the same step at the same byte.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal as signals
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from google.protobuf.duration_pb2 import Duration
from sightline.v1.event_pb2 import CaptureState, Event, Notice, SessionState, StateChanged, StepFinished, StepStarted
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_pb2 import SessionKind, Snapshot, Step
from sightline.v1.session_service_pb2 import CreateRequest

from sightline_server.capture import processes
from sightline_server.capture.base import Answer, Answering, Ending, Sink, Source, Typed
from sightline_server.capture.foreground import OnTty, Tty
from sightline_server.capture.inotify import Inotify
from sightline_server.capture.passing import PassingSink
from sightline_server.capture.recipe.plan import RESULT_VARIABLE, Plan
from sightline_server.capture.recipe.programs import KILL_GRACE, Programs
from sightline_server.errors import AgentTakesNoAnswers, NotAdopted, SightlineError, StepsRunning

log = logging.getLogger(__name__)

OURS = "sightline"  # `Event.source` of what the server itself has to say
PLACE = "recipe"  # the position that says how far the recipe is
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
        self._programs: Programs
        self._command: Source | None = None
        self._undoing = False
        self._settled = asyncio.Event()  # the session's own command runs, or never will
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        assert self._request is not None  # noqa: S101 - the contract of `start`
        plan = Plan.write(self._sink.directory, self._request)
        self._request = None  # it may hold secrets, and the plan has them where they can be forgotten
        self._begin(plan)

    async def resume(self) -> None:
        try:
            plan = Plan.read(self._sink.directory)
        except FileNotFoundError:
            await self._sink.ended(Ending(started=False, error="the server went down before the recipe was begun"))
            return
        self._begin(plan)
        if self._is_at_command:
            await self._settled.wait()

    def _begin(self, plan: Plan) -> None:
        self._plan = plan
        self._programs = Programs(self._sink, self._inotify, plan, cwd=self._record.cwd, environ=self._environ)
        self._task = asyncio.create_task(self._run(), name=f"recipe {self._sink.session_id}")

    # --- what callers ask

    def check_send(self, typed: Typed) -> None:
        if self._command is not None or not self._is_at_command:  # else it is just being started, and `send` waits for it
            self._own("type into").check_send(typed)

    async def send(self, typed: Typed) -> None:
        await self._until_settled()
        await self._own("type into").send(typed)

    async def answer(self, answer: Answer) -> int | None:
        """See `Answering`."""
        command = self._own("answer")
        if not isinstance(command, Answering):
            raise AgentTakesNoAnswers(session=self._sink.session_name)
        return await command.answer(answer)

    async def echo_is_off(self) -> bool:
        return self._command is not None and await self._command.echo_is_off()

    def tty(self) -> Tty | None:
        """See `OnTty`."""
        return self._command.tty() if isinstance(self._command, OnTty) else None

    async def interrupt(self) -> None:
        await self._until_settled()
        if not self._undoing:  # what takes steps back is not to be stopped
            await self._programs.interrupt()

    async def resize(self, columns: int, rows: int) -> None:
        await self._own("resize").resize(columns, rows)

    async def snapshot(self) -> Snapshot:
        return await self._own("look at").snapshot()

    async def terminate(self, signal: int, grace: float) -> None:
        self._programs.cancelled = True
        try:
            self._plan.cancel()
        except OSError as error:  # a full disk must not keep a program from being ended
            log.warning("session %s: %s", self._sink.session_id, error)
        if self._undoing and signal != signals.SIGKILL:
            return  # it ends already, and what takes its steps back is not to be stopped
        await self._programs.end(signal, grace)
        if self._task is not None and self._task.done() and self._command is None:  # it had stopped by a defect
            await self._sink.ended(Ending(observed=False, error="the recipe had stopped before"))

    async def release(self) -> None:
        raise NotAdopted(session=self._sink.session_name)

    async def detach(self) -> None:
        if self._task is None:
            return
        async with self._programs.changing:  # a program that is just being started comes up: cancelled, its start would end it
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._programs.present is not None:
            await self._programs.present.detach()

    @property
    def _is_at_command(self) -> bool:
        """The steps are done, and the session's own command was begun."""
        return self._place > 2 * len(self._plan.steps)

    async def _until_settled(self) -> None:
        """Waits for a command that is just being started."""
        if self._is_at_command:
            await self._settled.wait()

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
                await self._programs.step(number)
                await self._tell_end(number, step)
            if failed := self._judge(number, step):
                return failed
        return None

    def _judge(self, number: int, step: Step) -> Ending | None:
        """How the session ends because of this step; None: the recipe goes on."""
        end = self._plan.end(number)
        cancelled = self._programs.cancelled
        asked = self._programs.interrupted or self._programs.struck
        of_interrupt = asked and (end.signal == signals.SIGINT or end.exit_code == SIGINT_CODE)
        if not cancelled and not of_interrupt and (not end.failure or step.allow_failure):
            return None
        ending = Ending(signal=end.signal) if end.signal else Ending(exit_code=end.exit_code if end.observed else None)
        error = f"cancelled in {step.source}" if cancelled else end.failure
        return replace(ending, observed=end.observed, error=error)

    def _stopped(self, where: str) -> Ending | None:
        """How the session ends because somebody ended it between two programs; None: nobody did."""
        if self._programs.cancelled:
            return Ending(error=f"cancelled {where}")
        if self._programs.interrupted:
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
        if number == len(self._plan.steps) and self._plan.has_command and self._judge(number, step) is None:
            finished.labels.update(
                self._left_behind(self._plan.results(whole=True)[0])
            )  # whoever made the session waits for them now
        await self._reach(Event(step_finished=finished), 2 * number)

    async def _notice(self, once: str, code: str, text: str) -> None:
        """Says something, once over all servers."""
        if not self._sink.position(once):
            await self._sink.event(Event(notice=Notice(code=code, text=text)), OURS, 1, once)

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
        sink = PassingSink(self._sink, self._command_ended)
        whole = self._plan.whole()
        if whole is None or not self._plan.is_untouched():
            self._programs.present = self._command = self._maker.resumed(self._record, sink)
            await self._command.resume()
            if self._programs.cancelled:
                await self._programs.end(signals.SIGTERM, KILL_GRACE)
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
        whole.env[RESULT_VARIABLE] = str(self._plan.result)
        stopped = await self._programs.start(lambda: self._begin_command(whole, record, sink))
        if stopped is not None:
            await self._give_up(stopped)
        return stopped is None

    async def _begin_command(self, whole: CreateRequest, record: SessionMessage, sink: Sink) -> Ending | None:
        if stopped := self._stopped("before the command"):
            return stopped
        command = self._maker.new(whole, record, sink)
        try:
            await command.start()
        except SightlineError as error:
            return Ending(started=False, error=str(error))
        self._programs.present = self._command = command
        return None

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
            await self._programs.take_back(number)
        await self._finish(ending)

    async def _labels(self, ending: Ending) -> dict[str, str]:
        """The result: what the caller said of the session, what is known of it, and what the steps wrote, which beats both."""
        written, skipped = self._plan.results(whole=ending.exit_code is not None)
        if skipped:
            await self._notice("result.notice", "result_skipped", f"in ${RESULT_VARIABLE}, left out: " + "; ".join(skipped[:10]))
        return self._left_behind(written)

    def _left_behind(self, written: Mapping[str, str]) -> dict[str, str]:
        known = {"id": self._sink.session_id, "name": self._sink.session_name}
        made = self._plan.worktree(len(self._plan.steps) + 1)
        if made is not None and os.path.isdir(made.path):
            known |= {"worktree": made.path, "branch": made.branch}
        return {**self._record.labels, **known, **written}
