"""What Claude Code gives to the commands it calls at certain moments (hooks): one object a call, on stdin.

A turn is named by the agent's own `prompt_id`; what a subagent does by the call that started it where that is known, else by the
subagent's own id. Whoever starts to listen in the middle gets results of calls whose beginning is not known.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sightline.v1.event_pb2 import Outcome, Role

from sightline_server.decode.agents.claude_parts import ClaudeParts
from sightline_server.decode.agents.json_lines import span
from sightline_server.decode.agents.tools import as_text

PERMISSION = "permission_prompt"  # what such a notification is called; the requests that hooks tell of begin with it
TURNS = {"UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure", "PermissionRequest", "Stop", "StopFailure"}
OUTSIDE = {"SessionStart", "SessionEnd"}  # no turn goes on beyond these
_ABOUT = ("message", "error", "reason", "source", "trigger", "last_assistant_message", "agent_type", "subject", "task_subject")


class ClaudeHooks(ClaudeParts):
    """See `Decoder`."""

    agent: ClassVar[str] = "claude"

    def __init__(self, *, keep_raw: bool = False) -> None:
        super().__init__(keep_raw=keep_raw)
        self._agents: dict[str, str] = {}  # the calls that started subagents, by the subagents' ids

    @classmethod
    def claims(cls, one: dict[str, Any]) -> bool:
        """See `Decoder`."""
        return isinstance(one.get("hook_event_name"), str) and "transcript_path" in one

    def _object(self, one: dict[str, Any], line: bytes) -> bool:
        name = one["hook_event_name"]
        agent_id = str(one.get("agent_id") or "")
        prompt_id = str(one.get("prompt_id") or "")
        conversation = self.conversation
        if name in OUTSIDE or (name in TURNS and not agent_id and prompt_id and prompt_id != conversation.turn_id):
            self._lost()  # nothing is called when a person interrupts
        if name == "UserPromptSubmit":
            self._prompted(one["prompt"], prompt_id)
            return True
        if name in TURNS and not agent_id:
            conversation.begin_turn(turn_id=prompt_id)
        turn_id = conversation.turn_id
        conversation.turn_id = prompt_id or turn_id  # subagents in the background go on with their turn when it is over
        try:
            self._hook(name, one, line, self._agents.get(agent_id, agent_id))
        finally:
            if conversation.turn_id:
                conversation.turn_id = turn_id
        return True

    def _lost(self) -> None:
        if self.conversation.turn_id:
            self.conversation.end_turn(Outcome.OUTCOME_LOST)

    def _prompted(self, prompt: str, prompt_id: str) -> None:
        if type(prompt) is not str:
            raise TypeError
        self.conversation.begin_turn(prompt, turn_id=prompt_id)
        role = Role.ROLE_SYSTEM if prompt.startswith("<task-notification>") else Role.ROLE_USER
        self.conversation.message(prompt, role=role)

    def _hook(self, name: str, one: dict[str, Any], line: bytes, parent: str) -> None:
        match name:
            case "SessionStart":
                self.conversation.know(agent_session_id=one["session_id"], cwd=one.get("cwd") or "", model=one.get("model") or "")
                self._note("session_start", one.get("source") or "", line)
            case "PreToolUse":
                block = {"id": one["tool_use_id"], "name": one["tool_name"], "input": one.get("tool_input")}
                self._calls(block, span(line, "tool_input"), parent)
            case "PostToolUse" | "PostToolUseFailure":
                self._used(one, parent, failed=name == "PostToolUseFailure")
            case "PermissionRequest":
                call_id = str(one.get("tool_use_id") or "") or self._last_call(one["tool_name"])
                self._asks(f"{PERMISSION}:{call_id or one['tool_name']}", one["tool_name"], one.get("tool_input"), call_id)
            case "Stop":
                self.conversation.end_turn(Outcome.OUTCOME_SUCCEEDED, text=one.get("last_assistant_message") or "")
            case "StopFailure":
                error = str(one.get("error_details") or one.get("error") or "")
                self._api_failed(one.get("error"), error)
                self.conversation.end_turn(Outcome.OUTCOME_FAILED, text=one.get("last_assistant_message") or "", error=error)
            case "Notification":
                self._notification(one, line)
            case _:
                about = next((str(one[key]) for key in _ABOUT if one.get(key)), "")
                self._note(_words(name), about, line, parent)

    def _notification(self, one: dict[str, Any], line: bytes) -> None:
        """A word to the person. Before 2.1 it is all that tells that a permission is asked for."""
        kind, text = str(one.get("notification_type") or ""), str(one.get("message") or "")
        asks = kind == PERMISSION or (not kind and "permission" in text)
        if asks and not self.conversation.open_requests and (call_id := self._last_call()):
            self._asks(f"{PERMISSION}:{call_id}", self.conversation.open_calls[call_id].name, None, call_id)
        self._note(kind or "notification", text, line)

    def _last_call(self, name: str = "") -> str:
        """The newest open call, of a tool with this name where one is given."""
        calls = reversed(self.conversation.open_calls.items())
        return next((call_id for call_id, call in calls if name in {"", call.name}), "")

    def _used(self, one: dict[str, Any], parent: str, *, failed: bool) -> None:
        call_id, told = one["tool_use_id"], one.get("tool_response")
        if call_id not in self.conversation.open_calls:
            self.conversation.resume_call(call_id, one["tool_name"], parent)
            self._tasks.called(call_id, one["tool_name"], one.get("tool_input"))
        if isinstance(told, dict) and isinstance(told.get("agentId"), str):
            self._agents[told["agentId"]] = call_id
        milliseconds = one.get("duration_ms")
        seconds = milliseconds / 1000 if isinstance(milliseconds, int | float) else None
        content = str(one.get("error") or "") if failed else _response(told)
        self._answers(call_id, content, failed=failed, parent=parent, told=told, seconds=seconds)


def _response(told: object) -> str:
    if isinstance(told, dict):
        if isinstance(told.get("stdout"), str):
            return "\n".join(part for part in (told["stdout"], told.get("stderr")) if part)
        if "content" in told:
            return as_text(told["content"])
    return as_text(told)


def _words(name: str) -> str:
    """`PreCompact` as `pre_compact`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
