"""opencode's own server, `GET /event`: one event a line, `{"type", "properties"}`: messages and their parts as they change.

The same part comes again and again until it is done, and after a lost connection all of them once more: each is told once. The last
word on a turn is `session.idle`. Sessions other than the first are subagents': a tool's metadata names the one that it started.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sightline.v1.event_pb2 import ErrorOrigin, Outcome, RequestKind, RequestOption, Role, ToolStatus

from sightline_server.decode.agents.conversation import unix_time
from sightline_server.decode.agents.decoder import Decoder, End
from sightline_server.decode.agents.json_lines import span
from sightline_server.decode.agents.opencode import usage_of
from sightline_server.decode.agents.tools import as_text, todos

ABORTED = "MessageAbortedError"
_SILENT = (
    "server.",
    "plugin.",
    "catalog.",
    "integration.",
    "reference.",
    "session.diff",
    "session.deleted",
    "file.",
    "lsp.",
    "project.",
)
_OPTIONS = (("once", "Allow once"), ("always", "Allow always"), ("reject", "Reject"))


class OpencodeServer(Decoder):
    """See `Decoder`."""

    agent: ClassVar[str] = "opencode"
    repeats: ClassVar[bool] = True

    def __init__(self, *, keep_raw: bool = False) -> None:
        super().__init__(keep_raw=keep_raw)
        self._main = ""  # the session's id; others are subagents'
        self._parents: dict[str, str] = {}  # calls by the session that they started
        self._roles: dict[str, str] = {}  # by message id
        self._told: dict[str, list[str]] = {}  # what was told of a text, by part id
        self._thoughts: set[str] = set()  # parts that are thinking
        self._done: set[str] = set()  # parts that are told as a whole, and requests
        self._texts: tuple[str, str] = ("", "")  # the last message's id and its texts
        self._finish = ""
        self._failure = ""
        self._aborted = False

    @classmethod
    def claims(cls, one: dict[str, Any]) -> bool:
        """See `Decoder`."""
        match one:
            case {"type": str(), "properties": dict()}:
                return True
        return False

    def _object(self, one: dict[str, Any], line: bytes) -> bool:  # noqa: C901, PLR0912 - a table of kinds
        conversation = self.conversation
        about = one["properties"]
        name: str = one["type"]
        milliseconds = about.get("time")
        conversation.at(unix_time(milliseconds / 1000) if type(milliseconds) is int else None)
        session = str(about.get("sessionID") or (about.get("info") or {}).get("id") or "")
        if name.startswith(_SILENT):
            return True
        match name:
            case "session.created" | "session.updated":
                self._session(about["info"])
            case "message.updated":
                self._message(about["info"], session)
            case "message.part.updated":
                self._part(about["part"], session, line)
            case "message.part.delta":
                self._piece(about, session)
            case "message.removed" | "message.part.removed":
                conversation.notice("removed", str(about.get("messageID", "")), parent=self._parent(session))
            case "todo.updated":
                if session == self._main:
                    conversation.plan(todos(about["todos"]))
            case "permission.asked" | "question.asked":
                self._asked(about, name)
            case "permission.replied" | "question.replied" | "question.rejected":
                self._replied(about, name)
            case "requests.open":
                self._still_open(set(about["ids"]))
            case "session.status":
                self._status(about["status"])
            case "session.error":
                self._failed(about["error"], session)
            case "session.idle":
                if session == self._main:
                    self._idle()
            case _:
                return False
        return True

    # --- sessions and messages

    def _session(self, info: dict[str, Any]) -> None:
        self._main = self._main or info["id"]
        if info["id"] == self._main:
            model = info.get("model") or {}
            self.conversation.know(
                agent_session_id=self._main,
                version=str(info.get("version", "")),
                cwd=str(info.get("directory", "")),
                model=str(model.get("id", "")),
            )

    def _parent(self, session: str) -> str:
        if session in ("", self._main):
            return ""
        return self._parents.get(session, session)

    def _message(self, info: dict[str, Any], session: str) -> None:
        self._main = self._main or session
        self._roles[info["id"]] = info["role"]
        if info["role"] != "assistant" or session != self._main:
            return
        self.conversation.know(model=str(info.get("modelID", "")))
        if info.get("finish"):
            self._finish = info["finish"]
        if info.get("error"):
            self._failed(info["error"], session)

    def _part(self, part: dict[str, Any], session: str, line: bytes) -> None:
        if part.get("synthetic") or part.get("ignored"):
            return
        kind, parent = part["type"], self._parent(session)
        if kind in ("text", "reasoning"):
            if self._roles.get(part["messageID"]) == "user":
                self._prompt(part, parent)
            elif (part.get("time") or {}).get("end"):
                self._whole(part, parent)
            else:
                self._thoughts.update([part["id"]] if kind == "reasoning" else [])
        elif kind == "tool":
            self._tool(part, parent, line)
        elif kind == "step-finish" and part["id"] not in self._done:
            self._done.add(part["id"])
            if not parent:
                self._begin()
                self.conversation.spend(usage_of(part))
                self._finish = str(part.get("reason", ""))

    def _begin(self, prompt: str = "") -> None:
        if not self.conversation.turn_id:
            self._finish = self._failure = ""
            self._aborted = False
            self._texts = "", ""
            self.conversation.begin_turn(prompt)

    def _prompt(self, part: dict[str, Any], parent: str) -> None:
        if part["id"] in self._done:
            return
        self._done.add(part["id"])
        if parent:
            return
        if self.conversation.turn_id and (self._finish in ("stop", "length") or self._failure or self._aborted):
            self._idle()  # its end was not heard
        if self.conversation.turn_id:
            self.conversation.message(part["text"], part["id"], role=Role.ROLE_USER)
        else:
            self._begin(part["text"])

    # --- what is said

    def _piece(self, about: dict[str, Any], session: str) -> None:
        part, text = about["partID"], about["delta"]
        if about.get("field") != "text" or part in self._done or not text or self._roles.get(about["messageID"]) == "user":
            return
        parent = self._parent(session)
        if not parent:
            self._begin()
        self._told.setdefault(part, []).append(text)
        self._tell(part, text, parent, thinking=part in self._thoughts, delta=True)

    def _whole(self, part: dict[str, Any], parent: str) -> None:
        part_id, text = part["id"], part["text"]
        if part_id in self._done:
            return
        thinking = part["type"] == "reasoning"
        told = "".join(self._told.pop(part_id, ()))
        self._done.add(part_id)
        if not parent:
            self._begin()
        if told and text.startswith(told):
            if text != told:
                self._tell(part_id, text[len(told) :], parent, thinking=thinking, delta=True)
        elif text:
            self._tell(part_id, text, parent, thinking=thinking, delta=False)
        if not thinking and not parent:
            message, texts = self._texts
            self._texts = part["messageID"], f"{texts}\n{text}" if message == part["messageID"] else text

    def _tell(self, part_id: str, text: str, parent: str, *, thinking: bool, delta: bool) -> None:
        if thinking:
            self.conversation.thinking(text, part_id, delta=delta, parent=parent)
        else:
            self.conversation.message(text, part_id, delta=delta, parent=parent)

    # --- what is done

    def _tool(self, part: dict[str, Any], parent: str, line: bytes) -> None:
        state, name, call_id = part["state"], part["tool"], part["callID"]
        metadata = state.get("metadata") or {}
        if metadata.get("sessionId"):
            self._parents[metadata["sessionId"]] = call_id
        if state["status"] == "pending" or part["id"] in self._done:
            return
        if not parent:
            self._begin()
        given = span(line, "properties", "part", "state", "input")
        if not self.conversation.knows(call_id):
            self.conversation.call(call_id, name, state.get("input"), given, parent=parent)
        if state["status"] not in ("completed", "error"):
            return
        self._done.add(part["id"])
        exit_code = metadata.get("exit")
        exit_code = exit_code if type(exit_code) is int and -(1 << 31) <= exit_code < 1 << 31 else None
        well = state["status"] == "completed" and not exit_code and name != "invalid"  # `invalid`: there is no such tool
        times = state.get("time") or {}
        self.conversation.result(
            call_id,
            ToolStatus.TOOL_STATUS_COMPLETED if well else ToolStatus.TOOL_STATUS_FAILED,
            as_text(state.get("error")) or as_text(state.get("output")),
            exit_code=exit_code,
            seconds=(times["end"] - times["start"]) / 1000 if "end" in times and "start" in times else None,
            parent=parent,
        )

    # --- requests

    def _asked(self, about: dict[str, Any], name: str) -> None:
        request_id = about["id"]
        if request_id in self._done or request_id in self.conversation.open_requests:
            return
        call_id = str((about.get("tool") or {}).get("callID", ""))
        if name == "permission.asked":
            text = " ".join([str(about.get("permission", "")), *map(str, about.get("patterns") or ())])
            options = [RequestOption(option_id=word, label=label, allows=word != "reject") for word, label in _OPTIONS]
            self.conversation.request(request_id, RequestKind.REQUEST_KIND_PERMISSION, text, call_id=call_id, options=options)
        else:
            questions = about.get("questions") or [{}]
            text = "\n".join(str(one.get("question", "")) for one in questions)
            self.conversation.request(request_id, RequestKind.REQUEST_KIND_QUESTION, text, call_id=call_id)

    def _replied(self, about: dict[str, Any], name: str) -> None:
        request_id = about["requestID"]
        self._done.add(request_id)
        if request_id in self.conversation.open_requests:
            self.conversation.resolved(request_id, option_id=str(about.get("reply", "")), cancelled=name == "question.rejected")

    def _still_open(self, ids: set[str]) -> None:
        """The permissions that are asked for now, as whoever listens has found out: the others were answered meanwhile."""
        for request_id in [one for one in self.conversation.open_requests if one.startswith("per_") and one not in ids]:
            self._done.add(request_id)
            self.conversation.resolved(request_id, text="it was answered while nobody listened")

    # --- how it goes

    def _status(self, status: dict[str, Any]) -> None:
        if status["type"] == "retry":
            self.conversation.notice("retry", str(status.get("message", "")))

    def _failed(self, error: dict[str, Any], session: str) -> None:
        if session not in ("", self._main) or not self.conversation.turn_id:
            return
        self._aborted = self._aborted or error["name"] == ABORTED
        data = error.get("data") or {}
        failure = str(data.get("message") or error["name"])
        if self._aborted:
            return
        if failure != self._failure:
            upstream = "statusCode" in data or error["name"] == "ProviderAuthError"
            origin = ErrorOrigin.ERROR_ORIGIN_UPSTREAM if upstream else ErrorOrigin.ERROR_ORIGIN_PROGRAM
            self.conversation.failed("AGENT_ERROR", failure, origin=origin)
        self._failure = failure

    def _idle(self) -> None:
        if not self.conversation.turn_id:
            return
        if self._aborted:
            outcome, why = Outcome.OUTCOME_INTERRUPTED, ""
        elif self._failure or self._finish not in ("stop", ""):
            outcome, why = Outcome.OUTCOME_FAILED, self._failure or f"its last step ended with `{self._finish}`"
        else:
            outcome, why = Outcome.OUTCOME_SUCCEEDED, ""
        self.conversation.end_turn(outcome, text=self._texts[1], stop_reason=self._finish, error=why)

    def _closing(self, end: End) -> None:
        if self.conversation.turn_id and self._finish == "stop" and not self._failure and not (end.terminated or end.interrupted):
            self._idle()
