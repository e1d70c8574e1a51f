"""Real agents that run without Sightline, and are followed by the transcript that they write."""

from __future__ import annotations

import subprocess

import pytest
from sightline.v1.event_pb2 import Role, ToolStatus
from support.agent_desk import SECONDS, Desk, of_kind
from support.model_server import Step
from support.server import until

pytestmark = pytest.mark.agents


@pytest.mark.parametrize("agent", ["codex", "gemini", "qwen", "claude"], indirect=True)
def test_an_agent_that_runs_already_is_followed_to_its_last_word(desk: Desk) -> None:
    waits = "echo $$ > started; until test -e go; do sleep 0.05; done; echo went"
    desk.model.steps = (Step("I wait for a file.", "", (desk.agent.shell(waits),)), Step("It is there."))
    alone = subprocess.Popen(
        desk.agent.plain, env=desk.environ, cwd=desk.project, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert alone.stdin
    alone.stdin.write(b"wait for the file")
    alone.stdin.close()
    alone.stdin = None
    try:
        until((desk.project / "started").exists, SECONDS)
        adopted = desk.sightline("adopt", "--agent", desk.agent.name, "--cwd", str(desk.project), "--name", "it")
        assert adopted.returncode == 0, adopted.stderr
        until(lambda: of_kind(desk.so_far(), "turn_started"))
        (desk.project / "go").touch()
        alone.communicate(timeout=SECONDS)
    finally:
        (desk.project / "go").touch()
        alone.kill()
        alone.communicate()
    events = desk.events()
    [call] = of_kind(events, "tool_call")
    [result] = of_kind(events, "tool_result")
    assert result.tool_result.tool_call_id == call.tool_call.tool_call_id
    assert result.tool_result.status == ToolStatus.TOOL_STATUS_COMPLETED
    assert "went" in result.tool_result.content
    messages = [event.message for event in of_kind(events, "message")]
    assert [one.text.strip() for one in messages if one.role != Role.ROLE_USER] == ["I wait for a file.", "It is there."]
    # Claude Code's prompts are messages as well; codex tells its own a moment after the beginning of the turn, as a message alone.
    given = [event.turn_started.prompt for event in of_kind(events, "turn_started")]
    given += [one.text for one in messages if one.role == Role.ROLE_USER]
    assert {text.strip() for text in given if text} == {"wait for the file"}
