"""Another host from end to end: a real server, the command line, a real sshd; the server is killed in mid flood."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import grpc
import pytest
from server.capture.remote.ground import flood, flooded
from sightline.v1.event_pb2 import CaptureState, Outcome
from sightline.v1.session_pb2 import Agent, Tmux
from sightline.v1.session_service_pb2 import (
    CreateRequest,
    DeleteRequest,
    DiscoverRequest,
    GetRequest,
    InterruptRequest,
    ListEventsRequest,
    ListRequest,
    ReleaseRequest,
    SendRequest,
    SubscribeRequest,
    TerminateRequest,
)
from sightline.v1.session_service_pb2_grpc import SessionServiceStub
from support.server import PATIENCE, SIGHTLINE, ServerProcess, command, completed, connect, data_of, follow, reason_of, until
from support.sshd import SshHost, host

LINES = 600_000


@pytest.fixture
def box() -> Iterator[SshHost]:
    with host() as made:
        yield made


@pytest.fixture
def server(box: SshHost) -> Iterator[ServerProcess]:
    made = ServerProcess(SIGHTLINE_SSH=box.ssh)
    try:
        made.start()
        yield made
    finally:
        made.close()


def sightline(server: ServerProcess, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*SIGHTLINE, *words], env=server.environ, capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize("terminal", [False, True], ids=["pipes", "terminal"])
def test_a_server_killed_in_mid_flood_goes_on_at_the_exact_byte(server: ServerProcess, box: SshHost, terminal: bool) -> None:
    with connect(server.target) as stub:
        request = CreateRequest(host="box", command=command(*flood(LINES), terminal=terminal))
        session = stub.Create(request, timeout=PATIENCE).session
    for part in range(1, 4):

        def has_part(part: int = part) -> bool:
            with connect(server.target) as stub:
                return bool(stub.Get(GetRequest(session=session.id), timeout=PATIENCE).session.bytes > part * 8_000_000)

        until(has_part)
        server.kill()
        server.start()
    with connect(server.target) as stub:
        events = follow(stub, session.id)
    got, wanted = data_of(events, "terminal" if terminal else "stdout"), flooded(LINES, b"\r\n" if terminal else b"\n")
    assert len(got) == len(wanted)
    is_exact = got == wanted  # pytest would take minutes to show how 60 MB differ
    assert is_exact
    assert completed(events).exit_code == 0
    until(lambda: not box.state.joinpath("sightline").exists())


def test_while_the_host_is_away_the_session_says_so_and_refuses_at_once(server: ServerProcess, box: SshHost) -> None:
    with connect(server.target) as stub:
        session = stub.Create(CreateRequest(host="box", command=command("cat", terminal=True)), timeout=PATIENCE).session
        box.stop()

        def capture() -> CaptureState.ValueType:
            return stub.Get(GetRequest(session=session.id), timeout=PATIENCE).session.capture

        until(lambda: capture() == CaptureState.CAPTURE_STATE_DISCONNECTED)
        calls: list[Callable[[], object]] = [
            lambda: stub.Send(SendRequest(session=session.id, text="lost"), timeout=PATIENCE),
            lambda: stub.Interrupt(InterruptRequest(session=session.id), timeout=PATIENCE),
            lambda: stub.Terminate(TerminateRequest(session=session.id), timeout=PATIENCE),
        ]
        for call in calls:
            with pytest.raises(grpc.RpcError) as failed:
                call()
            assert failed.value.code() == grpc.StatusCode.UNAVAILABLE
            assert reason_of(failed.value) == "HOST_DISCONNECTED"
        box.start()
        until(lambda: capture() == CaptureState.CAPTURE_STATE_FOLLOWING)
        stub.Send(SendRequest(session=session.id, text="kept", submit=True, eof=True), timeout=PATIENCE)
        events = follow(stub, session.id)
    assert data_of(events, "terminal").count(b"kept") == 2
    assert b"lost" not in data_of(events, "terminal")


def test_a_name_may_say_its_host(server: ServerProcess, box: SshHost) -> None:
    with connect(server.target) as stub:
        made = stub.Create(CreateRequest(host="box", name="job", command=command("sleep", "600")), timeout=PATIENCE).session
        assert (made.host, made.name) == ("box", "job")
        assert stub.Get(GetRequest(session="job@box"), timeout=PATIENCE).session.id == made.id
        with pytest.raises(grpc.RpcError) as failed:
            stub.Get(GetRequest(session="job@elsewhere"), timeout=PATIENCE)
        assert reason_of(failed.value) == "SESSION_NOT_FOUND"
        ended = stub.Terminate(TerminateRequest(session="job@box"), timeout=PATIENCE).session
        assert ended.signal == 15
        stub.Delete(DeleteRequest(session="job@box"), timeout=PATIENCE)
        assert not stub.List(ListRequest(), timeout=PATIENCE).sessions


def test_the_command_line_runs_lists_adopts_and_releases_there(server: ServerProcess, box: SshHost) -> None:
    ran = sightline(
        server, "run", "--host", "box", "--env", "A=b c", "--cwd", "/usr", "--", "sh", "-c", 'echo "$A"; pwd; echo e >&2; exit 5'
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == (b"b c\n/usr\n", b"e\n", 5)
    missing = sightline(server, "run", "--host", "box", "--", "no-such-program")
    assert missing.returncode == 127
    box.tmux("new-session", "-d", "-s", "work", "-x", "80", "-y", "24", "cat")
    listed = sightline(server, "adopt", "--host", "box", "--json")
    assert json.loads(listed.stdout)["tmux"]["target"] == "work:0.0"
    assert sightline(server, "adopt", "work:0.0", "--host", "box", "--name", "theirs").stdout == b"theirs\n"
    assert b"theirs@box" in sightline(server, "ls").stdout
    assert sightline(server, "send", "theirs@box", "hello").returncode == 0
    twice = sightline(server, "adopt", "work:0.0", "--host", "box")
    assert twice.returncode != 0
    assert b"theirs" in twice.stderr
    assert sightline(server, "release", "theirs").returncode == 0
    assert box.tmux("list-panes", "-a", "-F", "#{pane_pipe}") == "0\n"
    unknown = sightline(server, "run", "--host", "nowhere.invalid", "--", "true")
    assert unknown.returncode != 0
    assert b"nowhere.invalid" in unknown.stderr


def test_a_run_there_needs_no_server_here(box: SshHost) -> None:
    environ = {**os.environ, "SIGHTLINE_HOME": str(box.root / "no-home"), "SIGHTLINE_SSH": box.ssh}
    words = [*SIGHTLINE, "run", "--host", "box", "--", "echo", "there"]
    ran = subprocess.run(words, env=environ, capture_output=True, check=False, timeout=60)
    assert (ran.stdout, ran.returncode) == (b"there\n", 0)
    assert not box.state.joinpath("sightline").exists()


def test_discovery_says_which_panes_are_followed_already(server: ServerProcess, box: SshHost) -> None:
    box.tmux("new-session", "-d", "-s", "work", "-x", "80", "-y", "24", "cat")
    with connect(server.target) as stub:
        made = stub.Create(CreateRequest(host="box", tmux=Tmux(target="work:0.0")), timeout=PATIENCE).session
        found = stub.Discover(DiscoverRequest(hosts=["box"]), timeout=PATIENCE)
        assert [(one.host, one.session_id) for one in found.candidates] == [("box", made.id)]
        assert (made.terminal.columns, made.terminal.rows) == (80, 24)
        stub.Release(ReleaseRequest(session=made.id), timeout=PATIENCE)


def test_sessions_of_a_host_and_of_this_one_share_a_stream(server: ServerProcess, box: SshHost) -> None:
    with connect(server.target) as stub:
        there = stub.Create(CreateRequest(host="box", command=command("echo", "there")), timeout=PATIENCE).session
        here = stub.Create(CreateRequest(command=command(sys.executable, "-c", "print('here')")), timeout=PATIENCE).session
        said: dict[str, bytes] = {}
        for response in stub.Subscribe(SubscribeRequest(sessions=[there.id, here.id]), timeout=PATIENCE):
            for event in response.events:
                if event.HasField("output"):
                    said[event.session_id] = said.get(event.session_id, b"") + event.output.data
        assert said == {there.id: b"there\n", here.id: b"here\n"}


def test_an_agent_on_another_host_gets_its_prompt_and_ends_whole(server: ServerProcess, box: SshHost) -> None:
    """Its lines become typed events there too, over a kill of the server; what its tools have started is ended with it."""
    script = 'read x; printf \'{"type":"text","text":"%s"}\\n\' "$x"; setsid sleep 983 >/dev/null 2>&1 & wait; sleep 983'
    request = CreateRequest(host="box", agent=Agent(name="blocks", prompt="--go"), command=command("sh", "-c", script))
    with connect(server.target) as stub:
        session = stub.Create(request, timeout=PATIENCE).session
        until(lambda: any(event.message.text == "--go" for event in stub.ListEvents(ListEventsRequest(session=session.id)).events))
    server.kill()
    server.start()
    with connect(server.target) as stub:
        until(lambda: interrupted(stub, session.id))
        events = follow(stub, session.id)
    assert [event.message.text for event in events if event.HasField("message")] == ["--go"]
    last = completed(events)
    assert (last.outcome, last.descendants_left) == (Outcome.OUTCOME_INTERRUPTED, 0)


def interrupted(stub: SessionServiceStub, session: str) -> bool:
    """Interrupts it as soon as its host can be reached."""
    try:
        stub.Interrupt(InterruptRequest(session=session), timeout=PATIENCE)
    except grpc.RpcError as error:
        return reason_of(error) != "HOST_DISCONNECTED"
    return True
