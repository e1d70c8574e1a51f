"""A session in the foreground: what `run` does with its arguments. Output comes, Ctrl-C goes, the exit code is the command's."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from sightline import errors
from sightline.v1.event_pb2 import SESSION_STATE_ENDED

from sightline_cli import codes, intake, printing, reach, words
from sightline_cli.follow import follow
from sightline_cli.outlet import Outlet
from sightline_cli.run import size_here, start

if TYPE_CHECKING:
    from sightline import Client
    from sightline.v1.event_pb2 import Completed, Event
    from sightline.v1.session_pb2 import Session

TWICE = 2.0  # seconds within which a second Ctrl-C leaves
LAST_CALL = 10.0  # seconds that a session without a server gets to end
RETRY = 0.1  # seconds between two tries to write to a program that does not read


async def run_here(chosen: argparse.Namespace) -> int:
    """Starts the session, follows it, and returns the exit code."""
    async with reach.server_or_own(chosen) as place:
        session = await start(place.client, chosen, stdin_open=chosen.stdin, size=size_here() if chosen.tty else None)
        attaches = session.HasField("terminal") and not chosen.json and sys.stdin.isatty() and sys.stdout.isatty()
        if attaches and not session.HasField("end_time"):
            from sightline_cli.attach import attach  # noqa: PLC0415

            if session.steps:
                code = await Foreground(place, session, chosen).run(until_command=True)
                if code is not None:
                    return code
            return await attach(place, session, chosen.detach_key)
        code = await Foreground(place, session, chosen).run()
        return codes.FAILED if code is None else code


def in_foreground(descriptor: int) -> bool:
    """Whether it is a terminal that this process may read: a job in the background would be stopped."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False


class Foreground:
    """One followed session, the person's signals, and what is passed on to its standard input."""

    def __init__(self, place: reach.Place, session: Session, chosen: argparse.Namespace) -> None:
        self._client: Client = place.client
        self._local = place.local
        self._session = session
        self._takes_turns: bool = chosen.two_way
        self._passes_stdin: bool = chosen.stdin or (chosen.two_way and in_foreground(0))
        self._outlet = Outlet()
        look = printing.look(result=bool(session.agent))
        self._printer: printing.Printer = (
            printing.JsonPrinter(self._outlet, chosen.text) if chosen.json else printing.ScreenPrinter(self._outlet, look)
        )
        self._printer.session(session)
        self._tells_end = bool(session.agent) and bool(look.talk) and not chosen.json
        self._kinds: list[str] = chosen.kinds
        self._leaving: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._interrupted_at = 0.0
        self._over = False
        self._steps_left = session.steps
        self._begun = asyncio.Event()  # the command itself: there are no steps before it, or they are done
        if not session.steps:
            self._begun.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, *, until_command: bool = False) -> int | None:
        """Follows to the end, or until the person leaves; returns the exit code.

        With `until_command` at most until its steps are done and the command starts: None says that it does.
        """
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._leave, codes.BY_SIGNAL + number)
        following = asyncio.create_task(self._follow())
        if self._passes_stdin:
            self._start(self._pass_stdin())
        try:
            first: set[asyncio.Future[Any]] = {following, self._leaving}
            if until_command:
                first.add(self._start(self._until_begun()))
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                return await self._ended(await following)
            if self._leaving.done():
                return await self._left(following)
            following.cancel()
            await asyncio.wait({following})
            await self._outlet.drain()
            return None
        except BrokenPipeError:
            return await self._unread()
        finally:
            for task in self._tasks:
                task.cancel()

    async def _follow(self) -> Completed | None:
        connection = reach.Connection(self._printer.note)
        stream = self._client.subscribe(
            self._session, kinds=self._kinds, on_disconnect=connection.lost, on_reconnect=connection.back
        )
        completed = await follow(stream, self._printer, self._outlet, self._look_for_command)
        self._over = completed is not None
        await self._outlet.drain()
        return completed

    def _look_for_command(self, event: Event) -> None:
        self._steps_left -= event.HasField("step_finished")
        if self._steps_left <= 0 and event.HasField("state_changed") and event.state_changed.state != SESSION_STATE_ENDED:
            self._begun.set()

    async def _until_begun(self) -> None:
        await self._begun.wait()

    async def _ended(self, completed: Completed | None) -> int:
        if completed is None:
            self._printer.note("the end of the session was not seen")
            code = codes.FAILED
        else:
            code = codes.of_ending(completed.exit_code if completed.HasField("exit_code") else None, completed.signal)
            told = completed.error or completed.descendants_left or (code and not completed.HasField("exit_code"))
            if self._session.agent:
                code = codes.of_agent(words.outcome(completed.outcome), code)
                told = told or code
            if told and not self._tells_end:
                self._printer.note(f"{self._session.name}: {words.completed(completed)}")
        await self._outlet.drain()
        return code

    # --- leaving before the end

    def _interrupt(self) -> None:
        now = time.monotonic()
        if now - self._interrupted_at < TWICE:
            self._leave(codes.INTERRUPTED)
            return
        self._interrupted_at = now
        self._start(self._send_interrupt())

    async def _send_interrupt(self) -> None:
        again = "ends it" if self._local else "leaves it running"
        try:
            await self._client.interrupt(self._session)
            if sys.stderr.isatty():
                self._printer.note(f"interrupted {self._session.name}; Ctrl-C once more within {TWICE:.0f} s {again}")
        except errors.FailedPrecondition:
            return  # it ended meanwhile
        except errors.SightlineError as error:
            self._printer.note(
                f"the interrupt did not get through ({error.message}); Ctrl-C once more within {TWICE:.0f} s {again}"
            )

    def _leave(self, code: int) -> None:
        if not self._leaving.done():
            self._leaving.set_result(code)
            # It is on its way, and takes a bounded time: one more Ctrl-C would only cut off what it has to say.
            asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    async def _left(self, following: asyncio.Task[Completed | None]) -> int:
        code = self._leaving.result()
        if self._local:
            await self._end_own()
            await asyncio.wait({following}, timeout=LAST_CALL)
            return code
        following.cancel()
        await asyncio.wait({following})
        name = self._session.name
        self._printer.note(f"{name} goes on: `sightline watch {name}` follows it again, `sightline stop {name}` ends it")
        # Whoever left does not wait for a reader that does not read.
        await self._outlet.drain_within(TWICE)
        return code

    async def _unread(self) -> int:
        name = self._session.name
        if self._local:
            await self._end_own()
        elif not self._over:
            reach.note(f"nobody reads the output any more; {name} goes on: `sightline stop {name}` ends it")
        return codes.BY_SIGNAL + signal.SIGPIPE

    async def _end_own(self) -> None:
        try:
            await self._client.terminate(self._session)
        except errors.SightlineError as error:
            reach.note(f"{self._session.name} could not be ended: {error.message}")

    # --- standard input

    async def _pass_stdin(self) -> None:
        await self._begun.wait()
        rest = b""
        try:
            async for data in intake.chunks(0):
                if not self._takes_turns:
                    await self._type(data)
                    continue
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    await self._say(line)
            await self._say(rest)
            await self._type(b"", eof=True)
        except errors.FailedPrecondition:
            return  # it has ended, or closed its stdin: the rest is for nobody
        except errors.SightlineError as error:
            self._printer.note(f"standard input is no longer passed on: {error.message}")

    async def _say(self, line: bytes) -> None:
        """One line is a turn of an agent's, and no secret: it is in the log."""
        if line.strip():
            await self._type(line, sensitive=False, submit=True)

    async def _type(self, data: bytes, *, eof: bool = False, sensitive: bool = True, submit: bool = False) -> None:
        while True:
            try:
                await self._client.send(self._session, data=data, eof=eof, sensitive=sensitive and not eof, submit=submit)
            except (errors.ResourceExhausted, errors.FailedPrecondition) as error:
                if error.reason not in {"INPUT_BLOCKED", "STEPS_RUNNING"}:
                    raise
                await asyncio.sleep(RETRY)  # nothing was typed: the program reads when it reads, or is just being started
            else:
                return

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
