"""The composition root: routes, the doors before each of them, start and end. Nothing imports it but the command line and tests."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from pathlib import Path

from aiohttp import web
from sightline.client import Client

from sightline_bridge import dialects, limits, pages, unread
from sightline_bridge.api import Api
from sightline_bridge.calls import Calls
from sightline_bridge.context import Context
from sightline_bridge.doors import Doors
from sightline_bridge.errors import BadFrame, Refused, UnknownProtocol
from sightline_bridge.frames import FORMS, Form
from sightline_bridge.limits import Bucket, Limits
from sightline_bridge.passes import Passes
from sightline_bridge.settings import Settings
from sightline_bridge.socket import Socket

log = logging.getLogger(__name__)

CONTEXT = web.AppKey("context", Context)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Bridge:
    """The bridge of one server. Building it starts nothing.

    Args:
        settings: what it is told.
        clock: seconds, growing.
        wall: seconds since 1970.
        allowed: of sockets.
        dashboard: the built pages.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        allowed: Limits | None = None,
        dashboard: Path = pages.ROOT,
    ) -> None:
        self._settings = settings
        self._passes = Passes(settings.token, clock, wall)
        self._clock = clock
        self._limits = allowed or Limits()
        self._dashboard = dashboard
        self._runner: web.AppRunner | None = None
        self.context: Context | None = None  # once it listens
        self.addresses: list[tuple[str, int]] = []

    async def start(self) -> None:
        """Listens. `addresses` then says where; after an error, which of them could be had before the one that could not.

        Raises:
            OSError: an address is taken, or is none of this machine's.
        """
        client = Client(self._settings.target, options=limits.CHANNEL_OPTIONS)
        connects = Bucket(limits.CONNECTS_PER_SECOND, self._limits.connects_at_once, self._clock)
        logins = Bucket(limits.LOGINS_PER_SECOND, 4 * limits.LOGINS_PER_SECOND, self._clock)
        self.context = context = Context(self._settings, self._passes, client, Calls(client), connects, logins, self._limits)
        app = web.Application(middlewares=[self._answer], client_max_size=limits.MAX_BODY)
        app[CONTEXT] = context
        _add_routes(app, context)
        pages.add_routes(app, self._dashboard)
        app.cleanup_ctx.append(_looking)
        app.on_shutdown.append(lambda _app: context.close_sockets())
        self._runner = runner = web.AppRunner(
            app, access_log=None, logger=unread.log, handle_signals=False, shutdown_timeout=limits.SHUTDOWN_SECONDS
        )
        bound: list[socket.socket] = []
        try:
            # Bound before anything is served, so that the doors know their names when the first request comes.
            for host, port in self._settings.addresses:
                bound.append(_bind(host, port))
                self.addresses.append((host, bound[-1].getsockname()[1]))
            self._doors = Doors(self.addresses, self._settings.origins)
            await runner.setup()
            for sock in bound:
                await web.SockSite(runner, sock, backlog=limits.BACKLOG).start()
        except OSError:
            for sock in bound:
                sock.close()
            await self.close()
            raise

    @property
    def sockets(self) -> int:
        """How many are open."""
        return self.context.counts.sockets if self.context is not None else 0

    def ticket_url(self) -> str:
        """An address of the dashboard that logs in once, for 60 s."""
        host, port = self.addresses[0]
        return f"http://{host}:{port}/#ticket={self._passes.ticket()}"

    async def close(self) -> None:
        """Listens no more, tells every socket, gives calls under way a second, and lets go of the server."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self.context is not None:
            await self.context.client.close()

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The doors before every handler; what is refused said in one form; headers on every answer."""
        assert self.context is not None  # noqa: S101 - it listens
        origin = _header(request, "Origin")
        named = origin if origin is not None and self._doors.is_named(origin) else None
        try:
            self._doors.check(_header(request, "Host"), origin)
            response = web.Response(status=204) if request.method == "OPTIONS" and named else await handler(request)
        except Refused as error:
            self.context.counts.refused += 1
            response = _told(error.status, error.reason, str(error))
        except web.HTTPException as error:
            response = _told(
                error.status, error.reason.upper().replace(" ", "_"), f"{request.method} {request.path}: {error.reason}"
            )
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        except ConnectionError:
            raise  # nobody is there to be answered
        except Exception:
            log.exception("%s %r", request.method, request.path)
            response = _told(500, "BRIDGE_FAILED", "the bridge failed: its log says why")
        if not response.prepared:
            response.headers.update(pages.HEADERS)
            if named:
                response.headers.update(_cors(named))
        return response


def _header(request: web.Request, name: str) -> str | None:
    """A header; one that stands there twice is neither of the two."""
    found = request.headers.getall(name, [])
    return ", ".join(found) if found else None


def _told(status: int, reason: str, message: str) -> web.StreamResponse:
    return web.json_response({"reason": reason, "message": message}, status=status, headers={"Cache-Control": "no-store"})


def _bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError."""
    family, _, _, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
    return socket.create_server((address[0], port), family=family, backlog=limits.BACKLOG)


def _cors(origin: str) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Headers": "authorization, content-type",
        "Access-Control-Allow-Methods": "GET, POST",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Vary": "Origin",
    }


async def _looking(app: web.Application) -> AsyncIterator[None]:
    """While the bridge runs, its sockets are looked after."""
    task = asyncio.create_task(app[CONTEXT].look_after_sockets())
    yield
    task.cancel()
    await asyncio.wait({task})


def _add_routes(app: web.Application, context: Context) -> None:
    async def frames(request: web.Request) -> web.StreamResponse:
        asked = _header(request, "Sec-WebSocket-Protocol") or ""
        if not asked and "Upgrade" in request.headers:
            return await dialects.agentgate.serve(context, request)  # who asks for none speaks an older one
        form = next((FORMS[word] for word in (one.strip() for one in asked.split(",")) if word in FORMS), None)
        if form is None:
            raise UnknownProtocol(asked, tuple(FORMS))
        known = context.admitted(request)
        async with context.socket(request, (form.protocol,)) as ws:
            if known or await context.logs_in(ws, _token_in(form)):
                await Socket(ws, form, context.calls, version("sightline"), context.counts).serve()
        return ws

    app.router.add_get("/ws", frames)
    Api(context).add_routes(app)
    dialects.add_routes(app, context)


def _token_in(form: Form) -> Callable[[bytes | str], str]:
    def token_in(data: bytes | str) -> str:
        try:
            return form.read(data).login.token
        except BadFrame:
            return ""

    return token_in
