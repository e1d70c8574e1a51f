"""One session's log, and the committer behind it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightline.v1.event_pb2 import Channel, Event, Output
from sightline_server.errors import CannotStore, DiskFull
from sightline_server.log import record
from sightline_server.log.session_log import TAIL_BYTES
from sightline_server.storage.contract import Commit, SourcePosition
from sightline_server.storage.sqlite import SqliteStore
from sightline_server.subscription.position import Position
from support.logs import Sessions, events_of, notice, output, settled


@given(
    session_id=st.text(max_size=40),
    seq=st.integers(1, 2**63),
    time=st.integers(0, 2**62),
    source=st.text(max_size=200),
    channel=st.sampled_from(Channel.values()[1:]),
    data=st.binary(max_size=70_000),
)
def test_output_is_encoded_by_hand_as_protobuf_reads_it(
    session_id: str, seq: int, time: int, source: str, channel: int, data: bytes
) -> None:
    event = Event(session_id=session_id, seq=seq, source=source)
    event.time.FromNanoseconds(time)
    event.output.CopyFrom(Output(channel=Channel.ValueType(channel), data=data))
    head = record.output_head(record.head_start(session_id), seq, time, record.head_source(source))
    assert record.decode(record.output_entry(head, Channel.ValueType(channel), data)) == [event]


async def test_numbers_are_dense_and_times_never_decrease() -> None:
    sessions = Sessions()
    log = sessions.add("a").log
    times = iter([5, 3, 9])
    log._clock = lambda: next(times)
    for text in "xyz":
        await log.append([notice(text), output(text.encode())])
    events = events_of(log)
    assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event.time.nanos for event in events] == [5, 5, 5, 5, 9, 9]


async def test_nothing_is_seen_before_it_is_committed() -> None:
    sessions = Sessions()
    log = sessions.add("a").log
    log.append([notice("x")])
    seen: list[int] = []
    plain = sessions.committer.store.commit

    def watched(commit: Commit) -> None:
        seen.append(log.head_seq)
        plain(commit)

    sessions.committer.store.commit = watched  # type: ignore[method-assign]
    assert await log.append([notice("y")]) == 2
    assert seen == [1]
    assert log.head_seq == 2


async def test_what_was_read_and_how_far_are_one_transaction() -> None:
    sessions = Sessions()
    log = sessions.add("a").log
    await log.append([output(b"12345")], position=("stdout", 5))
    await log.append([output(b"67", Channel.CHANNEL_STDERR, "stderr")], position=("stderr", 2))
    assert (log.position("stdout"), log.position("stderr"), log.position("other")) == (5, 2, 0)
    assert sessions.committer.store.positions(1) == [SourcePosition(1, 1, "stdout", 5), SourcePosition(1, 2, "stderr", 2)]


async def test_appends_of_one_turn_are_two_commits_at_most() -> None:
    sessions = Sessions()
    logs = [sessions.add(name).log for name in "abc"]
    commits: list[Commit] = []
    plain = sessions.committer.store.commit

    def counted(commit: Commit) -> None:
        commits.append(commit)
        plain(commit)

    sessions.committer.store.commit = counted  # type: ignore[method-assign]
    await asyncio.gather(*(log.append([notice("x")]) for log in logs for _ in range(3)))
    assert len(commits) == 2  # the first one at once, for the others' sake none waits alone
    assert [log.head_seq for log in logs] == [3, 3, 3]


async def test_a_full_disk_refuses_callers_and_loses_nothing_of_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sightline_server.log.committer.RETRY_SECONDS", 0.001)
    sessions = Sessions()
    log = sessions.add("a").log
    store = sessions.committer.store
    plain, full = store.commit, True

    def commit_if_room(commit: Commit) -> None:
        if full:
            raise DiskFull(path="here")
        plain(commit)

    store.commit = commit_if_room  # type: ignore[method-assign]
    rooms: list[bool] = []
    sessions.committer.on_room = lambda full: rooms.append(full is None)
    from_source = log.append([output(b"kept")], position=("stdout", 4))
    with pytest.raises(DiskFull):
        await log.append([notice("refused")], refusable=True)
    assert log.head_seq == 0
    full = False
    assert await from_source == 1
    assert [event.output.data for event in events_of(log)] == [b"kept"]
    assert rooms == [False, True]


async def test_a_lock_of_somebody_elses_on_the_database_is_waited_for_and_nothing_is_read_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline_server.log.committer.RETRY_SECONDS", 0.001)
    store = SqliteStore(tmp_path / "sightline.db", "boot")
    store.open()
    log = Sessions(store).add("a").log
    await log.append([notice("before")])
    await settled()
    somebody = sqlite3.connect(tmp_path / "sightline.db", isolation_level=None)
    somebody.execute("BEGIN IMMEDIATE")
    from_source = log.append([output(b"kept")], position=("stdout", 4))
    with pytest.raises(CannotStore, match="locked"):
        await log.append([notice("refused")], refusable=True)
    somebody.execute("ROLLBACK")
    somebody.close()
    assert await asyncio.wait_for(from_source, 10) == 2
    assert [event.output.data for event in events_of(log)] == [b"", b"kept"]
    store.close()


async def test_commits_wait_while_upkeep_holds_the_gate_and_the_loop_does_not() -> None:
    sessions = Sessions()
    log = sessions.add("a").log
    loop = asyncio.get_running_loop()
    release = asyncio.Event()

    def slow() -> None:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(10)

    upkeep = asyncio.create_task(sessions.committer.off_loop(slow))
    await asyncio.sleep(0)
    committed = log.append([notice("x")])
    for _ in range(10):
        await asyncio.sleep(0)  # the loop goes on
    assert not committed.done()
    release.set()
    await upkeep
    assert await committed == 1


async def test_the_tail_in_memory_and_the_store_read_alike() -> None:
    sessions = Sessions()
    log = sessions.add("a").log
    for number in range(40):
        await log.append([output(bytes([number]) * 65_536)])
    assert sum(len(block.data) for block in log._tail) <= TAIL_BYTES
    for seq in range(41):
        read = [event.seq for block in log.read(seq, 200_000) for event in record.decode(block.data)]
        assert read[:1] == ([seq + 1] if seq < 40 else [])
        assert read == list(range(seq + 1, seq + 1 + len(read)))


async def test_a_log_that_holds_back_waits_for_its_slowest_reader() -> None:
    sessions = Sessions()
    log = sessions.add("a").log
    log._hold_back = 1000
    await log.room()
    await log.append([output(b"x" * 2000)])
    reader = Position(log, 0)
    log.followers.add(reader)
    waiting = asyncio.ensure_future(log.room())
    await settled()
    assert not waiting.done()
    reader.take()
    await waiting
