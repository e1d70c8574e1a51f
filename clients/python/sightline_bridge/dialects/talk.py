"""What the dialects that speak JSON have in common: messages are objects, what is none is answered, and the socket goes on.

Knows sockets and no dialect.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager

from aiohttp import WSMsgType, web
from sightline.errors import SightlineError

from sightline_bridge.metrics import Counts

Message = Mapping[str, object]
LOGIN = "login"  # of a client that was let in without it


class BadMessage(Exception):
    """A message that cannot be taken.

    Attributes:
        reason: a stable word for programs.
        about: what it was about, as the client calls it; empty: nobody knows.
    """

    def __init__(self, reason: str, text: str, about: str = "") -> None:
        super().__init__(text)
        self.reason = reason
        self.about = about


class Talk:
    """One client's messages, both ways.

    Args:
        ws: its socket.
        counts: of what is sent.
        refusal: what the dialect says of a message that it cannot take.
    """

    def __init__(self, ws: web.WebSocketResponse, counts: Counts, refusal: Callable[[BadMessage], Message]) -> None:
        self._ws = ws
        self._counts = counts
        self._refusal = refusal

    async def say(self, message: Message) -> None:
        """Sends one message; returns when the socket takes more, so that a slow client holds back who says it."""
        text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        self._counts.sent += len(text)
        await self._ws.send_str(text)

    async def refuse(self, error: BadMessage | SightlineError, about: str = "") -> None:
        """Says what is wrong."""
        if isinstance(error, SightlineError):
            error = BadMessage(error.reason or error.code, error.message, about)
        await self.say(self._refusal(error))

    async def listen(self, take: Callable[[Message], Awaitable[None]]) -> None:
        """Gives each message to `take`, until the client goes; a `BadMessage`, or an error of the server, is answered."""
        async for frame in self._ws:
            if frame.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                continue
            try:
                message = read(frame.data)
                if message.get("type") != LOGIN:
                    await take(message)
            except (BadMessage, SightlineError) as error:
                await self.refuse(error)


def read(data: bytes | str) -> Message:
    """The object that a frame holds. Raises `BadMessage`."""
    if isinstance(data, bytes):
        raise BadMessage("NOT_TEXT", "bytes came: send JSON as text")
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadMessage("NOT_JSON", f"this is no JSON: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(said, dict):
        raise BadMessage("NOT_AN_OBJECT", 'send an object, such as {"type": "…"}')
    return said


def word(message: Message, field: str, *, empty: bool = False) -> str:
    """A text that must be there. Raises `BadMessage`."""
    value = message.get(field)
    if not isinstance(value, str) or not (value or empty):
        raise BadMessage("BAD_FIELD", f"`{field}` must be a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadMessage("BAD_FIELD", f"`{field}` is no text: it holds half a character") from None
    return value


def switch(message: Message, field: str, *, default: bool) -> bool:
    """True or false. Raises `BadMessage`."""
    value = message.get(field)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise BadMessage("BAD_FIELD", f"`{field}` must be true or false")
    return value


def unknown(message: Message, known: str) -> BadMessage:
    """For a `type` that the dialect does not have."""
    return BadMessage("UNKNOWN_TYPE", f"there is no `type` {str(message.get('type'))[:64]!r}: there are {known}")


class Crew:
    """Tasks that live no longer than what they are for."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """One more; what it raises ends all of them."""
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def stop(self) -> None:
        """Cancels all."""
        for task in self._tasks:
            task.cancel()


@asynccontextmanager
async def crew() -> AsyncIterator[Crew]:
    """Tasks for the length of a block; the first error of any of them is raised, that of a client that has gone last of all."""
    try:
        async with asyncio.TaskGroup() as group:
            made = Crew(group)
            try:
                yield made
            finally:
                made.stop()
    except BaseExceptionGroup as errors:
        gone, others = errors.split(ConnectionError)
        raise first(others or gone or errors) from None


def first(errors: BaseException) -> BaseException:
    """The first error of a group."""
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return errors
