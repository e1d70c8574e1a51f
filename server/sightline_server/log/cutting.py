"""An event that is too large for an entry, made to fit: its longest texts are cut, what is around them stays. Knows no log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from sightline.v1.event_pb2 import Event

ROOM = 16  # bytes for `truncated_bytes` itself, and for lengths that are written shorter
WORTH_CUTTING = 1024  # bytes of one text: with shorter ones it is their number that is too large


def fitting(event: Event, limit: int) -> Event:
    """As much of an event as takes at most `limit` bytes, with `truncated_bytes`: how many are missing. The event is left alone."""
    short = Event()
    short.CopyFrom(event)
    missing = 0
    while (excess := short.ByteSize() + ROOM - limit) > 0:
        missing += _shorten(short, excess)
    short.truncated_bytes = missing
    return short


def _shorten(event: Event, excess: int) -> int:
    """Cuts something of about `excess` bytes; returns how many it was."""
    lists: list[Any] = []
    size, holder, name, place = max(_texts(event, lists), key=lambda text: text[0], default=(0, event, "raw", -1))
    if size > WORTH_CUTTING or not lists:
        return size - _cut(holder, name, place, max(0, size - excess))
    before = event.ByteSize()
    longest = max(lists, key=len)
    if hasattr(longest, "keys"):
        longest.clear()
    else:
        del longest[len(longest) // 2 :]
    return before - event.ByteSize()


def _cut(holder: Message, name: str, place: int, keep: int) -> int:
    """Keeps the first `keep` bytes of a text, or fewer: none of half a character. Returns how many."""
    value = getattr(holder, name) if place < 0 else getattr(holder, name)[place]
    kept = value[:keep] if isinstance(value, bytes) else value.encode()[:keep].decode("utf-8", "ignore")
    if place < 0:
        setattr(holder, name, kept)
    else:
        getattr(holder, name)[place] = kept
    return _length(kept)


def _texts(message: Message, lists: list[Any]) -> Iterator[tuple[int, Message, str, int]]:
    """Every text of a message: (bytes, holder, field, place in a list or -1). `lists` gets its lists and maps, none empty."""
    for field, value in message.ListFields():
        is_text = field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
        if field.is_repeated:
            lists.append(value)
            is_map = hasattr(value, "keys")
            for place, one in enumerate(() if is_map else value):
                if is_text:
                    yield _length(one), message, field.name, place
                elif isinstance(one, Message):
                    yield from _texts(one, lists)
        elif is_text:
            yield _length(value), message, field.name, -1
        elif isinstance(value, Message):
            yield from _texts(value, lists)


def _length(value: str | bytes) -> int:
    return len(value) if isinstance(value, bytes) or value.isascii() else len(value.encode())
