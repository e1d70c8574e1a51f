"""Listeners, health, reflection, going down. Two gRPC servers share the services: the Unix socket, and TCP with the token."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc
from sightline.v1 import session_service_pb2 as pb
from sightline.v1 import session_service_pb2_grpc as pb_grpc

from sightline_server.errors import AddressInUse, HomeTooLong
from sightline_server.rpc.auth import TokenInterceptor
from sightline_server.rpc.decoding import DecodingServer
from sightline_server.rpc.session_service import SessionService
from sightline_server.settings import Address, Settings

SERVICE = pb.DESCRIPTOR.services_by_name["SessionService"].full_name
MAX_SOCKET_PATH = 107  # bytes, of a Unix socket's path on Linux
GRACE_SECONDS = 2.0  # for calls under way when the server goes down

OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.so_reuseport", 0),  # otherwise two servers share a port in silence
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),  # below the clients' keepalive
    ("grpc.keepalive_time_ms", 60_000),  # a reader that is gone without a word is noticed
    ("grpc.keepalive_timeout_ms", 20_000),
)


class Server:
    """The service on its listeners.

    Args:
        service: the handlers.
        settings: where to listen.
        token: what TCP callers must show.
    """

    def __init__(self, service: SessionService, settings: Settings, token: str) -> None:
        self._service = service
        self._settings = settings
        self._token = token
        self._health = health.aio.HealthServicer()
        self._servers: list[grpc.aio.Server] = []
        self.port: int | None = None
        """The TCP port, once it listens; None without one."""

    async def start(self) -> None:
        """Listens and says SERVING. Raises `HomeTooLong` or `AddressInUse`."""
        self._bind_unix(self._new_server(()))
        if self._settings.grpc_address is not None:
            self._bind_tcp(self._new_server((TokenInterceptor(self._token),)), self._settings.grpc_address)
        for server in self._servers:
            await server.start()
        for name in ("", SERVICE):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, end_streams: Callable[[], None]) -> None:
        """Health says NOT_SERVING, streams get their `end`, calls under way a moment, then nothing listens any more."""
        await self._health.enter_graceful_shutdown()
        end_streams()
        await asyncio.gather(*(server.stop(GRACE_SECONDS) for server in self._servers))
        self._settings.socket.unlink(missing_ok=True)

    def _new_server(self, interceptors: Sequence[grpc.aio.ServerInterceptor]) -> grpc.aio.Server:
        server = grpc.aio.server(interceptors=interceptors, options=OPTIONS)
        strict = DecodingServer(server)
        pb_grpc.add_SessionServiceServicer_to_server(self._service, cast(grpc.aio.Server, RawSubscribe(strict)))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, cast(grpc.aio.Server, strict))
        services = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection_service = reflection.aio.ReflectionServicer(services)
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(reflection_service, strict)  # type: ignore[no-untyped-call]
        self._servers.append(server)
        return server

    def _bind_unix(self, server: grpc.aio.Server) -> None:
        path = self._settings.socket
        length = len(os.fsencode(path))
        if length > MAX_SOCKET_PATH:
            raise HomeTooLong(socket=path, length=length, limit=MAX_SOCKET_PATH)
        path.unlink(missing_ok=True)  # left by a killed server: whoever holds the home's lock owns it
        with private_files():
            bind(path, lambda: server.add_insecure_port(f"unix:{path}"), "SIGHTLINE_HOME")

    def _bind_tcp(self, server: grpc.aio.Server, address: Address) -> None:
        cert, key = self._settings.tls_cert, self._settings.tls_key
        if cert is not None and key is not None:
            credentials = grpc.ssl_server_credentials([(key.read_bytes(), cert.read_bytes())])
            self.port = bind(address, lambda: server.add_secure_port(str(address), credentials), "SIGHTLINE_GRPC_ADDRESS")
        else:
            self.port = bind(address, lambda: server.add_insecure_port(str(address)), "SIGHTLINE_GRPC_ADDRESS")


class RawSubscribe:
    """Stands before a server while handlers are added, so that `Subscribe` hands over bytes that are encoded already."""

    def __init__(self, server: DecodingServer) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """See grpc."""
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        """See grpc."""
        raw = handlers["Subscribe"]._replace(response_serializer=None)
        self._server.add_registered_method_handlers(service, {**handlers, "Subscribe": raw})


def bind(address: Address | Path, listen: Callable[[], int], setting: str) -> int:
    """Listens; raises `AddressInUse`."""
    try:
        return listen()
    except RuntimeError as error:  # what gRPC raises for any failure to bind
        raise AddressInUse(address=address, setting=setting) from error


@contextmanager
def private_files() -> Iterator[None]:
    """What is made meanwhile may be opened by its owner alone."""
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)
