"""The server's counters and gauges as one answer, with names and units of OpenMetrics."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from sightline.v1.session_service_pb2 import Metric, MetricsResponse

from sightline_server.metrics import Counters
from sightline_server.sessions.registry import Registry

COUNTER = Metric.KIND_COUNTER
GAUGE = Metric.KIND_GAUGE


def answer(registry: Registry, counters: Counters) -> MetricsResponse:
    """All metrics, those of one name behind each other."""
    return MetricsResponse(metrics=[*work(counters), *following(registry), *process()])


def work(counters: Counters) -> Iterator[Metric]:
    """What was done."""
    for each in fields(counters):
        value = getattr(counters, each.name)
        yield Metric(name=f"sightline_{each.name}_total", kind=COUNTER, help=each.metadata["help"], value=value)


def following(registry: Registry) -> Iterator[Metric]:
    """Who follows what, and how far behind they are."""
    live = sum(1 for _ in registry.live_logs())
    yield Metric(name="sightline_live_sessions", kind=GAUGE, help="Sessions that have not ended.", value=live)
    followed = registry.followed_logs()
    for name, meaning, value in (
        ("followers", "Subscribers of a session.", lambda log: len(log.followers)),
        (
            "lag_events_max",
            "Events committed and not yet handed to the slowest follower.",
            lambda log: log.head_seq - min(follower.seq for follower in log.followers),
        ),
        (
            "lag_bytes_max",
            "Bytes committed and not yet handed to the slowest follower.",
            lambda log: log.bounds.end_offset - min(follower.offset for follower in log.followers),
        ),
    ):
        for log in followed:
            labels = {"session": log.session_id}
            yield Metric(name=f"sightline_session_{name}", kind=GAUGE, help=meaning, labels=labels, value=value(log))


def process() -> Iterator[Metric]:
    """What the process itself takes; the names are those that every Prometheus client library gives."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    for name, kind, meaning, value in (
        ("process_cpu_seconds_total", COUNTER, "Processor time, user and system.", used.ru_utime + used.ru_stime),
        ("process_resident_memory_bytes", GAUGE, "Resident memory.", pages * os.sysconf("SC_PAGE_SIZE")),
        ("process_open_fds", GAUGE, "Open descriptors.", len(os.listdir("/proc/self/fd"))),
        ("sightline_tasks", GAUGE, "Tasks of the event loop.", len(asyncio.all_tasks())),
    ):
        yield Metric(name=name, kind=kind, help=meaning, value=value)
