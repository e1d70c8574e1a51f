"""How clients of the dialects come in: by the token in a header or in their first message, or without one with `--open-dialects`.

Without a token a page of another site must not come in either: browsers send an `Origin`, and then it has to be one that was named.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable

from aiohttp import WSCloseCode, web
from sightline.errors import SightlineError

from sightline_bridge.context import Context
from sightline_bridge.errors import BadOrigin

log = logging.getLogger(__name__)

MAX_CLOSE_REASON = 123  # bytes, by RFC 6455


def may_enter(context: Context, request: web.Request) -> bool:
    """Whether what a request shows is enough to come in; False: its first message has to show a token.

    Raises:
        BadOrigin: no token is asked for, and a page that was not named asks.
        NotAdmitted: it shows a token that is none.
        TooFast: so did too many just now.
    """
    if context.admitted(request):
        return True
    origin = request.headers.get("Origin")
    if context.settings.open_dialects and origin is not None and origin not in context.settings.origins:
        raise BadOrigin(origin)
    return context.settings.open_dialects


async def received(
    context: Context, request: web.Request, talk: Callable[[web.WebSocketResponse], Awaitable[None]]
) -> web.StreamResponse:
    """Lets a client in, and talks to it until it goes, or there is nothing more to say. It is told when the server is not there.

    The first message of a client that shows its token so is `{"type": "login", "token": "…"}`; it gets no answer.

    Raises:
        Refused: as `may_enter` and `Context.socket`.
    """
    enters = may_enter(context, request)
    async with context.socket(request) as ws:
        if enters or await context.logs_in(ws, token_in):
            try:
                await talk(ws)
            except SightlineError as error:
                log.warning("a client of %s: %s", request.path, error)
                await closed(ws, WSCloseCode.TRY_AGAIN_LATER, error.message)
            except ConnectionError:
                pass  # it went in the middle of a message
    return ws


async def closed(ws: web.WebSocketResponse, code: int, why: str) -> None:
    """Closes a socket, and says why, as far as there is room for it."""
    words = why.encode(errors="replace")[:MAX_CLOSE_REASON]
    await ws.close(code=code, message=words.decode(errors="ignore").encode())


def token_in(data: bytes | str) -> str:
    """The token in a dialect's first message; empty: it has none."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    token = said.get("token") if isinstance(said, dict) and said.get("type") == "login" else None
    return token if isinstance(token, str) else ""
