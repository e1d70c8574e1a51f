"""Search through a real server: what is found while programs write, over kills and removals, and what is no question."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.session_service_pb2_grpc import SessionServiceStub as Stub
from sightline_server.app import Application
from sightline_server.search.indexer import MIN_FREE
from sightline_server.settings import Settings
from sightline_server.subscription.asked import MAX_SESSIONS_NAMED
from support.disks import fill, room, small_disk
from support.server import PATIENCE, ServerProcess, connect, create, follow, reason_of, until
from support.store import build_home

MARKS = str.maketrans("", "", "\x02\x03")


@pytest.fixture
def stub(server: ServerProcess) -> Iterator[Stub]:
    with connect(server.target) as made:
        yield made


def search(stub: Stub, query: str, *sessions: str, **fields: object) -> pb.SearchResponse:
    return stub.Search(pb.SearchRequest(query=query, sessions=sessions, **fields), timeout=PATIENCE)  # type: ignore[arg-type]


def snippets(stub: Stub, query: str, *sessions: str) -> list[str]:
    """All that is found once everything is indexed."""
    until(lambda: not search(stub, query, *sessions).indexed_through)
    return [hit.snippet for hit in search(stub, query, *sessions).hits]


def indexed(stub: Stub, session: str) -> int | None:
    """The last event of a session that is indexed; None: all are."""
    behind = search(stub, "line", session, page_size=1).indexed_through
    return behind[0].seq if behind else None


def lines_in(home: Path) -> int:
    with sqlite3.connect(f"file:{home}/search.db?mode=ro", uri=True) as index:
        return int(index.execute("SELECT coalesce(sum(count), 0) FROM page").fetchone()[0])


def test_a_place_says_where_it_is_and_which_words_were_found(stub: Stub) -> None:
    script = r"printf 'one er\033[31m'; sleep 0.2; printf 'ror\033[0m here\nerror[E0308]: C++\n'"
    session = create(stub, "sh", "-c", script, name="build")
    events = follow(stub, session.id)
    assert snippets(stub, "error here") == ["one \x02error\x03 \x02here\x03"]
    assert snippets(stub, "C++") == ["error[E0308]: \x02C++\x03"]
    (hit,) = search(stub, '"one error"').hits
    event = events[hit.seq - 1]
    assert hit.session_id == session.id
    assert event.output.data.startswith(b"one er")
    assert hit.time == event.time


def test_an_unfinished_line_is_found(stub: Stub) -> None:
    create(stub, "sh", "-c", "printf 'Proceed? [y/n] '; exec sleep 600")
    until(lambda: snippets(stub, "proceed") == ["\x02Proceed\x03? [y/n] "])


def test_what_was_typed_is_found_and_what_was_secret_is_not(stub: Stub) -> None:
    session = create(stub, "cat", stdin=True)
    stub.Send(pb.SendRequest(session=session.id, text="hello typist\n"), timeout=PATIENCE)
    stub.Send(pb.SendRequest(session=session.id, text="hunter2\n", sensitive=True, eof=True), timeout=PATIENCE)
    events = follow(stub, session.id)
    typed = [event.seq for event in events if event.HasField("input")]
    until(lambda: not search(stub, "typist").indexed_through)
    assert typed[0] in {hit.seq for hit in search(stub, "typist").hits}
    assert typed[1] not in {hit.seq for hit in search(stub, "hunter2").hits}


def test_a_name_means_the_live_session_else_the_newest_ended_one(stub: Stub) -> None:
    old = create(stub, "echo", "word one", name="build")
    follow(stub, old.id)
    new = create(stub, "sh", "-c", "echo word two; exec sleep 600", name="build")
    until(lambda: len(snippets(stub, "word")) == 2)
    assert snippets(stub, "word", "build") == ["\x02word\x03 two"]
    assert snippets(stub, "word", old.id) == ["\x02word\x03 one"]
    assert [hit.session_id for hit in search(stub, "word").hits] == [new.id, old.id]


def test_pages_are_asked_for_with_the_token_of_the_one_before(stub: Stub) -> None:
    session = create(stub, "sh", "-c", "for n in $(seq 25); do echo word $n; done")
    follow(stub, session.id)
    assert len(snippets(stub, "word")) == 25
    found: list[str] = []
    token = ""
    while True:
        page = search(stub, "word", page_size=10, page_token=token)
        found += [hit.snippet.translate(MARKS) for hit in page.hits]
        token = page.next_page_token
        if not token:
            break
    assert found == [f"word {n}" for n in range(25, 0, -1)]


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (pb.SearchRequest(), "QUERY_EMPTY"),
        (pb.SearchRequest(query=" "), "QUERY_EMPTY"),
        (pb.SearchRequest(query='a "b'), "QUERY_UNBALANCED"),
        (pb.SearchRequest(query="->"), "QUERY_WITHOUT_WORDS"),
        (pb.SearchRequest(query="a" * 2000), "BAD_FIELD"),
        (pb.SearchRequest(query="a", page_size=1001), "BAD_FIELD"),
        (pb.SearchRequest(query="a", page_token="nonsense"), "BAD_PAGE_TOKEN"),
        (pb.SearchRequest(query="a", page_token="1.1.1"), "BAD_PAGE_TOKEN"),
        (pb.SearchRequest(query="a", sessions=["nobody"]), "SESSION_NOT_FOUND"),
        (pb.SearchRequest(query="a", sessions=["x"] * (MAX_SESSIONS_NAMED + 1)), "TOO_MANY_SESSIONS_NAMED"),
    ],
)
def test_what_is_no_question_has_its_reason(grpc_stub: Stub, request_: pb.SearchRequest, reason: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        grpc_stub.Search(request_, timeout=PATIENCE)
    assert reason_of(error.value) == reason


@pytest.mark.parametrize(
    "query", ['a" OR b', "a AND", "NOT a", "a NEAR/2 b", "text:a", "{a b}", "a^b", "(a", "a'b", "a\0b", "a;--", "^a*", '"a"*b']
)
def test_whatever_looks_like_the_index_s_own_language_means_itself(grpc_stub: Stub, query: str) -> None:
    assert not grpc_stub.Search(pb.SearchRequest(query=f"{query} zzz"), timeout=PATIENCE).hits


def test_a_deleted_session_is_found_no_more_and_its_text_is_removed(server: ServerProcess, stub: Stub) -> None:
    session = create(stub, "sh", "-c", "echo word to forget")
    follow(stub, session.id)
    assert snippets(stub, "forget") == ["word to \x02forget\x03"]
    stub.Delete(pb.DeleteRequest(session=session.id), timeout=PATIENCE)
    assert not search(stub, "forget").hits
    until(lambda: lines_in(server.home) == 0)


def test_events_that_retention_took_are_not_found(stub: Stub) -> None:
    script = "for n in $(seq 30); do head -c 60000 /dev/zero | tr '\\0' x; echo; echo word $n; sleep 0.01; done; exec sleep 600"
    session = create(stub, "sh", "-c", script)
    until(lambda: len(snippets(stub, "word")) == 30)
    limits = pb.RetentionLimits(max_session_bytes=1 << 20)
    stub.Collect(pb.CollectRequest(limits=limits), timeout=PATIENCE)
    oldest = stub.Get(pb.GetRequest(session=session.id), timeout=PATIENCE).session.oldest_seq
    assert oldest > 1
    seqs = [hit.seq for hit in search(stub, "word").hits]
    assert 0 < len(seqs) < 30
    assert min(seqs) >= oldest


def test_killed_while_it_indexes_every_line_is_there_once(server: ServerProcess) -> None:
    server.terminate()
    lines, name = 200_000, "numbers"
    with_lines = f"i=0; while [ $i -lt {lines // 1000} ]; do seq -f 'line %.0f of it' $((i*1000)) $((i*1000+999)); i=$((i+1)); done"
    server.start()
    with connect(server.target) as stub:
        session = create(stub, "sh", "-c", with_lines, name=name)
        follow(stub, session.id)
    for path in server.home.glob("search.db*"):
        path.unlink()
    kills, reached = 0, -1
    while True:
        with connect(server.target) as stub:
            until(lambda: (seq := indexed(stub, session.id)) is None or seq > reached)  # noqa: B023 - called at once
            seq = indexed(stub, session.id)
        if seq is None:
            break
        server.kill()
        kills, reached = kills + 1, seq
        server.start()
    assert kills > 2
    assert lines_in(server.home) == lines
    with connect(server.target) as stub:
        for number in (0, 1, 17_777, 199_999):
            assert snippets(stub, f'"line {number} of"') == [f"\x02line {number} of\x03 it"]


def test_during_a_flood_another_session_is_searched(stub: Stub) -> None:
    create(stub, "sh", "-c", "yes the quick brown fox jumps over the lazy dog | head -c 300000000; exec sleep 600", name="flood")
    until(lambda: stub.Get(pb.GetRequest(session="flood"), timeout=PATIENCE).session.bytes > 1_000_000)
    create(stub, "sh", "-c", "echo a needle; exec sleep 600", name="calm")
    until(lambda: [hit.snippet for hit in search(stub, "needle", "calm").hits] == ["a \x02needle\x03"])
    until(lambda: search(stub, "fox", page_size=1).hits)


def test_many_sessions_of_the_past_are_indexed_and_searched(server: ServerProcess) -> None:
    server.terminate()
    build_home(server.home, sessions=300, bytes_each=2000, event_bytes=500)
    server.start()
    with connect(server.target) as stub:
        word = "succeeded"
        until(lambda: not search(stub, word).indexed_through)
        assert not search(stub, word).hits
        assert lines_in(server.home) > 0


def test_a_disk_that_is_nearly_full_stops_indexing_and_nothing_else() -> None:
    with small_disk(MIN_FREE + 24 * 1024 * 1024) as home:
        server = ServerProcess(home)
        filler = home / "filler"
        try:
            server.start()
            with connect(server.target) as stub:
                follow(stub, create(stub, "echo", "word one").id)
                assert len(snippets(stub, "word")) == 1
                filler.write_bytes(b"x" * (room(home) - 8 * 1024 * 1024))
                late = create(stub, "echo", "word two")
                follow(stub, late.id)
                until(lambda: "indexing for search pauses" in server.log())
                answer = search(stub, "word")
                assert [hit.snippet for hit in answer.hits] == ["\x02word\x03 one"]
                assert [one.session_id for one in answer.indexed_through] == [late.id]
                filler.unlink()
                assert sorted(snippets(stub, "word")) == ["\x02word\x03 one", "\x02word\x03 two"]
        finally:
            filler.unlink(missing_ok=True)
            server.close()


def test_a_full_disk_without_an_index_gets_none_and_says_so() -> None:
    with small_disk(24 * 1024 * 1024) as home:
        server = ServerProcess(home)
        try:
            server.start()
            with connect(server.target) as stub:
                follow(stub, create(stub, "echo", "word").id)
                fill(home / "filler")
                with pytest.raises(grpc.RpcError) as error:
                    search(stub, "word")
                assert (error.value.code(), reason_of(error.value)) == (grpc.StatusCode.UNAVAILABLE, "INDEX_UNAVAILABLE")
            assert not (home / "search.db").exists()
        finally:
            (home / "filler").unlink(missing_ok=True)
            server.close()


async def test_a_server_in_memory_indexes_in_memory_when_somebody_searches(tmp_path: Path) -> None:
    home = tmp_path / "h"
    application = Application(Settings(home=home, memory=True, grpc_address=None))
    await application.start()
    try:
        async with grpc.aio.insecure_channel(f"unix:{home}/sightline.sock") as channel:
            stub = Stub(channel)
            request = pb.CreateRequest(name="build")
            request.command.argv.extend(["echo", "word in memory"])
            await stub.Create(request)
            await stub.Wait(pb.WaitRequest(session="build"))
            found: list[str] = []
            async with asyncio.timeout(PATIENCE):
                while not found:
                    answer = await stub.Search(pb.SearchRequest(query="memory"))
                    found = [hit.snippet for hit in answer.hits]
        assert found == ["word in \x02memory\x03"]
        assert not list(home.glob("search.db*"))
    finally:
        await application.stop(end_sessions=True)
