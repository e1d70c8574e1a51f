"""`SessionService`: one method for each RPC: unwrap, call, wrap."""

from __future__ import annotations

import asyncio
import signal as signals
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from sightline.v1 import session_service_pb2 as pb
from sightline.v1 import session_service_pb2_grpc as pb_grpc

from sightline_server.errors import BadField, TooManySessionsNamed
from sightline_server.log.retention import Retention
from sightline_server.metrics import Counters
from sightline_server.rpc import keeping, metrics
from sightline_server.rpc.status import with_status
from sightline_server.search.search import Search
from sightline_server.sessions.directories import Directories
from sightline_server.sessions.registry import Registry
from sightline_server.settings import Settings
from sightline_server.subscription import pages
from sightline_server.subscription.asked import MAX_SESSIONS_NAMED
from sightline_server.subscription.subscription import Subscription

Context = grpc.aio.ServicerContext[Any, Any]

DEFAULT_GRACE = 5.0  # seconds from the signal to SIGKILL
MAX_SIGNAL = 64
MAX_SECONDS = 366 * 24 * 3600  # a year, of any length of time that a caller may name


class SessionService(pb_grpc.SessionServiceServicer):
    """See `proto/sightline/v1/session_service.proto`.

    Args:
        registry: all sessions.
        clock: nanoseconds since 1970.
        counters: of the server's work.
        retention: what keeps the logs within their limits.
        settings: what the server was told.
        search: finds what the logs hold.
        directories: where typescripts are looked for.
    """

    def __init__(
        self,
        registry: Registry,
        clock: Callable[[], int],
        counters: Counters,
        retention: Retention,
        settings: Settings,
        *,
        search: Search,
        directories: Directories,
    ) -> None:
        self._directories = directories
        self._search = search
        self._retention = retention
        self._home = settings.home
        self._spools = settings.spools
        self._registry = registry
        self._clock = clock
        self._counters = counters

    @with_status
    async def Create(self, request: pb.CreateRequest, context: Context) -> pb.CreateResponse:
        session, existed = await self._registry.create(request)
        return pb.CreateResponse(session=session.describe(), existed=existed)

    @with_status
    async def Get(self, request: pb.GetRequest, context: Context) -> pb.GetResponse:
        return pb.GetResponse(session=self._registry.find(request.session).describe())

    @with_status
    async def List(self, request: pb.ListRequest, context: Context) -> pb.ListResponse:
        return await self._registry.list(request)

    @with_status
    async def Discover(self, request: pb.DiscoverRequest, context: Context) -> pb.DiscoverResponse:
        return await self._registry.discover(request)

    @with_status
    async def Send(self, request: pb.SendRequest, context: Context) -> pb.SendResponse:
        return await self._registry.find(request.session).send(request, transport(context))

    @with_status
    async def Interrupt(self, request: pb.InterruptRequest, context: Context) -> pb.InterruptResponse:
        author = request.author or transport(context)
        return pb.InterruptResponse(seq=await self._registry.find(request.session).interrupt(author))

    @with_status
    async def Resize(self, request: pb.ResizeRequest, context: Context) -> pb.ResizeResponse:
        return pb.ResizeResponse(seq=await self._registry.find(request.session).resize(request.terminal))

    @with_status
    async def Terminate(self, request: pb.TerminateRequest, context: Context) -> pb.TerminateResponse:
        if request.signal > MAX_SIGNAL:
            raise BadField(field="signal", problem=f"there is no signal {request.signal}")
        session = self._registry.find(request.session)
        grace = seconds_of("grace", request.grace) if request.HasField("grace") else DEFAULT_GRACE
        await session.terminate(request.signal or signals.SIGTERM, grace)
        return pb.TerminateResponse(session=session.describe())

    @with_status
    async def Release(self, request: pb.ReleaseRequest, context: Context) -> pb.ReleaseResponse:
        session = self._registry.find(request.session)
        await session.release()
        return pb.ReleaseResponse(session=session.describe())

    @with_status
    async def Delete(self, request: pb.DeleteRequest, context: Context) -> pb.DeleteResponse:
        await self._registry.delete(self._registry.find(request.session))
        return pb.DeleteResponse()

    @with_status
    async def Subscribe(self, request: pb.SubscribeRequest, context: Context) -> None:  # type: ignore[override]
        """Writes ready bytes: `server` registers it without a serializer."""
        responses = Subscription(request, self._registry, self._clock).responses()
        counters = self._counters
        counters.subscriptions += 1
        try:
            async for response in responses:
                counters.responses += 1
                counters.response_bytes += len(response)
                await context.write(response)
        except grpc.aio.InternalError:
            raise asyncio.CancelledError from None  # the reader went in the middle of a write: the same as at any other moment
        finally:
            await responses.aclose()  # type: ignore[attr-defined] # it is a generator

    @with_status
    async def ListEvents(self, request: pb.ListEventsRequest, context: Context) -> pb.ListEventsResponse:
        return pages.page(request, self._registry.find(request.session).log)

    @with_status
    async def Snapshot(self, request: pb.SnapshotRequest, context: Context) -> pb.SnapshotResponse:
        return pb.SnapshotResponse(snapshot=await self._registry.find(request.session).snapshot())

    @with_status
    async def Wait(self, request: pb.WaitRequest, context: Context) -> pb.WaitResponse:
        session = self._registry.find(request.session)
        seconds = seconds_of("timeout", request.timeout) if request.HasField("timeout") else None
        seq = await session.states.wait(request.until, request.after_seq, seconds)
        return pb.WaitResponse(timed_out=seq is None, session=session.describe(), seq=seq or 0)

    @with_status
    async def Search(self, request: pb.SearchRequest, context: Context) -> pb.SearchResponse:
        return await self._search.answer(request, chosen(request, self._registry))

    @with_status
    async def Publish(self, request: pb.PublishRequest, context: Context) -> pb.PublishResponse:
        return await self._registry.find(request.session).publish(request)

    @with_status
    async def Answer(self, request: pb.AnswerRequest, context: Context) -> pb.AnswerResponse:
        return pb.AnswerResponse(seq=await self._registry.find(request.session).answer(request, transport(context)))

    @with_status
    async def Explain(self, request: pb.ExplainRequest, context: Context) -> pb.ExplainResponse:
        return self._registry.find(request.session).explain()

    @with_status
    async def Usage(self, request: pb.UsageRequest, context: Context) -> pb.UsageResponse:
        return await keeping.usage(self._retention, self._home, self._spools)

    @with_status
    async def Collect(self, request: pb.CollectRequest, context: Context) -> pb.CollectResponse:
        return await keeping.collect(self._retention, request)

    @with_status
    async def WatchDirectory(self, request: pb.WatchDirectoryRequest, context: Context) -> pb.WatchDirectoryResponse:
        return pb.WatchDirectoryResponse(directory=await self._directories.watch(request.host, request.path))

    @with_status
    async def UnwatchDirectory(self, request: pb.UnwatchDirectoryRequest, context: Context) -> pb.UnwatchDirectoryResponse:
        await self._directories.unwatch(request.host, request.path)
        return pb.UnwatchDirectoryResponse()

    @with_status
    async def ListDirectories(self, request: pb.ListDirectoriesRequest, context: Context) -> pb.ListDirectoriesResponse:
        return pb.ListDirectoriesResponse(directories=self._directories.list())

    @with_status
    async def Metrics(self, request: pb.MetricsRequest, context: Context) -> pb.MetricsResponse:
        return metrics.answer(self._registry, self._counters)


def chosen(request: pb.SearchRequest, registry: Registry) -> dict[int, str] | None:
    """The sessions that a search names, ids by number; None: all."""
    if not request.sessions:
        return None
    if len(request.sessions) > MAX_SESSIONS_NAMED:
        raise TooManySessionsNamed(count=len(request.sessions), limit=MAX_SESSIONS_NAMED)
    return {session.number: session.session_id for session in map(registry.find, request.sessions)}


def seconds_of(field: str, duration: Duration) -> float:
    """A length of time in seconds. Raises `BadField` for one that cannot be waited for."""
    seconds = duration.seconds + duration.nanos / 10**9
    if not 0 <= seconds <= MAX_SECONDS:
        raise BadField(field=field, problem=f"{seconds:g} s; it must be 0 to {MAX_SECONDS} s")
    return seconds


def transport(context: Context) -> str:
    """How the caller came: `unix` or `tcp`."""
    return "unix" if context.peer().startswith("unix") else "tcp"
