"""opencode, `run --format json`: `step_start`, `text`, `reasoning`, `tool_use`, `step_finish`, `error`; `done` in newer versions.

A line is written when its part is done, so a call and its result are one line, and inside a step the order is that of completion.
Nothing says that the turn is over but the end of the stream (and `done`): it went well when the last step's reason is `stop` and
the program says so too. A stream that breaks makes a step of its own, again and again: what the next one repeats is told as such.
"""

from __future__ import annotations

from typing import Any, ClassVar
from zlib import crc32

from sightline.v1.event_pb2 import TOOL_STATUS_COMPLETED, TOOL_STATUS_FAILED, ErrorOrigin, Outcome, Usage

from sightline_server.decode.agents.conversation import unix_time
from sightline_server.decode.agents.decoder import Decoder, End
from sightline_server.decode.agents.gemini import REPEATED
from sightline_server.decode.agents.json_lines import span
from sightline_server.decode.agents.tools import as_text, todos

SAME_STEPS = {3, 10, 100, 1000, 10_000}  # how many in a row are told: an endless loop is not told endlessly
_WHOLE = {"stop", "tool-calls", "length", "content-filter"}  # reasons of a step whose stream was not cut


class Opencode(Decoder):
    """See `Decoder`."""

    agent: ClassVar[str] = "opencode"

    def __init__(self, *, keep_raw: bool = False) -> None:
        super().__init__(keep_raw=keep_raw)
        self._session = ""
        self._reason = ""  # the last step's; empty while one is under way
        self._error = ""
        self._last_failure = ""
        self._said: tuple[str, str] = ("", "")  # the last message's id and the texts of its parts
        self._part = ("", "")  # the last text's id and its text
        self._cut = ("", "")  # the same, of a step whose stream was cut: the next one may say it again
        self._step = self._step_before = 0  # a checksum of what a step said and did
        self._same = 1  # how many steps in a row were the same

    @classmethod
    def claims(cls, one: dict[str, Any]) -> bool:
        """See `Decoder`."""
        match one:
            case {"type": str(), "sessionID": str(), "part": {"sessionID": str()}}:
                return True
            case {"type": "error", "sessionID": str(), "error": _} | {"type": "done", "sessionID": str()}:
                return True
        return False

    def _object(self, one: dict[str, Any], line: bytes) -> bool:
        conversation = self.conversation
        milliseconds = one.get("timestamp")
        conversation.at(unix_time(milliseconds / 1000) if type(milliseconds) is int else None)
        if one["sessionID"] != self._session:
            self._session = one["sessionID"]
            conversation.know(agent_session_id=self._session)
        match one["type"]:
            case "step_start":
                self._begin()
                self._reason = ""
                conversation.notice("step_started")
            case "text":
                self._begin()
                self._text(one["part"], line)
            case "reasoning":
                self._begin()
                conversation.thinking(one["part"]["text"], one["part"]["id"])
            case "tool_use":
                self._begin()
                self._tool(one["part"], line)
            case "step_finish":
                self._begin()
                self._step_finished(one["part"])
            case "error":
                self._begin()
                self._failed(one["error"])
            case "done":
                self._done(one)
            case _:
                return False
        return True

    def _begin(self) -> None:
        if self.conversation.turn_id:
            return
        self._reason = self._error = self._last_failure = ""
        self._said = self._part = self._cut = "", ""
        self.conversation.begin_turn()

    # --- what a step says and does

    def _text(self, part: dict[str, Any], line: bytes) -> None:
        part_id, text = part["id"], part["text"]
        self._step = crc32(text.encode(), self._step)
        cut_id, cut = self._cut
        if cut and text.startswith(cut):
            part_id = cut_id
            if text == cut:
                self.conversation.notice(REPEATED, "the answer was asked for again, and begins as before", raw=line)
            else:
                self.conversation.message(text[len(cut) :], part_id, delta=True)
        else:
            self.conversation.message(text, part_id)
        self._part = part_id, text
        message_id = str(part.get("messageID", ""))
        self._said = message_id, f"{self._said[1]}\n{text}" if message_id == self._said[0] and message_id else text

    def _tool(self, part: dict[str, Any], line: bytes) -> None:
        conversation = self.conversation
        state, name, call_id = part["state"], part["tool"], part["callID"]
        given = span(line, "part", "state", "input")
        self._step = crc32(given, crc32(name.encode(), self._step))
        metadata = state.get("metadata") or {}
        exit_code = metadata.get("exit")
        exit_code = exit_code if type(exit_code) is int and -(1 << 31) <= exit_code < 1 << 31 else None
        ended_well = state["status"] == "completed" and not exit_code and name != "invalid"  # `invalid`: there is no such tool
        content = as_text(state.get("output"))
        if not ended_well:
            content = as_text(state.get("error")) or content
            self._last_failure = content
        times = state.get("time") or {}
        conversation.call(call_id, name, state.get("input"), given)
        conversation.result(
            call_id,
            TOOL_STATUS_COMPLETED if ended_well else TOOL_STATUS_FAILED,
            content,
            exit_code=exit_code,
            seconds=(times["end"] - times["start"]) / 1000 if "end" in times and "start" in times else None,
        )
        if name == "todowrite" and ended_well:
            conversation.plan(todos(state["input"].get("todos")))

    def _step_finished(self, part: dict[str, Any]) -> None:
        reason, usage = part["reason"], usage_of(part)
        self.conversation.notice("step_finished", reason)
        self.conversation.spend(usage)
        self._reason = reason
        self._cut = ("", "") if self._reason in _WHOLE else self._part
        self._part = "", ""
        self._same = self._same + 1 if self._step == self._step_before and self._step else 1
        self._step_before, self._step = self._step, 0
        if self._same in SAME_STEPS:
            self.conversation.notice("same_steps", f"{self._same} steps in a row said and did the same")

    def _failed(self, error: dict[str, Any]) -> None:
        data = error.get("data") or {}
        self._error = str(data.get("message") or error["name"])
        upstream = "statusCode" in data or error["name"] in {"APIError", "ProviderAuthError"}
        origin = ErrorOrigin.ERROR_ORIGIN_UPSTREAM if upstream else ErrorOrigin.ERROR_ORIGIN_PROGRAM
        self.conversation.failed("AGENT_ERROR", self._error, origin=origin)

    # --- the end

    def _done(self, one: dict[str, Any]) -> None:
        self._begin()
        refused = one.get("rejected")
        if isinstance(refused, list) and refused:
            self.conversation.notice("permission_refused", ", ".join(str(permission) for permission in refused))
        self._end(well=self._reason == "stop" and not self._error)

    def _end(self, *, well: bool) -> None:
        outcome = Outcome.OUTCOME_SUCCEEDED if well else Outcome.OUTCOME_FAILED
        self.conversation.end_turn(
            outcome,
            text=self._said[1],
            stop_reason=self._reason,
            error="" if well else self._why(),
        )

    def _why(self) -> str:
        if self._error:
            return self._error
        reason = f"its last step ended with `{self._reason}`" if self._reason else "its last step did not end"
        return f"{reason}: {self._last_failure}" if self._last_failure else reason

    def _closing(self, end: End) -> None:
        if not self.conversation.turn_id:
            return
        asked = end.terminated or end.interrupted
        exited_well = end.exit_code == 0 and not end.signal
        if self._reason == "stop" and not self._error and (exited_well or (end.leaves_open and not asked)):
            self._end(well=True)
        elif not asked and (self._error or exited_well):
            self._end(well=False)


def usage_of(part: dict[str, Any]) -> Usage:
    """What one step used."""
    tokens = part.get("tokens") or {}
    cache = tokens.get("cache") or {}
    given, reasoning, read = tokens.get("input") or 0, tokens.get("reasoning") or 0, cache.get("read") or 0
    kept = cache.get("write") or 0
    written = (tokens.get("output") or 0) + reasoning
    return Usage(
        input_tokens=given,
        output_tokens=written,
        cached_tokens=read,
        cache_written_tokens=kept,
        reasoning_tokens=reasoning,
        cost=part.get("cost"),
        currency="USD",
        context_used=given + kept + read + written,
    )
