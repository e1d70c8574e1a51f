"""Codex's own file of a thread, `rollout-*.jsonl`: lines of {timestamp, type, payload}.

What was said and done is taken from `response_item`, which all versions write; most of `event_msg` says the same again. Messages
of role user hold much that nobody typed; what was typed stands in `user_message` or, later, in `item_completed`.
Versions without `task_started` mark no end: a turn is over when the next prompt or the end of the file finds its last word said.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

import msgspec
from sightline.v1.event_pb2 import ErrorOrigin, Outcome, Role, ToolStatus

from sightline_server.decode.agents import codex_parts as parts
from sightline_server.decode.agents.decoder import Decoder, End
from sightline_server.decode.agents.json_lines import span
from sightline_server.decode.agents.tools import MAX_TITLE, as_text

_HEAD = re.compile(
    r"(?:(?:Wall time: (?P<took>[\d.]+) seconds|(?:Process exited with|Exit) code:? (?P<code>-?\d+)|Chunk ID: .*"
    r"|Process running with session ID .*|Original token count: .*|Total output lines: .*)\n)+Output:\n?"
)
_FAILED = re.compile(
    r"(?:Wall time: [\d.]+ seconds\n)?(?:aborted|unsupported (?:custom tool )?call|exec_command failed|write_stdin failed"
    r"|apply_patch verification failed|failed to parse|execution error|patch rejected|rejected by user|tool call error)"
)
_TWINS = re.compile(
    r"agent_|item_|exec_|mcp_|patch_apply_|web_search_|view_image_|image_generation_|dynamic_tool_|collab_|hook_|raw_response_"
    r"|turn_diff|plan_|thread_settings_|thread_name_|thread_goal_|context_compacted|token_usage|session_configured|shutdown_"
)
_QUIET = frozenset({"token_usage_record", "session_state", "ghost_snapshot", "compaction", "context_compaction"})


class CodexRollout(Decoder):
    """See `Decoder`."""

    agent: ClassVar[str] = "codex"

    def __init__(self, *, keep_raw: bool = False) -> None:
        super().__init__(keep_raw=keep_raw)
        self._marked = False  # turns are marked by `task_started` and `task_complete`
        self._has_last_word = False
        self._error = ""
        self._counts = parts.Counts()
        self._plans: dict[str, Any] = {}
        self._searches = 0

    @classmethod
    def claims(cls, one: dict[str, Any]) -> bool:
        """See `Decoder`."""
        match one:
            case {"type": "session_meta" | "turn_context" | "response_item" | "event_msg" | "compacted", "payload": dict()}:
                return True
        return False

    def _object(self, one: dict[str, Any], line: bytes) -> bool:
        conversation = self.conversation
        payload = one["payload"]
        conversation.at_iso(one.get("timestamp"))
        match one["type"]:
            case "response_item":
                return self._item(payload["type"], payload, line)
            case "event_msg":
                kind = payload["type"]
                return self._turn(kind, payload) or self._said(kind, payload) or _TWINS.match(kind) is not None
            case "session_meta":
                self._withheld = True  # the system prompt
                known = {"agent_session_id": payload.get("id"), "version": payload.get("cli_version"), "cwd": payload.get("cwd")}
                conversation.know(**{name: value for name, value in known.items() if isinstance(value, str)})
            case "turn_context":
                self._withheld = True  # instructions
                conversation.know(model=payload.get("model") or "", cwd=payload.get("cwd") or "")
            case "compacted":
                conversation.notice("compacted", str(payload.get("message") or ""))
            case "world_state":
                self._withheld = True
            case kind:
                return kind in _QUIET
        return True

    # --- turns

    def _turn(self, kind: str, payload: dict[str, Any]) -> bool:
        match kind:
            case "user_message":
                self._asked(payload["message"])
            case "item_completed" if payload["item"]["type"] == "UserMessage":
                self._asked(as_text(payload["item"]["content"]))
            case "task_started" | "turn_started":
                if self.conversation.turn_id:
                    self._end(Outcome.OUTCOME_LOST, error=self._error)  # the program went away in the middle of it
                self._marked = True
                self._begin()
            case "task_complete" | "turn_complete":
                self._complete(payload)
            case "turn_aborted":
                self._end(Outcome.OUTCOME_INTERRUPTED, stop_reason=str(payload.get("reason") or ""))
            case _:
                return False
        return True

    def _said(self, kind: str, payload: dict[str, Any]) -> bool:
        conversation = self.conversation
        match kind:
            case "token_count":
                self._counts.add(payload.get("info"))
            case "error":
                conversation.failed("AGENT_ERROR", payload["message"], origin=ErrorOrigin.ERROR_ORIGIN_UNSPECIFIED)
                self._error = payload["message"]
            case "stream_error":
                conversation.notice("retry", payload["message"])
            case "warning" | "background_event" | "deprecation_notice":
                conversation.notice(kind, str(payload.get("message") or payload.get("summary") or ""))
            case "thread_rolled_back" | "entered_review_mode" | "exited_review_mode":
                conversation.notice(kind)
            case _:
                return False
        return True

    def _asked(self, prompt: str) -> None:
        if self.conversation.turn_id and not self._marked and self._is_finished:
            self._end(Outcome.OUTCOME_SUCCEEDED)
        if self.conversation.turn_id:
            self.conversation.message(prompt, role=Role.ROLE_USER)
        else:
            self._begin(prompt)

    @property
    def _is_finished(self) -> bool:
        return self._has_last_word and not self.conversation.open_calls

    def _begin(self, prompt: str = "") -> None:
        self.conversation.begin_turn(prompt)
        self._error = ""
        self._has_last_word = False

    def _complete(self, payload: dict[str, Any]) -> None:
        error, last = payload.get("error"), payload.get("last_agent_message")
        message = str(error.get("message", "")) if isinstance(error, dict) else ""
        if message and message != self._error:
            self.conversation.failed("AGENT_ERROR", message, origin=ErrorOrigin.ERROR_ORIGIN_UNSPECIFIED)
        if error or (self._error and last is None):
            self._end(Outcome.OUTCOME_FAILED, error=message or self._error)
        else:
            self._end(Outcome.OUTCOME_SUCCEEDED, text=last)

    def _end(self, outcome: Outcome.ValueType, *, text: str | None = None, error: str = "", stop_reason: str = "") -> None:
        self.conversation.end_turn(outcome, text=text, usage=self._counts.take(), error=error, stop_reason=stop_reason)
        self._plans.clear()

    def _closing(self, end: End) -> None:
        asked = end.terminated or end.interrupted
        if self.conversation.turn_id and not self._marked and self._is_finished and not asked:
            self._end(Outcome.OUTCOME_SUCCEEDED)
        elif self.conversation.turn_id and (used := self._counts.take()):
            self.conversation.spend(used)

    # --- what is said and done

    def _item(self, kind: str, item: dict[str, Any], line: bytes) -> bool:
        if kind == "message" and item["role"] != "assistant":
            self._withheld = item["role"] != "user"
            return True
        if kind.endswith("_output"):
            self._result(item)
            return True
        if kind not in {"message", "reasoning"} and not kind.endswith("_call"):
            return kind in _QUIET
        if not self._marked:
            self.conversation.begin_turn()
        self._has_last_word = kind == "message"
        match kind:
            case "message":
                self.conversation.message(as_text(item["content"]), str(item.get("id") or ""))
            case "reasoning":
                text = as_text(item.get("summary") or item.get("content"))
                if text:
                    self.conversation.thinking(text, str(item.get("id") or ""))
            case _:
                self._call(kind, item, line)
        return True

    def _call(self, kind: str, item: dict[str, Any], line: bytes) -> None:
        conversation = self.conversation
        call_id, name = item.get("call_id") or "", item.get("name") or kind
        match kind:
            case "function_call":
                text = item["arguments"]
                given = _json(text)
                if name == "update_plan" and isinstance(given, dict):
                    self._plans[call_id] = given.get("plan")
                command = given.get("cmd") or given.get("command") if isinstance(given, dict) else None
                title = parts.command_title(name, command) if command else ""
                raw = text.encode() if given is not None else span(line, "payload", "arguments")
                conversation.call(call_id, name, given, raw, title=title, places=parts.patched(as_text(command)))
            case "custom_tool_call":
                places = parts.patched(item["input"])
                title = f"{name}: {', '.join(places)}"[:MAX_TITLE] if places else ""
                conversation.call(call_id, name, None, span(line, "payload", "input"), title=title, places=places)
            case "local_shell_call":
                title = parts.command_title(name, item["action"].get("command"))
                conversation.call(call_id, name, item["action"], span(line, "payload", "action"), title=title)
            case _:
                self._searches += not call_id
                call_id = call_id or item.get("id") or f"{kind}_{self._searches}"
                conversation.call(call_id, kind.removesuffix("_call"), item.get("action"), span(line, "payload", "action"))
                if not item.get("call_id"):  # no line brings an answer to it
                    status = item.get("status")
                    worked = ToolStatus.TOOL_STATUS_FAILED if status == "failed" else ToolStatus.TOOL_STATUS_COMPLETED
                    conversation.result(call_id, worked)

    def _result(self, item: dict[str, Any]) -> None:
        call_id = item["call_id"]
        status, content, code, took = _answer(item.get("output"))
        plan = self._plans.pop(call_id, None)
        if plan and status != ToolStatus.TOOL_STATUS_FAILED:
            self.conversation.plan(parts.steps(plan))
        self.conversation.result(call_id, status, content, exit_code=code, seconds=took)


def _answer(output: object) -> tuple[ToolStatus.ValueType, str, int | None, float | None]:
    """A call's output as (status, text, exit code, seconds): three ways of writing it down, by the tool and the version."""
    code: int | None = None
    took: float | None = None
    failed = False
    if isinstance(output, dict):
        failed = output.get("success") is False
        output = output.get("content")
    content = as_text(output)
    if content.startswith('{"output":'):
        told = _json(content)
        if isinstance(told, dict) and isinstance(told.get("metadata"), dict):
            content = as_text(told["output"])
            code, took = told["metadata"].get("exit_code"), told["metadata"].get("duration_seconds")
    elif head := _HEAD.match(content):
        content = content[head.end() :]
        code = int(head["code"]) if head["code"] else None
        took = float(head["took"]) if head["took"] else None
    elif _FAILED.match(content):
        failed = True
    status = ToolStatus.TOOL_STATUS_FAILED if failed or code else ToolStatus.TOOL_STATUS_COMPLETED
    return status, content, code, took


def _json(text: str) -> Any:
    """What the text is as JSON; None: it is none."""
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None
