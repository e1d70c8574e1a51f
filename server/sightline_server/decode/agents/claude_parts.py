"""What Claude Code's stream and its files on disk share: messages of content blocks, results of its tools, usage, failures."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from sightline.v1.event_pb2 import (
    ROLE_SYSTEM,
    ROLE_USER,
    TOOL_STATUS_COMPLETED,
    TOOL_STATUS_FAILED,
    ErrorOrigin,
    RequestKind,
    RequestOption,
    Usage,
)

from sightline_server.decode.agents.claude_pieces import Pieces
from sightline_server.decode.agents.claude_plan import Tasks
from sightline_server.decode.agents.decoder import UNKNOWN_LINE, Decoder
from sightline_server.decode.agents.tools import as_text, title_of

INTERRUPTED = "[Request interrupted by user"  # how a text begins that says so
SYNTHETIC = "<synthetic>"  # the model of what the program says itself
ALLOW, DENY, ALLOW_ALWAYS = "allow", "deny", "allow_always"  # options of a request for permission
QUESTION, PLAN = "AskUserQuestion", "ExitPlanMode"  # tools that ask a person

_EXIT_CODE = re.compile(r"\A(?:Error: )?Exit code (\d{1,9})$", re.MULTILINE)


class ClaudeParts(Decoder):
    """See `Decoder`. The parts that a line is made of."""

    def __init__(self, *, keep_raw: bool = False) -> None:
        super().__init__(keep_raw=keep_raw)
        self._asked: dict[str, str] = {}  # the tools that open requests are about
        self._pieces = Pieces(self.conversation)
        self._tasks = Tasks()
        self._interrupted = False  # the turn under way was, by its own word
        self._told_error = False  # of the turn under way
        self._model = ""

    # --- what the agent says

    def _says(self, message: dict[str, Any], line: bytes, parent: str) -> None:
        """An assistant's message."""
        content = message["content"]
        api_id = message.get("id")
        api_id = api_id if type(api_id) is str else ""
        if type(content) is str:
            content = [{"type": "text", "text": content}]
        for place, block in enumerate(content):
            match block["type"]:
                case "text":
                    self._pieces.whole(api_id, "text", block["text"], parent)
                case "thinking":
                    self._pieces.whole(api_id, "thinking", block["thinking"], parent)
                case "redacted_thinking":
                    self._pieces.whole(api_id, "thinking", "", parent)
                case str(kind) if kind.endswith("tool_use"):
                    self._pieces.tool(api_id, parent)
                    self._calls(block, _input_of(line, place), parent)
                case str(kind) if kind.endswith("tool_result"):
                    self._pieces.tool(api_id, parent)
                    answer = block.get("content")
                    failed = block.get("is_error") is True or (isinstance(answer, dict) and "error_code" in answer)
                    self._answers(block["tool_use_id"], as_text(answer), failed=failed, parent=parent)
                case kind:
                    self._unknown_block(kind, line)

    def _calls(self, block: dict[str, Any], given: bytes, parent: str) -> None:
        call_id, name = block["id"], block["name"]
        self.conversation.call(call_id, name, block.get("input"), given, parent=parent)
        if not parent or name.startswith("Task"):  # a subagent's todo list is its own, tasks are everybody's
            self._tasks.called(call_id, name, block.get("input"))

    def _unknown_block(self, kind: object, line: bytes) -> None:
        self.unknown_lines += 1
        self.conversation.notice(UNKNOWN_LINE, f"block {kind}"[:200], raw=line)

    # --- what it is told

    def _hears(self, one: dict[str, Any], line: bytes, parent: str, told: object, *, prompt: bool, synthetic: bool) -> None:
        """A user's message: results of tools, or text. `told` is the result as an object; `prompt`: the text begins a turn."""
        content = one["message"]["content"]
        if type(content) is str:
            content = [{"type": "text", "text": content}]
        if synthetic:
            self._pieces.stopped(parent)  # it may ask for the rest of a message whose stream broke: what came of that is void
        else:
            self._pieces.over(parent)
        for block in content:
            match block["type"]:
                case "tool_result":
                    failed = block.get("is_error") is True
                    self._answers(block["tool_use_id"], as_text(block.get("content")), failed=failed, parent=parent, told=told)
                case "text":
                    self._text(block["text"], parent, prompt=prompt, synthetic=synthetic)
                case "image" | "document":
                    self._text(f"[{block['type']}]", parent, prompt=prompt, synthetic=synthetic)
                case kind:
                    self._unknown_block(kind, line)

    def _text(self, text: str, parent: str, *, prompt: bool, synthetic: bool) -> None:
        if text.startswith(INTERRUPTED):
            if not parent:
                self._interrupted = True
            self.conversation.notice("interrupted", text, parent=parent)
            return
        if prompt and not parent:
            self.conversation.begin_turn(text)
        self.conversation.message(text, role=ROLE_SYSTEM if synthetic else ROLE_USER, parent=parent)

    def _answers(
        self, call_id: str, content: str, *, failed: bool, parent: str = "", told: object = None, seconds: float | None = None
    ) -> None:
        """A call's result, and what follows from it: a request that it answers, a plan that it changes."""
        call = self.conversation.open_calls.get(call_id)
        code = self._exit_code(call.name, content, failed=failed, told=told) if call else None
        status = TOOL_STATUS_FAILED if failed or code else TOOL_STATUS_COMPLETED
        if self.conversation.open_requests:
            for request_id in [one for one, about in self.conversation.open_requests.items() if about == call_id]:
                self._resolve(request_id, content, refused=failed)
        self.conversation.result(call_id, status, content, exit_code=code, seconds=seconds, parent=parent)
        entries = self._tasks.answered(call_id, failed=failed, content=content, told=told)
        if entries is not None:
            self.conversation.plan(entries)

    def _exit_code(self, name: str, content: str, *, failed: bool, told: object) -> int | None:
        """A command's exit code. A success is 0 only where nothing can have been left unsaid."""
        if name != "Bash":
            return None
        if failed:
            found = _EXIT_CODE.match(content)
            return int(found[1]) if found else None
        ran = isinstance(told, dict) and told.get("interrupted") is False and isinstance(told.get("stdout"), str)
        unsaid = isinstance(told, dict) and (told.get("backgroundTaskId") or told.get("returnCodeInterpretation"))
        return 0 if ran and not unsaid else None

    # --- what it asks

    def _asks(self, request_id: str, name: str, given: object, call_id: str, why: str = "", *, lasting: bool = False) -> None:
        """The agent waits for a person: for a permission, or an answer. `lasting`: also one for the time to come."""
        asks = given if isinstance(given, dict) else {}
        questions = asks.get("questions")
        if name == QUESTION and isinstance(questions, list):
            text = "\n".join(str(one["question"]) for one in questions)
            options = []
            if len(questions) == 1 and questions[0].get("multiSelect") is not True:
                labels = [str(one["label"]) for one in questions[0].get("options") or ()]
                options = [RequestOption(option_id=label, label=label) for label in labels]
            kind = RequestKind.REQUEST_KIND_QUESTION
        else:
            text = str(asks["plan"]) if name == PLAN and asks.get("plan") else title_of(name, given)
            text = f"{text} ({why})" if why else text
            options = [RequestOption(option_id=ALLOW, label="Allow", allows=True), RequestOption(option_id=DENY, label="Deny")]
            if lasting:
                options.append(RequestOption(option_id=ALLOW_ALWAYS, label="Allow, and do not ask again", allows=True))
            kind = RequestKind.REQUEST_KIND_PERMISSION
        self.conversation.request(request_id, kind, text, call_id=call_id, options=options)
        self._asked = {one: asked for one, asked in self._asked.items() if one in self.conversation.open_requests}
        self._asked[request_id] = name

    def _resolve(self, request_id: str, text: str, *, refused: bool) -> None:
        if self._asked.pop(request_id, "") == QUESTION and not refused:
            self.conversation.resolved(request_id, text=text)
        elif refused:
            self.conversation.resolved(request_id, option_id=DENY, text=text)
        else:
            self.conversation.resolved(request_id, option_id=ALLOW)

    # --- failures

    def _api_failed(self, code: object, text: str) -> None:
        """The model's service refused or broke."""
        word = str(code).upper() if code and code != "unknown" else "API_ERROR"
        self.conversation.failed(word[:100], text, origin=ErrorOrigin.ERROR_ORIGIN_UPSTREAM)
        self._told_error = True

    def _note(self, code: str, text: object, line: bytes, parent: str = "") -> bool:
        """A notice of a line whose every word would be too many."""
        self.conversation.notice(code[:100], str(text)[:500], raw=line, parent=parent)
        return True


class _Block(msgspec.Struct):
    input: msgspec.Raw = msgspec.Raw()


class _Message(msgspec.Struct):
    content: list[_Block]


class _Line(msgspec.Struct):
    message: _Message


_line = msgspec.json.Decoder(_Line).decode


def _input_of(line: bytes, place: int) -> bytes:
    """The agent's own bytes of a call's input: as `json_lines.span`, in one pass."""
    try:
        return bytes(_line(line).message.content[place].input)
    except (ValueError, LookupError, RecursionError):
        return b""


def usage_of(used: dict[str, Any]) -> Usage:
    """Tokens as the Messages API counts them; qwen-code's `input_tokens` hold the cached ones too, and it tells a total."""
    details = used.get("output_tokens_details") or {}
    given, cached = used.get("input_tokens") or 0, used.get("cache_read_input_tokens") or 0
    return Usage(
        input_tokens=max(0, given - cached) if "total_tokens" in used else given,
        output_tokens=used.get("output_tokens") or 0,
        cached_tokens=cached,
        cache_written_tokens=used.get("cache_creation_input_tokens") or 0,
        reasoning_tokens=details.get("thinking_tokens") or 0,
    )


def context_of(used: object) -> int:
    """Tokens that the model was given for one answer: what the context holds."""
    if not isinstance(used, dict):
        return 0
    context = used.get("input_tokens", 0)
    if "total_tokens" not in used:
        context += used.get("cache_read_input_tokens", 0) + used.get("cache_creation_input_tokens", 0)
    return context if type(context) is int else 0
