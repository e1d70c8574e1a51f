"""What becomes of a request to run an agent."""

from __future__ import annotations

import json

import pytest
from sightline.v1.session_pb2 import Agent, Command
from sightline.v1.session_service_pb2 import CreateRequest
from sightline_server.capture.agent import programs
from sightline_server.decode.agents.choose import STREAMS


def prepared(name: str, *argv: str, prompt: str = "do it", two_way: bool = False) -> CreateRequest:
    request = CreateRequest(agent=Agent(name=name, prompt=prompt, two_way=two_way), command=Command(argv=argv))
    return programs.prepared(request, programs.talk_of(request))


def test_every_agent_that_can_be_run_has_a_decoder() -> None:
    assert set(programs.TABLE) <= set(STREAMS)


@pytest.mark.parametrize("name", sorted(programs.TABLE))
def test_flags_are_added_once(name: str) -> None:
    first = prepared(name)
    again = prepared(name, *first.command.argv, prompt="")
    assert list(again.command.argv) == list(first.command.argv)


def test_what_a_caller_has_chosen_stays() -> None:
    argv = prepared("claude", "claude", "-p", "--output-format=json", "what", prompt="").command.argv
    assert list(argv) == ["claude", "--verbose", "-p", "--output-format=json", "what"]


def test_words_behind_the_dashes_are_no_flags() -> None:
    argv = prepared("codex", "/opt/bin/codex", "--", "exec", "--json", prompt="").command.argv
    assert list(argv) == ["/opt/bin/codex", "exec", "--json", "--", "exec", "--json"]


def test_talking_begins_with_what_is_asked() -> None:
    ready = prepared("claude", prompt="say \u2028 hi", two_way=True)
    assert ready.command.stdin == Command.STDIN_OPEN
    lines = [json.loads(line) for line in ready.agent.prompt.encode().split(b"\n") if line]
    assert lines[0]["request"] == {"subtype": "initialize"}
    assert lines[1]["message"] == {"role": "user", "content": "say \u2028 hi"}


def test_talking_may_begin_with_nothing() -> None:
    lines = prepared("claude", prompt="", two_way=True).agent.prompt.strip().split("\n")
    assert [json.loads(line)["type"] for line in lines] == ["control_request"]


def test_other_names_of_a_program_mean_it_too() -> None:
    assert programs.family(CreateRequest(agent=Agent(name="cursor-agent"))) == "cursor"
