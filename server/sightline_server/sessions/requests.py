"""What agents ask: answering them, and why one cannot be answered any more. The log is what knows: no state here."""

from __future__ import annotations

import asyncio

from sightline.v1.event_pb2 import Event, EventKind
from sightline.v1.session_service_pb2 import AnswerRequest, Filter, ListEventsRequest

from sightline_server.capture.base import Answer, Answering, Source
from sightline_server.errors import (
    AgentTakesNoAnswers,
    BadField,
    InputTooLarge,
    RequestAnswered,
    RequestNotFound,
    RequestVoid,
    SightlineError,
)
from sightline_server.log.session_log import SessionLog
from sightline_server.subscription import pages

MAX_ANSWER = 256 * 1024  # bytes of text
RESOLVED = Filter(kinds=[EventKind.EVENT_KIND_REQUEST, EventKind.EVENT_KIND_REQUEST_RESOLVED])


def answer_of(request: AnswerRequest, transport: str) -> Answer:
    """What a call wants to answer. Raises `BadField`, `InputTooLarge`."""
    if not request.request_id:
        raise BadField(field="request_id", problem="say which request: the `request_id` of its `request` event")
    if not request.option_id and not request.text:
        raise BadField(field="option_id", problem="say which option is taken, or give a text")
    if (size := len(request.text.encode())) > MAX_ANSWER:
        raise InputTooLarge(size=size, limit=MAX_ANSWER)
    return Answer(request.request_id, request.option_id, request.text, request.author or transport)


async def answer(source: Source, given: Answer, log: SessionLog, session: str) -> int:
    """Answers, and returns the `seq` of the event that says so. Raises why it cannot be."""
    if not isinstance(source, Answering):
        raise AgentTakesNoAnswers(session=session)
    seq = await source.answer(given)
    if seq is None:
        raise await why_not(log, given.request_id, session)
    return seq


async def why_not(log: SessionLog, request_id: str, session: str) -> SightlineError:
    """Why a request that is not open is not: by what the log says of it last."""
    found: Event | None = None
    asked = ListEventsRequest(session=session, filter=RESOLVED)
    while True:
        page = pages.page(asked, log)
        for event in page.events:
            if request_id in (event.request.request_id, event.request_resolved.request_id):
                found = event
        if not page.next_page_token:
            break
        asked.page_token = page.next_page_token
        await asyncio.sleep(0)  # others have their turn while a long log is looked through
    if found is None:
        return RequestNotFound(request=request_id[:128], session=session)
    said = found.request_resolved
    if found.HasField("request_resolved") and not said.cancelled:
        return RequestAnswered(request=request_id, session=session, author=said.author or "the agent's own side", seq=found.seq)
    why = said.text or "the agent went on without one"
    return RequestVoid(request=request_id, session=session, why=why, seq=found.seq)
