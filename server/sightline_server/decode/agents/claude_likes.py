"""Programs that write as Claude Code does, with differences: qwen-code and amp."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

from sightline.v1.event_pb2 import ToolKind, Usage

from sightline_server.decode.agents.claude import Claude
from sightline_server.decode.agents.claude_parts import usage_of
from sightline_server.decode.agents.conversation import add_usage
from sightline_server.decode.agents.tools import as_json, kind_of

_EXIT_CODE = re.compile(r"^Exit Code: (\d{1,9})$", re.MULTILINE)


class Qwen(Claude):
    """qwen-code: no cost, the tokens of the session so far (over resumes too), a command's exit code in the text of its result.

    Each block has an id of its own and those of a kind are counted from 0: what one call of the model says is put under one id
    here, so that what a failed call had said is known when it is said again.
    """

    agent: ClassVar[str] = "qwen"

    def __init__(self, *, keep_raw: bool = False) -> None:
        super().__init__(keep_raw=keep_raw)
        self._ids: dict[str, str] = {}  # of the message under way, by speaker
        self._rows: dict[str, tuple[int, int]] = {}  # by speaker: the place of the first block of this kind, and the next free one
        self._counted = Usage()  # in all turns so far

    @classmethod
    def claims(cls, one: dict[str, Any]) -> bool:
        """See `Decoder`."""
        return one.get("type") == "system" and "qwen_code_version" in one

    def _says(self, message: dict[str, Any], line: bytes, parent: str) -> None:
        super()._says({**message, "id": self._ids.setdefault(parent, str(message.get("id") or ""))}, line, parent)

    def _hears(self, one: dict[str, Any], line: bytes, parent: str, told: object, *, prompt: bool, synthetic: bool) -> None:
        super()._hears(one, line, parent, told, prompt=prompt, synthetic=synthetic)
        self._next_message(parent)

    def _piece(self, event: dict[str, Any], parent: str) -> bool:
        kind = event["type"]
        if kind in {"content_block_start", "content_block_delta"}:
            first, free = self._rows.get(parent, (0, 0))
            if kind == "content_block_start":
                first = free if event["index"] == 0 else first
                self._rows[parent] = first, first + event["index"] + 1
            event = {**event, "index": first + event["index"]}
        told = super()._piece(event, parent)
        if kind in {"message_start", "message_stop"}:
            self._next_message(parent)
            if kind == "message_start":
                self._ids[parent] = event["message"]["id"]
        return told

    def _system(self, one: dict[str, Any], line: bytes, parent: str) -> bool:
        told = super()._system(one, line, parent)
        data = one.get("data")
        if one.get("subtype") == "retry" and isinstance(data, dict) and data.get("preserveText") is not True:
            self._pieces.again(parent)
            self._next_message(parent)
        return told

    def _result(self, one: dict[str, Any]) -> None:
        super()._result(one)
        self._ids.clear()
        self._rows.clear()

    def _usage(self, one: dict[str, Any]) -> Usage | None:
        resumed = self._resumed
        usage = super()._usage(one)
        if usage is None:
            return None
        if resumed:
            self._counted = usage
            self.conversation.notice(
                "usage_of_session", f"tokens of the resumed session since its beginning: {as_json(one['usage'])}"
            )
            return None
        earlier, self._counted = self._counted, Usage()
        self._counted.CopyFrom(usage)
        if usage.input_tokens >= earlier.input_tokens and usage.output_tokens >= earlier.output_tokens:
            usage.input_tokens -= earlier.input_tokens
            usage.output_tokens -= earlier.output_tokens
            usage.cached_tokens -= min(earlier.cached_tokens, usage.cached_tokens)
        return usage

    def _next_message(self, parent: str) -> None:
        self._ids.pop(parent, None)
        self._rows.pop(parent, None)

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
