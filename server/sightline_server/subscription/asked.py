"""What a request may not ask, whatever the state of things; and its times in plain numbers. Pure."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from sightline.v1.session_service_pb2 import OnExcess, OnGap, OnSlow, Pacing, SubscribeRequest, View

from sightline_server.errors import BadField, TooManySessionsNamed
from sightline_server.log.record import NANOSECONDS
from sightline_server.subscription import filter as filters

ALL = "*"
MAX_SESSIONS_NAMED = 10_000
MAX_SESSION_REFERENCE = 512  # characters of `name@host`: the longest name and the longest host, and then some
MAX_WINDOW_SECONDS = 3600  # of `min_interval`
MAX_DURATION_SECONDS = 315_576_000_000  # 10 000 years: what protobuf allows
MIN_TIMESTAMP_SECONDS = -62_135_596_800  # 0001-01-01: what protobuf allows
MAX_TIMESTAMP_SECONDS = 253_402_300_799  # 9999-12-31T23:59:59


def check(request: SubscribeRequest) -> None:
    """Raises a `SightlineError` that names the field."""
    if not request.sessions:
        raise BadField(field="sessions", problem="name at least one session, or `*` for all")
    if len(request.sessions) > MAX_SESSIONS_NAMED:
        raise TooManySessionsNamed(count=len(request.sessions), limit=MAX_SESSIONS_NAMED)
    for name in request.sessions:
        check_reference("sessions", name)
    filters.check(request.filter)
    for name, enum in (("view", View), ("on_slow", OnSlow), ("on_gap", OnGap)):
        if getattr(request, name) not in enum.values():
            raise BadField(field=name, problem=f"{getattr(request, name)} is none of its values")
    if request.omit_echo and request.view != View.VIEW_TEXT:
        raise BadField(field="omit_echo", problem="it goes with the view TEXT")
    check_pacing(request.pacing)
    check_start(request)
    if request.HasField("heartbeat_interval") and not seconds_of("heartbeat_interval", request.heartbeat_interval):
        raise BadField(field="heartbeat_interval", problem="it must be longer than nothing")


def check_pacing(pacing: Pacing) -> None:
    """Raises `BadField`."""
    if pacing.on_excess not in OnExcess.values():
        raise BadField(field="pacing.on_excess", problem=f"{pacing.on_excess} is none of its values")
    if seconds_of("pacing.min_interval", pacing.min_interval) > MAX_WINDOW_SECONDS:
        raise BadField(field="pacing.min_interval", problem="at most an hour")


def check_start(request: SubscribeRequest) -> None:
    """Raises `BadField` for a start that is none; whether a cursor fits its log is seen when the log is at hand."""
    start = request.WhichOneof("start")
    if request.snapshot and start not in (None, "latest"):
        raise BadField(field="snapshot", problem="it goes with the start `latest`, or none")
    named = {cursor.session_id for cursor in request.after.cursors}
    if len(named) != len(request.after.cursors):
        raise BadField(field="after.cursors", problem="there are two for one session")
    if "" in named:
        raise BadField(field="after.cursors", problem="one has no session_id")
    if "" in request.resume.places:
        raise BadField(field="resume.places", problem="one has no session_id")
    if start == "at_time":
        nanoseconds_of("at_time", request.at_time)


def check_reference(field: str, name: str) -> None:
    """Raises `BadField` for what is no id and no name, without repeating all of it."""
    if len(name) > MAX_SESSION_REFERENCE:
        raise BadField(field=field, problem=f"{name[:32]!r} and so on has {len(name)} characters: it is no session's id or name")


def seconds_of(field: str, duration: Duration) -> float:
    """A duration in seconds; unset: 0. Raises `BadField` for one that protobuf does not allow, or below 0."""
    seconds, nanos = duration.seconds, duration.nanos
    if abs(seconds) > MAX_DURATION_SECONDS or abs(nanos) >= NANOSECONDS or (seconds and nanos and (seconds > 0) != (nanos > 0)):
        raise BadField(field=field, problem=f"{seconds} s and {nanos} ns is no duration")
    if seconds < 0 or nanos < 0:
        raise BadField(field=field, problem="it must not be negative")
    return seconds + nanos / NANOSECONDS


def nanoseconds_of(field: str, time: Timestamp) -> int:
    """A time in nanoseconds since 1970; before that: below 0. Raises `BadField` for one that protobuf does not allow."""
    if not MIN_TIMESTAMP_SECONDS <= time.seconds <= MAX_TIMESTAMP_SECONDS or not 0 <= time.nanos < NANOSECONDS:
        raise BadField(field=field, problem=f"{time.seconds} s and {time.nanos} ns is no time between the years 1 and 9999")
    return time.seconds * NANOSECONDS + time.nanos
