"""Commands in pipes, over the wire."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import grpc
import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import CaptureState, Channel, Event, Outcome, SessionState
from sightline.v1.session_pb2 import SessionKind
from sightline.v1.session_service_pb2_grpc import SessionServiceStub as Stub
from support.server import PATIENCE, completed, create, data_of, follow, reason_of, until


def test_outputs_stay_apart_and_the_end_is_last(grpc_stub: Stub) -> None:
    session = create(grpc_stub, "sh", "-c", "echo out; echo err >&2; printf 'no newline'; exit 3")
    events = follow(grpc_stub, session.id)
    assert data_of(events, "stdout") == b"out\nno newline"
    assert data_of(events, "stderr") == b"err\n"
    assert {e.output.channel for e in events if e.source == "stderr"} == {Channel.CHANNEL_STDERR}
    last = completed(events)
    assert (last.outcome, last.exit_code, last.signal) == (Outcome.OUTCOME_FAILED, 3, 0)
    states = [event.state_changed.state for event in events if event.HasField("state_changed")]
    assert states == [
        SessionState.SESSION_STATE_STARTING,
        SessionState.SESSION_STATE_WORKING,
        SessionState.SESSION_STATE_ENDED,
    ]
    got = grpc_stub.Get(pb.GetRequest(session=session.name)).session
    assert (got.state, got.outcome, got.exit_code, got.kind) == (
        SessionState.SESSION_STATE_ENDED,
        Outcome.OUTCOME_FAILED,
        3,
        SessionKind.SESSION_KIND_COMMAND,
    )
    assert (got.oldest_seq, got.head_seq, got.capture) == (1, len(events), CaptureState.CAPTURE_STATE_FOLLOWING)


def test_a_signal_is_told_from_an_exit_code(grpc_stub: Stub) -> None:
    last = completed(follow(grpc_stub, create(grpc_stub, "sh", "-c", "kill -SEGV $$").id))
    assert (last.outcome, last.signal, last.HasField("exit_code")) == (Outcome.OUTCOME_FAILED, signal.SIGSEGV, False)


def test_a_progress_bar_without_newline_is_seen_while_the_program_waits(grpc_stub: Stub) -> None:
    session = create(grpc_stub, "sh", "-c", "printf 'half...'; read answer; echo $answer", stdin=True)
    seen = b""
    sent = None
    call = grpc_stub.Subscribe(pb.SubscribeRequest(sessions=[session.id]), timeout=PATIENCE)
    for response in call:
        seen += b"".join(event.output.data for event in response.events)
        if seen == b"half..." and sent is None:
            sent = grpc_stub.Send(pb.SendRequest(session=session.id, text="done", submit=True), timeout=PATIENCE)
    assert seen == b"half...done\n"


def test_stdin_closes_with_eof(grpc_stub: Stub) -> None:
    session = create(grpc_stub, "cat", stdin=True)
    grpc_stub.Send(pb.SendRequest(session=session.id, data=b"\x00\xff bytes\n"))
    grpc_stub.Send(pb.SendRequest(session=session.id, text="more", eof=True))
    events = follow(grpc_stub, session.id)
    assert data_of(events, "stdout") == b"\x00\xff bytes\nmore"
    inputs = [event.input for event in events if event.HasField("input")]
    assert [(i.data, i.length, i.eof, i.author) for i in inputs] == [
        (b"\x00\xff bytes\n", 9, False, "unix"),
        (b"more", 4, True, "unix"),
    ]


def test_a_large_input_is_typed_whole_and_logged_below_the_size_of_an_event(grpc_stub: Stub) -> None:
    session = create(grpc_stub, "wc", "-c", stdin=True)
    grpc_stub.Send(pb.SendRequest(session=session.id, data=b"x" * 1024 * 1024, eof=True), timeout=PATIENCE)
    events = follow(grpc_stub, session.id)
    assert data_of(events, "stdout") == b"1048576\n"
    (said,) = [event for event in events if event.HasField("input")]
    assert (said.input.length, len(said.input.data) + said.truncated_bytes) == (1024 * 1024, 1024 * 1024)
    assert said.ByteSize() <= 1024 * 1024
    pages = [grpc_stub.ListEvents(pb.ListEventsRequest(session=session.id, full=said.seq))]
    while token := pages[-1].next_page_token:
        pages.append(grpc_stub.ListEvents(pb.ListEventsRequest(session=session.id, full=said.seq, page_token=token)))
    assert len(pages) > 1
    assert Event.FromString(b"".join(page.part for page in pages)).input.data == b"x" * 1024 * 1024


def test_sensitive_input_leaves_only_its_length(grpc_stub: Stub) -> None:
    session = create(grpc_stub, "sh", "-c", "read secret; echo ${#secret}", stdin=True)
    grpc_stub.Send(pb.SendRequest(session=session.id, text="hunter2", submit=True, sensitive=True))
    events = follow(grpc_stub, session.id)
    assert data_of(events, "stdout") == b"7\n"
    (said,) = [event.input for event in events if event.HasField("input")]
    assert (said.data, said.length, said.redacted) == (b"", 7, True)
    assert not any(b"hunter2" in event.SerializeToString() for event in events)


def test_the_same_request_id_is_typed_once(grpc_stub: Stub) -> None:
    session = create(grpc_stub, "cat", stdin=True)
    request = pb.SendRequest(session=session.id, text="once\n", request_id="r1")
    answers = [grpc_stub.Send(request) for _ in range(3)]
    assert len({answer.seq for answer in answers}) == 1
    assert {answer.delivered for answer in answers} == {pb.DELIVERY_DELIVERED}
    grpc_stub.Send(pb.SendRequest(session=session.id, eof=True))
    assert data_of(follow(grpc_stub, session.id), "stdout") == b"once\n"


def test_the_same_request_id_creates_one_session(grpc_stub: Stub) -> None:
    made = [create(grpc_stub, "true", request_id="create-once") for _ in range(2)]
    assert made[0].id == made[1].id
    with pytest.raises(grpc.RpcError) as error:
        create(grpc_stub, "false", request_id="create-once")
    assert reason_of(error.value) == "REQUEST_ID_REUSED"


def test_environment_and_directory_are_the_callers(grpc_stub: Stub, tmp_path: Path) -> None:
    script = "echo $PWD; echo $GREETING; echo ${SIGHTLINE_HOME:-none}; echo $SIGHTLINE_SESSION_ID"
    env = {"GREETING": "hello", "PATH": "/usr/bin:/bin"}
    session = create(grpc_stub, "sh", "-c", script, env=env, clear_env=True, cwd=str(tmp_path))
    assert data_of(follow(grpc_stub, session.id), "stdout").decode().split() == [str(tmp_path), "hello", "none", session.id]


@pytest.mark.parametrize("terminal", [False, True])
def test_files_that_a_program_makes_have_the_usual_modes(grpc_stub: Stub, terminal: bool) -> None:
    session = create(grpc_stub, "sh", "-c", "umask", terminal=terminal)
    before = os.umask(0)
    os.umask(before)
    assert int(data_of(follow(grpc_stub, session.id), "terminal" if terminal else "stdout"), 8) == before


def test_the_environment_is_nowhere_in_the_home(grpc_stub: Stub, grpc_server: object) -> None:
    session = create(grpc_stub, "sleep", "60", env={"API_KEY": "s3cr3t-value-xyz"})
    home: Path = grpc_server.home  # type: ignore[attr-defined]
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"s3cr3t-value-xyz" in path.read_bytes()]
    grpc_stub.Terminate(pb.TerminateRequest(session=session.id))


def test_an_interrupt_is_not_a_failure(grpc_stub: Stub) -> None:
    session = create(grpc_stub, "sleep", "60")
    grpc_stub.Interrupt(pb.InterruptRequest(session=session.id, author="me"))
    events = follow(grpc_stub, session.id)
    assert (completed(events).outcome, completed(events).signal) == (Outcome.OUTCOME_INTERRUPTED, signal.SIGINT)
    (said,) = [event.input for event in events if event.HasField("input")]
    assert (said.interrupt, said.author) == (True, "me")


def test_terminate_ends_the_whole_tree(grpc_stub: Stub, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"setsid sleep 77 & echo $! >>{pids}; trap '' TERM; sleep 77 & echo $! >>{pids}; echo ready; wait; sleep 77"
    session = create(grpc_stub, "sh", "-c", script)
    for response in grpc_stub.Subscribe(pb.SubscribeRequest(sessions=[session.id]), timeout=PATIENCE):
        if any(b"ready" in event.output.data for event in response.events):
            break
    request = pb.TerminateRequest(session=session.id)
    request.grace.FromMilliseconds(300)
    ended = grpc_stub.Terminate(request, timeout=PATIENCE).session
    assert ended.outcome == Outcome.OUTCOME_CANCELLED
    for pid in pids.read_text().split():
        assert not Path(f"/proc/{pid}/cmdline").exists() or Path(f"/proc/{pid}/cmdline").read_bytes() == b""


def test_a_child_that_keeps_the_pipes_is_counted_and_left_alone(grpc_stub: Stub) -> None:
    session = create(grpc_stub, "sh", "-c", "sleep 60 & echo $!")
    events = follow(grpc_stub, session.id)
    assert completed(events).outcome == Outcome.OUTCOME_SUCCEEDED
    assert completed(events).descendants_left == 1
    pid = int(data_of(events, "stdout"))
    assert Path(f"/proc/{pid}").exists()
    os.kill(pid, signal.SIGKILL)


def test_a_program_that_leaves_a_daemon_behind_is_complete_when_its_pipes_are(grpc_stub: Stub, tmp_path: Path) -> None:
    """The daemon has its own session and none of the outputs: nothing is waited for, and it lives on."""
    daemon = f"exec </dev/null >/dev/null 2>&1; echo $$ >{tmp_path}/pid; sleep 60"
    session = create(grpc_stub, "sh", "-c", f"setsid sh -c '{daemon}' & until [ -s {tmp_path}/pid ]; do :; done; echo up; exit 4")
    events = follow(grpc_stub, session.id)
    assert data_of(events, "stdout") == b"up\n"
    last = completed(events)
    assert (last.outcome, last.exit_code, last.descendants_left) == (Outcome.OUTCOME_FAILED, 4, 0)
    pid = int((tmp_path / "pid").read_text())
    assert Path(f"/proc/{pid}").exists()
    os.killpg(pid, signal.SIGKILL)


def test_a_daemon_that_keeps_the_outputs_is_counted_and_can_write_on(grpc_stub: Stub, tmp_path: Path) -> None:
    daemon = f"echo $$ >{tmp_path}/pid; while :; do echo noise; echo x >>{tmp_path}/marks; sleep 0.05; done"
    session = create(grpc_stub, "sh", "-c", f"setsid sh -c '{daemon}' & exit 0")
    events = follow(grpc_stub, session.id)
    last = completed(events)
    assert (last.outcome, last.exit_code) == (Outcome.OUTCOME_SUCCEEDED, 0)
    assert last.descendants_left >= 1  # the daemon, and its `sleep` of the moment
    assert set(data_of(events, "stdout").split()) == {b"noise"}
    marks = (tmp_path / "marks").stat().st_size
    until(lambda: (tmp_path / "marks").stat().st_size > marks + 10)  # nobody reads it any more, and that does not hold it up
    assert len(follow(grpc_stub, session.id)) == len(events)
    os.killpg(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_what_a_child_writes_soon_after_the_exit_is_taken(grpc_stub: Stub) -> None:
    events = follow(grpc_stub, create(grpc_stub, "sh", "-c", "(sleep 0.2; echo late) & echo early; exit 5").id)
    assert data_of(events, "stdout") == b"early\nlate\n"
    assert (completed(events).exit_code, completed(events).descendants_left) == (5, 0)


def test_a_program_that_closes_its_outputs_goes_on_until_it_exits(grpc_stub: Stub, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    session = create(grpc_stub, "sh", "-c", f"echo bye; exec >&- 2>&-; read x <{tmp_path}/gate; exit 6")
    (tmp_path / "gate").write_text("go\n")  # opens once the other end is there: the outputs are closed by then
    events = follow(grpc_stub, session.id)
    assert data_of(events, "stdout") == b"bye\n"
    assert completed(events).exit_code == 6


def test_50_mb_arrive_byte_for_byte(grpc_stub: Stub, tmp_path: Path) -> None:
    source = tmp_path / "lines"
    source.write_bytes(b"".join(b"%d: some build output\n" % n for n in range(1_500_000)))
    session = create(grpc_stub, "cat", str(source))
    assert data_of(follow(grpc_stub, session.id), "stdout") == source.read_bytes()


def test_output_is_cut_at_line_ends(grpc_stub: Stub) -> None:
    # Whole lines in each write, and no write that a pipe may divide: only we could cut one.
    script = "import os\nfor n in range(0, 200000, 250): os.write(1, b''.join(b'line %d\\n' % m for m in range(n, n + 250)))"
    session = create(grpc_stub, sys.executable, "-c", script)
    events = follow(grpc_stub, session.id)
    chunks = [event.output.data for event in events if event.HasField("output")]
    assert len(chunks) > 1
    assert all(chunk.endswith(b"\n") and len(chunk) <= 65536 for chunk in chunks)


def test_wait_returns_at_the_end_or_when_its_time_is_over(grpc_stub: Stub) -> None:
    session = create(grpc_stub, "cat", stdin=True)
    request = pb.WaitRequest(session=session.id)
    request.timeout.FromMilliseconds(50)
    answer = grpc_stub.Wait(request)
    assert (answer.timed_out, answer.session.state, answer.seq) == (True, SessionState.SESSION_STATE_WORKING, 0)
    answers: list[pb.WaitResponse] = []
    waiting = threading.Thread(target=lambda: answers.append(grpc_stub.Wait(pb.WaitRequest(session=session.id), timeout=PATIENCE)))
    waiting.start()
    grpc_stub.Send(pb.SendRequest(session=session.id, eof=True))
    waiting.join(PATIENCE)
    assert (answers[0].timed_out, answers[0].session.outcome) == (False, Outcome.OUTCOME_SUCCEEDED)
    assert answers[0].seq == follow(grpc_stub, session.id)[-2].seq


def test_sessions_are_listed_by_state_label_and_page(grpc_stub: Stub) -> None:
    live = create(grpc_stub, "sleep", "60", labels={"team": "red"})
    ended = [create(grpc_stub, "true", labels={"team": "red"}) for _ in range(3)]
    for session in ended:
        follow(grpc_stub, session.id)
    request = pb.ListRequest(labels={"team": "red"}, page_size=3)
    first = grpc_stub.List(request)
    request.page_token = first.next_page_token
    second = grpc_stub.List(request)
    assert [s.id for s in (*first.sessions, *second.sessions)] == [s.id for s in (*reversed(ended), live)]
    assert not second.next_page_token
    states = [SessionState.SESSION_STATE_WORKING]
    assert [s.id for s in grpc_stub.List(pb.ListRequest(labels={"team": "red"}, states=states)).sessions] == [live.id]
    grpc_stub.Terminate(pb.TerminateRequest(session=live.id))


def test_a_name_means_the_live_session_then_the_newest_ended_one(grpc_stub: Stub) -> None:
    first = create(grpc_stub, "true", name="again")
    follow(grpc_stub, first.id)
    second = create(grpc_stub, "sleep", "60", name="again")
    assert grpc_stub.Get(pb.GetRequest(session="again")).session.id == second.id
    assert grpc_stub.Get(pb.GetRequest(session="again@localhost")).session.id == second.id
    grpc_stub.Terminate(pb.TerminateRequest(session=second.id))
    assert grpc_stub.Get(pb.GetRequest(session="again")).session.id == second.id
    grpc_stub.Delete(pb.DeleteRequest(session=second.id))
    assert grpc_stub.Get(pb.GetRequest(session="again")).session.id == first.id


def test_all_sessions_are_followed_from_their_first_event(grpc_stub: Stub) -> None:
    create(grpc_stub, "true")
    call = grpc_stub.Subscribe(pb.SubscribeRequest(sessions=["*"], latest=pb.Latest()), timeout=PATIENCE)
    next(call)  # a header: it has begun
    session = create(grpc_stub, "echo", "for everybody")
    seqs: list[int] = []
    introduced = False
    for response in call:
        introduced = introduced or (response.HasField("header") and response.header.session.id == session.id)
        mine = [event for event in response.events if event.session_id == session.id]
        assert introduced or not mine
        seqs += [event.seq for event in mine]
        if any(event.HasField("completed") for event in mine):
            break
    call.cancel()
    assert seqs == list(range(1, len(seqs) + 1))
