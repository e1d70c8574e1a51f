"""The seven promises of a stream: each a property that holds whatever happens, on both stores. docs/stream.md explains them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from promises import judges
from promises.house import DISKS
from promises.reader import Stream
from promises.world import World
from sightline.v1.session_service_pb2 import EndReason, OnSlow

QUICK = settings(max_examples=40, stateful_step_count=50, suppress_health_check=list(HealthCheck), print_blob=True)
SOAK = settings(QUICK, max_examples=400)


@pytest.fixture(params=[QUICK, pytest.param(SOAK, marks=pytest.mark.soak)], ids=["quick", "soak"])
def effort(request: pytest.FixtureRequest) -> settings:
    found: settings = request.param
    return found


@pytest.fixture(params=DISKS)
def disk(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Ordered(World):
    def judge(self) -> None:
        for _, record, history in self.records():
            judges.ordered(record, history)


class Unique(World):
    def judge(self) -> None:
        for reader, record, history in self.records():
            judges.unique(record, history, reader.asked.filter)
        for reader in self.readers:
            for stream in reader.streams:
                for sign in ("header", "caught_up"):
                    sessions = [session_of(response, sign) for response in stream.written if response.HasField(sign)]
                    assert len(sessions) == len(set(sessions)), f"{sign} came twice"


class Complete(World):
    def judge(self) -> None:
        for reader, record, history in self.records():
            judges.complete(record, history, reader.asked)


class Resumable(World):
    def judge(self) -> None:
        for reader, record, history in self.records():
            judges.resumable(record, history, reader.asked.filter)


class Bookmarkable(World):
    def judge(self) -> None:
        for reader, record, history in self.records():
            judges.bookmarkable(record, history, reader.asked.filter)
        self.loop.wait(1.0)
        self.settle()
        for reader, stream in self.open_streams():
            for session_id, record in reader.followed.items() if stream.request.HasField("heartbeat_interval") else ():
                resident = self.house.residents.get(session_id)
                if resident is not None and resident.row.live:
                    assert record.place.seq == resident.log.head_seq, "a heartbeat moves the cursor though the filter hides all"

    def on_written(self, stream: Stream) -> None:
        super().on_written(stream)
        if stream.written[-1].HasField("caught_up"):
            cursor = stream.written[-1].caught_up.cursor
            log = stream.moments[""].get(cursor.session_id)
            assert log is None or cursor.seq >= log.head, "caught up, and not all is sent that was there at the start"


class Live(World):
    def judge(self) -> None:
        for reader, stream in self.open_streams():
            announced = self.house.residents.keys() & {*stream.request.resume.places}  # what was deleted meanwhile does not come
            announced = announced | {response.header.session.id for response in stream.written if response.HasField("header")}
            if reader.everything:
                assert announced >= self.house.residents.keys(), "a session was never announced"
            for session_id in announced:
                record = reader.followed[session_id]
                history = self.histories.by_id[session_id]
                late = judges.missing(record.items, history, reader.asked.filter, record.start, history.head)
                assert not late, f"{late} lie in the log, and nobody was woken"


class Ended(World):
    def judge(self) -> None:
        for reader in self.readers:
            for stream in reader.streams:
                ends = [response for response in stream.written if response.HasField("end")]
                if stream.finished:
                    assert ends == stream.written[-1:], "a stream that ends says so, once, and last"
                elif stream.error is not None:
                    assert not ends
        for reader, stream in self.open_streams():
            assert not stream.request.until_caught_up, "all is sent, and there is no end"
            assert reader.everything or any(self.is_open(one) for one in reader.followed), "all have ended, and there is no end"

    def is_open(self, session_id: str) -> bool:
        resident = self.house.residents.get(session_id)
        return resident is not None and not resident.log.closed

    def on_written(self, stream: Stream) -> None:
        super().on_written(stream)
        if not stream.written[-1].HasField("end"):
            return
        request = stream.request
        self.histories.note()
        match stream.written[-1].end.reason:
            case EndReason.END_REASON_ALL_ENDED:
                assert "*" not in request.sessions
                for session_id, head in self.carried(stream, to_head=True):
                    assert not self.is_open(session_id)
                    assert not self.unsent(stream, session_id, head)
            case EndReason.END_REASON_CAUGHT_UP:
                assert request.until_caught_up
                for session_id, head in self.carried(stream, to_head=False):
                    assert not self.unsent(stream, session_id, head)
            case EndReason.END_REASON_DRAINING:
                assert self.house.draining
            case EndReason.END_REASON_TOO_SLOW:
                assert request.on_slow == OnSlow.ON_SLOW_FAIL

    def carried(self, stream: Stream, *, to_head: bool) -> Iterator[tuple[str, int]]:
        for session_id, _ in starts(stream):
            log = stream.moments[""].get(session_id)
            yield session_id, self.histories.by_id[session_id].head if to_head else log.head if log else 0

    def unsent(self, stream: Stream, session_id: str, up_to: int) -> list[int]:
        (start,) = [start for of, start in starts(stream) if of == session_id]
        items = judges.items_of(stream.written, session_id)
        return judges.missing(items, self.histories.by_id[session_id], stream.request.filter, start, up_to)


def starts(stream: Stream) -> Iterator[tuple[str, int]]:
    """The sessions that a stream carries, and where it begins in each."""
    for session_id, place in stream.request.resume.places.items():
        if not place.completed and not (place.caught_up and stream.request.until_caught_up):
            yield session_id, place.seq
    for response in stream.written:
        if response.HasField("header"):
            yield response.header.session.id, response.header.cursor.seq


def session_of(response: object, sign: str) -> str:
    message = getattr(response, sign)
    return str(message.session.id if sign == "header" else message.cursor.session_id)


def hold(promise: type[World], disk: str, effort: settings) -> None:
    run_state_machine_as_test(lambda: promise(disk), settings=effort)  # type: ignore[arg-type] # it calls it, no more


def test_ordered_events_of_a_session_come_in_the_order_of_its_log(disk: str, effort: settings) -> None:
    hold(Ordered, disk, effort)


def test_unique_no_event_comes_twice(disk: str, effort: settings) -> None:
    hold(Unique, disk, effort)


def test_complete_every_committed_event_is_delivered_or_named_in_a_gap(disk: str, effort: settings) -> None:
    hold(Complete, disk, effort)


def test_resumable_any_cut_any_number_of_times_gives_the_same_sequence(disk: str, effort: settings) -> None:
    hold(Resumable, disk, effort)


def test_bookmarkable_a_cursor_that_was_told_is_exact_and_moves_though_the_filter_hides_all(disk: str, effort: settings) -> None:
    hold(Bookmarkable, disk, effort)


def test_live_what_is_committed_is_sent_without_being_asked_for(disk: str, effort: settings) -> None:
    hold(Live, disk, effort)


def test_ended_a_stream_has_one_end_or_was_broken(disk: str, effort: settings) -> None:
    hold(Ended, disk, effort)
