"""One event in one line, for people. Pure; the JSON form is protobuf's own and not made here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sightline.v1 import event_pb2 as e
from sightline.v1.session_pb2 import SessionKind

from sightline_cli import people


def plain(name: str, prefix: str) -> str:
    """`SESSION_STATE_WORKING` as `working`."""
    return name.removeprefix(prefix).lower()


def state(value: e.SessionState.ValueType) -> str:
    """`working`, `waiting`, `ended`, and so on."""
    return plain(e.SessionState.Name(value), "SESSION_STATE_")


def outcome(value: e.Outcome.ValueType) -> str:
    """`succeeded`, `failed`, and so on; empty while it lives."""
    return "" if value == e.OUTCOME_UNSPECIFIED else plain(e.Outcome.Name(value), "OUTCOME_").replace("_", " ")


def kind(value: SessionKind.ValueType) -> str:
    """`command`, `terminal`, `tmux`, and so on."""
    return plain(SessionKind.Name(value), "SESSION_KIND_")


def capture(value: e.CaptureState.ValueType) -> str:
    """`following`, `disconnected`, `paused`, `blind`."""
    return plain(e.CaptureState.Name(value), "CAPTURE_STATE_")


def waiting_for(value: e.WaitingFor.ValueType) -> str:
    """`permission`, `answer`, `input`, `login`; empty when it does not wait."""
    return "" if value == e.WAITING_FOR_UNSPECIFIED else plain(e.WaitingFor.Name(value), "WAITING_FOR_")


def label(source: str) -> str:
    """What stands in brackets before a line: `script:setup` is `setup`."""
    return source.rpartition(":")[2] or source


def ending(how: e.Outcome.ValueType, exit_code: int | None, signal: int) -> str:
    """`succeeded`, `failed with exit code 2`, `cancelled by signal 15`."""
    text = outcome(how) or "ended"
    if signal:
        return f"{text} by signal {signal}"
    return f"{text} with exit code {exit_code}" if exit_code else text


def completed(value: e.Completed) -> str:
    """How a session ended."""
    text = ending(value.outcome, value.exit_code if value.HasField("exit_code") else None, value.signal)
    if value.error:
        # A step's error says by itself how it ended: "git failed with exit code 1".
        text = value.error if value.exit_code and text in value.error else f"{text}: {value.error}"
    if value.descendants_left:
        text += f" ({value.descendants_left} of its processes still run)"
    return text


def state_changed(value: e.StateChanged) -> str:
    """What it does now, and why."""
    text = state(value.state)
    if value.waiting_for:
        text += f" for {waiting_for(value.waiting_for)}"
    if value.capture not in {e.CAPTURE_STATE_UNSPECIFIED, e.CAPTURE_STATE_FOLLOWING}:
        text += f", capture {capture(value.capture)}"
    return f"{text} ({value.reason})" if value.reason else text


def input_typed(value: e.Input) -> str:
    """What was typed, or how much."""
    who = f" by {value.author}" if value.author else ""
    if value.interrupt:
        return f"interrupt{who}"
    what = f"{value.length} bytes, not kept" if value.redacted else repr(value.data.decode(errors="replace"))
    return f"input{who}: {what}" + (", end of input" if value.eof else "")


def file_changed(value: e.FileChanged) -> str:
    """`file moved: /new, was /old`."""
    was = f", was {value.old_path}" if value.old_path else ""
    return f"file {plain(e.FileChange.Name(value.change), 'FILE_CHANGE_')}: {value.path}{was}"


SAID: Mapping[str, Callable[[Any], str]] = {
    "completed": completed,
    "state_changed": state_changed,
    "input": input_typed,
    "file_changed": file_changed,
}


def line(event: e.Event) -> str:
    """An event that is not output, in one line."""
    payload = event.WhichOneof("payload")
    if payload is None:
        return f"an event of a kind that this version does not know (seq {event.seq})"
    value = getattr(event, payload)
    match payload:
        case "completed" | "state_changed" | "input" | "file_changed":
            text = SAID[payload](value)
        case "resized":
            text = f"resized to {value.columns}x{value.rows}"
        case "output_lost":
            amount = people.size(value.bytes) if value.bytes else "an unknown amount"
            text = f"output was lost: {amount}" + (f", {value.reason}" if value.reason else "")
        case "step_started":
            text = f"step {value.index}/{value.count} {value.step}"
        case "step_finished":
            allowed = ", allowed" if value.failure_allowed else ""
            took = people.span(value.duration.ToTimedelta().total_seconds())
            text = f"step {value.step}: exit code {value.exit_code}{allowed}, {took}"
        case "error":
            text = f"error: {value.message or value.code}"
        case _:
            text = f"{payload.replace('_', ' ')}: {_brief(value)}"
    return " ".join(text.split())


def _brief(value: object) -> str:
    """The fields that say most, of the kinds that have no words of their own."""
    for name in ("text", "title", "path", "phase", "name", "content", "prompt", "model", "request_id"):
        found = getattr(value, name, "")
        if found:
            return people.fit(" ".join(str(found).split()), 400)
    return people.fit(" ".join(str(value).split()), 400)
