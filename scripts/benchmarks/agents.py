"""`scripts/bench --agents`: what the decoders make of the recordings in `tests/data/agents`, and how fast.

Unlike the other subjects it judges: a wrong outcome, a call without a result or a line that nobody understood is a failure.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from sightline.v1.event_pb2 import Event, ToolStatus
from support.recordings import Recording, outcome_of, recordings

from benchmarks.run import MB

GOAL = 40  # MB/s on one core
CHUNK = 64 * 1024  # bytes, as a spool is read
LONG = {False: 2_000_000, True: 200_000}  # bytes that a recording is made to for the time, by quick
ROUNDS = 3
HOSTILE = {"synthetic"}  # what is not understood there is meant not to be
COLUMNS = (14, 6, 7, 8, 7, 8, 8, 8, 7, 9, 9)
HEADING = ("agent", "files", "lines", "unknown", "calls", "linked", "closed", "right", "wrong", "MB/s", "slowest")


@dataclass
class Row:
    """Sums over an agent's recordings.

    Attributes:
        agent: its directory: the family, its version where there are several, `-disk` for what it writes itself.
        files: how many recordings.
        lines: in them.
        unknown: that nothing understood.
        calls: of tools.
        linked: that have their result.
        closed: whose result never came: closed as unknown.
        right: whose outcome is the truth.
        wrong: whose is not.
        size: bytes in the recordings.
        seconds: of one core for them, at the speed of longer ones.
        slowest: bytes a second, of the one with the smallest lines, as a rule.
    """

    agent: str
    files: int = 0
    lines: int = 0
    unknown: int = 0
    calls: int = 0
    linked: int = 0
    closed: int = 0
    right: int = 0
    wrong: int = 0
    size: int = 0
    seconds: float = 0.0
    slowest: float = float("inf")


def main(*, quick: bool, each: bool) -> int:
    """Prints the table; 1: something is wrong."""
    print(shown(HEADING))
    rows: dict[str, Row] = {}
    complaints: list[str] = []
    for one in recordings():
        agent = one.name.partition("/")[0]
        row = rows.setdefault(agent, Row(agent))
        if one.decoder is None:
            complaints.append(f"{one.name}: nothing reads it")
            continue
        complaints += judge(one, row)
        if one.data:
            speed = measured(one, quick=quick)
            row.size += len(one.data)
            row.seconds += len(one.data) / speed
            row.slowest = min(row.slowest, speed)
            if each:
                print(f"  {one.name:<40} {speed / MB:8.1f} MB/s, {len(one.data):>7} bytes", flush=True)
    for row in rows.values():
        speeds = (f"{row.size / row.seconds / MB:.1f}", f"{row.slowest / MB:.1f}") if row.size else ("-", "-")
        counts = (row.files, row.lines, row.unknown, row.calls, row.linked, row.closed, row.right, row.wrong)
        print(shown((row.agent, *map(str, counts), *speeds)), flush=True)
    total = sum(row.size for row in rows.values()) / sum(row.seconds for row in rows.values()) / MB
    print(f"all together {total:.1f} MB/s on one core; wanted are {GOAL}{'' if total >= GOAL else ': MISSED'}")
    for complaint in complaints:
        print(f"WRONG {complaint}", flush=True)
    return int(bool(complaints))


def judge(one: Recording, row: Row) -> list[str]:
    """Counts what its events say, and tells what is wrong with them."""
    assert one.decoder is not None  # noqa: S101 - for the type checker: the caller has looked
    decoder = one.decoder()
    events = [*decoder.feed(one.data), *decoder.close(one.end())]
    calls = {event.tool_call.tool_call_id for event in events if event.HasField("tool_call")}
    results = {event.tool_result.tool_call_id: event.tool_result.status for event in events if event.HasField("tool_result")}
    row.files += 1
    row.lines += decoder.lines
    row.unknown += decoder.unknown_lines
    row.calls += len(calls)
    row.linked += len(calls & results.keys())
    row.closed += sum(results[call] == ToolStatus.TOOL_STATUS_UNKNOWN for call in calls & results.keys())
    complaints = [f"{one.name}: {said}" for said in wrong_outcomes(one, events)]
    row.wrong += bool(complaints)
    row.right += not complaints
    if decoder.unknown_lines and row.agent not in HOSTILE:
        complaints.append(f"{one.name}: {decoder.unknown_lines} lines that nothing understood")
    if calls - results.keys():
        complaints.append(f"{one.name}: {len(calls - results.keys())} calls without a result")
    return complaints


def wrong_outcomes(one: Recording, events: list[Event]) -> Iterable[str]:
    """What the outcome is said to be where it is another: as it ended, and had Sightline sent the signal."""
    if outcome_of(events) != one.outcome:
        yield f"its outcome is {one.outcome}, and was said to be {outcome_of(events)}"
    if one.sent:
        asked = outcome_of(one.events(asked=True))
        if asked != one.if_asked:
            yield f"its outcome is {one.if_asked} where it was asked to end, and was said to be {asked}"


def measured(one: Recording, *, quick: bool) -> float:
    """Bytes in a second of one core's time, of a recording made longer: the best of some rounds."""
    assert one.decoder is not None  # noqa: S101 - for the type checker: the caller has looked
    data = longer(one, LONG[quick])
    best = float("inf")
    for _ in range(ROUNDS):
        decoder = one.decoder()
        began = time.process_time()
        for start in range(0, len(data), CHUNK):
            decoder.feed(data[start : start + CHUNK])
        decoder.close(one.end())
        best = min(best, time.process_time() - began)
    return len(data) / best


def longer(one: Recording, size: int) -> bytes:
    """The recording with all but its first and last line said again and again, each time with ids of its own."""
    first, *middle = one.data.splitlines(keepends=True)[:-1] or [b""]
    last = one.data[len(first) + sum(map(len, middle)) :]
    if not middle:
        return one.data
    body = b"".join(middle)
    ids = {
        name.encode()
        for event in one.events()
        for name in (event.tool_call.tool_call_id, event.message.message_id, event.thinking.message_id)
        if name
    }
    again = []
    for number in range(max(1, size // len(body))):
        part = body
        for name in ids:
            part = part.replace(b'"' + name + b'"', b'"%b-%d"' % (name, number))
        again.append(part)
    return b"".join([first, *again, last])


def shown(cells: Iterable[str]) -> str:
    """One line of the table."""
    first, *others = zip(cells, COLUMNS, strict=True)
    return f"{first[0]:<{first[1]}}" + "".join(f"{cell:>{width}}" for cell, width in others)
