"""How sockets end and do not end: a peer that is silent or slow, a server that restarts, a bridge that goes, a client that goes."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time
from pathlib import Path

import aiohttp
import pytest
from sightline.v1.session_pb2 import Command
from sightline.v1.session_service_pb2 import CreateRequest, ListRequest, SendRequest, SubscribeRequest, WaitRequest
from sightline_bridge import limits
from sightline_bridge.limits import Limits
from sightline_bridge.wire import Wire
from support.bridge import BINARY, JSON, Peer, RunningBridge, bridging
from support.proxy import Proxy
from support.server import PATIENCE, ServerProcess, command, eventually


def wire_of(bridge: RunningBridge) -> Wire:
    """The bridge's end of its only socket."""
    assert bridge.bridge.context is not None
    (wire,) = bridge.bridge.context.sockets
    return wire


async def stalled(bridge: RunningBridge, peer: Peer, directory: Path) -> None:
    """Returns when the bridge has more for the socket than it takes."""
    (directory / "flood").write_bytes(os.urandom(40_000_000))
    session = await bridge.client.create(["cat", str(directory / "flood")])
    await bridge.client.wait(session)
    await peer.say(1, subscribe=SubscribeRequest(sessions=[session.id]))
    await eventually(lambda: wire_of(bridge).waiting > 0)


# --- signs of life


async def test_a_peer_that_answers_no_ping_is_cut_and_one_that_does_stays(bridged_server: ServerProcess) -> None:
    async with bridging(bridged_server, allowed=Limits(ping_seconds=0.05)) as bridge, bridge.connect() as alive:
        pongs = asyncio.create_task(alive.ws.receive())  # reading is what answers pings
        async with bridge.connect(autoping=False) as silent:
            pings = 0
            while not silent.ws.closed:
                message = await silent.ws.receive(PATIENCE)
                pings += message.type is aiohttp.WSMsgType.PING
            assert silent.ws.close_code == 1006
            assert pings == limits.SILENT_LOOKS - 1
        await eventually(lambda: bridge.bridge.sockets == 1)
        assert not pongs.done()
        pongs.cancel()
        await asyncio.wait({pongs})
        assert (await alive.ask(1, list=ListRequest(page_size=1))).HasField("list")


async def test_a_ping_of_the_clients_is_answered(bridge: RunningBridge) -> None:
    async with bridge.connect(autoping=False) as peer:
        await peer.ws.ping(b"are you there?")
        message = await peer.ws.receive(PATIENCE)
        assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"are you there?")


async def test_a_slow_peer_lives_as_long_as_it_takes_bytes_and_no_longer(bridge: RunningBridge, tmp_path: Path) -> None:
    async with bridge.connect(autoping=False) as peer:
        await stalled(bridge, peer, tmp_path)
        wire = wire_of(bridge)
        for _ in range(4 * limits.SILENT_LOOKS):  # no pong can come: the ping would stand behind megabytes
            await wire.look()
            before = wire.taken
            while wire.taken == before:
                await peer.hear()
        assert not wire.closed
        for _ in range(limits.SILENT_LOOKS + 1):
            await wire.look()
        await eventually(lambda: bridge.bridge.sockets == 0)


async def test_pings_that_nobody_reads_the_answers_of_fill_no_memory(bridge: RunningBridge, tmp_path: Path) -> None:
    async with bridge.connect(autoping=False) as peer:
        await stalled(bridge, peer, tmp_path)
        wire = wire_of(bridge)
        async with bridge.connect() as other:
            waiting = -1
            while waiting != wire.waiting or not waiting:  # at rest: the kernel takes no more, and a response under way has joined
                waiting = wire.waiting
                assert (await other.ask(1, list=ListRequest(page_size=1))).HasField("list")
            for _ in range(10_000):
                await peer.ws.ping(b"x" * 125)
            # By the time it is answered, much of that has been read.
            assert (await other.ask(2, list=ListRequest(page_size=1))).HasField("list")
            assert wire.waiting <= waiting


# --- the server goes and comes


@pytest.mark.parametrize("protocol", [BINARY, JSON])
async def test_sockets_stay_over_a_servers_restart_and_calls_say_that_it_is_away(server: ServerProcess, protocol: str) -> None:
    async with bridging(server) as bridge, bridge.connect(protocol) as peer:
        session = await bridge.client.create(["sleep", "600"])
        await peer.say(1, subscribe=SubscribeRequest(sessions=[session.id]))
        while not (await peer.hear()).subscribe.HasField("caught_up"):
            pass
        server.kill()
        broken = await peer.hear()
        assert (broken.call, broken.end.code) == (1, 14)
        assert broken.end.message
        away = await peer.ask(2, list=ListRequest())
        assert away.end.code == 14
        assert away.end.message
        server.start()
        async with asyncio.timeout(PATIENCE):
            call = 3
            while not (answer := await peer.ask(call, list=ListRequest())).HasField("list"):
                call += 1
        assert session.id in {one.id for one in answer.list.sessions}
        await peer.say(1, subscribe=SubscribeRequest(sessions=[session.id]))
        assert (await peer.hear()).subscribe.HasField("header")
        assert bridge.bridge.sockets == 1


async def test_a_server_that_ends_in_order_says_so_to_its_streams(server: ServerProcess) -> None:
    async with bridging(server) as bridge, bridge.connect() as peer:
        await bridge.client.create(["sleep", "600"])
        await peer.say(1, subscribe=SubscribeRequest(sessions=["*"]))
        assert (await peer.hear()).subscribe.HasField("header")
        await asyncio.to_thread(server.terminate)
        signs = []
        while not (frame := await peer.hear()).HasField("end"):
            signs.append(frame.subscribe.WhichOneof("sign"))
        assert signs[-1:] == ["end"]
        assert frame.end.code == 0


# --- the bridge goes


@pytest.mark.parametrize("protocol", [BINARY, JSON])
async def test_a_bridge_that_goes_tells_its_sockets(bridged_server: ServerProcess, protocol: str) -> None:
    async with bridging(bridged_server) as bridge:
        async with bridge.connect(protocol) as one, bridge.connect(protocol) as other:
            await one.say(1, subscribe=SubscribeRequest(sessions=["*"]))
            codes = [asyncio.create_task(peer.closed()) for peer in (one, other)]
            await bridge.bridge.close()
            assert await asyncio.gather(*codes) == [1001, 1001]
            assert bridge.bridge.sockets == 0
        with pytest.raises(aiohttp.ClientConnectorError):
            async with bridge.connect():
                pass


async def test_a_bridge_that_goes_waits_for_nobody_who_does_not_read(bridged_server: ServerProcess, tmp_path: Path) -> None:
    async with bridging(bridged_server) as bridge, bridge.connect() as peer:
        await stalled(bridge, peer, tmp_path)
        async with asyncio.timeout(PATIENCE):
            await bridge.bridge.close()
        assert bridge.bridge.sockets == 0


# --- the client goes


async def test_a_peer_that_closes_without_reading_what_is_left_is_let_go(bridge: RunningBridge, tmp_path: Path) -> None:
    async with bridge.connect() as peer:
        await stalled(bridge, peer, tmp_path)
        wire = wire_of(bridge)
        await peer.ws.send_frame(b"\x03\xe8", aiohttp.WSMsgType.CLOSE)
        await eventually(lambda: bridge.bridge.sockets == 0)
        await eventually(lambda: wire.waiting == 0)


@pytest.mark.parametrize("protocol", [BINARY, JSON])
async def test_what_a_client_asked_for_is_done_though_it_has_gone(bridge: RunningBridge, protocol: str, tmp_path: Path) -> None:
    typed = await bridge.client.create(["sh", "-c", f"read line; echo $line >{tmp_path}/line"], stdin_open=True)
    name = f"gone-{protocol[-4:]}"
    async with bridge.connect(protocol) as peer:
        await peer.say(1, create=CreateRequest(name=name, command=Command(argv=["true"])))
        await peer.say(2, send=SendRequest(session=typed.id, text="said and gone", submit=True))
        # The context closes the socket at once: nobody waits for answers.
    await bridge.client.wait(typed)
    assert (tmp_path / "line").read_text() == "said and gone\n"
    await eventually(lambda: bridge.bridge.sockets == 0)
    assert (await bridge.client.get(name)).name == name


async def test_what_was_asked_before_the_way_was_cut_is_done(bridge: RunningBridge) -> None:
    proxy = Proxy(bridge.bridge.addresses[0][1])
    through = dataclasses.replace(bridge, url=f"http://{proxy.address}")
    host = "{}:{}".format(*bridge.bridge.addresses[0])
    try:
        async with through.connect(headers={**bridge.bearer, "Host": host}) as peer:
            for call in range(1, 21):
                await peer.say(call, create=CreateRequest(name=f"cut-{call}", command=command("true")))
            await peer.say(21, list=ListRequest(page_size=1))
            while (await peer.hear()).call != 21:  # by then all were read
                pass
            proxy.reset()
    finally:
        proxy.close()
    await eventually(lambda: bridge.bridge.sockets == 0)
    assert {f"cut-{call}" for call in range(1, 21)} <= {one.name async for one in bridge.client.list()}


async def test_a_client_that_goes_takes_along_what_lasts(bridge: RunningBridge) -> None:
    session = await bridge.client.create(["sleep", "600"])
    began = time.monotonic()
    async with bridge.connect() as peer:
        for call in range(1, 50):
            await peer.say(call, wait=WaitRequest(session=session.id))
        await peer.say(50, subscribe=SubscribeRequest(sessions=[session.id]))
        assert (await peer.hear()).HasField("subscribe")
    await eventually(lambda: bridge.bridge.sockets == 0)
    assert time.monotonic() - began < limits.AFTERWARDS_SECONDS
    async with asyncio.timeout(PATIENCE):
        while (await bridge.client.get(session)).subscribers:
            pass
