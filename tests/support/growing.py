"""`Subscribe` as the contract has it, over logs that are made up: for tests that cut a stream wherever they like."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sightline.v1.event_pb2 import Completed, Event, EventKind, Output
from sightline.v1.session_pb2 import Cursor, Session, SessionKind
from sightline.v1.session_service_pb2 import (
    CaughtUp,
    End,
    EndReason,
    Gap,
    GapReason,
    Header,
    Heartbeat,
    Position,
    SubscribeRequest,
    SubscribeResponse,
)

EPOCH = 7


@dataclass
class Log:
    """One session whose events all exist and become visible bit by bit, the last of them `completed`."""

    session_id: str
    name: str
    length: int
    head: int
    oldest: int = 1
    kind: SessionKind.ValueType = SessionKind.SESSION_KIND_COMMAND

    def event(self, seq: int) -> Event:
        if seq == self.length:
            return Event(session_id=self.session_id, seq=seq, completed=Completed())
        return Event(session_id=self.session_id, seq=seq, output=Output(data=b"%d" % seq))

    def session(self) -> Session:
        return Session(id=self.session_id, name=self.name, epoch=EPOCH, head_seq=self.head, kind=self.kind)

    def cursor(self, seq: int) -> Cursor:
        return Cursor(session_id=self.session_id, epoch=EPOCH, seq=seq)


@dataclass
class Service:
    """`Subscribe` as the contract has it, over synthetic logs.

    `grow` is called when a stream has nothing left to send; `meanwhile`, or else it, between streams: the world goes on while
    nobody listens. `paced`: in turn a batch is merged into one event, or left out behind a gap, as far as it is output.
    """

    logs: list[Log]
    batch: int
    grow: Callable[[], bool] = lambda: False
    meanwhile: Callable[[], bool] | None = None
    paced: bool = False
    seen: list[SubscribeRequest] = field(default_factory=list)
    turns: int = 0

    def find(self, name: str) -> Log:
        return next(log for log in reversed(self.logs) if name in {log.session_id, log.name})

    def stream(self, request: SubscribeRequest) -> Iterator[SubscribeResponse]:  # noqa: C901 - the contract's whole stream
        if self.seen:
            (self.meanwhile or self.grow)()
        self.seen.append(request)
        everything = "*" in request.sessions
        cursors = {cursor.session_id: cursor for cursor in request.after.cursors}
        places: dict[str, int] = {}
        caught_up: dict[str, int] = {}

        def join(log: Log, start: int) -> SubscribeResponse:
            places[log.session_id], caught_up[log.session_id] = start, log.head
            return SubscribeResponse(header=Header(session=log.session(), cursor=log.cursor(start)))

        for log in list(self.logs) if everything else [self.find(name) for name in request.sessions]:
            yield join(log, self._start(request, log, cursors.get(log.session_id)))
        while True:
            for log in self.logs:
                if everything and log.session_id not in places:
                    yield join(log, 0)
                if log.session_id in places:
                    yield from self._advance(request, log, places, caught_up)
            followed = [log for log in self.logs if log.session_id in places]
            if request.until_caught_up and not caught_up:
                yield SubscribeResponse(end=End(reason=EndReason.END_REASON_CAUGHT_UP))
                return
            if not everything and all(log.length == places[log.session_id] for log in followed):
                yield SubscribeResponse(end=End(reason=EndReason.END_REASON_ALL_ENDED))
                return
            if request.HasField("heartbeat_interval"):
                positions = [Position(cursor=log.cursor(places[log.session_id])) for log in followed]
                yield SubscribeResponse(heartbeat=Heartbeat(positions=positions))
            if not self.grow():
                return

    def _start(self, request: SubscribeRequest, log: Log, cursor: Cursor | None) -> int:
        match request.WhichOneof("start"):
            case "after" if cursor is not None:
                assert cursor.epoch == EPOCH
                assert cursor.seq <= log.head, "a cursor ahead of the log"
                return cursor.seq
            case "latest":
                return log.head
            case "tail":
                return max(log.oldest - 1, log.head - request.tail)
        return log.oldest - 1

    def _advance(
        self, request: SubscribeRequest, log: Log, places: dict[str, int], caught_up: dict[str, int]
    ) -> Iterator[SubscribeResponse]:
        if places[log.session_id] < log.oldest - 1:
            gap = Gap(session_id=log.session_id, first_seq=places[log.session_id] + 1, last_seq=log.oldest - 1)
            gap.reason = GapReason.GAP_REASON_RETENTION
            places[log.session_id] = gap.last_seq
            yield SubscribeResponse(gap=gap)
        while places[log.session_id] < log.head:
            first = places[log.session_id] + 1
            last = min(log.head, first + self.batch - 1)
            places[log.session_id] = last
            events = map(log.event, range(first, last + 1))
            kinds = set(request.filter.kinds)
            passed = [e for e in events if not kinds or (EventKind.EVENT_KIND_COMPLETED in kinds and e.HasField("completed"))]
            if self.paced:
                yield from self._paced(passed)
            elif passed:
                yield SubscribeResponse(events=passed)
        if log.session_id in caught_up and places[log.session_id] >= caught_up.pop(log.session_id):
            yield SubscribeResponse(caught_up=CaughtUp(cursor=log.cursor(places[log.session_id])))

    def _paced(self, events: list[Event]) -> Iterator[SubscribeResponse]:
        output = [event for event in events if event.HasField("output")]
        if output:
            self.turns += 1
            first, last = output[0], output[-1]
            if self.turns % 2:
                joined = Output(data=b"".join(event.output.data for event in output))
                yield SubscribeResponse(
                    events=[Event(session_id=last.session_id, first_seq=first.seq, seq=last.seq, output=joined)]
                )
            else:
                gap = Gap(session_id=last.session_id, first_seq=first.seq, last_seq=last.seq, kinds=[EventKind.EVENT_KIND_OUTPUT])
                gap.reason = GapReason.GAP_REASON_SHED
                yield SubscribeResponse(gap=gap)
        rest = events[len(output) :]
        if rest:
            yield SubscribeResponse(events=rest)


def growing(some: list[Log], steps: list[int]) -> Callable[[], bool]:
    """Each call makes more events visible, until all are."""
    left = list(steps)

    def grow() -> bool:
        grew = False
        for log in some:
            if log.head < log.length:
                log.head = min(log.length, log.head + (left.pop() if left else 3))
                grew = True
        return grew

    return grow
