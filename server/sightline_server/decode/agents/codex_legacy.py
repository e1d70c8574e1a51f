"""Codex up to 0.43, `exec --json`: a line that sums up the configuration, `{"prompt"}`, then `{"id", "msg": {"type", …}}`.

The format has no last line: the turn ended well when the program did, its last word was a message and no error was told.
Read by `codex.Codex`: it is the same program. Knows nothing of lines.
"""

from __future__ import annotations

import base64
from typing import Any

from sightline.v1.event_pb2 import ErrorOrigin, Outcome, ToolStatus

from sightline_server.decode.agents import codex_parts as parts
from sightline_server.decode.agents.conversation import Conversation
from sightline_server.decode.agents.decoder import End
from sightline_server.decode.agents.json_lines import span
from sightline_server.decode.agents.tools import MAX_TITLE, as_json, as_text

_TWINS = frozenset(
    {"agent_reasoning_section_break", "shutdown_complete", "agent_reasoning_raw_content_delta", "agent_reasoning_delta"}
)  # they say nothing that another line does not say whole


class Legacy:
    """The meaning of one old line at a time, told to a conversation."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._error = ""
        self._has_last_word = False
        self._pieces: list[str] = []
        self._diff = ""
        self._counts = parts.Counts()

    @staticmethod
    def claims(one: dict[str, Any]) -> bool:
        """See `Decoder`."""
        match one:
            case {"id": str(), "msg": {"type": str()}} | {"workdir": str(), "model": str()}:
                return True
        return set(one) == {"prompt"}

    def read(self, one: dict[str, Any], line: bytes) -> bool:
        """See `Decoder._object`."""
        match one:
            case {"msg": {"type": str(kind)} as msg}:
                return self._msg(kind, msg, line)
            case {"prompt": str(prompt)}:
                self._begin(prompt)
            case {"workdir": str(cwd), "model": str(model)}:
                self._conversation.know(model=model, cwd=cwd)
            case _:
                return False
        return True

    def closing(self, end: End) -> None:
        """See `Decoder._closing`."""
        if not self._conversation.turn_id or end.terminated or end.interrupted:
            return
        self._join_pieces()
        if self._error:
            self._end(Outcome.OUTCOME_FAILED, error=self._error)
        elif self._has_last_word and not self._conversation.open_calls and (end.exit_code == 0 or end.leaves_open):
            self._end(Outcome.OUTCOME_SUCCEEDED)

    # --- turns

    def _begin(self, prompt: str = "") -> None:
        self._conversation.begin_turn(prompt)
        self._error = ""
        self._has_last_word = False

    def _end(self, outcome: Outcome.ValueType, *, text: str | None = None, error: str = "", stop_reason: str = "") -> None:
        self._join_pieces()
        self._conversation.end_turn(
            outcome,
            text=text,
            usage=self._counts.take(),
            error=error,
            stop_reason=stop_reason,
        )
        self._has_last_word = False

    def _join_pieces(self) -> None:
        """Pieces of a message whose whole never came."""
        pieces, self._pieces = self._pieces, []
        if pieces:
            self._conversation.message("".join(pieces))

    # --- lines

    def _msg(self, kind: str, msg: dict[str, Any], line: bytes) -> bool:
        return kind in _TWINS or self._turn(kind, msg) or self._said(kind, msg) or self._tool(kind, msg, line)

    def _turn(self, kind: str, msg: dict[str, Any]) -> bool:
        match kind:
            case "task_started":
                self._begin()
                self._counts.context_size(msg.get("model_context_window"))
            case "task_complete":
                last = msg.get("last_agent_message")
                if self._error:
                    self._end(Outcome.OUTCOME_FAILED, error=self._error)
                else:
                    self._end(Outcome.OUTCOME_SUCCEEDED, text=last if isinstance(last, str) else None)
            case "turn_aborted":
                self._end(Outcome.OUTCOME_INTERRUPTED, stop_reason=str(msg.get("reason", "")))
            case "token_count":
                self._counts.add(msg.get("info"))
            case "session_configured":
                self._conversation.know(model=str(msg.get("model", "")), agent_session_id=str(msg.get("session_id", "")))
            case _:
                return False
        return True

    def _said(self, kind: str, msg: dict[str, Any]) -> bool:
        conversation = self._conversation
        match kind:
            case "agent_message":
                self._pieces.clear()
                conversation.message(msg["message"])
                self._has_last_word = True
            case "agent_message_delta":
                self._pieces.append(msg["delta"])
            case "agent_reasoning" | "agent_reasoning_raw_content":
                conversation.thinking(msg["text"])
                self._has_last_word = False
            case "plan_update":
                conversation.plan(parts.steps(msg["plan"]))
            case "turn_diff":
                if msg["unified_diff"] != self._diff:  # it is told again after each step
                    self._diff = msg["unified_diff"]
                    conversation.notice("diff", self._diff)
            case "stream_error":
                conversation.notice("retry", msg["message"])
            case "background_event" | "deprecation_notice" | "warning":
                conversation.notice(kind, str(msg.get("message") or msg.get("summary") or ""))
            case "error":
                conversation.failed("AGENT_ERROR", msg["message"], origin=ErrorOrigin.ERROR_ORIGIN_UNSPECIFIED)
                self._error = msg["message"]
            case _:
                return False
        return True

    def _tool(self, kind: str, msg: dict[str, Any], line: bytes) -> bool:
        conversation = self._conversation
        match kind:
            case "exec_command_begin":
                given = {key: msg[key] for key in ("command", "cwd") if key in msg}
                conversation.call(msg["call_id"], "exec_command", given, title=parts.command_title("exec_command", msg["command"]))
            case "exec_command_output_delta":
                conversation.partial(msg["call_id"], base64.b64decode(msg["chunk"]))
            case "exec_command_end":
                self._result(msg, msg["exit_code"] == 0, exit_code=msg["exit_code"])
            case "patch_apply_begin":
                changes = msg["changes"]
                raw = b'{"changes":' + (span(line, "msg", "changes") or as_json(changes).encode()) + b"}"
                title = f"apply_patch: {', '.join(changes)}"[:MAX_TITLE]
                conversation.call(msg["call_id"], "apply_patch", None, raw, title=title, places=list(changes))
            case "patch_apply_end":
                self._result(msg, msg["success"] is True)
            case "mcp_tool_call_begin":
                invocation = msg["invocation"]
                name = f"{invocation['server']}.{invocation['tool']}"
                raw = span(line, "msg", "invocation", "arguments")
                conversation.call(msg["call_id"], name, invocation.get("arguments"), raw)
            case "mcp_tool_call_end":
                answer = msg["result"]
                good = answer.get("Ok") if isinstance(answer, dict) else None
                worked = isinstance(good, dict) and not (good.get("isError") or good.get("is_error"))
                content = as_text(good.get("content")) if isinstance(good, dict) else as_text(answer.get("Err"))
                self._result(msg, worked, content=content)
            case "web_search_begin":
                pass  # it tells what it looked for when it is done
            case "web_search_end":
                conversation.call(msg["call_id"], "web_search", {"query": msg.get("query", "")})
                self._result(msg, True)
            case _:
                return False
        self._has_last_word = False
        return True

    def _result(self, msg: dict[str, Any], worked: bool, *, content: str | None = None, exit_code: int | None = None) -> None:
        if content is None:
            content = msg.get("aggregated_output") or "".join(msg.get(name) or "" for name in ("stdout", "stderr"))
        took = msg.get("duration")
        seconds = took["secs"] + took["nanos"] / 1e9 if isinstance(took, dict) else None
        status = ToolStatus.TOOL_STATUS_COMPLETED if worked else ToolStatus.TOOL_STATUS_FAILED
        self._conversation.result(msg["call_id"], status, content, exit_code=exit_code, seconds=seconds)
