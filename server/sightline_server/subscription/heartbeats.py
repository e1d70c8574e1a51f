"""How far a stream is, in messages of a bounded size. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from sightline.v1.session_service_pb2 import Heartbeat, Position, SubscribeResponse

MAX_POSITIONS = 1000  # in one heartbeat: some milliseconds of work, and far below the limit of a response


def heartbeats(positions: Iterable[Position], now: int, moment: int) -> Iterator[bytes]:
    """Encoded responses with all positions, more than one if there are many; one also when there are none.

    Args:
        positions: one for each session.
        now: nanoseconds since 1970.
        moment: see `Header.moment`.
    """
    left = iter(positions)
    some = list(islice(left, MAX_POSITIONS))
    while True:
        heartbeat = Heartbeat(positions=some, moment=moment)
        heartbeat.time.FromNanoseconds(now)
        yield SubscribeResponse(heartbeat=heartbeat).SerializeToString()
        some = list(islice(left, MAX_POSITIONS))
        if not some:
            return
