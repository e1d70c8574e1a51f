"""Nonsense in every field and on every door: a clear status, never a crash, nothing kept, nothing in the server's log."""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sightline.v1 import session_service_pb2 as pb
from support.nonsense import nonsense
from support.server import PATIENCE, ServerProcess, connect, create, descriptors, follow, health, reason_of, resident, until

SERVICE = pb.DESCRIPTOR.services_by_name["SessionService"]
C = grpc.StatusCode
CLEAR = {  # each with a reason of ours
    C.INVALID_ARGUMENT,
    C.NOT_FOUND,
    C.ALREADY_EXISTS,
    C.FAILED_PRECONDITION,
    C.OUT_OF_RANGE,
    C.RESOURCE_EXHAUSTED,
    C.UNIMPLEMENTED,
    C.UNAVAILABLE,
}
STUBBORN = "trap '' INT QUIT; seq 100; while :; do cat; sleep 0.1; done"  # nothing that is typed ends it
STREAM_SECONDS = 0.3  # for a stream that was granted and has nothing to say
KEPT_BYTES = 16 * 1024 * 1024  # more than libraries and logs take by the way
FEW, MANY = 100, 1000
END_SOMETHING = {"Terminate", "Delete", "Collect"}  # tried on what is not there, or not at all

Metadata = tuple[tuple[str, str], ...]

known: dict[str, list[Any]] = {}


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[ServerProcess]:
    """A server with an ended command, a live one, and a terminal; its log must stay clean."""
    server = ServerProcess(SIGHTLINE_GRPC_ADDRESS="127.0.0.1:0", SIGHTLINE_SSH="false")  # nonsense may name a host
    try:
        server.start()
        with connect(server.target) as stub:
            sessions = [
                create(stub, "seq", "5000", name="ended"),
                create(stub, "sh", "-c", STUBBORN, stdin=True, name="live"),
                create(stub, "sh", "-c", STUBBORN, terminal=True, name="screen"),
            ]
            follow(stub, sessions[0].id)
            sessions = [stub.Get(pb.GetRequest(session=each.id)).session for each in sessions]
            names = [*(each.id for each in sessions), *(each.name for each in sessions)]
            pages = [stub.ListEvents(pb.ListEventsRequest(session=each.id, page_size=2)).next_page_token for each in sessions]
        known.update(
            session=names,
            sessions=[*names, "*"],
            session_id=names,
            epoch=[each.epoch for each in sessions],
            seq=[0, 1, 2, *(each.head_seq for each in sessions)],
            page_token=[*pages, "7", base64.urlsafe_b64encode(os.urandom(20)).decode()],
            argv=["true"],
            kind=[3, 10],
        )
        yield server
        until(lambda: not followers(server))
        assert health(server.target) == health_pb2.HealthCheckResponse.SERVING
        assert "Traceback" not in server.log(), server.log()
    finally:
        server.close()


def followers(server: ServerProcess) -> int:
    with connect(server.target) as stub:
        return sum(len(each.subscribers) for each in stub.List(pb.ListRequest(page_size=1000), timeout=PATIENCE).sessions)


def outcome(call: Callable[[], object]) -> str:
    """OK, or the reason of an error that is a clear one."""
    try:
        call()
    except grpc.RpcError as error:
        return reason(error)
    return "OK"


def reason(error: grpc.RpcError) -> str:
    if error.code() == C.DEADLINE_EXCEEDED:
        return "it streams or waits"
    assert error.code() in CLEAR, (error.code(), error.details())
    assert error.details()
    return reason_of(error)


def read_stream(call: Any) -> None:
    """Until it has said something that only a granted stream says, or its end."""
    try:
        for response in call:
            if response.WhichOneof("sign") in ("caught_up", "end", "heartbeat"):
                return
    finally:
        call.cancel()


def requests(method: str) -> st.SearchStrategy[Any]:
    known_here = {} if method in END_SOMETHING else known
    return nonsense(GetMessageClass(SERVICE.methods_by_name[method].input_type), known_here)


def fuzz(server: ServerProcess, method: str, examples: int) -> None:
    """So many requests of one method."""
    with connect(server.target) as stub:
        call = getattr(stub, method)

        @settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None, print_blob=True)
        @given(requests(method))
        def one(request: Any) -> None:
            if method == "Subscribe":
                event(outcome(lambda: read_stream(call(request, timeout=STREAM_SECONDS))))
            else:
                event(outcome(lambda: call(request, timeout=STREAM_SECONDS if method == "Wait" else PATIENCE)))

        one()


@pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
@pytest.mark.parametrize("method", ["Subscribe", "ListEvents"])
def test_nonsense_that_asks_for_events_keeps_nothing(fuzzed: ServerProcess, method: str, examples: int) -> None:
    fuzz(fuzzed, method, FEW)
    until(lambda: not followers(fuzzed))
    memory = resident(fuzzed.process.pid)
    fuzz(fuzzed, method, 4 * examples)
    until(lambda: not followers(fuzzed))
    assert resident(fuzzed.process.pid) - memory < KEPT_BYTES


@pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
@pytest.mark.parametrize("method", [name for name in SERVICE.methods_by_name if name not in ("Subscribe", "ListEvents")])
def test_nonsense_in_any_request_has_a_clear_answer(fuzzed: ServerProcess, method: str, examples: int) -> None:
    fuzz(fuzzed, method, examples // 2 if method == "Create" else examples)


# --- bytes that are no request


def methods() -> list[str]:
    """Every method that a listener has."""
    others = ["grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch", "grpc.health.v1.Health/List"]
    reflection = "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    return [*(f"{SERVICE.full_name}/{name}" for name in SERVICE.methods_by_name), *others, reflection]


def targets(server: ServerProcess) -> list[tuple[str, Metadata]]:
    """Both doors, and what the one at TCP asks for."""
    token = (server.home / "token").read_text().strip()
    return [(server.target, ()), (f"127.0.0.1:{server.port}", (("authorization", f"Bearer {token}"),))]


@pytest.mark.parametrize("method", methods())
def test_bytes_that_are_no_message_are_refused_with_a_reason(fuzzed: ServerProcess, method: str) -> None:
    for target, metadata in targets(fuzzed):
        with grpc.insecure_channel(target) as channel:
            call: Any = channel.stream_stream(f"/{method}")
            with pytest.raises(grpc.RpcError) as error:
                list(call(iter([b"\x0a\xff\xff"]), metadata=metadata, timeout=PATIENCE))
        assert (error.value.code(), reason_of(error.value)) == (C.INVALID_ARGUMENT, "MALFORMED_REQUEST")


@pytest.mark.parametrize("method", ["Subscribe", "ListEvents", "Create", "Send"])
def test_random_bytes_as_a_message_have_a_clear_answer(fuzzed: ServerProcess, method: str) -> None:
    with grpc.insecure_channel(fuzzed.target) as channel:
        call: Any = channel.unary_stream(f"/{SERVICE.full_name}/{method}", response_deserializer=pb.SubscribeResponse.FromString)

        @settings(max_examples=FEW, suppress_health_check=list(HealthCheck), database=None, print_blob=True)
        @given(st.binary(max_size=200))
        def one(request: bytes) -> None:
            event(outcome(lambda: read_stream(call(request, timeout=STREAM_SECONDS))))

        one()


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4" + bytes(5)  # and empty SETTINGS
FRAMES = st.tuples(
    st.integers(0, 70_000), st.integers(0, 12), st.integers(0, 255), st.integers(0, 2**32 - 1), st.binary(max_size=80)
).map(lambda f: f[0].to_bytes(3, "big") + bytes(f[1:3]) + f[3].to_bytes(4, "big") + f[4])


@pytest.mark.parametrize("door", ["unix", "tcp"])
@pytest.mark.parametrize("examples", [2 * FEW, pytest.param(MANY, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
def test_random_bytes_and_half_frames_on_a_door_are_borne(fuzzed: ServerProcess, door: str, examples: int) -> None:
    pid = fuzzed.process.pid
    before = descriptors(pid)

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None, print_blob=True)
    @given(st.one_of(st.binary(max_size=300), st.lists(FRAMES, max_size=5).map(lambda frames: PREFACE + b"".join(frames))))
    def one(words: bytes) -> None:
        with opened(fuzzed, door) as connection:
            try:
                connection.sendall(words)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
            except OSError:
                pass  # it may hang up in the middle

    printed = fuzzed.log()
    one()
    until(lambda: descriptors(pid) <= before)
    assert health(fuzzed.target) == health_pb2.HealthCheckResponse.SERVING
    assert fuzzed.log() == printed, "what strangers say is not for the terminal in which the server runs"


def opened(server: ServerProcess, door: str) -> socket.socket:
    """A connection that speaks no HTTP/2 yet."""
    if door == "tcp":
        return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    connection.connect(str(server.home / "sightline.sock"))
    return connection
