"""AgentWire's stream of one session: `/api/sessions/NAME/stream`. Text frames, as the terminal got them or without escape codes.

What a client says counts for nothing. `?ansi=strip` leaves escape codes out, `?replay=1` begins with all that is kept; else it is
what comes from the moment at which the socket opens. A name that no live session has is looked for in tmux; such a pane is followed
for as long as somebody here listens to it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from aiohttp import WSCloseCode, web
from sightline.client import Client
from sightline.errors import AlreadyExists, InvalidArgument, NotFound, SightlineError
from sightline.v1.event_pb2 import Event, SessionState
from sightline.v1.session_pb2 import Cursor, Session, SessionKind
from sightline.v1.session_service_pb2 import Candidate, Gap

from sightline_bridge.context import Context
from sightline_bridge.dialects.door import closed, may_enter, received
from sightline_bridge.dialects.names import is_name
from sightline_bridge.dialects.talk import crew
from sightline_bridge.dialects.text import Texts, lost
from sightline_bridge.errors import BadRequest

log = logging.getLogger(__name__)

PATH = "/api/sessions/{name}/stream"
NOT_THERE = 4004  # close code
OURS = {"adopted-by": "agentwire"}  # labels of a session that goes with its last listener, whichever bridge it had before
OUTPUT = ("output", "output_lost", "completed")


def add_routes(app: web.Application, context: Context) -> None:
    """Its path, and what is to be done when the bridge ends."""
    panes = Panes(context.client)

    async def stream(request: web.Request) -> web.StreamResponse:
        strip = choice(request, "ansi", {"strip": True, "raw": False})
        replay = choice(request, "replay", {"1": True, "true": True, "0": False, "false": False})
        return await _serve(context, request, panes, strip=strip, replay=replay)

    async def let_go(_app: web.Application) -> None:
        await panes.close()

    app.router.add_get(PATH, stream)
    app.on_cleanup.append(let_go)


async def _serve(context: Context, request: web.Request, panes: Panes, *, strip: bool, replay: bool) -> web.StreamResponse:
    name = request.match_info["name"]
    async with AsyncExitStack() as stack:
        found: Session | SightlineError | None = None
        if may_enter(context, request):  # found before it opens, so that all that comes afterwards is told
            found = await stack.enter_async_context(panes.found(name))

        async def talk(ws: web.WebSocketResponse) -> None:
            session = found if found is not None else await stack.enter_async_context(panes.found(name))
            if isinstance(session, NotFound | InvalidArgument):
                await closed(ws, NOT_THERE, session.message)
                return
            if isinstance(session, SightlineError):
                raise session
            async with crew() as tasks:
                telling = tasks.start(tell(context, ws, session, strip=strip, replay=replay))
                listening = tasks.start(listen(ws))
                await asyncio.wait([telling, listening], return_when=asyncio.FIRST_COMPLETED)
            await closed(ws, WSCloseCode.OK, "the session has ended")

        return await received(context, request, talk)


async def tell(context: Context, ws: web.WebSocketResponse, session: Session, *, strip: bool, replay: bool) -> None:
    """Sends what a session puts out, until it ends."""
    here = Cursor(session_id=session.id, epoch=session.epoch, seq=session.head_seq)
    texts = Texts()
    stream = context.client.subscribe(session, after=None if replay else [here], kinds=OUTPUT, text=strip)
    async with stream:
        async for item in stream:
            text = ""
            if isinstance(item, Gap):
                text = f"\r\n[{lost(item)}]\r\n"
            elif isinstance(item, Event) and item.HasField("output_lost"):
                text = f"\r\n[{lost(item.output_lost)}]\r\n"
            elif isinstance(item, Event):
                text = texts.of(item) if item.HasField("output") else texts.rest(session.id)
            if text:
                context.counts.sent += len(text)
                await ws.send_str(text)


async def listen(ws: web.WebSocketResponse) -> None:
    """Returns when the client has gone."""
    async for _ in ws:
        pass


def choice(request: web.Request, name: str, words: dict[str, bool]) -> bool:
    """What a word in the query means; not there: no. Raises `BadRequest`."""
    said = request.query.get(name)
    if said is not None and said not in words:
        raise BadRequest(f"?{name}= must be {' or '.join(words)}")
    return words[said] if said is not None else False


class Panes:
    """Sessions by name, and panes that are followed only for as long as somebody listens to them.

    Args:
        client: the server's.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._listeners: Counter[str] = Counter()  # by session, of those that go with the last of them
        self._leaving: set[asyncio.Task[None]] = set()
        self._hosts: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def found(self, word: str) -> AsyncIterator[Session | SightlineError]:
        """The session of a name, or of a pane, of a host, for the length of a block; or why there is none."""
        name, _, host = word.partition("@")
        lock = self._hosts.setdefault(host, asyncio.Lock())  # of two that come for one pane the first one adopts it
        session: Session | SightlineError
        async with lock:
            try:
                session = await self._find(word, name, host)
            except SightlineError as error:
                session = error
            if isinstance(session, Session) and is_ours(session):
                self._listeners[session.id] += 1
        try:
            yield session
        finally:
            if isinstance(session, Session) and is_ours(session):
                leaving = asyncio.create_task(self._leave(session.id, lock))
                self._leaving.add(leaving)
                leaving.add_done_callback(self._leaving.discard)
                await asyncio.shield(leaving)

    async def close(self) -> None:
        """Lets go of all of them: the bridge ends."""
        await asyncio.gather(*self._leaving, *(self._release(session) for session in list(self._listeners)))

    async def _leave(self, session: str, lock: asyncio.Lock) -> None:
        async with lock:
            self._listeners[session] -= 1
            if self._listeners[session] <= 0:
                await self._release(session)

    async def _release(self, session: str) -> None:
        if self._listeners.pop(session, None) is None:
            return  # it is let go of already
        try:
            await self._client.release(session)
        except SightlineError as error:
            log.info("session %s is not let go of: %s", session, error)  # its pane has gone, as a rule

    async def _find(self, word: str, name: str, host: str) -> Session:
        try:
            session: Session | None = await self._client.get(word)
        except (NotFound, InvalidArgument) as error:
            session, missing = None, error
        if session is not None and session.state != SessionState.SESSION_STATE_ENDED:
            return session
        found = await self._client.discover(hosts=[host] if host else [])
        panes = [one for one in found.candidates if one.kind == SessionKind.SESSION_KIND_TMUX and is_called(one, name)]
        if panes:
            return await self._adopt(panes, name)
        if session is not None:
            return session
        problems = "; ".join(problem.message for problem in found.problems) if host else ""
        raise NotFound(problems or missing.message, reason=missing.reason)

    async def _adopt(self, panes: list[Candidate], name: str) -> Session:
        pane = panes[0]
        if len(panes) == 1 and pane.session_id:
            return await self._client.get(pane.session_id)
        # Of several panes of one tmux session tmux knows which is the one that its people look at.
        target = pane.tmux.pane_id if len(panes) == 1 else f"={name}:"
        for called in dict.fromkeys((name if is_name(name) else "", "")):
            try:
                socket = pane.tmux.socket_path
                return await self._client.adopt(target, socket_path=socket, host=pane.host, name=called, labels=OURS)
            except AlreadyExists as error:
                if followed := error.metadata.get("session"):
                    return await self._client.get(followed)
                taken = error  # of another host, say
        raise taken


def is_ours(session: Session) -> bool:
    """It was adopted for those who listen, and goes with them."""
    return session.kind == SessionKind.SESSION_KIND_TMUX and all(session.labels.get(key) == value for key, value in OURS.items())


def is_called(pane: Candidate, name: str) -> bool:
    """A pane is called by its tmux session, as `session:window.pane`, or by its id."""
    return name in {pane.tmux.target, pane.tmux.pane_id, pane.tmux.target.rpartition(":")[0]}
