"""Agents that read while they work: turns, permissions and interrupts on their stdin, over `kill -9` of the server too."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import Event, Outcome, SessionState
from sightline.v1.session_pb2 import Agent, Command, Session
from sightline.v1.session_service_pb2_grpc import SessionServiceStub
from support.server import PATIENCE, ServerProcess, completed, connect, create, follow, reason_of, until

PROGRAM = Path(__file__).parents[1] / "support" / "talking_agent.py"


class Talk:
    """A session with an agent that reads while it works.

    Attributes:
        stub: of the server as it is now.
    """

    def __init__(self, stub: SessionServiceStub, directory: Path, prompt: str = "") -> None:
        self.stub = stub
        self._heard = directory / "heard"
        agent = Agent(name="claude", prompt=prompt, two_way=True)
        command = Command(argv=[sys.executable, str(PROGRAM)])
        request = pb.CreateRequest(cwd=str(directory), agent=agent, command=command, env={"HEARD": str(self._heard)})
        self.session: Session = stub.Create(request, timeout=PATIENCE).session

    @property
    def described(self) -> Session:
        return self.stub.Get(pb.GetRequest(session=self.session.id), timeout=PATIENCE).session

    @property
    def events(self) -> list[Event]:
        return list(self.stub.ListEvents(pb.ListEventsRequest(session=self.session.id), timeout=PATIENCE).events)

    def of_kind(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.WhichOneof("payload") == kind]

    def heard(self, kind: str) -> list[dict[str, Any]]:
        lines = self._heard.read_text().splitlines() if self._heard.exists() else []
        return [one for one in map(json.loads, lines) if one["type"] == kind]

    def until(self, kind: str, count: int = 1) -> list[Event]:
        """Waits for so many events of a kind."""
        until(lambda: len(self.of_kind(kind)) >= count)
        return self.of_kind(kind)

    def send(self, text: str = "", *, eof: bool = False) -> None:
        self.stub.Send(pb.SendRequest(session=self.session.id, text=text, eof=eof), timeout=PATIENCE)

    def answer(self, request_id: str, **how: str) -> int:
        request = pb.AnswerRequest(session=self.session.id, request_id=request_id, **how)
        return self.stub.Answer(request, timeout=PATIENCE).seq

    def interrupt(self) -> None:
        self.stub.Interrupt(pb.InterruptRequest(session=self.session.id), timeout=PATIENCE)

    def wait_idle(self, *, after: int = 0) -> None:
        """Waits until the server says that it has nothing to do."""
        idle = SessionState.SESSION_STATE_IDLE
        request = pb.WaitRequest(session=self.session.id, until=[idle], after_seq=after, timeout=Duration(seconds=int(PATIENCE)))
        answer = self.stub.Wait(request, timeout=2 * PATIENCE)
        assert not answer.timed_out
        assert answer.session.state == idle

    def end(self) -> list[Event]:
        self.send(eof=True)
        return follow(self.stub, self.session.id)


def refused(call: Any, *args: Any, **how: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as failed:
        call(*args, **how)
    return failed.value.code(), reason_of(failed.value)


def test_what_is_sent_is_the_next_turn(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    talk = Talk(grpc_stub, tmp_path, "first")
    talk.until("turn_finished")
    talk.send("second, with\na line end and \u2028")
    talk.until("turn_finished", 2)
    events = talk.end()
    assert [event.turn_finished.text for event in events if event.HasField("turn_finished")] == [
        "first",
        "second, with\na line end and \u2028",
    ]
    assert [one["message"]["content"] for one in talk.heard("user")] == ["first", "second, with\na line end and \u2028"]
    assert completed(events).outcome == Outcome.OUTCOME_SUCCEEDED


def test_a_permission_is_asked_and_the_first_answer_counts(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    talk = Talk(grpc_stub, tmp_path, "ask")
    [asked] = talk.until("request")
    assert {option.option_id for option in asked.request.options} >= {"allow", "deny"}
    seq = talk.answer(asked.request.request_id, option_id="allow", author="ann")
    assert refused(talk.answer, asked.request.request_id, option_id="deny") == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "REQUEST_ANSWERED",
    )
    [resolved] = talk.until("request_resolved")
    assert (resolved.seq, resolved.request_resolved.option_id, resolved.request_resolved.author) == (seq, "allow", "ann")
    talk.until("turn_finished")
    [reply] = talk.heard("control_response")
    assert reply["response"]["response"]["updatedInput"] == {"file_path": "/etc/zz", "content": "x\n"}
    assert completed(talk.end()).result_text == "allowed"


def test_a_refusal_says_why(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    talk = Talk(grpc_stub, tmp_path, "ask")
    [asked] = talk.until("request")
    talk.answer(asked.request.request_id, option_id="deny", text="not today")
    talk.until("turn_finished")
    assert completed(talk.end()).result_text == "denied: not today"


def test_of_many_answers_at_once_one_counts(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    talk = Talk(grpc_stub, tmp_path, "ask")
    [asked] = talk.until("request")

    def answer(number: int) -> str:
        try:
            talk.answer(asked.request.request_id, option_id="deny", text=str(number))
        except grpc.RpcError as error:
            return reason_of(error)
        return "counted"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(answer, range(8)))
    assert sorted(answers) == ["REQUEST_ANSWERED"] * 7 + ["counted"]
    talk.until("turn_finished")
    assert len(talk.heard("control_response")) == 1
    assert completed(talk.end()).result_text == f"denied: {answers.index('counted')}"


def test_an_answer_that_cannot_be_says_why(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    talk = Talk(grpc_stub, tmp_path, "ask")
    [asked] = talk.until("request")
    request_id = asked.request.request_id
    assert refused(talk.answer, "nobody-asked", option_id="allow") == (grpc.StatusCode.NOT_FOUND, "REQUEST_NOT_FOUND")
    assert refused(talk.answer, request_id, option_id="perhaps") == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_FIELD")
    assert refused(talk.answer, request_id) == (grpc.StatusCode.INVALID_ARGUMENT, "BAD_FIELD")
    talk.interrupt()
    [resolved] = talk.until("request_resolved")
    assert resolved.request_resolved.cancelled
    assert refused(talk.answer, request_id, option_id="allow") == (grpc.StatusCode.FAILED_PRECONDITION, "REQUEST_VOID")
    talk.until("turn_finished")
    events = talk.end()
    assert completed(events).outcome == Outcome.OUTCOME_INTERRUPTED
    assert refused(talk.answer, request_id, option_id="allow") == (grpc.StatusCode.FAILED_PRECONDITION, "SESSION_ENDED")
    other = create(grpc_stub, "sleep", "60")
    request = pb.AnswerRequest(session=other.id, request_id="r", option_id="allow")
    assert refused(grpc_stub.Answer, request) == (grpc.StatusCode.FAILED_PRECONDITION, "AGENT_TAKES_NO_ANSWERS")


def test_an_interrupt_ends_the_turn_and_the_agent_goes_on(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    talk = Talk(grpc_stub, tmp_path, "slow")
    [call] = talk.until("tool_call")
    assert talk.described.turn_id == call.turn_id
    talk.interrupt()
    [finished] = talk.until("turn_finished")
    assert not talk.described.turn_id
    assert finished.turn_finished.outcome == Outcome.OUTCOME_INTERRUPTED
    talk.send("go on")
    talk.until("turn_finished", 2)
    events = talk.end()
    assert (completed(events).outcome, completed(events).result_text) == (Outcome.OUTCOME_SUCCEEDED, "go on")


def test_an_agent_that_does_not_hear_an_interrupt_is_ended_by_it(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    talk = Talk(grpc_stub, tmp_path, "deaf")
    talk.until("tool_call")
    talk.interrupt()
    last = completed(follow(grpc_stub, talk.session.id))
    assert (last.outcome, last.descendants_left) == (Outcome.OUTCOME_INTERRUPTED, 0)


def states_of(talk: Talk, after: int = 0) -> list[SessionState.ValueType]:
    return [event.state_changed.state for event in talk.of_kind("state_changed") if event.seq > after]


def test_an_agent_works_from_the_moment_in_which_it_is_given_a_turn_and_waits_from_the_one_in_which_it_asks(
    grpc_stub: SessionServiceStub, tmp_path: Path
) -> None:
    talk = Talk(grpc_stub, tmp_path, "first")
    talk.wait_idle()
    talk.send("ask")
    [asked] = talk.until("request")
    until(lambda: talk.described.state == SessionState.SESSION_STATE_WAITING)
    events = talk.events
    sent = max(event.seq for event in events if event.HasField("input"))
    works, waits = [event for event in events if event.HasField("state_changed") and event.seq > sent]
    assert (works.state_changed.state, works.seq) == (SessionState.SESSION_STATE_WORKING, sent + 1)
    assert (waits.state_changed.state, waits.seq) == (SessionState.SESSION_STATE_WAITING, asked.seq + 1)
    talk.interrupt()
    talk.end()


def test_an_idle_agent_that_is_interrupted_is_idle(grpc_stub: SessionServiceStub, tmp_path: Path) -> None:
    talk = Talk(grpc_stub, tmp_path, "first")
    talk.wait_idle()
    talk.interrupt()
    seq = talk.events[-1].seq
    talk.wait_idle(after=max(event.seq for event in talk.of_kind("input")))
    assert SessionState.SESSION_STATE_WORKING not in states_of(talk, seq)
    talk.end()


def test_a_state_not_said_yet_when_the_server_was_killed_is_said_by_the_next(server: ServerProcess, tmp_path: Path) -> None:
    with connect(server.target) as stub:
        talk = Talk(stub, tmp_path, "first")
        talk.until("turn_finished")
        server.kill()  # before the idleness is old enough to be said
    server.start()
    with connect(server.target) as stub:
        talk.stub = stub
        talk.wait_idle()
        talk.send("ask")
        [asked] = talk.until("request")
        server.kill()
    server.start()
    with connect(server.target) as stub:
        talk.stub = stub
        until(lambda: talk.described.state == SessionState.SESSION_STATE_WAITING)
        talk.answer(asked.request.request_id, option_id="allow")
        talk.wait_idle(after=asked.seq)
        talk.end()


def test_turns_and_answers_go_on_behind_a_killed_server(server: ServerProcess, tmp_path: Path) -> None:
    with connect(server.target) as stub:
        talk = Talk(stub, tmp_path, "ask")
        [asked] = talk.until("request")
        server.kill()
    server.start()
    with connect(server.target) as stub:
        talk.stub = stub
        talk.answer(asked.request.request_id, option_id="allow", author="ann")
        talk.until("turn_finished")
        server.kill()
    server.start()
    with connect(server.target) as stub:
        talk.stub = stub
        assert refused(talk.answer, asked.request.request_id, option_id="deny")[1] == "REQUEST_ANSWERED"
        talk.send("ask again")
        again = talk.until("request", 2)[1]
        server.kill()
    server.start()
    with connect(server.target) as stub:
        talk.stub = stub
        talk.interrupt()
        talk.until("turn_finished", 2)
        assert refused(talk.answer, again.request.request_id, option_id="deny")[1] == "REQUEST_VOID"
        talk.send("the end")
        talk.until("turn_finished", 3)
        events = talk.end()
    assert len(talk.heard("control_response")) == 1
    resolved = [event.request_resolved for event in events if event.HasField("request_resolved")]
    assert [(one.author, one.cancelled) for one in resolved] == [("ann", False), ("", True)]
    outcomes = [event.turn_finished.outcome for event in events if event.HasField("turn_finished")]
    assert outcomes == [Outcome.OUTCOME_SUCCEEDED, Outcome.OUTCOME_INTERRUPTED, Outcome.OUTCOME_SUCCEEDED]
    assert completed(events).result_text == "the end"
    assert "Traceback" not in server.log()
