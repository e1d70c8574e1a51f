"""Bytes and times to text, for dialects that have no others: a character that was cut comes whole, what is none is replaced.

Pure: knows events, and neither sockets nor calls.
"""

from __future__ import annotations

import codecs

from google.protobuf.timestamp_pb2 import Timestamp
from sightline.v1.event_pb2 import Event, OutputLost
from sightline.v1.session_service_pb2 import Gap

Stream = tuple[str, str, int]  # session, source, channel: bytes of one go on in its next event

_new = codecs.getincrementaldecoder("utf-8")


class Texts:
    """The text of several sessions' output, each stream of it on its own."""

    def __init__(self) -> None:
        self._decoders: dict[Stream, codecs.IncrementalDecoder] = {}

    def of(self, event: Event) -> str:
        """The text of an `output` event, without a character at its end that is not whole yet."""
        stream = (event.session_id, event.source, event.output.channel)
        if stream not in self._decoders:
            self._decoders[stream] = _new("replace")
        return self._decoders[stream].decode(event.output.data)

    def rest(self, session_id: str) -> str:
        """What is left of a session that has ended: characters that will not get whole any more."""
        streams = [stream for stream in self._decoders if stream[0] == session_id]
        return "".join(self._decoders.pop(stream).decode(b"", final=True) for stream in streams)


def lost(what: Gap | OutputLost) -> str:
    """That something is missing, for people."""
    size = f"{what.bytes} bytes" if what.bytes else "some"
    if isinstance(what, Gap):
        return f"{size} of the log are no longer kept"
    return f"{size} of output could not be captured{f': {what.reason}' if what.reason else ''}"


def iso(time: Timestamp) -> str:
    """A time as JavaScript writes it, in UTC."""
    return time.ToDatetime().isoformat(timespec="milliseconds") + "Z"
