"""`run`: a command from start to end in one call, on a `Client`."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from sightline import errors
from sightline.client import Client, connect
from sightline.progress import Item
from sightline.requests import AgentRef, Kind, kind
from sightline.subscription import Subscription, cancelled_by_us
from sightline.v1.event_pb2 import Channel, Completed, Event, EventKind, Outcome, Usage
from sightline.v1.session_pb2 import Session, Step
from sightline.v1.session_service_pb2 import CreateRequest, Gap

T = TypeVar("T")

END_WITHIN = 15.0  # seconds a cancelled run may take to end its tree: the server's grace of 5 s, SIGKILL, and a restart in between
COLLECTED = frozenset({EventKind.EVENT_KIND_OUTPUT, EventKind.EVENT_KIND_OUTPUT_LOST, EventKind.EVENT_KIND_COMPLETED})
"""What a result is made of, whatever the caller wants to see."""


@dataclass(frozen=True)
class RunResult:
    """What a command left behind.

    Attributes:
        outcome: `SUCCEEDED`, `FAILED`, `INTERRUPTED`, `CANCELLED`, `RELEASED` or `LOST`, as the contract's `Outcome` tells.
        exit_code: the exit code; None when a signal ended it, when it never started, or when nobody saw its end.
        signal: the signal that ended it; 0: none.
        stdout: what it wrote; of a terminal all that it showed, escape codes included; of an agent nothing: it became events.
        stderr: what it wrote there; empty with a terminal.
        result_text: an agent's last word: what a run of it without streaming would have printed; empty for a plain command.
        text: the same; of a plain command its stdout as text, bytes that are no UTF-8 replaced.
        usage: tokens and cost in all; None where nothing was counted.
        session_id: the session, whose log is kept.
        error: why it did not succeed, for people; empty when the outcome says it all.
        complete: False when output is missing, because it could not be kept.
        labels: what it left behind by name: the result of a recipe.
    """

    outcome: str
    exit_code: int | None
    signal: int
    stdout: bytes
    stderr: bytes
    text: str
    usage: Usage | None
    session_id: str
    error: str = ""
    complete: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    result_text: str = ""


async def run(
    argv: Sequence[str] | None = None,
    *,
    name: str = "",
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    terminal: tuple[int, int] | None = None,
    labels: Mapping[str, str] | None = None,
    recipe: CreateRequest | None = None,
    steps: Iterable[Step] = (),
    agent: AgentRef | None = None,
    prompt: str = "",
    progress_interval: float | None = 5.0,
    kinds: Iterable[Kind] = (),
    on_event: Callable[[Event], object] | None = None,
    target: str | None = None,
    client: Client | None = None,
    timeout: float | None = None,
) -> RunResult:
    """Runs a command as a session and returns when it is complete; a restart of the server in between is not noticed.

    When the task is cancelled, or anything else ends this call early, the command's whole process tree is ended first.

    Args:
        argv: the program and its arguments, as are the next ones, as in `Client.create`.
        name: unique among live sessions.
        cwd: its directory; None: the caller's.
        env: its whole environment; None: the caller's.
        terminal: columns and rows of a terminal to run it in; None: in pipes.
        labels: the caller's own marks.
        recipe: as in `Client.create`.
        steps: as in `Client.create`.
        agent: as in `Client.create`, as are `prompt` and `progress_interval`; without one these mean nothing.
        prompt: the agent's first prompt.
        progress_interval: seconds between two `progress` events while the agent works.
        kinds: only these reach `on_event`, such as `"tool_call"`; none given: all. The result is the same either way. Raises
            ValueError for a word that is none.
        on_event: called with each event as it comes; when it returns an awaitable, that is awaited before the next one.
        target: the server; None: as `connect` finds it.
        client: use this one instead of a connection of its own.
        timeout: seconds, after which the tree is ended and `TimedOut` raised; None: no limit.

    Raises:
        Cancelled: the task was cancelled (asyncio's own class, see there).
        TimedOut: it was not done within `timeout`; its `result` has what there was.
        SightlineError: it could not be started. A program that runs and fails is no error: see `outcome`.
    """
    wanted = frozenset(map(kind, kinds))
    async with AsyncExitStack() as stack:
        if client is None:
            client = await stack.enter_async_context(connect(target))
        create = client.create(
            argv,
            name=name,
            cwd=cwd,
            env=env,
            terminal=terminal,
            labels=labels,
            recipe=recipe,
            steps=steps,
            agent=agent,
            prompt=prompt,
            progress_interval=None if agent is None else progress_interval,
        )
        session = await _start(client, create)
        stream = await stack.enter_async_context(client.subscribe(session, kinds=wanted | COLLECTED if wanted else ()))
        shown = on_event if on_event is None or not wanted else _only(wanted, on_event)
        collected = _Collected(session.id)
        try:
            async with asyncio.timeout(timeout) as limit:
                await _follow(stream, collected, shown)
        except BaseException as error:
            note = await finish(_end(client, session.id))
            if cancelled_by_us() and not isinstance(error, errors.Cancelled):  # while the tree was ended
                raise errors.Cancelled(note) from error
            if timeout is not None and limit.expired() and isinstance(error, TimeoutError):
                with suppress(TimeoutError):
                    async with asyncio.timeout(END_WITHIN):
                        await _follow(stream, collected, None)
                raise errors.TimedOut(timeout, collected.result()) from None
            error.add_note(note)
            raise
        return collected.result()


def _only(kinds: frozenset[EventKind.ValueType], on_event: Callable[[Event], object]) -> Callable[[Event], object]:
    """The callback, called for these kinds alone."""

    def call(event: Event) -> object:
        payload = event.WhichOneof("payload")
        return on_event(event) if payload is not None and kind(payload) in kinds else None

    return call


class _Collected:
    """What has come so far."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.completed: Completed | None = None
        self._stdout: list[bytes] = []
        self._stderr: list[bytes] = []
        self._complete = True

    def add(self, item: Item) -> None:
        if not isinstance(item, Event):
            self._complete &= not isinstance(item, Gap)
            return
        kind = item.WhichOneof("payload")
        if kind == "output":
            (self._stderr if item.output.channel == Channel.CHANNEL_STDERR else self._stdout).append(item.output.data)
        elif kind == "output_lost":
            self._complete = False
        elif kind == "completed":
            self.completed = item.completed

    def result(self) -> RunResult:
        completed = self.completed or Completed(outcome=Outcome.OUTCOME_LOST, error="its end was not received")
        stdout = b"".join(self._stdout)
        return RunResult(
            outcome=Outcome.Name(completed.outcome).removeprefix("OUTCOME_"),
            exit_code=completed.exit_code if completed.HasField("exit_code") else None,
            signal=completed.signal,
            stdout=stdout,
            stderr=b"".join(self._stderr),
            text=completed.result_text or stdout.decode(errors="replace"),
            usage=completed.usage if completed.HasField("usage") else None,
            session_id=self.session_id,
            error=completed.error,
            complete=self._complete,
            labels=dict(completed.labels),
            result_text=completed.result_text,
        )


async def _follow(stream: Subscription, collected: _Collected, on_event: Callable[[Event], object] | None) -> None:
    async for item in stream:
        collected.add(item)
        if on_event is not None and isinstance(item, Event):
            answer = on_event(item)
            if inspect.isawaitable(answer):
                await answer
        if collected.completed is not None:
            return


async def _start(client: Client, create: Coroutine[None, None, Session]) -> Session:
    """Creates the session. Cancelled meanwhile, it ends what the server may have started all the same."""
    creating = asyncio.create_task(create)
    try:
        return await asyncio.shield(creating)
    except asyncio.CancelledError as error:
        error.add_note(await finish(_end_created(client, creating)))
        raise


async def _end_created(client: Client, creating: asyncio.Task[Session]) -> str:
    await asyncio.wait({creating}, timeout=END_WITHIN)
    if not creating.done():
        creating.cancel()
        return "the server did not say whether the command was started"
    if creating.exception() is not None:
        return "the command was not started"
    return await _end(client, creating.result().id)


async def _end(client: Client, session_id: str) -> str:
    """Ends the tree, and says what came of it."""
    try:
        async with asyncio.timeout(END_WITHIN):
            await client.terminate(session_id)
    except (errors.SightlineError, TimeoutError) as error:
        return f"session {session_id} may still run: {str(error) or 'the server did not answer'}"
    return f"session {session_id} and its processes were ended"


async def finish(work: Coroutine[None, None, T]) -> T:
    """Waits for bounded work that must be done although this task is cancelled, once or more often."""
    task = asyncio.create_task(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({task})
    return task.result()
