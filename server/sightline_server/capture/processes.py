"""Who is who among processes, and how a whole tree is ended.

Knows /proc, pidfds and signals, nothing of spools or sessions beyond the variable that marks a session's processes.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal as signals
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SESSION_VARIABLE = "SIGHTLINE_SESSION_ID"  # in the environment of everything that a session started

_KILL_ROUNDS = 20  # each finds what was started meanwhile; who forks faster than this stays
_KILL_SECONDS = 0.25  # for the killed of one round to be gone


@dataclass(frozen=True)
class Identity:
    """One process for good: pids are used again, a pid with its start time is not.

    Attributes:
        pid: its number.
        start: when it started, in clock ticks since boot.
        boot: which boot of the machine.
    """

    pid: int
    start: int
    boot: str


@dataclass(frozen=True)
class _Stat:
    """What /proc says of a process, as far as it matters here."""

    pid: int
    state: str
    parent: int
    session: int
    start: int


@functools.cache
def boot_id() -> str:
    """The present boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def identify(pid: int) -> Identity | None:
    """The process that has this pid now; None when there is none."""
    stat = _stat(pid)
    return Identity(pid, stat.start, boot_id()) if stat else None


def alive(identity: Identity) -> bool:
    """Whether this very process still runs. One that has exited and was not waited for does not."""
    stat = _stat(identity.pid)
    return stat is not None and stat.start == identity.start and stat.state not in "ZX" and identity.boot == boot_id()


def parent(pid: int) -> int:
    """The process that started this one, or took it over; 0: there is no such process."""
    stat = _stat(pid)
    return stat.parent if stat else 0


async def exited(identity: Identity, *, reap: bool = False) -> None:
    """Waits until a process has exited; at once when it is gone already.

    With `reap` it is waited for as its parent does, if that is us: only for processes that nobody else here waits for.
    """
    if identity.boot != boot_id():
        return
    try:
        fd = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    gone: asyncio.Future[None] = loop.create_future()
    try:
        # Between the two looks nobody else can have got the pid: the descriptor holds it.
        stat = _stat(identity.pid)
        if stat is None or stat.start != identity.start:
            return

        def tell() -> None:
            loop.remove_reader(fd)
            if not gone.done():
                gone.set_result(None)

        loop.add_reader(fd, tell)
        try:
            await gone
        finally:
            loop.remove_reader(fd)
        with suppress(ChildProcessError):
            if reap:
                os.waitid(os.P_PIDFD, fd, os.WEXITED | os.WNOHANG)  # noqa: ASYNC222 - it has exited: nothing to wait for
    finally:
        os.close(fd)


def send_signal(identity: Identity, signal: int) -> bool:
    """Signals one process, and no other that may have its pid by now. False: it is gone, or not ours to signal."""
    try:
        fd = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return False
    try:
        if not alive(identity):
            return False
        signals.pidfd_send_signal(fd, signal)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(fd)
    return True


def signal_group(leader: Identity, signal: int) -> bool:
    """Signals the process group of a living leader. False: it is gone."""
    if not alive(leader):
        return False
    try:
        os.killpg(leader.pid, signal)
    except ProcessLookupError:
        return False
    return True


def tree(session_id: str, root: Identity | None, *, since: int = 0, known: Iterable[Identity] = ()) -> list[Identity]:
    """The processes of a session that run now, parents before their children; never this process.

    With `since`, in clock ticks since boot, of those that carry the mark only what started then or later, and its descendants.
    `known` are its too, and theirs: one without the mark whose parent is gone cannot be found again.

    Found by descent from the root, by the root's session (which outlives it), and by `SESSION_VARIABLE` in their environment. Takes
    some 30 us for each process of the machine: call it in a thread.
    """
    stats = {stat.pid: stat for stat in map(_stat, _pids()) if stat is not None}
    found = {pid for pid, stat in stats.items() if stat.start >= since and _carries(pid, session_id)}
    if root and root.boot == boot_id():
        present = stats.get(root.pid)
        if present is None or present.start == root.start:
            found |= {pid for pid, stat in stats.items() if root.pid in (pid, stat.session)}
    found |= {one.pid for one in known if one.pid in stats and stats[one.pid].start == one.start and one.boot == boot_id()}
    children: dict[int, list[int]] = {}
    for stat in stats.values():
        children.setdefault(stat.parent, []).append(stat.pid)
    waiting = list(found)
    while waiting:
        fresh = [pid for pid in children.get(waiting.pop(), ()) if pid not in found]
        found.update(fresh)
        waiting += fresh
    found.discard(os.getpid())
    order = sorted(found, key=lambda pid: _depth(pid, stats))
    return [Identity(pid, stats[pid].start, boot_id()) for pid in order if stats[pid].state not in "ZX"]


def _depth(pid: int, stats: dict[int, _Stat]) -> int:
    """How many ancestors a process has. The looks at each were not taken at once, so that a circle of used-again pids could be."""
    depth = 0
    while pid in stats and depth < len(stats):
        pid = stats[pid].parent
        depth += 1
    return depth


def descendants(root: Identity) -> list[Identity]:
    """What this process has started, and they, as far as it runs now; none when it is gone. Call it in a thread."""
    stats = {stat.pid: stat for stat in map(_stat, _pids()) if stat is not None}
    present = stats.get(root.pid)
    if present is None or present.start != root.start:
        return []
    found = {root.pid}
    for pid in sorted(stats, key=lambda one: stats[one].start):  # none is older than who started it
        if stats[pid].parent in found:
            found.add(pid)
    return [Identity(pid, stats[pid].start, boot_id()) for pid in sorted(found - {root.pid}) if stats[pid].state not in "ZX"]


async def end_tree(
    session_id: str, root: Identity | None, signal: int, grace: float, *, since: int = 0, known: Iterable[Identity] = ()
) -> int:
    """Ends a session's processes: `signal` to each, SIGKILL to what is left after `grace` seconds, until none is left.

    What is started meanwhile gets the signal too. Returns how many could not be ended: 0, but for processes of other users, those
    that hang in the kernel, and those that fork faster than they are found. `since` and `known` as in `tree`.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace
    signalled: set[Identity] = set()
    seen = set(known)
    while left := await asyncio.to_thread(tree, session_id, root, since=since, known=seen):
        seen.update(left)
        fresh = set(left) - signalled
        if loop.time() >= deadline or signal == signals.SIGKILL:
            break
        for identity in (identity for identity in left if identity in fresh):
            # A parent first: a shell that sees its child end would go on to its next command.
            send_signal(identity, signal)
            send_signal(identity, signals.SIGCONT)  # a stopped one would not see it
        signalled |= fresh
        await _all_gone(left, deadline - loop.time())
    for _ in range(_KILL_ROUNDS):
        if not left:
            return 0
        for identity in left:
            send_signal(identity, signals.SIGKILL)
        await _all_gone(left, _KILL_SECONDS)
        seen.update(left)
        left = await asyncio.to_thread(tree, session_id, root, since=since, known=seen)
    return len(left)


async def _all_gone(identities: Iterable[Identity], seconds: float) -> None:
    """Waits until all have exited, but not longer than this."""
    waits = [asyncio.ensure_future(exited(identity)) for identity in identities]
    try:
        await asyncio.wait(waits, timeout=max(0.0, seconds))
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _stat(pid: int) -> _Stat | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()  # the name before it may hold anything
    except (FileNotFoundError, ProcessLookupError):
        return None
    return _Stat(pid, fields[0].decode(), int(fields[1]), int(fields[3]), int(fields[19]))


def _carries(pid: int, session_id: str) -> bool:
    """Whether a process was started with the session's mark in its environment."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            environment = file.read()
    except OSError:  # gone, or somebody else's
        return False
    return f"\0{SESSION_VARIABLE}={session_id}\0".encode() in b"\0" + environment + b"\0"
