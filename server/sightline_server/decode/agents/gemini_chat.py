"""Gemini CLI's own files, `~/.gemini/tmp/PROJECT/chats/session-*.jsonl`: a head, messages, patches (`$set`, `$rewindTo`).

A message is written when the model has spoken, and again with the same id when its tool calls are done: what is new in it is told,
the rest is not told twice. No line ends a turn: the next prompt does. Whether the last one is over cannot be seen in the file (an
answer, and a step whose tools never came back, look the same), so its end is not observed unless the program's own is.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar
from zlib import crc32

from sightline.v1.event_pb2 import ErrorOrigin, Outcome, Role, ToolStatus, Usage

from sightline_server.decode.agents.decoder import Decoder, End
from sightline_server.decode.agents.json_lines import span
from sightline_server.decode.agents.tools import as_text, todos

REMEMBERED = 10_000  # messages that may be written again
EXIT_CODE = re.compile(r"^Exit Code: (-?\d{1,9})$", re.MULTILINE)  # as the shell tool tells the model
_STATUSES = {
    "success": ToolStatus.TOOL_STATUS_COMPLETED,
    "error": ToolStatus.TOOL_STATUS_FAILED,
    "cancelled": ToolStatus.TOOL_STATUS_FAILED,
}


class GeminiChat(Decoder):
    """See `Decoder`."""

    agent: ClassVar[str] = "gemini"

    def __init__(self, *, keep_raw: bool = False) -> None:
        super().__init__(keep_raw=keep_raw)
        self._told: dict[str, tuple[int, int, int]] = {}  # by message: length and checksum of its text, how many thoughts
        self._used: dict[str, Usage] = {}  # by message, in this turn
        self._answered = False  # the last message has text and no tool calls
        self._error = ""

    @classmethod
    def claims(cls, one: dict[str, Any]) -> bool:
        """See `Decoder`."""
        match one:
            case {"sessionId": str(), "projectHash": str()} | {"$set": dict()} | {"$rewindTo": str()}:
                return True
            case {"id": str(), "timestamp": str(), "type": "user" | "gemini", "content": _}:
                return True
        return False

    def _object(self, one: dict[str, Any], line: bytes) -> bool:
        conversation = self.conversation
        if "$set" in one:
            for message in one["$set"].get("messages") or ():
                if message["id"] in self._told:  # the others are its context, written as if somebody had said it
                    self._message(message, b"")
                else:
                    self._remember(message["id"], "", 0)
        elif "$rewindTo" in one:
            self._end_turn()
            conversation.notice("rewound", one["$rewindTo"])
        elif "id" in one:
            return self._message(one, line)
        elif "sessionId" in one:
            conversation.at_iso(one.get("startTime"))
            conversation.know(agent_session_id=one["sessionId"])
            for message in one.get("messages") or ():  # older versions: the whole chat is one object
                self._message(message, b"")
        else:
            return False
        return True

    def _message(self, one: dict[str, Any], line: bytes) -> bool:
        conversation = self.conversation
        conversation.at_iso(one.get("timestamp"))
        text = _text(one.get("content"))
        match one["type"]:
            case "user":
                if one["id"] in self._told or not text.strip() or text.startswith("<session_context>"):
                    pass
                elif text.startswith(("/", "?")):  # to the program, not to the model
                    conversation.message(text, one["id"], role=Role.ROLE_USER)
                else:
                    self._end_turn()
                    conversation.begin_turn(text)
                self._remember(one["id"], text, 0)
            case "gemini":
                conversation.begin_turn()
                self._said(one, text)
                self._calls(one, line)
            case "error":
                if one["id"] not in self._told:
                    conversation.failed("AGENT_ERROR", text, origin=ErrorOrigin.ERROR_ORIGIN_UNSPECIFIED)
                    self._error = text
                    self._remember(one["id"], text, 0)
            case "info" | "warning":
                if one["id"] not in self._told:
                    conversation.notice(one["type"], text)
                    self._remember(one["id"], text, 0)
            case _:
                return False
        return True

    def _said(self, one: dict[str, Any], text: str) -> None:
        conversation, message_id = self.conversation, one["id"]
        length, checksum, thought = self._told.get(message_id, (0, 0, 0))
        thoughts = one.get("thoughts") or []
        for place, thoughts_one in enumerate(thoughts[thought:], thought):
            words = [str(thoughts_one.get(key) or "") for key in ("subject", "description")]
            conversation.thinking("\n".join(word for word in words if word), f"{message_id}.{place}")
        if crc32(text[:length].encode()) != checksum:
            conversation.message(text, message_id)  # the later one is right
        elif length and len(text) > length:
            conversation.message(text[length:], message_id, delta=True)
        elif len(text) > length:
            conversation.message(text, message_id)
        self._remember(message_id, text, max(thought, len(thoughts)))
        self._answered = bool(text) and not one.get("toolCalls")
        if isinstance(one.get("tokens"), dict):
            self._count(message_id, _usage(one["tokens"]))
        if isinstance(one.get("model"), str) and one["model"] != conversation.info.model:
            conversation.know(model=one["model"])

    def _count(self, message_id: str, usage: Usage) -> None:
        """Adds what a message used; where it says it again the last one wins."""
        told = self._used.get(message_id)
        if told == usage:
            return
        self._used[message_id] = usage
        if told is None:
            self.conversation.spend(usage)
        else:
            self.conversation.spent = Usage()
            for one in self._used.values():
                self.conversation.spend(one)

    def _calls(self, one: dict[str, Any], line: bytes) -> None:
        conversation = self.conversation
        for place, call in enumerate(one.get("toolCalls") or ()):
            call_id, given = call["id"], call.get("args")
            known = conversation.knows(call_id)
            if not known:
                conversation.call(call_id, call["name"], given, span(line, "toolCalls", place, "args"))
            status = _STATUSES.get(call.get("status"))
            if status is None or (known and call_id not in conversation.open_calls):
                continue
            answer = _answer(call.get("result"))
            code = EXIT_CODE.findall(answer) if call["name"] == "run_shell_command" else []
            exit_code = int(code[-1]) if code else None
            if exit_code:
                status = ToolStatus.TOOL_STATUS_FAILED  # it is called a success, whatever the command's exit code
            shown = call.get("resultDisplay")
            if "timestamp" in call:
                conversation.at_iso(call["timestamp"])
            conversation.result(call_id, status, shown if isinstance(shown, str) and shown else answer, exit_code=exit_code)
            if call["name"] == "write_todos" and status == ToolStatus.TOOL_STATUS_COMPLETED:
                conversation.plan(todos(given.get("todos")))

    def _remember(self, message_id: str, text: str, thoughts: int) -> None:
        self._told.pop(message_id, None)
        self._told[message_id] = len(text), crc32(text.encode()), thoughts
        if len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]

    # --- the end

    def _end_turn(self) -> None:
        """The one under way, if any: another prompt has come."""
        if self.conversation.turn_id:
            well = Outcome.OUTCOME_SUCCEEDED if self._answered else Outcome.OUTCOME_INTERRUPTED
            self.conversation.end_turn(Outcome.OUTCOME_FAILED if self._error else well, error=self._error)
        self._used.clear()
        self._answered = False
        self._error = ""

    def _closing(self, end: End) -> None:
        asked = end.terminated or end.interrupted
        if self._error or (self._answered and end.exit_code == 0 and not asked):
            self._end_turn()


def _text(content: Any) -> str:
    """What was said: a string, or the texts among its parts."""
    if isinstance(content, dict):
        content = [content]
    if isinstance(content, list):
        return "".join(part if isinstance(part, str) else str(part.get("text") or "") for part in content)
    return content or ""


def _answer(result: Any) -> str:
    """What the model was told of a call: the answers among the parts."""
    if not isinstance(result, list):
        return as_text(result)
    answers = [
        part["functionResponse"].get("response") or {} for part in result if isinstance(part, dict) and "functionResponse" in part
    ]
    return "\n".join(as_text(answer.get("output", answer.get("error", answer))) for answer in answers)


def _usage(tokens: dict[str, Any]) -> Usage:
    cached, thought = tokens.get("cached") or 0, tokens.get("thoughts") or 0
    return Usage(
        input_tokens=max(0, (tokens.get("input") or 0) - cached),
        output_tokens=(tokens.get("output") or 0) + thought,
        cached_tokens=cached,
        reasoning_tokens=thought,
        context_used=tokens.get("total") or 0,
    )
