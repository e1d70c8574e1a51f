"""Subscriptions over sockets: many at once, held back by credit and by what is read, resumed where they were cut."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from sightline.transport import aio
from sightline.v1.bridge_pb2 import Cancel
from sightline.v1.session_pb2 import Command, Session
from sightline.v1.session_service_pb2 import (
    CreateRequest,
    EndReason,
    GetRequest,
    Header,
    ListEventsRequest,
    SubscribeRequest,
    SubscribeResponse,
)
from sightline_bridge import limits
from sightline_bridge.calls import Method
from support.bridge import BINARY, JSON, Peer, RunningBridge
from support.load import written
from support.proxy import Proxy
from support.server import eventually, resident

MB = 1_000_000


async def flooded(bridge: RunningBridge, directory: Path, size: int) -> tuple[Session, bytes]:
    """An ended session with so much output, and what it wrote."""
    data = written(directory / f"flood{size}", size)
    session = await bridge.client.create(["cat", str(directory / f"flood{size}")])
    return await wait_for_end(bridge, session), data


async def wait_for_end(bridge: RunningBridge, session: Session) -> Session:
    return (await bridge.client.wait(session)).session


class Reader:
    """What came of one subscription, checked as it comes."""

    def __init__(self, call: int, last_seq: int = 0) -> None:
        self.call = call
        self.last_seq = last_seq
        self.bytes = 0
        self.digest = hashlib.sha256()
        self.size = 0  # of the responses
        self.largest = 0
        self.ended = False
        self.epoch = 0

    def take(self, response: SubscribeResponse) -> None:
        self.size += response.ByteSize()
        self.largest = max(self.largest, response.ByteSize())
        if response.HasField("header"):
            self.epoch = response.header.cursor.epoch
        assert not response.HasField("gap"), response
        for event in response.events:
            assert event.seq == self.last_seq + 1
            self.last_seq = event.seq
            self.bytes += len(event.output.data)
            self.digest.update(event.output.data)
        if response.HasField("end"):
            assert response.end.reason == EndReason.END_REASON_ALL_ENDED
            self.ended = True

    def is_of(self, data: bytes) -> bool:
        return (self.bytes, self.digest.digest()) == (len(data), hashlib.sha256(data).digest())


async def read(peer: Peer, *readers: Reader) -> None:
    """All of them, until the calls are over."""
    by_call = {reader.call: reader for reader in readers}
    while by_call:
        frame = await peer.hear()
        if frame.HasField("end"):
            assert frame.end.code == 0, frame.end
            assert by_call.pop(frame.call).ended
        else:
            by_call[frame.call].take(frame.subscribe)


# --- many over one socket


@pytest.mark.parametrize("protocol", [BINARY, JSON])
async def test_many_subscriptions_share_a_socket_and_each_gets_its_own(
    bridge: RunningBridge, tmp_path: Path, protocol: str
) -> None:
    made = [await flooded(bridge, tmp_path, 100_000 + 1000 * n) for n in range(20)]
    readers = [Reader(call) for call in range(1, len(made) + 1)]
    async with bridge.connect(protocol) as peer:
        for reader, (session, _) in zip(readers, made, strict=True):
            await peer.say(reader.call, subscribe=SubscribeRequest(sessions=[session.id]))
        await read(peer, *readers)
    assert all(reader.is_of(data) for reader, (_, data) in zip(readers, made, strict=True))


async def test_what_a_session_says_now_comes_now(bridge: RunningBridge) -> None:
    session = await bridge.client.create(["cat"], stdin_open=True)
    async with bridge.connect(JSON) as peer:
        await peer.say(1, subscribe=SubscribeRequest(sessions=[session.id]))
        while not (await peer.hear()).subscribe.HasField("caught_up"):
            pass
        for word in ("one", "two"):
            await bridge.client.send(session, word, submit=True)
            seen = b""
            while word.encode() not in seen:
                seen += b"".join(event.output.data for event in (await peer.hear()).subscribe.events)
    await bridge.client.terminate(session, grace=0.1)


# --- credit


async def lag(bridge: RunningBridge, session: Session) -> int:
    found = await bridge.client.get(session)
    return sum(one.lag_bytes for one in found.subscribers)


async def until_lag_rests(bridge: RunningBridge, session: Session) -> int:
    """What the server still has to send, when that does not change any more while the server answers a hundred calls."""
    last, same = -1, 0
    while same < 100:
        now = await lag(bridge, session)
        last, same = now, same + 1 if now == last else 0
    return last


async def test_credit_holds_a_subscription_back_at_the_server(bridge: RunningBridge, tmp_path: Path) -> None:
    data = written(tmp_path / "data", 20 * MB)
    session = await bridge.client.create(["sh", "-c", f"cat {tmp_path / 'data'}; exec sleep 600"])
    await eventually_logged(bridge, session, len(data))
    reader, granted = Reader(1), 100_000
    async with bridge.connect() as peer:
        await peer.say(1, credit=granted, subscribe=SubscribeRequest(sessions=[session.id]))
        while reader.size < granted:
            reader.take((await peer.hear()).subscribe)
        rests = await until_lag_rests(bridge, session)
        assert rests > 15 * MB  # a window of gRPC's and what was granted have left it, not the log
        assert (await peer.ask(2, get=GetRequest(session=session.id))).HasField("get")  # nothing of call 1 came before it
        while reader.bytes < len(data):
            assert reader.size >= granted
            granted += 3 * MB
            await peer.say(1, credit=3 * MB)
            while reader.size < granted and reader.bytes < len(data):
                assert reader.size < granted  # nothing comes that was not granted before
                reader.take((await peer.hear()).subscribe)
        assert reader.size < granted + reader.largest
    assert reader.is_of(data)
    await bridge.client.terminate(session, grace=0.1)


async def eventually_logged(bridge: RunningBridge, session: Session, size: int) -> None:
    async with asyncio.timeout(60):
        while (await bridge.client.get(session)).bytes < size:
            pass  # each look is a call


async def test_credit_that_was_overdrawn_is_paid_back_first(bridge: RunningBridge, tmp_path: Path) -> None:
    session, data = await flooded(bridge, tmp_path, 4 * MB)
    reader = Reader(1)
    async with bridge.connect() as peer:
        await peer.say(1, credit=1, subscribe=SubscribeRequest(sessions=[session.id]))
        granted = 1
        reader.take((await peer.hear()).subscribe)  # the header: more than a byte
        while not reader.ended:
            missing = reader.size - granted
            await peer.say(1, credit=missing)  # even: still none
            assert (await peer.ask(2, get=GetRequest(session=session.id))).HasField("get")
            await peer.say(1, credit=1)
            granted += missing + 1
            reader.take((await peer.hear()).subscribe)
        await peer.say(1, credit=10 * MB)
        assert (await peer.hear()).end.code == 0
    assert reader.is_of(data)


@pytest.mark.parametrize("stalled", [1, 60])
async def test_a_subscription_without_credit_holds_no_other_back(bridge: RunningBridge, tmp_path: Path, stalled: int) -> None:
    flood, data = await flooded(bridge, tmp_path, 8 * MB)
    async with bridge.connect() as peer:
        for call in range(1, stalled + 1):
            await peer.say(call, credit=1, subscribe=SubscribeRequest(sessions=[flood.id]))
        for _ in range(stalled):
            assert (await peer.hear()).subscribe.HasField("header")
        reader = Reader(stalled + 1)
        await peer.say(reader.call, subscribe=SubscribeRequest(sessions=[flood.id]))
        await read(peer, reader)
        assert reader.is_of(data)
        late = Reader(1)
        await peer.say(1, credit=100 * MB)
        late.last_seq = 0
        await read(peer, late)
        assert late.is_of(data)


# --- sockets that are not read


@asynccontextmanager
async def connected(bridge: RunningBridge, count: int) -> AsyncIterator[list[Peer]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(bridge.connect()) for _ in range(count)]


async def test_a_socket_that_is_never_read_costs_no_memory_and_loses_nothing(bridge: RunningBridge, tmp_path: Path) -> None:
    flood, data = await flooded(bridge, tmp_path, 50 * MB)
    async with bridge.connect() as live, connected(bridge, 5) as stalled:
        before = resident(os.getpid())
        for peer in stalled:
            await peer.say(1, subscribe=SubscribeRequest(sessions=[flood.id]))
        reader = Reader(1)
        await live.say(1, subscribe=SubscribeRequest(sessions=[flood.id]))
        await read(live, reader)
        assert reader.is_of(data)
        assert resident(os.getpid()) - before < 40 * MB  # of 250 that they asked for
        late = Reader(1)
        await read(stalled[0], late)
        assert late.is_of(data)


@pytest.mark.parametrize("victim", [1, 2, 3])  # one of them is the next to write
async def test_a_call_is_cancelled_alone_while_nobody_reads(bridge: RunningBridge, tmp_path: Path, victim: int) -> None:
    flood, data = await flooded(bridge, tmp_path, 12 * MB)
    async with bridge.connect() as peer:
        for call in (1, 2, 3):
            await peer.say(call, subscribe=SubscribeRequest(sessions=[flood.id]))
        await until_lag_rests(bridge, flood)  # all three wait for the socket
        await peer.say(victim, cancel=Cancel())
        readers = {call: Reader(call) for call in (1, 2, 3) if call != victim}
        ends: dict[int, str] = {}
        while len(ends) < 3:
            frame = await peer.hear()
            if frame.HasField("end"):
                ends[frame.call] = frame.end.reason
            elif frame.call in readers:
                readers[frame.call].take(frame.subscribe)
        assert ends == {1: "", 2: "", 3: "", victim: "CANCELLED"}
        assert all(reader.is_of(data) for reader in readers.values())


async def test_large_answers_that_nobody_reads_are_not_fetched_and_small_calls_go_on(bridge: RunningBridge, tmp_path: Path) -> None:
    flood, _ = await flooded(bridge, tmp_path, 12 * MB)
    assert bridge.bridge.context is not None
    calls, asked = bridge.bridge.context.calls, 0
    unary = calls.unary

    def counted(method: Method, request: bytes) -> aio.UnaryUnaryCall[bytes, bytes]:
        nonlocal asked
        asked += method.field == "list_events"
        return unary(method, request)

    calls.unary = counted  # type: ignore[method-assign]
    async with bridge.connect() as peer:
        for call in range(1, 401):
            await peer.say(call, list_events=ListEventsRequest(session=flood.id, page_size=1000))
        await peer.say(401, create=CreateRequest(name="small", command=Command(argv=["true"])))
        await eventually_there(bridge, "small")  # it was taken up behind all of them
        assert limits.MAX_LARGE <= asked < 200  # some were taken by the system's own buffers
        answered = {(await peer.hear()).call for _ in range(401)}
        assert answered == set(range(1, 402))


async def eventually_there(bridge: RunningBridge, name: str) -> None:
    async with bridge.client.subscribe("*", latest=True) as stream:
        async for item in stream:
            if isinstance(item, Header) and item.session.name == name:
                return


async def test_a_call_that_is_cancelled_in_the_same_breath_ends_and_leaves_its_number(bridge: RunningBridge) -> None:
    async with bridge.connect() as peer:
        for _ in range(3):
            # Written in one turn of the loop: the bridge reads both before the call begins.
            await asyncio.gather(peer.say(1, subscribe=SubscribeRequest(sessions=["*"])), peer.say(1, cancel=Cancel()))
            ends = [await peer.hear()]
            while not ends[-1].HasField("end"):
                ends.append(await peer.hear())
            assert (ends[-1].call, ends[-1].end.reason) == (1, "CANCELLED")


# --- resuming


async def cut_after(bridge: RunningBridge, proxy: Proxy, session: Session, frames: int, reader: Reader) -> bool:
    """Reads so many frames, and resets the connection; False: the stream was over before."""
    through = dataclasses.replace(bridge, url=f"http://{proxy.address}")
    host = "{}:{}".format(*bridge.bridge.addresses[0])
    async with through.connect(headers={**bridge.bearer, "Host": host}) as peer:
        request = SubscribeRequest(sessions=[session.id])
        if reader.last_seq:
            request.after.cursors.add(session_id=session.id, epoch=reader.epoch, seq=reader.last_seq)
        await peer.say(1, subscribe=request)
        for _ in range(frames):
            frame = await peer.hear()
            if frame.HasField("end"):
                return False
            reader.take(frame.subscribe)
        proxy.reset()
        return True


async def test_a_stream_that_is_cut_at_any_frame_goes_on_with_the_same_events_once(bridge: RunningBridge, tmp_path: Path) -> None:
    session, data = await flooded(bridge, tmp_path, 6 * MB)
    proxy = Proxy(bridge.bridge.addresses[0][1])
    try:
        frames, going = 0, True
        while going:  # at every frame of the run
            frames += 1
            reader = Reader(1)
            going = await cut_after(bridge, proxy, session, frames, reader)
            if going:
                assert not await cut_after(bridge, proxy, session, 10_000, reader)
            assert reader.ended
            assert reader.is_of(data)
        assert frames > 6
        reader = Reader(1)
        rounds = 0
        while await cut_after(bridge, proxy, session, 4, reader):  # and of one run behind every few
            # (header, caught up, end and the call's end are four)
            rounds += 1
        assert rounds > 3
        assert reader.is_of(data)
    finally:
        proxy.close()
    await eventually(lambda: bridge.bridge.sockets == 0)
