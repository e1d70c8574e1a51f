"""Typescripts through a real server: watched directories, `kill -9` in mid flood, and programs that `script` holds."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import CaptureState, Outcome
from sightline.v1.session_pb2 import Command, Session, SessionKind, Terminal, Typescript
from sightline.v1.session_service_pb2_grpc import SessionServiceStub
from support.server import PATIENCE, ServerProcess, completed, connect, data_of, follow, reason_of, running, until

FLOOD_LINES = 300_000
FLOOD = f"""
import os
for number in range(0, {FLOOD_LINES}, 1000):
    data = b"".join(b"%08d the quick brown fox\\n" % line for line in range(number, number + 1000))
    while data:
        data = data[os.write(1, data):]
"""
STARTED = b'Script started on 2026-03-01 10:00:42+00:00 [COMMAND="make" <not executed on terminal>]\n'
DONE = b'\nScript done on 2026-03-01 10:00:50+00:00 [COMMAND_EXIT_CODE="0"]\n'


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "recordings").mkdir()
    return tmp_path / "recordings"


@pytest.fixture
def scripts() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Those that a test starts; none is left behind."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for script in started:
        script.kill()
        assert script.stdin
        script.stdin.close()
        script.wait()


def record(path: Path, command: str, *options: str) -> subprocess.Popen[bytes]:
    words = ["script", "-q", "-f", *options, "-c", command, str(path)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)


def watch(stub: SessionServiceStub, directory: Path) -> None:
    stub.WatchDirectory(pb.WatchDirectoryRequest(path=str(directory)), timeout=PATIENCE)


def sessions(stub: SessionServiceStub) -> dict[str, Session]:
    """The newest of each name."""
    return {one.name: one for one in reversed(stub.List(pb.ListRequest(page_size=1000), timeout=PATIENCE).sessions)}


def problem(stub: SessionServiceStub) -> str:
    (directory,) = stub.ListDirectories(pb.ListDirectoriesRequest(), timeout=PATIENCE).directories
    return directory.problem


def test_a_server_killed_in_mid_flood_logs_every_byte_once(
    server: ServerProcess, directory: Path, scripts: list[subprocess.Popen[bytes]]
) -> None:
    path = directory / "flood.typescript"
    with connect(server.target) as stub:
        watch(stub, directory)
        scripts.append(record(path, shlex.join([sys.executable, "-c", FLOOD]), "-T", str(directory / "flood.timing")))
        until(lambda: "flood" in sessions(stub))
    for kill in range(5):
        with connect(server.target) as stub:
            until(lambda: sessions(stub)["flood"].bytes > kill * 1_000_000)  # noqa: B023 - waited for at once
        server.kill()
        server.start()
    with connect(server.target) as stub:
        events = follow(stub, "flood")
        assert len(stub.List(pb.ListRequest(name="flood")).sessions) == 1
    expected = b"".join(b"%08d the quick brown fox\r\n" % line for line in range(FLOOD_LINES))
    assert data_of(events, "terminal") == expected
    assert completed(events).outcome == Outcome.OUTCOME_SUCCEEDED
    assert not any(event.HasField("output_lost") or event.HasField("notice") for event in events)


def test_a_watched_directory_finds_recordings_before_during_and_after_a_servers_absence(
    server: ServerProcess, directory: Path, scripts: list[subprocess.Popen[bytes]]
) -> None:
    (directory / "finished.typescript").write_bytes(STARTED + b"long ago" + DONE)
    os.utime(directory / "finished.typescript", (1, 1))
    go_on = directory / "go on"
    waits = f"echo there; while [ ! -e {shlex.quote(str(go_on))} ]; do sleep 0.01; done; echo and gone; exit 4"
    scripts.append(record(directory / "before.typescript", waits))
    until((directory / "before.typescript").exists)
    with connect(server.target) as stub:
        watch(stub, directory)
        until(lambda: "before" in sessions(stub))
        record(directory / "ä short one.typescript", "echo short").communicate()
        until(lambda: "short-one" in sessions(stub))
    server.kill()
    record(directory / "away.typescript", "echo away; exit 3").communicate()
    server.start()
    go_on.touch()
    with connect(server.target) as stub:
        until(lambda: "away" in sessions(stub))
        assert completed(follow(stub, "away")).exit_code == 3
        before = follow(stub, "before")
        assert data_of(before, "terminal") == b"there\r\nand gone\r\n"
        assert completed(before).exit_code == 4
        assert data_of(follow(stub, "short-one"), "terminal") == b"short\r\n"
    server.terminate()
    server.start()
    with connect(server.target) as stub:
        record(directory / "last.typescript", "echo last").communicate()
        until(lambda: "last" in sessions(stub))
        assert len(stub.List(pb.ListRequest(page_size=1000)).sessions) == 4


def test_a_new_recording_at_an_old_path_is_a_new_session_and_a_touch_is_none(server: ServerProcess, directory: Path) -> None:
    path = directory / "again.typescript"
    with connect(server.target) as stub:
        watch(stub, directory)
        for word in ("one", "two"):
            record(path, f"sleep 1.1; echo {word}").communicate()
            until(lambda: sessions(stub).get("again", Session()).HasField("end_time"))
            until(lambda: data_of(follow(stub, "again"), "terminal") == word.encode() + b"\r\n")  # noqa: B023 - at once
        path.touch()
        record(directory / "mark.typescript", "echo mark").communicate()
        until(lambda: "mark" in sessions(stub))
        assert len(stub.List(pb.ListRequest(name="again")).sessions) == 2


def test_a_released_typescript_is_not_taken_again(
    server: ServerProcess, directory: Path, scripts: list[subprocess.Popen[bytes]]
) -> None:
    with connect(server.target) as stub:
        watch(stub, directory)
        scripts.append(record(directory / "mine.typescript", "while :; do echo on; sleep 0.05; done"))
        until(lambda: sessions(stub).get("mine", Session()).head_seq > 3)
        released = stub.Release(pb.ReleaseRequest(session="mine"), timeout=PATIENCE).session
        assert released.outcome == Outcome.OUTCOME_RELEASED
        assert scripts[0].poll() is None
        record(directory / "mark.typescript", "sleep 1.2; echo mark").communicate()
        until(lambda: "mark" in sessions(stub))
        assert len(stub.List(pb.ListRequest(name="mine")).sessions) == 1


def test_a_directory_that_vanishes_is_told_and_its_sessions_go_on(
    server: ServerProcess, directory: Path, scripts: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    go_on = tmp_path / "go on"
    with connect(server.target) as stub:
        watch(stub, directory)
        waits = f"echo there; while [ ! -e {shlex.quote(str(go_on))} ]; do sleep 0.01; done; echo and gone"
        scripts.append(record(directory / "kept.typescript", waits))
        until(lambda: sessions(stub).get("kept", Session()).head_seq > 2)
        shutil.rmtree(directory)
        until(lambda: "no directory" in problem(stub))
        until(lambda: "deleted" in sessions(stub)["kept"].capture_reason)
        go_on.touch()
        events = follow(stub, "kept")
        assert data_of(events, "terminal") == b"there\r\nand gone\r\n"
        assert completed(events).outcome == Outcome.OUTCOME_SUCCEEDED
        directory.mkdir()
        until(lambda: not problem(stub))
        record(directory / "anew.typescript", "echo anew").communicate()
        until(lambda: "anew" in sessions(stub))


def test_a_typescript_that_goes_while_no_server_is_there_is_disconnected_then_lost(server: ServerProcess, directory: Path) -> None:
    path = directory / "gone.typescript"
    path.write_bytes(STARTED + b"there")
    with connect(server.target) as stub:
        stub.Create(pb.CreateRequest(typescript=Typescript(path=str(path))), timeout=PATIENCE)
        until(lambda: sessions(stub)["gone"].head_seq > 2)
    server.kill()
    shutil.rmtree(directory)
    server.start()
    with connect(server.target) as stub:
        until(lambda: sessions(stub)["gone"].capture == CaptureState.CAPTURE_STATE_DISCONNECTED)
        events = follow(stub, "gone")
        assert data_of(events, "terminal") == b"there"
        assert completed(events).outcome == Outcome.OUTCOME_LOST


def test_what_cannot_be_read_is_told_by_its_directory_and_followed_when_it_can(server: ServerProcess, directory: Path) -> None:
    """A loop of links: nobody can open it, whatever they may."""
    path = directory / "loop.typescript"
    path.symlink_to(path)
    with connect(server.target) as stub:
        watch(stub, directory)
        with pytest.raises(grpc.RpcError) as refused:
            stub.Create(pb.CreateRequest(typescript=Typescript(path=str(path))), timeout=PATIENCE)
        assert reason_of(refused.value) == "FILE_UNREADABLE"
        path.unlink()
        record(path, "echo fine").communicate()
        until(lambda: "loop" in sessions(stub))


def test_a_name_that_is_no_text_is_told_and_hides_nobody_else(server: ServerProcess, directory: Path) -> None:
    with connect(server.target) as stub:
        watch(stub, directory)
        Path(os.fsdecode(bytes(directory) + b"/\xff.typescript")).write_bytes(STARTED)
        record(directory / "good\n\x1b[2J.typescript", "echo fine").communicate()
        until(lambda: any("good" in name for name in sessions(stub)))
        assert len(sessions(stub)) == 1
        until(lambda: "UTF-8" in problem(stub))
        found = stub.Discover(pb.DiscoverRequest(), timeout=PATIENCE)
        assert str(directory / "good\n\x1b[2J.typescript") in [one.typescript.path for one in found.candidates]
        assert any("UTF-8" in one.message for one in found.problems)


def test_a_directory_of_thousands_of_old_recordings_hides_no_new_one(server: ServerProcess, directory: Path) -> None:
    for number in range(5000):
        path = directory / f"old-{number}.typescript"
        path.write_bytes(STARTED + DONE)
        os.utime(path, (number, number))
    with connect(server.target) as stub:
        watch(stub, directory)
        record(directory / "new.typescript", "echo new").communicate()
        until(lambda: "new" in sessions(stub))
        assert len(sessions(stub)) == 1
        found = stub.Discover(pb.DiscoverRequest(), timeout=PATIENCE).candidates
        assert sum(one.kind == SessionKind.SESSION_KIND_TYPESCRIPT for one in found) >= 5001


def test_the_directories_of_the_settings_are_watched_and_cannot_be_dropped(directory: Path) -> None:
    for variable in ("SIGHTLINE_STREAM_DIR", "CBOS_STREAM_STREAM_DIR"):
        with running(**{variable: str(directory)}) as server, connect(server.target) as stub:
            (watched,) = stub.ListDirectories(pb.ListDirectoriesRequest(), timeout=PATIENCE).directories
            assert (watched.path, watched.from_settings) == (str(directory), True)
            record(directory / f"{variable}.typescript", "echo here").communicate()
            until(lambda: variable in sessions(stub))  # noqa: B023 - waited for at once
            with pytest.raises(grpc.RpcError) as refused:
                stub.UnwatchDirectory(pb.UnwatchDirectoryRequest(path=str(directory)), timeout=PATIENCE)
            assert reason_of(refused.value) == "DIRECTORY_FROM_SETTINGS"


def test_a_directory_of_the_settings_goes_with_them_and_one_that_was_asked_for_stays(directory: Path, tmp_path: Path) -> None:
    def watched(server: ServerProcess) -> list[tuple[str, bool]]:
        with connect(server.target) as stub:
            listed = stub.ListDirectories(pb.ListDirectoriesRequest(), timeout=PATIENCE).directories
        return [(one.path, one.from_settings) for one in listed]

    other = tmp_path / "z"
    other.mkdir()
    with running(SIGHTLINE_STREAM_DIR=str(directory)) as server:
        with connect(server.target) as stub:
            watch(stub, other)
        assert watched(server) == [(str(directory), True), (str(other), False)]
        server.terminate()
        server.environ["SIGHTLINE_STREAM_DIR"] = str(other)
        server.start()
        assert watched(server) == [(str(other), True)]
        server.terminate()
        del server.environ["SIGHTLINE_STREAM_DIR"]
        server.start()
        assert watched(server) == [(str(other), False)]


def test_bad_words_about_directories_have_their_reasons(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    def watching(path: str) -> None:
        grpc_stub.WatchDirectory(pb.WatchDirectoryRequest(path=path), timeout=PATIENCE)

    def leaving(path: str) -> None:
        grpc_stub.UnwatchDirectory(pb.UnwatchDirectoryRequest(path=path), timeout=PATIENCE)

    def adopting(path: str) -> None:
        grpc_stub.Create(pb.CreateRequest(typescript=Typescript(path=path)), timeout=PATIENCE)

    for call, path, reason in (
        (watching, "relative", "BAD_FIELD"),
        (watching, str(tmp_path / "not there"), "DIRECTORY_NOT_THERE"),
        (leaving, str(tmp_path), "DIRECTORY_NOT_WATCHED"),
        (adopting, "relative", "BAD_FIELD"),
        (adopting, str(tmp_path / "not there"), "FILE_NOT_THERE"),
        (adopting, str(tmp_path), "FILE_UNREADABLE"),
        (adopting, "/", "FILE_UNREADABLE"),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            call(path)
        assert reason_of(refused.value) == reason


def hold(stub: SessionServiceStub, *argv: str) -> Session:
    command = Command(argv=argv, holder=Command.HOLDER_SCRIPT, terminal=Terminal(columns=90, rows=30))
    return stub.Create(pb.CreateRequest(command=command), timeout=PATIENCE).session


def test_a_program_held_by_script_is_typed_into_resized_and_outlives_the_server(server: ServerProcess) -> None:
    with connect(server.target) as stub:
        name = hold(stub, "sh", "-c", "stty size; read line; stty size; echo $line $TERM; kill -9 $$").name
        until(lambda: sessions(stub)[name].head_seq > 2)
        stub.Resize(pb.ResizeRequest(session=name, terminal=Terminal(columns=50, rows=10)), timeout=PATIENCE)
    server.kill()
    server.start()
    with connect(server.target) as stub:
        stub.Send(pb.SendRequest(session=name, text="said", submit=True), timeout=PATIENCE)
        events = follow(stub, name)
    assert data_of(events, "terminal") == b"30 90\r\nsaid\r\n10 50\r\nsaid xterm-256color\r\n"
    assert (completed(events).outcome, completed(events).signal) == (Outcome.OUTCOME_FAILED, signal.SIGKILL)


def test_a_secret_typed_into_a_held_program_is_not_logged(grpc_stub: SessionServiceStub) -> None:
    name = hold(grpc_stub, "sh", "-c", "stty -echo; echo ready; read secret").name
    until(lambda: sessions(grpc_stub)[name].head_seq > 2)
    grpc_stub.Send(pb.SendRequest(session=name, text="hunter2", submit=True), timeout=PATIENCE)
    events = follow(grpc_stub, name)
    (typed,) = (event.input for event in events if event.HasField("input"))
    assert (typed.redacted, typed.data, typed.length) == (True, b"", 7)


def test_a_held_program_that_reads_nothing_is_never_typed_full(grpc_stub: SessionServiceStub) -> None:
    """`script` would wait for it, and read nothing of its output meanwhile."""
    name = hold(grpc_stub, "sh", "-c", "stty raw; echo ready; while :; do echo on; sleep 0.05; done").name
    until(lambda: sessions(grpc_stub)[name].head_seq > 4)
    grpc_stub.Send(pb.SendRequest(session=name, data=b"x" * 4000), timeout=PATIENCE)

    def is_full() -> bool:
        try:
            grpc_stub.Send(pb.SendRequest(session=name, data=b"x" * 100), timeout=PATIENCE)
        except grpc.RpcError as error:
            return reason_of(error) == "INPUT_BLOCKED"
        return False

    until(is_full)
    with pytest.raises(grpc.RpcError) as refused:
        grpc_stub.Send(pb.SendRequest(session=name, data=b"x" * 5000), timeout=PATIENCE)
    assert reason_of(refused.value) == "INPUT_TOO_LARGE"
    head = sessions(grpc_stub)[name].head_seq
    until(lambda: sessions(grpc_stub)[name].head_seq > head + 10)
    grpc_stub.Terminate(pb.TerminateRequest(session=name), timeout=PATIENCE)


def test_what_script_cannot_start_is_refused_and_leaves_nothing(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    for argv, reason in (
        (("/no/such/program",), "PROGRAM_NOT_FOUND"),
        ((str(plain),), "PROGRAM_NOT_STARTED"),
    ):
        before = len(sessions(grpc_stub))
        with pytest.raises(grpc.RpcError) as refused:
            hold(grpc_stub, *argv)
        assert reason_of(refused.value) == reason
        assert len(sessions(grpc_stub)) == before
