"""Bare content blocks, one a line, as in the Messages API: `text`, `thinking`, `tool_use`, `tool_result`. All of it is one turn.

The format has no last line: the turn ended well when the program did.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sightline.v1.event_pb2 import Outcome, ToolStatus

from sightline_server.decode.agents.decoder import Decoder, End
from sightline_server.decode.agents.json_lines import span
from sightline_server.decode.agents.tools import as_text


class Blocks(Decoder):
    """See `Decoder`."""

    agent: ClassVar[str] = "blocks"

    @classmethod
    def claims(cls, one: dict[str, Any]) -> bool:
        """See `Decoder`."""
        match one:
            case (
                {"type": "text", "text": str()}
                | {"type": "tool_use", "id": str(), "input": _}
                | {"type": "tool_result", "tool_use_id": str()}
            ):
                return "part" not in one and "sessionID" not in one
        return False

    def _object(self, one: dict[str, Any], line: bytes) -> bool:
        conversation = self.conversation
        match one.get("type"):
            case "text":
                conversation.begin_turn()
                conversation.message(one["text"])
            case "thinking":
                conversation.begin_turn()
                conversation.thinking(one["thinking"])
            case "tool_use":
                conversation.begin_turn()
                conversation.call(one["id"], one["name"], one.get("input"), span(line, "input"))
            case "tool_result":
                conversation.begin_turn()
                failed = one.get("is_error") is True
                status = ToolStatus.TOOL_STATUS_FAILED if failed else ToolStatus.TOOL_STATUS_COMPLETED
                conversation.result(one["tool_use_id"], status, as_text(one.get("content")))
            case _:
                return False
        return True

    def _closing(self, end: End) -> None:
        if self.conversation.turn_id and (end.exit_code == 0 or end.leaves_open) and not (end.terminated or end.interrupted):
            self.conversation.end_turn(Outcome.OUTCOME_SUCCEEDED)
