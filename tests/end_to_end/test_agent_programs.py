"""The programs of agents: how they are started, what they say beside their stream, and that nothing of them survives their end."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import Channel, ErrorOrigin, Event, Outcome
from sightline.v1.session_pb2 import Agent, Command, Session
from sightline.v1.session_service_pb2_grpc import SessionServiceStub
from sightline_server.capture import processes
from support.server import PATIENCE, ServerProcess, completed, connect, data_of, error_info, follow, is_relay, until

End = Callable[[SessionServiceStub, Session], None]

SAYS = """printf '{"type":"text","text":"%s"}\\n' """
HANGS = f"{SAYS} working; setsid sleep 987 >/dev/null 2>&1 </dev/null & setsid sleep 986 & echo $! >pid; wait"


def run(stub: SessionServiceStub, cwd: Path, script: str, name: str = "blocks", **fields: object) -> Session:
    """Runs a shell script as an agent."""
    agent = Agent(name=name, progress_interval=fields.pop("progress_interval", None))  # type: ignore[arg-type]
    command = Command(argv=["sh", "-c", script])
    request = pb.CreateRequest(cwd=str(cwd), agent=agent, command=command, **fields)  # type: ignore[arg-type]
    return stub.Create(request, timeout=PATIENCE).session


def events_of(stub: SessionServiceStub, session: Session) -> list[Event]:
    return list(stub.ListEvents(pb.ListEventsRequest(session=session.id), timeout=PATIENCE).events)


def of_kind(events: Sequence[Event], kind: str) -> list[Event]:
    return [event for event in events if event.WhichOneof("payload") == kind]


def has_said(stub: SessionServiceStub, session: Session) -> bool:
    return bool(of_kind(events_of(stub, session), "message"))


def processes_of(session: Session) -> list[int]:
    """What runs with the session's mark."""
    mark = f"SIGHTLINE_SESSION_ID={session.id}".encode()
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if mark in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                found.append(int(name))
        except OSError:
            continue
    return found


def interrupt(stub: SessionServiceStub, session: Session) -> None:
    stub.Interrupt(pb.InterruptRequest(session=session.id), timeout=PATIENCE)


def terminate(stub: SessionServiceStub, session: Session) -> None:
    stub.Terminate(pb.TerminateRequest(session=session.id), timeout=PATIENCE)


ENDS = pytest.mark.parametrize(
    ("end", "outcome"), [(interrupt, Outcome.OUTCOME_INTERRUPTED), (terminate, Outcome.OUTCOME_CANCELLED)], ids=["int", "term"]
)


@ENDS
def test_an_agent_ends_with_its_whole_tree(
    grpc_stub: SessionServiceStub, tmp_path: Path, end: End, outcome: Outcome.ValueType
) -> None:
    session = run(grpc_stub, tmp_path, HANGS)
    until(lambda: len(processes_of(session)) == 3 and has_said(grpc_stub, session))
    end(grpc_stub, session)
    last = completed(follow(grpc_stub, session.id))
    assert (last.outcome, last.descendants_left) == (outcome, 0)
    assert last.error
    assert not processes_of(session)


@ENDS
def test_an_agents_tree_ends_behind_a_restart_too(
    server: ServerProcess, tmp_path: Path, end: End, outcome: Outcome.ValueType
) -> None:
    with connect(server.target) as stub:
        session = run(stub, tmp_path, HANGS)
        until(lambda: len(processes_of(session)) == 3 and has_said(stub, session))
    server.kill()
    server.start()
    with connect(server.target) as stub:
        end(stub, session)
        last = completed(follow(stub, session.id))
    assert (last.outcome, last.descendants_left) == (outcome, 0)
    assert not processes_of(session)


def test_an_interrupt_is_brought_to_its_end_by_the_next_server(server: ServerProcess, tmp_path: Path) -> None:
    with connect(server.target) as stub:
        session = run(stub, tmp_path, f"trap '' INT; {HANGS}; while :; do wait; done")
        until(lambda: len(processes_of(session)) == 3 and has_said(stub, session))
        interrupt(stub, session)
    server.kill()
    server.start()
    with connect(server.target) as stub:
        last = completed(follow(stub, session.id))
    assert (last.outcome, last.descendants_left) == (Outcome.OUTCOME_INTERRUPTED, 0)
    assert not processes_of(session)


@pytest.mark.parametrize("end", [interrupt, terminate], ids=["interrupt", "terminate"])
def test_a_tool_that_hides_and_does_not_hear_is_ended_too(grpc_stub: SessionServiceStub, tmp_path: Path, end: End) -> None:
    deaf = "trap '' INT TERM HUP; echo $$ >pid; while :; do /bin/sleep 0.1; done"
    hidden = f'{SAYS} working; env -i setsid sh -c "{deaf.replace("$", chr(92) + "$")}" >/dev/null 2>&1 </dev/null & wait'
    session = run(grpc_stub, tmp_path, hidden)
    until(lambda: (tmp_path / "pid").exists() and bool((tmp_path / "pid").read_text().strip()))
    tool = processes.identify(int((tmp_path / "pid").read_text()))
    assert tool is not None
    end(grpc_stub, session)
    completed(follow(grpc_stub, session.id))
    assert not processes.alive(tool)


def test_what_a_good_agent_leaves_running_is_counted(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    session = run(grpc_stub, tmp_path, f"{SAYS} done; setsid sleep 985 >/dev/null 2>&1 </dev/null & echo $! >pid")
    last = completed(follow(grpc_stub, session.id))
    left = processes_of(session)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert (last.outcome, last.descendants_left, len(left)) == (Outcome.OUTCOME_SUCCEEDED, 1, 1)


def test_an_agent_whose_child_never_closes_its_stdout_ends(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    session = run(grpc_stub, tmp_path, f"{SAYS} done; setsid sleep 984 &")
    last = completed(follow(grpc_stub, session.id))
    left = processes_of(session)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert (last.outcome, last.result_text, last.descendants_left) == (Outcome.OUTCOME_SUCCEEDED, "done", 1)


def test_an_agent_that_exits_at_once_says_why_by_its_stderr(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    session = run(grpc_stub, tmp_path, "echo 'error: unexpected argument --jsno' >&2; exit 2", "codex")
    events = follow(grpc_stub, session.id)
    last = completed(events)
    assert (last.outcome, last.exit_code) == (Outcome.OUTCOME_FAILED, 2)
    assert "unexpected argument --jsno" in last.error
    [error] = of_kind(events, "error")
    assert (error.error.code, error.error.origin) == ("BAD_FLAGS", ErrorOrigin.ERROR_ORIGIN_CALLER)
    assert data_of(events, "stderr") == b"error: unexpected argument --jsno\n"


def test_stderr_is_output_and_its_known_messages_are_told(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    recording = Path(__file__).parents[1] / "data" / "agents" / "gemini" / "ok.jsonl"
    lines = "YOLO mode is enabled. All tool calls will be automatically approved.\nError executing tool x: no\nplain words\n"
    (tmp_path / "stderr").write_text(lines)
    events = follow(grpc_stub, run(grpc_stub, tmp_path, f"cat stderr >&2; cat {recording}", "gemini").id)
    assert data_of(events, "stderr").decode() == lines
    assert all(event.output.channel == Channel.CHANNEL_STDERR for event in of_kind(events, "output"))
    assert [event.error.code for event in of_kind(events, "error")] == ["TOOL_FAILED"]
    assert "everything_allowed" in [event.notice.code for event in of_kind(events, "notice")]


def test_progress_comes_while_an_agent_is_silent(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    interval = Duration(nanos=100_000_000)
    session = run(grpc_stub, tmp_path, f"{SAYS} hello; sleep 600", progress_interval=interval)
    until(lambda: len(of_kind(events_of(grpc_stub, session), "progress")) >= 12)
    told = [event.progress for event in of_kind(events_of(grpc_stub, session), "progress")]
    terminate(grpc_stub, session)
    elapsed = [one.elapsed.ToNanoseconds() for one in told]
    assert elapsed == sorted(elapsed)
    assert told[-1].counts["silent_seconds"] >= 1
    assert told[-1].phase == "writing"


def test_a_line_is_kept_with_its_events_where_that_is_asked(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    events = follow(grpc_stub, run(grpc_stub, tmp_path, f"{SAYS} hello", keep_raw=True).id)
    assert b'{"type":"text","text":"hello"}' in [event.raw for event in events]


def test_changes_of_files_are_told_where_an_agent_runs(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    call = json.dumps({"type": "tool_use", "id": "t1", "name": "Write", "input": {"file_path": str(tmp_path / "made")}})
    done = json.dumps({"type": "tool_result", "tool_use_id": "t1", "content": "ok"})
    session = run(grpc_stub, tmp_path, f"echo '{call}'; sleep 0.2; echo text >made; echo '{done}'")
    changed = of_kind(follow(grpc_stub, session.id), "file_changed")
    assert [(Path(event.file_changed.path).name, event.file_changed.tool_call_id) for event in changed] == [("made", "t1")]
    quiet = run(grpc_stub, tmp_path, "echo text >other", watch_files=pb.WATCH_FILES_OFF)
    assert not of_kind(follow(grpc_stub, quiet.id), "file_changed")


# --- how they are started

SHOWS = """#!/bin/sh
{ printf '%s\\n' "$@"; } >"$OUT/argv"
cat >"$OUT/stdin"
printf '%s' "$SIGHTLINE_SESSION_ID" >"$OUT/id"
"""


def started(stub: SessionServiceStub, directory: Path, name: str, *argv: str, prompt: str = "") -> tuple[list[str], str]:
    """The argv and stdin that an agent's program gets."""
    programs = {"cursor": "cursor-agent"}
    program = directory / programs.get(name, name)
    program.write_text(SHOWS)
    program.chmod(0o755)
    env = {"PATH": f"{directory}:{os.environ['PATH']}", "OUT": str(directory)}
    request = pb.CreateRequest(
        cwd=str(directory),
        env=env,
        agent=Agent(name=name, prompt=prompt),
        command=Command(argv=argv),
        watch_files=pb.WATCH_FILES_OFF,
    )
    session = stub.Create(request, timeout=PATIENCE).session
    follow(stub, session.id)
    assert (directory / "id").read_text() == session.id
    return (directory / "argv").read_text().splitlines(), (directory / "stdin").read_text()


PROMPT = "--dangerously do this"


@pytest.mark.parametrize(
    ("name", "argv", "words", "stdin"),
    [
        ("claude", [], "-p --output-format stream-json --verbose", PROMPT),
        (
            "claude",
            ["claude", "--print", "--model", "x"],
            "--output-format stream-json --verbose --print --model x",
            PROMPT,
        ),
        ("codex", [], "exec --json -", PROMPT),
        ("codex", ["codex", "-m", "x"], "exec --json -m x -", PROMPT),
        ("codex", ["codex", "-c", "a=b", "exec", "--full-auto"], "-c a=b exec --json --full-auto -", PROMPT),
        ("gemini", [], "--output-format stream-json", PROMPT),
        ("qwen", [], "--output-format stream-json", PROMPT),
        ("opencode", [], "run --format json", PROMPT),
        ("amp", [], "-x --stream-json", PROMPT),
        ("goose", [], "run --output-format stream-json -i -", PROMPT),
        ("cursor", [], f"-p --output-format stream-json -- {PROMPT}", ""),
    ],
)
def test_a_prompt_is_never_a_flag(
    grpc_stub: SessionServiceStub, tmp_path: Path, name: str, argv: list[str], words: str, stdin: str
) -> None:
    got, given = started(grpc_stub, tmp_path, name, *argv, prompt=PROMPT)
    assert (" ".join(got), given) == (words, stdin)


def test_a_command_of_the_callers_own_runs_as_it_is(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    session = run(grpc_stub, tmp_path, "cat >stdin", "claude")
    follow(grpc_stub, session.id)
    assert list(session.argv) == ["sh", "-c", "cat >stdin"]
    assert (tmp_path / "stdin").read_bytes() == b""


def test_a_long_prompt_comes_whole(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    prompt = "ä\u2028" * 200_000
    assert started(grpc_stub, tmp_path, "codex", prompt=prompt)[1] == prompt


@pytest.mark.parametrize(
    ("agent", "argv", "reason"),
    [
        (Agent(name="claude", prompt="x"), [], "AGENT_NOT_INSTALLED"),
        (Agent(name="claude", prompt="x"), ["no-such-program"], "PROGRAM_NOT_FOUND"),
        (Agent(name="nobody", prompt="x"), [], "AGENT_UNKNOWN"),
        (Agent(name="", prompt="x"), ["cat"], "AGENT_UNKNOWN"),
        (Agent(name="codex", prompt="x", two_way=True), [], "AGENT_NOT_TWO_WAY"),
        (Agent(name="codex"), [], "BAD_FIELD"),
        (Agent(name="blocks", prompt="x"), [], "BAD_FIELD"),
        (Agent(name="codex", prompt="a\0b"), [], "BAD_FIELD"),
        (Agent(name="codex", prompt="x", progress_interval=Duration(seconds=4000)), [], "BAD_FIELD"),
    ],
)
def test_an_agent_that_cannot_be_run_says_why(
    grpc_stub: SessionServiceStub, tmp_path: Path, agent: Agent, argv: list[str], reason: str
) -> None:
    request = pb.CreateRequest(cwd=str(tmp_path), env={"PATH": "/usr/bin:/bin"}, agent=agent, command=Command(argv=argv))
    with pytest.raises(grpc.RpcError) as refused:
        grpc_stub.Create(request, timeout=PATIENCE)
    info = error_info(refused.value)
    assert info.reason == reason
    if reason == "AGENT_NOT_INSTALLED":
        assert "npm install" in info.metadata["install"]


def test_an_agent_whose_end_nobody_saw_is_lost(server: ServerProcess, tmp_path: Path) -> None:
    with connect(server.target) as stub:
        session = run(stub, tmp_path, f"{SAYS} working; exec sleep 600")
        until(lambda: has_said(stub, session))
        relays = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if is_relay(path, session.id)]
        for pid in [*relays, *processes_of(session)]:
            os.kill(pid, signal.SIGKILL)
        last = completed(follow(stub, session.id))
    assert last.outcome == Outcome.OUTCOME_LOST
    assert last.error
    assert last.result_text == "working"
