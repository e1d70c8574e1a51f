"""The service's calls by their names in frames, as gRPC takes them: bytes in, bytes out. Read from the contract, not listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sightline.client import Client
from sightline.v1.bridge_pb2 import ClientFrame, ServerFrame
from sightline.v1.session_service_pb2 import DESCRIPTOR

if TYPE_CHECKING:
    from sightline.transport import aio

SERVICE = DESCRIPTOR.services_by_name["SessionService"]
LARGE = {"list", "list_events", "search", "snapshot"}


@dataclass(frozen=True)
class Method:
    """One call of the service.

    Attributes:
        field: its name in frames, such as `list_events`.
        number: its field's number in frames.
        path: as gRPC writes it.
        streams: its responses are many.
        lasts: it ends when something happens, which may be never; without its client it is for nobody.
        large: its one response may be of a megabyte.
    """

    field: str
    number: int
    path: str
    streams: bool
    lasts: bool
    large: bool


def _methods() -> dict[str, Method]:
    fields = {field.message_type.full_name: field for field in ClientFrame.DESCRIPTOR.fields if field.message_type is not None}
    answers = {field.name: field for field in ServerFrame.DESCRIPTOR.fields}
    found = {}
    for method in SERVICE.methods:
        field = fields[method.input_type.full_name]
        if answers[field.name].number != field.number:
            raise TypeError(f"{field.name} has two numbers in the contract")
        path = f"/{SERVICE.full_name}/{method.name}"
        streams = method.server_streaming
        found[field.name] = Method(field.name, field.number, path, streams, streams or field.name == "wait", field.name in LARGE)
    return found


METHODS = _methods()
"""All of them, by their names in frames. A call of the service without a field in both frames is an error at the import."""


class Calls:
    """Starts calls on a client's channel with bytes, and gives bytes."""

    def __init__(self, client: Client) -> None:
        self._client = client
        channel = client.channel
        self._unary: dict[str, aio.UnaryUnaryMultiCallable[bytes, bytes]] = {
            one.field: channel.unary_unary(one.path) for one in METHODS.values() if not one.streams
        }
        self._streams: dict[str, aio.UnaryStreamMultiCallable[bytes, bytes]] = {
            one.field: channel.unary_stream(one.path) for one in METHODS.values() if one.streams
        }

    def unary(self, method: Method, request: bytes) -> aio.UnaryUnaryCall[bytes, bytes]:
        """Starts a call with one response."""
        return self._unary[method.field](request, metadata=self._client.metadata)

    def stream(self, method: Method, request: bytes) -> aio.UnaryStreamCall[bytes, bytes]:
        """Starts a call with many responses."""
        return self._streams[method.field](request, metadata=self._client.metadata)
