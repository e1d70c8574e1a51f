"""Requests whose bytes are no message: a status of ours, where gRPC says UNKNOWN and prints the exception. Knows no service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from sightline_server.errors import MalformedRequest
from sightline_server.rpc import status

Handler: TypeAlias = Any  # grpc.RpcMethodHandler, whose types know no asynchronous behaviour
Context = grpc.aio.ServicerContext[Any, Any]


class DecodingServer:
    """Stands before a server while handlers are added, so that each decodes its requests itself and may refuse them.

    Args:
        server: where the handlers go.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Nothing: generated code adds the same handlers as registered ones too, and those come first."""

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Handler]) -> None:
        """See grpc."""
        self._server.add_registered_method_handlers(service, {name: decoding(handler) for name, handler in handlers.items()})


def decoding(handler: Handler) -> Handler:
    """A handler that takes bytes and decodes them as `handler` would have them decoded.

    Only the shapes that our services have: one request, or a stream of them answered by an asynchronous generator.
    """
    decode = handler.request_deserializer
    behaviour = handler.stream_stream or handler.unary_stream or handler.unary_unary

    async def one(request: bytes, context: Context) -> Any:
        return await behaviour(await decoded(request, decode, context), context)

    async def many(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[Any]:
        messages = (await decoded(request, decode, context) async for request in requests)
        async for response in behaviour(messages, context):
            yield response

    if handler.stream_stream:
        return grpc.stream_stream_rpc_method_handler(many, None, handler.response_serializer)
    make = grpc.unary_stream_rpc_method_handler if handler.unary_stream else grpc.unary_unary_rpc_method_handler
    return make(one, None, handler.response_serializer)


async def decoded(request: bytes, decode: Callable[[bytes], Any], context: Context) -> Any:
    """The message; without one the call ends with INVALID_ARGUMENT."""
    try:
        return decode(request)
    except DecodeError as error:
        await status.abort(context, MalformedRequest(problem=error))
