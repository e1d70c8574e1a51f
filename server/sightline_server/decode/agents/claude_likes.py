"""Programs that write as Claude Code does, with differences: qwen-code and amp."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

from sightline.v1.event_pb2 import ToolKind, Usage

from sightline_server.decode.agents.claude import Claude
from sightline_server.decode.agents.claude_parts import usage_of
from sightline_server.decode.agents.conversation import add_usage
from sightline_server.decode.agents.tools import kind_of

_EXIT_CODE = re.compile(r"^Exit Code: (\d{1,9})$", re.MULTILINE)


class Qwen(Claude):
    """qwen-code: it tells no cost, and a command's exit code in the text of its result."""

    agent: ClassVar[str] = "qwen"

    @classmethod
    def claims(cls, one: dict[str, Any]) -> bool:
        """See `Decoder`."""
        return one.get("type") == "system" and "qwen_code_version" in one

    def _exit_code(self, name: str, content: str, *, failed: bool, told: object) -> int | None:  # noqa: ARG002 - as its base
        found = _EXIT_CODE.findall(content) if kind_of(name) == ToolKind.TOOL_KIND_EXECUTE else ()
        return int(found[-1]) if found else None


class Amp(Claude):
    """amp: whole messages, tokens on each of them and not on the result. Written from its documentation."""

    agent: ClassVar[str] = "amp"
    best_effort: ClassVar[bool] = True

    def __init__(self, *, keep_raw: bool = False) -> None:
        super().__init__(keep_raw=keep_raw)
        self._used = Usage()

    @classmethod
    def claims(cls, one: dict[str, Any]) -> bool:
        """See `Decoder`."""
        session = one.get("session_id")
        return one.get("type") == "system" and isinstance(session, str) and session.startswith("T-")

    def _assistant(self, one: dict[str, Any], line: bytes, parent: str) -> None:
        super()._assistant(one, line, parent)
        used = one["message"].get("usage")
        if isinstance(used, dict):
            usage = usage_of(used)
            usage.context_size = used.get("max_tokens") or 0
            if not parent:
                usage.context_used = self._context
            add_usage(self._used, usage)

    def _usage(self, one: dict[str, Any]) -> Usage | None:
        used, self._used = self._used, Usage()
        return super()._usage(one) or (used if used.ByteSize() else None)

    def _exit_code(self, name: str, content: str, *, failed: bool, told: object) -> int | None:  # noqa: ARG002 - as its base
        if kind_of(name) != ToolKind.TOOL_KIND_EXECUTE or not content.startswith("{"):
            return None
        try:
            answer = json.loads(content)
        except ValueError:
            return None
        code = answer.get("exitCode") if isinstance(answer, dict) else None
        return code if type(code) is int and abs(code) < 1 << 31 else None
