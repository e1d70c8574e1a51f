"""Claude Code's `--output-format stream-json`, 2.0 and 2.1, with and without pieces, subagents, hooks and control messages.

A line tells of one content block. `init` begins a turn and `result` ends it; what stands between two turns (subagents in the
background, hooks) begins none. Cost and the usage by model are sums over the session, over resumes too (2.1), `usage` is the turn's
own. The stream does not say that it was resumed; where the command line does, the first turn's own cost cannot be known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from sightline.v1.event_pb2 import Outcome, Usage

from sightline_server.decode.agents.claude_parts import DENY, SYNTHETIC, ClaudeParts, context_of, usage_of
from sightline_server.decode.agents.decoder import End
from sightline_server.decode.agents.tools import as_text

OTHERS = {"tool_use_summary", "auth_status", "prompt_suggestion", "active_goal", "keep_alive"}
TYPES = {"stream_event", "rate_limit_event", "tool_progress", "control_request", "control_response", "control_cancel_request"}
RESUMES = {"--resume", "-r", "--continue", "-c"}
FRAMES = {"content_block_stop", "message_delta", "ping"}
_ABOUT = ("message", "summary", "description", "hook_name", "status", "state", "text", "content", "estimated_tokens", "tool_name")


class Claude(ClaudeParts):
    """See `Decoder`."""

    agent: ClassVar[str] = "claude"

    def __init__(self, *, keep_raw: bool = False) -> None:
        super().__init__(keep_raw=keep_raw)
        self._cost = 0.0  # of the session so far
        self._resumed = False  # and what earlier processes had spent on it is not known
        self._context = 0
        self._background: set[str] = set()  # tasks that go on behind the turn, and the calls that started them
        self._woken = False  # such a task told its end: the next `init` is a turn of its own

    def told(self, argv: Sequence[str]) -> None:
        """See `Decoder`."""
        self._resumed = any(word in RESUMES or word.startswith("--resume=") for word in argv[1:])

    @classmethod
    def claims(cls, one: dict[str, Any]) -> bool:
        """See `Decoder`."""
        match one:
            case {"type": "system", "subtype": "init"}:
                return "claude_code_version" in one or ("tools" in one and "slash_commands" in one)
            case {"type": "system", "subtype": str(), "session_id": str(), "uuid": str()}:
                return True
            case {"type": "assistant" | "user", "message": dict(), "session_id": str(), "parent_tool_use_id": _}:
                return "uuid" in one
            case {"type": "result", "subtype": str(), "modelUsage": _}:
                return True
            case {"type": str(kind)}:
                return kind in TYPES and ("session_id" in one or "request_id" in one or "response" in one)
        return False

    def _object(self, one: dict[str, Any], line: bytes) -> bool:
        time = one.get("timestamp")
        if time is None:
            self.conversation.at(None)
        else:
            self.conversation.at_iso(time)
        parent = one.get("parent_tool_use_id") or ""
        kind = one.get("type")
        if kind == "stream_event":
            return self._piece(one["event"], parent)
        if kind == "assistant":
            self._assistant(one, line, parent)
        elif kind == "user":
            synthetic = one.get("isSynthetic") is True
            self._hears(one, line, parent, one.get("tool_use_result"), prompt=not synthetic, synthetic=synthetic)
        elif kind == "system":
            return self._system(one, line, parent)
        elif kind == "result":
            self._result(one)
        else:
            return self._other(one, line, parent)
        return True

    def _other(self, one: dict[str, Any], line: bytes, parent: str) -> bool:
        match one.get("type"):
            case "control_request" | "control_response" | "control_cancel_request":
                self._control(one, line)
            case "tool_progress":
                call_id = parent if one.get("heartbeat") else str(one["tool_use_id"]).partition("-heartbeat-")[0]
                self._note("tool_progress", f"{one['tool_name']} runs for {one['elapsed_time_seconds']} s", line, call_id)
            case "rate_limit_event":
                info = one["rate_limit_info"]
                self._note("rate_limit", f"{info['status']} {info.get('rateLimitType') or ''}".strip(), line)
            case str(kind) if kind in OTHERS:
                self._note(kind, _about(one), line)
            case _:
                return False
        return True

    # --- what the agent says

    def _assistant(self, one: dict[str, Any], line: bytes, parent: str) -> None:
        message = one["message"]
        if not isinstance(message["content"], str | list):
            raise TypeError
        if not parent:
            self.conversation.begin_turn()
        if one.get("error"):
            self._api_failed(one["error"], as_text(message["content"]))
            return
        self._says(message, line, parent)
        if not parent and message.get("model") != SYNTHETIC:
            self._model = message.get("model") or self._model
            self._context = context_of(message.get("usage")) or self._context
        if parent in self._background:
            self._behind_the_turn(message["content"])

    def _behind_the_turn(self, content: object) -> None:
        for block in content if isinstance(content, list) else ():
            if call := self.conversation.open_calls.get(block.get("id", "")):
                call.background = True

    def _piece(self, event: dict[str, Any], parent: str) -> bool:
        kind = event["type"]
        if kind == "content_block_delta":
            delta = event["delta"]
            text = delta.get("text") or delta.get("thinking")
            if text and type(text) is not str:
                raise TypeError
            if text:  # else a signature, or a tool's input: the whole line has them
                if not parent:
                    self.conversation.begin_turn()
                self._pieces.piece(event["index"], "text" if "text" in delta else "thinking", text, parent)
        elif kind == "message_start":
            self._pieces.start(event["message"]["id"], parent)
        elif kind == "content_block_start":
            block = event["content_block"]["type"]
            self._pieces.block(event["index"], "thinking" if block == "redacted_thinking" else block, parent)
        elif kind == "message_stop":
            self._pieces.stopped(parent)
        elif kind == "goal_state":
            self.conversation.notice(kind, str(event["goal_state"].get("activity") or ""))
        else:
            return kind in FRAMES
        return True

    # --- the frame

    def _system(self, one: dict[str, Any], line: bytes, parent: str) -> bool:
        match one.get("subtype"):
            case "init":
                self._init(one)
            case "api_retry":
                self._pieces.retried(parent)
                status = one.get("error_status") or "no answer"
                text = f"{one.get('error')} ({status}): attempt {one.get('attempt')} of {one.get('max_retries')}"
                self._note("retry", f"{text} follows after {one.get('retry_delay_ms')} ms", line, parent)
            case "task_started" | "task_updated" | "task_progress" | "task_notification" as kind:
                task = one if "task_id" in one else one["data"]  # as qwen-code has it
                self._task(task, kind)
                self._note(kind, _about(task), line, parent)
            case "background_tasks_changed":
                tasks = one["tasks"]
                self._background |= {task["task_id"] for task in tasks}
                self._note("background_tasks_changed", f"{len(tasks)} run", line)
            case str(kind):
                self._note(kind, _about(one), line, parent)
            case _:
                return False
        return True

    def _init(self, one: dict[str, Any]) -> None:
        self._model = one.get("model") or self._model
        self.conversation.know(
            model=one.get("model") or "",
            version=one.get("claude_code_version") or one.get("qwen_code_version") or "",
            agent_session_id=one.get("session_id") or "",
            cwd=one.get("cwd") or "",
            tools=one.get("tools") or (),
        )
        if self._woken:
            self._woken = False
            self.conversation.next_turn()
        else:
            self.conversation.begin_turn()

    def _task(self, task: dict[str, Any], kind: str) -> None:
        task_id = task["task_id"]
        patch = task.get("patch") or task
        if patch.get("is_backgrounded") is True:
            self._background.add(task_id)
        if task_id in self._background:
            self._background.add(task.get("tool_use_id") or task_id)
            self._woken |= kind == "task_notification"

    def _control(self, one: dict[str, Any], line: bytes) -> None:
        match one:
            case {"type": "control_request", "request_id": str(request_id), "request": {"subtype": "can_use_tool"} as asked}:
                why = str(asked.get("decision_reason") or "")
                lasting = bool(asked.get("permission_suggestions"))
                self._asks(request_id, asked["tool_name"], asked.get("input"), asked.get("tool_use_id") or "", why, lasting=lasting)
            case {"type": "control_cancel_request", "request_id": str(request_id)} if request_id in self.conversation.open_requests:
                self.conversation.resolved(request_id, text="the agent withdrew it", cancelled=True)
            case {"response": {"request_id": str(request_id), "response": dict(given)}} if (
                request_id in self.conversation.open_requests
            ):
                self._resolve(request_id, str(given.get("message") or ""), refused=given.get("behavior") == DENY)
            case {"type": str(kind), "request": {"subtype": word}} | {"type": str(kind), "response": {"subtype": word}}:
                self._note(kind, word, line)
            case {"type": str(kind)}:
                self._note(kind, one.get("request_id") or "", line)

    def _result(self, one: dict[str, Any]) -> None:
        subtype = str(one.get("subtype") or "")
        reason = str(one.get("terminal_reason") or "")
        text = one.get("result")
        text = text if isinstance(text, str) else None
        failed = one.get("is_error") is True or subtype.startswith("error")
        if failed and (reason.startswith("aborted") or (self._interrupted and not reason)):
            outcome, error = Outcome.OUTCOME_INTERRUPTED, ""
        elif failed:
            outcome, error = Outcome.OUTCOME_FAILED, text or _errors(one) or subtype
            if not self._told_error:
                self.conversation.begin_turn()
                self.conversation.failed((subtype if subtype.startswith("error") else "api_error").upper(), error)
        else:
            outcome, error = Outcome.OUTCOME_SUCCEEDED, ""
        stopped = str(one.get("stop_reason") or "") if not failed else reason or subtype
        self.conversation.end_turn(outcome, text=text, usage=self._usage(one), stop_reason=stopped, error=error)
        self._interrupted = self._told_error = False
        self._pieces.over()

    def _usage(self, one: dict[str, Any]) -> Usage | None:
        used = one.get("usage")
        if not isinstance(used, dict):
            return None
        usage = usage_of(used)
        models = one.get("modelUsage") or {}
        cost = one.get("total_cost_usd")
        resumed, self._resumed = self._resumed, False
        if isinstance(cost, int | float) and resumed and sum(each["inputTokens"] for each in models.values()) > usage.input_tokens:
            self.conversation.notice("cost_of_session", f"the resumed session has cost {cost} USD since its beginning")
            self._cost = float(cost)
        elif isinstance(cost, int | float):
            usage.cost = round(cost - self._cost if cost >= self._cost else cost, 12)
            usage.currency = "USD"
            self._cost = float(cost)
        usage.context_size = (models.get(self._model) or {}).get("contextWindow") or 0
        usage.context_used = self._context
        return usage

    def _closing(self, end: End) -> None:
        if self._interrupted and self.conversation.turn_id and not end.terminated:
            self.conversation.end_turn(Outcome.OUTCOME_INTERRUPTED)


def _about(one: dict[str, Any]) -> str:
    return next((str(one[key]) for key in _ABOUT if one.get(key)), "")


def _errors(one: dict[str, Any]) -> str:
    errors = one.get("errors")
    error = one.get("error")
    if isinstance(errors, list) and errors:
        return "; ".join(str(each) for each in errors)
    return str(error["message"]) if isinstance(error, dict) and "message" in error else str(error or "")
