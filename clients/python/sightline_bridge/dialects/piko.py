"""piko's new environments: `/api/environments/create/stream`. One message runs the recipe of a project; its output comes by lines.

An environment is a session with the label `environment`; once it is asked for it is made, whether its client stays or not.
`complete` is the last word: when the steps are done, or with `attach` when the session's own command has ended.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import re

from aiohttp import WSCloseCode, web
from sightline import recipes
from sightline.client import Client
from sightline.errors import SightlineError
from sightline.progress import Item
from sightline.recipes import RecipeError
from sightline.v1.event_pb2 import Channel, Completed, Event, Outcome
from sightline.v1.session_pb2 import Session
from sightline.v1.session_service_pb2 import CreateRequest, Gap

from sightline_bridge.context import Context
from sightline_bridge.dialects import names
from sightline_bridge.dialects.door import closed, received
from sightline_bridge.dialects.talk import BadMessage, Message, Talk, crew, switch, word
from sightline_bridge.dialects.text import lost

log = logging.getLogger(__name__)

PATH = "/api/environments/create/stream"
KINDS = ("output", "output_lost", "notice", "step_finished", "completed")
MAX_LINE = 64 * 1024  # bytes; of a longer line come pieces
OURS = "piko"  # `source` of what is said about the output
COMMAND = "command"  # `source` of the session's own command
VARIABLE = "ENVIRONMENT"  # of recipes that have it: the environment's name
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
EXACT = 2**53  # up to which a number is the same in JavaScript

Line = tuple[str, str, bytes]  # source, stream, data


def add_routes(app: web.Application, context: Context) -> None:
    """Its path, and what is to be done when the bridge ends."""
    workshop = Workshop(context)

    async def stream(request: web.Request) -> web.StreamResponse:
        return await received(context, request, lambda ws: _Client(context, ws, workshop).serve())

    async def finish(_app: web.Application) -> None:
        await workshop.close()

    app.router.add_get(PATH, stream)
    app.on_cleanup.append(finish)


class Workshop:
    """Makes environments, for clients that may go at any moment.

    Args:
        context: what all requests share.
    """

    def __init__(self, context: Context) -> None:
        self._client: Client = context.client
        self._environ = context.settings.environ
        self._making: set[asyncio.Task[Session]] = set()

    async def make(self, project: str, environment: str) -> Session:
        """The session of a new environment; who is cancelled in here does not stop it.

        Raises:
            RecipeError: the project has none, or one that is not good.
            BadMessage: the project's name is none.
            SightlineError: it cannot be made.
        """
        recipe = self._recipe(project, environment)
        name = recipe.name or names.fitting(f"{project}-{environment}")
        making = asyncio.create_task(self._client.create(recipe=recipe, name=name, labels={"environment": environment}))
        self._making.add(making)
        making.add_done_callback(self._making.discard)
        return await asyncio.shield(making)

    async def close(self) -> None:
        """Returns when those that are being made are."""
        await asyncio.gather(*self._making, return_exceptions=True)

    def _recipe(self, project: str, environment: str) -> CreateRequest:
        if not names.is_name(project) or project.endswith(recipes.SUFFIX):  # a path, to recipes
            raise BadMessage("BAD_FIELD", f"{project[:64]!r} is no project: its name has letters, digits, `.`, `_` and `-`")
        recipe = recipes.load(project, environ=self._environ)
        return recipes.load(project, {VARIABLE: environment}, environ=self._environ) if VARIABLE in recipe.env else recipe


class _Client:
    """One client, and the one environment that it asks for."""

    def __init__(self, context: Context, ws: web.WebSocketResponse, workshop: Workshop) -> None:
        self._client: Client = context.client
        self._ws = ws
        self._talk = Talk(ws, context.counts, refusal)
        self._workshop = workshop
        self._asked: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._lines = Lines()

    async def serve(self) -> None:
        async with crew() as tasks:
            creating, listening = tasks.start(self._create()), tasks.start(self._talk.listen(self._take))
            await asyncio.wait([creating, listening], return_when=asyncio.FIRST_COMPLETED)
        await closed(self._ws, WSCloseCode.OK, "complete")

    async def _take(self, message: Message) -> None:
        if self._asked.done():
            raise BadMessage("ONE_ONLY", "one environment for each connection: open another one")
        if message.get("action") != "create":
            raise BadMessage("UNKNOWN_ACTION", 'send {"action": "create", "project": "…", "environment": "…"}')
        self._asked.set_result(message)

    async def _create(self) -> None:
        message = await self._asked
        try:
            project, environment = word(message, "project"), word(message, "environment")
            attach = switch(message, "attach", default=False)
            session = await self._workshop.make(project, environment)
            if session.steps or attach:
                await self._follow(session, environment, attach=attach)
            else:
                known = {**session.labels, "id": session.id, "name": session.name}
                await self._complete(session, environment, {**known, "status": "running"})
        except (BadMessage, RecipeError, SightlineError) as error:
            await self._talk.say({"type": "complete", "success": False, "error": str(error)})

    async def _follow(self, session: Session, environment: str, *, attach: bool) -> None:
        async with self._client.subscribe(session, kinds=KINDS) as stream:
            async for item in stream:
                await self._tell(self._lines.of(item))
                if not isinstance(item, Event):
                    continue
                if item.HasField("completed"):
                    await self._end(session, environment, item.completed)
                    return
                if item.step_finished.labels and not attach:  # that was the last step, and the session's own command begins
                    await self._complete(session, environment, {**item.step_finished.labels, "status": "running"})
                    return
        raise BadMessage("DELETED", f"session {session.name} was deleted meanwhile")

    async def _tell(self, lines: list[Line]) -> None:
        for source, stream, data in lines:
            await self._talk.say({"type": "log", "source": source, "stream": stream, **encoded(data)})

    async def _end(self, session: Session, environment: str, completed: Completed) -> None:
        if completed.outcome == Outcome.OUTCOME_SUCCEEDED:
            await self._complete(session, environment, dict(completed.labels))
            return
        word_ = Outcome.Name(completed.outcome).removeprefix("OUTCOME_").lower()
        code = f" with exit code {completed.exit_code}" if completed.HasField("exit_code") else ""
        error = completed.error or f"{session.name} {word_}{code}"
        await self._talk.say({"type": "complete", "success": False, "error": error})

    async def _complete(self, session: Session, environment: str, labels: dict[str, str]) -> None:
        if labels.get("name") == session.name:
            labels["name"] = environment
        ours = {"id": session.id, "name": environment, **session.labels}
        fields = {key: value if ours.get(key) == value else as_number(value) for key, value in labels.items()}
        await self._talk.say({"type": "complete", "success": True, "environment": fields})


class Lines:
    """Output by lines, each stream of it on its own."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], bytearray] = {}

    def of(self, item: Item) -> list[Line]:
        """The lines that are whole with this item, and what else is to be said."""
        if isinstance(item, Gap):
            return [(OURS, "stderr", f"{lost(item)}\n".encode())]
        if not isinstance(item, Event):
            return []
        if item.HasField("output"):
            return self._add(item)
        if item.HasField("output_lost"):
            return [(OURS, "stderr", f"{lost(item.output_lost)}\n".encode())]
        if item.HasField("notice"):
            return [(OURS, "stderr", f"{item.notice.text}\n".encode())]
        return self._rest()  # a step, or all of it, is over

    def _add(self, event: Event) -> list[Line]:
        stream = "stderr" if event.output.channel == Channel.CHANNEL_STDERR else "stdout"
        source = COMMAND if event.source in ("stdout", "stderr", "terminal") else event.source
        kept = self._open.setdefault((source, stream), bytearray())
        kept += event.output.data
        *whole, rest = kept.split(b"\n")
        kept[:] = rest
        lines = [(source, stream, piece) for line in whole for piece in pieces(bytes(line) + b"\n")]
        if len(kept) > MAX_LINE:
            *some, last = pieces(bytes(kept))
            kept[:] = last
            lines += [(source, stream, piece) for piece in some]
        return lines

    def _rest(self) -> list[Line]:
        kept, self._open = self._open, {}
        return [(source, stream, bytes(rest)) for (source, stream), rest in kept.items() if rest]


def pieces(line: bytes) -> list[bytes]:
    """A line in pieces that are not too long, cut between characters."""
    made = []
    start = 0
    while len(line) - start > MAX_LINE:
        end = start + MAX_LINE
        while end > start + MAX_LINE - 3 and line[end] & 0xC0 == 0x80:  # within a character
            end -= 1
        made.append(line[start:end])
        start = end
    return [*made, line[start:]]


def encoded(data: bytes) -> dict[str, str]:
    """Bytes in JSON: as text where they are some."""
    try:
        return {"data": data.decode()}
    except UnicodeDecodeError:
        return {"data": base64.b64encode(data).decode(), "encoding": "base64"}


def as_number(text: str) -> str | int | float:
    """A number where the text is how one is written, and JavaScript has the same; else the text."""
    if len(text) > 20 or not NUMBER.fullmatch(text):
        return text
    value = float(text) if "." in text else int(text)
    return value if abs(value) <= EXACT and str(value) == text else text


def refusal(error: BadMessage) -> Message:
    """What it says of a message that it cannot take; `complete` may still follow."""
    return {"type": "error", "error": str(error), "reason": error.reason}
