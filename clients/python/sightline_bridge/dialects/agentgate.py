"""AgentGate's events: `/ws` without a subprotocol, and `/ws/events`."""

from __future__ import annotations

from aiohttp import web

from sightline_bridge.context import Context
from sightline_bridge.dialects.door import received


async def serve(context: Context, request: web.Request) -> web.StreamResponse:
    """Answers one client until it goes."""

    async def talk(ws: web.WebSocketResponse) -> None:
        async for _ in ws:
            pass

    return await received(context, request, talk)


def add_routes(app: web.Application, context: Context) -> None:
    """Its paths; `/ws` itself is shared."""

    async def events(request: web.Request) -> web.StreamResponse:
        return await serve(context, request)

    app.router.add_get("/ws/events", events)
