"""Agents that run already, through a real server: transcripts that grow, `kill -9` in between, agents that end and go on."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import grpc
import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import CaptureState, Event, Outcome
from sightline.v1.session_pb2 import Agent, Session, SessionKind, Tmux, Transcript
from sightline.v1.session_service_pb2_grpc import SessionServiceStub
from sightline_server.decode.agents.choose import TRANSCRIPTS
from support import scripted_agent
from support.server import PATIENCE, ServerProcess, completed, connect, create, data_of, follow, reason_of, until

RECORDINGS = Path(__file__).parents[1] / "data" / "agents"
CODEX = RECORDINGS / "codex-disk" / "ok_0.169.0.jsonl"
CLAUDE = RECORDINGS / "claude-disk" / "ok.jsonl"
ALL = 1000  # lines: more than any recording has


class Running:
    """A scripted agent in a directory of its own, told what to do through a pipe."""

    def __init__(self, family: str, recording: Path, home: Path, cwd: Path, environ: Mapping[str, str] | None = None) -> None:
        program = scripted_agent.install(home / "bin", family)
        cwd.mkdir(parents=True, exist_ok=True)
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), **(environ or {})}
        self._process = subprocess.Popen(
            [program, recording], cwd=cwd, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid
        self.path = self._answer()

    def order(self, words: str) -> None:
        """Has it do this, and waits until it has."""
        assert self._process.stdin
        self._process.stdin.write(f"{words}\n")
        self._process.stdin.flush()
        self.path = self._answer()

    def end(self, code: int = 0) -> None:
        """It exits as agents do."""
        assert self._process.stdin
        self._process.stdin.write(f"exit {code}\n")
        self._process.stdin.flush()
        self._process.wait(PATIENCE)

    def close(self) -> None:
        """Kills it."""
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> Path:
        assert self._process.stdout
        return Path(self._process.stdout.readline().split(maxsplit=2)[2].strip())


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts scripted agents; none is left behind."""
    started: list[Running] = []

    def start(family: str, recording: Path, folder: str = "project") -> Running:
        started.append(Running(family, recording, tmp_path / "home", tmp_path / folder))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def at_home(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server whose user is the scripted agents'."""
    (tmp_path / "home").mkdir()
    made = ServerProcess(None, HOME=str(tmp_path / "home"))
    try:
        made.start()
        yield made
    finally:
        made.close()


def decoded(family: str, data: bytes) -> list[Event]:
    """What its decoder makes of a whole transcript, without its end."""
    return TRANSCRIPTS[family]().feed(data)


def adopt(stub: SessionServiceStub, agent: str, *, cwd: str = "", name: str = "", **transcript: object) -> Session:
    request = pb.CreateRequest(agent=Agent(name=agent), transcript=Transcript(**transcript), cwd=cwd, name=name)  # type: ignore[arg-type]
    return stub.Create(request, timeout=PATIENCE).session


def events_of(stub: SessionServiceStub, session: str) -> list[Event]:
    """What is in its log now."""
    request = pb.SubscribeRequest(sessions=[session], until_caught_up=True)
    return [event for response in stub.Subscribe(request, timeout=PATIENCE) for event in response.events]


def type_in(stub: SessionServiceStub, text: str) -> None:
    stub.Send(pb.SendRequest(session="pane", text=text, submit=True), timeout=PATIENCE)


def said(events: list[Event], agent: str) -> list[Event]:
    """The agent's own events, as its decoder made them."""
    own = [event for event in events if event.source == agent]
    plain = []
    for event in own:
        copy = Event()
        copy.CopyFrom(event)
        for field in ("session_id", "seq", "time"):
            copy.ClearField(field)
        plain.append(copy)
    return plain


def test_a_transcript_that_grows_is_told_once_over_kills_of_the_server(server: ServerProcess, tmp_path: Path) -> None:
    data = CODEX.read_bytes() * 3
    path = tmp_path / "rollout-2026-11-21T01-00-00-x.jsonl"
    path.touch()
    places = [*sorted(random.Random(5).sample(range(len(data)), 12)), len(data)]
    with connect(server.target) as stub:
        session = adopt(stub, "codex", path=str(path)).id
    written = 0
    for number, place in enumerate(places):
        with path.open("ab") as file:
            file.write(data[written:place])
        written = place
        expected = decoded("codex", data[:written])
        with connect(server.target) as stub:
            if number % 2:
                until(lambda: len(said(events_of(stub, session), "codex")) == len(expected))  # noqa: B023 - waited for at once
        server.kill()
        server.start()
    with connect(server.target) as stub:
        until(lambda: len(said(events_of(stub, session), "codex")) >= len(expected))
        assert said(events_of(stub, session), "codex") == expected
        stub.Release(pb.ReleaseRequest(session=session), timeout=PATIENCE)
        follow(stub, session)


def test_an_agent_is_found_by_its_process_followed_into_its_next_transcript_and_ends_with_what_it_said_last(
    at_home: ServerProcess, start: Start
) -> None:
    agent = start("claude", CLAUDE)
    with connect(at_home.target) as stub:
        session = adopt(stub, "claude", pid=agent.pid)
        assert (session.kind, session.agent) == (SessionKind.SESSION_KIND_TRANSCRIPT, "claude")
        assert session.transcript.pid == agent.pid
        agent.order(f"go {ALL}")
        first = decoded("claude", CLAUDE.read_bytes())
        until(lambda: len(said(events_of(stub, session.id), "claude")) == len(first))
        at_home.kill()
    agent.order("copy")
    agent.order(f"go {ALL}")
    at_home.start()
    with connect(at_home.target) as stub:
        until(lambda: len([event for event in events_of(stub, session.id) if event.HasField("turn_started")]) == 2)
        agent.end()
        events = follow(stub, session.id)
    turns = [event.turn_id for event in events if event.HasField("turn_finished")]
    assert len(set(turns)) == len(turns) == 2
    assert said(events, "claude")[: len(first)] == first
    assert completed(events).outcome == Outcome.OUTCOME_SUCCEEDED


def test_two_agents_in_one_directory_are_an_error_that_names_both(at_home: ServerProcess, start: Start, tmp_path: Path) -> None:
    agents = [start("claude", CLAUDE), start("claude", CLAUDE)]
    with connect(at_home.target) as stub:
        with pytest.raises(grpc.RpcError) as refused:
            adopt(stub, "claude", cwd=str(tmp_path / "project"))
        assert reason_of(refused.value) == "SEVERAL_AGENTS"
        for agent in agents:
            assert str(agent.pid) in str(refused.value.details())
            assert str(agent.path) in str(refused.value.details())
        agents[1].end()
        assert adopt(stub, "claude", cwd=str(tmp_path / "project")).transcript.pid == agents[0].pid


def test_agents_that_run_are_listed_with_what_follows_them(at_home: ServerProcess, start: Start, tmp_path: Path) -> None:
    agents = {family: start(family, CODEX, family) for family in scripted_agent.FAMILIES}
    for agent in agents.values():
        agent.order("go 1")
    with connect(at_home.target) as stub:
        session = adopt(stub, "codex", pid=agents["codex"].pid)
        found = stub.Discover(pb.DiscoverRequest(), timeout=PATIENCE).candidates
        listed = {one.agent: one for one in found if one.transcript.pid in {agent.pid for agent in agents.values()}}
    for family in ("claude", "codex", "qwen"):
        assert listed[family].transcript.path == str(agents[family].path)
        assert listed[family].cwd == str(tmp_path / family)
    assert [one.agent for one in listed.values() if one.session_id == session.id] == ["codex"]


def test_a_terminal_of_ours_and_the_transcript_of_the_agent_in_it_are_one_session(at_home: ServerProcess, tmp_path: Path) -> None:
    program = scripted_agent.install(tmp_path / "home" / "bin", "claude")
    (tmp_path / "project").mkdir()
    expected = decoded("claude", CLAUDE.read_bytes())
    with connect(at_home.target) as stub:
        session = create(
            stub, str(program), str(CLAUDE), terminal=True, agent=Agent(name="claude"), cwd=str(tmp_path / "project"), name="both"
        )
        assert (session.kind, session.agent) == (SessionKind.SESSION_KIND_TERMINAL, "claude")
        stub.Send(pb.SendRequest(session="both", text=f"go {ALL}", submit=True), timeout=PATIENCE)
        until(lambda: len(said(events_of(stub, "both"), "claude")) == len(expected))
    at_home.kill()
    at_home.start()
    with connect(at_home.target) as stub:
        stub.Send(pb.SendRequest(session="both", text="exit 0", submit=True), timeout=PATIENCE)
        events = follow(stub, "both")
    assert b"done go" in data_of(events, "terminal")
    assert said(events, "claude") == expected
    end = completed(events)
    assert (end.outcome, end.exit_code) == (Outcome.OUTCOME_SUCCEEDED, 0)
    assert end.result_text == next(event.turn_finished.text for event in expected if event.HasField("turn_finished"))


def test_a_pane_outlives_the_agent_in_it_and_the_next_one_is_followed_in_the_same_session(
    at_home: ServerProcess, tmp_path: Path
) -> None:
    program = scripted_agent.install(tmp_path / "home" / "bin", "claude")
    (tmp_path / "project").mkdir()
    socket = str(tmp_path / "user.sock")
    tmux = ("tmux", "-S", socket, "-f", "/dev/null")
    environ = {**os.environ, "HOME": str(tmp_path / "home"), "ENV": "", "PS1": "$ "}
    environ.pop("CLAUDE_CONFIG_DIR", None)
    start = [*tmux, "new-session", "-d", "-s", "work", "-c", str(tmp_path / "project"), "env", "ENV=", "sh"]
    subprocess.run(start, env=environ, check=True)
    try:
        with connect(at_home.target) as stub:
            request = pb.CreateRequest(tmux=Tmux(socket_path=socket, target="work:0.0"), agent=Agent(name="claude"), name="pane")
            assert stub.Create(request, timeout=PATIENCE).session.agent == "claude"
        for turn in (1, 2):
            with connect(at_home.target) as stub:
                type_in(stub, f"{program} {CLAUDE}")
                until(lambda: data_of(events_of(stub, "pane"), "terminal").count(b"ready ") == turn)  # noqa: B023 - waited for at once
                for order in [*["new"] * (turn - 1), f"go {ALL}"]:  # a year later, so that it is another one's
                    type_in(stub, order)
                until(lambda: len([e for e in events_of(stub, "pane") if e.HasField("turn_finished")]) == turn)  # noqa: B023
                type_in(stub, "exit")
            at_home.kill()
            at_home.start()
        with connect(at_home.target) as stub:
            turns = [event.turn_id for event in events_of(stub, "pane") if event.HasField("turn_finished")]
            assert turns == ["1", "2"]
            assert stub.Get(pb.GetRequest(session="pane")).session.capture == CaptureState.CAPTURE_STATE_FOLLOWING
            stub.Release(pb.ReleaseRequest(session="pane"), timeout=PATIENCE)
            piped = subprocess.run([*tmux, "display-message", "-p", "-t", "work", "#{pane_pipe}"], capture_output=True, check=True)
            assert piped.stdout == b"0\n"
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)
