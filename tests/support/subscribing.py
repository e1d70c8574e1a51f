"""Subscriptions to such logs, without gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator

from sightline.v1.session_service_pb2 import SubscribeRequest, SubscribeResponse
from sightline_server.subscription.subscription import Subscription
from support.logs import LoggedSession, Sessions, notice, output


async def stream(sessions: Sessions, request: SubscribeRequest) -> AsyncIterator[SubscribeResponse]:
    async for response in Subscription(request, sessions, sessions.clock).responses():  # type: ignore[arg-type]
        yield SubscribeResponse.FromString(response)


async def everything(sessions: Sessions, request: SubscribeRequest) -> list[SubscribeResponse]:
    """Until caught up."""
    request.until_caught_up = True
    return [response async for response in stream(sessions, request)]


def signs(responses: list[SubscribeResponse]) -> list[str]:
    return [sign for response in responses if (sign := response.WhichOneof("sign"))]


def seqs(responses: list[SubscribeResponse]) -> list[int]:
    return [event.seq for response in responses for event in response.events]


async def ten(sessions: Sessions, name: str = "a") -> LoggedSession:
    """Ten events at ten seconds: odd ones stdout, even ones notices."""
    session = sessions.add(name)
    for number in range(1, 11):
        await session.log.append([output(b"%d" % number) if number % 2 else notice(str(number))])
    return session


def ask(*names: str, **fields: object) -> SubscribeRequest:
    return SubscribeRequest(sessions=names, **fields)  # type: ignore[arg-type]
