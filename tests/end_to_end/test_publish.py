"""Events from other programs: each once, in order, all of a call or none; what may be said of which session; bytes as they were."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import grpc
import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import (
    CaptureState,
    Channel,
    Completed,
    Event,
    Input,
    Message,
    Notice,
    Outcome,
    Output,
    Progress,
    Resized,
    SessionState,
    StateChanged,
    StepFinished,
    WaitingFor,
)
from sightline.v1.session_pb2 import Published, Session, SessionKind, Terminal
from sightline.v1.session_service_pb2_grpc import SessionServiceStub as Stub
from sightline_cli.reach import own_server
from support.disks import fill, small_disk
from support.server import PATIENCE, ServerProcess, connect, create, error_info, follow, reason_of, until

INVALID, WRONG = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION
NOT_UTF8 = b"\xff\xfe caf\xe9 \x00\x1b[31m\r\n"
WORKING, WAITING = SessionState.SESSION_STATE_WORKING, SessionState.SESSION_STATE_WAITING


def output(data: bytes, **fields: object) -> Event:
    return Event(output=Output(data=data), **fields)  # type: ignore[arg-type]


def state(word: SessionState.ValueType, **fields: object) -> Event:
    return Event(state_changed=StateChanged(state=word, **fields))  # type: ignore[arg-type]


def end(**fields: object) -> Event:
    return Event(completed=Completed(**fields))  # type: ignore[arg-type]


def published(stub: Stub, name: str, **fields: object) -> Session:
    request = pb.CreateRequest(name=name, published=Published(**fields))  # type: ignore[arg-type]
    return stub.Create(request, timeout=PATIENCE).session


def publish(stub: Stub, session: str, *events: Event, producer: str = "maker", first: int = 1) -> pb.PublishResponse:
    request = pb.PublishRequest(session=session, producer_id=producer, first_sequence=first, events=events)
    return stub.Publish(request, timeout=PATIENCE)


def refused(stub: Stub, session: str, *events: Event, producer: str = "maker", first: int = 1) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as error:
        publish(stub, session, *events, producer=producer, first=first)
    assert len(str(error.value.details())) > 20
    return error.value.code(), reason_of(error.value)


def now(stub: Stub, session: str) -> Session:
    return stub.Get(pb.GetRequest(session=session)).session


@pytest.fixture
def build(grpc_stub: Stub, request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session created as `published`."""
    made = published(grpc_stub, f"build-{abs(hash(request.node.name)) % 10**9}")
    yield made
    grpc_stub.Terminate(pb.TerminateRequest(session=made.id))


@pytest.fixture
def command(grpc_stub: Stub) -> Iterator[Session]:
    """A command of ours that runs."""
    made = create(grpc_stub, "sleep", "1000")
    yield made
    grpc_stub.Terminate(pb.TerminateRequest(session=made.id))


def test_what_is_published_is_in_the_log_as_it_was_with_what_the_server_sets(grpc_stub: Stub, build: Session) -> None:
    assert build.kind == SessionKind.SESSION_KIND_PUBLISHED
    said = Event(
        message=Message(text="hello"), source="tester", turn_id="t1", parent_tool_call_id="c1", raw=NOT_UTF8, session_id="another",
        seq=77, first_seq=70, cause_seq=3, truncated_bytes=9,
    )  # fmt: skip
    said.source_time.FromJsonString("2001-02-03T04:05:06Z")
    said.time.FromJsonString("2001-02-03T04:05:06Z")
    answer = publish(grpc_stub, build.id, output(NOT_UTF8), output(b"err", source="stderr"), said)
    assert answer.next_sequence == 4
    publish(grpc_stub, build.id, end(outcome=Outcome.OUTCOME_SUCCEEDED), first=4)
    events = follow(grpc_stub, build.id)
    first, second, third = events[2:5]
    assert (first.output.data, first.output.channel, first.source) == (NOT_UTF8, Channel.CHANNEL_STDOUT, "maker")
    assert second.source == "stderr"
    assert third.seq == answer.seq
    assert (third.session_id, third.first_seq, third.cause_seq, third.truncated_bytes) == (build.id, 0, 0, 0)
    assert (third.source, third.turn_id, third.parent_tool_call_id, third.raw) == ("tester", "t1", "c1", NOT_UTF8)
    assert third.source_time.ToJsonString() == "2001-02-03T04:05:06Z"
    assert third.time.seconds > said.source_time.seconds


def test_a_repeated_call_publishes_only_what_is_new(grpc_stub: Stub, build: Session) -> None:
    first = publish(grpc_stub, build.id, output(b"1"), output(b"2"))
    again = publish(grpc_stub, build.id, output(b"1"), output(b"2"))
    assert (again.next_sequence, again.seq) == (3, 0)
    overlapping = publish(grpc_stub, build.id, output(b"2"), output(b"3"), first=2)
    assert (overlapping.next_sequence, overlapping.seq) == (4, first.seq + 1)
    other = publish(grpc_stub, build.id, output(b"A"), producer="other")
    assert (other.next_sequence, other.seq) == (2, first.seq + 2)
    ending = [output(b"4"), end(exit_code=3)]
    publish(grpc_stub, build.id, *ending, first=4)
    assert publish(grpc_stub, build.id, *ending, first=4).next_sequence == 6  # its answer may have been lost: no error
    events = follow(grpc_stub, build.id)
    assert b"".join(event.output.data for event in events) == b"123A4"
    assert (events[-1].completed.outcome, events[-1].completed.exit_code) == (Outcome.OUTCOME_FAILED, 3)
    assert refused(grpc_stub, build.id, output(b"5"), first=6) == (WRONG, "SESSION_ENDED")


def test_a_hole_is_refused_with_the_number_that_is_expected(grpc_stub: Stub, build: Session) -> None:
    publish(grpc_stub, build.id, output(b"1"), output(b"2"))
    with pytest.raises(grpc.RpcError) as error:
        publish(grpc_stub, build.id, output(b"4"), first=4)
    assert error.value.code() == grpc.StatusCode.OUT_OF_RANGE
    info = error_info(error.value)
    assert info.reason == "SEQUENCE_GAP"
    assert (info.metadata["expected"], info.metadata["producer"]) == ("3", "maker")
    assert publish(grpc_stub, build.id, output(b"3"), first=3).next_sequence == 4


def test_a_call_with_one_bad_event_publishes_none_of_it(grpc_stub: Stub, build: Session) -> None:
    head = now(grpc_stub, build.id).head_seq
    assert refused(grpc_stub, build.id, state(WORKING), output(b"x"), Event()) == (INVALID, "EVENT_WITHOUT_PAYLOAD")
    after = now(grpc_stub, build.id)
    assert (after.head_seq, after.state) == (head, SessionState.SESSION_STATE_UNKNOWN)
    assert publish(grpc_stub, build.id, output(b"y")).next_sequence == 2


def unknown_payload() -> Event:
    return Event.FromString(Event(source="x").SerializeToString() + b"\xfa\x7f\x00")  # field 2047, which no version has


def out_of_calendar() -> Event:
    made = Event(progress=Progress(phase="x"))
    made.progress.elapsed.seconds = 1 << 60
    return made


def old_time() -> Event:
    made = output(b"x")
    made.source_time.seconds = -(1 << 50)
    return made


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (Event(), "EVENT_WITHOUT_PAYLOAD"),
        (unknown_payload(), "EVENT_WITHOUT_PAYLOAD"),
        (output(b"x" * 1024 * 1024), "EVENT_TOO_LARGE"),
        (output(b"x", raw=b"y" * 1024 * 1024), "EVENT_TOO_LARGE"),
        (output(b"x", source="sightline"), "SOURCE_RESERVED"),
        (output(b"x", source="a" * 129), "BAD_FIELD"),
        (output(b"x", source="a\x1b[2J"), "BAD_FIELD"),
        (Event(output=Output(data=b"x", channel=300)), "BAD_FIELD"),  # type: ignore[arg-type]
        (out_of_calendar(), "BAD_FIELD"),
        (old_time(), "BAD_FIELD"),
        (state(SessionState.SESSION_STATE_UNSPECIFIED), "BAD_FIELD"),
        (state(99), "BAD_FIELD"),  # type: ignore[arg-type]
        (state(SessionState.SESSION_STATE_ENDED), "BAD_FIELD"),
        (Event(resized=Resized(columns=0, rows=5)), "BAD_FIELD"),
        (end(), "BAD_FIELD"),
        (end(outcome=77), "BAD_FIELD"),
    ],
)
def test_an_event_that_cannot_be_kept_has_its_own_reason(grpc_stub: Stub, build: Session, event: Event, reason: str) -> None:
    assert refused(grpc_stub, build.id, event) == (INVALID, reason)


def test_a_call_without_an_identity_is_refused(grpc_stub: Stub, build: Session) -> None:
    one = output(b"x")
    assert refused(grpc_stub, build.id, one, producer="") == (INVALID, "BAD_FIELD")
    assert refused(grpc_stub, build.id, one, producer="x" * 129) == (INVALID, "BAD_FIELD")
    assert refused(grpc_stub, build.id, one, first=0) == (INVALID, "BAD_FIELD")
    assert refused(grpc_stub, build.id) == (INVALID, "BAD_FIELD")
    assert refused(grpc_stub, build.id, *[one] * 1001) == (INVALID, "BAD_FIELD")


def test_an_event_of_almost_a_mebibyte_is_taken_whole(grpc_stub: Stub, build: Session) -> None:
    data = b"\xff" * (1024 * 1024 - 256)
    publish(grpc_stub, build.id, output(data))
    page = grpc_stub.ListEvents(pb.ListEventsRequest(session=build.id, after_seq=2, page_size=1))
    assert page.events[0].output.data == data


@pytest.mark.parametrize("event", [end(exit_code=0), state(WORKING), Event(input=Input(data=b"y"))])
def test_what_sightline_sees_itself_nobody_else_may_say(grpc_stub: Stub, command: Session, event: Event) -> None:
    assert refused(grpc_stub, command.id, event) == (WRONG, "ONLY_FOR_PUBLISHED")
    assert now(grpc_stub, command.id).state == WORKING


def test_a_hook_may_publish_into_a_session_that_runs(grpc_stub: Stub, command: Session) -> None:
    step = Event(step_finished=StepFinished(step="build"), source="make")
    publish(grpc_stub, command.id, step, Event(notice=Notice(code="hook", text="ran")), output(b"from a hook"), producer="hook")
    events = grpc_stub.ListEvents(pb.ListEventsRequest(session=command.id)).events
    assert [(event.WhichOneof("payload"), event.source) for event in events[-3:]] == [
        ("step_finished", "make"),
        ("notice", "hook"),
        ("output", "hook"),
    ]


def test_a_publisher_says_the_state_of_its_session(grpc_stub: Stub, build: Session) -> None:
    publish(grpc_stub, build.id, state(WAITING, waiting_for=WaitingFor.WAITING_FOR_ANSWER, reason="asks", confidence=0.5))
    waited = grpc_stub.Wait(pb.WaitRequest(session=build.id, until=[WAITING]), timeout=PATIENCE)
    assert (waited.session.state, waited.session.waiting_for) == (WAITING, WaitingFor.WAITING_FOR_ANSWER)
    answer = publish(grpc_stub, build.id, output(b"x"), state(WORKING), output(b"y"), first=2)
    assert (now(grpc_stub, build.id).state, now(grpc_stub, build.id).waiting_for) == (WORKING, 0)
    waited = grpc_stub.Wait(pb.WaitRequest(session=build.id, until=[WORKING]), timeout=PATIENCE)
    assert waited.seq == answer.seq - 1
    starting = state(SessionState.SESSION_STATE_STARTING)
    assert refused(grpc_stub, build.id, starting, first=5) == (WRONG, "IMPOSSIBLE_STATE")


def test_completed_ends_the_session_and_comes_once_and_last(grpc_stub: Stub, build: Session) -> None:
    assert refused(grpc_stub, build.id, end(exit_code=0), output(b"x")) == (INVALID, "BAD_FIELD")
    assert refused(grpc_stub, build.id, end(exit_code=0), end(exit_code=0)) == (INVALID, "BAD_FIELD")
    last = end(outcome=Outcome.OUTCOME_INTERRUPTED, signal=2, result_text="half", labels={"id": "7"}, error="stopped by hand")
    last.source = "judge"
    last.source_time.seconds = 1_000_000_000
    publish(grpc_stub, build.id, output(b"x"), state(SessionState.SESSION_STATE_ENDED, reason="enough"), last)
    events = follow(grpc_stub, build.id)
    assert [event.WhichOneof("payload") for event in events[-3:]] == ["output", "state_changed", "completed"]
    assert events[-1].completed == last.completed
    assert (events[-1].source, events[-1].source_time.seconds) == ("judge", 1_000_000_000)
    assert now(grpc_stub, build.id).outcome == Outcome.OUTCOME_INTERRUPTED
    assert now(grpc_stub, build.id).signal == 2


def test_a_session_may_be_kept_for_one_producer(grpc_stub: Stub) -> None:
    made = published(grpc_stub, "one-producer", producer_id="me", terminal=Terminal(columns=100, rows=0))
    assert (made.terminal.columns, made.terminal.rows) == (100, 24)
    assert refused(grpc_stub, made.id, output(b"x"), producer="you") == (WRONG, "OTHER_PRODUCER")
    publish(grpc_stub, made.id, output(b"x"), Event(resized=Resized(columns=10, rows=5)), producer="me")
    assert (now(grpc_stub, made.id).terminal.columns, now(grpc_stub, made.id).terminal.rows) == (10, 5)
    publish(grpc_stub, made.id, end(exit_code=0), producer="me", first=3)
    assert follow(grpc_stub, made.id)[2].output.channel == Channel.CHANNEL_TERMINAL


def test_what_cannot_be_done_to_a_published_session_says_why(grpc_stub: Stub, build: Session) -> None:
    calls: dict[str, Callable[[], object]] = {
        "NO_INPUT": lambda: grpc_stub.Send(pb.SendRequest(session=build.id, text="x")),
        "NO_TERMINAL": lambda: grpc_stub.Snapshot(pb.SnapshotRequest(session=build.id)),
    }
    for reason, call in calls.items():
        with pytest.raises(grpc.RpcError) as error:
            call()
        assert reason_of(error.value) == reason


def test_a_published_session_can_be_ended_and_let_go_by_others(grpc_stub: Stub) -> None:
    ended, released = published(grpc_stub, "ended-one"), published(grpc_stub, "released-one")
    assert grpc_stub.Terminate(pb.TerminateRequest(session=ended.id)).session.outcome == Outcome.OUTCOME_CANCELLED
    assert grpc_stub.Release(pb.ReleaseRequest(session=released.id)).session.outcome == Outcome.OUTCOME_RELEASED
    for session in (ended, released):
        assert refused(grpc_stub, session.id, output(b"x")) == (WRONG, "SESSION_ENDED")


def test_many_producers_at_once_keep_their_orders(grpc_stub: Stub, build: Session) -> None:
    def work(name: str) -> None:
        for sequence in range(1, 101):
            publish(grpc_stub, build.id, output(b"%d" % sequence), producer=name, first=sequence)

    threads = [threading.Thread(target=work, args=(f"p{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    publish(grpc_stub, build.id, end(exit_code=0), producer="last")
    events = follow(grpc_stub, build.id)
    for number in range(4):
        assert [int(event.output.data) for event in events if event.source == f"p{number}"] == list(range(1, 101))


def test_of_too_many_producers_the_one_that_was_quiet_for_longest_is_forgotten(server: ServerProcess) -> None:
    with connect(server.target) as stub:
        made = published(stub, "crowd")
        publish(stub, made.id, output(b"q"), producer="quiet")
        for number in range(999):
            publish(stub, made.id, output(b"x", source="all"), producer=f"p{number}")
        publish(stub, made.id, output(b"x", source="all"), producer="p0", first=2)
        publish(stub, made.id, output(b"x", source="all"), producer="newcomer")
        assert refused(stub, made.id, output(b"x"), producer="quiet", first=2) == (grpc.StatusCode.OUT_OF_RANGE, "SEQUENCE_GAP")
        server.kill()
        server.start()
        assert publish(stub, made.id, output(b"x", source="all"), producer="p0", first=2).next_sequence == 3
        assert publish(stub, made.id, output(b"x", source="all"), producer="newcomer").next_sequence == 2


def test_too_many_sources_are_refused_by_name(grpc_stub: Stub, build: Session) -> None:
    publish(grpc_stub, build.id, *(output(b"x", source=f"s{number}") for number in range(998)))
    assert refused(grpc_stub, build.id, *(output(b"x", source=f"t{n}") for n in range(3)), first=999) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "TOO_MANY_SOURCES",
    )
    publish(grpc_stub, build.id, output(b"x", source="s5"), first=999)


def test_a_server_killed_while_a_program_publishes_has_each_event_once(server: ServerProcess) -> None:
    """The program repeats a call until it is answered; the server is killed again and again meanwhile."""
    count, batch, done = 3000, 7, threading.Event()
    with connect(server.target) as stub:
        made = published(stub, "exactly-once")
    problems: list[BaseException] = []
    reached = [1]

    def program() -> None:
        try:
            with connect(server.target) as stub:
                while reached[0] <= count:
                    numbers = range(reached[0], min(reached[0] + batch, count + 1))
                    events = [output(b"%d\n" % number) for number in numbers]
                    if numbers[-1] == count:
                        events.append(end(exit_code=0))
                    request = pb.PublishRequest(session=made.id, producer_id="p", first_sequence=reached[0], events=events)
                    try:
                        reached[0] = stub.Publish(request, timeout=5).next_sequence
                    except grpc.RpcError as error:
                        if error.code() not in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
                            raise
        except BaseException as error:
            problems.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=program)
    thread.start()
    kills = 0
    while kills < 6 and not done.is_set():
        goal = reached[0] + count // 10
        until(lambda goal=goal: reached[0] >= goal or done.is_set())  # type: ignore[misc]
        server.kill()
        server.start()
        kills += 1
    thread.join(60)
    assert not problems
    assert kills >= 3
    with connect(server.target) as stub:
        events = follow(stub, made.id)
    assert b"".join(event.output.data for event in events) == b"".join(b"%d\n" % number for number in range(1, count + 1))
    assert events[-1].completed.outcome == Outcome.OUTCOME_SUCCEEDED


async def test_a_server_that_keeps_nothing_takes_published_events_too() -> None:
    async with own_server() as target:
        await asyncio.to_thread(publish_and_follow, target)


def publish_and_follow(target: str) -> None:
    with connect(target) as stub:
        made = published(stub, "in-memory")
        publish(stub, made.id, output(NOT_UTF8))
        assert publish(stub, made.id, output(NOT_UTF8), end(exit_code=0)).next_sequence == 3
        assert [event.output.data for event in follow(stub, made.id) if event.HasField("output")] == [NOT_UTF8]


@pytest.fixture
def cramped() -> Iterator[ServerProcess]:
    """A server whose home is a small disk of its own."""
    with small_disk(6 << 20) as home:
        server = ServerProcess(home)
        try:
            server.start()
            yield server
        finally:
            (home / "filler").unlink(missing_ok=True)
            server.close()


def test_on_a_full_disk_a_call_is_refused_as_a_whole_and_can_be_repeated(cramped: ServerProcess) -> None:
    full = (grpc.StatusCode.RESOURCE_EXHAUSTED, "DISK_FULL")
    piece = b"x" * 500_000
    with connect(cramped.target) as stub:
        made = published(stub, "full")
        publish(stub, made.id, state(WORKING))
        fill(cramped.home / "filler")
        assert refused(stub, made.id, state(WAITING), output(piece), first=2) == full
        assert now(stub, made.id).state == WORKING
        assert refused(stub, made.id, output(piece), end(exit_code=0), first=2) == full
        assert now(stub, made.id).state == WORKING
        (cramped.home / "filler").unlink()
        until(lambda: now(stub, made.id).capture == CaptureState.CAPTURE_STATE_FOLLOWING)
        publish(stub, made.id, output(piece), end(exit_code=0), first=2)
        events = follow(stub, made.id)
    assert [event.output.data for event in events if event.HasField("output")] == [piece]
    assert [event.error.code for event in events if event.HasField("error")] == ["DISK_FULL"]
