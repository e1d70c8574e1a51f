"""The HTTP calls: tickets and tokens, health, metrics. Each answer is small JSON, or text for Prometheus."""

from __future__ import annotations

import asyncio
import json
import logging

from aiohttp import web
from sightline.errors import SightlineError

from sightline_bridge import metrics
from sightline_bridge.context import Context
from sightline_bridge.errors import BadRequest, NotAdmitted, TooFast
from sightline_bridge.passes import TICKET_SECONDS

log = logging.getLogger(__name__)

HEALTH_SECONDS = 2.0  # for the server to answer
SECRET = {"Cache-Control": "no-store"}


class Api:
    """Answers the calls.

    Args:
        context: what all requests share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    def add_routes(self, app: web.Application) -> None:
        """Their paths."""
        app.router.add_post("/api/login", self._login)
        app.router.add_post("/api/ticket", self._ticket)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/metrics", self._metrics)

    async def _login(self, request: web.Request) -> web.StreamResponse:
        try:
            ticket = str(json.loads(await request.text())["ticket"])
        except (ValueError, TypeError, LookupError, RecursionError, web.RequestPayloadError):
            raise BadRequest('send {"ticket": "…"}') from None
        try:
            token = self._context.passes.exchange(ticket)
        except NotAdmitted:
            if not self._context.logins.take():
                raise TooFast from None
            raise
        return web.json_response({"token": token}, headers=SECRET)

    async def _ticket(self, request: web.Request) -> web.StreamResponse:
        self._require(request)
        return web.json_response({"ticket": self._context.passes.ticket(), "expires_in": TICKET_SECONDS}, headers=SECRET)

    async def _health(self, _request: web.Request) -> web.StreamResponse:
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                await self._context.client.wait_ready(HEALTH_SECONDS)
        except (SightlineError, TimeoutError):  # what it says names paths, and who asks has shown no token
            return web.json_response({"status": "NOT_SERVING", "message": "the server does not answer"}, status=503)
        return web.json_response({"status": "SERVING"})

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        self._require(request)
        found = self._context.counts.metrics()
        try:
            found += (await self._context.client.metrics()).metrics
        except SightlineError as error:
            log.warning("the server's metrics are missing: %s", error)
        return web.Response(text=metrics.text(found), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    def _require(self, request: web.Request) -> None:
        if not self._context.admitted(request):
            raise NotAdmitted
