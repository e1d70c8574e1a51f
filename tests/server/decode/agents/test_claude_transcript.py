"""Claude Code's files on disk, where a recording does not show it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sightline.v1.event_pb2 import Event, Outcome, RequestKind, Role
from sightline_server.decode.agents.claude_transcript import ClaudeTranscript
from sightline_server.decode.agents.decoder import UNSEEN, End
from support.recordings import recordings

BY_NAME = {one.name: one for one in recordings()}


class File:
    """A transcript that is being written: each line follows the one before."""

    def __init__(self) -> None:
        self.decoder = ClaudeTranscript()
        self.events: list[Event] = []
        self.last: str | None = None
        self._count = 0

    def line(self, kind: str, **more: Any) -> str:
        """Writes a line of the conversation; its id."""
        self._count += 1
        uuid = f"u{self._count}"
        one = {"type": kind, "uuid": uuid, "parentUuid": self.last, "isSidechain": False, "sessionId": "s", **more}
        if not one["isSidechain"]:
            self.last = uuid
        return self.write(one) or uuid

    def write(self, one: dict[str, Any]) -> str:
        self.events += self.decoder.feed(json.dumps(one).encode() + b"\n")
        return ""

    def prompt(self, said: Any, **more: Any) -> str:
        return self.line("user", message={"role": "user", "content": said}, **more)

    def says(self, *content: dict[str, Any], stop: str = "end_turn", api_id: str = "m", **more: Any) -> str:
        usage = {"input_tokens": 10, "output_tokens": 5}
        message = {"id": api_id, "model": "m", "content": [*content], "stop_reason": stop, "usage": usage}
        return self.line("assistant", message=message, **more)

    def answers(self, call_id: str, content: str, **more: Any) -> str:
        block = {"type": "tool_result", "tool_use_id": call_id, "content": content}
        return self.prompt([block], **more)

    def turns(self) -> list[tuple[str, str]]:
        """How each turn that is over ended, by its prompt."""
        prompts = {event.turn_id: event.turn_started.prompt for event in self.events if event.HasField("turn_started")}
        finished = [event for event in self.events if event.HasField("turn_finished")]
        return [(prompts[one.turn_id], Outcome.Name(one.turn_finished.outcome).removeprefix("OUTCOME_")) for one in finished]


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def call(call_id: str, name: str, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def test_tokens_of_a_message_count_once_though_each_of_its_lines_has_them() -> None:
    events = BY_NAME["claude-disk/ok"].events()
    (usage,) = [event.usage for event in events if event.HasField("usage")]
    stream = next(event.usage for event in BY_NAME["claude/ok"].events() if event.HasField("usage"))
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens) == (
        stream.input_tokens,
        stream.output_tokens,
        stream.cached_tokens,
    )
    assert events[-1].completed.usage.cost == pytest.approx(stream.cost)


def test_a_turn_is_over_with_the_last_text_and_what_follows_of_its_message_belongs_to_it() -> None:
    file = File()
    file.prompt("go")
    file.says({"type": "thinking", "thinking": "hm"})
    assert file.turns() == []
    file.says(text("first"))
    assert file.turns() == [("go", "SUCCEEDED")]
    file.says(text("second"))
    assert [event.turn_id for event in file.events if event.HasField("message") and event.message.text == "second"] == ["1"]
    assert file.turns() == [("go", "SUCCEEDED")]


def test_a_turn_whose_end_no_line_tells_is_lost_and_one_that_only_thought_at_last_is_not() -> None:
    file = File()
    file.prompt("one")
    file.says(call("t", "Bash"), stop="tool_use")
    file.prompt("two")
    file.says({"type": "thinking", "thinking": "done"}, api_id="n")
    file.prompt("three")
    assert file.turns() == [("one", "LOST"), ("two", "SUCCEEDED")]
    last = file.decoder.close(UNSEEN)
    assert last[-1].completed.outcome == Outcome.OUTCOME_LOST
    assert File().decoder.close(End(exit_code=0))[-1].completed.outcome == Outcome.OUTCOME_FAILED


def test_where_no_message_says_why_it_stopped_a_turn_was_done_if_its_last_word_is_a_text() -> None:
    file = File()
    file.prompt("one")
    file.says(text("done"), stop="")
    file.prompt("two")
    file.says(text("I look"), stop="", api_id="n")
    file.says(call("t", "Bash"), stop="", api_id="n")
    file.prompt("three")
    file.says(text("done"), stop="", api_id="o")
    assert file.turns() == [("one", "SUCCEEDED"), ("two", "LOST")]
    assert file.decoder.close(UNSEEN)[-1].completed.outcome == Outcome.OUTCOME_SUCCEEDED


def test_how_long_a_turn_took_is_said_when_it_is_over() -> None:
    file = File()
    file.prompt("go")
    file.says({"type": "thinking", "thinking": "hm"})
    file.line("system", subtype="turn_duration", durationMs=5)
    assert file.turns() == [("go", "SUCCEEDED")]


def test_a_refused_call_of_the_service_ends_the_turn_as_a_failure() -> None:
    file = File()
    file.prompt("go")
    file.line(
        "assistant",
        message={"id": "e", "model": "<synthetic>", "content": [text("API Error: 529")]},
        isApiErrorMessage=True,
        error="server_error",
    )
    assert file.turns() == [("go", "FAILED")]
    assert [(event.error.code, event.error.message) for event in file.events if event.HasField("error")] == [
        ("SERVER_ERROR", "API Error: 529")
    ]


def test_what_nobody_typed_begins_no_turn() -> None:
    file = File()
    file.prompt("<command-name>/model</command-name>")
    file.prompt("<local-command-stdout>Set model</local-command-stdout>")
    file.prompt("a summary", isCompactSummary=True)
    file.prompt("a reminder", isMeta=True)
    file.line("assistant", message={"id": "x", "model": "<synthetic>", "content": [text("No response requested.")]})
    assert [event.message.role for event in file.events if event.HasField("message")] == [Role.ROLE_SYSTEM] * 5
    assert not any(event.HasField("turn_started") for event in file.events)


def test_a_line_that_was_copied_into_the_file_again_is_told_once() -> None:
    file = File()
    file.prompt("go")
    one: dict[str, Any] = {"type": "assistant", "uuid": "same", "parentUuid": file.last, "isSidechain": False, "sessionId": "s"}
    one["message"] = {"id": "m", "model": "m", "content": [text("a")], "stop_reason": "end_turn"}
    file.write(one)
    file.write(one)
    assert [event.message.text for event in file.events if event.HasField("message")] == ["go", "a"]
    assert file.turns() == [("go", "SUCCEEDED")]


def test_going_back_to_an_earlier_place_is_noticed_and_compaction_is_none() -> None:
    file = File()
    file.prompt("one")
    file.says(text("a"))
    back = file.last
    file.prompt("two")
    file.says(text("b"), api_id="n")
    file.last = back
    file.prompt("two, but better")
    assert [event.notice.text for event in file.events if event.notice.code == "rewound"] == [back]
    file.says(text("c"), api_id="o")
    file.last = None
    file.line("system", subtype="compact_boundary", content="Conversation compacted", compactMetadata={"trigger": "auto"})
    file.prompt("three")
    assert len([event for event in file.events if event.notice.code == "rewound"]) == 1
    assert [event.notice.text for event in file.events if event.notice.code == "compact_boundary"] == ["Conversation compacted"]


def test_system_prompts_are_passed_on_nowhere_whole_broken_or_kept_raw() -> None:
    secret = "You are a coding agent with these rules"
    lines = [
        {"type": "api-request-blob", "hash": "x", "body": secret},
        {"parentUuid": None, "isSidechain": False, "attachment": {"type": "prompt_snapshot", "text": secret}, "type": "attachment"},
        {"type": "some-later-kind", "text": secret},
    ]
    decoder = ClaudeTranscript(keep_raw=True)
    data = b"".join(json.dumps(one).encode() + b"\n" for one in lines) + b'{"type":"api-request-blob","body":"' + secret.encode()
    events = [*decoder.feed(data), *decoder.close()]
    assert [(event.notice.code, event.notice.text) for event in events[:-1]] == [
        ("internal", "api-request-blob"),
        ("internal", "attachment prompt_snapshot"),
        ("unknown_line", "some-later-kind"),
        ("not_json", ""),
    ]
    assert not any(secret.encode() in event.SerializeToString() for event in events)


def test_a_subagent_is_known_by_the_call_that_started_it_in_its_own_file_and_in_the_main_one() -> None:
    main = File()
    main.prompt("go")
    main.says(call("t1", "Task", prompt="look"), stop="tool_use")
    inside = main.prompt("look", isSidechain=True, parentUuid=None)
    main.says(text("I look"), isSidechain=True, parentUuid=inside, api_id="c")
    main.answers("t1", "found", toolUseResult={"agentId": "a1"})
    child = [event for event in main.events if event.parent_tool_call_id and event.HasField("message")]
    assert [(event.parent_tool_call_id, event.message.text) for event in child] == [("t1", "look"), ("t1", "I look")]
    own = File()
    own.decoder.agents = main.decoder.agents
    own.prompt("more", isSidechain=True, agentId="a1")
    own.says(text("done"), isSidechain=True, agentId="a1")
    assert {event.parent_tool_call_id for event in own.events if event.HasField("message")} == {"t1"}
    assert not any(event.HasField("turn_started") for event in own.events)


def test_a_question_to_the_person_is_asked_when_it_is_written_and_resolved_by_its_answer() -> None:
    file = File()
    file.prompt("go")
    file.says(call("q", "AskUserQuestion", questions=[{"question": "Which?", "options": [{"label": "Red"}]}]), stop="tool_use")
    (request,) = [event.request for event in file.events if event.HasField("request")]
    assert (request.request_id, request.kind, request.text) == ("q", RequestKind.REQUEST_KIND_QUESTION, "Which?")
    file.answers("q", "Red")
    assert [event.request_resolved.text for event in file.events if event.HasField("request_resolved")] == ["Red"]


def test_a_prompt_that_is_typed_while_it_works_is_told_without_a_turn_of_its_own() -> None:
    file = File()
    file.prompt("go", promptId="p1")
    file.says(call("t", "Bash"), stop="tool_use")
    file.line("attachment", attachment={"type": "queued_command", "prompt": "and tests"})
    file.prompt([text("more of the same prompt")], promptId="p1")
    said = [(event.turn_id, event.message.text) for event in file.events if event.HasField("message")]
    assert said == [("1", "go"), ("1", "and tests"), ("1", "more of the same prompt")]
