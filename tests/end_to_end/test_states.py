"""What sessions do, found out by looking at real programs: shells, prompts, full-screen programs, passwords, over restarts too."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import (
    CaptureState,
    Completed,
    Event,
    EventKind,
    Outcome,
    Output,
    Request,
    RequestKind,
    RequestResolved,
    SessionState,
    StateChanged,
    ToolCall,
    ToolResult,
    ToolStatus,
    TurnFinished,
    TurnStarted,
    WaitingFor,
)
from sightline.v1.session_pb2 import Command, Published, Terminal, Tmux
from sightline.v1.session_service_pb2_grpc import SessionServiceStub as Stub
from support.server import PATIENCE, ServerProcess, connect, create, follow, until

WORKING, WAITING = SessionState.SESSION_STATE_WORKING, SessionState.SESSION_STATE_WAITING
IDLE, ENDED = SessionState.SESSION_STATE_IDLE, SessionState.SESSION_STATE_ENDED
INPUT, LOGIN = WaitingFor.WAITING_FOR_INPUT, WaitingFor.WAITING_FOR_LOGIN
NOTHING = WaitingFor.WAITING_FOR_UNSPECIFIED
BASH = ("bash", "--norc", "--noprofile")
MARKED = "PS1='\\[\\e]133;A\\a\\]$ \\[\\e]133;B\\a\\]'; PS0='\\e]133;C\\a'; PROMPT_COMMAND='printf \"\\033]133;D;%s\\007\" \"$?\"'"
"""Makes a bash tell of its commands as shell integrations do."""


def wait(stub: Stub, session: str, *states: SessionState.ValueType, after: int = 0) -> pb.WaitResponse:
    request = pb.WaitRequest(session=session, until=states, after_seq=after)
    return stub.Wait(request, timeout=PATIENCE)


def send(stub: Stub, session: str, text: str, *, submit: bool = True) -> int:
    return stub.Send(pb.SendRequest(session=session, text=text, submit=submit), timeout=PATIENCE).seq


def changes(stub: Stub, session: str) -> list[StateChanged]:
    kinds = pb.Filter(kinds=[EventKind.EVENT_KIND_STATE_CHANGED])
    page = stub.ListEvents(pb.ListEventsRequest(session=session, filter=kinds), timeout=PATIENCE)
    return [event.state_changed for event in page.events]


def explain(stub: Stub, session: str) -> pb.ExplainResponse:
    return stub.Explain(pb.ExplainRequest(session=session), timeout=PATIENCE)


def started(stub: Stub, *argv: str, holder: Command.Holder.ValueType = Command.HOLDER_AUTO, **env: str) -> str:
    command = Command(argv=argv, terminal=Terminal(), holder=holder)
    request = pb.CreateRequest(command=command, cwd="/", env={"HISTFILE": "/dev/null", **env})
    return stub.Create(request, timeout=PATIENCE).session.id


@pytest.mark.parametrize(
    ("argv", "state", "waiting_for", "rule"),
    [
        (BASH, IDLE, NOTHING, "process/shell-prompt"),
        (("sh",), IDLE, NOTHING, "process/shell-reads"),
        (("python3", "-q"), IDLE, NOTHING, "process/reads-keys"),
        (("less", "/etc/passwd"), WAITING, INPUT, "process/pager"),
        (("python3", "-c", "input('name? ')"), WAITING, INPUT, "process/reads-line"),
        (("sh", "-c", "cat | grep x"), WAITING, INPUT, "process/reads-line"),
        (("bash", "-c", "read -p 'name? ' x"), WAITING, INPUT, "process/reads-line"),
        (("python3", "-c", "import getpass; getpass.getpass()"), WAITING, LOGIN, "process/secret"),
        (("sleep", "1000"), WORKING, NOTHING, "process/program"),
        (("sh", "-c", "while :; do sleep 0.2; done"), WORKING, NOTHING, "process/program"),
    ],
)
def test_what_a_program_does_is_seen_from_its_terminal(
    grpc_stub: Stub,
    argv: tuple[str, ...],
    state: SessionState.ValueType,
    waiting_for: WaitingFor.ValueType,
    rule: str,
) -> None:
    session = started(grpc_stub, *argv)
    seen = wait(grpc_stub, session, state).session
    until(lambda: explain(grpc_stub, session).rule == rule)
    assert (seen.state, seen.waiting_for) == (state, waiting_for)
    why = explain(grpc_stub, session)
    assert (why.state.state, why.state.waiting_for, why.state.provenance) == (state, waiting_for, "process")
    assert any(line.startswith("foreground: ") for line in why.evidence)


@pytest.mark.parametrize("holder", [Command.HOLDER_TMUX, Command.HOLDER_SCRIPT, Command.HOLDER_SCREEN])
def test_whatever_holds_a_shell_its_commands_and_questions_are_seen(grpc_stub: Stub, holder: Command.Holder.ValueType) -> None:
    session = started(grpc_stub, *BASH, holder=holder)
    assert wait(grpc_stub, session, IDLE).session.state == IDLE
    typed = send(grpc_stub, session, "read -s -p 'token: ' secret; read answer; echo done")
    asked = wait(grpc_stub, session, WAITING, IDLE, after=typed)
    assert (asked.session.waiting_for, asked.seq > typed) == (LOGIN, True)
    typed = send(grpc_stub, session, "hidden")
    asked = wait(grpc_stub, session, WAITING, IDLE, after=typed)
    assert (asked.session.waiting_for, asked.seq > typed) == (INPUT, True)
    typed = send(grpc_stub, session, "shown")
    done = wait(grpc_stub, session, WAITING, IDLE, after=typed)
    assert (done.session.state, done.seq > typed) == (IDLE, True)
    said = [(change.state, change.waiting_for) for change in changes(grpc_stub, session)]
    assert said[-6:] == [(WORKING, 0), (WAITING, LOGIN), (WORKING, 0), (WAITING, INPUT), (WORKING, 0), (IDLE, 0)]


def test_a_shell_that_marks_its_commands_is_believed_before_its_process(grpc_stub: Stub) -> None:
    session = started(grpc_stub, *BASH)
    wait(grpc_stub, session, IDLE)
    typed = send(grpc_stub, session, MARKED)
    assert wait(grpc_stub, session, IDLE, after=typed).session.state == IDLE
    typed = send(grpc_stub, session, "sleep 1; false")
    assert wait(grpc_stub, session, IDLE, after=typed).session.state == IDLE
    why = explain(grpc_stub, session)
    assert (why.rule, why.state.provenance) == ("title/prompt", "title")
    assert why.state.reason == "the shell is at its prompt; the last command failed with exit code 1"


@pytest.mark.parametrize("line", ["true", "sleep 1"])
def test_behind_an_input_the_idleness_of_before_is_never_an_answer(grpc_stub: Stub, line: str) -> None:
    session = started(grpc_stub, *BASH)
    wait(grpc_stub, session, IDLE)
    for _ in range(2):
        typed = send(grpc_stub, session, line)
        answer = wait(grpc_stub, session, IDLE, after=typed)
        assert (answer.session.state, answer.seq > typed, answer.timed_out) == (IDLE, True, False)


def test_what_is_typed_without_enter_leaves_a_shell_idle_and_is_seen_anew_for_those_who_wait(grpc_stub: Stub) -> None:
    session = started(grpc_stub, *BASH)
    before = wait(grpc_stub, session, IDLE)
    typed = send(grpc_stub, session, "echo unfinished", submit=False)
    answer = wait(grpc_stub, session, IDLE, after=typed)
    assert before.seq < typed < answer.seq
    assert [change.state for change in changes(grpc_stub, session)][-2:] == [IDLE, IDLE]


def test_a_wait_that_takes_too_long_says_so(grpc_stub: Stub) -> None:
    session = started(grpc_stub, "sleep", "1000")
    request = pb.WaitRequest(session=session, until=[IDLE])
    request.timeout.FromMilliseconds(300)
    answer = grpc_stub.Wait(request, timeout=PATIENCE)
    assert (answer.timed_out, answer.seq) == (True, 0)


@pytest.fixture
def pane() -> Iterator[tuple[Path, str]]:
    """A pane of the user's own, with a shell."""
    place = Path(tempfile.mkdtemp(prefix="sltmux"))
    socket = place / "sock"
    base = ["tmux", "-S", str(socket), "-f", "/dev/null"]
    env = {**os.environ, "HISTFILE": "/dev/null"}
    subprocess.run([*base, "new-session", "-d", "-s", "work", "-x", "80", "-y", "24", *BASH], check=True, env=env, cwd="/")
    try:
        yield socket, "work"
    finally:
        subprocess.run([*base, "kill-server"], check=False, capture_output=True)
        shutil.rmtree(place, ignore_errors=True)


def test_in_an_adopted_pane_what_its_owner_does_is_seen(grpc_stub: Stub, pane: tuple[Path, str]) -> None:
    socket, target = pane
    adopted = pb.CreateRequest(tmux=Tmux(socket_path=str(socket), target=target))
    session = grpc_stub.Create(adopted, timeout=PATIENCE).session.id
    wait(grpc_stub, session, IDLE)

    def does(line: str, state: SessionState.ValueType, rule: str) -> None:
        subprocess.run(["tmux", "-S", str(socket), "send-keys", "-t", target, line, "Enter"], check=True)
        until(lambda: (why := explain(grpc_stub, session)).state.state == state and why.rule == rule)

    does("sleep 1000 # work", WORKING, "process/program")
    subprocess.run(["tmux", "-S", str(socket), "send-keys", "-t", target, "C-c"], check=True)
    until(lambda: explain(grpc_stub, session).rule == "process/shell-prompt")
    does("read x", WAITING, "process/reads-line")
    does("word", IDLE, "process/shell-prompt")


def test_the_state_and_its_reasons_survive_a_restart_and_nothing_is_said_twice(server: ServerProcess) -> None:
    with connect(server.target) as stub:
        session = started(stub, *BASH)
        asking = started(stub, "sh", "-c", "read answer; exec sleep 1000")
        wait(stub, session, IDLE)
        wait(stub, asking, WAITING)
        before = explain(stub, session)
        said = len(changes(stub, session))
    server.kill()
    server.start()
    with connect(server.target) as stub:
        listed = {one.id: one for one in stub.List(pb.ListRequest(), timeout=PATIENCE).sessions}
        assert (listed[session].state, listed[asking].state, listed[asking].waiting_for) == (IDLE, WAITING, INPUT)
        assert explain(stub, session) == before
        assert wait(stub, session, IDLE).seq == before.seq
        typed = send(stub, asking, "yes")
        until(lambda: explain(stub, asking).rule == "process/program")
        assert len(changes(stub, session)) == said
        assert explain(stub, asking).seq > typed


def test_a_change_of_the_capture_is_no_new_state(server: ServerProcess, pane: tuple[Path, str]) -> None:
    socket, target = pane
    with connect(server.target) as stub:
        adopted = pb.CreateRequest(tmux=Tmux(socket_path=str(socket), target=target))
        session = stub.Create(adopted, timeout=PATIENCE).session.id
        idle = wait(stub, session, IDLE).seq
        head = stub.Get(pb.GetRequest(session=session)).session.head_seq
        subprocess.run(["tmux", "-S", str(socket), "pipe-pane", "-t", target], check=True)
        until(lambda: changes(stub, session)[-1].capture == CaptureState.CAPTURE_STATE_BLIND)
        request = pb.WaitRequest(session=session, until=[IDLE], after_seq=head)
        request.timeout.FromMilliseconds(300)
        assert stub.Wait(request, timeout=PATIENCE).timed_out
        assert wait(stub, session, IDLE).seq == idle
    server.kill()
    server.start()
    with connect(server.target) as stub:
        assert wait(stub, session, IDLE).seq == idle


@pytest.mark.parametrize(
    ("argv", "rule", "outcome"),
    [
        (("true",), "ended/succeeded", Outcome.OUTCOME_SUCCEEDED),
        (("sh", "-c", "exit 3"), "ended/failed", Outcome.OUTCOME_FAILED),
    ],
)
def test_how_a_session_ended_is_explained(grpc_stub: Stub, argv: tuple[str, ...], rule: str, outcome: Outcome.ValueType) -> None:
    session = create(grpc_stub, *argv)
    follow(grpc_stub, session.id)
    why = explain(grpc_stub, session.id)
    assert (why.rule, why.state.state) == (rule, ENDED)
    assert grpc_stub.Get(pb.GetRequest(session=session.id)).session.outcome == outcome
    assert why.evidence[0].startswith("exit code ")


def test_cancelled_interrupted_and_lost_are_different_ends(server: ServerProcess, pane: tuple[Path, str]) -> None:
    socket, target = pane
    with connect(server.target) as stub:
        cancelled, interrupted, alive = (create(stub, "sleep", "1000").id for _ in range(3))
        stub.Terminate(pb.TerminateRequest(session=cancelled), timeout=PATIENCE)
        stub.Interrupt(pb.InterruptRequest(session=interrupted), timeout=PATIENCE)
        follow(stub, interrupted)
        lost = stub.Create(pb.CreateRequest(tmux=Tmux(socket_path=str(socket), target=target)), timeout=PATIENCE).session.id
        subprocess.run(["tmux", "-S", str(socket), "kill-server"], check=True)
        follow(stub, lost)
        rules = [explain(stub, one).rule for one in (cancelled, interrupted, lost, alive)]
        assert rules == ["ended/cancelled", "ended/interrupted", "ended/lost", "process/started"]


def test_a_plain_command_works_until_it_ends_and_nothing_else_is_said(grpc_stub: Stub) -> None:
    session = create(grpc_stub, "sh", "-c", "echo one; sleep 1; echo two")
    states = [event.state_changed.state for event in follow(grpc_stub, session.id) if event.HasField("state_changed")]
    assert states == [SessionState.SESSION_STATE_STARTING, WORKING, ENDED]


def test_of_a_published_session_its_publisher_alone_says_the_state(grpc_stub: Stub) -> None:
    made = pb.CreateRequest(published=Published(terminal=Terminal()))
    session = grpc_stub.Create(made, timeout=PATIENCE).session.id
    events = [
        Event(output=Output(data=b"\x1b]133;C\x07")),
        Event(state_changed=StateChanged(state=IDLE, provenance="protocol", reason="it says so")),
        Event(turn_started=TurnStarted(prompt="go"), turn_id="1"),
        Event(tool_call=ToolCall(tool_call_id="t", name="Bash"), turn_id="1"),
    ]
    request = pb.PublishRequest(session=session, producer_id="me", first_sequence=1, events=events)
    grpc_stub.Publish(request, timeout=PATIENCE)
    why = explain(grpc_stub, session)
    assert (why.rule, why.state.state, why.state.reason) == ("published/said", IDLE, "it says so")
    last = [Event(completed=Completed(outcome=Outcome.OUTCOME_SUCCEEDED))]
    grpc_stub.Publish(pb.PublishRequest(session=session, producer_id="me", first_sequence=5, events=last), timeout=PATIENCE)
    assert explain(grpc_stub, session).rule == "ended/succeeded"


def test_an_agents_hooks_say_what_its_terminal_does_not(grpc_stub: Stub) -> None:
    session = started(grpc_stub, "python3", "-c", "import time; time.sleep(1000)")
    wait(grpc_stub, session, WORKING)
    sequence = 1

    def publish(*events: Event) -> int:
        nonlocal sequence
        request = pb.PublishRequest(session=session, producer_id="hook", first_sequence=sequence, events=events)
        sequence += len(events)
        return grpc_stub.Publish(request, timeout=PATIENCE).seq

    begun = Event(turn_started=TurnStarted(prompt="do it"), turn_id="1")
    asks = Request(request_id="r", kind=RequestKind.REQUEST_KIND_PERMISSION, text="May I run make?")
    publish(begun, Event(tool_call=ToolCall(tool_call_id="a", name="Bash"), turn_id="1"), Event(request=asks, turn_id="1"))
    asked = wait(grpc_stub, session, WAITING).session
    why = explain(grpc_stub, session)
    assert asked.waiting_for == WaitingFor.WAITING_FOR_PERMISSION
    assert (why.rule, why.state.provenance, list(why.evidence)) == ("agent/permission", "hook", ["May I run make?"])
    answered = publish(Event(request_resolved=RequestResolved(request_id="r"), turn_id="1"))
    until(lambda: explain(grpc_stub, session).state.state == WORKING)
    ended = Event(tool_result=ToolResult(tool_call_id="a", status=ToolStatus.TOOL_STATUS_FAILED), turn_id="1")
    publish(ended, Event(turn_finished=TurnFinished(outcome=Outcome.OUTCOME_INTERRUPTED), turn_id="1"))
    assert wait(grpc_stub, session, IDLE, after=answered).session.state == IDLE
    assert explain(grpc_stub, session).state.reason == "its turn was interrupted"
