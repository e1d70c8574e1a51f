"""A real gRPC server with some of the service's methods written by a test; the others answer UNIMPLEMENTED."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc
from google.protobuf.message_factory import GetMessageClass
from sightline.v1 import session_service_pb2

SERVICE = session_service_pb2.DESCRIPTOR.services_by_name["SessionService"]

Context = grpc.aio.ServicerContext[Any, Any]
Method = Callable[[Any, Context], Awaitable[Any]]


@asynccontextmanager
async def listening(address: str, credentials: grpc.ServerCredentials | None = None, /, **methods: Method) -> AsyncIterator[int]:
    """Serves `methods`, by their names in the contract, at `address`, and gives the port; stops without grace."""
    handlers = {}
    for name, method in methods.items():
        described = SERVICE.methods_by_name[name]
        make = grpc.unary_stream_rpc_method_handler if described.server_streaming else grpc.unary_unary_rpc_method_handler
        request, response = GetMessageClass(described.input_type), GetMessageClass(described.output_type)
        handlers[name] = make(method, request.FromString, response.SerializeToString)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE.full_name, handlers),))
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)
