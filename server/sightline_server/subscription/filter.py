"""Which entries pass a subscriber's filter, judged by the index kept beside the bytes: nothing is decoded."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from sightline.v1.event_pb2 import Channel, EventKind
from sightline.v1.session_service_pb2 import Filter

from sightline_server.errors import BadField
from sightline_server.log.session_log import SessionLog

PART = struct.Struct("<HHB")  # `log.record.FILTER_PART` of an index entry

KINDS = frozenset(EventKind.values()) - {EventKind.EVENT_KIND_UNSPECIFIED}
CHANNELS = frozenset(Channel.values()) - {Channel.CHANNEL_UNSPECIFIED}


class EntryFilter:
    """A request's filter over one log; remembers its verdict on each combination of kind, source and channel."""

    def __init__(self, wanted: Filter, log: SessionLog) -> None:
        self._kinds = frozenset(wanted.kinds)
        self._sources: Sequence[str] = tuple(wanted.sources)
        self._channels = frozenset(wanted.channels)
        self._log = log
        self._verdicts: dict[bytes, bool] = {}

    def passes(self, part: bytes) -> bool:
        """Whether an entry with this `FILTER_PART` passes."""
        verdict = self._verdicts.get(part)
        if verdict is None:
            verdict = self._verdicts[part] = self._judge(*PART.unpack(part))
        return verdict

    def _judge(self, kind: int, source: int, channel: int) -> bool:
        if self._kinds and kind not in self._kinds:
            return False
        if self._channels and channel and channel not in self._channels:
            return False
        return not self._sources or source in self._log.source_ids(self._sources)


def is_empty(wanted: Filter) -> bool:
    """Everything passes."""
    return not (wanted.kinds or wanted.sources or wanted.channels)


def check(wanted: Filter) -> None:
    """Refuses kinds and channels that are none."""
    for kind in set(wanted.kinds) - KINDS:
        raise BadField(field="filter.kinds", problem=f"{kind} is no kind of event")
    for channel in set(wanted.channels) - CHANNELS:
        raise BadField(field="filter.channels", problem=f"{channel} is no channel")
