"""Codex, `exec --json`, 0.44 and later: `thread.started`, `turn.*`, `item.*`, `error`; older lines are `codex_legacy`'s.

`turn.completed` counts the thread's tokens since its beginning, over resumes too; the stream does not say that a thread was
resumed. A thread is therefore taken to be new, unless the command line (`told`) says otherwise: then the first turn's own use
cannot be known, and it has none; a notice gives the thread's total. Later turns are differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from sightline.v1.event_pb2 import (
    PLAN_STATUS_COMPLETED,
    PLAN_STATUS_PENDING,
    TOOL_STATUS_COMPLETED,
    TOOL_STATUS_FAILED,
    TOOL_STATUS_UNKNOWN,
    ErrorOrigin,
    Outcome,
    PlanEntry,
    RequestKind,
    Usage,
)

from sightline_server.decode.agents import codex_parts as parts
from sightline_server.decode.agents.codex_legacy import Legacy
from sightline_server.decode.agents.decoder import Decoder, End
from sightline_server.decode.agents.json_lines import span
from sightline_server.decode.agents.tools import MAX_TITLE, as_json, as_text

_STATUSES = {
    "completed": TOOL_STATUS_COMPLETED,
    "failed": TOOL_STATUS_FAILED,
    "declined": TOOL_STATUS_FAILED,
}


class Codex(Decoder):
    """See `Decoder`."""

    agent: ClassVar[str] = "codex"

    def __init__(self, *, keep_raw: bool = False) -> None:
        super().__init__(keep_raw=keep_raw)
        self._legacy = Legacy(self.conversation)
        self._runs = 0
        self._thread = ""
        self._thread_total: Usage | None = Usage()  # None: a resumed thread's, not known
        self._error = ""

    def told(self, argv: Sequence[str]) -> None:
        """See `Decoder`."""
        if "resume" in argv[1:]:
            self._thread_total = None

    @classmethod
    def claims(cls, one: dict[str, Any]) -> bool:
        """See `Decoder`."""
        match one:
            case {"type": "thread.started", "thread_id": _} | {"type": "turn.started" | "turn.completed" | "turn.failed"}:
                return True
            case {"type": "item.started" | "item.updated" | "item.completed", "item": dict()}:
                return True
        return Legacy.claims(one)

    def _object(self, one: dict[str, Any], line: bytes) -> bool:
        match one.get("type"):
            case "item.started" | "item.updated" | "item.completed" as kind:
                return self._item(one["item"], kind[5:], line)
            case "thread.started":
                self._thread_started(one["thread_id"])
            case "turn.started":
                self._no_turn_under_way()
                self._error = ""
                self.conversation.begin_turn()
            case "turn.completed":
                self.conversation.end_turn(Outcome.OUTCOME_SUCCEEDED, usage=self._turn_usage(one.get("usage") or {}))
            case "turn.failed":
                message = str((one.get("error") or {}).get("message", ""))
                self._failed(message)
                self.conversation.end_turn(Outcome.OUTCOME_FAILED, error=message)
            case "error":
                message = one["message"]
                if parts.is_retry(message):
                    self.conversation.notice("retry", message)
                else:
                    self._failed(message)
            case "request_user_input":
                questions = "\n".join(str(asked.get("question", "")) for asked in one["questions"])
                self.conversation.request(str(one["call_id"]), RequestKind.REQUEST_KIND_QUESTION, questions)
            case _:
                return self._legacy.read(one, line)
        return True

    # --- threads and turns

    def _thread_started(self, thread: str) -> None:
        self._no_turn_under_way()
        if self._thread and thread != self._thread:
            self._thread_total = Usage()
        self._runs += 1
        self._thread = thread
        self.conversation.know(agent_session_id=thread)

    def _no_turn_under_way(self) -> None:
        if self.conversation.turn_id:  # the program that made it is gone: another one goes on in its place
            self.conversation.end_turn(Outcome.OUTCOME_LOST, error=self._error)

    def _turn_usage(self, counts: dict[str, Any]) -> Usage | None:
        total, earlier = parts.usage(counts), self._thread_total
        self._thread_total = total
        if earlier is None:
            self.conversation.notice("usage_of_thread", f"tokens of the resumed thread since its beginning: {as_json(counts)}")
            return None
        return parts.since(total, earlier)

    def _failed(self, message: str) -> None:
        if message != self._error:  # `turn.failed` repeats what `error` said
            self._error = message
            self.conversation.failed("AGENT_ERROR", message, origin=ErrorOrigin.ERROR_ORIGIN_UNSPECIFIED)

    def _closing(self, end: End) -> None:
        self._legacy.closing(end)
        asked = end.terminated or end.interrupted
        if self.conversation.turn_id and self._error and end.observed and not asked:
            self.conversation.end_turn(Outcome.OUTCOME_FAILED, error=self._error)

    # --- items

    def _item(self, item: dict[str, Any], step: str, line: bytes) -> bool:
        conversation = self.conversation
        item_id = item["id"]
        match item["type"]:
            case "agent_message" | "plan" if step == "completed":
                conversation.message(item["text"], self._id(item_id))
            case "reasoning" if step == "completed":
                conversation.thinking(item["text"], self._id(item_id))
            case "error":  # what it goes on in spite of
                conversation.notice("warning", item["message"])
            case "todo_list":
                conversation.plan(_todo(entry) for entry in item["items"])
            case "command_execution" | "file_change" | "mcp_tool_call" | "collab_tool_call" | "web_search" as kind:
                self._call(kind, self._id(item_id), item, step, line)
                if step == "completed":
                    self._result(kind, self._id(item_id), item)
            case _:
                return False
        return True

    def _id(self, item_id: str) -> str:
        """Items are counted by each run of the program: in a second one's they are other items."""
        return item_id if self._runs < 2 else f"{item_id}@{self._runs}"

    def _call(self, kind: str, call_id: str, item: dict[str, Any], step: str, line: bytes) -> None:
        conversation = self.conversation
        if conversation.knows(call_id) or (kind == "web_search" and step != "completed" and not item.get("query")):
            return  # a search tells what it looked for when it is done
        match kind:
            case "command_execution":
                command = item["command"]
                raw = _only(line, "command")
                conversation.call(call_id, kind, {"command": command}, raw, title=parts.command_title(kind, command))
            case "file_change":
                changes = item["changes"]
                places = [change["path"] for change in changes]
                title = f"{kind}: {', '.join(places)}"[:MAX_TITLE]
                conversation.call(call_id, kind, {"changes": changes}, _only(line, "changes"), title=title, places=places)
            case "mcp_tool_call":
                given = item.get("arguments")
                conversation.call(call_id, f"{item['server']}.{item['tool']}", given, span(line, "item", "arguments"))
            case "collab_tool_call":
                given = {key: item[key] for key in ("prompt", "sender_thread_id", "receiver_thread_ids") if item.get(key)}
                conversation.call(call_id, item["tool"], given)
            case _:
                conversation.call(call_id, kind, {key: item[key] for key in ("query", "action") if item.get(key)})

    def _result(self, kind: str, call_id: str, item: dict[str, Any]) -> None:
        status = _STATUSES.get(item.get("status", "completed"), TOOL_STATUS_UNKNOWN)
        exit_code = item.get("exit_code")
        content = ""
        match kind:
            case "command_execution":
                content = item.get("aggregated_output") or ""
                if exit_code:
                    status = TOOL_STATUS_FAILED
            case "mcp_tool_call":
                error, result = item.get("error"), item.get("result")
                content = str(error["message"]) if error else as_text((result or {}).get("content"))
                if error:
                    status = TOOL_STATUS_FAILED
            case "collab_tool_call":
                content = as_json(item["agents_states"]) if item.get("agents_states") else ""
        self.conversation.result(call_id, status, content, exit_code=exit_code)


def _only(line: bytes, name: str) -> bytes:
    """An object with this one field of a line's item, in the agent's own bytes; empty where those are not to be had."""
    value = span(line, "item", name)
    return b'{"%b":%b}' % (name.encode(), value) if value else b""


def _todo(entry: dict[str, Any]) -> PlanEntry:
    done = entry.get("completed") is True
    status = PLAN_STATUS_COMPLETED if done else PLAN_STATUS_PENDING
    return PlanEntry(content=entry["text"], status=status)
