"""Terminals in tmux, over the wire: our own and the user's."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import CaptureState, Channel, Event, Outcome, SessionState
from sightline.v1.session_pb2 import SessionKind, Terminal, Tmux
from sightline.v1.session_service_pb2_grpc import SessionServiceStub as Stub
from support.server import PATIENCE, ServerProcess, command, completed, connect, create, data_of, follow, reason_of, until


def screen(stub: Stub, session: str) -> pb.SnapshotResponse:
    return stub.Snapshot(pb.SnapshotRequest(session=session), timeout=PATIENCE)


def shows(stub: Stub, session: str, text: str) -> bool:
    return any(text in row for row in screen(stub, session).snapshot.text)


def test_a_terminal_gives_its_bytes_exactly_and_its_exit_code(grpc_stub: Stub) -> None:
    session = create(grpc_stub, "sh", "-c", "printf 'red \\033[31mred\\033[0m\\n'; exit 9", terminal=True)
    events = follow(grpc_stub, session.id)
    assert data_of(events, "terminal") == b"red \x1b[31mred\x1b[0m\r\n"
    assert {event.output.channel for event in events if event.HasField("output")} == {Channel.CHANNEL_TERMINAL}
    assert (completed(events).outcome, completed(events).exit_code) == (Outcome.OUTCOME_FAILED, 9)


def test_a_shell_is_typed_into_resized_looked_at_and_interrupted(grpc_stub: Stub) -> None:
    session = create(grpc_stub, "sh", terminal=True, env={"PS1": "prompt> "})
    assert session.kind == SessionKind.SESSION_KIND_TERMINAL
    until(lambda: shows(grpc_stub, session.id, "prompt>"))
    grpc_stub.Send(pb.SendRequest(session=session.id, text="echo $((6 * 7)); stty size", submit=True))
    until(lambda: shows(grpc_stub, session.id, "24 80"))
    assert shows(grpc_stub, session.id, "42")
    resize = pb.ResizeRequest(session=session.id)
    resize.terminal.columns, resize.terminal.rows = 100, 30
    assert grpc_stub.Resize(resize).seq
    grpc_stub.Send(pb.SendRequest(session=session.id, text="clear; stty size; sleep 100", submit=True))
    until(lambda: shows(grpc_stub, session.id, "30 100"))
    shot = screen(grpc_stub, session.id).snapshot
    assert (shot.columns, shot.rows, shot.session_id) == (100, 30, session.id)
    grpc_stub.Interrupt(pb.InterruptRequest(session=session.id))
    until(lambda: shows(grpc_stub, session.id, "^C"))
    until(lambda: screen(grpc_stub, session.id).snapshot.exact)
    grpc_stub.Send(pb.SendRequest(session=session.id, keys=["C-d"]))
    events = follow(grpc_stub, session.id)
    assert [(e.resized.columns, e.resized.rows) for e in events if e.HasField("resized")] == [(100, 30)]
    assert screen(grpc_stub, session.id).snapshot.as_of_seq == events[-1].seq  # the last screen stays


def test_what_is_typed_while_the_echo_is_off_is_not_kept(grpc_stub: Stub, grpc_server: ServerProcess) -> None:
    script = "stty -echo; echo ready; read secret; stty echo; echo ${#secret}; read plain; echo got $plain"
    session = create(grpc_stub, "sh", "-c", script, terminal=True)
    until(lambda: shows(grpc_stub, session.id, "ready"))
    grpc_stub.Send(pb.SendRequest(session=session.id, text="hunter2hunter2", submit=True))
    until(lambda: shows(grpc_stub, session.id, "14"))
    grpc_stub.Send(pb.SendRequest(session=session.id, text="visible", submit=True))
    events = follow(grpc_stub, session.id)
    said = [event.input for event in events if event.HasField("input")]
    assert [(i.data, i.redacted, i.length) for i in said] == [(b"", True, 14), (b"visible", False, 7)]
    assert not any(b"hunter2" in path.read_bytes() for path in grpc_server.home.rglob("*") if path.is_file())


def test_the_last_bytes_of_a_program_come_through_on_a_busy_machine(grpc_stub: Stub) -> None:
    """tmux alone loses them: see `relay.Launcher`."""
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(3)]
    try:
        for lines in range(3000, 3600, 30):
            session = create(grpc_stub, "seq", str(lines), terminal=True)
            expected = b"".join(b"%d\r\n" % n for n in range(1, lines + 1))
            assert data_of(follow(grpc_stub, session.id), "terminal") == expected
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_nothing_follows_the_end_of_a_terminal_that_is_typed_into_and_resized_as_it_ends(grpc_stub: Stub) -> None:
    def again(call: Callable[[], object]) -> str:
        while True:
            try:
                call()
            except grpc.RpcError as error:
                if (reason := reason_of(error)) not in {"SOURCE_GONE", "NO_INPUT", "TMUX_SERVER_NOT_FOUND"}:
                    return reason

    for _ in range(3):
        session = create(grpc_stub, "sleep", "0.1", terminal=True).id
        typed = pb.SendRequest(session=session, text="x")
        sized = pb.ResizeRequest(session=session, terminal=Terminal(columns=90, rows=30))
        calls = [lambda: grpc_stub.Send(typed, timeout=PATIENCE), lambda: grpc_stub.Resize(sized, timeout=PATIENCE)]  # noqa: B023
        with ThreadPoolExecutor() as threads:
            assert set(threads.map(again, [*calls, *calls])) == {"SESSION_ENDED"}
        follow(grpc_stub, session)


def test_a_terminal_that_is_terminated_while_it_starts_ends(grpc_stub: Stub) -> None:
    for number in range(3):
        request = pb.CreateRequest(name=f"young-{number}", command=command("sleep", "1000", terminal=True))
        created = grpc_stub.Create.future(request, timeout=PATIENCE)
        until(lambda: grpc_stub.List(pb.ListRequest(name=f"young-{number}")).sessions)  # noqa: B023 - waited for at once
        grpc_stub.Terminate(pb.TerminateRequest(session=f"young-{number}"), timeout=PATIENCE)
        assert completed(follow(grpc_stub, created.result().session.id)).outcome == Outcome.OUTCOME_CANCELLED


def test_an_unknown_key_is_refused_by_name(grpc_stub: Stub) -> None:
    session = create(grpc_stub, "cat", terminal=True)
    with pytest.raises(grpc.RpcError) as error:
        grpc_stub.Send(pb.SendRequest(session=session.id, keys=["Hyper-Q"]))
    assert reason_of(error.value) == "UNKNOWN_KEY"
    grpc_stub.Terminate(pb.TerminateRequest(session=session.id))
    assert completed(follow(grpc_stub, session.id)).outcome == Outcome.OUTCOME_CANCELLED


def test_a_long_text_arrives_whole(grpc_stub: Stub, tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = "".join(f"line {n} äöü €\n" for n in range(3000))
    session = create(grpc_stub, "sh", "-c", f"stty -echo; echo ready; cat >{out}", terminal=True)
    until(lambda: shows(grpc_stub, session.id, "ready"))
    grpc_stub.Send(pb.SendRequest(session=session.id, text=text, eof=True), timeout=PATIENCE)
    follow(grpc_stub, session.id)
    assert out.read_text() == text


def test_a_snapshot_and_what_follows_it_come_in_one_stream(grpc_stub: Stub) -> None:
    session = create(grpc_stub, "sh", "-c", "echo before; read x; echo after", terminal=True)
    until(lambda: shows(grpc_stub, session.id, "before"))
    request = pb.SubscribeRequest(sessions=[session.id], snapshot=True)
    signs: list[str | None] = []
    later = b""
    for response in grpc_stub.Subscribe(request, timeout=PATIENCE):
        signs.append(response.WhichOneof("sign"))
        if response.HasField("snapshot"):
            assert "before" in response.snapshot.text
            assert b"before" in response.snapshot.ansi
            grpc_stub.Send(pb.SendRequest(session=session.id, submit=True))
        later += b"".join(event.output.data for event in response.events)
    assert signs[:2] == ["header", "snapshot"]
    assert signs[-1] == "end"
    assert b"before" not in later
    assert b"after" in later


def test_the_exit_code_of_a_terminal_that_ended_meanwhile_is_known(server: ServerProcess, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with connect(server.target) as stub:
        session = create(stub, "sh", "-c", f"echo $$ >{tmp_path}/pid; read x <{gate}; echo $x; exit 5", terminal=True)
    server.kill()
    gate.write_text("go\n")
    until(lambda: has_exited(int((tmp_path / "pid").read_text())))
    server.start()
    with connect(server.target) as stub:
        events = follow(stub, session.id)
        assert data_of(events, "terminal") == b"go\r\n"
        assert completed(events).exit_code == 5


def has_exited(pid: int) -> bool:
    """It is gone, or waits to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_vanished_tmux_server_ends_its_sessions_and_says_so(server: ServerProcess) -> None:
    with connect(server.target) as stub:
        session = create(stub, "sleep", "300", terminal=True)
        pid = subprocess.run(
            ["tmux", "-S", str(server.home / "tmux.sock"), "display-message", "-p", "#{pid}"], capture_output=True, check=True
        ).stdout
        os.kill(int(pid), signal.SIGKILL)
        last = completed(follow(stub, session.id))
        # The program is hung up with its terminal, and its launcher sees that.
        assert (last.outcome, last.signal) == (Outcome.OUTCOME_FAILED, signal.SIGHUP)
        again = create(stub, "echo", "a new tmux server", terminal=True)
        assert b"a new tmux server" in data_of(follow(stub, again.id), "terminal")


def test_without_tmux_only_terminals_are_refused(tmp_path: Path) -> None:
    for program in ("sh", "python3"):
        found = shutil.which(program)
        assert found
        (tmp_path / program).symlink_to(found)
    server = ServerProcess(PATH=str(tmp_path))
    try:
        server.start()
        with connect(server.target) as stub:
            with pytest.raises(grpc.RpcError) as error:
                create(stub, "sh", terminal=True)
            assert reason_of(error.value) == "TMUX_NOT_INSTALLED"
            assert data_of(follow(stub, create(stub, "sh", "-c", "echo pipes work").id), "stdout") == b"pipes work\n"
    finally:
        server.close()


# --- the user's own panes


class UsersTmux:
    """A tmux server of somebody's own."""

    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="slu")
        self.socket = f"{self._folder}/tmux"

    def __call__(self, *words: str) -> str:
        command = ["tmux", "-S", self.socket, "-f", "/dev/null", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def close(self) -> None:
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True, check=False)
        shutil.rmtree(self._folder)


@pytest.fixture
def users() -> Iterator[UsersTmux]:
    tmux = UsersTmux()
    tmux("new-session", "-d", "-s", "work", "-x", "90", "-y", "20", "PS1='mine> ' sh")
    until(lambda: "mine>" in tmux("capture-pane", "-p", "-t", "work"))
    yield tmux
    tmux.close()


def adopt(stub: Stub, users: UsersTmux, target: str = "work:0.0", name: str = "") -> pb.CreateResponse:
    request = pb.CreateRequest(name=name, tmux=Tmux(socket_path=users.socket, target=target))
    return stub.Create(request, timeout=PATIENCE)


def traces(users: UsersTmux) -> str:
    """All that somebody else could have left on a tmux server."""
    pane = users("list-panes", "-a", "-F", "#{pane_id} #{pane_pipe} #{pane_width}x#{pane_height} #{pane_in_mode}")
    options = [users("show-options", flag) for flag in ("-g", "-s", "-wg", "-p")]
    return "\n".join([pane, *options, users("show-hooks", "-g"), users("list-buffers"), users("list-clients")])


def test_an_adopted_pane_is_followed_steered_and_let_go_without_a_trace(grpc_stub: Stub, users: UsersTmux) -> None:
    before = traces(users)
    session = adopt(grpc_stub, users, name="mine").session
    assert (session.kind, session.tmux.pane_id) == (SessionKind.SESSION_KIND_TMUX, "%0")
    assert (session.terminal.columns, session.terminal.rows) == (90, 20)
    grpc_stub.Send(pb.SendRequest(session="mine", text="echo $((6 * 7))", submit=True))
    until(lambda: shows(grpc_stub, "mine", "42"))
    with pytest.raises(grpc.RpcError) as error:
        adopt(grpc_stub, users)
    assert reason_of(error.value) == "SOURCE_FOLLOWED"
    resize = pb.ResizeRequest(session="mine")
    resize.terminal.columns, resize.terminal.rows = 100, 30
    with pytest.raises(grpc.RpcError) as error:
        grpc_stub.Resize(resize)
    assert reason_of(error.value) == "NOT_RESIZABLE"
    released = grpc_stub.Release(pb.ReleaseRequest(session="mine"), timeout=PATIENCE).session
    assert released.outcome == Outcome.OUTCOME_RELEASED
    events = follow(grpc_stub, session.id)
    assert b"42\r\n" in data_of(events, "terminal")
    until(lambda: traces(users) == before)
    users("send-keys", "-t", "work", "echo still here", "Enter")
    until(lambda: "still here" in users("capture-pane", "-p", "-t", "work"))


def test_a_pipe_that_is_there_already_is_respected(grpc_stub: Stub, users: UsersTmux, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    users("pipe-pane", "-t", "work", f"cat >{theirs}")
    session = adopt(grpc_stub, users).session
    users("send-keys", "-t", "work", "echo for $((1 + 1))", "Enter")
    until(lambda: theirs.exists() and b"for 2" in theirs.read_bytes())
    until(lambda: b"for 2" in data_of(events_so_far(grpc_stub, session.id), "terminal"))
    got = grpc_stub.Get(pb.GetRequest(session=session.id)).session
    assert got.capture == CaptureState.CAPTURE_STATE_FOLLOWING
    assert got.capture_reason
    grpc_stub.Release(pb.ReleaseRequest(session=session.id), timeout=PATIENCE)
    assert users("display-message", "-p", "-t", "work", "#{pane_pipe}") == "1"


def events_so_far(stub: Stub, session: str) -> list[Event]:
    request = pb.SubscribeRequest(sessions=[session], until_caught_up=True)
    return [event for response in stub.Subscribe(request, timeout=PATIENCE) for event in response.events]


def test_an_adopted_pane_outlives_a_killed_server(server: ServerProcess, users: UsersTmux) -> None:
    with connect(server.target) as stub:
        session = adopt(stub, users).session
    server.kill()
    users("send-keys", "-t", "work", "echo while nobody $((40 + 2))", "Enter")
    until(lambda: "nobody 42" in users("capture-pane", "-p", "-t", "work"))
    server.start()
    with connect(server.target) as stub:
        until(lambda: b"nobody 42" in data_of(events_so_far(stub, session.id), "terminal"))
        idle = pb.WaitRequest(session=session.id, until=[SessionState.SESSION_STATE_IDLE])
        assert stub.Wait(idle, timeout=PATIENCE).session.state == SessionState.SESSION_STATE_IDLE
        users("send-keys", "-t", "work", "exit", "Enter")
        assert completed(follow(stub, session.id)).outcome == Outcome.OUTCOME_LOST


@pytest.mark.parametrize(
    ("socket", "target", "reason"),
    [("", "nowhere:0.0", "PANE_NOT_FOUND"), ("", "%99", "PANE_NOT_FOUND"), ("/nowhere/tmux", "x", "TMUX_SERVER_NOT_FOUND")],
)
def test_what_is_not_there_is_named(grpc_stub: Stub, users: UsersTmux, socket: str, target: str, reason: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        grpc_stub.Create(pb.CreateRequest(tmux=Tmux(socket_path=socket or users.socket, target=target)), timeout=PATIENCE)
    assert (error.value.code(), reason_of(error.value)) == (grpc.StatusCode.NOT_FOUND, reason)


def test_panes_are_discovered_and_ours_are_not(grpc_stub: Stub, users: UsersTmux) -> None:
    private = create(grpc_stub, "sleep", "60", terminal=True)
    session = adopt(grpc_stub, users).session
    found = grpc_stub.Discover(pb.DiscoverRequest(socket_paths=[users.socket]), timeout=PATIENCE)
    mine = [candidate for candidate in found.candidates if candidate.tmux.socket_path == users.socket]
    assert [(c.tmux.pane_id, c.session_id, c.kind) for c in mine] == [("%0", session.id, SessionKind.SESSION_KIND_TMUX)]
    assert not [c for c in found.candidates if c.session_id == private.id]
    for each in (private, session):
        grpc_stub.Terminate(pb.TerminateRequest(session=each.id))
