"""Many clients, coming and going: what each took is given back, and all of them come back after a kill."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import grpc
import sightline
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.session_service_pb2_grpc import SessionServiceStub
from sightline_server.app import Application
from sightline_server.settings import Settings
from support.server import PATIENCE, ServerProcess, connect, create, descriptors, eventually, resident

if TYPE_CHECKING:
    from sightline.v1.session_service_pb2_grpc import SessionServiceAsyncStub

OPTIONS = (("grpc.use_local_subchannel_pool", 1),)  # a connection for each channel
AT_ONCE = 20
TEN_MEGABYTES = 10 * 1024 * 1024  # a connection that is kept costs 40 KB and more: a thousand of them would be seen


@asynccontextmanager
async def dialled(target: str) -> AsyncIterator[SessionServiceAsyncStub]:
    """A connection of its own."""
    async with grpc.aio.insecure_channel(target, OPTIONS) as channel:
        yield SessionServiceStub(channel)


async def begins(call: grpc.aio.UnaryStreamCall[pb.SubscribeRequest, pb.SubscribeResponse]) -> None:
    assert cast(pb.SubscribeResponse, await call.read()).HasField("header")


async def ask(target: str, session: str) -> None:
    async with dialled(target) as stub:
        await stub.Get(pb.GetRequest(session=session), timeout=PATIENCE)


async def follow_a_moment(target: str, session: str) -> None:
    """Closes the connection in mid-stream."""
    async with dialled(target) as stub:
        await begins(stub.Subscribe(pb.SubscribeRequest(sessions=[session, "*"])))


async def cancel(target: str, session: str) -> None:
    async with dialled(target) as stub:
        call = stub.Subscribe(pb.SubscribeRequest(sessions=[session]))
        await begins(call)
        call.cancel()
        waiting = stub.Wait(pb.WaitRequest(session=session))
        await asyncio.sleep(0)
        waiting.cancel()


async def say_half(target: str, session: str) -> None:
    """Goes in the middle of the first words of HTTP/2."""
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(target.removeprefix("unix:"))
        door.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04")


WAYS: tuple[Callable[[str, str], object], ...] = (ask, follow_a_moment, cancel, say_half)


async def come_and_go(target: str, session: str, count: int) -> None:
    """So many connections, made and left in all ways."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with at_once:
            await WAYS[number % len(WAYS)](target, session)  # type: ignore[misc]

    await asyncio.gather(*map(one, range(count)))


async def test_a_thousand_came_and_went_and_left_no_descriptor_and_no_memory(server: ServerProcess) -> None:
    with connect(server.target) as stub:
        session = create(stub, "cat", stdin=True).id
        await come_and_go(server.target, session, 300)  # pools and caches of the libraries fill
        pid = server.process.pid

        def followers() -> int:
            return len(stub.Get(pb.GetRequest(session=session), timeout=PATIENCE).session.subscribers)

        await eventually(lambda: followers() == 0)
        stub.Search(pb.SearchRequest(query="nothing"), timeout=PATIENCE)  # opens the index, and what it reads
        before, memory = await settled(lambda: descriptors(pid)), resident(pid)
        await come_and_go(server.target, session, 1000)
        await eventually(lambda: followers() == 0)
        await eventually(lambda: descriptors(pid) <= before)
        assert resident(pid) - memory < TEN_MEGABYTES
    assert "Traceback" not in server.log()


async def settled(count: Callable[[], int]) -> int:
    """A count once it does not change any more."""
    seen, same = count(), 0
    while same < 20:
        await asyncio.sleep(0.01)
        now = count()
        seen, same = now, same + 1 if now == seen else 0
    return seen


async def test_who_came_and_went_left_no_task(tmp_path: Path) -> None:
    application = Application(Settings(home=tmp_path / "home", grpc_address=None))
    await application.start()
    try:
        target = f"unix:{application.settings.socket}"
        async with dialled(target) as stub:
            request = pb.CreateRequest()
            request.command.argv.append("cat")
            request.command.stdin = request.command.STDIN_OPEN
            session = (await stub.Create(request)).session.id
        await come_and_go(target, session, 40)
        before = await settled(lambda: len(asyncio.all_tasks()))
        await come_and_go(target, session, 200)
        await eventually(lambda: len(asyncio.all_tasks()) <= before)
    finally:
        await application.stop(end_sessions=True)


async def test_five_hundred_come_back_after_a_kill_and_each_sees_each_event_once(server: ServerProcess) -> None:
    with connect(server.target) as stub:
        session = create(stub, "sh", "-c", "while read n; do seq $n; done; exit 3", stdin=True).id
        stub.Send(pb.SendRequest(session=session, text="100\n"), timeout=PATIENCE)
    seen: list[list[int]] = [[] for _ in range(500)]

    async def follow(seqs: list[int]) -> None:
        async with sightline.connect(server.target) as client, client.subscribe(session) as subscription:
            async for response in subscription.batches():
                seqs.extend(event.seq for event in response.events)

    def all_have_begun() -> bool:
        for task in following:
            if task.done():
                task.result()
        return all(seen)

    following = [asyncio.create_task(follow(seqs)) for seqs in seen]
    await eventually(all_have_begun, 60)
    with connect(server.target) as stub:
        stub.Send(pb.SendRequest(session=session, text="1000\n" * 20), timeout=PATIENCE)
    server.kill()
    await asyncio.to_thread(server.start)
    with connect(server.target) as stub:
        stub.Send(pb.SendRequest(session=session, text="100\n", eof=True), timeout=PATIENCE)
        await asyncio.wait_for(asyncio.gather(*following), 100)
        head = stub.Get(pb.GetRequest(session=session), timeout=PATIENCE).session.head_seq
        assert all(seqs == list(range(1, head + 1)) for seqs in seen)
        events = [event for response in stub.Subscribe(pb.SubscribeRequest(sessions=[session])) for event in response.events]
        lines = b"".join(event.output.data for event in events).split()
        assert lines == [b"%d" % n for last in (100, *[1000] * 20, 100) for n in range(1, last + 1)]
        assert events[-1].completed.exit_code == 3
    assert "Traceback" not in server.log()
