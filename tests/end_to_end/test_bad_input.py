"""Bad input: each a clear status with its own reason; nothing is lost, and the server goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc
import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import Outcome
from sightline.v1.session_pb2 import Agent, Command, Cursor, Published, Screen, Step
from sightline.v1.session_service_pb2_grpc import SessionServiceStub as Stub
from support.server import PATIENCE, ServerProcess, command, connect, create, error_info, follow, reason_of, until

Call = Callable[[Stub], object]


def subscribe(**fields: object) -> Call:
    return lambda stub: list(stub.Subscribe(pb.SubscribeRequest(**fields), timeout=PATIENCE))  # type: ignore[arg-type]


def make(**fields: object) -> Call:
    return lambda stub: stub.Create(pb.CreateRequest(**fields), timeout=PATIENCE)  # type: ignore[arg-type]


INVALID, MISSING, WRONG = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize(
    ("call", "code", "reason"),
    [
        (lambda stub: stub.Get(pb.GetRequest(session="nobody")), MISSING, "SESSION_NOT_FOUND"),
        (lambda stub: stub.Get(pb.GetRequest(session="")), MISSING, "SESSION_NOT_FOUND"),
        (lambda stub: stub.Get(pb.GetRequest(session="\u202e" * 100_000)), MISSING, "SESSION_NOT_FOUND"),
        (lambda stub: stub.Wait(waiting("nobody", -1)), MISSING, "SESSION_NOT_FOUND"),
        (lambda stub: stub.Discover(pb.DiscoverRequest(socket_paths=["a\0b"])), INVALID, "BAD_FIELD"),
        (lambda stub: stub.List(pb.ListRequest(page_token="9" * 5000)), INVALID, "BAD_PAGE_TOKEN"),
        (lambda stub: stub.Send(pb.SendRequest(session="nobody")), MISSING, "SESSION_NOT_FOUND"),
        (subscribe(sessions=["nobody"]), MISSING, "SESSION_NOT_FOUND"),
        (subscribe(), INVALID, "BAD_FIELD"),
        (subscribe(sessions=["*"] * 10_001), grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_SESSIONS_NAMED"),
        (make(), INVALID, "BAD_FIELD"),
        (make(command=Command()), INVALID, "EMPTY_ARGV"),
        (make(command=Command(argv=[""])), INVALID, "EMPTY_ARGV"),
        (make(command=Command(argv=["a\0b"])), INVALID, "BAD_FIELD"),
        (make(command=command("true"), name="a b"), INVALID, "BAD_NAME"),
        (make(command=command("true"), name="x" * 65), INVALID, "BAD_NAME"),
        (make(command=command("true"), request_id="x" * 200), INVALID, "BAD_FIELD"),
        (make(command=command("true"), labels={"x": "y" * 20_000}), INVALID, "BAD_FIELD"),
        (make(command=command("no-such-program-here")), MISSING, "PROGRAM_NOT_FOUND"),
        (make(command=command("/no/such/program")), MISSING, "PROGRAM_NOT_FOUND"),
        (make(command=command("true"), cwd="/no/such/directory"), INVALID, "CWD_NOT_FOUND"),
        (make(command=command("true"), cwd="relative"), INVALID, "CWD_NOT_FOUND"),
        (make(command=command("true"), host="-oProxyCommand=x"), INVALID, "BAD_HOST"),
        (make(screen=Screen(name="no-such-screen")), MISSING, "SCREEN_NOT_FOUND"),
        (make(command=command("true"), agent=Agent(name="nobody")), INVALID, "AGENT_UNKNOWN"),
        (make(command=command("true"), steps=[Step(source="git")]), INVALID, "BAD_FIELD"),
        (make(command=Command(argv=["true"], holder=Command.HOLDER_TMUX)), INVALID, "BAD_FIELD"),
        (lambda stub: stub.List(pb.ListRequest(page_size=5000)), INVALID, "BAD_FIELD"),
        (lambda stub: stub.List(pb.ListRequest(page_token="?")), INVALID, "BAD_PAGE_TOKEN"),
        (lambda stub: stub.Search(pb.SearchRequest(query="")), INVALID, "QUERY_EMPTY"),
        (lambda stub: stub.Publish(pb.PublishRequest()), MISSING, "SESSION_NOT_FOUND"),
        (make(published=Published(producer_id="x" * 200)), INVALID, "BAD_FIELD"),
        (lambda stub: stub.Answer(pb.AnswerRequest()), MISSING, "SESSION_NOT_FOUND"),
        (lambda stub: stub.Explain(pb.ExplainRequest()), MISSING, "SESSION_NOT_FOUND"),
    ],
)
def test_a_wrong_request_has_its_own_reason(grpc_stub: Stub, call: Call, code: grpc.StatusCode, reason: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        call(grpc_stub)
    assert (error.value.code(), reason_of(error.value)) == (code, reason)
    assert len(str(error.value.details())) > 20


@pytest.fixture(scope="module")
def ended(grpc_stub: Stub) -> str:
    session = create(grpc_stub, "echo", "over", name="ended")
    follow(grpc_stub, session.id)
    return session.id


@pytest.fixture(scope="module")
def living(grpc_stub: Stub) -> Iterator[str]:
    session = create(grpc_stub, "sleep", "120", name="living")
    yield session.id
    grpc_stub.Terminate(pb.TerminateRequest(session=session.id))


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda stub, s: stub.Send(pb.SendRequest(session=s, text="x")), "SESSION_ENDED"),
        (lambda stub, s: stub.Interrupt(pb.InterruptRequest(session=s)), "SESSION_ENDED"),
        (lambda stub, s: stub.Release(pb.ReleaseRequest(session=s)), "SESSION_ENDED"),
        (lambda stub, s: stub.Snapshot(pb.SnapshotRequest(session=s)), "NO_TERMINAL"),
    ],
)
def test_an_ended_session_takes_nothing(grpc_stub: Stub, ended: str, call: Callable[[Stub, str], object], reason: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        call(grpc_stub, ended)
    assert (error.value.code(), reason_of(error.value)) == (WRONG, reason)


def test_terminate_leaves_an_ended_session_as_it_is(grpc_stub: Stub, ended: str) -> None:
    assert grpc_stub.Terminate(pb.TerminateRequest(session=ended)).session.outcome == Outcome.OUTCOME_SUCCEEDED


def big_send(stub: Stub, session: str) -> object:
    return stub.Send(pb.SendRequest(session=session, data=b"x" * (1024 * 1024 + 1)))


@pytest.mark.parametrize(
    ("call", "code", "reason"),
    [
        (lambda stub, s: stub.Send(pb.SendRequest(session=s, text="x")), WRONG, "NO_INPUT"),
        (lambda stub, s: stub.Send(pb.SendRequest(session=s, author="x" * 200)), INVALID, "BAD_FIELD"),
        (lambda stub, s: stub.Send(pb.SendRequest(session=s, keys=["Enter"] * 1001)), INVALID, "BAD_FIELD"),
        (lambda stub, s: stub.Interrupt(pb.InterruptRequest(session=s, author="x" * 200)), INVALID, "BAD_FIELD"),
        (lambda stub, s: stub.Wait(waiting(s, -1)), INVALID, "BAD_FIELD"),
        (lambda stub, s: stub.Wait(waiting(s, 2**62)), INVALID, "BAD_FIELD"),
        (lambda stub, s: stub.Resize(resize(s, 80, 24)), WRONG, "NO_TERMINAL"),
        (lambda stub, s: stub.Resize(resize(s, 0, 24)), INVALID, "BAD_FIELD"),
        (lambda stub, s: stub.Snapshot(pb.SnapshotRequest(session=s)), WRONG, "NO_TERMINAL"),
        (lambda stub, s: stub.Release(pb.ReleaseRequest(session=s)), WRONG, "NOT_ADOPTED"),
        (lambda stub, s: stub.Delete(pb.DeleteRequest(session=s)), WRONG, "SESSION_LIVE"),
        (lambda stub, s: stub.Terminate(pb.TerminateRequest(session=s, signal=999)), INVALID, "BAD_FIELD"),
        (lambda stub, s: make(command=command("true"), name="living")(stub), grpc.StatusCode.ALREADY_EXISTS, "NAME_TAKEN"),
        (big_send, grpc.StatusCode.RESOURCE_EXHAUSTED, "INPUT_TOO_LARGE"),
        (
            lambda stub, s: subscribe(sessions=[s], after=cursors(stub, s, seq=999))(stub),
            grpc.StatusCode.OUT_OF_RANGE,
            "CURSOR_AHEAD",
        ),
        (lambda stub, s: subscribe(sessions=[s], after=cursors(stub, s, epoch=5))(stub), WRONG, "EPOCH_CHANGED"),
    ],
)
def test_a_live_session_refuses_what_it_cannot_do(
    grpc_stub: Stub, living: str, call: Callable[[Stub, str], object], code: grpc.StatusCode, reason: str
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        call(grpc_stub, living)
    assert (error.value.code(), reason_of(error.value)) == (code, reason)


def waiting(session: str, seconds: int) -> pb.WaitRequest:
    request = pb.WaitRequest(session=session)
    request.timeout.seconds = seconds
    return request


def resize(session: str, columns: int, rows: int) -> pb.ResizeRequest:
    request = pb.ResizeRequest(session=session)
    request.terminal.columns, request.terminal.rows = columns, rows
    return request


def cursors(stub: Stub, session: str, seq: int = 0, epoch: int = 0) -> pb.Cursors:
    current = stub.Get(pb.GetRequest(session=session)).session.epoch
    return pb.Cursors(cursors=[Cursor(session_id=session, epoch=epoch or current, seq=seq)])


def test_variables_travel_with_the_reason(grpc_stub: Stub) -> None:
    with pytest.raises(grpc.RpcError) as error:
        make(command=command("no-such-program-here"))(grpc_stub)
    assert dict(error_info(error.value).metadata) == {"program": "no-such-program-here"}


def test_what_cannot_start_leaves_nothing(grpc_stub: Stub, grpc_server: ServerProcess) -> None:
    with pytest.raises(grpc.RpcError):
        make(command=command("no-such-program-here"), name="never")(grpc_stub)
    with pytest.raises(grpc.RpcError) as error:
        grpc_stub.Get(pb.GetRequest(session="never"))
    assert reason_of(error.value) == "SESSION_NOT_FOUND"
    follow(grpc_stub, create(grpc_stub, "true", name="never").id)  # the name is free
    live = {session.id for session in grpc_stub.List(pb.ListRequest(page_size=1000)).sessions if not session.HasField("end_time")}
    until(lambda: {path.name for path in (grpc_server.home / "spool").iterdir()} <= live)


def test_a_program_that_does_not_read_holds_nobody_up(grpc_stub: Stub) -> None:
    session = create(grpc_stub, "sleep", "60", stdin=True)
    megabyte = pb.SendRequest(session=session.id, data=b"x" * 1_000_000)
    grpc_stub.Send(megabyte, timeout=PATIENCE)
    with pytest.raises(grpc.RpcError) as error:
        grpc_stub.Send(megabyte, timeout=PATIENCE)
    assert reason_of(error.value) == "INPUT_BLOCKED"
    grpc_stub.Terminate(pb.TerminateRequest(session=session.id))


def test_events_no_longer_kept_are_a_gap() -> None:
    server = ServerProcess(SIGHTLINE_MAX_SESSION_BYTES="1MiB")
    try:
        server.start()
        with connect(server.target) as stub:
            session = create(stub, "sh", "-c", "head -c 5000000 /dev/zero; read x; head -c 3000000 /dev/zero", stdin=True)
            while stub.Get(pb.GetRequest(session=session.id)).session.oldest_seq == 1:
                pass
            stub.Send(pb.SendRequest(session=session.id, text="\n"))
            stub.Wait(pb.WaitRequest(session=session.id), timeout=PATIENCE)
            got = stub.Get(pb.GetRequest(session=session.id)).session
            responses = list(stub.Subscribe(pb.SubscribeRequest(sessions=[session.id], after=cursors(stub, session.id, seq=1))))
            gap = next(response.gap for response in responses if response.HasField("gap"))
            assert (gap.first_seq, gap.last_seq, gap.reason) == (2, got.oldest_seq - 1, pb.GAP_REASON_RETENTION)
            seqs = [event.seq for response in responses for event in response.events]
            assert seqs == list(range(got.oldest_seq, got.head_seq + 1))
    finally:
        server.close()
