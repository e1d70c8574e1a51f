"""A subscription over real gRPC and a real socket: whatever breaks, each event comes once."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import grpc
import pytest
import sightline
from hypothesis import given, settings
from hypothesis import strategies as st
from sightline import errors
from sightline.progress import Item
from sightline.v1.event_pb2 import Event
from sightline.v1.session_pb2 import Snapshot
from sightline.v1.session_service_pb2 import (
    CaughtUp,
    End,
    EndReason,
    Header,
    SubscribeRequest,
    SubscribeResponse,
)
from support.growing import Plan, World
from support.partial_server import Context, listening

Fault = Literal["unavailable", "cancelled", "no end", "draining", "restart"]
FAULTS: list[Fault] = ["unavailable", "cancelled", "no end", "draining", "restart"]


@dataclass
class Cut:
    """A stream breaks in this way after so many messages."""

    after: int
    fault: Fault


class Servicer:
    """Serves streams of a world that break as planned, one plan a stream, then work."""

    def __init__(self, world: World, cuts: list[Cut] | None = None) -> None:
        self.world = world
        self.cuts = list(cuts or [])
        self.restart = asyncio.Event()
        self.held = asyncio.Event()  # a stream with `hold` has sent so much and waits
        self.go_on = asyncio.Event()
        self.hold: int | None = None
        self.gone = asyncio.Event()  # a client has let go of a stream

    async def subscribe(self, request: SubscribeRequest, context: Context) -> None:
        cut = self.cuts.pop(0) if self.cuts else None
        try:
            async with contextlib.aclosing(self.world.stream(request)) as responses:  # type: ignore[type-var]
                number = 0
                async for response in responses:
                    if cut is not None and number == cut.after:
                        await self._break(cut.fault, context)
                        return
                    if number == self.hold:
                        self.hold = None
                        self.held.set()
                        await self.go_on.wait()
                    await context.write(response)
                    number += 1
            if cut is not None:
                await self._break(cut.fault, context)
        except asyncio.CancelledError:
            self.gone.set()
            raise

    async def _break(self, fault: Fault, context: Context) -> None:
        match fault:
            case "unavailable":
                await context.abort(grpc.StatusCode.UNAVAILABLE, "broken")
            case "cancelled":
                await context.abort(grpc.StatusCode.CANCELLED, "given up")
            case "draining":
                await context.write(SubscribeResponse(end=End(reason=EndReason.END_REASON_DRAINING)))
            case "restart":
                self.restart.set()
                await asyncio.Event().wait()  # the server goes down with the stream open


@contextlib.asynccontextmanager
async def serving(servicer: Servicer) -> AsyncIterator[sightline.Client]:
    """A client of a real server on a Unix socket, which goes down and comes back when the servicer says so."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "socket"

        async def serve() -> None:
            while True:
                async with listening(f"unix:{path}", Subscribe=servicer.subscribe):
                    started.set()
                    await servicer.restart.wait()
                    servicer.restart.clear()

        await servicer.world.begin()
        started = asyncio.Event()
        running = asyncio.create_task(serve())
        try:
            await started.wait()
            async with sightline.connect(f"unix:{path}") as client:
                client.reached = True  # as if a call had been answered before: a first failure is an outage then
                yield client
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


async def to_the_end(stream: sightline.Subscription) -> list[Item]:
    return [item async for item in stream]


PLANS = [Plan("0", 9, head=4), Plan("1", 6, head=6)]


def a_world(batch: int = 1, *, grows: bool = True) -> World:
    return World(list(PLANS), batch, grows=grows)


def seqs(items: list[Item], session_id: str) -> list[int]:
    return [item.seq for item in items if isinstance(item, Event) and item.session_id == session_id]


@settings(max_examples=25)
@given(
    st.lists(st.builds(Cut, st.integers(0, 9), st.sampled_from(FAULTS)), max_size=3),
    st.integers(1, 4),
    st.booleans(),
)
def test_each_event_comes_once_whatever_breaks(cuts: list[Cut], batch: int, everything: bool) -> None:
    async def scenario() -> None:
        servicer = Servicer(World(list(PLANS), batch, [1, 2]), cuts)
        items: list[Item] = []
        async with serving(servicer) as client, client.subscribe(*(["*"] if everything else ["0", "1"])) as stream:
            async for item in stream:
                items.append(item)
                if all(len(seqs(items, plan.session_id)) == plan.length for plan in PLANS) and everything:
                    break
        for plan in PLANS:
            assert seqs(items, plan.session_id) == list(range(1, plan.length + 1))
        headers = [item.session.id for item in items if isinstance(item, Header)]
        assert sorted(headers) == ["id-0", "id-1"]
        caught_up = [item.cursor.session_id for item in items if isinstance(item, CaughtUp)]
        assert len(caught_up) == len(set(caught_up))
        if not everything:
            assert stream.end is not None
            assert stream.end.reason == EndReason.END_REASON_ALL_ENDED

    asyncio.run(scenario())


@pytest.mark.parametrize("fault", FAULTS)
async def test_an_outage_is_told_once_and_so_is_its_end(fault: Fault) -> None:
    cuts = [Cut(3, fault), Cut(0, fault), Cut(0, "unavailable")]
    told: list[object] = []
    async with serving(Servicer(a_world(1), cuts)) as client:
        stream = client.subscribe("0", "1", on_disconnect=told.append, on_reconnect=lambda: told.append("back"))
        async for _ in stream:
            pass
    assert [type(word) for word in told] == [errors.Unavailable, str]


@pytest.mark.parametrize("fault", ["unavailable", "cancelled", "no end"])
async def test_without_resume_a_break_is_an_error(fault: Fault) -> None:
    async with serving(Servicer(a_world(grows=False), [Cut(3, fault)])) as client:
        stream = client.subscribe("0", resume=False)
        items: list[Item] = []

        async def read() -> None:
            async for item in stream:
                items.append(item)  # noqa: PERF401 - what came before the error counts

        with pytest.raises(errors.Unavailable):
            await read()
        assert seqs(items, "id-0") == [1, 2]
        assert [item async for item in stream] == []


async def test_a_server_that_goes_down_is_an_end_to_who_does_not_resume() -> None:
    async with serving(Servicer(a_world(grows=False), [Cut(3, "draining")])) as client:
        stream = client.subscribe("0", resume=False)
        async for _ in stream:
            pass
        assert stream.end is not None
        assert stream.end.reason == EndReason.END_REASON_DRAINING


async def test_a_cancelled_read_loses_nothing() -> None:
    servicer = Servicer(a_world(1))
    servicer.hold = 4
    items: list[Item] = []
    outages: list[object] = []

    async def read() -> None:
        async for item in stream:
            items.append(item)  # noqa: PERF401 - it is cancelled in the middle

    async with serving(servicer) as client:
        stream = client.subscribe("0", on_disconnect=outages.append)
        reading = asyncio.create_task(read())
        await servicer.held.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await servicer.gone.wait()
        await read()
    assert seqs(items, "id-0") == list(range(1, 10))
    assert outages == []


async def test_closing_lets_go_of_the_server_and_stops_whoever_reads() -> None:
    servicer = Servicer(a_world(grows=False))
    servicer.hold = 4
    outages: list[object] = []
    async with serving(servicer) as client:
        stream = client.subscribe("0", on_disconnect=outages.append)
        reading = asyncio.create_task(to_the_end(stream))
        await servicer.held.wait()
        await stream.aclose()
        assert seqs(await reading, "id-0") in ([1, 2, 3], [1, 2], [1], [])  # what was on its way may come or not
        await servicer.gone.wait()
    assert outages == []


async def test_closing_the_client_stops_its_subscriptions_for_good() -> None:
    servicer = Servicer(a_world(grows=False))
    servicer.hold = 4
    async with serving(servicer) as client:
        stream = client.subscribe("0")
        reading = asyncio.create_task(to_the_end(stream))
        await servicer.held.wait()
        await client.close()
        await reading
        await servicer.gone.wait()
        with pytest.raises(errors.Unavailable, match="closed"):
            await anext(client.subscribe("0"))


async def test_a_subscription_that_is_dropped_lets_go_of_the_server() -> None:
    servicer = Servicer(a_world(grows=False))
    servicer.hold = 4
    async with serving(servicer) as client:
        async for _ in client.subscribe("0"):
            break
        await servicer.gone.wait()


async def test_cursors_are_at_the_last_item_taken_and_go_on_in_another_subscription() -> None:
    async with serving(Servicer(a_world(4))) as client:
        first: list[Item] = []
        async with client.subscribe("0", "1") as stream:
            async for item in stream:
                first.append(item)
                if seqs(first, "id-0") == [1, 2]:  # in the middle of a response
                    break
        second = [item async for item in client.subscribe("0", "1", after=stream.cursors)]
    for plan in PLANS:
        assert seqs(first + second, plan.session_id) == list(range(1, plan.length + 1))


async def test_batches_are_the_servers_responses_and_resume_too() -> None:
    async with serving(Servicer(a_world(3), [Cut(3, "restart"), Cut(2, "no end")])) as client:
        got = [list(response.events) async for response in client.subscribe("0", "1").batches()]
    assert seqs([event for events in got for event in events], "id-0") == list(range(1, 10))
    assert max(map(len, got)) == 3


async def test_a_screen_lost_in_a_break_comes_after_it() -> None:
    servicer = Servicer(World([Plan("0", 9, head=4, has_terminal=True)], 1), [Cut(1, "unavailable")])  # after the header
    async with serving(servicer) as client:
        items = [item async for item in client.subscribe("0", snapshot=True)]
    [screen] = [item.as_of_seq for item in items if isinstance(item, Snapshot)]
    assert screen >= 4
    assert seqs(items, "id-0") == list(range(screen + 1, 10))


async def test_no_server_at_all_is_an_error_at_once(tmp_path: Path) -> None:
    async with sightline.connect(f"unix:{tmp_path}/none") as client:
        with pytest.raises(errors.ServerNotFound, match="sightline serve"):
            await anext(client.subscribe("name"))
