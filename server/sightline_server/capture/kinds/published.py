"""Sessions whose events other programs publish."""

from __future__ import annotations

from collections.abc import Sequence

from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_pb2 import SessionKind
from sightline.v1.session_service_pb2 import CreateRequest

from sightline_server.capture.base import Sink, Source
from sightline_server.capture.kind import MAX_CELLS, MAX_ID, StartedKind, directory, terminal_of_size
from sightline_server.capture.published import PublishedSource
from sightline_server.errors import BadField


class PublishedKind(StartedKind):
    """See `Kind`."""

    def check(self, request: CreateRequest) -> None:
        producer = request.published.producer_id
        if len(producer) > MAX_ID or not (producer.isprintable()):
            raise BadField(field="published.producer_id", problem=f"at most {MAX_ID} characters, none of them a control character")
        for name, cells in (("columns", request.published.terminal.columns), ("rows", request.published.terminal.rows)):
            if cells > MAX_CELLS:
                raise BadField(field=f"published.terminal.{name}", problem=f"at most {MAX_CELLS}")

    def words(self, request: CreateRequest) -> Sequence[str]:
        return [request.published.producer_id or "published"]

    async def record(self, request: CreateRequest) -> SessionMessage:
        size = request.published.terminal if request.published.HasField("terminal") else None
        return SessionMessage(
            kind=SessionKind.SESSION_KIND_PUBLISHED,
            cwd=directory(request.cwd) if request.cwd else "",
            terminal=None if size is None else terminal_of_size(size),
        )

    def new(self, request: CreateRequest, record: SessionMessage, sink: Sink) -> Source:
        return PublishedSource(sink)

    def resumed(self, record: SessionMessage, sink: Sink) -> Source:
        return PublishedSource(sink)
