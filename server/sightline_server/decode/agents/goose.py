"""goose, `run --output-format stream-json`: `message`, `notification`, `error`, `model_change`, `complete`. Without a recording.

Text comes in pieces; pieces up to the next tool call are one message. `complete` is written after a failure too: the turn failed
when an error is the last thing before it, unless that error says that it is tried again.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from sightline.v1.event_pb2 import ErrorOrigin, Outcome, Role, ToolStatus, Usage

from sightline_server.decode.agents.decoder import Decoder
from sightline_server.decode.agents.json_lines import span
from sightline_server.decode.agents.tools import as_json, as_text

_RETRY = re.compile(r"retry", re.IGNORECASE)


class Goose(Decoder):
    """See `Decoder`."""

    agent: ClassVar[str] = "goose"
    best_effort: ClassVar[bool] = True

    def __init__(self, *, keep_raw: bool = False) -> None:
        super().__init__(keep_raw=keep_raw)
        self._segments = 1
        self._error = ""

    @classmethod
    def claims(cls, one: dict[str, Any]) -> bool:
        """See `Decoder`."""
        match one:
            case {"type": "message", "message": {"role": str(), "content": list()}} | {"type": "notification", "extension_id": _}:
                return True
            case {"type": "complete", "total_tokens": _}:
                return True
        return False

    def _object(self, one: dict[str, Any], line: bytes) -> bool:
        conversation = self.conversation
        match one["type"]:
            case "message":
                message = one["message"]
                blocks = [self._block(message, place, line) for place in range(len(message["content"]))]
                return all(blocks)
            case "notification":
                told = one.get("log") or one.get("progress")
                text = told.get("message") if isinstance(told, dict) else told
                conversation.notice("notification", text if isinstance(text, str) else as_json(told))
            case "model_change":
                conversation.know(model=str(one["model"]))
            case "error":
                self._failed(str(one["error"]))
            case "complete":
                self._complete(one)
            case _:
                return False
        return True

    def _failed(self, error: str) -> None:
        if _RETRY.search(error):
            self.conversation.notice("retry", error)
        else:
            self._error = error
            self.conversation.failed("AGENT_ERROR", error, origin=ErrorOrigin.ERROR_ORIGIN_UNSPECIFIED)

    def _complete(self, one: dict[str, Any]) -> None:
        usage = Usage(
            input_tokens=max(0, int(one.get("input_tokens") or 0)), output_tokens=max(0, int(one.get("output_tokens") or 0))
        )
        if isinstance(one.get("cost_usd"), int | float):
            usage.cost, usage.currency = one["cost_usd"], "USD"
        outcome = Outcome.OUTCOME_FAILED if self._error else Outcome.OUTCOME_SUCCEEDED
        self.conversation.end_turn(outcome, usage=usage if usage.ByteSize() else None, error=self._error)
        self._error = ""
        self._segments += 1

    def _block(self, message: dict[str, Any], place: int, line: bytes) -> bool:
        conversation = self.conversation
        block = message["content"][place]
        match block["type"]:
            case "text" if message["role"] == "user":
                if conversation.turn_id:
                    conversation.message(block["text"], role=Role.ROLE_USER)
                conversation.begin_turn(block["text"])
            case "text":
                self._goes_on()
                conversation.message(block["text"], f"message-{self._segments}", delta=True)
            case "thinking":
                self._goes_on()
                conversation.thinking(block["thinking"], f"thought-{self._segments}", delta=True)
            case "toolRequest":
                self._goes_on()
                self._segments += 1
                asked = block["toolCall"]
                call = asked.get("value") or {}
                raw = span(line, "message", "content", place, "toolCall", "value", "arguments")
                conversation.call(block["id"], call.get("name") or "unknown", call.get("arguments"), raw)
                if asked.get("status") not in {"success", None}:
                    conversation.result(block["id"], ToolStatus.TOOL_STATUS_FAILED, as_text(asked.get("error")))
            case "toolResponse":
                result = block["toolResult"]
                answer = result.get("value") or {}
                failed = result.get("status") not in {"success", None} or answer.get("isError") is True
                status = ToolStatus.TOOL_STATUS_FAILED if failed else ToolStatus.TOOL_STATUS_COMPLETED
                conversation.result(block["id"], status, as_text(answer.get("content") or result.get("error")))
            case _:
                return False
        return True

    def _goes_on(self) -> None:
        self.conversation.begin_turn()
        self._error = ""
