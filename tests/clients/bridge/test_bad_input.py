"""What a client can get wrong on a socket: it is told, with a reason, and the socket goes on; or the right close code comes."""

from __future__ import annotations

import json

import aiohttp
import pytest
from sightline.v1.bridge_pb2 import Cancel, ClientFrame
from sightline.v1.session_service_pb2 import (
    GetRequest,
    ListRequest,
    SendRequest,
    SnapshotRequest,
    SubscribeRequest,
    WaitRequest,
)
from sightline_bridge import limits
from support.bridge import BINARY, JSON, Peer, RunningBridge

BOTH = pytest.mark.parametrize("protocol", [BINARY, JSON])


async def still_answers(peer: Peer, call: int = 4_000_000_000) -> None:
    """The socket goes on."""
    assert (await peer.ask(call, list=ListRequest(page_size=1))).HasField("list")


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "hello", "[]", "{}", "null", "5", "[" * 50_000),
        *('{"call": "x"}', '{"call": -1, "list": {}}', '{"list": 5}', '{"say": {}}', '{"get": {"session": "\\ud800"}}'),
        *('{"call": 1, "get": {"session": {}}}', '{"call": 1, "subscribe": {"kinds": ["none"]}}'),
    ],
)
async def test_text_that_is_no_frame_is_answered_with_a_reason(bridge: RunningBridge, text: str) -> None:
    async with bridge.connect(JSON) as peer:
        await peer.ws.send_str(text)
        end = (await peer.hear()).end
        assert (end.code, end.reason) == (3, "BAD_FRAME")
        assert end.message
        await still_answers(peer)


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x08", b"GET / HTTP/1.1", b"\x52\x7f", b"\0" * 1000])
async def test_bytes_that_are_no_frame_are_answered_with_a_reason(bridge: RunningBridge, data: bytes) -> None:
    async with bridge.connect(BINARY) as peer:
        await peer.ws.send_bytes(data)
        assert (await peer.hear()).end.reason == "BAD_FRAME"
        await still_answers(peer)


async def test_binary_on_the_text_protocol_and_text_on_the_binary_one_are_answered_with_a_reason(bridge: RunningBridge) -> None:
    async with bridge.connect(JSON) as peer:
        await peer.ws.send_bytes(ClientFrame(call=1, list=ListRequest()).SerializeToString())
        assert "is text" in (await peer.hear()).end.message
        await still_answers(peer)
    async with bridge.connect(BINARY) as peer:
        await peer.ws.send_str('{"call": 1, "list": {}}')
        assert "is binary" in (await peer.hear()).end.message
        await still_answers(peer)


@pytest.mark.parametrize("asked", ["sightline.v2.protobuf", "graphql-ws", "SIGHTLINE.V1.JSON", ",", "sightline.v1.jso"])
async def test_a_subprotocol_that_is_not_spoken_is_refused_before_the_socket_is_accepted(bridge: RunningBridge, asked: str) -> None:
    headers = {
        **bridge.bearer,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": asked,
    }
    async with bridge.http.get(bridge.url + "/ws", headers=headers) as response:
        assert response.status == 400
        told = await response.json()
    assert told["reason"] == "UNKNOWN_SUBPROTOCOL"
    assert "sightline.v1.json" in told["message"]


async def test_of_several_subprotocols_one_that_is_spoken_is_taken(bridge: RunningBridge) -> None:
    asked = ("graphql-ws", JSON)
    async with bridge.http.ws_connect(bridge.url + "/ws", headers=bridge.bearer, protocols=asked) as ws:
        assert ws.protocol == JSON
        assert "welcome" in json.loads((await ws.receive()).data)


async def test_a_request_for_no_socket_is_told_how_to_ask(bridge: RunningBridge) -> None:
    for headers in ({}, {"Sec-WebSocket-Protocol": JSON}, {"Upgrade": "websocket", "Sec-WebSocket-Protocol": JSON}):
        async with bridge.http.get(bridge.url + "/ws", headers={**bridge.bearer, **headers}) as response:
            assert response.status == 400
            assert (await response.json())["reason"] in {"UNKNOWN_SUBPROTOCOL", "BAD_REQUEST"}


@BOTH
async def test_a_frame_of_10_mb_closes_its_socket_with_1009_and_no_other(bridge: RunningBridge, protocol: str) -> None:
    async with bridge.connect(protocol) as other, bridge.connect(protocol) as peer:
        try:
            if protocol == JSON:
                await peer.ws.send_str(" " * 10_000_000)
            else:
                await peer.ws.send_bytes(bytes(10_000_000))
        except ConnectionError:
            pass  # it was closed before all was sent
        assert await peer.closed() == 1009
        await still_answers(other)


async def test_a_frame_as_large_as_the_limit_is_taken(bridge: RunningBridge) -> None:
    async with bridge.connect(JSON) as peer:
        await peer.ws.send_str('{"call": 1, "list": {}}'.ljust(limits.MAX_FRAME))
        assert (await peer.hear()).HasField("list")


async def test_frames_that_websockets_do_not_know_close_with_the_right_code(bridge: RunningBridge) -> None:
    async with bridge.connect(JSON) as peer:
        await peer.ws.send_frame(b"\xff\xfe", aiohttp.WSMsgType.TEXT)
        assert await peer.closed() == 1007
    async with bridge.connect(JSON) as peer:
        await peer.ws.send_frame(b"x", aiohttp.WSMsgType.CONTINUATION)
        assert await peer.closed() == 1002


@BOTH
async def test_a_subscription_to_nothing_ends_with_the_services_reason(bridge: RunningBridge, protocol: str) -> None:
    async with bridge.connect(protocol) as peer:
        for call, sessions, reason in (
            (1, ["nobody"], "SESSION_NOT_FOUND"),
            (2, [], "BAD_FIELD"),
            (3, ["no name"], "SESSION_NOT_FOUND"),
        ):
            end = (await peer.ask(call, subscribe=SubscribeRequest(sessions=sessions))).end
            assert end.message
            assert (end.code, end.reason) == (5 if reason == "SESSION_NOT_FOUND" else 3, reason)
        await still_answers(peer)


@BOTH
async def test_a_send_to_an_ended_session_ends_with_the_services_reason(bridge: RunningBridge, protocol: str) -> None:
    session = await bridge.client.create(["true"])
    await bridge.client.wait(session)
    async with bridge.connect(protocol) as peer:
        end = (await peer.ask(1, send=SendRequest(session=session.id, text="x"))).end
        assert (end.code, end.reason) == (9, "SESSION_ENDED")
        assert end.metadata["session"]
        await still_answers(peer)


async def test_a_call_needs_a_number_of_its_own(bridge: RunningBridge) -> None:
    session = await bridge.client.create(["sleep", "600"])
    async with bridge.connect() as peer:
        assert "number" in (await peer.ask(0, list=ListRequest())).end.message
        await peer.say(5, wait=WaitRequest(session=session.id))
        await peer.say(5, list=ListRequest())
        told = await peer.hear()
        assert (told.call, told.end.reason) == (0, "BAD_FRAME")
        await peer.say(5, cancel=Cancel())
        ended = await peer.hear()
        assert (ended.call, ended.end.code, ended.end.reason) == (5, 1, "CANCELLED")
        await still_answers(peer, 5)
    await bridge.client.terminate(session, grace=0.1)


async def test_what_is_said_of_a_call_that_is_over_is_no_fault(bridge: RunningBridge) -> None:
    async with bridge.connect() as peer:
        await peer.say(9, cancel=Cancel())
        await peer.say(9, credit=5)
        await still_answers(peer)


async def test_a_call_that_this_bridge_does_not_know_is_answered(bridge: RunningBridge) -> None:
    unknown = ClientFrame(call=7)
    async with bridge.connect() as peer:
        await peer.ws.send_bytes(unknown.SerializeToString() + b"\xfa\x3f\x00")  # field 1023
        told = await peer.hear()
        assert (told.call, told.end.reason) == (7, "BAD_FRAME")


async def test_more_calls_than_may_be_under_way_are_refused_until_one_is_over(bridge: RunningBridge) -> None:
    session = await bridge.client.create(["sleep", "600"])
    async with bridge.connect() as peer:
        for call in range(1, limits.MAX_CALLS + 1):
            await peer.say(call, wait=WaitRequest(session=session.id))
        refused = await peer.ask(4_000_000, list=ListRequest())
        assert (refused.end.code, refused.end.reason) == (8, "TOO_MANY_CALLS")
        await peer.say(1, cancel=Cancel())
        assert (await peer.hear()).end.reason == "CANCELLED"
        await still_answers(peer)
    await bridge.client.terminate(session, grace=0.1)


async def test_an_answer_of_each_kind_of_failure_carries_what_the_service_said(bridge: RunningBridge) -> None:
    async with bridge.connect(JSON) as peer:
        end = (await peer.ask(1, get=GetRequest(session="nobody"))).end
        assert (end.code, end.reason, dict(end.metadata)) == (5, "SESSION_NOT_FOUND", {"session": "nobody"})
        session = await bridge.client.create(["true"])
        end = (await peer.ask(2, snapshot=SnapshotRequest(session=session.id))).end
        assert end.code
        assert end.reason
