"""df, gc, metrics: what the server keeps, what it takes, and making room."""

from __future__ import annotations

import argparse
import heapq
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sightline_cli import codes, people
from sightline_cli.command import Command, add_json, duration, size

if TYPE_CHECKING:
    from sightline.v1.session_pb2 import Session
    from sightline.v1.session_service_pb2 import CollectResponse, Metric, RetentionLimits, UsageResponse

COLUMNS = ("SESSION", "SIZE", "STATE", "AGE", "EVENTS", "COMMAND")
COMMAND = 5  # the column that gives way when the terminal is narrow
BAR = 24  # characters of the bar that shows how full it is
NEARLY_FULL = 0.9  # of the limit, or of the disk: shown in yellow


# --- df


def _df_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", "--largest", metavar="N", type=int, default=10, help="so many of the largest sessions; default: 10")
    add_json(parser, "the totals and limits as JSON, in bytes")


async def _df(chosen: argparse.Namespace) -> int:
    from sightline_cli import printing, reach  # noqa: PLC0415

    async with reach.server(chosen) as client:
        usage = await client.usage()
        if chosen.json:
            print(printing.to_json(usage))
            return codes.OK
        sessions = [session async for session in client.list()] if chosen.largest > 0 else []
    colour = people.wants_colour(sys.stdout)
    for line in _totals(usage, colour):
        print(line)
    largest = heapq.nlargest(chosen.largest, sessions, key=lambda session: session.bytes)
    if largest:
        now = time.time()
        lines = people.table(COLUMNS, [_row(one, now) for one in largest], people.width_of(sys.stdout), flexible=COMMAND)
        print()
        print(people.paint(lines[0], "bold", colour))
        for session, line in zip(largest, lines[1:], strict=True):
            print(people.paint(line, "dim", colour and session.HasField("end_time")))
    return codes.OK


def _totals(usage: UsageResponse, colour: bool) -> Iterator[str]:
    live = usage.log_bytes - usage.ended_log_bytes
    most = usage.limits.max_total_bytes
    kept = people.size(usage.log_bytes)
    if most:
        share = usage.log_bytes / most
        bar = "#" * min(BAR, round(share * BAR))
        painted = people.paint(bar, "yellow" if share > NEARLY_FULL else "green", colour)
        kept += f" of {people.size(most)}  [{painted}{'.' * (BAR - len(bar))}] {share:.0%}"
    ended = usage.sessions - usage.live_sessions
    # What is free beside what it takes: a disk that is nearly full is worth a look.
    tight = usage.free_bytes < (1 - NEARLY_FULL) * (usage.free_bytes + usage.disk_bytes + usage.spool_bytes)
    yield f"{people.paint('kept', 'bold', colour)}     {kept}"
    yield f"  live   {people.size(live):<10} {plural(usage.live_sessions, 'session')}"
    yield f"  ended  {people.size(usage.ended_log_bytes):<10} {plural(ended, 'session')}"
    yield f"on disk  {people.size(usage.disk_bytes)}"
    yield f"spools   {people.size(usage.spool_bytes)}"
    yield f"free     {people.paint(people.size(usage.free_bytes), 'yellow', colour and tight)}"
    yield f"limits   {limits(usage.limits)}"


def _row(session: Session, now: float) -> tuple[str, ...]:
    from sightline_cli import sessions  # noqa: PLC0415
    from sightline_cli import words as say  # noqa: PLC0415

    events = session.head_seq - session.oldest_seq + 1 if session.head_seq else 0
    return (
        session.name,
        people.size(session.bytes),
        say.state(session.state),
        people.age(now - sessions.seconds(session.create_time)),
        str(events),
        sessions.what(session),
    )


def limits(most: RetentionLimits) -> str:
    """`4.0 GiB a session, 20.0 GiB in all, 30d`."""
    parts = [
        f"{people.size(most.max_session_bytes)} a session" if most.max_session_bytes else "",
        f"{people.size(most.max_total_bytes)} in all" if most.max_total_bytes else "",
        people.age(most.max_age.ToTimedelta().total_seconds()) if most.HasField("max_age") else "",
    ]
    return ", ".join(filter(None, parts)) or "none"


def plural(count: int, word: str) -> str:
    """`1 session`, `2 sessions`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


# --- gc


def _gc_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--max-total", metavar="SIZE", type=positive_size, default=0, help="keep so much in all, such as 2G")
    parser.add_argument("--max-session", metavar="SIZE", type=positive_size, default=0, help="keep so much of each session")
    parser.add_argument("--max-age", metavar="AGE", type=positive_duration, help="keep what is not older, such as 12h or 7d")
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and remove nothing")
    add_json(parser, "what was removed, as JSON")


async def _gc(chosen: argparse.Namespace) -> int:
    from sightline_cli import printing, reach  # noqa: PLC0415

    async with reach.server(chosen) as client:
        removed = await client.collect(
            max_session_bytes=chosen.max_session,
            max_total_bytes=chosen.max_total,
            max_age=chosen.max_age,
            dry_run=chosen.dry_run,
        )
    print(printing.to_json(removed) if chosen.json else _removed(removed, chosen.dry_run))
    return codes.OK


def _removed(removed: CollectResponse, dry_run: bool) -> str:
    if not removed.events and not removed.removed_sessions:
        return "nothing is beyond the limits"
    verb = "would remove" if dry_run else "removed"
    parts = [f"{verb} {people.size(removed.bytes)}: {plural(removed.events, 'event')}"]
    if removed.removed_sessions:
        parts.append(f"{plural(removed.removed_sessions, 'ended session')} forgotten")
    if removed.shortened_sessions:
        parts.append(f"{plural(removed.shortened_sessions, 'session')} shortened")
    return ", ".join(parts)


def positive_size(text: str) -> int:
    """A size that is more than nothing."""
    found = size(text)
    if not found:
        raise argparse.ArgumentTypeError("it must be more than nothing: `sightline rm` forgets sessions")
    return found


def positive_duration(text: str) -> float:
    """A duration that is more than nothing."""
    found = duration(text)
    if not found:
        raise argparse.ArgumentTypeError("it must be more than nothing: `sightline rm` forgets sessions")
    return found


# --- metrics


def _metrics_arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser, "one metric a line, as JSON")


async def _metrics(chosen: argparse.Namespace) -> int:
    from sightline_cli import printing, reach  # noqa: PLC0415

    async with reach.server(chosen) as client:
        metrics = (await client.metrics()).metrics
    for line in map(printing.to_json, metrics) if chosen.json else open_metrics(metrics):
        print(line)
    return codes.OK


def open_metrics(metrics: Sequence[Metric]) -> Iterator[str]:
    """The OpenMetrics text format 1.0; Prometheus's own older format takes it too."""
    from sightline.v1.session_service_pb2 import Metric  # noqa: PLC0415

    kinds = {Metric.KIND_COUNTER: "counter", Metric.KIND_GAUGE: "gauge"}
    last = ""
    for metric in metrics:
        family = metric.name.removesuffix("_total") if metric.kind == Metric.KIND_COUNTER else metric.name
        if family != last:
            last = family
            yield f"# TYPE {family} {kinds.get(metric.kind, 'unknown')}"
            if metric.help:
                yield f"# HELP {family} {escaped(metric.help)}"
        labels = ",".join(f'{name}="{escaped(value)}"' for name, value in sorted(metric.labels.items()))
        yield f"{metric.name}{{{labels}}} {number(metric.value)}" if labels else f"{metric.name} {number(metric.value)}"
    yield "# EOF"


def escaped(text: str) -> str:
    """As label values and help texts have it."""
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def number(value: float) -> str:
    """Whole numbers without a point, so that large ones keep their digits."""
    return str(int(value)) if value.is_integer() else repr(value)


DF = Command(
    name="df",
    summary="Show what the logs take, the limits, and the largest sessions.",
    when="""\
KEPT is what can still be read. ON DISK is what holds it, and can be more: room that became free in
the database is used again before it is given back.""",
    examples=(
        ("sightline df", "totals, limits, the ten largest sessions"),
        ("sightline df --json", "the totals for a program, in bytes"),
    ),
    arguments=_df_arguments,
    run=_df,
)

GC = Command(
    name="gc",
    summary="Remove old events and sessions now.",
    when="""\
The server does so by itself in the background, within its limits (`sightline serve --help`). Without arguments
this does it at once; with arguments by tighter limits, for this once. The oldest events go first, those of ended
sessions before those of live ones; an ended session that has nothing left is forgotten. No program is touched, and
a live session keeps its newest events.""",
    examples=(
        ("sightline gc --max-total 2G --dry-run", "what would have to go to come down to 2 GiB"),
        ("sightline gc --max-age 7d", "forget what is older than a week"),
    ),
    arguments=_gc_arguments,
    run=_gc,
)

METRICS = Command(
    name="metrics",
    summary="Print the server's counters and gauges.",
    when="In the text format of OpenMetrics, which Prometheus and its node exporter (textfile) read.",
    examples=(("sightline metrics > /var/lib/node_exporter/sightline.prom", "for the node exporter, from a timer"),),
    arguments=_metrics_arguments,
    run=_metrics,
)
