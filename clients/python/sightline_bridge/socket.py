"""One WebSocket of our own protocols: login, then many calls at once, each with its credit.

A response is read from gRPC only when there is credit for it and the socket takes it, so that a slow browser is held back where its
position is kept, in the server, and never by memory here.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

from aiohttp import WSMsgType
from sightline import errors
from sightline.transport import aio
from sightline.v1.bridge_pb2 import CallEnd, ClientFrame, ServerFrame, Welcome

from sightline_bridge import limits
from sightline_bridge.calls import METHODS, Calls, Method
from sightline_bridge.errors import BadFrame, TooManyCalls
from sightline_bridge.frames import Form
from sightline_bridge.metrics import Counts
from sightline_bridge.wire import Wire

if TYPE_CHECKING:
    import grpc

log = logging.getLogger(__name__)

CANCELLED, INTERNAL = 1, 13  # gRPC's numbers


class _Call:
    """One call under way.

    Attributes:
        method: what was called.
        credit: bytes of responses that may still come; None: as much as the socket takes. Below 0 where the last one was larger
            than what was left, so that a client that gives back what it has read never has more on the way than it gave at first,
            and one response.
        more: set when there is credit.
    """

    def __init__(self, method: Method, credit: int) -> None:
        self.method = method
        self.credit = credit or None
        self.more = asyncio.Event()
        self.more.set()
        self.task: asyncio.Task[None] | None = None
        self.begun = False
        self.unwanted = False

    def cancel(self) -> None:
        """Its answer is not wanted. A task that is cancelled before its first step never takes it, and would end unsaid."""
        self.unwanted = True
        if self.begun and self.task is not None:
            self.task.cancel()

    def add(self, credit: int) -> None:
        if self.credit is not None:
            self.credit += credit
            if self.credit > 0:
                self.more.set()

    def spend(self, size: int) -> None:
        if self.credit is not None:
            self.credit -= size
            if self.credit <= 0:
                self.more.clear()


class Socket:
    """One client's socket, after it was admitted.

    Args:
        ws: the accepted WebSocket.
        form: how its frames are written.
        calls: where calls go.
        version: the bridge's, for the welcome.
        counts: of what is sent.
    """

    def __init__(self, ws: Wire, form: Form, calls: Calls, version: str, counts: Counts) -> None:
        self._ws = ws
        self._form = form
        self._calls = calls
        self._version = version
        self._counts = counts
        self._open: dict[int, _Call] = {}
        self._large = asyncio.Semaphore(limits.MAX_LARGE)

    async def serve(self) -> None:
        """Answers until the client goes."""
        try:
            await self._say(
                ServerFrame(welcome=Welcome(version=self._version, max_frame_bytes=limits.MAX_FRAME, max_calls=limits.MAX_CALLS))
            )
            async for message in self._ws:
                if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    await self._take(message.data)
        except ConnectionError:
            pass  # the client went in the middle of a frame
        finally:
            await self._hang_up()

    async def _take(self, data: bytes | str) -> None:
        try:
            self._begin(self._form.read(data))
        except BadFrame as error:
            await self._end(error.call, CallEnd(code=error.code, message=str(error), reason=error.reason))

    def _begin(self, frame: ClientFrame) -> None:
        say = frame.WhichOneof("say")
        call = self._open.get(frame.call)
        if say is None and frame.credit == 0:
            raise BadFrame("the frame says nothing that is known here", 0 if call else frame.call)
        if say is None or say == "cancel":
            if call is None:
                return  # it was over before this frame came
            if say is None:
                call.add(frame.credit)
            else:
                call.cancel()
            return
        method = METHODS.get(say)
        if method is None:
            raise BadFrame(f"`{say}` comes once, as the first frame")
        if frame.call == 0:
            raise BadFrame(f"`{say}` needs a number: set `call`, from 1")
        if call is not None:
            raise BadFrame(f"call {frame.call} is under way: give each call its own number", 0)
        if len(self._open) >= limits.MAX_CALLS:
            raise TooManyCalls(limits.MAX_CALLS, frame.call)
        self._open[frame.call] = call = _Call(method, frame.credit)
        call.task = asyncio.create_task(self._run(frame.call, call, method, getattr(frame, say).SerializeToString()))

    async def _run(self, number: int, call: _Call, method: Method, request: bytes) -> None:
        end: CallEnd | None
        try:
            call.begun = True
            if call.unwanted:
                raise asyncio.CancelledError  # the frame that said so came right behind the first one
            end = await (self._stream(number, call, method, request) if method.streams else self._unary(number, method, request))
        except asyncio.CancelledError:
            if self._ws.closed:
                raise
            end = CallEnd(code=CANCELLED, message="the call was cancelled", reason="CANCELLED")
        except aio.AioRpcError as error:
            end = end_of(error)
        except ConnectionError:
            end = None  # nobody is there any more
        except Exception:
            log.exception("call %s", method.field)
            end = CallEnd(code=INTERNAL, message="the bridge failed: its log says why", reason="BRIDGE_FAILED")
        finally:
            del self._open[number]
        if end is not None:
            with suppress(ConnectionError):
                await self._end(number, end)

    async def _unary(self, number: int, method: Method, request: bytes) -> None:
        async with self._large if method.large else nullcontext():
            answer = await self._calls.unary(method, request)
            await self._send(self._form.response(number, method, answer))

    async def _stream(self, number: int, call: _Call, method: Method, request: bytes) -> CallEnd:
        stream = self._calls.stream(method, request)
        try:
            while True:
                await call.more.wait()
                await self._ws.room()
                response = await stream.read()
                if not isinstance(response, bytes):  # gRPC's mark for the end of a stream
                    return CallEnd()
                call.spend(len(response))
                await self._send(self._form.response(number, method, response))
        finally:
            stream.cancel()

    async def _end(self, number: int, end: CallEnd) -> None:
        await self._say(ServerFrame(call=number, end=end))

    async def _say(self, frame: ServerFrame) -> None:
        await self._send(self._form.frame(frame))

    async def _send(self, data: bytes | str) -> None:
        """Returns when it is on its way. Raises ConnectionError."""
        self._counts.sent += len(data)
        if isinstance(data, bytes):
            await self._ws.send_bytes(data)
        else:
            await self._ws.send_str(data)

    async def _hang_up(self) -> None:
        """What lasts ends with the socket. Other calls come to their end, within a bound.

        Whoever asks for a session and goes has asked for it, and of a call that is cut half way nobody knows what was done.
        """
        for call in self._open.values():
            if call.method.lasts and call.task is not None:
                call.task.cancel()
        tasks = [call.task for call in self._open.values() if call.task is not None]
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=limits.AFTERWARDS_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def end_of(error: grpc.aio.AioRpcError) -> CallEnd:
    """How a failed call ended, in the words of the service."""
    told = errors.from_rpc(error)
    code: tuple[int, str] = error.code().value
    return CallEnd(code=code[0], message=told.message, reason=told.reason, metadata=told.metadata)
