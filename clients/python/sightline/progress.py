"""How far a subscription is, and what to ask after a break: pure, no I/O and no clock.

`receive` takes what the server sent and gives what is to be shown; `advance` moves the cursor over what was shown; `request` is
what to ask the server next. The promise that they keep together: each event of the log is shown once, whatever breaks, wherever.
"""

from __future__ import annotations

from typing import TypeAlias

from sightline.requests import ALL
from sightline.v1.event_pb2 import Event
from sightline.v1.session_pb2 import Cursor, SessionKind, Snapshot
from sightline.v1.session_service_pb2 import (
    CaughtUp,
    Cursors,
    End,
    EndReason,
    Gap,
    GapReason,
    Header,
    Heartbeat,
    SubscribeRequest,
    SubscribeResponse,
)

Item: TypeAlias = Event | Header | Snapshot | CaughtUp | Gap | Heartbeat
"""What a subscription gives: an event, or a sign of the stream itself."""

POSITION_INTERVAL = 15  # seconds between the heartbeats that a subscription asks for itself

SCREENS = frozenset({SessionKind.SESSION_KIND_TERMINAL, SessionKind.SESSION_KIND_TMUX, SessionKind.SESSION_KIND_SCREEN})


class Progress:
    """The state of one subscription over all its streams.

    A relative start (`latest`, `tail`, `at_time`, `snapshot`) means a moment, and that moment is fixed by the headers, which come
    first. Until they are complete nothing is shown, so that a break before then can ask again as at first.
    """

    def __init__(self, request: SubscribeRequest) -> None:
        self._asked = SubscribeRequest()
        self._asked.CopyFrom(request)
        self._show_heartbeats = request.HasField("heartbeat_interval")
        self._all = ALL in request.sessions
        if not self._show_heartbeats and (self._all or request.HasField("filter")):
            # Only heartbeats move the position over what a filter hides, and say that a stream without sessions has begun.
            self._asked.heartbeat_interval.FromSeconds(POSITION_INTERVAL)
        self._relative = request.WhichOneof("start") in {"latest", "tail", "at_time"} or request.snapshot
        self._epochs: dict[str, int] = {}
        self._seqs: dict[str, int] = {}
        self._start_over()

    def _start_over(self) -> None:
        self._epochs = {cursor.session_id: cursor.epoch for cursor in self._asked.after.cursors}
        self._seqs = {cursor.session_id: cursor.seq for cursor in self._asked.after.cursors}
        self._opening: list[SubscribeResponse] | None = [] if self._relative else None
        self._unresolved = [name for name in self._asked.sessions if name != ALL]
        self._headed: dict[str, None] = {}  # a set that keeps its order
        self._caught_up: set[str] = set()
        self._completed: set[str] = set()
        self._screens: set[str] = set()
        self._owed: set[str] = set()

    @property
    def cursors(self) -> list[Cursor]:
        """Where to go on, for each session that is known."""
        return [Cursor(session_id=name, epoch=self._epochs[name], seq=seq) for name, seq in self._seqs.items()]

    def request(self) -> SubscribeRequest | None:
        """What to ask the server now; None when there is nothing left to come, and `end` says why."""
        if self._opening is not None:
            self._start_over()
            return self._asked
        if not self._headed and self._asked.WhichOneof("start") is None:
            return self._asked
        sessions = self._sessions_left()
        if not sessions:
            return None
        resumed = SubscribeRequest()
        resumed.CopyFrom(self._asked)
        resumed.ClearField("sessions")
        resumed.sessions.extend(sessions)
        resumed.after.CopyFrom(Cursors(cursors=self.cursors if ALL in sessions else self._cursors_of(sessions)))
        resumed.snapshot = False
        return resumed

    def _sessions_left(self) -> list[str]:
        if self._all:  # also with `until_caught_up`: the break may have come before the headers of some
            return [ALL]
        done = self._completed | self._caught_up if self._asked.until_caught_up else self._completed
        # By id: the name may belong to another session by now.
        return [name for name in self._headed if name not in done] + self._unresolved

    def _cursors_of(self, sessions: list[str]) -> list[Cursor]:
        wanted = set(sessions)
        # What the caller gave stays while a name is unresolved: it may be the cursor of just that session.
        return [c for c in self.cursors if c.session_id in wanted or (self._unresolved and c.session_id not in self._headed)]

    def end(self) -> End:
        """The end that a broken stream could not send any more."""
        caught_up = self._asked.until_caught_up
        return End(reason=EndReason.END_REASON_CAUGHT_UP if caught_up else EndReason.END_REASON_ALL_ENDED)

    def owed(self) -> list[str]:
        """Sessions whose screen was promised and has not come; `receive` it, or `excuse` it."""
        return sorted(self._owed) if self._opening is None else []

    def excuse(self, session_id: str) -> None:
        """There is no screen to be had."""
        self._owed.discard(session_id)

    def forget(self, session_id: str) -> bool:
        """The session and its log were deleted. False when the caller named it, so that its loss is an error."""
        if not self._all or session_id not in self._headed:
            return False
        del self._seqs[session_id], self._epochs[session_id], self._headed[session_id]
        return True

    def receive(self, response: SubscribeResponse) -> list[SubscribeResponse]:
        """What is to be shown of what the server sent."""
        sign = response.WhichOneof("sign")
        if sign == "header":
            return self._header(response)
        if sign is None:
            if self._owed:
                self._owed.difference_update(event.session_id for event in response.events)
        elif sign == "snapshot":
            self._owed.discard(response.snapshot.session_id)
        elif sign == "caught_up":
            if response.caught_up.cursor.session_id in self._caught_up:
                self.advance(response.caught_up)
                return []
            self._caught_up.add(response.caught_up.cursor.session_id)
        elif sign == "gap":
            if response.gap.reason == GapReason.GAP_REASON_SLOW and response.gap.session_id in self._screens:
                self._owed.add(response.gap.session_id)
        elif sign == "heartbeat" and not self._show_heartbeats:
            self.advance(response.heartbeat)
            return self._open([])
        return self._open([response])

    def _header(self, response: SubscribeResponse) -> list[SubscribeResponse]:
        session, cursor = response.header.session, response.header.cursor
        if session.id in self._headed:
            return []
        self._headed[session.id] = None
        names = {session.id, session.name, f"{session.name}@{session.host}"}
        self._unresolved = [name for name in self._unresolved if name not in names]
        if session.kind in SCREENS and not session.HasField("end_time"):
            self._screens.add(session.id)
            if self._asked.snapshot:
                self._owed.add(session.id)
        # A cursor of the caller's stays: between it and the header's may lie a gap, and its sign has not come yet.
        self._epochs.setdefault(session.id, cursor.epoch or session.epoch)
        self._seqs.setdefault(session.id, cursor.seq)
        if self._opening is None:
            return [response]
        self._opening.append(response)
        return [] if self._all or self._unresolved else self._open([])

    def _open(self, responses: list[SubscribeResponse]) -> list[SubscribeResponse]:
        if self._opening is None:
            return responses
        held, self._opening = self._opening, None
        return held + responses

    def advance(self, item: Item) -> None:
        """The item was shown: the cursor moves over it."""
        if isinstance(item, Event):
            self._seqs[item.session_id] = item.seq
            if item.HasField("completed"):
                self._completed.add(item.session_id)
        elif isinstance(item, CaughtUp):
            self._move(item.cursor)
        elif isinstance(item, Heartbeat):
            for position in item.positions:
                self._move(position.cursor)
        elif isinstance(item, Snapshot):
            self._move_to(item.session_id, item.as_of_seq)
        elif isinstance(item, Gap):  # also one of some kinds: it stands where they would, with nothing between them that comes
            self._move_to(item.session_id, item.last_seq)

    def _move(self, cursor: Cursor) -> None:
        self._epochs.setdefault(cursor.session_id, cursor.epoch)
        self._move_to(cursor.session_id, cursor.seq)

    def _move_to(self, session_id: str, seq: int) -> None:
        self._seqs[session_id] = max(seq, self._seqs.get(session_id, 0))
