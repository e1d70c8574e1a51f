"""How far a subscription is, and what to ask after a break: pure, no I/O and no clock.

`advance` takes what was shown into the places of `Resume`, and `request` is what to ask the server next: the same as at first, with
them. All else the server knows. What they promise together: each event of the log is shown once, whatever breaks, wherever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from sightline.requests import ALL
from sightline.v1.event_pb2 import Event
from sightline.v1.session_pb2 import Cursor, Snapshot
from sightline.v1.session_service_pb2 import CaughtUp, Gap, Header, Heartbeat, Place, SubscribeRequest, SubscribeResponse

Item: TypeAlias = Event | Header | Snapshot | CaughtUp | Gap | Heartbeat
"""What a subscription gives: an event, or a sign of the stream itself."""

POSITION_INTERVAL = 15  # seconds between the heartbeats that a subscription asks for itself


class Progress:
    """The state of one subscription over all its streams."""

    def __init__(self, request: SubscribeRequest) -> None:
        self._asked = SubscribeRequest()
        self._asked.CopyFrom(request)
        self._shows_heartbeats = request.HasField("heartbeat_interval")
        if not self._shows_heartbeats and (ALL in request.sessions or request.HasField("filter")):
            # Only heartbeats move the position over what a filter hides, and say that a stream without sessions has begun.
            self._asked.heartbeat_interval.FromSeconds(POSITION_INTERVAL)
        self._resume = self._asked.resume
        self._places: dict[str, Place] = dict(self._resume.places)  # the same messages: a map is slower to look up in

    @property
    def cursors(self) -> list[Cursor]:
        """Where to go on, for each session that is known."""
        given = [cursor for cursor in self._asked.after.cursors if cursor.session_id not in self._places]
        return given + [Cursor(session_id=name, epoch=place.epoch, seq=place.seq) for name, place in self._places.items()]

    def request(self) -> SubscribeRequest:
        """What to ask the server now."""
        return self._asked

    def items(self, response: SubscribeResponse) -> Sequence[Item]:
        """What is to be shown of a response: its events, or its sign; nothing for a sign of a newer contract."""
        sign = response.WhichOneof("sign")
        if sign is None:
            return response.events
        if sign == "heartbeat" and not self._shows_heartbeats:
            self.advance(response.heartbeat)
            return ()
        return (getattr(response, sign),)

    def advance(self, item: Item) -> None:
        """The item was shown: its session's place moves over it."""
        if isinstance(item, Event):
            place = self._places[item.session_id]
            place.seq = item.seq
            place.snapshot_due = False
            if item.HasField("completed"):
                place.completed = True
        elif isinstance(item, Header):
            self._began(item.moment)
            self._resume.places[item.session.id].CopyFrom(item.place)
            self._places[item.session.id] = self._resume.places[item.session.id]
        elif isinstance(item, Snapshot):
            self._move(item.session_id, item.as_of_seq).snapshot_due = False
        elif isinstance(item, Gap):  # also one of some kinds: it stands where they would, with nothing between them that comes
            self._move(item.session_id, item.last_seq).snapshot_due = item.snapshot_due
        elif isinstance(item, CaughtUp):
            self._move(item.cursor.session_id, item.cursor.seq).caught_up = True
        else:
            self._began(item.moment)
            for position in item.positions:
                if position.cursor.session_id in self._places:  # else its header is still to come
                    self._move(position.cursor.session_id, position.cursor.seq)

    def _began(self, moment: int) -> None:
        self._resume.moment = self._resume.moment or moment

    def _move(self, session_id: str, seq: int) -> Place:
        place = self._places[session_id]
        place.seq = max(place.seq, seq)
        return place
