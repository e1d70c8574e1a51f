"""The model: what every log holds, as plain lists. It knows what was confirmed and what may be gone, nothing of how logs work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sightline.v1.event_pb2 import Channel, Event, EventKind
from sightline.v1.session_service_pb2 import Filter
from sightline_server.log.session_log import Draft


@dataclass(frozen=True, slots=True)
class Fact:
    """One event as it was appended: what a reader must be given."""

    kind: int
    source: str
    channel: int
    body: bytes

    def passes(self, wanted: Filter) -> bool:
        return (
            (not wanted.kinds or self.kind in wanted.kinds)
            and (not wanted.sources or self.source in wanted.sources)
            and (not wanted.channels or not self.channel or self.channel in wanted.channels)
        )


def fact_of(event: Event) -> Fact:
    payload = event.WhichOneof("payload") or ""
    kind = EventKind.Value(f"EVENT_KIND_{payload.upper()}")
    if kind == EventKind.EVENT_KIND_OUTPUT:
        return Fact(kind, event.source, event.output.channel, event.output.data)
    return Fact(kind, event.source, Channel.CHANNEL_UNSPECIFIED, getattr(event, payload).SerializeToString(deterministic=True))


def fact_to_be(draft: Draft) -> Fact:
    if draft.event is None:
        return Fact(EventKind.EVENT_KIND_OUTPUT, draft.source, draft.channel, draft.data)
    event = Event.FromString(draft.event.SerializeToString())
    event.source = draft.source
    return fact_of(event)


@dataclass
class History:
    """One session's log: event number n is `facts[n - 1]`.

    Attributes:
        gone: retention was told that it may remove so many of the first ones.
    """

    session_id: str
    name: str
    facts: list[Fact] = field(default_factory=list)
    gone: int = 0

    @property
    def head(self) -> int:
        return len(self.facts)

    def passing(self, wanted: Filter, after: int, up_to: int) -> list[int]:
        """The numbers of those behind `after`, up to `up_to`, that pass a filter."""
        return [seq for seq in range(after + 1, up_to + 1) if self.facts[seq - 1].passes(wanted)]

    def before_tail(self, wanted: Filter, count: int, oldest: int, head: int) -> int:
        """The one before the last `count` that pass, of those kept."""
        if not count:
            return head
        passing = self.passing(wanted, oldest - 1, head)
        return passing[-count] - 1 if count <= len(passing) else oldest - 1


class Histories:
    """All sessions that ever were, by id, and the appends whose confirmation is awaited."""

    def __init__(self) -> None:
        self.by_id: dict[str, History] = {}
        self._pending: list[tuple[History, list[Fact], asyncio.Future[int]]] = []

    def appended(self, history: History, drafts: Sequence[Draft], confirmation: asyncio.Future[int]) -> None:
        self._pending.append((history, [fact_to_be(draft) for draft in drafts], confirmation))

    def note(self) -> None:
        """Takes in what was confirmed meanwhile."""
        left = []
        for history, facts, confirmation in self._pending:
            if not confirmation.done():
                left.append((history, facts, confirmation))
            elif not confirmation.cancelled() and confirmation.exception() is None:
                assert confirmation.result() == history.head + len(facts), "numbers are dense, in the order of appending"
                history.facts.extend(facts)
        self._pending = left

    def crash(self, kept: Callable[[str], bool]) -> None:
        """The server was killed: what was not confirmed never was."""
        self.note()
        self._pending.clear()
        for session_id in [history.session_id for history in self.by_id.values() if not history.facts]:
            assert not kept(session_id), "a session that was never confirmed is there after a crash"
            del self.by_id[session_id]
