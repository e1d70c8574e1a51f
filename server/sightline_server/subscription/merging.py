"""Neighbours that can be one event without losing anything: output of one channel, pieces of one message. Pure.

A merged event is the last of those in it, with the data of all: its `seq` and `time` are that one's, `first_seq` is that of the
first. Who resumes in the midst of them gets the rest, merged or not. Neighbours are events that the subscriber gets one after the
other: what its filter hides between them is no hindrance.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from sightline.v1.event_pb2 import Event, EventKind

from sightline_server.log import record
from sightline_server.subscription.filter import PART
from sightline_server.subscription.position import Entry

MERGED_BYTES = 256 * 1024  # of one merged event, about: a quarter of what an event may have

Key = tuple[object, ...]


class Group:
    """Entries that go as one event.

    Attributes:
        entries: at least one.
    """

    def __init__(self, entry: Entry, event: Event | None = None) -> None:
        self.entries = [entry]
        self._events = [] if event is None else [event]
        self._size = len(entry.data)

    @property
    def kind(self) -> EventKind.ValueType:
        """The kind of all of them."""
        return kind_of(self.entries[0])

    @property
    def last(self) -> Entry:
        """The one whose `seq` the event has."""
        return self.entries[-1]

    def take(self, entry: Entry, event: Event) -> bool:
        """Adds the next neighbour; False: it would become too large."""
        if self._size + len(entry.data) > MERGED_BYTES:
            return False
        self.entries.append(entry)
        self._events.append(event)
        self._size += len(entry.data)
        return True

    def encoded(self) -> bytes:
        """One framed entry. To be called once."""
        if len(self.entries) == 1:
            return self.entries[0].data
        merged = self._events[-1]
        merged.first_seq = self._events[0].first_seq or self._events[0].seq
        JOIN[self.kind](merged, self._events)
        return record.frame(merged.SerializeToString())


def merge(entries: Sequence[Entry]) -> list[Group]:
    """The fewest events that carry all of it, in order."""
    groups: list[Group] = []
    for _, run in itertools.groupby(entries, key=lambda entry: entry.part):
        neighbours = list(run)  # of one kind, source and channel
        if len(neighbours) > 1 and kind_of(neighbours[0]) in JOIN:
            groups.extend(merge_run(neighbours))
        else:
            groups.extend(map(Group, neighbours))
    return groups


def merge_run(entries: Sequence[Entry]) -> list[Group]:
    """The same for entries of one mergeable kind, one source and one channel."""
    groups: list[Group] = []
    before: Key | None = None
    for entry, event in zip(entries, record.decode(b"".join(entry.data for entry in entries)), strict=True):
        key = key_of(event)
        if key is None or key != before or not groups[-1].take(entry, event):
            groups.append(Group(entry, event))
        before = key
    return groups


def key_of(event: Event) -> Key | None:
    """What neighbours must share to be merged, beside kind, source and channel; None: it stays alone."""
    if event.raw or event.truncated_bytes:
        return None
    around = (event.cause_seq, event.turn_id, event.parent_tool_call_id)
    match event.WhichOneof("payload"):
        case "output":
            return around
        case "message":
            message = event.message
            return (*around, message.message_id, message.role) if message.delta and message.message_id else None
        case "thinking":
            thinking = event.thinking
            return (*around, thinking.message_id) if thinking.delta and thinking.message_id else None
    return None


def _join_output(merged: Event, events: Sequence[Event]) -> None:
    merged.output.data = b"".join(event.output.data for event in events)


def _join_message(merged: Event, events: Sequence[Event]) -> None:
    merged.message.text = "".join(event.message.text for event in events)


def _join_thinking(merged: Event, events: Sequence[Event]) -> None:
    merged.thinking.text = "".join(event.thinking.text for event in events)


JOIN: dict[EventKind.ValueType, Callable[[Event, Sequence[Event]], None]] = {
    EventKind.EVENT_KIND_OUTPUT: _join_output,
    EventKind.EVENT_KIND_MESSAGE: _join_message,
    EventKind.EVENT_KIND_THINKING: _join_thinking,
}


def kind_of(entry: Entry) -> EventKind.ValueType:
    """The kind of an entry."""
    kind: EventKind.ValueType = PART.unpack(entry.part)[0]
    return kind
