"""An agent that Sightline runs: a program of any kind that holds it, and what callers ask of an agent rather than of a program."""

from __future__ import annotations

import asyncio
import logging
import signal as signals
import time
from contextlib import suppress

from google.protobuf.duration_pb2 import Duration
from sightline.v1.event_pb2 import Event, Progress
from sightline.v1.session_pb2 import Snapshot

from sightline_server.capture import processes
from sightline_server.capture.agent import programs
from sightline_server.capture.agent.account import Account, Resolution
from sightline_server.capture.agent.given import Given
from sightline_server.capture.agent.sink import AgentSink
from sightline_server.capture.agent.two_way import TwoWay, turn_line
from sightline_server.capture.base import Answer, Source, Typed
from sightline_server.errors import (
    AgentNotInstalled,
    AgentTakesNoAnswers,
    BadField,
    HostDisconnected,
    ProgramNotFound,
    SightlineError,
    UnknownKey,
)

log = logging.getLogger(__name__)

INTERRUPT_SECONDS = 8.0  # for an interrupted agent to end; then its tree is ended
CONFIRM_SECONDS = 5.0  # for an agent that reads while it works to confirm an interrupt; then it is interrupted as any other
REST_GRACE = 1.0  # seconds from SIGTERM to SIGKILL, for what an agent that was to end has left behind
GIVE_STEP = 1.0  # s, between attempts to give a prompt to an agent whose host does not answer
TERMINATE_GRACE = 2.0  # seconds from SIGTERM to SIGKILL, for an agent that did not end by an interrupt
HEARD_STEP = 0.02  # s, between looks whether an interrupt was confirmed


class AgentSource:
    """See `Source` and `Answering`.

    Args:
        sink: between program and session.
        program: holds the agent; reports to `sink`.
        family: of the agent.
        account: of a new agent, or of one whose account is lost.
        argv: of a new agent.
        given: what a new one's stdin begins with, where the program's own source cannot see to that.
    """

    def __init__(
        self, sink: AgentSink, program: Source, family: str, account: Account, *, argv: tuple[str, ...] = (), given: str = ""
    ) -> None:
        self.kind = program.kind
        self._sink = sink
        self._program = program
        self._family = family
        self._fresh = account
        self._argv = argv
        self._given = Given(sink.directory)
        self._given_text = given
        sink.end_rest = self._end_rest
        self._known: list[processes.Identity] = []
        self._telling: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()  # it runs, or is known to be over: behind a restart callers come before that

    async def start(self) -> None:
        self._fresh.decoder.told(self._argv)
        self._sink.begin(self._fresh)
        try:
            self._given.keep(self._given_text)
            await self._program.start()
            await self._give()
        except ProgramNotFound as error:
            self._sink.close()
            if programs.is_own(self._family, self._argv):
                install = programs.TABLE[self._family].install
                raise AgentNotInstalled(agent=self._family, program=self._argv[0], install=install) from error
            raise
        except BaseException:
            self._sink.close()
            raise
        self._telling = asyncio.create_task(self._tell(), name=f"progress {self._sink.session_id}")
        self._ready.set()

    async def resume(self) -> None:
        try:
            self._sink.resume(self._fresh)
            await self._program.resume()
        finally:
            self._ready.set()
        if self._sink.over.is_set():
            return
        self._telling = asyncio.create_task(self._tell(), name=f"progress {self._sink.session_id}")
        if self._sink.marks.terminated:
            self._ending = asyncio.create_task(self._program.terminate(signals.SIGTERM, TERMINATE_GRACE))
        elif self._sink.marks.interrupted is not None and self._talk is None:
            self._ending = asyncio.create_task(self._end_soon())
        await self._deliver()
        await self._give()

    async def _give(self) -> None:
        """Gives a program what its stdin is to begin with; one whose host does not answer gets it later."""
        while (text := self._given.text) and not self._sink.over.is_set():
            with suppress(HostDisconnected):
                await self._program.send(Typed(data=text, eof=self._talk is None))
                self._given.forget()
                return
            await asyncio.sleep(GIVE_STEP)

    # --- what callers ask

    @property
    def _talk(self) -> TwoWay | None:
        return self._sink.account.two_way

    def check_send(self, typed: Typed) -> None:
        if self._ready.is_set():  # else `send` waits for that, and says it
            self._program.check_send(self._as_turn(typed))

    async def send(self, typed: Typed) -> None:
        await self._ready.wait()
        turn = self._as_turn(typed)
        await self._program.send(turn)
        if self._talk is not None and typed.data:
            self._talk.given += 1

    def _as_turn(self, typed: Typed) -> Typed:
        """What is to be typed so that it is the agent's next turn."""
        if self._talk is None:
            return typed
        for key in typed.keys:
            if key != "Enter":
                raise UnknownKey(key=key)
        try:
            text = typed.data.decode()
        except UnicodeDecodeError:
            raise BadField(field="data", problem="a turn is text: it must be UTF-8") from None
        if not text.strip() and not typed.eof:
            raise BadField(field="text", problem="a turn must say something")
        return Typed(data=turn_line(text) if text else b"", eof=typed.eof)

    async def echo_is_off(self) -> bool:
        return False

    async def interrupt(self) -> None:
        await self._ready.wait()
        self._sink.marks.interrupt(self._sink.account.decoder.conversation.turn_id)
        talk = self._talk
        if talk is None:
            await self._interrupt_program()
            if self._ending is None:
                self._ending = asyncio.create_task(self._end_soon(), name=f"end of {self._sink.session_id}")
            return
        request_id, line = talk.interrupt()
        await self._void_requests()
        try:
            await self._program.send(Typed(data=line))
        except SightlineError:  # it does not read any more
            await self._interrupt_program()
            self._ending = self._ending or asyncio.create_task(self._end_soon())
            return
        self._ending = self._ending or asyncio.create_task(self._confirmed(talk, request_id))

    async def _void_requests(self) -> None:
        for request_id in list(self._sink.account.decoder.conversation.open_requests):
            await self._sink.resolve(Resolution(request_id, text="interrupted", cancelled=True))

    async def _confirmed(self, talk: TwoWay, request_id: str) -> None:
        """Waits until the agent has confirmed an interrupt; one that does not is interrupted as any other, and ends."""
        deadline = time.monotonic() + CONFIRM_SECONDS
        while time.monotonic() < deadline:
            if talk.is_confirmed(request_id) or self._sink.over.is_set():
                self._ending = None
                return
            await asyncio.sleep(HEARD_STEP)
        await self._interrupt_program()
        await self._end_soon()

    async def _interrupt_program(self) -> None:
        if self._sink.here:  # a tool that does not carry our mark is lost from sight when the agent goes
            self._known = await asyncio.to_thread(processes.tree, self._sink.session_id, None)
        await self._program.interrupt()

    async def _end_rest(self) -> None:
        """Ends what an agent that was to end has left behind."""
        await self._program.terminate(signals.SIGTERM, REST_GRACE)
        if self._known:
            await processes.end_tree(self._sink.session_id, None, signals.SIGTERM, REST_GRACE, known=self._known)

    async def _end_soon(self) -> None:
        """Ends the whole tree of an agent that does not end by an interrupt."""
        with suppress(TimeoutError):
            async with asyncio.timeout(INTERRUPT_SECONDS):
                await self._sink.over.wait()
                return
        with suppress(SightlineError):
            await self._program.terminate(signals.SIGTERM, TERMINATE_GRACE)

    async def answer(self, answer: Answer) -> int | None:
        """See `Answering`."""
        await self._ready.wait()
        if self._talk is None:
            raise AgentTakesNoAnswers(session=self._sink.session_name)
        account = self._sink.account
        if answer.request_id not in account.decoder.conversation.open_requests:
            return None
        reply = self._talk.reply(answer.request_id, answer.option_id, answer.text)
        self._program.check_send(Typed(data=reply.encode()))
        resolution = Resolution(answer.request_id, answer.option_id, answer.text, answer.author, reply=reply)
        seq = await self._sink.resolve(resolution)
        await self._deliver()
        return seq

    async def _deliver(self) -> None:
        """Tells the agent what it was answered: also what a server before this one could not tell it any more."""
        for number, reply in list(self._sink.account.undelivered.items()):
            await self._program.send(Typed(data=reply.encode()))
            self._sink.delivered(number)

    async def resize(self, columns: int, rows: int) -> None:
        await self._program.resize(columns, rows)

    async def terminate(self, signal: int, grace: float) -> None:
        self._sink.marks.terminate()
        await self._ready.wait()
        await self._program.terminate(signal, grace)

    async def release(self) -> None:
        await self._program.release()

    async def snapshot(self) -> Snapshot:
        return await self._program.snapshot()

    async def detach(self) -> None:
        for task in (self._telling, self._ending):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        await self._program.detach()
        self._sink.close()

    # --- how far it is

    async def _tell(self) -> None:
        """Tells how far it is, each `interval`, while it works."""
        began = time.time_ns()
        while not self._sink.over.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._sink.account.interval):
                    await self._sink.over.wait()
                    return
            account = self._sink.account
            if account.is_working:
                told = Event(progress=progress(account, account.turn_began or began, time.time_ns()))
                await self._sink.event(told, self._family)


def progress(account: Account, began: int, now: int) -> Progress:
    """How far an agent is."""
    conversation = account.decoder.conversation
    elapsed = Duration()
    elapsed.FromNanoseconds(max(0, now - began))
    counts = {"tool_calls": conversation.tool_calls, "turns": conversation.turns, "open_tool_calls": len(conversation.open_calls)}
    for name in ("input_tokens", "output_tokens"):
        counts[name] = getattr(conversation.total, name)
    counts["silent_seconds"] = max(0, now - (account.heard or began)) // 10**9
    phase = conversation.phase or ("working" if conversation.turns else "starting")
    return Progress(phase=phase, elapsed=elapsed, counts={name: count for name, count in counts.items() if count})
