"""Gemini CLI, `--output-format stream-json`: `init`, `message`, `tool_use`, `tool_result`, `error`, `result`.

Text comes in pieces only, and no line ends it: pieces up to the next tool call are one message. A stream that breaks is asked for
again, and begins with the text that was already sent: `_new` finds that. What a command's exit code was is not said.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sightline.v1.event_pb2 import TOOL_STATUS_COMPLETED, TOOL_STATUS_FAILED, ErrorOrigin, Outcome, PlanEntry, Role, Usage

from sightline_server.decode.agents.conversation import MAX_OPEN
from sightline_server.decode.agents.decoder import Decoder
from sightline_server.decode.agents.json_lines import span
from sightline_server.decode.agents.tools import as_text, todos

REPEATED = "repeated"  # the notice of a line that says again what was said
RETRY_DELAY = 400_000_000  # ns: a broken stream is asked for again after 500 ms at the earliest (0.61: 1 s)


class Gemini(Decoder):
    """See `Decoder`."""

    agent: ClassVar[str] = "gemini"

    def __init__(self, *, keep_raw: bool = False) -> None:
        super().__init__(keep_raw=keep_raw)
        self._segments = 0
        self._segment = ""  # the message's id; empty: the next piece begins one
        self._again = ""  # what is held back: it may say again what was said
        self._spoke = False  # since the last tool call
        self._last: tuple[int, int] | None = None  # when the last piece came
        self._before_tools = self._stopped_with = ""
        self._plans: dict[str, list[PlanEntry]] = {}
        self._error = ""

    @classmethod
    def claims(cls, one: dict[str, Any]) -> bool:
        """See `Decoder`."""
        match one:
            case (
                {"type": "init", "session_id": str(), "model": str()}
                | {"type": "message", "role": "user" | "assistant", "content": str(), "timestamp": str()}
                | {"type": "tool_use", "tool_name": str(), "tool_id": str()}
                | {"type": "tool_result", "tool_id": str(), "status": str()}
                | {"type": "result", "status": "success" | "error", "stats": dict()}
            ):
                return True
        return False

    def _object(self, one: dict[str, Any], line: bytes) -> bool:
        conversation = self.conversation
        conversation.at_iso(one.get("timestamp"))
        kind = one["type"]
        if kind == "message":
            if one["role"] == "assistant":
                self._text(one, line)
                return True
            if one["role"] != "user":
                return False
            self._end_segment()
            if conversation.turn_id:
                conversation.message(one["content"], role=Role.ROLE_USER)
            conversation.begin_turn(one["content"])
            return True
        match kind:
            case "tool_use":
                self._call(one, line)
            case "tool_result":
                self._result(one)
            case "init":
                conversation.know(model=one.get("model") or "", agent_session_id=one["session_id"])
            case "error":
                self._said_error(one)
            case "result":
                return self._end(one)
            case _:
                return False
        return True

    # --- text

    def _text(self, one: dict[str, Any], line: bytes) -> None:
        conversation, text = self.conversation, one["content"]
        now = conversation.time
        last, self._last = self._last, now
        paused = last is not None and now is not None and now != last and _between(last, now) >= RETRY_DELAY
        whole = one.get("delta") is not True  # no version is known to do so
        if whole or not self._segment:
            conversation.begin_turn()
            self._segments += 1
            self._segment = f"m{self._segments}"
        elif paused or self._again:
            new = self._new(text, paused=paused)
            if new is None:
                conversation.notice(REPEATED, "the answer was asked for again, and begins as before", raw=line)
                return
            text = new
        conversation.message(text, self._segment, delta=not whole)
        self._spoke = True
        if whole:
            self._segment = ""

    def _new(self, piece: str, *, paused: bool) -> str | None:
        """What a piece adds to its message; None: it says again what was said.

        A piece that begins as the message did, after a pause, may be a retry. It is held back while it goes on saying the same:
        until it has said all that was said and goes on (the rest is new), or says something else (it was none, and all is new).
        """
        said = self.conversation.text
        if paused and piece and (said.startswith(piece) or piece.startswith(said)):
            self._again = piece
        elif self._again:
            self._again += piece
        else:
            return piece
        if said.startswith(self._again):
            return None
        again, self._again = self._again, ""
        return again.removeprefix(said)

    def _end_segment(self, *, well: bool = True) -> str:
        """The text since the last tool call; from here on another message begins."""
        held, self._again = self._again, ""
        if well and held and held != self.conversation.text:  # shorter than what was said, and yet it ended well: it was no retry
            self.conversation.message(held, self._segment, delta=True)
        said = self.conversation.text if self._spoke else ""
        self._segment = ""
        self._spoke = False
        return said

    # --- tools

    def _call(self, one: dict[str, Any], line: bytes) -> None:
        self.conversation.begin_turn()
        self._before_tools = self._end_segment() or self._before_tools
        call_id, name, given = one["tool_id"], one["tool_name"], one.get("parameters")
        self.conversation.call(call_id, name, given, span(line, "parameters"))
        if name == "write_todos" and isinstance(given, dict) and len(self._plans) < MAX_OPEN:
            self._plans[call_id] = todos(given.get("todos"))

    def _result(self, one: dict[str, Any]) -> None:
        call_id, failure = one["tool_id"], one.get("error")
        output = as_text(one.get("output"))
        plan = self._plans.pop(call_id, None)
        if one["status"] == "success":
            self.conversation.result(call_id, TOOL_STATUS_COMPLETED, output)
            if plan is not None:
                self.conversation.plan(plan)
            return
        if isinstance(failure, dict):
            if failure.get("type") == "stop_execution" and not self._spoke:
                self._stopped_with = self._before_tools  # the run ends here, with what was said before
            output = as_text(failure.get("message")) or output
        self.conversation.result(call_id, TOOL_STATUS_FAILED, output)

    # --- the end

    def _said_error(self, one: dict[str, Any]) -> None:
        if one.get("severity") == "warning":
            self.conversation.notice("warning", one["message"])
            return
        message = one["message"]
        self.conversation.failed("AGENT_ERROR", message, origin=_origin(message))
        self._error = message

    def _end(self, one: dict[str, Any]) -> bool:
        status = one["status"]
        if status not in {"success", "error"}:
            return False
        failure = one.get("error") or {}
        error = str(failure.get("message") or self._error or "")
        usage = _usage(one.get("stats") or {})
        if status == "success":
            outcome, error = Outcome.OUTCOME_SUCCEEDED, ""
        elif "Cancel" in str(failure.get("type", "")):
            outcome = Outcome.OUTCOME_INTERRUPTED
        else:
            outcome = Outcome.OUTCOME_FAILED
            if error != self._error:
                self.conversation.begin_turn()
                self.conversation.failed("AGENT_ERROR", error, origin=_origin(error))
        text = self._end_segment(well=status == "success") or self._stopped_with
        self.conversation.end_turn(outcome, text=text, usage=usage, stop_reason=status, error=error)
        self._plans.clear()
        self._error = self._before_tools = self._stopped_with = ""
        return True


def _between(earlier: tuple[int, int], later: tuple[int, int]) -> int:
    return (later[0] - earlier[0]) * 1_000_000_000 + later[1] - earlier[1]


def _origin(message: str) -> ErrorOrigin.ValueType:
    upstream = message.startswith(("[API Error", "Model stream"))
    return ErrorOrigin.ERROR_ORIGIN_UPSTREAM if upstream else ErrorOrigin.ERROR_ORIGIN_PROGRAM


def _usage(stats: dict[str, Any]) -> Usage | None:
    """`input_tokens` holds the cached ones; thinking and tools' own prompts are told in the total alone."""
    if not stats.get("total_tokens"):
        return None
    given, written, cached = stats["input_tokens"], stats["output_tokens"], stats.get("cached") or 0
    hidden = max(0, stats["total_tokens"] - given - written)
    return Usage(input_tokens=given - cached, output_tokens=written + hidden, cached_tokens=cached, reasoning_tokens=hidden)
