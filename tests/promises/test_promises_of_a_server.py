"""The same promises through all of it: a program, a server that is killed, gRPC, and the Python client."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest
import sightline
from sightline.v1.event_pb2 import Event
from sightline.v1.session_pb2 import Cursor
from support.server import ServerProcess, running

LINES = 60
PROGRAM = f"i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo line $i; echo $i >&2; sleep $1; done; exit 3"
ITEMS_BEFORE_A_CUT = (1, 3, 2, 7)  # the first cuts come before any event, the last ones in the midst of a response


async def events(client: sightline.Client, session: str) -> list[Event]:
    """The log, read by one that is never cut."""
    return [item async for item in client.subscribe(session) if isinstance(item, Event)]


async def cut_events(client: sightline.Client, session: str, kinds: tuple[str, ...]) -> AsyncIterator[Event]:
    """The log, read by one that is cut again and again and knows nothing but its cursors."""
    cursors: list[Cursor] = []
    for count in itertools.cycle(ITEMS_BEFORE_A_CUT):
        async with client.subscribe(session, after=cursors, kinds=kinds) as subscription:
            for _ in range(count):
                item = await anext(subscription, None)
                if item is None:
                    return
                cursors = subscription.cursors
                if isinstance(item, Event):
                    yield item


@pytest.mark.parametrize(("pause", "kinds"), [("0", ()), ("0.01", ("output", "completed"))], ids=["recorded", "live, filtered"])
async def test_a_reader_that_is_cut_at_every_message_sees_what_an_uncut_one_sees_over_kills(
    pause: str, kinds: tuple[str, ...]
) -> None:
    with running() as server:
        async with sightline.connect(server.target) as client:
            session = (await client.create(["sh", "-c", PROGRAM, "sh", pause])).id
            if pause == "0":
                await events(client, session)
            seen = [event async for event in restarted(server, cut_events(client, session, kinds))]
            whole = await events(client, session)
    assert [event.seq for event in whole] == list(range(1, len(whole) + 1))
    assert seen == [event for event in whole if not kinds or event.WhichOneof("payload") in kinds]
    output = b"".join(event.output.data for event in seen if event.source == "stdout")
    assert output == b"".join(b"line %d\n" % number for number in range(1, LINES + 1))
    assert seen[-1].completed.exit_code == 3


async def restarted(server: ServerProcess, reading: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """The server is killed behind the third event, and goes in peace behind the sixth."""
    places = itertools.count(1)
    async for event in reading:
        yield event
        match next(places):
            case 3:
                server.kill()
                server.start()
            case 6:
                server.terminate()
                server.start()
