"""`Usage` and `Collect` in the contract's words: how much is kept, what it takes, and what was removed."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from sightline.v1.session_service_pb2 import CollectRequest, CollectResponse, RetentionLimits, UsageResponse

from sightline_server.errors import BadField
from sightline_server.log.expiry import Limits
from sightline_server.log.retention import Retention

MOST = 1 << 62  # bytes: larger limits are none, and the store's integers have 63 bits
BLOCK = 512  # bytes in one of `st_blocks`


async def usage(retention: Retention, home: Path, spools: Path) -> UsageResponse:
    """What the logs take, and the limits."""
    used = await retention.usage()
    spool_bytes, free_bytes = await asyncio.to_thread(lambda: (tree_bytes(spools), free(home)))
    return UsageResponse(
        log_bytes=used.log_bytes,
        ended_log_bytes=used.ended_bytes,
        disk_bytes=used.disk_bytes,
        spool_bytes=spool_bytes,
        free_bytes=free_bytes,
        sessions=used.live + used.ended,
        live_sessions=used.live,
        limits=to_message(retention.limits),
    )


async def collect(retention: Retention, request: CollectRequest) -> CollectResponse:
    """Removes what is beyond the limits."""
    removed = await retention.collect(from_message(request.limits), dry_run=request.dry_run)
    return CollectResponse(
        bytes=removed.bytes,
        events=removed.events,
        shortened_sessions=len(removed.shortened),
        removed_sessions=len(removed.forgotten),
    )


def to_message(limits: Limits) -> RetentionLimits:
    """Limits as a message; without a `max_age` where there is none."""
    message = RetentionLimits(max_session_bytes=limits.max_session_bytes, max_total_bytes=limits.max_total_bytes)
    if limits.max_age:
        message.max_age.FromNanoseconds(limits.max_age)
    return message


def from_message(message: RetentionLimits) -> Limits:
    """The other way round. Raises `BadField`."""
    age = message.max_age.ToNanoseconds()
    if age < 0:
        raise BadField(field="limits.max_age", problem="it must be longer than nothing")
    return Limits(min(message.max_session_bytes, MOST), min(message.max_total_bytes, MOST), age)


def free(place: Path) -> int:
    """Bytes that this user can still write there."""
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


def tree_bytes(directory: Path) -> int:
    """What the files below a directory take on the disk."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks * BLOCK
            except FileNotFoundError:  # removed meanwhile
                continue
    return total
