"""Real agents that ask first: Claude Code on its own stdin, opencode over its own server."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator

import pytest
from sightline.v1.event_pb2 import Event, Outcome, ToolStatus
from support.agent_desk import SECONDS, Desk, of_kind
from support.model_server import Step
from support.server import PATIENCE, completed, until

pytestmark = pytest.mark.agents


def asked(desk: Desk) -> Event:
    """Its request, once it is there."""
    until(lambda: of_kind(desk.so_far(), "request"), SECONDS)
    return of_kind(desk.so_far(), "request")[0]


@pytest.mark.parametrize("agent", ["claude"], indirect=True)
@pytest.mark.parametrize("answer", ["allow", "deny"])
def test_claude_code_asks_and_does_what_it_is_answered(desk: Desk, answer: str) -> None:
    desk.model.steps = (Step("May I?", "", (desk.agent.shell("echo done > allowed.txt"),)), Step("So be it."))
    started = desk.sightline("run", "-d", "--name", "it", "--agent", "claude", "--two-way", "--prompt=go on", "--", "claude")
    assert started.returncode == 0, started.stderr
    request = asked(desk).request
    assert {option.option_id for option in request.options} >= {"allow", "deny"}
    assert desk.sightline("wait", "it", "--until", "waiting", "--timeout", "20").returncode == 0
    assert desk.sightline("answer", "it", answer).returncode == 0
    assert desk.sightline("answer", "it", answer).returncode != 0
    assert desk.sightline("wait", "it", "--until", "idle", "--timeout", "60").returncode == 0
    assert desk.sightline("send", "it", "and now?").returncode == 0
    until(lambda: len(of_kind(desk.so_far(), "turn_finished")) == 2, SECONDS)
    assert desk.sightline("send", "it", "--eof").returncode == 0
    events = desk.events()
    assert completed(events).outcome == Outcome.OUTCOME_SUCCEEDED
    [resolved] = of_kind(events, "request_resolved")
    assert (resolved.request_resolved.request_id, resolved.request_resolved.option_id) == (request.request_id, answer)
    [result] = of_kind(events, "tool_result")
    allowed = answer == "allow"
    assert (result.tool_result.status == ToolStatus.TOOL_STATUS_COMPLETED) == allowed
    assert (desk.project / "allowed.txt").exists() == allowed
    assert desk.processes() == []


@pytest.mark.parametrize("agent", ["claude"], indirect=True)
def test_an_interrupt_ends_claude_codes_turn_and_not_its_session(desk: Desk) -> None:
    hangs = desk.agent.shell("echo $$ > started; sleep 600")
    desk.model.steps = (Step("It takes a while.", "", (hangs,)), Step("Here I am."))
    started = desk.run("wait", "-d", "--two-way")
    assert started.returncode == 0, started.stderr
    until((desk.project / "started").exists, SECONDS)
    assert desk.sightline("interrupt", "it").returncode == 0
    until(lambda: of_kind(desk.so_far(), "turn_finished"), SECONDS)
    assert desk.sightline("send", "it", "are you there?").returncode == 0
    until(lambda: len(of_kind(desk.so_far(), "turn_finished")) == 2, SECONDS)
    assert desk.sightline("send", "it", "--eof").returncode == 0
    events = desk.events()
    first, second = (event.turn_finished for event in of_kind(events, "turn_finished"))
    assert first.outcome == Outcome.OUTCOME_INTERRUPTED
    assert (second.outcome, second.text) == (Outcome.OUTCOME_SUCCEEDED, "Here I am.")
    assert completed(events).outcome == Outcome.OUTCOME_SUCCEEDED
    assert desk.processes() == []


@pytest.fixture
def served(desk: Desk) -> Iterator[str]:
    """opencode's own server, which asks before it runs commands; where it is."""
    asks = {**desk.environ, "OPENCODE_PERMISSION": json.dumps({"bash": "ask"})}
    server = subprocess.Popen(["opencode", "serve", "--port", "0"], env=asks, cwd=desk.project, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        line = next(line for line in server.stdout if "http://" in line)
        yield line[line.index("http://") :].strip()
    finally:
        server.terminate()
        server.communicate(timeout=PATIENCE)


def call(url: str, body: object) -> object:
    """POSTs JSON; the answer's."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        return json.loads(answer.read() or b"null")


@pytest.mark.parametrize("agent", ["opencode"], indirect=True)
def test_what_opencodes_server_asks_is_told_and_so_is_the_answer(desk: Desk, served: str) -> None:
    desk.model.steps = (Step("May I?", "", (desk.agent.shell("echo done > allowed.txt"),)), Step("So be it."))
    adopted = desk.sightline("adopt", "--agent", "opencode", served, "--name", "it")
    assert adopted.returncode == 0, adopted.stderr
    session = call(f"{served}/session", {})
    assert isinstance(session, dict)
    call(f"{served}/session/{session['id']}/prompt_async", {"parts": [{"type": "text", "text": "go on"}]})
    request = asked(desk).request
    assert desk.sightline("wait", "it", "--until", "waiting", "--timeout", "20").returncode == 0
    refused = desk.sightline("answer", "it", "once")
    assert refused.returncode != 0
    assert "cannot be answered from here" in refused.stderr
    call(f"{served}/permission/{request.request_id}/reply", {"reply": "once"})
    until(lambda: of_kind(desk.so_far(), "turn_finished"), SECONDS)
    events = desk.so_far()
    [resolved] = of_kind(events, "request_resolved")
    assert resolved.request_resolved.request_id == request.request_id
    [result] = of_kind(events, "tool_result")
    assert result.tool_result.status == ToolStatus.TOOL_STATUS_COMPLETED
    [turn] = of_kind(events, "turn_finished")
    assert (turn.turn_finished.outcome, turn.turn_finished.text) == (Outcome.OUTCOME_SUCCEEDED, "So be it.")
    assert (desk.project / "allowed.txt").exists()
    assert desk.sightline("release", "it").returncode == 0
