"""qwen-code's own files, `~/.qwen/projects/CWD/chats/SESSION.jsonl`: `user`, `assistant`, `tool_result`, `system` with a uuid each.

Messages are in Gemini's form. An assistant line holds all that one call of the model gave, so one without a tool call is the
answer, and ends the turn. What `system` lines say (telemetry, snapshots) stands in the others too.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sightline.v1.event_pb2 import Outcome, ToolStatus, Usage

from sightline_server.decode.agents.conversation import MAX_OPEN
from sightline_server.decode.agents.decoder import Decoder
from sightline_server.decode.agents.gemini_chat import EXIT_CODE, REMEMBERED
from sightline_server.decode.agents.json_lines import span
from sightline_server.decode.agents.tools import as_text, todos


class QwenChat(Decoder):
    """See `Decoder`."""

    agent: ClassVar[str] = "qwen"

    def __init__(self, *, keep_raw: bool = False) -> None:
        super().__init__(keep_raw=keep_raw)
        self._told: dict[str, None] = {}  # uuids: a session that is taken up again may be copied
        self._plans: dict[str, Any] = {}

    @classmethod
    def claims(cls, one: dict[str, Any]) -> bool:
        """See `Decoder`."""
        match one:
            case {"uuid": str(), "sessionId": str(), "type": "user" | "assistant" | "tool_result", "message": {"parts": list()}}:
                return True
            case {"uuid": str(), "sessionId": str(), "type": "system", "subtype": str(), "systemPayload": _}:
                return True
        return False

    def _object(self, one: dict[str, Any], line: bytes) -> bool:
        conversation = self.conversation
        uuid, kind = one["uuid"], one["type"]
        if kind not in {"user", "assistant", "tool_result", "system"}:
            return False
        if uuid in self._told:
            return True
        self._told[uuid] = None
        if len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]
        conversation.at_iso(one.get("timestamp"))
        self._know(one)
        if kind == "system":
            return True
        parts = one["message"]["parts"]
        if kind == "user":
            self._prompt("".join(part.get("text") or "" for part in parts))
        elif kind == "assistant":
            self._said(one, parts, line)
        else:
            self._results(one, parts)
        return True

    def _know(self, one: dict[str, Any]) -> None:
        info = self.conversation.info
        known = {
            "model": one.get("model"),
            "version": one.get("version"),
            "agent_session_id": one["sessionId"],
            "cwd": one.get("cwd"),
        }
        new = {key: value for key, value in known.items() if isinstance(value, str) and value != getattr(info, key)}
        if new:
            self.conversation.know(**new)

    def _prompt(self, text: str) -> None:
        conversation = self.conversation
        if conversation.turn_id:  # the answer never came
            conversation.end_turn(Outcome.OUTCOME_INTERRUPTED)
        conversation.begin_turn(text)

    def _said(self, one: dict[str, Any], parts: list[dict[str, Any]], line: bytes) -> None:
        conversation, uuid = self.conversation, one["uuid"]
        conversation.begin_turn()
        calls = False
        for place, part in enumerate(parts):
            call = part.get("functionCall")
            if call:
                calls = True
                conversation.call(
                    call["id"], call["name"], call.get("args"), span(line, "message", "parts", place, "functionCall", "args")
                )
                if call["name"] == "todo_write" and len(self._plans) < MAX_OPEN:
                    self._plans[call["id"]] = call["args"].get("todos")
            elif part.get("thought"):
                conversation.thinking(part["text"], f"{uuid}.{place}")
            elif part.get("text"):
                conversation.message(part["text"], f"{uuid}.{place}")
        if isinstance(one.get("usageMetadata"), dict):
            conversation.spend(_usage(one["usageMetadata"]))
        if not calls:
            conversation.end_turn(Outcome.OUTCOME_SUCCEEDED)

    def _results(self, one: dict[str, Any], parts: list[dict[str, Any]]) -> None:
        about = one.get("toolCallResult") or {}
        for part in parts:
            answer = part.get("functionResponse")
            if answer:
                self._result(answer, about if about.get("callId") in {answer.get("id"), None} else {})

    def _result(self, answer: dict[str, Any], about: dict[str, Any]) -> None:
        call_id, response = answer["id"], answer.get("response") or {}
        told = as_text(response.get("output", response.get("error", response)))
        shown = about.get("resultDisplay")
        exit_code = shown.get("exitCode") if isinstance(shown, dict) else None
        if exit_code is None and answer.get("name") == "run_shell_command":
            code = EXIT_CODE.findall(told)
            exit_code = int(code[-1]) if code else None
        well = about.get("status", "error" if "error" in response else "success") == "success" and not exit_code
        text = shown.get("text") if isinstance(shown, dict) else shown
        status = ToolStatus.TOOL_STATUS_COMPLETED if well else ToolStatus.TOOL_STATUS_FAILED
        self.conversation.result(call_id, status, text if isinstance(text, str) and text else told, exit_code=exit_code)
        plan = self._plans.pop(call_id, None)
        if plan is not None and well:
            self.conversation.plan(todos(plan))


def _usage(counts: dict[str, Any]) -> Usage:
    given, cached = counts.get("promptTokenCount") or 0, counts.get("cachedContentTokenCount") or 0
    written, thought = counts.get("candidatesTokenCount") or 0, counts.get("thoughtsTokenCount") or 0
    total = counts.get("totalTokenCount") or 0
    return Usage(
        input_tokens=max(0, given - cached),
        output_tokens=max(written, total - given),
        cached_tokens=cached,
        reasoning_tokens=thought,
        context_used=total,
    )
