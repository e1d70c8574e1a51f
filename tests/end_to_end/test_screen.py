"""GNU screen through a real server and the command line: adopted, held, one with a typescript; over `kill -9` in mid flood."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import CaptureState, Outcome, SessionState
from sightline.v1.session_pb2 import Command, Screen, SessionKind
from sightline.v1.session_service_pb2_grpc import SessionServiceStub
from support.server import PATIENCE, SIGHTLINE, ServerProcess, completed, connect, data_of, follow, reason_of, until

FLOOD_LINES = 400_000
HELD_LINES = 200_000


class Here:
    """A user's screen sessions, and a server of that user's."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.screens = place / "screens"
        self.screens.mkdir(mode=0o700)
        environ = {"SCREENDIR": str(self.screens), "SCREENRC": "/dev/null", "SYSSCREENRC": "/dev/null"}
        self.server = ServerProcess(None, **environ)

    def screen(self, *words: str) -> str:
        ran = subprocess.run(
            ["screen", *words],
            capture_output=True,
            text=True,
            check=False,
            env=self.server.environ,
            cwd=self.place,
            timeout=PATIENCE,
        )
        return ran.stdout

    def sightline(self, *words: str) -> str:
        argv = [*SIGHTLINE, *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True, env=self.server.environ, timeout=PATIENCE).stdout

    def close(self) -> None:
        self.server.close()
        for socket in self.screens.iterdir():
            self.screen("-S", socket.name, "-X", "quit")
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(socket.name.partition(".")[0]), signal.SIGKILL)
        shutil.rmtree(self.place)


@pytest.fixture
def here() -> Iterator[Here]:
    made = Here(Path(tempfile.mkdtemp(prefix="sls")))
    try:
        made.server.start()
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def refused(reason: str) -> Iterator[None]:
    """A call that fails for this reason."""
    with pytest.raises(grpc.RpcError) as raised:
        yield
    assert reason_of(raised.value) == reason


def output(stub: SessionServiceStub, name: str) -> bytes:
    """What a session's terminal has shown so far."""
    return data_of(list(stub.ListEvents(pb.ListEventsRequest(session=name), timeout=PATIENCE).events), "terminal")


def bytes_of(stub: SessionServiceStub, name: str) -> int:
    return int(stub.Get(pb.GetRequest(session=name), timeout=PATIENCE).session.bytes)


def test_a_window_adopted_by_hand_loses_and_doubles_nothing_over_killed_servers(here: Here) -> None:
    go = here.place / "go"
    here.screen("-dmS", "work", "sh", "-c", f"until [ -e {go} ]; do sleep 0.05; done; seq 1 {FLOOD_LINES}; exit 3")
    with connect(here.server.target) as stub:
        session = stub.Create(pb.CreateRequest(screen=Screen(name="work")), timeout=PATIENCE).session
        assert (session.name, session.kind) == ("work", SessionKind.SESSION_KIND_SCREEN)
        assert session.state == SessionState.SESSION_STATE_UNKNOWN
        assert (session.terminal.columns, session.terminal.rows) == (80, 24)
    go.touch()
    for kill in range(4):
        with connect(here.server.target) as stub:
            until(lambda: bytes_of(stub, "work") > kill * 500_000)  # noqa: B023 - waited for at once
        here.server.kill()
        here.server.start()
    with connect(here.server.target) as stub:
        events = follow(stub, "work")
    assert data_of(events, "terminal") == b"".join(b"%d\r\n" % number for number in range(1, FLOOD_LINES + 1))
    assert completed(events).outcome == Outcome.OUTCOME_LOST
    assert completed(events).error


def test_the_command_line_lists_adopts_types_and_releases(here: Here) -> None:
    here.screen("-dmS", "work", "env", "PS1=$ ", "sh")
    until(lambda: "work" in here.sightline("adopt"))
    row = next(line for line in here.sightline("adopt").splitlines() if ".work" in line)
    assert "--window 0 --screen" in row
    assert here.sightline("adopt", "--screen", "work", "--window", "0", "--name", "mine") == "mine\n"
    assert "followed already" in here.sightline("adopt")
    here.sightline("send", "mine", "echo a-$((6*7))", "--enter")
    with connect(here.server.target) as stub:
        until(lambda: b"\r\na-42\r\n" in output(stub, "mine"))
        with refused("SOURCE_FOLLOWED"):
            stub.Create(pb.CreateRequest(screen=Screen(name="work")), timeout=PATIENCE)
        with refused("SCREEN_NOT_FOUND"):
            stub.Create(pb.CreateRequest(screen=Screen(name="nobody")), timeout=PATIENCE)
    assert "a-42" in here.sightline("snapshot", "mine")
    here.sightline("release", "mine")
    assert "log" not in here.screen("-S", "work", "-Q", "info")
    assert "work" in here.screen("-ls")


def test_a_program_held_in_a_watched_directory_is_one_session_also_for_the_next_server(here: Here) -> None:
    here.server.environ["SIGHTLINE_STREAM_DIR"] = str(here.place)
    here.server.terminate()
    here.server.start()
    command = Command(argv=["echo", "hi"], holder=Command.HOLDER_SCREEN)
    with connect(here.server.target) as stub:
        stub.Create(pb.CreateRequest(command=command, name="pair"), timeout=PATIENCE)
        follow(stub, "pair")
    here.server.terminate()
    here.server.start()
    with connect(here.server.target) as stub:
        (here.place / "later.typescript").write_bytes(b"later\n")  # found by a look after the first
        until(lambda: stub.List(pb.ListRequest(name="later")).sessions)
        assert len(stub.List(pb.ListRequest()).sessions) == 2


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/null"), Path.mkdir])
def test_what_lies_in_the_way_of_a_recording_is_told_and_holds_nobody_up(here: Here, make: Callable[[Path], object]) -> None:
    here.server.environ["SIGHTLINE_STREAM_DIR"] = str(here.place)
    here.server.terminate()
    here.server.start()
    make(here.place / "pair.typescript")
    command = Command(argv=["echo", "hi"], holder=Command.HOLDER_SCREEN)
    with connect(here.server.target) as stub, refused("PROGRAM_NOT_STARTED"):
        stub.Create(pb.CreateRequest(command=command, name="pair"), timeout=PATIENCE)


def test_words_that_are_no_text_in_a_window_hide_nothing(here: Here) -> None:
    where = Path(os.fsdecode(bytes(here.place) + b"/\xff"))
    where.mkdir()
    here.screen("-dmS", "odd", "sh", "-c", 'cd "$1"; sleep 1000; :', "sh", str(where))
    with connect(here.server.target) as stub:
        until(lambda: any(one.title == "odd" for one in stub.Discover(pb.DiscoverRequest(), timeout=PATIENCE).candidates))


def test_a_pair_that_a_watched_directory_finds_is_the_screen_session_too(here: Here) -> None:
    with connect(here.server.target) as stub:
        stub.WatchDirectory(pb.WatchDirectoryRequest(path=str(here.place)), timeout=PATIENCE)
        here.screen("-dmS", "build", "script", "-q", "-f", "--timing=build.timing", "-c", "exec cat", "build.typescript")
        until(lambda: any(one.name == "build" for one in stub.List(pb.ListRequest(), timeout=PATIENCE).sessions))
        session = stub.Get(pb.GetRequest(session="build"), timeout=PATIENCE).session
        assert session.screen.name.endswith(".build")
        assert session.typescript.path == str(here.place / "build.typescript")
        with refused("SOURCE_FOLLOWED"):
            stub.Create(pb.CreateRequest(screen=Screen(name="build")), timeout=PATIENCE)
        found = stub.Discover(pb.DiscoverRequest(), timeout=PATIENCE).candidates
        ours = [one for one in found if one.screen.name == session.screen.name or one.typescript.path.startswith(str(here.place))]
        assert [one.session_id for one in ours] == [session.id]
        stub.Send(pb.SendRequest(session="build", text="to and fro", submit=True, eof=True), timeout=PATIENCE)
        events = follow(stub, "build")
        assert data_of(events, "terminal") == b"to and fro\r\nto and fro\r\n"
        assert completed(events).exit_code == 0


def test_a_held_program_is_listed_by_screen_and_its_end_is_known_over_a_killed_server(here: Here) -> None:
    with connect(here.server.target) as stub:
        line = f"read go; seq 1 {HELD_LINES}; exit 3"
        command = Command(argv=["sh", "-c", line], holder=Command.HOLDER_SCREEN)
        session = stub.Create(pb.CreateRequest(name="held", command=command, cwd=str(here.place)), timeout=PATIENCE).session
        assert (session.kind, session.holder) == (SessionKind.SESSION_KIND_TERMINAL, Command.HOLDER_SCREEN)
        assert (session.screen.name, Path(session.typescript.path).name) == ("held", "held.typescript")
        assert f"{session.screen.pid}.held\t" in here.screen("-ls")
        stub.Send(pb.SendRequest(session="held", submit=True), timeout=PATIENCE)
        until(lambda: bytes_of(stub, "held") > 100_000)
    here.server.kill()
    here.server.start()
    with connect(here.server.target) as stub:
        events = follow(stub, "held")
    assert data_of(events, "terminal") == b"\r\n" + b"".join(b"%d\r\n" % number for number in range(1, HELD_LINES + 1))
    assert completed(events).exit_code == 3
    until(lambda: not list(here.screens.iterdir()))


def test_a_held_program_is_interrupted_resized_and_ended_as_a_whole(here: Here) -> None:
    with connect(here.server.target) as stub:
        line = "trap 'echo caught; stty size' INT; echo ready; while :; do sleep 0.05; done"
        command = Command(argv=["sh", "-c", line], holder=Command.HOLDER_SCREEN)
        stub.Create(pb.CreateRequest(name="held", command=command, cwd=str(here.place)), timeout=PATIENCE)
        until(lambda: b"ready" in output(stub, "held"))
        resize = pb.ResizeRequest(session="held")
        resize.terminal.columns, resize.terminal.rows = 101, 33
        stub.Resize(resize, timeout=PATIENCE)
        stub.Interrupt(pb.InterruptRequest(session="held"), timeout=PATIENCE)
        until(lambda: b"caught\r\n33 101\r\n" in output(stub, "held"))
        ended = stub.Terminate(pb.TerminateRequest(session="held"), timeout=PATIENCE).session
        assert ended.outcome == Outcome.OUTCOME_CANCELLED
    until(lambda: not list(here.screens.iterdir()))


def test_a_log_switched_off_by_its_owner_is_told_by_the_session(here: Here) -> None:
    here.screen("-dmS", "work", "sleep", "600")
    with connect(here.server.target) as stub:
        stub.Create(pb.CreateRequest(screen=Screen(name="work")), timeout=PATIENCE)
        here.screen("-S", "work", "-p", "0", "-X", "log", "off")

        def is_blind() -> bool:
            session = stub.Get(pb.GetRequest(session="work"), timeout=PATIENCE).session
            return session.capture == CaptureState.CAPTURE_STATE_BLIND and bool(session.capture_reason)

        until(is_blind)
