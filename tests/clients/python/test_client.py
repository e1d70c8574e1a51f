"""Calls over real gRPC: what is repeated, what is not, what is sent along, and what an error becomes."""

import asyncio
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import sightline
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from sightline import errors
from sightline.v1 import session_service_pb2 as v1
from sightline.v1.event_pb2 import Event, SessionState
from sightline.v1.session_pb2 import Session
from support.partial_server import Context, listening


async def refuse(context: Context, code: grpc.StatusCode, text: str, reason: str, **variables: str) -> None:
    """Fails a call as the contract says: a Status with one ErrorInfo."""
    info = AnyMessage()
    info.Pack(ErrorInfo(reason=reason, domain="sightline", metadata=variables))
    details = Status(code=code.value[0], message=text, details=[info]).SerializeToString()
    await context.abort(code, text, (("grpc-status-details-bin", details),))


class Failing:
    """Answers after some failures, and keeps the requests."""

    def __init__(self, answer: Any, fail: Callable[[Context], Any], times: int) -> None:
        self.requests: list[Any] = []
        self.metadata: list[dict[str, Any]] = []
        self._answer, self._fail, self._times = answer, fail, times

    async def call(self, request: Any, context: Context) -> Any:
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata() or ()))
        if len(self.requests) <= self._times:
            await self._fail(context)
        return self._answer


def broken(context: Context) -> Any:
    return context.abort(grpc.StatusCode.UNAVAILABLE, "broken")


def draining(context: Context) -> Any:
    return refuse(context, grpc.StatusCode.UNAVAILABLE, "going down", "DRAINING")


def given_up(context: Context) -> Any:
    return context.abort(grpc.StatusCode.CANCELLED, "given up")


def reached(path: Path, retry_for: float = 10) -> sightline.Client:
    client = sightline.connect(f"unix:{path}/s", retry_for=retry_for)
    client.reached = True  # as after an answered call: a first failure would be `ServerNotFound`
    return client


CODES = [
    ("INVALID_ARGUMENT", errors.InvalidArgument),
    ("NOT_FOUND", errors.NotFound),
    ("ALREADY_EXISTS", errors.AlreadyExists),
    ("FAILED_PRECONDITION", errors.FailedPrecondition),
    ("OUT_OF_RANGE", errors.OutOfRange),
    ("RESOURCE_EXHAUSTED", errors.ResourceExhausted),
    ("UNAUTHENTICATED", errors.Unauthenticated),
    ("UNIMPLEMENTED", errors.Unimplemented),
    ("UNAVAILABLE", errors.Unavailable),
    ("INTERNAL", errors.SightlineError),
]


@pytest.mark.parametrize(("code", "kind"), CODES)
async def test_an_error_has_its_class_reason_text_and_variables(code: str, kind: type, tmp_path: Path) -> None:
    async def get(_request: v1.GetRequest, context: Context) -> None:
        await refuse(context, grpc.StatusCode[code], "a text", "A_REASON", session="s")

    async with listening(f"unix:{tmp_path}/s", Get=get), sightline.connect(f"unix:{tmp_path}/s") as client:
        with pytest.raises(errors.SightlineError) as raised:
            await client.get("s")
    error = raised.value
    assert type(error) is kind
    assert (error.code, error.reason, str(error), error.metadata) == (code, "A_REASON", "a text", {"session": "s"})


@pytest.mark.parametrize("details", [b"\xff\xff", Status(code=5).SerializeToString()])
async def test_details_that_nobody_can_read_leave_the_status(details: bytes, tmp_path: Path) -> None:
    async def get(_request: v1.GetRequest, context: Context) -> None:
        await context.abort(grpc.StatusCode.NOT_FOUND, "gone", (("grpc-status-details-bin", details),))

    async with listening(f"unix:{tmp_path}/s", Get=get), sightline.connect(f"unix:{tmp_path}/s") as client:
        with pytest.raises(errors.NotFound, match="gone") as raised:
            await client.get("s")
    assert raised.value.reason == ""


@pytest.mark.parametrize("fail", [broken, draining, given_up])
async def test_calls_that_are_safe_to_repeat_are_repeated_with_the_same_request(
    fail: Callable[[Context], Any], tmp_path: Path
) -> None:
    create = Failing(v1.CreateResponse(session=Session(id="s")), fail, 2)
    async with listening(f"unix:{tmp_path}/s", Create=create.call), reached(tmp_path) as client:
        assert (await client.create(["true"])).id == "s"
    first, *others = create.requests
    assert first.request_id
    assert others == [first, first]


@pytest.mark.parametrize("fail", [broken, given_up])
async def test_an_interrupt_is_not_repeated(fail: Callable[[Context], Any], tmp_path: Path) -> None:
    interrupt = Failing(v1.InterruptResponse(), fail, 1)
    async with listening(f"unix:{tmp_path}/s", Interrupt=interrupt.call), reached(tmp_path) as client:
        with pytest.raises(errors.Unavailable):
            await client.interrupt("s")
    assert len(interrupt.requests) == 1


async def test_what_a_living_server_cannot_reach_is_not_asked_for_again(tmp_path: Path) -> None:
    snapshot = Failing(None, lambda context: refuse(context, grpc.StatusCode.UNAVAILABLE, "no answer", "SOURCE_GONE"), 1)
    async with listening(f"unix:{tmp_path}/s", Snapshot=snapshot.call), reached(tmp_path) as client:
        with pytest.raises(errors.Unavailable, match="no answer"):
            await client.snapshot("s")
    assert len(snapshot.requests) == 1


async def test_repeating_has_an_end(tmp_path: Path) -> None:
    get = Failing(None, broken, 1000)
    async with listening(f"unix:{tmp_path}/s", Get=get.call), reached(tmp_path, retry_for=0.4) as client:
        with pytest.raises(errors.Unavailable):
            await client.get("s")
    assert len(get.requests) > 1


async def test_a_call_that_lived_for_long_meets_each_outage_afresh(tmp_path: Path) -> None:
    retry_for = 0.3

    async def fail(context: Context) -> None:
        if len(wait.requests) == 2:
            await asyncio.sleep(2 * retry_for)  # how long the call lives is what this is about
        await context.abort(grpc.StatusCode.UNAVAILABLE, "broken")

    wait = Failing(v1.WaitResponse(seq=7), fail, 2)
    async with listening(f"unix:{tmp_path}/s", Wait=wait.call), reached(tmp_path, retry_for) as client:
        assert (await client.wait("s")).seq == 7


async def test_a_server_that_was_never_there_is_an_error_at_once_that_says_how_to_start_one(tmp_path: Path) -> None:
    async with sightline.connect(f"unix:{tmp_path}/none", retry_for=3600) as client:
        with pytest.raises(errors.ServerNotFound, match="sightline serve") as raised:
            await client.get("s")
    assert raised.value.target == f"unix:{tmp_path}/none"


async def test_why_there_is_no_server_is_said_where_it_is_not_plain(tmp_path: Path) -> None:
    async with sightline.connect(f"unix:{tmp_path}/{'x' * 120}") as client:
        with pytest.raises(errors.ServerNotFound, match="at most 107 bytes"):
            await client.get("s")
        with pytest.raises(errors.ServerNotFound, match="at most 107 bytes"):
            await anext(client.subscribe("s"))
    async with sightline.connect(f"unix:{tmp_path}/none") as client:
        with pytest.raises(errors.ServerNotFound, match=r"none: start one"):
            await client.get("s")


async def test_a_server_that_comes_back_finishes_the_call(tmp_path: Path) -> None:
    get = Failing(v1.GetResponse(session=Session(id="s")), broken, 0)
    async with sightline.connect(f"unix:{tmp_path}/s") as client:
        async with listening(f"unix:{tmp_path}/s", Get=get.call):
            await client.get("s")
        call = asyncio.create_task(client.get("s"))
        await asyncio.sleep(0)  # it is under way before the server is back
        async with listening(f"unix:{tmp_path}/s", Get=get.call):
            assert (await call).id == "s"


async def test_wait_ready_waits_for_a_server_that_starts_later(tmp_path: Path) -> None:
    listing = Failing(v1.ListResponse(), draining, 1)
    async with sightline.connect(f"unix:{tmp_path}/s") as client:
        ready = asyncio.create_task(client.wait_ready(30))
        await asyncio.sleep(0)
        async with listening(f"unix:{tmp_path}/s", List=listing.call):
            await ready
    assert len(listing.requests) == 2


async def test_wait_ready_gives_up_in_time_and_at_once_when_the_token_is_wrong(tmp_path: Path) -> None:
    async with sightline.connect(f"unix:{tmp_path}/none") as client:
        with pytest.raises(errors.ServerNotFound):
            await client.wait_ready(0.3)
    refused = Failing(None, lambda context: refuse(context, grpc.StatusCode.UNAUTHENTICATED, "no", "TOKEN_MISSING"), 9)
    async with listening(f"unix:{tmp_path}/s", List=refused.call), sightline.connect(f"unix:{tmp_path}/s") as client:
        with pytest.raises(errors.Unauthenticated):
            await client.wait_ready(30)


async def test_the_token_goes_along_on_tcp(tmp_path: Path) -> None:
    get = Failing(v1.GetResponse(), broken, 0)
    async with listening("127.0.0.1:0", Get=get.call) as port, sightline.connect(f"127.0.0.1:{port}", token="secret") as client:
        await client.get("s")
    assert get.metadata[0]["authorization"] == "Bearer secret"
    async with listening(f"unix:{tmp_path}/s", Get=get.call), sightline.connect(f"unix:{tmp_path}/s", token="secret") as client:
        await client.get("s")
    assert "authorization" not in get.metadata[1]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
async def test_tls_is_spoken_with_the_authority_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost"]
    make += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    await asyncio.to_thread(subprocess.run, make, check=True, capture_output=True)
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), cert.read_bytes())])
    get = Failing(v1.GetResponse(session=Session(id="s")), broken, 0)
    async with listening("localhost:0", credentials, Get=get.call) as port:
        async with sightline.connect(f"https://localhost:{port}", token="secret") as stranger:
            with pytest.raises(
                errors.ServerNotFound, match="CERTIFICATE_VERIFY_FAILED"
            ):  # the system's authorities do not know it: nothing is sent
                await stranger.get("s")
        monkeypatch.setenv("SIGHTLINE_TLS_CA", str(cert))
        async with sightline.connect(f"localhost:{port}", token="secret") as client:
            assert (await client.get("s")).id == "s"
    assert [sent["authorization"] for sent in get.metadata] == ["Bearer secret"]


async def test_list_goes_through_all_pages(tmp_path: Path) -> None:
    asked = []

    async def pages(request: v1.ListRequest, _context: Context) -> v1.ListResponse:
        asked.append(request.page_token)
        assert list(request.states) == [SessionState.SESSION_STATE_ENDED]
        if not request.page_token:
            return v1.ListResponse(sessions=[Session(id="a"), Session(id="b")], next_page_token="next")
        return v1.ListResponse(sessions=[Session(id="c")])

    async with listening(f"unix:{tmp_path}/s", List=pages), sightline.connect(f"unix:{tmp_path}/s") as client:
        found = [session.id async for session in client.list(states=[SessionState.SESSION_STATE_ENDED])]
    assert found == ["a", "b", "c"]
    assert asked == ["", "next"]


async def test_list_events_goes_through_all_pages_and_shows_gaps_where_they_are(tmp_path: Path) -> None:
    async def pages(request: v1.ListEventsRequest, _context: Context) -> v1.ListEventsResponse:
        if not request.page_token:
            gap = v1.Gap(first_seq=1, last_seq=4)
            return v1.ListEventsResponse(events=[Event(seq=5)], next_page_token="next", gap=gap)
        return v1.ListEventsResponse(events=[Event(seq=6)])

    async with listening(f"unix:{tmp_path}/s", ListEvents=pages), sightline.connect(f"unix:{tmp_path}/s") as client:
        items = [item async for item in client.list_events("s")]
    assert [item.last_seq if isinstance(item, v1.Gap) else item.seq for item in items] == [4, 5, 6]


async def test_a_repeated_wait_waits_only_for_the_time_that_is_left(tmp_path: Path) -> None:
    wait = Failing(v1.WaitResponse(timed_out=True), broken, 2)
    async with listening(f"unix:{tmp_path}/s", Wait=wait.call), reached(tmp_path) as client:
        assert (await client.wait("s", timeout=60)).timed_out
    left = [request.timeout.ToTimedelta().total_seconds() for request in wait.requests]
    assert left == sorted(left, reverse=True)
    assert len(set(left)) == 3


async def test_a_cancelled_call_is_cancelled_at_the_server(tmp_path: Path) -> None:
    there, gone = asyncio.Event(), asyncio.Event()

    async def wait(_request: v1.WaitRequest, _context: Context) -> None:
        there.set()
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()

    async with listening(f"unix:{tmp_path}/s", Wait=wait), sightline.connect(f"unix:{tmp_path}/s") as client:
        call = asyncio.create_task(client.wait("s"))
        await there.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await gone.wait()


async def test_closing_the_client_fails_calls_under_way_and_later_ones(tmp_path: Path) -> None:
    there = asyncio.Event()

    async def wait(_request: v1.WaitRequest, _context: Context) -> None:
        there.set()
        await asyncio.Event().wait()

    async with listening(f"unix:{tmp_path}/s", Wait=wait), sightline.connect(f"unix:{tmp_path}/s") as client:
        call = asyncio.create_task(client.wait("s"))
        await there.wait()
        await client.close()
        for late in (call, client.get("s")):
            with pytest.raises(errors.Unavailable, match="closed"):
                await late


async def test_create_takes_the_callers_directory_and_whole_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create = Failing(v1.CreateResponse(), broken, 0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("A_VARIABLE", "a value")
    monkeypatch.setenv("NO_UTF8", "\udcff")
    async with listening(f"unix:{tmp_path}/s", Create=create.call), sightline.connect(f"unix:{tmp_path}/s") as client:
        await client.create(["true"])
        await client.create(["true"], env={"ONLY": "this"}, cwd="below", terminal=(80, 24), stdin_open=True)
    first, second = create.requests
    assert first.cwd == str(tmp_path)
    assert first.clear_env
    assert first.env["A_VARIABLE"] == "a value"
    assert "NO_UTF8" not in first.env
    assert not first.command.HasField("terminal")
    assert (dict(second.env), second.clear_env, second.cwd) == ({"ONLY": "this"}, True, str(tmp_path / "below"))
    assert (second.command.terminal.columns, second.command.terminal.rows) == (80, 24)


async def test_words_that_make_no_request_are_refused_before_one_is_made() -> None:
    async with sightline.connect("unix:/nowhere") as client:
        with pytest.raises(TypeError, match="list of arguments"):
            await client.create("ls -l")
        with pytest.raises(ValueError, match="either argv, an agent, steps or a recipe, or tmux"):
            await client.create()
        with pytest.raises(ValueError, match="name one, as in agent='claude'"):
            await client.create(["cat"], prompt="hello")
        with pytest.raises(ValueError, match="one start only, not latest and tail"):
            client.subscribe("s", latest=True, tail=3)
        with pytest.raises(ValueError, match="at least one session"):
            client.subscribe()
        with pytest.raises(ValueError, match="'outputs' is no kind of event: they are output, "):
            client.subscribe("s", kinds=["outputs"])
        with pytest.raises(ValueError, match="'tty' is no channel"):
            client.subscribe("s", channels=["tty"])
