"""Changes of files as events of a session: to the last one before its end, over restarts, attributed to tool calls."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import grpc
import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import Completed, Event, FileChange, Location, ToolCall, ToolResult
from sightline.v1.session_pb2 import Published, Session
from sightline.v1.session_service_pb2 import WatchFiles
from sightline.v1.session_service_pb2_grpc import SessionServiceStub as Stub
from support.server import PATIENCE, ServerProcess, connect, create, follow, reason_of, until

ON = WatchFiles.WATCH_FILES_ON


def watching(stub: Stub, cwd: Path) -> Session:
    request = pb.CreateRequest(published=Published(), cwd=str(cwd), watch_files=ON)
    return stub.Create(request, timeout=PATIENCE).session


def publish(stub: Stub, session: str, *events: Event, first: int = 1) -> None:
    request = pb.PublishRequest(session=session, producer_id="agent", first_sequence=first, events=events)
    stub.Publish(request, timeout=PATIENCE)


def events_of(stub: Stub, session: str) -> list[Event]:
    return list(stub.ListEvents(pb.ListEventsRequest(session=session)).events)


def changed_in(events: list[Event], cwd: Path) -> list[tuple[str, str, str]]:
    """Path below the directory, change, tool call."""
    return [
        (
            event.file_changed.path.removeprefix(f"{cwd}/"),
            FileChange.Name(event.file_changed.change).removeprefix("FILE_CHANGE_"),
            event.file_changed.tool_call_id,
        )
        for event in events
        if event.HasField("file_changed")
    ]


def test_a_commands_changes_are_events_from_its_first_to_its_last(grpc_stub: Stub, tmp_path: Path) -> None:
    wait = "while [ ! -e node_modules/go ]; do sleep 0.01; done"
    script = f"echo 1 > first; mkdir node_modules; echo x > node_modules/x; echo 2 > last; {wait}; echo 3 >> last"
    session = create(grpc_stub, "sh", "-c", script, cwd=str(tmp_path), watch_files=ON)
    until(lambda: ("last", "CREATED", "") in changed_in(events_of(grpc_stub, session.id), tmp_path))
    (tmp_path / "node_modules" / "go").touch()
    events = follow(grpc_stub, session.id)
    told = dict.fromkeys(changed_in(events, tmp_path))  # a file that is seen before it is written is told of once more
    assert [change for change in told if change != ("first", "MODIFIED", "")] == [
        ("first", "CREATED", ""),
        ("last", "CREATED", ""),
        ("last", "MODIFIED", ""),
    ]
    changes = [event for event in events if event.HasField("file_changed")]
    assert {event.source for event in changes} == {"sightline"}
    assert changes[-1].file_changed.size == len("2\n3\n")


def test_without_being_asked_nothing_is_watched(grpc_stub: Stub, tmp_path: Path) -> None:
    session = create(grpc_stub, "sh", "-c", "echo 1 > first", cwd=str(tmp_path))
    assert changed_in(follow(grpc_stub, session.id), tmp_path) == []


def test_a_change_has_the_tool_call_that_named_the_file(grpc_stub: Stub, tmp_path: Path) -> None:
    session = watching(grpc_stub, tmp_path)
    publish(grpc_stub, session.id, Event(tool_call=ToolCall(tool_call_id="t1", locations=[Location(path="a.py")])))
    (tmp_path / "a.py").write_text("x")
    (tmp_path / "b.py").write_text("x")
    until(lambda: len(changed_in(events_of(grpc_stub, session.id), tmp_path)) == 2)
    named = ToolCall(tool_call_id="t2", input_json=b'{"file_path": "%s/b.py"}' % str(tmp_path).encode())
    publish(grpc_stub, session.id, Event(tool_result=ToolResult(tool_call_id="t1")), Event(tool_call=named), first=2)
    (tmp_path / "b.py").write_text("xy")
    publish(
        grpc_stub, session.id, Event(completed=Completed(exit_code=0)), first=4
    )  # at once: the change is in the log all the same
    events = follow(grpc_stub, session.id)
    assert changed_in(events, tmp_path) == [("a.py", "CREATED", "t1"), ("b.py", "CREATED", ""), ("b.py", "MODIFIED", "t2")]


def test_two_sessions_of_one_directory_are_both_told_and_one_ends_alone(grpc_stub: Stub, tmp_path: Path) -> None:
    one, two = watching(grpc_stub, tmp_path), watching(grpc_stub, tmp_path)
    (tmp_path / "a").write_text("x")
    publish(grpc_stub, one.id, Event(completed=Completed(exit_code=0)))
    (tmp_path / "b").write_text("x")
    publish(grpc_stub, two.id, Event(completed=Completed(exit_code=0)))
    assert [path for path, _, _ in changed_in(follow(grpc_stub, one.id), tmp_path)] == ["a"]
    assert [path for path, _, _ in changed_in(follow(grpc_stub, two.id), tmp_path)] == ["a", "b"]


def test_after_a_restart_files_are_watched_again_and_the_hole_is_said(server: ServerProcess, tmp_path: Path) -> None:
    with connect(server.target) as stub:
        session = watching(stub, tmp_path)
        (tmp_path / "before").write_text("x")
        until(lambda: changed_in(events_of(stub, session.id), tmp_path))
        server.kill()
        (tmp_path / "meanwhile").write_text("x")
        server.start()
        until(lambda: any(event.notice.code == "files_watched_again" for event in events_of(stub, session.id)))
        until(lambda: touched(tmp_path / "after") and len(changed_in(events_of(stub, session.id), tmp_path)) > 1)
        publish(stub, session.id, Event(completed=Completed(exit_code=0)))
        paths = [path for path, _, _ in changed_in(follow(stub, session.id), tmp_path)]
    assert paths[0] == "before"
    assert set(paths[1:]) == {"after"}


def touched(path: Path) -> bool:
    path.write_text("x")
    return True


def test_a_session_whose_directory_goes_goes_on_and_says_so(grpc_stub: Stub, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    session = watching(grpc_stub, place)
    place.rmdir()
    until(lambda: any(event.notice.code == "files_gone" for event in events_of(grpc_stub, session.id)))
    place.mkdir()
    until(lambda: any(event.notice.code == "files_back" for event in events_of(grpc_stub, session.id)))
    (place / "file").write_text("x")
    publish(grpc_stub, session.id, Event(completed=Completed(exit_code=0)))
    assert [path for path, _, _ in changed_in(follow(grpc_stub, session.id), place)] == ["file"]


def test_a_server_whose_home_lies_in_the_directory_does_not_hear_itself() -> None:
    parent = Path(tempfile.mkdtemp(prefix="sl"))  # short: a socket is below it
    server = ServerProcess(parent / "home")
    try:
        server.start()
        with connect(server.target) as stub:
            session = watching(stub, parent)
            (server.home / "file").write_text("x")
            (parent / "other").write_text("x")
            publish(stub, session.id, Event(completed=Completed(exit_code=0)))
            assert changed_in(follow(stub, session.id), parent) == [("other", "CREATED", "")]
    finally:
        server.close()
        shutil.rmtree(parent, ignore_errors=True)


def test_where_there_is_no_directory_to_watch_the_request_is_refused(grpc_stub: Stub) -> None:
    with pytest.raises(grpc.RpcError) as error:
        grpc_stub.Create(pb.CreateRequest(published=Published(), watch_files=ON), timeout=PATIENCE)
    assert (error.value.code(), reason_of(error.value)) == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_FIELD")
