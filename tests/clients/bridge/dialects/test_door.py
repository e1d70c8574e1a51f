"""Who comes in to the dialects: with a token anybody, without one only where the door is open, and no page that was not named."""

from __future__ import annotations

import aiohttp
import pytest
from support.bridge import RunningBridge, bridging
from support.old_client import old_client
from support.server import ServerProcess

PATHS = ("/ws", "/ws/events", "/ws/stream", "/api/environments/create/stream", "/api/sessions/nobody/stream")
NAMED = "https://example.org"


async def refusal(bridge: RunningBridge, path: str, **headers: str) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with old_client(bridge, path, **headers):
            pass
    return refused.value.status


@pytest.mark.parametrize("path", PATHS)
async def test_an_open_door_is_closed_to_pages_that_were_not_named(bridged_server: ServerProcess, path: str) -> None:
    async with bridging(bridged_server, open_dialects=True, origins=(NAMED,)) as bridge:
        assert await refusal(bridge, path, Origin="https://evil.example") == 403
        assert await refusal(bridge, path, Origin="null") == 403
        assert await refusal(bridge, path, Origin=bridge.url) == 403  # the dashboard speaks no dialect
        async with old_client(bridge, path, Origin=NAMED), old_client(bridge, path):
            pass


@pytest.mark.parametrize("path", PATHS)
async def test_an_open_door_is_closed_to_other_names_of_this_machine(dialects: RunningBridge, path: str) -> None:
    assert await refusal(dialects, path, Host="evil.example") == 403


@pytest.mark.parametrize("path", PATHS)
async def test_a_wrong_token_is_refused_though_none_is_needed(dialects: RunningBridge, path: str) -> None:
    assert await refusal(dialects, path, Authorization="Bearer wrong") == 401


@pytest.mark.parametrize("path", PATHS)
async def test_a_token_in_the_url_is_none(bridge: RunningBridge, path: str) -> None:
    async with old_client(bridge, f"{path}?token={bridge.token}") as client:
        await client.say(type="ping")
        assert await client.closed() == 4401
        assert client.heard == []


async def test_a_first_message_that_holds_no_token_is_no_login(bridge: RunningBridge) -> None:
    for said in (
        "[" * 100_000,
        '{"type": "login"}',
        '{"type": "login", "token": 7}',
        '{"type": "login", "token": "\\ud800"}',
        "\0",
    ):
        async with old_client(bridge, "/ws/stream") as client:
            await client.ws.send_str(said)
            assert await client.closed() == 4401
