"""Which of the events of an agent's hooks go to a session: those that it is not told in another way. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sightline.v1.event_pb2 import Event
from sightline.v1.session_pb2 import Session, SessionKind

NOT_OURS = frozenset({"completed", "state_changed", "input"})
"""A session's own: the server says them."""
UNTOLD_BY_TRANSCRIPTS = frozenset({"request", "request_resolved"})
"""That a person is asked stands in no transcript."""
LARGEST = 900 * 1024  # bytes of one event: an event has 1 MiB at most
LONGEST = 256 * 1024  # characters of a text in one that is larger


def wanted(session: Session, events: Sequence[Event]) -> list[Event]:
    """The events to publish.

    What an agent prints as JSON tells all: its hooks would tell it twice. A transcript tells all but what somebody is asked.
    Where neither is followed (an agent on a terminal, or behind a script) the hooks are all that there is.
    """
    if session.transcript.path or session.kind == SessionKind.SESSION_KIND_TRANSCRIPT:
        found = [event for event in events if event.WhichOneof("payload") in UNTOLD_BY_TRANSCRIPTS]
    elif session.agent and session.kind == SessionKind.SESSION_KIND_COMMAND:
        return []
    else:
        found = [event for event in events if event.WhichOneof("payload") not in NOT_OURS]
    return [fitting(event) for event in found]


def fitting(event: Event) -> Event:
    """The event, its long text cut where it would be too large for a log."""
    if event.ByteSize() <= LARGEST:
        return event
    event.ClearField("raw")
    match event.WhichOneof("payload"):
        case "tool_result":
            event.tool_result.content = event.tool_result.content[:LONGEST]
        case "tool_call":
            event.tool_call.input_json = b""
        case "message":
            event.message.text = event.message.text[:LONGEST]
        case "turn_started":
            event.turn_started.prompt = event.turn_started.prompt[:LONGEST]
        case "turn_finished":
            event.turn_finished.text = event.turn_finished.text[:LONGEST]
    return event
