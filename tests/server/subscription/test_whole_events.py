"""Events over a MiB: cut in the log, whole beside it, given in parts; gone when the event is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sightline.v1.event_pb2 import Event, ToolResult
from sightline.v1.session_service_pb2 import ListEventsRequest, ListEventsResponse
from sightline_server.errors import BadPageToken, CannotStore, DiskFull, EpochChanged, EventAhead, WholeGone
from sightline_server.log.record import MAX_EVENT
from sightline_server.log.session_log import Draft, SessionLog
from sightline_server.storage.contract import Commit, SessionRow, Store
from sightline_server.storage.memory import MemoryStore
from sightline_server.storage.sqlite import SqliteStore
from sightline_server.subscription.pages import page
from support.logs import LoggedSession, Sessions, events_of, notice, output

LARGE = 16 * MAX_EVENT + 12_345  # bytes of a tool's answer


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "db", "boot")
    made.open()
    yield made
    made.close()


def answer(letter: str = "x", size: int = LARGE) -> Draft:
    return Draft("codex", Event(tool_result=ToolResult(tool_call_id="t1", content=letter * size)))


def row(number: int) -> SessionRow:
    return SessionRow(number, "a", "a", 7, True, "", b"", b"", "{}")


def files(directory: Path, ending: str) -> list[Path]:
    return sorted(directory.glob(f"db.blocks/*/*.{ending}"))


def parts(log: SessionLog, seq: int) -> list[ListEventsResponse]:
    pages = [page(ListEventsRequest(session="a", full=seq), log)]
    while token := pages[-1].next_page_token:
        pages.append(page(ListEventsRequest(session="a", full=seq, page_token=token), log))
    return pages


def whole(log: SessionLog, seq: int) -> Event:
    return Event.FromString(b"".join(one.part for one in parts(log, seq)))


async def test_an_answer_of_16_mib_is_cut_in_the_log_and_given_whole(store: Store) -> None:
    log = Sessions(store).add("a").log
    await log.append([notice("before"), answer(), notice("behind")])
    before, cut, behind = events_of(log)
    assert (before.notice.text, behind.notice.text, behind.seq) == ("before", "behind", 3)
    assert cut.ByteSize() <= MAX_EVENT
    assert len(cut.tool_result.content) + cut.truncated_bytes == LARGE
    given = parts(log, 2)
    assert len(given) > LARGE // MAX_EVENT
    assert all(len(one.part) < MAX_EVENT and not one.events for one in given)
    event = whole(log, 2)
    assert event.tool_result.content == "x" * LARGE
    assert (event.seq, event.session_id, event.time, event.truncated_bytes) == (2, cut.session_id, cut.time, 0)


async def test_an_event_that_was_not_cut_is_one_part(store: Store) -> None:
    log = Sessions(store).add("a").log
    await log.append([output(b"x"), notice("y")])
    assert [whole(log, seq) for seq in (1, 2)] == events_of(log)


async def test_several_in_one_commit_keep_each_its_own(store: Store) -> None:
    log = Sessions(store).add("a").log
    await log.append([answer("a"), answer("b"), notice("-"), answer("c")])
    assert [whole(log, seq).tool_result.content[:1] for seq in (1, 2, 4)] == ["a", "b", "c"]
    assert log.size > 3 * LARGE  # what retention counts


async def test_they_go_with_their_events(store: Store) -> None:
    sessions = Sessions(store)
    log = sessions.add("a").log
    for letter in "abc":
        await log.append([answer(letter)], row=row(log.number))
    store.trim(log.number, 2, 1 << 40)
    log.shorten(3, log.bounds.end_offset - MAX_EVENT)
    assert [store.whole_part(log.number, seq, 0) is None for seq in (1, 2, 3)] == [True, True, False]
    (gone,) = parts(log, 1)
    assert (gone.gap.first_seq, gone.part) == (1, b"")
    store.hide([log.number])
    for _ in store.sweep():
        pass
    assert store.whole_part(log.number, 3, 0) is None


async def test_what_was_refused_is_stored_once_there_is_room(store: Store) -> None:
    sessions = Sessions(store)
    log = sessions.add("a").log
    plain = store.commit

    def refused(_commit: Commit) -> None:
        store.commit = plain  # type: ignore[method-assign]
        raise DiskFull(path="/")

    store.commit = refused  # type: ignore[method-assign, assignment]
    assert await asyncio.wait_for(log.append([answer()]), 60) == 1
    assert whole(log, 1).tool_result.content == "x" * LARGE


async def test_what_is_not_there_is_said(store: Store) -> None:
    log = Sessions(store).add("a").log
    await log.append([answer(), answer()])
    with pytest.raises(EventAhead):
        page(ListEventsRequest(session="a", full=3), log)
    (first, *_) = parts(log, 1)
    other = LoggedSession("b", 9, Sessions(MemoryStore()).committer, Sessions(MemoryStore()).clock)
    await other.log.append([answer()])
    with pytest.raises(BadPageToken):
        page(ListEventsRequest(session="b", full=1, page_token=first.next_page_token), other.log)
    log.epoch += 1
    with pytest.raises(EpochChanged):
        page(ListEventsRequest(session="a", full=1, page_token=first.next_page_token), log)


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "empty"])
async def test_a_damaged_file_is_an_error_and_the_log_goes_on(tmp_path: Path, damage: str) -> None:
    store = SqliteStore(tmp_path / "db", "boot")
    store.open()
    log = Sessions(store).add("a").log
    await log.append([answer(), notice("behind")])
    (path,) = files(tmp_path, "whole")
    assert path.stat().st_mode & 0o777 == 0o600
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        middle = len(data) // 2
        path.write_bytes({"flipped": data[:middle] + b"y" + data[middle + 1 :], "cut": data[:middle], "empty": b""}[damage])
    with pytest.raises(WholeGone):
        parts(log, 1)
    assert len(events_of(log)) == 2
    store.close()


async def test_a_commit_that_failed_leaves_no_file(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "db", "boot")
    store.open()
    log = Sessions(store).add("a").log
    log.append([answer()])
    commit = Commit(wholes=[(log.number, 2, b"w" * 10)], inputs=[(1, "twice", 1), (1, "twice", 1)])
    with pytest.raises(Exception, match="UNIQUE"):
        store.commit(commit)
    blocked = tmp_path / "db.blocks" / "7"
    blocked.write_text("where a directory should be")
    with pytest.raises(CannotStore):
        store.commit(Commit(wholes=[(7, 1, b"w")]))
    assert [path.name for path in files(tmp_path, "whole")] == ["0000000000001.whole"]
    store.close()


async def test_what_a_machine_that_went_down_took_back_leaves_no_file(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "db", "boot")
    store.open()
    log = Sessions(store).add("a").log
    await log.append([answer("a")], row=row(log.number))
    await log.append([answer("b")])
    (segment,) = files(tmp_path, "events")
    with segment.open("r+b") as file:  # the end of the last block never reached the disk
        file.seek(-100, 2)
        file.write(bytes(100))
    after = SqliteStore(tmp_path / "db", "another boot")
    after.open()
    assert after.bounds(log.number).head_seq == 1
    assert [path.name for path in files(tmp_path, "whole")] == ["0000000000001.whole"]
    after.close()
