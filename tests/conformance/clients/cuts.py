"""A door before a server that breaks streams off after so many messages, or changes what they carry; else it passes bytes on."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc
from sightline.v1.event_pb2 import Event
from sightline.v1.session_service_pb2 import SubscribeResponse

SUBSCRIBE = "/sightline.v1.SessionService/Subscribe"
UNKNOWN_FIELD = 999  # of a payload that no contract has yet

Context = grpc.aio.ServicerContext[Any, Any]


class Cuts(grpc.GenericRpcHandler):
    """Passes calls on.

    Attributes:
        after: messages of a stream until it breaks off, once; None: it does not.
        cut: how often one was broken off.
        begun: streams that were begun.
        change: what becomes of a response.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel: Any = channel  # its types know no bytes
        self.after: int | None = None
        self.cut = 0
        self.begun = 0
        self.change: Callable[[bytes], bytes] = bytes

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        path = handler_call_details.method

        async def once(request: bytes, context: Context) -> bytes:
            try:
                answer: bytes = await self._channel.unary_unary(path)(request, metadata=_kept(context))
            except grpc.aio.AioRpcError as error:
                context.set_trailing_metadata(tuple(error.trailing_metadata() or ()))
                await context.abort(error.code(), error.details() or "")
            return answer

        async def many(request: bytes, context: Context) -> None:
            call = self._channel.unary_stream(path)(request, metadata=_kept(context))
            self.begun += 1
            left, self.after = self.after, None
            try:
                async for message in call:
                    if left == 0:
                        self.cut += 1
                        await context.abort(grpc.StatusCode.UNAVAILABLE, "the wire was cut")
                    left = None if left is None else left - 1
                    await context.write(self.change(message))
            except grpc.aio.AioRpcError as error:
                context.set_trailing_metadata(tuple(error.trailing_metadata() or ()))
                await context.abort(error.code(), error.details() or "")
            finally:
                call.cancel()

        if path == SUBSCRIBE:
            return grpc.unary_stream_rpc_method_handler(many)
        return grpc.unary_unary_rpc_method_handler(once)


def _kept(context: Context) -> tuple[tuple[str, str | bytes], ...]:
    return tuple((key, value) for key, value in context.invocation_metadata() or () if key == "authorization")


@asynccontextmanager
async def cutting(target: str, at: str) -> AsyncIterator[Cuts]:
    """A door at the address `at` before the server at `target`."""
    async with grpc.aio.insecure_channel(target, (("grpc.max_receive_message_length", -1),)) as channel:
        cuts = Cuts(channel)
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((cuts,))
        assert server.add_insecure_port(at)
        await server.start()
        try:
            yield cuts
        finally:
            await server.stop(0)


def of_unknown_kind(response: bytes) -> bytes:
    """The same response, whose events are of a kind that nobody knows yet, and a sign of that sort behind its events."""
    said = SubscribeResponse.FromString(response)
    if not said.events:
        return response
    made = b""
    for event in said.events:
        payload = event.WhichOneof("payload")
        head = Event()
        head.CopyFrom(event)
        if payload == "output":
            head.ClearField(payload)
            body = head.SerializeToString() + _field(UNKNOWN_FIELD, b"new")
        else:
            body = head.SerializeToString()
        made += _field(SubscribeResponse.EVENTS_FIELD_NUMBER, body)
    return made


def _field(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
