"""Who may call over TCP: whoever shows the token. The Unix socket needs none, its mode says who may open it."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc

from sightline_server.errors import TokenMissing, TokenNotPrivate
from sightline_server.rpc import status

HEALTH = "/grpc.health.v1.Health/"
TOKEN_BYTES = 32  # of randomness


class TokenInterceptor(grpc.aio.ServerInterceptor):
    """Refuses calls without the token, reflection too; health needs none."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """See grpc."""
        handler = await continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith(HEALTH) or self._is_authorized(handler_call_details):
            return handler
        return refusing(handler)

    def _is_authorized(self, details: grpc.HandlerCallDetails) -> bool:
        for key, value in details.invocation_metadata or ():
            if key == "authorization":
                given = value if isinstance(value, bytes) else value.encode()
                return hmac.compare_digest(given, self._expected)
        return False


def refusing(handler: grpc.RpcMethodHandler[Any, Any]) -> grpc.RpcMethodHandler[Any, Any]:
    """A handler of the same shape that refuses every call."""

    async def unary(_request: object, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        await status.abort(context, TokenMissing())

    make = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[handler.request_streaming, handler.response_streaming]
    return make(unary, handler.request_deserializer, handler.response_serializer)


def ensure_token(path: Path) -> str:
    """The token in this file, made with mode 0600 if there is none. Raises `TokenNotPrivate`."""
    if path.exists():
        if path.stat().st_mode & 0o077:
            raise TokenNotPrivate(path=path)
        token = path.read_text().strip()
        if token:  # an empty one, which a full disk may leave, would let everybody in
            return token
    token = secrets.token_urlsafe(TOKEN_BYTES)
    beside = path.with_name(path.name + ".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(token + "\n")
    beside.rename(path)
    return token
