"""Encoded responses: signs, and events of several sessions that go together. Pure."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from sightline.v1.session_service_pb2 import SubscribeResponse

from sightline_server.log.record import ENTRY_TAG
from sightline_server.subscription.position import RESPONSE_BYTES

PAUSE = b""
"""Stands in a stream where nothing more can be said for now."""


def sign(response: SubscribeResponse) -> bytes:
    """A response that is a sign, encoded."""
    return response.SerializeToString()


async def combined(responses: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The same stream with neighbouring events in one response, up to its size; nothing is held over a `PAUSE`."""
    entries: list[bytes] = []
    size = 0
    async for response in responses:
        is_events = response.startswith(ENTRY_TAG)
        if entries and not (is_events and size + len(response) <= RESPONSE_BYTES):
            yield b"".join(entries)
            entries, size = [], 0
        if is_events:
            entries.append(response)
            size += len(response)
        elif response:
            yield response
    if entries:
        yield b"".join(entries)
