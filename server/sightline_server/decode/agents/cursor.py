"""cursor-agent, `--output-format stream-json`: `system`, `user`, `thinking`, `assistant`, `tool_call`, `result`.

With `--stream-partial-output` text is said twice: in pieces (a time, no model call), then whole (before a tool with the model call,
at the end without a time). Without it the same lines are all there is. So a whole that the pieces before it already said is passed
over, and any other is a message. Written from its documentation: no recording.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sightline.v1.event_pb2 import ErrorOrigin, Outcome, Role, ToolStatus, Usage

from sightline_server.decode.agents.conversation import unix_time
from sightline_server.decode.agents.decoder import Decoder
from sightline_server.decode.agents.json_lines import span
from sightline_server.decode.agents.tools import as_json, as_text, todos


class Cursor(Decoder):
    """See `Decoder`."""

    agent: ClassVar[str] = "cursor"
    best_effort: ClassVar[bool] = True

    def __init__(self, *, keep_raw: bool = False) -> None:
        super().__init__(keep_raw=keep_raw)
        self._messages = 1
        self._thoughts = 1
        self._pieces: list[str] = []  # all that was said in pieces in this turn
        self._todos: dict[str, dict[str, Any]] = {}

    @classmethod
    def claims(cls, one: dict[str, Any]) -> bool:
        """See `Decoder`."""
        match one:
            case {"type": "system", "subtype": "init", "apiKeySource": _, "permissionMode": _}:
                return "tools" not in one  # Claude Code tells them
            case {"type": "tool_call", "call_id": str(), "tool_call": dict()} | {"type": "thinking", "subtype": str()}:
                return True
        return False

    def _object(self, one: dict[str, Any], line: bytes) -> bool:
        conversation = self.conversation
        moment = one.get("timestamp_ms")
        conversation.at(unix_time(moment / 1000) if isinstance(moment, int | float) else None)
        match one["type"]:
            case "assistant":
                self._assistant(one)
            case "thinking" if one["subtype"] == "delta":
                conversation.begin_turn()
                conversation.thinking(one["text"], f"thought-{self._thoughts}", delta=True)
            case "thinking" if one["subtype"] == "completed":
                self._thoughts += 1
            case "tool_call":
                return self._tool(one, line)
            case "user":
                prompt = as_text(one["message"]["content"])
                if conversation.turn_id:
                    conversation.message(prompt, role=Role.ROLE_USER)
                conversation.begin_turn(prompt)
            case "result":
                self._finished(one)
            case "system" if one.get("subtype") == "init":
                conversation.know(model=one.get("model") or "", agent_session_id=one["session_id"], cwd=one.get("cwd") or "")
            case "interaction_query":
                conversation.notice("interaction_query", str(one.get("subtype", "")))
            case _:
                return False
        return True

    # --- text

    def _assistant(self, one: dict[str, Any]) -> None:
        conversation = self.conversation
        conversation.begin_turn()
        text = as_text(one["message"]["content"])
        if "timestamp_ms" in one and not one.get("model_call_id"):
            self._pieces.append(text)
            conversation.message(text, self._message_id, delta=True)
            return
        if not (self._pieces and "".join(self._pieces).endswith(text)):
            conversation.message(text, self._message_id)
        self._messages += 1

    @property
    def _message_id(self) -> str:
        return f"message-{self._messages}"

    def _finished(self, one: dict[str, Any]) -> None:
        conversation = self.conversation
        text = one.get("result")
        failed = one.get("is_error") is True or one.get("subtype") not in {"success", None}
        error = (text or str(one.get("subtype") or "")) if failed else ""
        if failed:
            conversation.failed("AGENT_ERROR", error, origin=ErrorOrigin.ERROR_ORIGIN_UNSPECIFIED)
        counts = one.get("usage")
        usage = _usage(counts) if isinstance(counts, dict) else None
        outcome = Outcome.OUTCOME_FAILED if failed else Outcome.OUTCOME_SUCCEEDED
        conversation.end_turn(outcome, text=text if isinstance(text, str) else None, usage=usage, error=error)
        self._messages += 1
        self._pieces.clear()

    # --- tools

    def _tool(self, one: dict[str, Any], line: bytes) -> bool:
        conversation = self.conversation
        conversation.begin_turn()
        call_id = one["call_id"]
        (name, call), *_ = one["tool_call"].items()
        if not conversation.knows(call_id):
            self._messages += 1
            if name == "function":
                given, raw = call.get("arguments"), str(call.get("arguments") or "").encode()
                conversation.call(call_id, call["name"], given, raw)
            else:
                conversation.call(call_id, name, call.get("args"), span(line, "tool_call", name, "args"))
        if one["subtype"] == "completed":
            self._result(call_id, call)
            if name == "updateTodosToolCall":
                self._plan(call)
        return one["subtype"] in {"started", "completed"}

    def _result(self, call_id: str, call: dict[str, Any]) -> None:
        result = call.get("result")
        how, told = next(iter(result.items()), ("success", {})) if isinstance(result, dict) else ("success", result)
        exit_code = None
        content = as_text(told) if not isinstance(told, dict) else _content(how, told)
        if isinstance(told, dict) and isinstance(told.get("exitCode"), int):
            exit_code = told["exitCode"]
        failed = how != "success" or exit_code not in (0, None)
        status = ToolStatus.TOOL_STATUS_FAILED if failed else ToolStatus.TOOL_STATUS_COMPLETED
        self.conversation.result(call_id, status, content, exit_code=exit_code)

    def _plan(self, call: dict[str, Any]) -> None:
        args, told = call.get("args") or {}, (call.get("result") or {}).get("success") or {}
        entries = told.get("todos") or args.get("todos") or []
        if not told.get("todos") and not args.get("merge"):
            self._todos.clear()
        for entry in entries:
            status = str(entry.get("status", "")).lower().removeprefix("todo_status_")
            known = self._todos.get(str(entry.get("id")), {})
            self._todos[str(entry.get("id"))] = {**known, **entry, "status": status}
        self.conversation.plan(todos(list(self._todos.values())))


def _content(how: str, told: dict[str, Any]) -> str:
    if "stdout" in told or "stderr" in told:
        return f"{told.get('stdout') or ''}{told.get('stderr') or ''}"
    for name in ("content", "reason", "errorMessage", "error", "message"):
        if isinstance(told.get(name), str) and told[name]:
            return str(told[name])
    return as_json(told) if how == "success" else how


def _usage(counts: dict[str, Any]) -> Usage:
    return Usage(
        input_tokens=max(0, int(counts.get("inputTokens") or 0)),
        output_tokens=max(0, int(counts.get("outputTokens") or 0)),
        cached_tokens=max(0, int(counts.get("cacheReadTokens") or 0)),
    )
