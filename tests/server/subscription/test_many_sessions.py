"""Thousands of ended sessions under one subscription: none is in memory before its turn, and nobody waits for all of them."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from sightline.v1.event_pb2 import Channel, Completed, Event, Output, SessionState
from sightline.v1.session_pb2 import Cursor, Session, SessionKind
from sightline.v1.session_service_pb2 import GapReason, Latest, Position, SubscribeRequest, SubscribeResponse
from sightline_server.errors import SessionNotFound
from sightline_server.log import record
from sightline_server.log.committer import Committer
from sightline_server.sessions.registry import Registry
from sightline_server.storage.contract import Block, Commit, SessionRow, Store
from sightline_server.storage.memory import MemoryStore
from sightline_server.storage.sqlite import SqliteStore
from sightline_server.subscription.directory import Subject
from sightline_server.subscription.heartbeats import MAX_POSITIONS, heartbeats
from sightline_server.subscription.subscription import SESSIONS_AT_ONCE, Subscription
from support.logs import EPOCH, SECOND, LoggedSession, Sessions, notice
from support.subscribing import ask, everything, seqs, signs, stream

MANY = 1500
EVENTS = 2  # of each ended session


def name_of(number: int) -> str:
    return f"{number:016x}"


def fill(store: Store, many: int) -> None:
    """Ended sessions, as a server leaves them behind."""
    commit = Commit()
    for number in range(1, many + 1):
        session = Session(id=name_of(number), name=f"n{number}", kind=SessionKind.SESSION_KIND_COMMAND)
        session.state = SessionState.SESSION_STATE_ENDED
        row = SessionRow(number, session.id, session.name, EPOCH, False, "", b"", session.SerializeToString(), "")
        commit.rows.append(row)
        events = [Event(output=Output(channel=Channel.CHANNEL_STDOUT, data=b"x")), Event(completed=Completed())]
        entries: list[bytes] = []
        index: list[bytes] = []
        for seq, event in enumerate(events, 1):
            event.session_id, event.seq, event.source = session.id, seq, "stdout"
            entry, kind, channel = record.encode(event)
            entries.append(entry)
            index.append(record.INDEX.pack(len(entry), kind, 1, channel))
        commit.blocks.append((number, Block(1, len(events), 1, 1, 0, b"".join(entries), b"".join(index))))
    store.commit(commit)


class Archive(Sessions):
    """Live sessions, and ended ones that are made from the store when somebody asks for them."""

    def __init__(self, many: int) -> None:
        super().__init__()
        fill(self.committer.store, many)
        self.kept = {name_of(number): number for number in range(1, many + 1)}
        self.opened: weakref.WeakSet[LoggedSession] = weakref.WeakSet()
        self.most = 0

    def add(self, session_id: str, name: str = "") -> LoggedSession:
        number = MANY + 1 + len(self._subjects)
        made = self._subjects[session_id] = LoggedSession(session_id, number, self.committer, self.clock)
        self._last_number = number
        for tell in list(self.on_join):
            tell(made)  # type: ignore[operator]
        return made

    def _open(self, session_id: str) -> LoggedSession:
        made = LoggedSession(session_id, self.kept[session_id], self.committer, self.clock, closed=True)
        self.opened.add(made)
        self.most = max(self.most, len(self.opened))
        return made

    def find(self, session: str) -> Subject:
        return self._open(session) if session in self.kept else super().find(session)

    def live(self) -> list[Subject]:
        return list(self._subjects.values())

    def all(self) -> Iterator[Subject]:  # type: ignore[override]
        yield from self._subjects.values()
        yield from map(self._open, list(self.kept))


async def test_all_headers_come_first_and_then_each_session_whole() -> None:
    archive = Archive(MANY)
    responses = await everything(archive, ask("*"))
    assert signs(responses[:MANY]) == ["header"] * MANY
    assert len(seqs(responses)) == MANY * EVENTS
    assert signs(responses[MANY:]) == ["caught_up"] * MANY + ["end"]


async def test_no_more_than_a_few_ended_sessions_are_open_at_once() -> None:
    archive = Archive(MANY)
    await everything(archive, ask("*"))
    assert archive.most <= 3


async def test_others_have_their_turn_all_the_time() -> None:
    archive = Archive(MANY)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count_turns())
    following = stream(archive, ask("*", until_caught_up=True))
    most = alone = since = 0
    async for _ in following:
        alone = 0 if turns > since else alone + 1
        most, since = max(most, alone), turns
    counting.cancel()
    assert turns >= MANY
    assert most <= SESSIONS_AT_ONCE


async def test_a_live_session_does_not_wait_for_the_old_ones() -> None:
    archive = Archive(MANY)
    live = archive.add("live")
    await live.log.append([notice("now")])
    responses = await everything(archive, ask("*"))
    first = [event.session_id for response in responses for event in response.events][:4]
    assert "live" in first


async def test_from_the_latest_on_ended_sessions_are_never_opened_again() -> None:
    archive = Archive(50)
    following = stream(archive, ask("*", latest=Latest()))
    for _ in range(50):
        assert (await anext(following)).HasField("header")
    archive.kept.clear()
    assert signs([await anext(following) for _ in range(50)]) == ["caught_up"] * 50
    waiting = asyncio.ensure_future(anext(following))
    archive.add("new")
    assert (await waiting).header.session.id == "new"


async def test_a_session_deleted_before_its_turn_is_a_gap() -> None:
    archive = Archive(5)
    following = stream(archive, ask("*", until_caught_up=True))
    for _ in range(5):
        await anext(following)
    size = archive._open(name_of(3)).log.size
    del archive.kept[name_of(3)]
    rest = [response async for response in following]
    (gap,) = (response.gap for response in rest if response.HasField("gap"))
    assert (gap.session_id, gap.first_seq, gap.last_seq, gap.bytes) == (name_of(3), 1, EVENTS, size)
    assert gap.reason == GapReason.GAP_REASON_RETENTION
    assert len(seqs(rest)) == 4 * EVENTS
    assert signs(rest).count("caught_up") == 5


async def test_a_heartbeat_names_those_that_can_still_bring_something() -> None:
    archive = Archive(5)
    live = archive.add("live")
    request = ask("*")
    request.heartbeat_interval.FromMilliseconds(100)
    subscription = Subscription(request, archive, archive.clock)  # type: ignore[arg-type]
    responses = subscription.responses()
    got = [SubscribeResponse.FromString(await anext(responses)) for _ in range(6)]
    assert signs(got) == ["header"] * 6
    while not seqs(got):
        got.append(SubscribeResponse.FromString(await anext(responses)))
    subscription._next_heartbeat = 0  # it is time
    while not got[-1].HasField("heartbeat"):
        got.append(SubscribeResponse.FromString(await anext(responses)))
    lags = {position.cursor.session_id: (position.cursor.seq, position.lag_events) for position in got[-1].heartbeat.positions}
    assert lags.pop("live") == (0, 0)
    assert list(lags.values()) == [(0, EVENTS)] * 4, "the first of five is all sent"
    left = sum(position.lag_bytes for position in got[-1].heartbeat.positions)
    assert left == sum(archive._open(name).log.size for name in lags)
    await live.log.append([notice("x")])
    async for response in responses:
        beat = SubscribeResponse.FromString(response).heartbeat
        if len(beat.positions) == 1:
            assert beat.positions[0].cursor == Cursor(session_id="live", epoch=EPOCH, seq=1)
            break
    await responses.aclose()  # type: ignore[attr-defined]


def test_many_positions_go_in_several_heartbeats_and_none_in_one() -> None:
    many = [Position(lag_events=number) for number in range(MAX_POSITIONS + 1)]
    beats = [SubscribeResponse.FromString(beat).heartbeat for beat in heartbeats(many, SECOND, 1)]
    assert [position.lag_events for beat in beats for position in beat.positions] == list(range(MAX_POSITIONS + 1))
    assert [len(beat.positions) for beat in beats] == [MAX_POSITIONS, 1]
    assert {beat.time.seconds for beat in beats} == {1}
    assert len(list(heartbeats([], SECOND, 1))) == 1


async def test_a_registry_gives_what_is_kept_and_skips_what_has_gone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "db", "boot")
    store.open()
    try:
        fill(store, 1000)
        registry = Registry(Committer(store), None, tmp_path, lambda: 1)  # type: ignore[arg-type] # nothing is started
        await registry.start()
        assert list(registry.live()) == []
        all_ = registry.all()
        assert next(all_).session_id == name_of(1000)
        for number in (900, 5):  # the first one's row is read already
            await registry.delete(registry.find(name_of(number)))
        list(store.sweep())
        ids = [session.session_id for session in all_]
        assert ids == [name_of(number) for number in range(999, 0, -1) if number not in (900, 5)]
        request = SubscribeRequest(sessions=["*"], until_caught_up=True)
        responses = [SubscribeResponse.FromString(one) async for one in Subscription(request, registry, lambda: 1).responses()]
        assert len(seqs(responses)) == 998 * EVENTS
    finally:
        store.close()


@pytest.mark.parametrize("name", ["x" * 100_000, "", "a\0b", "a\nb", "'; --"])
def test_what_is_no_name_is_not_found_in_few_words(tmp_path: Path, name: str) -> None:
    registry = Registry(Committer(MemoryStore()), None, tmp_path, lambda: 1)  # type: ignore[arg-type]
    with pytest.raises(SessionNotFound) as error:
        registry.find(name)
    assert len(str(error.value)) < 500


async def test_a_session_that_ends_while_all_are_looked_up_comes_once() -> None:
    sessions = Sessions()
    names = [name_of(number) for number in range(SESSIONS_AT_ONCE * 2)]
    for name in names:
        await sessions.add(name).log.append([notice("x")])
    responses = stream(sessions, ask("*", until_caught_up=True))
    first = asyncio.ensure_future(anext(responses))
    await asyncio.sleep(0)  # the first ones are looked up
    sessions.find(names[-1]).log.close()
    seen = [await first, *[response async for response in responses]]
    assert sorted(one.header.session.id for one in seen if one.HasField("header")) == names
    assert sorted(event.session_id for one in seen for event in one.events) == names
