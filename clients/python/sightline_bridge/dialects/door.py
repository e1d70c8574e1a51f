"""How clients of the dialects come in: by the token in a header or in their first message, or without one with `--open-dialects`.

Without a token a page of another site must not come in either: browsers send an `Origin`, and then it has to be one that was named.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from sightline_bridge.admission import first_message
from sightline_bridge.context import Context
from sightline_bridge.errors import BadOrigin


@asynccontextmanager
async def entered(context: Context, request: web.Request) -> AsyncIterator[web.WebSocketResponse | None]:
    """A socket whose client was let in; None: it was not, and is told.

    The first message of a client that shows its token so is `{"type": "login", "token": "…"}`; it gets no answer.

    Raises:
        BadOrigin: no token is asked for, and a page that was not named asks.
        Refused: as `Context.socket`.
    """
    known = context.admitted(request)
    origin = request.headers.get("Origin")
    is_open = context.settings.open_dialects
    if not known and is_open and origin is not None and origin not in context.settings.origins:
        raise BadOrigin(origin)
    async with context.socket(request) as ws:
        yield ws if known or is_open or await first_message(ws, context.passes, token_in) else None


def token_in(data: bytes | str) -> str:
    """The token in a dialect's first message; empty: it has none."""
    try:
        said = json.loads(data)
    except ValueError:
        return ""
    token = said.get("token") if isinstance(said, dict) and said.get("type") == "login" else None
    return token if isinstance(token, str) else ""
