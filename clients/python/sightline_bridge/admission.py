"""How a request or a socket shows its token. Knows HTTP and sockets, and asks `passes` what is true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import WSMsgType, web

from sightline_bridge import limits
from sightline_bridge.passes import Passes

NOT_LOGGED_IN = 4401  # close code: as HTTP's 401
BEARER = "Bearer "


def shown(request: web.Request) -> str:
    """The token in a request's header; empty: it has none."""
    header = request.headers.get("Authorization", "")
    return header.removeprefix(BEARER) if header.startswith(BEARER) else ""


async def first_message(
    ws: web.WebSocketResponse, passes: Passes, token_in: Callable[[bytes | str], str], seconds: float = limits.LOGIN_SECONDS
) -> bool:
    """Waits for a socket's first message, which shows its token; closes it, saying why, where that does not come.

    Args:
        ws: the socket, accepted.
        passes: who is let in.
        token_in: finds the token in a message; empty: it has none.
        seconds: for it to come.
    """
    try:
        message = await asyncio.wait_for(ws.receive(), seconds)
    except TimeoutError:
        await ws.close(code=NOT_LOGGED_IN, message=b"not logged in: no first message came")
        return False
    if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
        return False  # the client went
    if passes.accepts(token_in(message.data)):
        return True
    await ws.close(code=NOT_LOGGED_IN, message=b"not logged in: the first message must hold a valid token")
    return False
