"""An event loop whose turns, time and thread the test moves. Knows nothing of what runs on it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from typing import Any, TypeVarTuple, Unpack

Ts = TypeVarTuple("Ts")

MANY_TURNS = 5_000


class HeldThread(ThreadPoolExecutor):
    """Work for a thread, done when the test says so, and between two turns of the loop."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.append((future, lambda: fn(*args, **kwargs)))
        return future

    def work(self) -> bool:
        """Does the next piece; False: there is none."""
        if not self._waiting:
            return False
        future, call = self._waiting.popleft()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(call())
            except BaseException as error:  # it is the caller's, as in any thread
                future.set_exception(error)
        return True

    def die(self) -> None:
        """What was not begun is never done."""
        while self._waiting:
            self._waiting.popleft()[0].cancel()


class SteppedLoop(asyncio.SelectorEventLoop):
    """Nothing moves by itself: `turn` runs what is ready now, `wait` lets time pass, `thread.work` is the other thread."""

    def __init__(self) -> None:
        self._now = 0.0
        self._busy = False
        super().__init__()
        self.thread = HeldThread()
        self.set_default_executor(self.thread)

    def time(self) -> float:
        return self._now

    def call_soon(self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None) -> asyncio.Handle:
        self._busy = True
        return super().call_soon(callback, *args, context=context)

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        self._busy = True
        return super().call_soon_threadsafe(callback, *args, context=context)

    def turn(self) -> None:
        """One turn: what is ready when it begins, in order."""
        self.call_soon(self.stop)
        self._busy = False
        self.run_forever()

    def rest(self) -> None:
        """Turns until nothing is left to do, the thread's work included. Time stands still."""
        for _ in range(MANY_TURNS):
            if not self._busy and not self.thread.work():
                return
            self.turn()
        raise AssertionError("it never comes to rest")

    def wait(self, seconds: float) -> None:
        """Lets time pass: what is due then is ready in the next turn."""
        self._now += seconds
        self._busy = True
