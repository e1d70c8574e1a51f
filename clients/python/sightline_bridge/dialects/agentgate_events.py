"""From the events of a log to AgentGate's: a session is a work order with one run, and each turn of an agent is an iteration of it.

Pure: knows messages, and neither sockets nor calls.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from google.protobuf.timestamp_pb2 import Timestamp
from sightline.v1.event_pb2 import (
    Channel,
    Event,
    FileChange,
    FileChanged,
    Outcome,
    Progress,
    Role,
    SessionState,
    ToolCall,
    ToolKind,
    ToolResult,
    ToolStatus,
    WaitingFor,
)
from sightline.v1.session_pb2 import Session

from sightline_bridge.dialects.text import Texts, iso, lost

Message = dict[str, object]

ALWAYS = frozenset({"state_changed", "turn_started", "completed", "error"})
"""Kinds of events that every subscriber gets."""

KINDS: Mapping[str, frozenset[str]] = {
    "includeToolCalls": frozenset({"tool_call"}),
    "includeToolResults": frozenset({"tool_result"}),
    "includeOutput": frozenset({"output", "output_lost", "message", "thinking"}),
    "includeFileChanges": frozenset({"file_changed"}),
    "includeProgress": frozenset({"progress"}),
}
"""Those that come unless a subscriber does not want them, by what it says then."""

QUEUED, RUNNING = "queued", "running"
OUTCOMES = {Outcome.OUTCOME_SUCCEEDED: "succeeded", Outcome.OUTCOME_FAILED: "failed", Outcome.OUTCOME_LOST: "failed"}
CANCELED = "canceled"  # by anything else
ACTIONS = {FileChange.FILE_CHANGE_CREATED: "created", FileChange.FILE_CHANGE_DELETED: "deleted"}
PREVIEW = 500  # characters of a tool's result


@dataclass
class WorkOrder:
    """A session as one client follows it.

    Attributes:
        word: what the client calls it.
        session_id: the session.
        kinds: of events that it wants.
        status: AgentGate's word for how it is, as far as the client knows; None: not told yet.
        turns: the places of its turns in the log, as far as they are known.
    """

    word: str
    session_id: str
    kinds: frozenset[str]
    status: str | None = None
    turns: list[int] = field(default_factory=list)
    texts: Texts = field(default_factory=Texts)

    def messages(self, event: Event) -> list[Message]:
        """What an event of the session is for its client: nothing, or one message, or two."""
        kind = event.WhichOneof("payload") or ""
        if kind not in self.kinds:
            return []
        made = MADE[kind](self, event)
        if event.turn_id:
            for message in made:
                message["turnId"] = event.turn_id
        return made

    def message(self, type_: str, time: Timestamp, **fields: object) -> Message:
        """One message about it. Fields that are None are left out."""
        said = {name: value for name, value in fields.items() if value is not None}
        return {"type": type_, "workOrderId": self.word, "runId": self.session_id, "timestamp": iso(time), **said}

    def turn(self, event: Event) -> list[Message]:
        """A turn begins."""
        number = bisect_left(self.turns, event.seq)
        self.turns[number : number + 1] = [event.seq]
        prompt = event.turn_started.prompt or None
        return [self.message("run_iteration", event.time, iterationNumber=number + 1, prompt=prompt)]

    def output(self, event: Event) -> list[Message]:
        """What a program wrote."""
        channel = Channel.Name(event.output.channel).removeprefix("CHANNEL_").lower()
        return self._said(self.texts.of(event), channel, event.time, event.source)

    def words(self, event: Event) -> list[Message]:
        """What an agent says, or thinks; what is said to it is no output."""
        if event.HasField("thinking"):
            return self._said(event.thinking.text, "thinking", event.time, event.source)
        said = event.message
        return [] if said.role == Role.ROLE_USER else self._said(said.text, "message", event.time, event.source)

    def _said(self, text: str, stream: str, time: Timestamp, source: str) -> list[Message]:
        return [self.message("agent_output", time, content=text, stream=stream, source=source)] if text else []

    def state(self, event: Event) -> list[Message]:
        """It does something else now."""
        changed, time, before, made = event.state_changed, event.time, self.status, list[Message]()
        if changed.state == SessionState.SESSION_STATE_ENDED:
            return []  # `completed` says how
        if changed.state == SessionState.SESSION_STATE_STARTING:
            self.status = QUEUED
            return [self.message("work_order_created", time, status=QUEUED)]
        self.status = RUNNING
        if before == QUEUED:
            made.append(self.message("run_started", time, runNumber=1))
        waiting = WaitingFor.Name(changed.waiting_for).removeprefix("WAITING_FOR_").lower() if changed.waiting_for else None
        made.append(
            self.message(
                "work_order_updated",
                time,
                status=RUNNING,
                previousStatus=before,
                state=state_word(changed.state),
                waitingFor=waiting,
                reason=changed.reason or None,
            )
        )
        return made

    def completed(self, event: Event) -> list[Message]:
        """It has ended."""
        completed, time = event.completed, event.time
        before, self.status = self.status, OUTCOMES.get(completed.outcome, CANCELED)
        outcome = Outcome.Name(completed.outcome).removeprefix("OUTCOME_").lower()
        exit_code = completed.exit_code if completed.HasField("exit_code") else None
        more = {"outcome": outcome, "exitCode": exit_code, "labels": dict(completed.labels) or None}
        made = self._said(self.texts.rest(self.session_id), "rest", time, "") if "output" in self.kinds else []
        if completed.outcome == Outcome.OUTCOME_SUCCEEDED:
            branch, result = completed.labels.get("branch"), completed.result_text or None
            made.append(self.message("run_completed", time, branchName=branch, result=result, **more))
        else:
            why = completed.error or (outcome if exit_code is None else f"{outcome} with exit code {exit_code}")
            made.append(self.message("run_failed", time, error=why, **more))
        made.append(self.message("work_order_updated", time, status=self.status, previousStatus=before, state="ended"))
        return made


def created(session: Session) -> Message:
    """That there is a session, for clients that do not follow it."""
    order = WorkOrder(session.id, session.id, frozenset())
    prompt = " ".join(session.argv) or session.name
    return order.message("work_order_created", session.create_time, status=status_of(session), taskPrompt=prompt, name=session.name)


def status_of(session: Session) -> str:
    """Its word for how a session is."""
    if session.state == SessionState.SESSION_STATE_ENDED:
        return OUTCOMES.get(session.outcome, CANCELED)
    return QUEUED if session.state == SessionState.SESSION_STATE_STARTING else RUNNING


def tool_call(call: ToolCall) -> Message:
    """What an agent does."""
    kind = ToolKind.Name(call.kind).removeprefix("TOOL_KIND_").capitalize() if call.kind else "Other"
    given = as_object(call.input_json)
    path = call.locations[0].path if call.locations else next((given[key] for key in ("file_path", "path") if key in given), None)
    return {
        "toolUseId": call.tool_call_id,
        "tool": call.name or kind,
        "input": given,
        "path": path if isinstance(path, str) else None,
        "title": call.title or None,
    }


def tool_result(result: ToolResult) -> Message:
    """How it went."""
    return {
        "toolUseId": result.tool_call_id,
        "success": result.status == ToolStatus.TOOL_STATUS_COMPLETED,
        "contentPreview": result.content[:PREVIEW],
        "contentLength": len(result.content),
        "durationMs": round(result.duration.ToMilliseconds()),
        "exitCode": result.exit_code if result.HasField("exit_code") else None,
    }


def file_changes(changed: FileChanged) -> list[Message]:
    """A move is two changes: it knows no other word for it."""
    size = changed.size if changed.change != FileChange.FILE_CHANGE_DELETED else None
    now: Message = {"path": changed.path, "sizeBytes": size, "toolUseId": changed.tool_call_id or None}
    if changed.change == FileChange.FILE_CHANGE_MOVED:
        return [{"path": changed.old_path, "action": "deleted"}, {**now, "action": "created"}]
    return [{**now, "action": ACTIONS.get(changed.change, "modified")}]


def progress(told: Progress) -> Message:
    """How far it is."""
    return {
        "percentage": min(100, round(100 * told.done / told.total)) if told.total else 0,
        "currentPhase": told.phase,
        "toolCallCount": told.counts.get("tool_calls", 0),
        "elapsedSeconds": round(told.elapsed.ToMilliseconds() / 1000, 1),
        "counts": dict(told.counts),
    }


def error(event: Event) -> Message:
    """What went wrong in a session, or with its output."""
    if event.HasField("output_lost"):
        return {"code": "OUTPUT_LOST", "message": lost(event.output_lost), "fatal": False}
    return {"code": event.error.code or "ERROR", "message": event.error.message, "fatal": event.error.fatal}


def as_object(data: bytes) -> dict[str, object]:
    """An agent's JSON as an object; what is none is put into one."""
    try:
        value = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        value = data.decode(errors="replace")
    return value if isinstance(value, dict) else {"value": value}


def state_word(state: SessionState.ValueType) -> str:
    """The contract's own word, in small letters."""
    return SessionState.Name(state).removeprefix("SESSION_STATE_").lower()


def one(type_: str, fields: Callable[[Event], Message]) -> Callable[[WorkOrder, Event], list[Message]]:
    """For events that are one message each."""
    return lambda order, event: [order.message(type_, event.time, **fields(event))]


MADE: Mapping[str, Callable[[WorkOrder, Event], list[Message]]] = {
    "state_changed": WorkOrder.state,
    "turn_started": WorkOrder.turn,
    "completed": WorkOrder.completed,
    "output": WorkOrder.output,
    "message": WorkOrder.words,
    "thinking": WorkOrder.words,
    "tool_call": one("agent_tool_call", lambda event: tool_call(event.tool_call)),
    "tool_result": one("agent_tool_result", lambda event: tool_result(event.tool_result)),
    "file_changed": lambda order, event: [
        order.message("file_changed", event.time, **change) for change in file_changes(event.file_changed)
    ],
    "progress": one("progress_update", lambda event: progress(event.progress)),
    "output_lost": one("error", error),
    "error": one("error", error),
}
"""What each kind of event is for a client."""
