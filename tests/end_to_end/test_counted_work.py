"""The guard against regressions of speed: not how long it takes, which no two machines agree on, but how much is done.

A fixed work against a real server, counted by the server itself (`Metrics`), by the kernel (`/proc/PID/io` of server and relay) and
by Python's own profiler. So that the counts are the same on any machine, the server is stopped (SIGSTOP) while the program writes:
it then finds everything in the spool, however fast either of them is. The spool holds 32 MiB, so 20 MB never hold the program back.

Each bound is what the design makes necessary, times SLACK; where it comes from, and what was counted, stands beside it. Sizes are
written down here again, not imported: a bound that moved along with the code would guard nothing.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sightline.v1 import session_service_pb2 as pb
from support.counting import (
    Gate,
    ProfiledServer,
    Subscriber,
    Work,
    calls,
    encodings,
    kernel,
    reaped,
    relay_of,
    spooled,
    work_so_far,
)
from support.server import PATIENCE, ServerProcess, connect, create

SLACK = 1.5
LINE = b"the quick brown fox jumps over the lazy dog and writes about it in a build log\n"
LAST = b"that was the last line\n"
FLOOD = LINE * (20_000_000 // len(LINE)) + LAST
CHUNK = 64 * 1024  # bytes of output in one event, at most (`log.record.MAX_CHUNK`)
LOOK = 256 * 1024  # bytes read from the spool, and committed, at once (`capture.spool.READ_BYTES`)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    made = Gate(tmp_path / "gate")
    yield made
    made.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.005)


@contextlib.contextmanager
def stopped(server: ServerProcess) -> Iterator[None]:
    """The server does nothing meanwhile."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


@dataclass
class Flood:
    """A flood that was delivered.

    Attributes:
        work: the server's.
        relay: `/proc/PID/io` of the relay.
        relay_pid: the relay's.
        session: its id.
        log_bytes: of the session's log in the end.
        events: in it.
    """

    work: Work
    relay: dict[str, int]
    relay_pid: int
    session: str
    log_bytes: int
    events: int


def flood(server: ServerProcess, gate: Gate, tmp_path: Path, count: int) -> Flood:
    """20 MB of a command's output, delivered to so many subscribers."""
    (tmp_path / "flood").write_bytes(FLOOD)
    before = work_so_far(server)
    with connect(server.target) as stub:
        script = 'head -c1 "$0" >/dev/null; cat "$1"; head -c1 "$0" >/dev/null'
        session = create(stub, "sh", "-c", script, str(gate.path), str(tmp_path / "flood")).id
        spool = server.home / "spool" / session
        subscribers = [Subscriber(server.target, session, LAST).start() for _ in range(count)]
        for subscriber in subscribers:
            assert subscriber.caught_up.wait(PATIENCE)
        relay = relay_of(spool)
        relay_before = kernel(relay)
        with stopped(server):
            gate.open()
            until(lambda: spooled(spool) == len(FLOOD))
            relay_work = {name: value - relay_before[name] for name, value in kernel(relay).items()}
        for subscriber in subscribers:
            assert subscriber.has_all.wait(PATIENCE)
        # While the program waits: the kernel adds what its processes did to the server's account when they are gone.
        work = work_so_far(server) - before
        gate.open()
        for subscriber in subscribers:
            subscriber.join()
        log = stub.Get(pb.GetRequest(session=session), timeout=PATIENCE).session
    in_all = work_so_far(server) - before
    assert [subscriber.event_bytes for subscriber in subscribers] == [log.bytes] * count
    assert in_all.event_bytes == log.bytes
    # What the server says that it handed over is what arrived.
    assert in_all.response_bytes == sum(subscriber.all_bytes for subscriber in subscribers)
    assert in_all.responses == sum(subscriber.responses for subscriber in subscribers)
    return Flood(work, relay_work, relay, session, log.bytes, log.head_seq)


@pytest.mark.parametrize("count", [1, 10])
def test_a_flood_is_encoded_and_committed_once_for_all(server: ServerProcess, gate: Gate, tmp_path: Path, count: int) -> None:
    done = flood(server, gate, tmp_path, count)
    work, size = done.work, len(FLOOD)
    # An event holds up to 64 KiB of whole lines: 305 of them, 306 counted, and 2 for the start.
    assert work.events <= SLACK * size / CHUNK
    assert work.event_bytes <= 1.01 * size
    # What one look at the spool gives, 256 KiB, is one transaction: 77 of them, 79 counted with the start's 2.
    assert work.commits <= SLACK * size / LOOK
    # A subscriber gets each commit as one response: 79 counted each, with its signs; never one for each event.
    assert work.responses <= SLACK * count * size / LOOK
    # Blocks are passed on as they are; only the last two, which fit into one response together, were copied: 1.8 % counted.
    assert work.copied_bytes <= 0.05 * count * size
    # A subscriber that has fallen behind what is in memory reads a block for each response, at most; how many do is chance.
    assert work.store_reads <= work.responses
    # The spool is read once (20 MB), and each subscriber reads what it does not find in memory, once.
    assert work.rchar <= SLACK * size * (1 + count)
    # A byte is written once, into a segment file; SQLite's log takes some KiB for each commit: 3.6 % counted.
    assert work.wchar <= 1.1 * size
    # For each commit 2 reads of inotify and the spool, and 6 writes of SQLite's log and of the block. For each response 1 read,
    # where it is from the store, and a wake-up or two. 273 and 597 counted with 1 subscriber, 1258 and 1842 with 10.
    assert work.syscr <= SLACK * (3 * size / LOOK + 2 * work.responses)
    assert work.syscw <= SLACK * (7 * size / LOOK + 2 * work.responses)
    # The relay splices: no byte of a program passes through it. None counted.
    assert done.relay["rchar"] + done.relay["wchar"] <= 4096
    assert done.relay["syscr"] + done.relay["syscw"] <= 10


def test_lines_that_come_one_by_one_are_one_event_one_commit_and_one_response_each(server: ServerProcess, gate: Gate) -> None:
    lines = 500
    with connect(server.target) as stub:
        session = create(stub, "sh", "-c", 'while read -r line; do echo "$line"; done <"$0"', str(gate.path)).id
        subscriber = Subscriber(server.target, session, b"line 499\n").start()
        assert subscriber.caught_up.wait(PATIENCE)
        relay = relay_of(server.home / "spool" / session)
        before, relay_before = work_so_far(server), kernel(relay)
        for number in range(lines):
            subscriber.expect(b"line %d\n" % number)
            gate.write(b"line %d\n" % number)
            assert subscriber.has_all.wait(PATIENCE), "a line does not come"
        work = work_so_far(server) - before
        relay_calls = sum(kernel(relay)[name] - relay_before[name] for name in ("syscr", "syscw"))
        gate.close()
        subscriber.join()
    # Exactly: each line was seen before the next one was written.
    assert work.events == lines
    # 1 each, and nothing else is stored.
    assert work.commits <= 1.05 * lines
    assert lines <= work.responses <= 1.05 * lines
    assert work.copied_bytes == 0
    assert work.store_reads == 0
    # Of SQLite's log, two pages and their heads: 8.8 KB counted.
    assert work.wchar <= SLACK * 9_000 * lines
    # inotify, the spool, a wake-up: 3.1 counted. SQLite's log and a wake-up: 6.3 counted.
    assert work.syscr <= SLACK * 3.2 * lines
    assert work.syscw <= SLACK * 6.4 * lines
    assert relay_calls <= 10


def test_lines_that_wait_together_are_one_event(server: ServerProcess, gate: Gate) -> None:
    with connect(server.target) as stub:
        session = create(stub, "sh", "-c", 'while read -r line; do echo "$line"; done <"$0"', str(gate.path)).id
        subscriber = Subscriber(server.target, session, b"line 499\n").start()
        assert subscriber.caught_up.wait(PATIENCE)
        spool = server.home / "spool" / session
        before = work_so_far(server)
        with stopped(server):
            gate.write(b"".join(b"line %d\n" % number for number in range(500)))
            until(lambda: spooled(spool) == sum(len(b"line %d\n" % number) for number in range(500)))
        assert subscriber.has_all.wait(PATIENCE)
        work = work_so_far(server) - before
        gate.close()
        subscriber.join()
    assert (work.events, work.commits) == (1, 1)
    assert work.responses <= 2  # it, and a `caught_up` perhaps


def test_a_replay_encodes_nothing_writes_nothing_and_reads_each_block_once(
    server: ServerProcess, gate: Gate, tmp_path: Path
) -> None:
    done = flood(server, gate, tmp_path, 1)
    until(lambda: reaped(done.relay_pid))
    before = work_so_far(server)
    subscriber = Subscriber(server.target, done.session, LAST).start()
    subscriber.join()
    work = work_so_far(server) - before
    assert subscriber.event_bytes == done.log_bytes
    assert (work.events, work.event_bytes, work.commits) == (0, 0, 0)
    # A block of the flood, 256 KiB, is one read and one response.
    assert work.store_reads <= SLACK * len(FLOOD) / LOOK
    assert work.responses <= SLACK * len(FLOOD) / LOOK
    assert work.copied_bytes <= 0.05 * len(FLOOD)
    assert work.rchar <= 1.1 * len(FLOOD)
    assert work.wchar <= 0.1 * len(FLOOD)  # a checkpoint may fall into it
    assert work.syscr <= SLACK * 4 * len(FLOOD) / LOOK


def test_no_subscriber_costs_an_encoding_or_a_decoding(gate: Gate, tmp_path: Path) -> None:
    """The server's own counters cannot see what is encoded elsewhere than at the append; the profiler sees all."""
    count = 10
    server = ProfiledServer()
    try:
        server.start()
        done = flood(server, gate, tmp_path, count)
        assert server.terminate() == 0
        counted = calls(server.profile)
    finally:
        server.close()
    # Output is framed by one function, everything else by another; together once for each event, from all 10 subscribers' view.
    assert counted["log/record.py:output_entry"] + counted["log/record.py:encode"] == done.events
    # Protobuf encodes the 4 events of start and end, and for each subscriber its signs: header, caught up, end. 38 counted.
    assert encodings(counted, "SerializeToString") <= SLACK * (4 + 3 * count + 10)
    # Requests are decoded, and session rows: 17 counted.
    assert encodings(counted, "FromString") <= SLACK * (count + 10)
    # All our own functions' calls: 47 counted for each response, the server's start included.
    own = sum(number for name, number in counted.items() if ".py:" in name)
    assert own <= SLACK * 50 * done.work.responses
