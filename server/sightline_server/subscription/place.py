"""Where one subscriber is in one session, and what it was told about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sightline.v1.session_pb2 import Cursor
from sightline.v1.session_service_pb2 import CaughtUp, Gap, GapReason, SubscribeResponse
from sightline.v1.session_service_pb2 import Position as PositionMessage

from sightline_server.subscription.directory import Subject
from sightline_server.subscription.filter import EntryFilter
from sightline_server.subscription.pacing import Lane
from sightline_server.subscription.position import Position, offset_behind


class Place(Lane):
    """A position with what the subscriber was told about it."""

    def __init__(self, subject: Subject, seq: int, entry_filter: EntryFilter | None, on_wake: Callable[[Position], None]) -> None:
        super().__init__(subject.log, seq, entry_filter, on_wake)
        self.subject = subject
        self.target = subject.log.head_seq
        self.introduced = False
        self.snapshot_due = False
        self.caught_up = False
        self.told_caught_up = False
        self._joined_at = subject.log.bounds.end_offset

    def restart(self, seq: int) -> None:
        """Goes to where the subscriber begins; what counts as new stays as it was."""
        self.advance(seq, offset_behind(self.log, seq))

    @property
    def new_lag_bytes(self) -> int:
        """Bytes committed since it joined and not passed: history that was asked for is no lag."""
        return self.log.bounds.end_offset - max(self.offset, self._joined_at)

    @property
    def is_done(self) -> bool:
        """Nothing will come any more."""
        return self.log.closed and self.caught_up and self.seq >= self.log.head_seq


class Later(NamedTuple):
    """An ended session whose turn has not come: enough to open it then, and to say what is missing if it is gone by then.

    Attributes:
        session_id: which.
        epoch: its log's.
        seq: the last event to regard as passed.
        head_seq: its last event.
        lag_bytes: of log between the two.
        snapshot_due: its screen comes first.
        told_caught_up: the subscriber knows that it was sent all that was there at first.
    """

    session_id: str
    epoch: int
    seq: int
    head_seq: int
    lag_bytes: int
    snapshot_due: bool
    told_caught_up: bool

    def message(self) -> PositionMessage:
        """For a heartbeat."""
        cursor = Cursor(session_id=self.session_id, epoch=self.epoch, seq=self.seq)
        return PositionMessage(cursor=cursor, lag_events=self.head_seq - self.seq, lag_bytes=self.lag_bytes)

    def gap(self) -> Gap:
        """All of it is gone."""
        return Gap(
            session_id=self.session_id,
            first_seq=self.seq + 1,
            last_seq=self.head_seq,
            reason=GapReason.GAP_REASON_RETENTION,
            bytes=self.lag_bytes,
        )

    def at_end(self) -> bytes:
        """The sign that it is all sent."""
        cursor = Cursor(session_id=self.session_id, epoch=self.epoch, seq=self.head_seq)
        return SubscribeResponse(caught_up=CaughtUp(cursor=cursor)).SerializeToString()


def later(place: Place) -> Later:
    """A place in an ended session, put off."""
    log = place.log
    lag_bytes = log.bounds.end_offset - place.offset
    return Later(log.session_id, log.epoch, place.seq, log.head_seq, lag_bytes, place.snapshot_due, place.told_caught_up)
