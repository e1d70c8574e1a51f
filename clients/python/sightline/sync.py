"""The same surface without async: `sightline.sync.connect()`, `Client`, `Subscription`, `run`.

Everything is the async client's own work, done in one background thread that all blocking clients of the process share; nothing is
written twice here but the blocking itself. Ctrl-C works: what is waited for is cancelled, and `KeyboardInterrupt` comes when
that is done.
Callbacks (`on_event`, `on_disconnect`) are called in that thread, and cannot call this module.
"""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from sightline import client as aio
from sightline import running
from sightline import subscription as streams
from sightline.progress import Item
from sightline.requests import AgentRef, Kind
from sightline.running import RunResult
from sightline.v1.event_pb2 import Event
from sightline.v1.session_pb2 import Cursor, Step
from sightline.v1.session_service_pb2 import CreateRequest, End, SubscribeResponse

__all__ = ["Client", "RunResult", "Subscription", "connect", "run"]

P = ParamSpec("P")
T = TypeVar("T")

CANCEL_WITHIN = running.END_WITHIN + 5  # seconds that Ctrl-C waits at most for what it cancelled
LOOK_UP = 0.2  # seconds after which Ctrl-C is noticed at the latest: within the time that a person takes for "at once"


class _Loop:
    """The background thread and its event loop: started when first needed, and a daemon, so that it never keeps a program alive.

    One for the process and not one for each client: gRPC's asyncio layer has one completion queue, and loops in several threads
    contend for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Does the work in the background and waits for it."""
        loop = self._started()
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError(
                "called from a callback of sightline.sync, whose thread would wait for itself: use the async client there"
            )
        outcome: Future[T] = Future()
        tasks: list[asyncio.Task[T]] = []

        def start() -> None:
            tasks.append(loop.create_task(work))
            tasks[0].add_done_callback(lambda task: _hand_over(task, outcome))

        def cancel() -> None:
            tasks[0].cancel()

        loop.call_soon_threadsafe(start)
        try:
            return _interruptible(outcome)
        except BaseException:
            if not outcome.done():  # Ctrl-C: nothing may go on behind the caller's back
                loop.call_soon_threadsafe(cancel)
                wait([outcome], CANCEL_WITHIN)
            raise

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="sightline", daemon=True)
                self._thread.start()
            return self._loop


def _interruptible(outcome: Future[T]) -> T:
    """The outcome, once it is there; the wait for it looks up now and then.

    A signal that another thread was given, or that came just before the wait began, does not end a wait in Python's main thread:
    a wait without end would never be interrupted by it.
    """
    while True:
        try:
            return outcome.result(LOOK_UP)
        except TimeoutError:
            if outcome.done():  # the work's own, or it was done just now
                return outcome.result()


def _hand_over(task: asyncio.Task[T], outcome: Future[T]) -> None:
    if task.cancelled():
        outcome.set_exception(asyncio.CancelledError())
    elif (error := task.exception()) is not None:
        outcome.set_exception(error)
    else:
        outcome.set_result(task.result())


_loop = _Loop()


def _blocking(method: Callable[Concatenate[aio.Client, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[Client, P], T]:
    @functools.wraps(method)
    def call(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return _loop.run(method(self.aio, *args, **kwargs))

    return call


def _iterating(method: Callable[Concatenate[aio.Client, P], AsyncIterator[T]]) -> Callable[Concatenate[Client, P], Iterator[T]]:
    @functools.wraps(method)
    def call(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return _iterate(method(self.aio, *args, **kwargs))

    return call


def _iterate(items: AsyncIterator[T]) -> Iterator[T]:
    async def one() -> tuple[T, ...]:
        try:
            return (await anext(items),)
        except StopAsyncIteration:
            return ()

    while got := _loop.run(one()):
        yield got[0]


class Subscription:
    """A stream of events: `sightline.Subscription`, blocking. Iterate it by item or by `batches`; close it by `with` or `close`."""

    def __init__(self, subscription: streams.Subscription) -> None:
        self.aio = subscription

    @property
    def end(self) -> End | None:
        """Why the stream is over; None while it is not."""
        return self.aio.end

    @property
    def cursors(self) -> list[Cursor]:
        """Where to go on after the items taken so far."""
        return self.aio.cursors

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        # A whole response crosses the threads at once: a crossing costs more than an event.
        while (item := self.aio.pop()) is None:
            if not _loop.run(self.aio.fill()):
                raise StopIteration
        return item

    def batches(self) -> Iterator[SubscribeResponse]:
        """Whole responses, as the server sent them."""
        return _iterate(self.aio.batches())

    def close(self) -> None:
        """Ends the subscription."""
        _loop.run(self.aio.aclose())

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _subscribing(
    method: Callable[Concatenate[aio.Client, P], streams.Subscription],
) -> Callable[Concatenate[Client, P], Subscription]:
    @functools.wraps(method)
    def call(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Subscription:
        return Subscription(method(self.aio, *args, **kwargs))

    return call


class Client:
    """One server: `sightline.Client`, blocking. Safe to use from several threads.

    Attributes:
        aio: the async client behind it; it belongs to the background thread.
    """

    def __init__(self, client: aio.Client) -> None:
        self.aio = client

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    close = _blocking(aio.Client.close)
    wait_ready = _blocking(aio.Client.wait_ready)
    create = _blocking(aio.Client.create)
    adopt = _blocking(aio.Client.adopt)
    adopt_typescript = _blocking(aio.Client.adopt_typescript)
    adopt_screen = _blocking(aio.Client.adopt_screen)
    adopt_agent = _blocking(aio.Client.adopt_agent)
    watch_directory = _blocking(aio.Client.watch_directory)
    unwatch_directory = _blocking(aio.Client.unwatch_directory)
    directories = _blocking(aio.Client.directories)
    get = _blocking(aio.Client.get)
    list = _iterating(aio.Client.list)
    discover = _blocking(aio.Client.discover)
    send = _blocking(aio.Client.send)
    interrupt = _blocking(aio.Client.interrupt)
    resize = _blocking(aio.Client.resize)
    terminate = _blocking(aio.Client.terminate)
    release = _blocking(aio.Client.release)
    delete = _blocking(aio.Client.delete)
    list_events = _iterating(aio.Client.list_events)
    snapshot = _blocking(aio.Client.snapshot)
    search = _blocking(aio.Client.search)
    create_published = _blocking(aio.Client.create_published)
    publish = _blocking(aio.Client.publish)
    answer = _blocking(aio.Client.answer)
    explain = _blocking(aio.Client.explain)
    usage = _blocking(aio.Client.usage)
    collect = _blocking(aio.Client.collect)
    metrics = _blocking(aio.Client.metrics)
    wait = _blocking(aio.Client.wait)
    subscribe = _subscribing(aio.Client.subscribe)


def connect(target: str | None = None, *, token: str | None = None, retry_for: float = aio.RETRY_FOR) -> Client:
    """A client of the server at `target`: `with sightline.sync.connect() as client:`. Arguments as in `sightline.connect`."""
    return Client(aio.connect(target, token=token, retry_for=retry_for))


def run(
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
    """Runs a command as a session and returns when it is complete; Ctrl-C ends its whole process tree.

    Arguments, result and errors as in `sightline.run`.
    """
    work = running.run(
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
        progress_interval=progress_interval,
        kinds=kinds,
        on_event=on_event,
        target=target,
        client=None if client is None else client.aio,
        timeout=timeout,
    )
    return _loop.run(work)
