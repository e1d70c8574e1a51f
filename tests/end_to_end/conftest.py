"""pytest-grpc's fixtures with its server replaced by ours: `grpc_stub` is a blocking stub to a real server on its Unix socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sightline.v1.session_service_pb2_grpc import SessionServiceStub
from support.server import ServerProcess


@pytest.fixture(scope="module")
def grpc_server() -> Iterator[ServerProcess]:
    server = ServerProcess()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def grpc_addr(grpc_server: ServerProcess) -> str:
    return grpc_server.target


@pytest.fixture(scope="module")
def grpc_stub_cls() -> type[SessionServiceStub]:
    return SessionServiceStub


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    """A server of the test's own, started: to be killed."""
    made = ServerProcess()
    try:
        made.start()
        yield made
    finally:
        made.close()
