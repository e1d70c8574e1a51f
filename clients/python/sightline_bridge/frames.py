"""The two forms of a frame: binary, and proto3 JSON. A response of the service is put into a binary frame as the bytes that it is.

Knows the contract, and no sockets.
"""

from __future__ import annotations

from typing import Protocol

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from sightline.v1.bridge_pb2 import ClientFrame, ServerFrame

from sightline_bridge.calls import Method
from sightline_bridge.errors import BadFrame

CALL_TAG = bytes([ServerFrame.CALL_FIELD_NUMBER << 3])
LENGTH_DELIMITED = 2
MAX_DEPTH = 100  # of JSON: as deep as the library reads messages


class Form(Protocol):
    """How frames are written on one subprotocol.

    Attributes:
        protocol: the subprotocol.
    """

    protocol: str

    def read(self, data: bytes | str) -> ClientFrame:
        """What a client says. Raises `BadFrame`."""
        ...

    def response(self, call: int, method: Method, response: bytes) -> bytes | str:
        """A frame with a response as it came from the service."""
        ...

    def frame(self, frame: ServerFrame) -> bytes | str:
        """A frame of the bridge's own."""
        ...


class Binary:
    """The contract's own encoding."""

    protocol = "sightline.v1.protobuf"

    def read(self, data: bytes | str) -> ClientFrame:
        if isinstance(data, str):
            raise BadFrame(f"text came, and {self.protocol} is binary: send the bytes of a sightline.v1.ClientFrame")
        try:
            return ClientFrame.FromString(data)
        except DecodeError:
            raise BadFrame("these bytes are no sightline.v1.ClientFrame") from None

    def response(self, call: int, method: Method, response: bytes) -> bytes:
        tag = varint(method.number << 3 | LENGTH_DELIMITED)
        return b"".join((CALL_TAG, varint(call), tag, varint(len(response)), response))

    def frame(self, frame: ServerFrame) -> bytes:
        return frame.SerializeToString()


BINARY = Binary()


class Json:
    """Proto3 JSON, for people and scripts."""

    protocol = "sightline.v1.json"

    def read(self, data: bytes | str) -> ClientFrame:
        if isinstance(data, bytes):
            raise BadFrame(f"bytes came, and {self.protocol} is text: send a sightline.v1.ClientFrame as JSON")
        try:
            return json_format.Parse(data, ClientFrame(), max_recursion_depth=MAX_DEPTH)
        except (json_format.ParseError, ValueError, RecursionError, TypeError, AttributeError) as error:
            words = " ".join(str(error).encode(errors="replace").decode().split())[:300] or type(error).__name__
            raise BadFrame(f"this is no sightline.v1.ClientFrame as JSON: {words}") from None

    def response(self, call: int, method: Method, response: bytes) -> str:
        return self.frame(ServerFrame.FromString(BINARY.response(call, method, response)))

    def frame(self, frame: ServerFrame) -> str:
        return json_format.MessageToJson(frame, indent=None, ensure_ascii=False)


FORMS: dict[str, Form] = {form.protocol: form for form in (BINARY, Json())}
"""By subprotocol, the best first."""


def varint(number: int) -> bytes:
    """A number as the contract's encoding writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
