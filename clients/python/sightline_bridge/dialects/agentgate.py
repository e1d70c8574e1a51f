"""AgentGate's events: `/ws` without a subprotocol, and `/ws/events`.

A client says `subscribe {workOrderId}`, `unsubscribe` and `ping`. It hears of every session that is created, and all of those
that it follows: one stream for each client, so that the server keeps the client's rate, its batches, and order. A history that is
asked for (`replay`, also in the URL, `replayCount`, `replaySince`) comes at once, behind `subscription_confirmed`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web
from google.protobuf.timestamp_pb2 import Timestamp
from sightline import requests
from sightline.client import Client
from sightline.errors import SightlineError
from sightline.progress import Item
from sightline.subscription import Subscription
from sightline.v1.event_pb2 import Event, SessionState
from sightline.v1.session_pb2 import Cursor, Session
from sightline.v1.session_service_pb2 import Gap, Header

from sightline_bridge import limits
from sightline_bridge.context import Context
from sightline_bridge.dialects import told
from sightline_bridge.dialects.agentgate_events import ALWAYS, KINDS, WorkOrder, created, status_of
from sightline_bridge.dialects.door import may_enter, received
from sightline_bridge.dialects.talk import BadMessage, Message, Talk, crew, switch, unknown, word
from sightline_bridge.dialects.text import iso, lost

PATH = "/ws/events"
MAX_RATE = 100_000  # events a second
MAX_BATCH = 60_000  # milliseconds
MAX_BUFFER = 1_000_000  # events
Skips = Callable[[Event], bool]  # of a history: what the client does not want
KNOWN = "subscribe, unsubscribe, ping"
CODES = {"SESSION_NOT_FOUND": "NOT_FOUND", "NOT_TEXT": "PARSE_ERROR", "NOT_JSON": "PARSE_ERROR"}
"""Its codes for what it knows; anything else is `INVALID_MESSAGE`, and the reason stands in the details."""


@dataclass(frozen=True)
class Settings:
    """What the environment tells.

    Attributes:
        enabled: what agents do is told; else only how work orders and runs are.
        rate: events a second for each client; 0: no limit.
        batch: seconds for which events gather.
        buffer: events of a replay at most.
    """

    enabled: bool
    rate: int
    batch: float
    buffer: int


def settings(environ: Mapping[str, str]) -> Settings:
    """`SIGHTLINE_STREAM_…`, else `AGENTGATE_STREAM_…`. Raises ValueError."""

    def names(*last: str) -> tuple[str, ...]:
        return tuple(f"{first}_STREAM_{name}" for first in ("SIGHTLINE", "AGENTGATE") for name in last)

    return Settings(
        enabled=told.switch(environ, names("ENABLED"), default=True),
        rate=told.number(environ, names("RATE_LIMIT"), 50, MAX_RATE),
        batch=told.number(environ, names("BATCH_MS", "BATCH_WINDOW"), 100, MAX_BATCH) / 1000,
        buffer=told.number(environ, names("BUFFER_SIZE"), 1000, MAX_BUFFER),
    )


async def serve(context: Context, request: web.Request) -> web.StreamResponse:
    """Answers one client until it goes."""
    chosen = settings(context.settings.environ)
    replays = request.query.get("replay") in ("1", "true")
    # Looked up before the socket opens, so that every session that is created afterwards is told.
    since = None
    if may_enter(context, request):
        with suppress(SightlineError):  # the client is told when its socket is open
            since = await newest(context.client)
    return await received(context, request, lambda ws: _Client(context, ws, chosen, replays=replays).serve(since))


def add_routes(app: web.Application, context: Context) -> None:
    """Its own path; `/ws` is shared. Raises ValueError: it was told nonsense."""
    settings(context.settings.environ)

    async def events(request: web.Request) -> web.StreamResponse:
        return await serve(context, request)

    app.router.add_get(PATH, events)


@dataclass
class _Followed:
    """A work order and where its client is.

    Attributes:
        order: what it is for the client.
        cursor: the last event that the client has.
        past: what comes before the rest, and what of it the client does not want; None: nothing, or nothing any more.
        ended: nothing follows.
    """

    order: WorkOrder
    cursor: Cursor
    past: tuple[Subscription, Skips] | None
    ended: bool


class _Client:
    """One client. Its stream begins anew, where it was, when it follows other sessions."""

    def __init__(self, context: Context, ws: web.WebSocketResponse, chosen: Settings, *, replays: bool) -> None:
        self._replays = replays  # unless a message says otherwise
        self._client: Client = context.client
        self._talk = Talk(ws, context.counts, refusal)
        self._settings = chosen
        self._followed: dict[str, _Followed] = {}  # by session
        self._stream: Subscription | None = None
        self._changed = asyncio.Event()

    async def serve(self, since: int | None) -> None:
        """Answers until the client goes; `since`: when the newest session was created that it is not told of."""
        async with crew() as tasks:
            tasks.start(self._tell_created(await newest(self._client) if since is None else since))
            tasks.start(self._feed())
            await self._talk.listen(self._take)

    async def _take(self, message: Message) -> None:
        match message.get("type"):
            case "subscribe":
                await self._subscribe(word(message, "workOrderId"), message)
            case "unsubscribe":
                await self._unsubscribe(word(message, "workOrderId"))
            case "ping":
                await self._talk.say({"type": "pong", "timestamp": now()})
            case _:
                raise unknown(message, KNOWN)

    # --- what it says

    async def _subscribe(self, name: str, message: Message) -> None:
        kinds, replay = self._kinds(message), self._replay(message)
        session = await self._client.get(name)
        if session.id not in self._followed and len(self._followed) >= limits.MAX_CALLS:
            raise BadMessage("TOO_MANY", f"at most {limits.MAX_CALLS} work orders can be followed on one socket", name)
        turns = await self._turns(session)
        past = None if replay is None else await self._past(session, kinds, *replay)
        await self._confirm("subscription_confirmed", name)
        before = self._followed.get(session.id)
        order = WorkOrder(name, session.id, kinds, turns=turns)
        cursor = Cursor(session_id=session.id, epoch=session.epoch, seq=session.head_seq)
        if before is not None and replay is None:
            order.status, order.texts, cursor = before.order.status, before.order.texts, before.cursor
        elif replay is None:
            order.status = status_of(session)
        ended = session.state == SessionState.SESSION_STATE_ENDED if before is None else before.ended
        self._followed[session.id] = _Followed(order, cursor, past, ended)
        await self._begin_anew()

    async def _unsubscribe(self, name: str) -> None:
        for session_id, followed in list(self._followed.items()):
            if name in {session_id, followed.order.word}:
                del self._followed[session_id]
        await self._confirm("unsubscription_confirmed", name)
        await self._begin_anew()

    async def _confirm(self, type_: str, name: str) -> None:
        await self._talk.say({"type": type_, "workOrderId": name, "timestamp": now()})

    def _kinds(self, message: Message) -> frozenset[str]:
        filters = message.get("filters") or {}  # where its later versions have them
        if not isinstance(filters, dict):
            raise BadMessage("BAD_FIELD", "`filters` must be an object")
        said = {**filters, **message}
        wanted = [kinds for flag, kinds in KINDS.items() if switch(said, flag, default=True)]
        return ALWAYS.union(*wanted) if self._settings.enabled else ALWAYS

    def _replay(self, message: Message) -> tuple[int, datetime | None] | None:
        count, since = message.get("replayCount"), message.get("replaySince")
        if isinstance(count, bool) or not isinstance(count, int | None) or (count is not None and count < 0):
            raise BadMessage("BAD_FIELD", "`replayCount` must be a number from 0")
        if since is None and count is None and not switch(message, "replay", default=self._replays):
            return None
        return min(self._settings.buffer if count is None else count, self._settings.buffer), None if since is None else time(since)

    async def _past(
        self, session: Session, kinds: frozenset[str], count: int, since: datetime | None
    ) -> tuple[Subscription, Skips]:
        stream = self._client.subscribe(session, tail=count, kinds=sorted(kinds), text=True, until_caught_up=True)
        await stream.fill()  # with its header it is fixed where it begins: what comes from now on is no part of the count

        def skips(event: Event) -> bool:
            return since is not None and event.seq <= session.head_seq and event.time.ToDatetime(UTC) < since

        return stream, skips

    async def _turns(self, session: Session) -> list[int]:
        if not session.agent:
            return []
        return [item.seq async for item in self._client.list_events(session, kinds=["turn_started"]) if isinstance(item, Event)]

    # --- what it hears

    async def _tell_created(self, since: int) -> None:
        async with self._client.subscribe(requests.ALL, latest=True, kinds=["completed"]) as stream:
            async for item in stream:
                if isinstance(item, Header) and item.session.create_time.ToNanoseconds() > since:
                    await self._talk.say(created(item.session))

    async def _begin_anew(self) -> None:
        self._changed.set()
        if self._stream is not None:
            await self._stream.aclose()

    async def _feed(self) -> None:
        """Follows what is followed, until that changes, and then again."""
        while True:
            self._changed.clear()
            while (fresh := next((one for one in self._followed.values() if one.past is not None), None)) is not None:
                await self._tell_past(fresh)
            live = {session: one for session, one in self._followed.items() if not one.ended}
            if not live:
                await self._changed.wait()
                continue
            self._stream = self._client.subscribe(
                *live,
                after=[one.cursor for one in live.values()],
                kinds=sorted(frozenset().union(*(one.order.kinds for one in live.values()))),
                text=True,
                pacing=requests.pacing(self._settings.batch, self._settings.rate, coalesce=False, shed=False),
            )
            await self._tell(self._stream, live)
            if self._stream.end is not None:
                for one in live.values():
                    one.ended = True

    async def _tell_past(self, one: _Followed) -> None:
        assert one.past is not None  # noqa: S101 - it is why this one was chosen
        (stream, skips), one.past = one.past, None
        await self._tell(stream, {one.order.session_id: one}, skips)

    async def _tell(self, stream: Subscription, followed: Mapping[str, _Followed], skips: Skips | None = None) -> None:
        try:
            async with stream:
                async for item in stream:
                    await self._show(item, followed, skips)
        except SightlineError as error:
            named = error.metadata.get("session", "")
            for session in [named] if named in followed else list(followed):
                if self._followed.get(session) is followed[session]:
                    del self._followed[session]
                await self._talk.refuse(error, followed[session].order.word)
        for cursor in stream.cursors:
            if cursor.session_id in followed:  # it is also past what the filter hides
                followed[cursor.session_id].cursor = cursor

    async def _show(self, item: Item, followed: Mapping[str, _Followed], skips: Skips | None) -> None:
        if not isinstance(item, Event | Gap) or self._followed.get(item.session_id) is not followed.get(item.session_id):
            return  # a sign, or of what is not followed any more
        one = followed[item.session_id]
        if isinstance(item, Gap):
            one.cursor.seq = item.last_seq
            await self._talk.refuse(BadMessage("EVENTS_GONE", lost(item), one.order.word))
            return
        one.cursor.seq = item.seq
        one.ended = one.ended or item.HasField("completed")
        messages = one.order.messages(item)
        if skips is None or not skips(item):
            for message in messages:
                await self._talk.say(message)


async def newest(client: Client) -> int:
    """When the newest session was created, in nanoseconds by the server's clock; 0: there is none."""
    async for session in client.list():
        return session.create_time.ToNanoseconds()
    return 0


def refusal(error: BadMessage) -> Message:
    """What it says of a message that it cannot take."""
    code = CODES.get(error.reason, "INVALID_MESSAGE")
    answer = {"type": "error", "code": code, "message": str(error), "timestamp": now(), "details": {"reason": error.reason}}
    return answer | ({"workOrderId": error.about} if error.about else {})


def now() -> str:
    """The time, as it writes it."""
    stamp = Timestamp()
    stamp.GetCurrentTime()
    return iso(stamp)


def time(value: object) -> datetime:
    """A time as JavaScript writes it; without a zone it is UTC. Raises `BadMessage`."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None:
        raise BadMessage("BAD_FIELD", "`replaySince` must be a time such as 2026-01-31T12:00:00Z")
    return found if found.tzinfo else found.replace(tzinfo=UTC)
