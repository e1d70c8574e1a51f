"""What Claude Code writes to disk: `projects/<directory>/<session>.jsonl`, and the files of its subagents.

Each line of the conversation names its parent: a tree, because going back and asking anew forks it. Lines are told in the order
they were written. No line ends a turn: it is over with the text of a message that says `end_turn`, or where the program says how
long it took. Every line of a message repeats its tokens.

Much else stands in these files, system prompts among it: lines of such kinds, and of kinds that nobody knows, are told by their
kind alone, and their bytes passed on nowhere.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sightline.v1.event_pb2 import Outcome, Role, Usage

from sightline_server.decode.agents.claude_parts import PLAN, QUESTION, SYNTHETIC, ClaudeParts, context_of, usage_of
from sightline_server.decode.agents.decoder import End
from sightline_server.decode.agents.tools import as_text

INTERNAL = "internal"  # the notice of a line that the program wrote for itself
MAX_TURNS = "max_turns_reached"  # the kind of a line that says so
REWOUND = "rewound"  # the notice of a prompt that goes on from an earlier place
MAX_KNOWN = 100_000  # lines whose ids are remembered

ENDS = {"end_turn": Outcome.OUTCOME_SUCCEEDED, "stop_sequence": Outcome.OUTCOME_SUCCEEDED, "refusal": Outcome.OUTCOME_FAILED}
PRIVATE = {"attachment", "file-history-snapshot", "tools-used", "atis-latch", "cost-state"}
PUBLIC = {"queue-operation", "last-prompt", "ai-title", "custom-title", "permission-mode", "mode", "worktree-state", "summary"}
_ABOUT = ("content", "summary", "title", "aiTitle", "customTitle", "permissionMode", "mode", "operation", "lastPrompt", "error")
_NOT_TYPED = ("<command-", "<local-command-", "<bash-", "<task-notification>", "Caveat: ")  # how texts begin that nobody typed


class ClaudeTranscript(ClaudeParts):
    """See `Decoder`.

    Attributes:
        agents: the calls that started subagents, by the subagents' ids. The reader of a subagent's file is given the main one's.
    """

    agent: ClassVar[str] = "claude"

    def __init__(self, *, keep_raw: bool = False) -> None:
        super().__init__(keep_raw=keep_raw)
        self.agents: dict[str, str] = {}
        self._known: dict[str, str] = {}  # ids of lines; for a subagent's the call that started it
        self._last = ""  # the id of the main agent's last line
        self._about: tuple[object, ...] = ()
        self._prompt_id: object = None
        self._stop = ""  # why the last message of the turn under way stopped
        self._wrote = False  # and it ended in text
        self._ended = ("", "")  # the message that ended the last turn, and that turn
        self._used: dict[str, Usage] = {}  # of the turn under way, by message
        self._context = 0

    @classmethod
    def claims(cls, one: dict[str, Any]) -> bool:
        """See `Decoder`."""
        match one:
            case {"isSidechain": bool(), "uuid": str(), "sessionId": str()}:
                return True
            case {"type": "summary", "leafUuid": str()} | {"type": "queue-operation" | "file-history-snapshot"}:
                return True
        return False

    def _private(self, line: bytes) -> bool:
        return b'"api-request' in line[:100] or b'"attachment":' in line[:400]

    def _object(self, one: dict[str, Any], line: bytes) -> bool:
        kind = one.get("type")
        if kind not in {"assistant", "user", "system"}:
            return self._other(one, line, kind)
        uuid = one["uuid"]
        if uuid in self._known:
            return True
        self.conversation.at_iso(one.get("timestamp"))
        parent = self._parent(one) if one.get("isSidechain") is True else ""
        self._know(one)
        if kind == "assistant":
            self._assistant(one, line, parent)
        elif kind == "user":
            self._user(one, line, parent)
        else:
            self._system(one, line, parent)
        self._remember(uuid, parent)
        return True

    def _remember(self, uuid: str, parent: str) -> None:
        self._known[uuid] = parent
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]
        if not parent:
            self._last = uuid

    def _parent(self, one: dict[str, Any]) -> str:
        """The call on whose behalf a subagent wrote this: by its id, by the line before, by what it was asked; else its own id."""
        agent_id = str(one.get("agentId") or "")
        found = self.agents.get(agent_id) or self._known.get(one.get("parentUuid") or "")
        if not found:
            calls = [call_id for call_id, call in self.conversation.open_calls.items() if call.name in {"Agent", "Task"}]
            found = calls[0] if len(calls) == 1 else agent_id or "sidechain"
        return found

    # --- what is said

    def _assistant(self, one: dict[str, Any], line: bytes, parent: str) -> None:
        message = one["message"]
        content = message["content"]
        if not isinstance(content, str | list):
            raise TypeError
        if parent:
            self._says(message, line, parent)
            return
        if one.get("error") or one.get("isApiErrorMessage") is True:
            text = as_text(content)
            self.conversation.begin_turn()
            self._api_failed(one.get("error"), text)
            self._end(Outcome.OUTCOME_FAILED, text=text, error=text)
            return
        if message.get("model") == SYNTHETIC:  # a word of the program's, such as that nothing was asked
            self.conversation.message(as_text(content), role=Role.ROLE_SYSTEM)
            return
        if message.get("model") != self.conversation.info.model:
            self.conversation.know(model=message["model"])
        api_id = str(message.get("id") or "")
        if api_id and api_id == self._ended[0] and not self.conversation.turn_id:
            self.conversation.turn_id = self._ended[1]  # one more block of the message that ended it
            self._says(message, line, parent)
            self.conversation.turn_id = ""
            return
        self.conversation.begin_turn()
        self._says(message, line, parent)
        if isinstance(message.get("usage"), dict):
            self._used[api_id] = usage_of(message["usage"])
            self._context = context_of(message["usage"]) or self._context
        self._stop = str(message.get("stop_reason") or "")
        self._wrote = isinstance(content, str) or bool(content and content[-1].get("type") == "text")
        if self._stop in ENDS and self._wrote:
            self._ended = (api_id, self.conversation.turn_id)
            self._end(ENDS[self._stop])

    def _user(self, one: dict[str, Any], line: bytes, parent: str) -> None:
        content = one["message"]["content"]
        text = content if type(content) is str else next((block["text"] for block in content if block["type"] == "text"), "")
        synthetic = one.get("isMeta") is True or one.get("isCompactSummary") is True or text.startswith(_NOT_TYPED)
        told = one.get("toolUseResult")
        prompt = bool(text) and not synthetic and not parent
        if prompt:
            self._prompted(one)
        elif isinstance(told, dict) and isinstance(told.get("agentId"), str):
            self.agents[told["agentId"]] = next(block["tool_use_id"] for block in content if block["type"] == "tool_result")
        self._hears(one, line, parent, told, prompt=prompt, synthetic=synthetic)
        if self._interrupted:
            self._end(Outcome.OUTCOME_INTERRUPTED)

    def _prompted(self, one: dict[str, Any]) -> None:
        before = one.get("parentUuid")
        if before and before != self._last and before in self._known:
            self.conversation.notice(REWOUND, before)
        prompt_id = one.get("promptId")
        if self.conversation.turn_id and (prompt_id is None or prompt_id != self._prompt_id):
            self._end(self._untold())
        self._prompt_id = prompt_id

    def _calls(self, block: dict[str, Any], given: bytes, parent: str) -> None:
        super()._calls(block, given, parent)
        if block["name"] in {QUESTION, PLAN} and not parent and block["id"] in self.conversation.open_calls:
            self._asks(block["id"], block["name"], block.get("input"), block["id"])

    # --- the rest

    def _system(self, one: dict[str, Any], line: bytes, parent: str) -> None:
        subtype = str(one["subtype"])
        if subtype == "api_error":
            self._pieces.retried(parent)
            text = f"attempt {one.get('retryAttempt')} of {one.get('maxRetries')} follows after {one.get('retryInMs')} ms"
            self._note("retry", text, line, parent)
            return
        self._note(subtype, _about(one), line, parent)
        if subtype == "turn_duration" and self.conversation.turn_id and not parent:
            self._end(ENDS.get(self._stop, Outcome.OUTCOME_SUCCEEDED))

    def _other(self, one: dict[str, Any], line: bytes, kind: object) -> bool:
        self.conversation.at_iso(one.get("timestamp"))
        if kind in PUBLIC:
            return self._note(str(kind), _about(one), line)
        self._withheld = True
        if kind == "attachment":
            return self._attachment(one)
        if kind == "cost-state":
            self.conversation.total.cost, self.conversation.total.currency = one["totalCostUSD"], "USD"
        if kind in PRIVATE or str(kind).startswith("api-request"):
            self.conversation.notice(INTERNAL, str(kind)[:100])
            return True
        return False

    def _attachment(self, one: dict[str, Any]) -> bool:
        attachment = one["attachment"]
        if isinstance(one.get("uuid"), str):
            self._remember(one["uuid"], self._parent(one) if one.get("isSidechain") is True else "")
        if attachment["type"] == "queued_command" and isinstance(attachment.get("prompt"), str):
            self.conversation.message(attachment["prompt"], role=Role.ROLE_USER)
        elif attachment["type"] == MAX_TURNS and self.conversation.turn_id and one.get("isSidechain") is not True:
            error = f"it reached its limit of {attachment['maxTurns']} turns"
            self.conversation.failed(MAX_TURNS.upper(), error)
            self._end(Outcome.OUTCOME_FAILED, stop=MAX_TURNS, error=error)
        else:
            self.conversation.notice(INTERNAL, f"attachment {attachment['type']}"[:100])
        return True

    def _know(self, one: dict[str, Any]) -> None:
        about = (one.get("version"), one.get("sessionId"), one.get("cwd"))
        if about != self._about:
            self._about = about
            version, session_id, cwd = (str(each or "") for each in about)
            self.conversation.know(version=version, agent_session_id=session_id, cwd=cwd)

    def _end(self, outcome: Outcome.ValueType, *, text: str | None = None, stop: str = "", error: str = "") -> None:
        self._spend()
        stop = stop or (self._stop if outcome != Outcome.OUTCOME_INTERRUPTED else "interrupted")
        self.conversation.end_turn(outcome, text=text, stop_reason=stop, error=error)
        self._stop, self._wrote = "", False
        self._interrupted = self._told_error = False
        self._pieces.over()

    def _spend(self) -> None:
        """What the turn under way used, each message once."""
        for usage in self._used.values():
            usage.context_used = self._context
            self.conversation.spend(usage)
        self._used = {}

    def _closing(self, end: End) -> None:  # noqa: ARG002 - what the file says is more than how the program ended
        self._spend()
        if self.conversation.turn_id and self._untold() != Outcome.OUTCOME_LOST:
            self._end(self._untold())

    def _untold(self) -> Outcome.ValueType:
        """How a turn ended whose end no line tells: older versions write no reason, there the last word was a text."""
        done = not self._stop and self._wrote and not self.conversation.open_calls
        return Outcome.OUTCOME_SUCCEEDED if done else ENDS.get(self._stop, Outcome.OUTCOME_LOST)


def _about(one: dict[str, Any]) -> str:
    return next((str(one[key]) for key in _ABOUT if one.get(key)), "")
