"""The gRPC channel: the only module that imports gRPC for the client, and the settings it needs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

# Read by gRPC when it is first imported. Its fork handlers crash children that are started while it runs; what it logs on its own
# (each refused connection) reaches the user as an error of ours.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
from grpc import aio

from sightline.errors import ServerNotFound
from sightline.target import Target

if TYPE_CHECKING:
    from sightline.v1.session_service_pb2_grpc import SessionServiceAsyncStub

__all__ = ["aio", "metadata", "open_channel", "open_stub"]

MAX_RECEIVE = 16 * 1024 * 1024  # bytes: room above the contract's 2 MiB a response
MAX_SOCKET_PATH = 107  # bytes, on Linux
FIRST_BACKOFF_MS = 100
CONNECT_MS = 5_000  # for a connection to come up: a busy server that many return to at once needs more than a moment for each
MAX_BACKOFF_MS = 1000
MAX_LOCAL_BACKOFF_MS = FIRST_BACKOFF_MS  # knocking at a door of this machine costs next to nothing, and somebody waits behind it
KEEPALIVE_MS = 30_000  # notices a dead machine; the server must tolerate pings this often (min_recv_ping_interval_without_data_ms)
KEEPALIVE_TIMEOUT_MS = 10_000

Options = Sequence[tuple[str, str | int]]

OPTIONS = (
    ("grpc.max_receive_message_length", MAX_RECEIVE),
    ("grpc.initial_reconnect_backoff_ms", FIRST_BACKOFF_MS),
    ("grpc.min_reconnect_backoff_ms", CONNECT_MS),  # called so, it is how long an attempt may take, not when the next one comes
    ("grpc.enable_http_proxy", 0),
    # Two clients of one process have a connection each, so that a slow stream of one never holds the other back.
    ("grpc.use_local_subchannel_pool", 1),
)


TCP_OPTIONS = (
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.max_pings_without_data", 0),
)  # a Unix socket's other end cannot vanish in silence


def open_channel(target: Target, options: Options = ()) -> aio.Channel:
    """A channel to the server. Connects when it is first used; needs the running event loop.

    Args:
        target: where the server is.
        options: of gRPC's channel, beside those that every client has.

    Raises:
        ServerNotFound: no server can be there: the path is too long for a socket.
    """
    if target.address.startswith("unix:"):
        if len(os.fsencode(target.shown.removeprefix("unix:"))) > MAX_SOCKET_PATH:
            raise ServerNotFound(target.shown, f"a socket's path has at most {MAX_SOCKET_PATH} bytes")
        return aio.insecure_channel(target.address, (*OPTIONS, *backoff(MAX_LOCAL_BACKOFF_MS), *options))
    if not target.tls:  # then it is this machine
        return aio.insecure_channel(target.address, (*OPTIONS, *TCP_OPTIONS, *backoff(MAX_LOCAL_BACKOFF_MS), *options))
    roots = target.ca.read_bytes() if target.ca else None
    return aio.secure_channel(
        target.address, grpc.ssl_channel_credentials(roots), (*OPTIONS, *TCP_OPTIONS, *backoff(MAX_BACKOFF_MS), *options)
    )


def backoff(most: int) -> Options:
    """How long at most, in milliseconds, until a server that is not there is looked for again."""
    return (("grpc.max_reconnect_backoff_ms", most),)


def open_stub(channel: aio.Channel) -> SessionServiceAsyncStub:
    """The generated stub on a channel."""
    from sightline.v1.session_service_pb2_grpc import SessionServiceStub  # noqa: PLC0415 - it imports gRPC without the settings above

    return SessionServiceStub(channel)


def metadata(target: Target) -> tuple[tuple[str, str], ...]:
    """What each call carries."""
    return (("authorization", f"Bearer {target.token}"),) if target.token else ()
