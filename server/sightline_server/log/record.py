"""The encoding of a log: events as framed entries, and an index beside them.

An entry is one element of `SubscribeResponse.events` as it is on the wire: tag, length, message. Repeated fields concatenate, so
joined
entries are a valid response, and nothing is ever encoded again: disk, replay and every subscriber get the same bytes.
"""

from __future__ import annotations

import struct

from sightline.v1.event_pb2 import Channel, Event
from sightline.v1.session_service_pb2 import SubscribeResponse

NANOSECONDS = 1_000_000_000  # in a second
MAX_EVENT = 1024 * 1024  # bytes of one encoded event
MAX_ENTRY = MAX_EVENT + 4  # bytes of it framed
MAX_CHUNK = 64 * 1024  # bytes of program output in one event
ENTRY_TAG = bytes([SubscribeResponse.DESCRIPTOR.fields_by_name["events"].number << 3 | 2])
OUTPUT_KIND = Event.DESCRIPTOR.fields_by_name["output"].number
KINDS = {field.name: field.number for field in Event.DESCRIPTOR.oneofs_by_name["payload"].fields}

INDEX = struct.Struct("<IHHB3x")
"""An entry's length (framed), kind, source and channel (0 where it is no output)."""

FILTER_PART = slice(4, 9)
"""The part of an index entry that a filter looks at: kind, source, channel."""

_OUTPUT_TAG = bytes([(OUTPUT_KIND << 3 | 2) & 0x7F | 0x80, (OUTPUT_KIND << 3 | 2) >> 7])


def varint(value: int) -> bytes:
    """A protobuf varint."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def frame(message: bytes) -> bytes:
    """An encoded event as one entry."""
    return b"".join((ENTRY_TAG, varint(len(message)), message))


def encode(event: Event) -> tuple[bytes, int, int]:
    """An event as (entry, kind, channel)."""
    payload = event.WhichOneof("payload")
    kind = KINDS[payload] if payload else 0
    channel = event.output.channel if kind == OUTPUT_KIND else 0
    return frame(event.SerializeToString()), kind, channel


def head_start(session_id: str) -> bytes:
    """The part of every event of a session that is the same: done once for all."""
    encoded = session_id.encode()
    return b"\x0a" + varint(len(encoded)) + encoded


def head_source(source: str) -> bytes:
    """The part of every event of a source that is the same."""
    encoded = source.encode()
    return b"\x32" + varint(len(encoded)) + encoded


def output_head(start: bytes, seq: int, time: int, source: bytes, source_time: int = 0) -> bytes:
    """An `Event` without its payload: `head_start`, number, nanoseconds since 1970, `head_source`, its own time (0: none)."""
    stamp = _stamp(b"\x22", time) + (_stamp(b"\x2a", source_time) if source_time else b"")
    return b"".join((start, b"\x10", varint(seq), stamp, source))


def _stamp(tag: bytes, time: int) -> bytes:
    """A field that is a time, from nanoseconds since 1970."""
    seconds, nanos = divmod(time, NANOSECONDS)
    stamp = b"\x08" + varint(seconds) + (b"\x10" + varint(nanos) if nanos else b"")
    return tag + varint(len(stamp)) + stamp


def output_entry(head: bytes, channel: Channel.ValueType, data: bytes) -> bytes:
    """The entry of an `output` event; `head` is the encoded event without its payload.

    The same bytes as `encode` of the whole event would give, with one copy of `data` instead of four.
    """
    payload_head = b"\x08" + varint(channel) + b"\x12" + varint(len(data))
    payload_length = len(payload_head) + len(data)
    middle = _OUTPUT_TAG + varint(payload_length) + payload_head
    return b"".join((ENTRY_TAG, varint(len(head) + len(middle) + len(data)), head, middle, data))


def decode(data: bytes) -> list[Event]:
    """The events of joined entries."""
    return list(SubscribeResponse.FromString(data).events)
