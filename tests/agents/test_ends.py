"""Real agents that are interrupted or ended while a tool runs: nothing of them is left, and the outcome says why."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import Outcome
from support.agent_desk import SECONDS, Desk, of_kind
from support.model_server import Step
from support.server import PATIENCE, completed, until

pytestmark = pytest.mark.agents

HANGS = "echo $$ > started; sleep 600 & setsid sleep 601 & wait; echo finished > finished"

End = Callable[[Desk], None]


def interrupt(desk: Desk) -> None:
    desk.stub.Interrupt(pb.InterruptRequest(session="it"), timeout=PATIENCE)


def terminate(desk: Desk) -> None:
    desk.stub.Terminate(pb.TerminateRequest(session="it"), timeout=PATIENCE)


@pytest.mark.parametrize(
    ("end", "outcome"), [(interrupt, Outcome.OUTCOME_INTERRUPTED), (terminate, Outcome.OUTCOME_CANCELLED)], ids=["int", "term"]
)
def test_an_agent_that_is_ended_in_a_tool_leaves_nothing_behind(desk: Desk, end: End, outcome: Outcome.ValueType) -> None:
    desk.model.steps = (Step("This takes a while.", "", (desk.agent.shell(HANGS),)), Step("It is done."))
    assert desk.run("wait for it", "-d").returncode == 0
    until((desk.project / "started").exists, SECONDS)
    if desk.agent.tells_calls:
        until(lambda: of_kind(desk.so_far(), "tool_call"))
    end(desk)
    events = desk.events()
    last = completed(events)
    assert (last.outcome, last.descendants_left) == (outcome, 0)
    assert last.error
    assert desk.processes() == []
    assert not (desk.project / "finished").exists()
    calls = [event.tool_call.tool_call_id for event in of_kind(events, "tool_call")]
    results = [event.tool_result.tool_call_id for event in of_kind(events, "tool_result")]
    assert results == calls


def test_ctrl_c_at_the_command_line_interrupts_it(desk: Desk) -> None:
    desk.model.steps = (Step("This takes a while.", "", (desk.agent.shell(HANGS),)), Step("It is done."))
    running = desk.begin("wait for it")
    until((desk.project / "started").exists, SECONDS)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=SECONDS)
    assert running.returncode == 130, said
    assert completed(desk.events()).outcome == Outcome.OUTCOME_INTERRUPTED
    assert desk.processes() == []


def test_an_agent_is_ended_whole_behind_a_restart_of_the_server(desk: Desk) -> None:
    desk.model.steps = (Step("This takes a while.", "", (desk.agent.shell(HANGS),)), Step("It is done."))
    assert desk.run("wait for it", "-d").returncode == 0
    until((desk.project / "started").exists, SECONDS)
    desk.server.kill()
    desk.server.start()
    interrupt(desk)
    last = completed(desk.events())
    assert (last.outcome, last.descendants_left) == (Outcome.OUTCOME_INTERRUPTED, 0)
    assert desk.processes() == []


def test_an_agent_that_is_killed_by_others_failed(desk: Desk) -> None:
    desk.model.steps = (Step("Goodbye.", "", (desk.agent.shell("echo $$ > started; sleep 600"),)), Step("It is done."))
    assert desk.run("wait for it", "-d").returncode == 0
    until((desk.project / "started").exists, SECONDS)
    for pid in desk.pids():
        os.kill(pid, signal.SIGKILL)
    last = completed(desk.events())
    assert last.outcome == Outcome.OUTCOME_FAILED
    assert last.error
    assert desk.processes() == []
