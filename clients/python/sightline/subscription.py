"""A stream of events that resumes by itself: the I/O around `progress`. Knows calls, breaks and pauses, and no positions."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import TYPE_CHECKING

from sightline import errors
from sightline.progress import Item, Progress
from sightline.transport import aio
from sightline.v1.session_pb2 import Cursor
from sightline.v1.session_service_pb2 import End, EndReason, SubscribeRequest, SubscribeResponse

if TYPE_CHECKING:
    from sightline.client import Client

FIRST_PAUSE = 0.1  # seconds before the first try to resume
MAX_PAUSE = 1.0  # second between tries at most
JITTER = 0.2  # of a pause, so that a thousand clients do not come back at once


class Subscription:
    """Events of one, several or all sessions, and the signs between them. Made by `Client.subscribe`.

    Iterate it once, either by item (`async for item in subscription`) or by response (`batches`). An item is an `Event` or one
    of the signs `Header`, `Snapshot`, `CaughtUp`, `Gap`, `Heartbeat`. The iteration stops after the server's `End`, which is then
    in `end`.

    A broken stream resumes by itself where it was: no event is lost or shown twice, and neither `Header` nor `CaughtUp` of a
    session comes again. A read that is cancelled (a timeout around it, say) loses nothing either: the next one resumes.

    What the server makes of it (see `Resume` in the contract):
      * After its header a session is followed by its id: another session that has its name by then is not mixed in.
      * For a session that had no header before the break `latest`, `tail`, `at_time`, `snapshot` mean the time of the resume; under
        `*` one that has begun since is followed from its oldest kept event.
      * `until_caught_up`: a session that was caught up is left out; others end at their head at the time of the resume.
      * A screen that was promised and got lost on the way comes.

    As an async context manager, or by `aclose`, it lets go of the server at once; else when it is collected.

    Attributes:
        end: why the stream is over; None while it is not.
    """

    def __init__(
        self,
        client: Client,
        request: SubscribeRequest,
        *,
        resume: bool = True,
        on_disconnect: Callable[[errors.SightlineError], object] | None = None,
        on_reconnect: Callable[[], object] | None = None,
    ) -> None:
        self._call: aio.UnaryStreamCall[SubscribeRequest, SubscribeResponse] | None = None
        self.end: End | None = None
        self._client = client
        self._progress = Progress(request)
        self._resume = resume
        self._on_disconnect = on_disconnect
        self._on_reconnect = on_reconnect
        self._loop: asyncio.AbstractEventLoop | None = None
        self._items: deque[Item] = deque()
        self._closed = False
        self._down = False
        self._pause = FIRST_PAUSE

    @property
    def cursors(self) -> list[Cursor]:
        """Where to go on after the items taken so far, for `Client.subscribe(after=…)`: keep them to resume in another process."""
        return self._progress.cursors

    def __aiter__(self) -> AsyncIterator[Item]:
        return self

    async def __anext__(self) -> Item:
        if not await self.fill():
            raise StopAsyncIteration
        return self._pop()

    async def batches(self) -> AsyncIterator[SubscribeResponse]:
        """Whole responses, as the server sent them: up to 2 MiB of events, or one sign. For throughput."""
        while (response := await self._next()) is not None:
            items = self._progress.items(response)
            for item in items:
                self._progress.advance(item)
            if items:
                yield response

    async def fill(self) -> bool:
        """Waits until there is an item to `pop`; False: the stream is over. For wrappers, which cross a thread once a response."""
        while not self._items:
            response = await self._next()
            if response is None:
                return False
            self._items.extend(self._progress.items(response))
        return True

    def pop(self) -> Item | None:
        """The next item, when one is at hand; None: `fill` first."""
        return self._pop() if self._items else None

    def _pop(self) -> Item:
        item = self._items.popleft()
        self._progress.advance(item)
        return item

    async def aclose(self) -> None:
        """Ends the subscription. May be called again, and while another task reads: its iteration stops."""
        self._closed = True
        self._hang_up()

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    async def _next(self) -> SubscribeResponse | None:
        while not self._closed and self.end is None:
            try:
                response = await self._read()
            except errors.SightlineError as error:
                await self._broken(error)
                continue
            if response is not None:
                self._arrived(response)
                if not response.HasField("end"):
                    return response
        return None

    async def _read(self) -> SubscribeResponse | None:
        """The next response; None when nobody asks any more."""
        try:
            call = self._call or self._open()
            response = await call.read()
        except aio.AioRpcError as error:
            raise self._client.judge(errors.from_rpc(error)) from None
        except asyncio.CancelledError:
            # Also gRPC's answer when the server, not we, cancelled the call.
            self._hang_up()
            if cancelled_by_us():
                raise
            if self._closed:
                return None
            raise errors.Unavailable("the server gave up the stream", reason="STREAM_BROKEN") from None
        if not isinstance(response, SubscribeResponse):  # gRPC's mark for the end of a stream
            raise errors.Unavailable("the stream broke off without its end", reason="STREAM_BROKEN")
        return response

    def _open(self) -> aio.UnaryStreamCall[SubscribeRequest, SubscribeResponse]:
        self._loop = asyncio.get_running_loop()
        # At first a server that is not there is an error at once; later it is waited for.
        request = self._progress.request()
        self._call = self._client.stub.Subscribe(request, metadata=self._client.metadata, wait_for_ready=self._down)
        return self._call

    def _arrived(self, response: SubscribeResponse) -> None:
        self._client.reached = True
        if response.HasField("end"):
            if response.end.reason == EndReason.END_REASON_DRAINING and self._resume:
                return  # the server closes the stream, and that is a break like any other
            self.end = response.end
            self._hang_up()
            return
        self._pause = FIRST_PAUSE
        if self._down:
            self._down = False
            if self._on_reconnect is not None:
                self._on_reconnect()

    async def _broken(self, error: errors.SightlineError) -> None:
        """Returns when it is time to try again; raises what trying again does not mend."""
        self._hang_up()
        if not (self._resume and isinstance(error, errors.Unavailable) and error.broken):
            self._closed = True
            raise error
        if not self._down:
            self._down = True
            if self._on_disconnect is not None:
                self._on_disconnect(error)
        pause, self._pause = self._pause, min(self._pause * 2, MAX_PAUSE)
        await asyncio.sleep(pause * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - spread, not secrecy

    def __del__(self) -> None:
        # gRPC's own tasks keep a call alive that nobody reads. This may run in any thread, and after the loop.
        call, self._call = self._call, None
        if call is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call.cancel)

    def _hang_up(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None


def cancelled_by_us() -> bool:
    """Whether the CancelledError at hand comes from this task's `cancel`, and not from a call that the server cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
