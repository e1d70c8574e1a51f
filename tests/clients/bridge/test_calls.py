"""Calls of the service over the bridge's sockets, against a real server."""

from __future__ import annotations

import pytest
from sightline.v1.session_service_pb2 import GetRequest, ListRequest
from support.bridge import BINARY, JSON, RunningBridge


@pytest.mark.parametrize("protocol", [BINARY, JSON])
async def test_a_call_is_answered_on_either_protocol(bridge: RunningBridge, protocol: str) -> None:
    session = await bridge.client.create(["true"])
    async with bridge.connect(protocol) as peer:
        answer = await peer.ask(1, get=GetRequest(session=session.id))
        assert answer.get.session.id == session.id
        listed = await peer.ask(2, list=ListRequest(page_size=1000))
        assert session.id in {one.id for one in listed.list.sessions}
