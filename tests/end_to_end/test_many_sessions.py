"""Ten thousand ended sessions in the store (a thousand in a quick run): found, followed and replayed, and no live one waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.session_service_pb2_grpc import SessionServiceStub
from support.server import PATIENCE, ServerProcess, connect, create, eventually, resident
from support.store import build_home

FEW, MANY = 1000, 10_000
LINE_BYTES, LINES = 100, 20  # of each
FIFTY_MEGABYTES = 50 * 1024 * 1024  # what looking at all of it may leave in memory: 5 KB a session

Stub = SessionServiceStub


@pytest.fixture(scope="module", params=[FEW, pytest.param(MANY, marks=pytest.mark.soak)])
def full(request: pytest.FixtureRequest) -> Iterator[tuple[ServerProcess, list[str]]]:
    server = ServerProcess()
    try:
        ids = build_home(server.home, sessions=request.param, bytes_each=LINES * LINE_BYTES, event_bytes=LINE_BYTES)
        server.start()
        yield server, ids
        assert "Traceback" not in server.log()
    finally:
        server.close()


@pytest.fixture
def stub(full: tuple[ServerProcess, list[str]]) -> Iterator[Stub]:
    with connect(full[0].target) as stub:
        yield stub


def test_a_listing_pages_through_all_of_them(full: tuple[ServerProcess, list[str]], stub: Stub) -> None:
    _, ids = full
    found: list[str] = []
    token = ""
    while True:
        page = stub.List(pb.ListRequest(page_size=1000, page_token=token), timeout=PATIENCE)
        found += [session.id for session in page.sessions]
        token = page.next_page_token
        if not token:
            break
    assert found == ids[::-1]


def test_names_resolve(full: tuple[ServerProcess, list[str]], stub: Stub) -> None:
    _, ids = full
    for number in (1, 77, len(ids) // 2, len(ids)):
        assert stub.Get(pb.GetRequest(session=f"old-{number}"), timeout=PATIENCE).session.id == ids[number - 1]
    listed = stub.List(pb.ListRequest(name="old-77"), timeout=PATIENCE).sessions
    assert [session.id for session in listed] == [ids[76]]


def read(stub: Stub, request: pb.SubscribeRequest) -> tuple[dict[str, int], dict[str, int], str]:
    """Where each session's header and events were; the events checked to be dense; how it ended."""
    headers: dict[str, int] = {}
    heads: dict[str, int] = {}
    end = ""
    for response in stub.Subscribe(request, timeout=100):
        if response.HasField("header"):
            headers[response.header.session.id] = response.header.cursor.seq
            heads[response.header.session.id] = response.header.cursor.seq
        for event in response.events:
            assert event.seq == heads[event.session_id] + 1
            heads[event.session_id] = event.seq
        if response.HasField("end"):
            end = pb.EndReason.Name(response.end.reason)
    return headers, heads, end


def test_all_of_it_is_replayed_and_memory_is_given_back(full: tuple[ServerProcess, list[str]], stub: Stub) -> None:
    server, ids = full
    request = pb.SubscribeRequest(sessions=["*"], until_caught_up=True)
    before = resident(server.process.pid)
    for _ in range(2):
        headers, heads, end = read(stub, request)
        assert sorted(headers) == ids
        assert set(heads.values()) == {LINES + 2}
        assert end == "END_REASON_CAUGHT_UP"
    assert resident(server.process.pid) - before < FIFTY_MEGABYTES


def test_the_latest_of_all_is_nothing_but_their_places(stub: Stub, full: tuple[ServerProcess, list[str]]) -> None:
    _, ids = full
    headers, heads, end = read(stub, pb.SubscribeRequest(sessions=["*"], latest=pb.Latest(), until_caught_up=True))
    assert sorted(headers) == ids
    assert heads == headers
    assert set(headers.values()) == {LINES + 2}
    assert end == "END_REASON_CAUGHT_UP"


def test_a_resume_of_all_goes_on_where_it_was(stub: Stub, full: tuple[ServerProcess, list[str]]) -> None:
    _, ids = full
    epochs = {each.id: each.epoch for each in stub.List(pb.ListRequest(page_size=500), timeout=PATIENCE).sessions}
    after = pb.Cursors()
    for session_id, epoch in epochs.items():
        after.cursors.add(session_id=session_id, epoch=epoch, seq=LINES)
    headers, heads, _ = read(stub, pb.SubscribeRequest(sessions=["*"], after=after, until_caught_up=True))
    assert {headers[session_id] for session_id in epochs} == {LINES}
    assert {headers[session_id] for session_id in ids if session_id not in epochs} == {0}
    assert set(heads.values()) == {LINES + 2}


@dataclass
class Heard:
    """What two subscribers got: of the live session alone, and of everything."""

    session_id: str
    alone: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    with_all: bytearray = field(default_factory=bytearray)
    replayed: set[str] = field(default_factory=set)

    async def listen(self, responses: AsyncIterable[pb.SubscribeResponse]) -> None:
        async for response in responses:
            for event in response.events:
                if event.HasField("output"):
                    self.alone.put_nowait(event.output.data)

    async def replay(self, responses: AsyncIterable[pb.SubscribeResponse]) -> None:
        async for response in responses:
            if response.HasField("caught_up"):
                self.replayed.add(response.caught_up.cursor.session_id)
            for event in response.events:
                if event.session_id == self.session_id:
                    self.with_all.extend(event.output.data)


async def test_a_live_session_is_heard_while_all_is_replayed(full: tuple[ServerProcess, list[str]]) -> None:
    """Its events reach their subscriber while all the others are on their way to another, and reach that one too."""
    server, ids = full
    with connect(server.target) as blocking:
        live = create(blocking, "cat", stdin=True).id
    heard = Heard(live)
    async with grpc.aio.insecure_channel(server.target) as channel, grpc.aio.insecure_channel(server.target) as beside:
        one: Any = SessionServiceStub(beside)
        everything: Any = SessionServiceStub(channel)
        tasks = [
            asyncio.create_task(heard.listen(one.Subscribe(pb.SubscribeRequest(sessions=[live])))),
            asyncio.create_task(heard.replay(everything.Subscribe(pb.SubscribeRequest(sessions=["*"])))),
        ]
        rounds = 0
        while not heard.replayed.issuperset(ids):
            line = b"line %d\n" % rounds
            await one.Send(pb.SendRequest(session=live, data=line), timeout=PATIENCE)
            assert await asyncio.wait_for(heard.alone.get(), PATIENCE) == line
            rounds += 1
        assert rounds > 1
        await eventually(lambda: heard.with_all == b"".join(b"line %d\n" % n for n in range(rounds)))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    with connect(server.target) as blocking:
        blocking.Terminate(pb.TerminateRequest(session=live), timeout=PATIENCE)
        blocking.Delete(pb.DeleteRequest(session=live), timeout=PATIENCE)  # the other tests count on the old ones alone


def test_a_killed_server_has_them_all_again(full: tuple[ServerProcess, list[str]]) -> None:
    server, ids = full
    server.kill()
    server.start()
    with connect(server.target) as stub:
        headers, _, _ = read(stub, pb.SubscribeRequest(sessions=["*"], latest=pb.Latest(), until_caught_up=True))
        assert stub.Get(pb.GetRequest(session=ids[0]), timeout=PATIENCE).session.epoch == 7  # a kill alone makes no new epoch
    assert sorted(headers) == ids
