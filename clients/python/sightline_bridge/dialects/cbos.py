"""CBOS's stream of terminals: `/ws/stream`. Sessions are called by name, as its slugs; text is as the terminal got it.

A client says `subscribe`, `unsubscribe`, `send`, `interrupt`, `get_buffer` and `list_sessions`. As in CBOS, `send` presses Enter
behind the text, a stream begins with what comes from then on, and who follows a name also follows the next session of that name.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web
from sightline.client import Client
from sightline.errors import SightlineError
from sightline.v1.event_pb2 import Event, Output, SessionState
from sightline.v1.session_pb2 import Cursor, Session
from sightline.v1.session_service_pb2 import Delivery, Gap, Header

from sightline_bridge import limits
from sightline_bridge.context import Context
from sightline_bridge.dialects import told
from sightline_bridge.dialects.door import received
from sightline_bridge.dialects.talk import BadMessage, Crew, Message, Talk, crew, unknown, word
from sightline_bridge.dialects.text import Texts, iso, lost

PATH = "/ws/stream"
BUFFER_SIZE = ("CBOS_STREAM_MAX_BUFFER_SIZE",)
DEFAULT_BUFFER = 100_000  # bytes
MAX_BUFFER = 64 * 1024 * 1024  # bytes
ALL = "*"
AUTHOR = "cbos"
OUTPUT = ("output", "output_lost", "completed")
CHANGES_SECONDS = 0.1  # between two lists of all sessions that nobody has asked for
FIRST_TAIL = 64  # events that are read at first for a buffer, then eight times as many
KNOWN = "subscribe, unsubscribe, send, interrupt, get_buffer, list_sessions"

STATES = {
    SessionState.SESSION_STATE_STARTING: "working",
    SessionState.SESSION_STATE_WORKING: "working",
    SessionState.SESSION_STATE_WAITING: "waiting",
    SessionState.SESSION_STATE_IDLE: "idle",
}
"""Its words for what a session does; any other is `unknown`."""


LIVE = tuple(state for state in SessionState.values() if state != SessionState.SESSION_STATE_ENDED and state)


def add_routes(app: web.Application, context: Context) -> None:
    """Its path. Raises ValueError: it was told nonsense."""
    buffer = told.number(context.settings.environ, BUFFER_SIZE, DEFAULT_BUFFER, MAX_BUFFER)

    async def stream(request: web.Request) -> web.StreamResponse:
        return await received(context, request, lambda ws: _Client(context, ws, buffer).serve())

    app.router.add_get(PATH, stream)


@dataclass(frozen=True)
class _Followed:
    """What is followed under one word of the client's."""

    session_id: str
    task: asyncio.Task[None]


class _Client:
    """One client. Each word that it follows is a subscription of its own, read only when the socket takes more."""

    def __init__(self, context: Context, ws: web.WebSocketResponse, buffer: int) -> None:
        self._client: Client = context.client
        self._talk = Talk(ws, context.counts, refusal)
        self._buffer = buffer
        self._followed: dict[str, _Followed] = {}
        self._live: set[str] = set()  # the sessions that it was told of
        self._changed = asyncio.Event()  # there are others by now
        self._crew: Crew

    async def serve(self) -> None:
        async with crew() as self._crew:
            names = await self._tell_sessions()
            await self._talk.say({"type": "available_streams", "sessions": names})
            self._crew.start(self._watch())
            self._crew.start(self._tell_changes())
            await self._talk.listen(self._take)

    async def _take(self, message: Message) -> None:
        match message.get("type"):
            case "subscribe":
                await self._subscribe(words(message))
            case "unsubscribe":
                await self._unsubscribe(words(message))
            case "send":
                await self._send(word(message, "session"), word(message, "text", empty=True))
            case "interrupt":
                await self._interrupt(word(message, "session"))
            case "get_buffer":
                name = word(message, "session")
                try:
                    session = await self._client.get(name)
                    data = await latest_text(self._client, session, self._buffer)
                except SightlineError as error:
                    await self._talk.refuse(error, name)
                else:
                    await self._talk.say({"type": "buffer", "session": name, "data": data})
            case "list_sessions":
                await self._tell_sessions()
            case _:
                raise unknown(message, KNOWN)

    # --- which sessions there are

    async def _tell_sessions(self) -> list[str]:
        sessions = [session async for session in self._client.list(states=LIVE)]
        self._live = {session.id for session in sessions}
        await self._talk.say({"type": "sessions", "sessions": [shown(session) for session in sessions]})
        return [session.name for session in sessions]

    async def _watch(self) -> None:
        """Notices sessions that begin and end."""
        async with self._client.subscribe(ALL, latest=True, kinds=["completed"]) as stream:
            async for item in stream:
                if isinstance(item, Header):
                    session = item.session
                    if is_live(session) != (session.id in self._live):
                        self._changed.set()
                    if is_live(session):
                        self._follow_next(session)
                elif isinstance(item, Event) and item.session_id in self._live:
                    self._changed.set()

    async def _tell_changes(self) -> None:
        """Tells of many changes at once where they come fast, or the client is slow."""
        while await self._changed.wait():
            self._changed.clear()
            await self._tell_sessions()
            await asyncio.sleep(CHANGES_SECONDS)

    # --- what is followed

    async def _subscribe(self, names: Sequence[str]) -> None:
        if ALL in names:
            sessions = [session async for session in self._client.list()]
            self._drop(list(self._followed))
            await self._tell_followed([ALL])
            self._follow(ALL, ALL, [cursor(session) for session in sessions], {one.id: one.name for one in sessions})
            return
        found: dict[str, Session] = {}
        refused: list[tuple[str, SightlineError | BadMessage]] = []
        for name in names:
            try:
                if name not in self._followed and name not in found:
                    if len(self._followed) + len(found) >= limits.MAX_CALLS:
                        raise BadMessage("TOO_MANY", f"at most {limits.MAX_CALLS} sessions can be named: subscribe to `*`", name)
                    found[name] = await self._client.get(name)
            except (SightlineError, BadMessage) as error:
                refused.append((name, error))
        if found:
            self._drop([ALL])
        await self._tell_followed([*self._followed, *found])
        for name, session in found.items():
            self._follow(name, session.id, [cursor(session)], {session.id: name})
        for name, why in refused:
            await self._talk.refuse(why, name)

    async def _unsubscribe(self, names: Sequence[str]) -> None:
        self._drop(list(self._followed) if ALL in names else names)
        await self._tell_followed(list(self._followed))

    async def _tell_followed(self, names: Sequence[str]) -> None:
        await self._talk.say({"type": "subscribed", "sessions": names})

    def _drop(self, names: Iterable[str]) -> None:
        for name in names:
            if (followed := self._followed.pop(name, None)) is not None:
                followed.task.cancel()

    def _follow(self, name: str, session: str, after: Sequence[Cursor], names: Mapping[str, str]) -> None:
        self._followed[name] = _Followed(session, self._crew.start(self._stream(session, after, dict(names))))

    def _follow_next(self, session: Session) -> None:
        """A session has begun under a name that is followed: its stream goes on where that of the last one ends."""
        before = self._followed.get(session.name)
        if before is None or before.session_id == session.id:
            return

        async def follow() -> None:
            await asyncio.wait([before.task])
            await self._stream(session.id, [], {session.id: session.name})

        self._followed[session.name] = _Followed(session.id, self._crew.start(follow()))

    async def _stream(self, session: str, after: Sequence[Cursor], names: dict[str, str]) -> None:
        texts = Texts()
        try:
            async with self._client.subscribe(session, after=after, kinds=OUTPUT) as stream:
                async for item in stream:
                    if isinstance(item, Header):
                        names.setdefault(item.session.id, item.session.name)
                    elif isinstance(item, Gap):
                        await self._talk.refuse(BadMessage("EVENTS_GONE", lost(item), names.get(item.session_id, "")))
                    elif isinstance(item, Event):
                        await self._tell(item, names.get(item.session_id, item.session_id), texts)
        except SightlineError as error:
            await self._talk.refuse(error, names.get(session, session))

    async def _tell(self, event: Event, name: str, texts: Texts) -> None:
        if event.HasField("output_lost"):
            await self._talk.refuse(BadMessage("OUTPUT_LOST", lost(event.output_lost), name))
            return
        data = texts.of(event) if event.HasField("output") else texts.rest(event.session_id)
        if data:
            ts = event.time.ToMicroseconds() / 1e6
            await self._talk.say({"type": "stream", "session": name, "data": data, "ts": ts})

    # --- what is typed

    async def _send(self, name: str, text: str) -> None:
        answer: dict[str, object] = {"type": "send_result", "session": name, "success": True}
        try:
            sent = await self._client.send(name, text, submit=True, author=AUTHOR)
            if sent.delivered == Delivery.DELIVERY_UNKNOWN:
                answer |= failure("DELIVERY_UNKNOWN", "the server went down meanwhile: it may have been typed, or not")
        except SightlineError as error:
            answer |= failure(error.reason, error.message)
        await self._talk.say(answer)

    async def _interrupt(self, name: str) -> None:
        answer: dict[str, object] = {"type": "interrupt_result", "session": name, "success": True}
        try:
            await self._client.interrupt(name, author=AUTHOR)
        except SightlineError as error:
            answer |= failure(error.reason, error.message)
        await self._talk.say(answer)


async def latest_text(client: Client, session: Session, limit: int) -> str:
    """The end of what a session has put out: at most `limit` bytes of UTF-8, which begin and end with a whole character."""
    tail = FIRST_TAIL
    while True:
        kept: deque[bytes] = deque()
        size = events = 0
        async with client.subscribe(session, tail=tail, kinds=["output"], until_caught_up=True) as stream:
            async for item in stream:
                if not isinstance(item, Event):
                    continue
                events += 1
                kept.append(item.output.data)
                size += len(item.output.data)
                while size - len(kept[0]) > limit + 3:  # what a cut character at the beginning may take
                    size -= len(kept.popleft())
        if size > limit or events < tail:
            break
        tail *= 8
    texts = Texts()
    text = texts.of(Event(output=Output(data=b"".join(kept)[-limit - 3 :])))
    return text.encode()[-limit:].decode(errors="ignore") if limit else ""


def words(message: Message) -> list[str]:
    """The sessions that a message names. Raises `BadMessage`."""
    sessions = message.get("sessions")
    if not isinstance(sessions, list):
        raise BadMessage("BAD_FIELD", '`sessions` must be a list of names, or ["*"]')
    return list(dict.fromkeys(word({"sessions": name}, "sessions") for name in sessions))


def shown(session: Session) -> dict[str, object]:
    """A session as CBOS describes it, and what else there is to know."""
    screen = session.screen
    return {
        "slug": session.name,
        "path": session.cwd,
        "screen_id": f"{screen.pid}.{screen.name.partition('.')[2] or screen.name}" if screen.pid else "",
        "state": STATES.get(session.state, "unknown"),
        "pid": screen.pid or None,
        "created_at": iso(session.create_time),
        "last_question": None,
        "buffer_tail": None,
        "attached": False,
        "id": session.id,
        "name": session.name,
        "host": session.host,
        "agent": session.agent,
        "labels": dict(session.labels),
    }


def is_live(session: Session) -> bool:
    """It has not ended."""
    return session.state != SessionState.SESSION_STATE_ENDED


def cursor(session: Session) -> Cursor:
    """Where a session's log ends now."""
    return Cursor(session_id=session.id, epoch=session.epoch, seq=session.head_seq)


def failure(reason: str, error: str) -> dict[str, object]:
    """What a result says that is none."""
    return {"success": False, "error": error, "reason": reason}


def refusal(error: BadMessage) -> Message:
    """What it says of a message that it cannot take."""
    answer: dict[str, object] = {"type": "error", "error": str(error), "reason": error.reason}
    return answer | ({"session": error.about} if error.about else {})
