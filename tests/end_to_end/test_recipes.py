"""Recipes over the wire: real steps, real repositories, and servers that are killed within and between them."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import grpc
import pytest
import sightline
from sightline import recipes
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import Event, Outcome, SessionState, WaitingFor
from sightline.v1.session_pb2 import Command, Session, Step, StepCommand, Terminal, Worktree
from sightline.v1.session_service_pb2_grpc import SessionServiceStub as Stub
from support.disks import fill, small_disk
from support.server import PATIENCE, ServerProcess, completed, connect, data_of, follow, reason_of, until


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = tmp_path / "repository"
    made.mkdir()
    git(made, "init", "-q", "-b", "main")
    (made / "file").write_text("as committed\n")
    (made / ".gitignore").write_text("build/\n")
    git(made, "add", ".")
    git(made, "commit", "-q", "-m", "first")
    return made


def git(where: Path, *words: str) -> str:
    identity = {"GIT_AUTHOR_NAME": "n", "GIT_AUTHOR_EMAIL": "e", "GIT_COMMITTER_NAME": "n", "GIT_COMMITTER_EMAIL": "e"}
    done = subprocess.run(["git", *words], cwd=where, env={**os.environ, **identity}, check=True, capture_output=True, text=True)
    return done.stdout


def branches(repository: Path) -> list[str]:
    return git(repository, "branch", "--format=%(refname:short)").split()


def script(text: str, source: str = "script:step", **fields: object) -> Step:
    return Step(source=source, script=text, **fields)  # type: ignore[arg-type]


def worktree(branch: str, **fields: str) -> Step:
    return Step(source="git", worktree=Worktree(branch=branch, **fields))


def cook(stub: Stub, where: Path, steps: Iterable[Step], *argv: str, **fields: object) -> Session:
    request = pb.CreateRequest(cwd=str(where), steps=steps, **fields)  # type: ignore[arg-type]
    if argv:
        request.command.argv.extend(argv)
    return stub.Create(request, timeout=PATIENCE).session


def told(events: list[Event]) -> list[str]:
    """The steps as the log tells them."""
    lines = []
    for event in events:
        if event.HasField("step_started"):
            lines.append(f"{event.step_started.index}/{event.step_started.count} {event.step_started.step}")
        elif event.HasField("step_finished"):
            allowed = " allowed" if event.step_finished.failure_allowed else ""
            lines.append(f"{event.step_finished.step} {event.step_finished.exit_code}{allowed}")
    return lines


def wait_for_output(stub: Stub, session: Session, data: bytes) -> None:
    """Until a session has written this."""
    seen = b""
    for response in stub.Subscribe(pb.SubscribeRequest(sessions=[session.id]), timeout=PATIENCE):
        seen += b"".join(event.output.data for event in response.events)
        if data in seen:
            return
    raise AssertionError(f"it ended without {data!r}: {seen!r}")


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


# --- to the end


def test_steps_run_in_order_under_their_labels_and_then_the_command(grpc_stub: Stub, tmp_path: Path) -> None:
    steps = [
        script("echo one; echo oops >&2; echo id=env-7 >>$SIGHTLINE_RESULT", "script:prepare", env={"STEP": "x"}),
        Step(source="docker", argv=StepCommand(argv=["sh", "-c", "pwd; echo $FROM_CALLER"]), cwd="sub"),
    ]
    (tmp_path / "sub").mkdir()
    labels = {"project": "web", "mode": "dev"}
    session = cook(
        grpc_stub, tmp_path, steps, "sh", "-c", "pwd; echo size=3 >>$SIGHTLINE_RESULT", env={"FROM_CALLER": "y"}, labels=labels
    )
    assert session.steps == 2
    events = follow(grpc_stub, session.id)
    assert told(events) == ["1/2 script:prepare", "script:prepare 0", "2/2 docker", "docker 0"]
    assert data_of(events, "script:prepare") in {b"one\noops\n", b"oops\none\n"}
    assert data_of(events, "docker") == f"{tmp_path}/sub\ny\n".encode()
    assert data_of(events, "stdout") == f"{tmp_path}\n".encode()
    last = completed(events)
    assert (last.outcome, last.exit_code) == (Outcome.OUTCOME_SUCCEEDED, 0)
    expected = {**labels, "id": "env-7", "name": session.name, "status": "succeeded", "size": "3"}
    assert dict(last.labels) == expected
    assert {e.state_changed.state for e in events if e.HasField("state_changed")} == {
        SessionState.SESSION_STATE_STARTING,
        SessionState.SESSION_STATE_WORKING,
        SessionState.SESSION_STATE_ENDED,
    }


def test_without_a_command_the_session_ends_after_the_last_step(grpc_stub: Stub, tmp_path: Path) -> None:
    session = cook(grpc_stub, tmp_path, [script("echo done")])
    last = completed(follow(grpc_stub, session.id))
    assert (last.outcome, last.exit_code, last.error) == (Outcome.OUTCOME_SUCCEEDED, 0, "")
    assert last.labels["id"] == session.id


@pytest.mark.parametrize("instead", ["mkdir", "mkfifo", "ln -s /dev/zero"])
def test_whatever_a_step_puts_in_place_of_the_result_the_session_ends(grpc_stub: Stub, tmp_path: Path, instead: str) -> None:
    session = cook(grpc_stub, tmp_path, [script(f'rm "$SIGHTLINE_RESULT"; {instead} "$SIGHTLINE_RESULT"')])
    last = completed(follow(grpc_stub, session.id))
    assert dict(last.labels) == {"id": session.id, "name": session.name, "status": "succeeded"}


def test_a_failed_step_is_the_end_and_says_which(grpc_stub: Stub, tmp_path: Path) -> None:
    steps = [script("exit 4", "script:prepare"), script("touch never", "docker")]
    events = follow(grpc_stub, cook(grpc_stub, tmp_path, steps, "touch", "never").id)
    last = completed(events)
    assert (last.outcome, last.exit_code) == (Outcome.OUTCOME_FAILED, 4)
    assert last.error == "script:prepare failed with exit code 4"
    assert last.labels["status"] == "failed"
    assert told(events) == ["1/2 script:prepare", "script:prepare 4"]
    assert not (tmp_path / "never").exists()


def test_a_failure_that_is_allowed_is_told_and_passed(grpc_stub: Stub, tmp_path: Path) -> None:
    missing = Step(source="docker", argv=StepCommand(argv=["no-such-program"]), allow_failure=True)
    events = follow(grpc_stub, cook(grpc_stub, tmp_path, [script("exit 4", allow_failure=True), missing, script("echo on")]).id)
    assert told(events)[1:4:2] == ["script:step 4 allowed", "docker 127 allowed"]
    assert any("no-such-program" in event.notice.text for event in events)
    assert completed(events).outcome == Outcome.OUTCOME_SUCCEEDED


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (Step(source="docker", argv=StepCommand(argv=["no-such-program"])), "docker failed with exit code 127: "),
        (Step(source="docker", argv=StepCommand(argv=["true"]), cwd="nowhere"), "docker failed with exit code 126: "),
        (Step(source="docker", argv=StepCommand(argv=["/dev/null"])), "docker failed with exit code 127: "),
        (script("kill -9 $$"), "script:step failed with exit code 137"),
    ],
)
def test_a_step_that_cannot_run_fails_and_says_why(grpc_stub: Stub, tmp_path: Path, step: Step, error: str) -> None:
    last = completed(follow(grpc_stub, cook(grpc_stub, tmp_path, [step, script("touch never")]).id))
    assert last.outcome == Outcome.OUTCOME_FAILED
    assert last.error.startswith(error)
    assert not (tmp_path / "never").exists()


def test_a_command_that_cannot_be_started_behind_its_steps_is_told(grpc_stub: Stub, tmp_path: Path) -> None:
    last = completed(follow(grpc_stub, cook(grpc_stub, tmp_path, [script("true")], "no-such-program").id))
    assert (last.outcome, last.error_code) == (Outcome.OUTCOME_FAILED, "NOT_STARTED")
    assert "no-such-program" in last.error


def test_a_step_that_takes_too_long_is_ended_with_what_it_started_and_with_nothing_else(grpc_stub: Stub, tmp_path: Path) -> None:
    stays = script("setsid sleep 600 >/dev/null 2>&1 & echo $! >stays", "docker")
    slow = script("setsid sleep 600 & echo $! >child; trap '' TERM; sleep 600", "script:setup", allow_failure=True)
    slow.timeout.FromMilliseconds(700)
    last_step = script("cat stays; sleep 0; kill -0 $(cat stays) && echo lives")
    events = follow(grpc_stub, cook(grpc_stub, tmp_path, [stays, slow, last_step]).id)
    assert told(events)[3] == "script:setup 124 allowed"
    assert [e.notice.text for e in events if e.HasField("notice")] == ["script:setup timed out after 0.7 s"]
    assert is_gone(int((tmp_path / "child").read_text()))
    assert data_of(events, "script:step").endswith(b"lives\n")
    assert completed(events).descendants_left == 1
    os.kill(int((tmp_path / "stays").read_text()), signal.SIGKILL)


def test_a_timeout_is_a_failure_with_its_own_words(grpc_stub: Stub, tmp_path: Path) -> None:
    step = script("trap 'exit 0' TERM; while :; do sleep 0.05; done", "script:setup")
    step.timeout.FromSeconds(1)
    last = completed(follow(grpc_stub, cook(grpc_stub, tmp_path, [step]).id))
    assert (last.outcome, last.exit_code, last.error) == (Outcome.OUTCOME_FAILED, 124, "script:setup timed out after 1 s")


def test_several_at_once_from_one_client_do_not_meet(grpc_stub: Stub, tmp_path: Path) -> None:
    sessions = [
        cook(
            grpc_stub, tmp_path, [script(f"for n in $(seq 300); do echo {name} $n; done", "docker") for _ in range(3)], "echo", name
        )
        for name in ("a", "b", "c")
    ]
    for name, session in zip("abc", sessions, strict=True):
        events = follow(grpc_stub, session.id)
        assert data_of(events, "docker") == b"".join(f"{name} {n}\n".encode() for n in range(1, 301)) * 3
        assert data_of(events, "stdout") == f"{name}\n".encode()


def test_a_terminal_can_follow_the_steps(grpc_stub: Stub, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    request = pb.CreateRequest(
        cwd=str(tmp_path),
        steps=[script("read go <gate")],
        command=Command(argv=["sh", "-c", "tty; read answer; echo got $answer"], terminal=Terminal(columns=90, rows=20)),
    )
    session = grpc_stub.Create(request, timeout=PATIENCE).session
    assert session.state == SessionState.SESSION_STATE_WORKING
    larger = pb.ResizeRequest(session=session.id, terminal=Terminal(columns=100, rows=30))
    early: list[Callable[[], object]] = [
        lambda: grpc_stub.Snapshot(pb.SnapshotRequest(session=session.id)),
        lambda: grpc_stub.Resize(larger),
        lambda: grpc_stub.Send(pb.SendRequest(session=session.id, text="early")),
    ]
    for call in early:
        with pytest.raises(grpc.RpcError) as raised:
            call()
        assert reason_of(raised.value) == "STEPS_RUNNING"
    (tmp_path / "gate").write_text("go\n")
    wait_for_output(grpc_stub, session, b"/dev/")
    until = [SessionState.SESSION_STATE_WAITING]
    waited = grpc_stub.Wait(pb.WaitRequest(session=session.id, until=until), timeout=PATIENCE)
    assert waited.session.waiting_for == WaitingFor.WAITING_FOR_INPUT
    assert grpc_stub.Snapshot(pb.SnapshotRequest(session=session.id)).snapshot.columns == 90
    grpc_stub.Send(pb.SendRequest(session=session.id, text="word", submit=True))
    assert b"got word" in data_of(follow(grpc_stub, session.id), "terminal")


async def test_the_python_client_runs_steps_and_has_the_result(grpc_server: ServerProcess, tmp_path: Path) -> None:
    steps = [script("echo id=7 >>$SIGHTLINE_RESULT; echo stepped")]
    result = await sightline.run(["echo", "done"], steps=steps, cwd=tmp_path, target=grpc_server.target)
    assert (result.outcome, result.labels["id"], result.stdout) == ("SUCCEEDED", "7", b"stepped\ndone\n")
    async with sightline.connect(grpc_server.target) as client:
        session = await client.create(steps=[script("exit 3")], cwd=tmp_path)
        assert (await client.wait(session)).session.exit_code == 3
        with pytest.raises(ValueError, match="steps or a recipe"):
            await client.create()


def test_the_blocking_client_runs_a_recipe(grpc_server: ServerProcess, tmp_path: Path) -> None:
    (tmp_path / "web.toml").write_text('[env]\nA = "1"\n[[step]]\nsource = "docker"\nscript = "echo $A; exit 3"\n')
    recipe = recipes.load(tmp_path / "web.toml", {"A": "2"})
    result = sightline.sync.run(recipe=recipe, cwd=tmp_path, target=grpc_server.target)
    assert (result.outcome, result.exit_code, result.stdout) == ("FAILED", 3, b"2\n")
    assert (result.error, result.labels["project"]) == ("docker failed with exit code 3", "web")


# --- ended by somebody


def test_terminate_within_a_step_ends_its_tree_and_nothing_follows(grpc_stub: Stub, tmp_path: Path) -> None:
    step = script("setsid sleep 600 & echo $! >child; echo up; sleep 600", "script:setup", allow_failure=True)
    session = cook(grpc_stub, tmp_path, [step, script("touch never")], "touch", "never")
    wait_for_output(grpc_stub, session, b"up\n")
    ended = grpc_stub.Terminate(pb.TerminateRequest(session=session.id), timeout=PATIENCE).session
    assert ended.outcome == Outcome.OUTCOME_CANCELLED
    events = follow(grpc_stub, session.id)
    assert (completed(events).error, completed(events).labels["status"]) == ("cancelled in script:setup", "cancelled")
    assert told(events) == ["1/2 script:setup", "script:setup 143"]
    assert is_gone(int((tmp_path / "child").read_text()))
    assert not (tmp_path / "never").exists()


def test_an_interrupt_of_a_step_is_the_end_also_where_it_may_fail(grpc_stub: Stub, tmp_path: Path) -> None:
    traps = "trap 'exit 130' INT; echo up; while :; do sleep 0.05; done"  # a shell that is just forking loses an interrupt
    session = cook(grpc_stub, tmp_path, [script(traps, allow_failure=True), script("touch never")])
    wait_for_output(grpc_stub, session, b"up\n")
    grpc_stub.Interrupt(pb.InterruptRequest(session=session.id))
    assert completed(follow(grpc_stub, session.id)).outcome == Outcome.OUTCOME_INTERRUPTED
    assert not (tmp_path / "never").exists()


def test_a_caller_who_goes_away_stops_nothing(grpc_server: ServerProcess, grpc_stub: Stub, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    with connect(grpc_server.target) as caller:
        session = cook(caller, tmp_path, [script("read go <gate"), script("echo still here")])
    (tmp_path / "gate").write_text("go\n")
    assert data_of(follow(grpc_stub, session.id), "script:step") == b"still here\n"


# --- worktrees


def test_a_worktree_is_made_with_its_branch_and_what_follows_runs_there(grpc_stub: Stub, repository: Path) -> None:
    place = repository.parent / "fix-this"
    steps = [worktree("fix/this"), script("pwd"), script("pwd", cwd="/")]
    events = follow(grpc_stub, cook(grpc_stub, repository, steps, "sh", "-c", "pwd; exit 1").id)
    assert b"Preparing worktree" in data_of(events, "git")
    assert data_of(events, "script:step") == f"{place}\n/\n".encode()
    assert data_of(events, "stdout") == f"{place}\n".encode()
    labels = completed(events).labels
    assert (labels["worktree"], labels["branch"]) == (str(place), "fix/this")
    assert place.is_dir(), "the command's own failure is no reason to take its work away"


def test_a_worktree_begins_at_its_base_and_is_found_again_as_it_is(grpc_stub: Stub, repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD").strip()
    git(repository, "commit", "-q", "--allow-empty", "-m", "second")
    steps = [worktree("fix", base=first, path="../elsewhere"), script("git rev-parse HEAD; echo work >new")]
    events = follow(grpc_stub, cook(grpc_stub, repository, steps).id)
    assert data_of(events, "script:step").decode().strip() == first
    again = follow(grpc_stub, cook(grpc_stub, repository, [*steps[:1], script("cat new; exit 1")]).id)
    assert data_of(again, "script:step") == b"work\n"
    assert (repository.parent / "elsewhere" / "new").exists(), "it was there before: not ours to remove"


@pytest.mark.parametrize("work", ["true", "echo mine >new; echo changed >>file; mkdir build; touch build/x"])
def test_after_a_failure_the_worktree_and_the_branch_that_were_made_are_gone_and_no_work_is_lost(
    grpc_stub: Stub, repository: Path, work: str
) -> None:
    before = branches(repository)
    events = follow(grpc_stub, cook(grpc_stub, repository, [worktree("fix"), script(f"{work}; exit 3")], "true").id)
    assert completed(events).error == "script:step failed with exit code 3"
    assert "worktree" not in completed(events).labels
    assert not (repository.parent / "fix").exists()
    assert branches(repository) == before
    assert git(repository, "worktree", "list").count("\n") == 1
    if "mine" in work:
        git(repository, "stash", "apply")
        assert (repository / "new").read_text() == "mine\n"
        assert (repository / "file").read_text() == "as committed\nchanged\n"
    else:
        assert not git(repository, "stash", "list")


def test_a_branch_that_has_got_commits_outlives_its_worktree(grpc_stub: Stub, repository: Path) -> None:
    commit = "git -c user.name=n -c user.email=e commit -q --allow-empty -m work; exit 3"
    events = follow(grpc_stub, cook(grpc_stub, repository, [worktree("fix"), script(commit)]).id)
    assert not (repository.parent / "fix").exists()
    assert "fix" in branches(repository)
    assert b"commits of its own" in data_of(events, "git")


def test_a_cancelled_recipe_takes_its_worktree_back(grpc_stub: Stub, repository: Path) -> None:
    session = cook(grpc_stub, repository, [worktree("fix"), script("echo up; sleep 600")])
    wait_for_output(grpc_stub, session, b"up\n")
    grpc_stub.Terminate(pb.TerminateRequest(session=session.id), timeout=PATIENCE)
    assert completed(follow(grpc_stub, session.id)).outcome == Outcome.OUTCOME_CANCELLED
    assert not (repository.parent / "fix").exists()
    assert branches(repository) == ["main"]


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        (worktree("main"), b"already checked out"),
        (worktree("fix", base="no-such-commit"), b"no-such-commit is no commit"),
        (worktree("fix", path="file"), b"is there already"),
        (worktree("bad..name"), b"no name for a branch"),
        (worktree("-x"), b"no name for a branch"),
    ],
)
def test_a_worktree_that_cannot_be_made_leaves_nothing(grpc_stub: Stub, repository: Path, step: Step, problem: bytes) -> None:
    before = sorted(repository.parent.iterdir())
    events = follow(grpc_stub, cook(grpc_stub, repository, [step, script("touch never")]).id)
    assert completed(events).error == "git failed with exit code 128"
    assert problem in data_of(events, "git")
    assert (sorted(repository.parent.iterdir()), branches(repository)) == (before, ["main"])


def test_outside_of_a_repository_there_is_no_worktree(grpc_stub: Stub, tmp_path: Path) -> None:
    events = follow(grpc_stub, cook(grpc_stub, tmp_path, [worktree("fix")]).id)
    assert b"is in no git repository" in data_of(events, "git")


# --- refused


@pytest.mark.parametrize(
    "step",
    [
        Step(source="sightline", script="true"),
        Step(source="script:sightline", script="true"),
        Step(source="stdout", script="true"),
        Step(source="two words", script="true"),
        Step(source="esc\x1b[31m", script="true"),
        Step(script="true"),
        Step(source="git"),
        Step(source="git", script=" \n"),
        Step(source="git", argv=StepCommand()),
        Step(source="git", argv=StepCommand(argv=["a\0b"])),
        Step(source="git", worktree=Worktree()),
        Step(source="git", script="true", env={"A=B": "c"}),
    ],
)
def test_a_step_that_makes_no_sense_is_refused_by_name(grpc_stub: Stub, tmp_path: Path, step: Step) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        cook(grpc_stub, tmp_path, [script("true"), step])
    assert reason_of(raised.value) == "BAD_FIELD"
    assert "steps[1]" in str(raised.value)


def test_steps_stand_before_a_command_alone_and_in_a_directory_that_is_there(grpc_stub: Stub, tmp_path: Path) -> None:
    for request, reason in (
        (pb.CreateRequest(steps=[script("true")], tmux={"target": "%1"}), "BAD_FIELD"),  # type: ignore[arg-type]
        (pb.CreateRequest(steps=[script("true")] * 101), "BAD_FIELD"),
        (pb.CreateRequest(steps=[script("true")], cwd="/no/such/place"), "CWD_NOT_FOUND"),
        (pb.CreateRequest(steps=[script("true")], command=Command()), "EMPTY_ARGV"),
    ):
        with pytest.raises(grpc.RpcError) as raised:
            grpc_stub.Create(request, timeout=PATIENCE)
        assert reason_of(raised.value) == reason


# --- what is kept, and what is not


def test_no_secret_is_left_once_the_last_program_has_started(server: ServerProcess, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    secret = "hunter2-of-the-caller"
    steps = [script("read go <gate; test -n $TOKEN"), script("true # hunter2-of-the-script", env={"MORE": "hunter2-of-the-step"})]
    with connect(server.target) as stub:
        session = cook(stub, tmp_path, steps, "sh", "-c", "echo up; sleep 600", env={"TOKEN": secret, "PATH": os.environ["PATH"]})
        secrets = server.home / "spool" / session.id / "plan.secret"
        until(secrets.exists)
        assert secrets.stat().st_mode & 0o777 == 0o600
        assert [path.name for path in holders(server.home, b"hunter2-of-the-caller")] == ["plan.secret"]
        (tmp_path / "gate").write_text("go\n")
        wait_for_output(stub, session, b"up\n")
        until(lambda: not secrets.exists())
        with sqlite3.connect(server.home / "sightline.db") as database:
            database.execute("PRAGMA wal_checkpoint")
        assert not holders(server.home, b"hunter2")
        assert "hunter2" not in server.log()


def holders(home: Path, words: bytes) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file() and words in path.read_bytes()]


def test_lines_go_to_the_servers_log_when_asked_and_can_do_no_harm_there(server: ServerProcess, tmp_path: Path) -> None:
    printed = script(r"printf 'plain\n\033[31mred\033[0m\r\nhalf'", "script:setup")
    with connect(server.target) as stub:
        quiet = cook(stub, tmp_path, [printed], name="quiet")
        follow(stub, quiet.id)
        session = cook(stub, tmp_path, [printed], name="loud", log_steps=True)
        follow(stub, session.id)
    lines = [line.partition(": ")[2] for line in server.log().splitlines() if "[script:setup]" in line]
    assert lines == [
        "loud [script:setup] plain",
        r"loud [script:setup] \x1b[31mred\x1b[0m",
        "loud [script:setup] half",
    ]
    assert "\x1b" not in server.log()


# --- servers that are killed


@pytest.mark.timeout(300)
def test_over_killed_servers_each_step_runs_once_and_every_byte_is_logged_once(server: ServerProcess, tmp_path: Path) -> None:
    seed = int(os.environ.get("SIGHTLINE_TEST_SEED") or random.randrange(1 << 32))
    print(f"to repeat: SIGHTLINE_TEST_SEED={seed}")  # noqa: T201 - shown when it fails
    chance = random.Random(seed)
    count = 20
    steps = [script(f"echo {n} >>ran; seq {n}000; echo {n} >&2; sleep 0.05", f"script:s{n}") for n in range(1, count + 1)]
    with connect(server.target) as stub:
        session = cook(stub, tmp_path, steps, "sh", "-c", "echo last >>ran; seq 5000; exit 5")
    for _ in range(12):
        time.sleep(chance.random() * 0.25)  # any moment: not a wait for something
        server.kill()
        server.start()
    with connect(server.target) as stub:
        events = follow(stub, session.id)
    assert (tmp_path / "ran").read_text().split() == [*map(str, range(1, count + 1)), "last"]
    assert told(events) == [line for n in range(1, count + 1) for line in (f"{n}/{count} script:s{n}", f"script:s{n} 0")]
    for n in range(1, count + 1):
        output = [event.output for event in events if event.source == f"script:s{n}"]
        assert b"".join(one.data for one in output if one.channel == 2) == b"".join(b"%d\n" % k for k in range(1, n * 1000 + 1))
        assert b"".join(one.data for one in output if one.channel == 3) == b"%d\n" % n
    assert data_of(events, "stdout") == b"".join(b"%d\n" % k for k in range(1, 5001))
    last = completed(events)
    assert (last.outcome, last.exit_code) == (Outcome.OUTCOME_FAILED, 5)
    assert "Traceback" not in server.log()


def test_a_step_that_ends_while_no_server_is_there_is_followed_by_the_next(server: ServerProcess, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    secret = {"TOKEN": "of-the-caller", "PATH": os.environ["PATH"]}
    with connect(server.target) as stub:
        session = cook(stub, tmp_path, [script("read go <gate; echo $go"), script("echo then $TOKEN")], "echo", "last", env=secret)
        until((server.home / "spool" / session.id / "step-1" / "started").exists)
    server.kill()
    (tmp_path / "gate").write_text("gone\n")
    until((server.home / "spool" / session.id / "step-1" / "exit").exists)
    server.start()
    with connect(server.target) as stub:
        events = follow(stub, session.id)
    assert data_of(events, "script:step") == b"gone\nthen of-the-caller\n"
    assert data_of(events, "stdout") == b"last\n"


def test_a_failure_while_no_server_is_there_takes_the_worktree_back(server: ServerProcess, repository: Path) -> None:
    gate = repository.parent / "gate"
    os.mkfifo(gate)
    with connect(server.target) as stub:
        session = cook(stub, repository, [worktree("fix"), script(f"read go <{gate}; exit 3")])
        until((server.home / "spool" / session.id / "step-2" / "started").exists)
    server.kill()
    gate.write_text("go\n")
    until((server.home / "spool" / session.id / "step-2" / "exit").exists)
    server.start()
    with connect(server.target) as stub:
        assert completed(follow(stub, session.id)).error == "script:step failed with exit code 3"
    assert not (repository.parent / "fix").exists()
    assert branches(repository) == ["main"]


def test_a_step_whose_time_was_over_while_no_server_was_there_is_ended_as_soon_as_one_is(
    server: ServerProcess, tmp_path: Path
) -> None:
    step = script("echo $$ >pid; sleep 600")
    step.timeout.FromSeconds(60)
    with connect(server.target) as stub:
        session = cook(stub, tmp_path, [step])
    started = server.home / "spool" / session.id / "step-1" / "started"
    until(started.exists)
    server.kill()
    long_ago = time.time() - 61
    os.utime(started, (long_ago, long_ago))
    server.start()
    with connect(server.target) as stub:
        events = follow(stub, session.id)
    assert completed(events).error == "script:step timed out after 60 s"
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_a_cancelled_recipe_stays_cancelled_when_the_server_dies_over_it(server: ServerProcess, tmp_path: Path) -> None:
    stubborn = script("trap '' TERM; echo up; while :; do sleep 0.05; done", "script:setup")
    with connect(server.target) as stub:
        session = cook(stub, tmp_path, [stubborn, script("touch never")])
        wait_for_output(stub, session, b"up\n")
        request = pb.TerminateRequest(session=session.id)
        request.grace.FromSeconds(60)
        call = stub.Terminate.future(request)
        until((server.home / "spool" / session.id / "cancelled").exists)
        server.kill()
        call.cancel()
    server.start()
    with connect(server.target) as stub:
        assert completed(follow(stub, session.id)).outcome == Outcome.OUTCOME_CANCELLED
    assert not (tmp_path / "never").exists()


def test_a_command_behind_steps_is_followed_over_a_restart_too(server: ServerProcess, tmp_path: Path) -> None:
    with connect(server.target) as stub:
        request = pb.CreateRequest(
            cwd=str(tmp_path),
            steps=[script("echo id=7 >>$SIGHTLINE_RESULT")],
            command=Command(argv=["cat"], stdin=Command.STDIN_OPEN),
        )
        session = stub.Create(request).session
        until((server.home / "spool" / session.id / "started").exists)
    server.kill()
    server.start()
    with connect(server.target) as stub:
        stub.Send(pb.SendRequest(session=session.id, text="after", eof=True))
        events = follow(stub, session.id)
    assert data_of(events, "stdout") == b"after"
    assert completed(events).labels["id"] == "7"


def test_on_a_full_disk_a_recipe_waits_and_goes_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    with small_disk(24 * 1024 * 1024) as home:
        server = ServerProcess(home)
        try:
            server.start()
            with connect(server.target) as stub:
                session = cook(stub, tmp_path, [script("read go <gate"), script("echo one"), script("echo two")], "echo", "last")
                until((home / "spool" / session.id / "step-1" / "started").exists)
                fill(home / "filler")
                (tmp_path / "gate").write_text("go\n")
                with pytest.raises(grpc.RpcError):
                    cook(stub, tmp_path, [script("true")])
                (home / "filler").unlink()
                events = follow(stub, session.id)
                assert data_of(events, "script:step") == b"one\ntwo\n"
                assert data_of(events, "stdout") == b"last\n"
        finally:
            (home / "filler").unlink(missing_ok=True)
            server.close()
