"""`sightline hook`: what Claude Code's hooks say reaches the session, once and in order, and the agent never notices."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from clients.cli.program import SIGHTLINE, Sightline, until
from sightline import connect, sync
from sightline.target import home
from sightline.v1.event_pb2 import Event
from sightline.v1.session_pb2 import Agent, Session, Transcript
from sightline.v1.session_service_pb2 import CreateRequest
from sightline_cli.hooks import queue

RECORDED = Path(__file__).parents[3] / "data" / "agents" / "claude-hooks" / "hooks_stdin.jsonl"
FIRST_RUN = RECORDED.read_bytes().splitlines()[:8]  # a prompt, two tools, the answer


@pytest.fixture
def hooked(served: Sightline) -> Iterator[Sightline]:
    """A home with a server; no forwarder stays behind."""
    yield served
    with suppress(OSError, ValueError):
        os.kill(forwarder(served), signal.SIGKILL)
    shutil.rmtree(served.home / "hooks", ignore_errors=True)


@pytest.fixture
def unserved(alone: Sightline) -> Iterator[Sightline]:
    """A home without a server; no forwarder stays behind."""
    yield alone
    with suppress(OSError, ValueError):
        os.kill(forwarder(alone), signal.SIGKILL)


def forwarder(sightline: Sightline) -> int:
    """The pid of the forwarder that runs, or ran last."""
    return int((sightline.home / "hooks" / "lock").read_text())


def call(sightline: Sightline, payload: bytes, session: str = "") -> None:
    """As Claude Code calls it: the payload on stdin; no word, and exit code 0."""
    sightline.env["SIGHTLINE_SESSION_ID"] = session
    done = sightline.run("hook", stdin=payload)
    assert (done.stdout, done.stderr) == (b"", b"")


def client_of(sightline: Sightline) -> sync.Client:
    return sync.connect(f"unix:{sightline.home}/sightline.sock")


def told(client: sync.Client, session: str) -> list[Event]:
    """What the hooks have told by now."""
    return [event for event in client.list_events(session) if isinstance(event, Event) and event.source == "claude"]


def kinds(events: list[Event]) -> list[str | None]:
    return [event.WhichOneof("payload") for event in events]


WHOLE = ["agent_info", "notice", "turn_started", "message", "tool_call", "tool_result", "tool_call", "tool_result", "turn_finished"]


def test_a_session_on_a_terminal_gets_everything_in_order_and_once(hooked: Sightline) -> None:
    with client_of(hooked) as client:
        session = client.create(["sleep", "60"], terminal=(80, 24))
        for payload in FIRST_RUN:
            call(hooked, payload, session.id)
        until(lambda: "turn_finished" in kinds(told(client, session.id)), "what the hooks say")
        events = told(client, session.id)
        assert [kind for kind in kinds(events) if kind != "notice" or kind in WHOLE][: len(WHOLE)] == WHOLE
        calls = [event.tool_call.tool_call_id for event in events if event.HasField("tool_call")]
        assert calls == [event.tool_result.tool_call_id for event in events if event.HasField("tool_result")]
        assert all(event.HasField("source_time") for event in events)


def test_what_follows_the_agents_stream_or_transcript_is_not_told_twice(hooked: Sightline, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"")
    asked = {**json.loads(FIRST_RUN[2]), "hook_event_name": "PermissionRequest", "transcript_path": str(path)}
    with client_of(hooked) as client:
        session = asyncio.run(follow(hooked, path))
        payloads = [line.replace(json.loads(line)["transcript_path"].encode(), str(path).encode()) for line in FIRST_RUN]
        for payload in [*payloads[:3], json.dumps(asked).encode(), *payloads[3:]]:
            call(hooked, payload)  # by its transcript
        until(lambda: "request_resolved" in kinds(told(client, session.id)), "what the hooks say")
        assert kinds(told(client, session.id)) == ["request", "request_resolved"]
        client.release(session)


async def follow(sightline: Sightline, path: Path) -> Session:
    async with connect(f"unix:{sightline.home}/sightline.sock") as client:
        request = CreateRequest(transcript=Transcript(path=str(path)), agent=Agent(name="claude"), cwd=str(path.parent))
        return (await client.stub.Create(request)).session


def test_a_server_that_comes_later_gets_what_was_said_meanwhile(hooked: Sightline) -> None:
    with client_of(hooked) as client:
        session = client.create(["sleep", "60"], terminal=(80, 24))
    hooked.kill_server()
    for payload in FIRST_RUN[:4]:
        call(hooked, payload, session.id)
    hooked.serve()
    with client_of(hooked) as client:
        until(lambda: "tool_result" in kinds(told(client, session.id)), "what the hooks say")
        for payload in FIRST_RUN[4:]:
            call(hooked, payload, session.id)
        until(lambda: "turn_finished" in kinds(told(client, session.id)), "what the hooks say")
        assert kinds(told(client, session.id)).count("tool_call") == 2


def test_a_forwarder_that_was_killed_tells_nothing_twice(hooked: Sightline) -> None:
    with client_of(hooked) as client:
        session = client.create(["sleep", "60"], terminal=(80, 24))
        for number, payload in enumerate(FIRST_RUN):
            call(hooked, payload, session.id)
            if number in {2, 4, 5}:
                until((hooked.home / "hooks" / "wake").exists, "the forwarder")
                until((hooked.home / "hooks" / "lock").read_text, "its pid")
                os.kill(forwarder(hooked), signal.SIGKILL)
        until(lambda: "turn_finished" in kinds(told(client, session.id)), "what the hooks say")
        events = kinds(told(client, session.id))
        assert (events.count("tool_call"), events.count("turn_started"), events.count("turn_finished")) == (2, 1, 1)


def test_hooks_that_come_at_the_same_time_are_all_told(hooked: Sightline) -> None:
    with client_of(hooked) as client:
        session = client.create(["sleep", "60"], terminal=(80, 24))
        payloads = [FIRST_RUN[2].replace(b"toolu_stub0001_0", b"t%d" % number) for number in range(20)]
        hooked.env["SIGHTLINE_SESSION_ID"] = session.id
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda payload: hooked.run("hook", stdin=payload), payloads))
        until(lambda: kinds(told(client, session.id)).count("tool_call") == 20, "what the hooks say")


def test_without_a_server_and_with_nonsense_the_agent_notices_nothing(unserved: Sightline) -> None:
    call(unserved, FIRST_RUN[0], "no-such-session")
    assert not (unserved.home / "hooks").exists(), "there is no home, so no server has ever been"
    unserved.home.mkdir()
    for payload in (b"", b"{", b"\xff\0", b"[1]", b'{"hook_event_name": 1}', FIRST_RUN[0]):
        call(unserved, payload, "two words")
    assert (unserved.home / "hooks" / "queue").stat().st_mode & 0o777 == 0o600


def test_a_payload_whose_writer_goes_on_forever_is_not_waited_for(unserved: Sightline) -> None:
    unserved.home.mkdir()
    began = time.monotonic()
    with subprocess.Popen([SIGHTLINE, "hook"], env=unserved.env, stdin=subprocess.PIPE) as hook:
        assert hook.wait(20) == 0
    assert time.monotonic() - began >= 1  # it was the alarm, not an end


def test_the_forwarder_belongs_to_no_session_and_holds_nothing_of_the_agents(hooked: Sightline) -> None:
    with client_of(hooked) as client:
        session = client.create(["sleep", "60"], terminal=(80, 24))
    call(hooked, FIRST_RUN[0], session.id)
    until((hooked.home / "hooks" / "wake").exists, "the forwarder")
    process = Path("/proc") / str(forwarder(hooked))
    assert b"SIGHTLINE_SESSION_ID" not in (process / "environ").read_bytes()
    assert [os.readlink(process / "fd" / str(number)) for number in range(3)] == ["/dev/null"] * 3
    assert os.getsid(forwarder(hooked)) == forwarder(hooked)


def test_modules_in_the_agents_directory_are_not_imported(
    hooked: Sightline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sightline_cli", "json", "asyncio"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    with client_of(hooked) as client:
        session = client.create(["sleep", "60"], terminal=(80, 24))
        call(hooked, FIRST_RUN[0], session.id)
        until(lambda: told(client, session.id), "what the hook says")
    assert not (tmp_path / "ran").exists()


def test_what_does_not_fit_is_left_out_and_never_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MAX_QUEUE", 100)
    assert queue.append(str(tmp_path), "s", b"x" * 50, 1)
    before = (tmp_path / "queue").read_bytes()
    assert not queue.append(str(tmp_path), "s", b"y" * 50, 2)
    assert (tmp_path / "queue").read_bytes() == before


@pytest.mark.parametrize("environ", [{"SIGHTLINE_HOME": "/a/../b"}, {"XDG_STATE_HOME": "/state"}, {}, {"SIGHTLINE_HOME": "~/x"}])
def test_the_home_is_found_as_by_everybody_else(environ: dict[str, str]) -> None:
    assert os.path.realpath(queue.home_of(environ)) == os.path.realpath(home(environ))
