"""Who gets in, what a generic client sees, and servers that must not start."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.session_service_pb2_grpc import SessionServiceStub
from support.server import PATIENCE, SIGHTLINE, ServerProcess, reason_of

Metadata = tuple[tuple[str, str | bytes], ...]

# These two come with stubs that know nothing of their methods.
HealthStub: Any = health_pb2_grpc.HealthStub
ReflectionStub: Any = reflection_pb2_grpc.ServerReflectionStub


@pytest.fixture(scope="module")
def tcp_server() -> Iterator[ServerProcess]:
    server = ServerProcess(SIGHTLINE_GRPC_ADDRESS="127.0.0.1:0")
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def tcp(tcp_server: ServerProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{port_of(tcp_server)}") as channel:
        yield channel


def port_of(server: ServerProcess) -> int:
    """The port that it says it listens on."""
    return next(int(word.split(":")[1]) for word in server.log().split() if word.startswith("127.0.0.1:"))


def bearer(server: ServerProcess) -> Metadata:
    return (("authorization", f"Bearer {(server.home / 'token').read_text().strip()}"),)


def test_what_is_private_has_private_modes(grpc_server: ServerProcess) -> None:
    home = grpc_server.home
    modes = {name: stat.S_IMODE((home / name).stat().st_mode) for name in ("", "token", "sightline.sock", "sightline.db", "spool")}
    assert modes == {"": 0o700, "token": 0o600, "sightline.sock": 0o600, "sightline.db": 0o600, "spool": 0o700}


@pytest.mark.parametrize("metadata", [(), (("authorization", "Bearer wrong"),), (("authorization", ""),)])
def test_tcp_without_the_token_is_refused(tcp: grpc.Channel, metadata: Metadata) -> None:
    for call in (
        lambda: SessionServiceStub(tcp).List(pb.ListRequest(), metadata=metadata, timeout=PATIENCE),
        lambda: list(SessionServiceStub(tcp).Subscribe(pb.SubscribeRequest(sessions=["*"]), metadata=metadata, timeout=PATIENCE)),
    ):
        with pytest.raises(grpc.RpcError) as error:
            call()
        assert error.value.code() == grpc.StatusCode.UNAUTHENTICATED
        assert reason_of(error.value) == "TOKEN_MISSING"


def test_tcp_with_the_token_gets_in(tcp: grpc.Channel, tcp_server: ServerProcess) -> None:
    assert SessionServiceStub(tcp).List(pb.ListRequest(), metadata=bearer(tcp_server), timeout=PATIENCE) == pb.ListResponse()


def test_health_needs_no_token_and_reflection_does(tcp: grpc.Channel, tcp_server: ServerProcess) -> None:
    for service in ("", "sightline.v1.SessionService"):
        answer = HealthStub(tcp).Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    stub = ReflectionStub(tcp)
    with pytest.raises(grpc.RpcError) as error:
        list(stub.ServerReflectionInfo(iter([request]), timeout=PATIENCE))
    assert error.value.code() == grpc.StatusCode.UNAUTHENTICATED
    (answer,) = stub.ServerReflectionInfo(iter([request]), metadata=bearer(tcp_server), timeout=PATIENCE)
    services = {service.name for service in answer.list_services_response.service}
    assert "sightline.v1.SessionService" in services


def test_a_client_made_from_reflection_alone_follows_a_session(grpc_server: ServerProcess) -> None:
    with grpc.insecure_channel(grpc_server.target) as channel:
        pool = described(ReflectionStub(channel), "sightline.v1.SessionService")

        def message(name: str) -> Any:
            return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"sightline.v1.{name}"))

        def method(name: str, make: Any) -> Any:
            return make(
                f"/sightline.v1.SessionService/{name}",
                request_serializer=lambda request: request.SerializeToString(),
                response_deserializer=message("SubscribeResponse" if name == "Subscribe" else f"{name}Response").FromString,
            )

        request = message("CreateRequest")(command={"argv": ["echo", "reflected"]})
        session = method("Create", channel.unary_unary)(request, timeout=PATIENCE).session
        follow = message("SubscribeRequest")(sessions=[session.id])
        responses = list(method("Subscribe", channel.unary_stream)(follow, timeout=PATIENCE))
    assert b"".join(event.output.data for response in responses for event in response.events) == b"reflected\n"


def described(stub: Any, symbol: str) -> descriptor_pool.DescriptorPool:
    """Everything that reflection tells about a symbol."""
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    requests = [reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol)]
    while requests:
        (answer,) = stub.ServerReflectionInfo(iter([requests.pop()]), timeout=PATIENCE)
        for encoded in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(encoded)
            files[file.name] = file
            missing = [name for name in file.dependency if name not in files]
            requests += [reflection_pb2.ServerReflectionRequest(file_by_filename=name) for name in missing]
    pool = descriptor_pool.DescriptorPool()

    def add(file: descriptor_pb2.FileDescriptorProto) -> None:
        for name in file.dependency:
            if name in files:
                add(files.pop(name))
        pool.Add(file)

    while files:
        add(files.pop(next(iter(files))))
    return pool


# --- servers that must not start


@pytest.fixture
def home() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="sl"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def refused(home: Path, **environ: str) -> str:
    """What a server that does not start says."""
    env = {**os.environ, "SIGHTLINE_GRPC_ADDRESS": "none", "SIGHTLINE_HOME": str(home), **environ}
    done = subprocess.run([*SIGHTLINE, "serve"], env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_home_has_one_server(grpc_server: ServerProcess) -> None:
    assert f"pid {grpc_server.process.pid}" in refused(grpc_server.home)


def test_a_long_home_is_named_with_the_limit(home: Path) -> None:
    assert "107" in refused(home / ("x" * 100))


def test_a_home_that_others_may_enter_is_refused(home: Path) -> None:
    home.chmod(0o755)
    assert "0700" in refused(home)


def test_a_token_that_others_may_read_is_refused(home: Path) -> None:
    (home / "token").write_text("secret")
    (home / "token").chmod(0o644)
    said = refused(home)
    assert "chmod 600" in said
    assert "secret" not in said


def test_a_corrupt_database_is_named(home: Path) -> None:
    (home / "sightline.db").write_bytes(b"garbage" * 1000)
    assert "is damaged" in refused(home)
    assert (home / "sightline.db").read_bytes() == b"garbage" * 1000


def test_a_newer_database_is_left_alone(home: Path) -> None:
    with sqlite3.connect(home / "sightline.db") as database:
        database.execute("PRAGMA user_version=99")
    database.close()
    assert "newer Sightline" in refused(home)


def test_a_taken_address_is_named(tcp_server: ServerProcess, home: Path) -> None:
    said = refused(home, SIGHTLINE_GRPC_ADDRESS=f"127.0.0.1:{port_of(tcp_server)}")
    assert "SIGHTLINE_GRPC_ADDRESS" in said


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_a_bind_beyond_loopback_says_what_to_set(home: Path, address: str) -> None:
    assert "SIGHTLINE_TLS_CERT and SIGHTLINE_TLS_KEY" in refused(home, SIGHTLINE_GRPC_ADDRESS=address)


def test_a_wrong_setting_is_named(home: Path) -> None:
    assert "SIGHTLINE_MAX_SESSION_BYTES" in refused(home, SIGHTLINE_MAX_SESSION_BYTES="lots")


def test_a_stale_socket_of_a_killed_server_is_taken_over(server: ServerProcess) -> None:
    server.kill()
    assert (server.home / "sightline.sock").exists()
    server.start()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate, and is not installed")
def test_with_tls_only_tls_gets_in(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-keyout",
        str(key),
        "-out",
        str(cert),
        *names,
    ]
    subprocess.run(make, check=True, capture_output=True)
    server = ServerProcess(None, SIGHTLINE_GRPC_ADDRESS="127.0.0.1:0", SIGHTLINE_TLS_CERT=str(cert), SIGHTLINE_TLS_KEY=str(key))
    try:
        server.start()
        credentials = grpc.ssl_channel_credentials(cert.read_bytes())
        with grpc.secure_channel(f"localhost:{port_of(server)}", credentials) as channel:
            stub = SessionServiceStub(channel)
            assert stub.List(pb.ListRequest(), metadata=bearer(server), timeout=PATIENCE) == pb.ListResponse()
        with grpc.insecure_channel(f"localhost:{port_of(server)}") as channel, pytest.raises(grpc.RpcError) as error:
            SessionServiceStub(channel).List(pb.ListRequest(), metadata=bearer(server), timeout=PATIENCE)
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    finally:
        server.close()
