"""Processes by identity, found as a tree, ended whole."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sightline_server.capture import processes
from sightline_server.capture.processes import Identity

WAIT = 20.0


@contextmanager
def program(session: str, script: str) -> Iterator[tuple[subprocess.Popen[bytes], Identity]]:
    """A shell script in a session of its own, marked; started when it has written its first line."""
    env = {"PATH": os.environ["PATH"], processes.SESSION_VARIABLE: session}
    process = subprocess.Popen(["sh", "-c", script], env=env, start_new_session=True, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    identity = processes.identify(process.pid)
    assert identity
    try:
        yield process, identity
    finally:
        for left in processes.tree(session, identity):
            processes.send_signal(left, signal.SIGKILL)
        process.stdout.close()
        process.wait(WAIT)


def stopped(pid: int) -> None:
    """Waits until a child has been stopped."""
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)


def session() -> str:
    return f"s-{uuid.uuid4().hex}"


def test_a_process_is_alive_until_it_has_exited_even_if_nobody_waits_for_it() -> None:
    with program(session(), "echo up; read line || exec sleep 60") as (process, identity):
        assert processes.alive(identity)
        assert not processes.alive(Identity(identity.pid, identity.start + 1, identity.boot)), "another with the same pid"
        assert not processes.alive(Identity(identity.pid, identity.start, "another boot"))
        assert processes.send_signal(identity, signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not processes.alive(identity)
    assert processes.identify(identity.pid) is None
    assert not processes.send_signal(identity, signal.SIGKILL)
    assert not processes.signal_group(identity, signal.SIGKILL)


async def test_the_exit_of_our_own_child_is_seen_and_it_is_waited_for() -> None:
    identity = processes.identify(os.posix_spawn("/bin/sh", ["sh", "-c", "exit 3"], {}))  # noqa: ASYNC221 - not waited for here
    assert identity
    async with asyncio.timeout(WAIT):
        await processes.exited(identity)
        assert os.waitid(os.P_PID, identity.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG), "left to who waits for it"  # noqa: ASYNC222
        await processes.exited(identity, reap=True)
        assert processes.identify(identity.pid) is None, "no zombie is left"
        await processes.exited(identity)


async def test_the_exit_of_a_process_that_is_not_our_child_is_seen() -> None:
    mark = session()
    with program(mark, "sleep 60 & echo $!; wait") as (_, identity):
        child = next(found for found in processes.tree(mark, identity) if found != identity)
        waiting = asyncio.create_task(processes.exited(child))
        done, _ = await asyncio.wait([waiting], timeout=0.05)
        assert not done
        processes.send_signal(child, signal.SIGKILL)
        async with asyncio.timeout(WAIT):
            await waiting


def test_descendants_are_found_by_descent_by_session_and_by_their_mark() -> None:
    mark = session()
    by_descent = "env -i setsid sleep 61 &"  # no mark, another session, but a child
    by_session = "env -i sh -c 'sleep 62 & exit' ;"  # no mark, no parent, but the root's session
    by_mark = "sh -c 'setsid sleep 63 & exit' ;"  # neither parent nor session
    with program(mark, f"{by_descent} {by_session} {by_mark} sleep 0.1; echo up; wait") as (_, identity):
        found = {Path(f"/proc/{each.pid}/cmdline").read_bytes().split(b"\0")[1] for each in processes.tree(mark, identity)}
        assert found == {b"-c", b"61", b"62", b"63"}


def test_parents_come_before_their_children() -> None:
    mark = session()
    with program(mark, "sh -c 'sleep 60 & echo up; wait' & wait") as (process, identity):
        found = [each.pid for each in processes.tree(mark, identity)]
        parents = [int(Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[1]) for pid in found]
        assert found[0] == process.pid
        assert parents[1:] == found[:-1]


async def test_a_tree_ends_with_the_signal_it_is_given() -> None:
    mark = session()
    with program(mark, "setsid sleep 60 & sleep 60 & echo up; wait") as (process, identity):
        assert await processes.end_tree(mark, identity, signal.SIGTERM, 20) == 0
        assert processes.tree(mark, identity) == []
        assert process.wait(WAIT) == -signal.SIGTERM


async def test_what_ignores_the_signal_is_killed_after_the_grace_period() -> None:
    mark = session()
    with program(mark, "trap '' TERM; setsid sleep 60 & echo up; while :; do sleep 60; done") as (process, identity):
        assert await processes.end_tree(mark, identity, signal.SIGTERM, 0.1) == 0
        assert process.wait(WAIT) == -signal.SIGKILL


async def test_a_stopped_program_can_end_as_it_likes() -> None:
    mark = session()
    with program(mark, "trap 'exit 7' TERM; echo up; kill -STOP $$; sleep 60 & wait") as (process, identity):
        stopped(process.pid)
        assert await processes.end_tree(mark, identity, signal.SIGTERM, 20) == 0
        assert process.wait(WAIT) == 7


async def test_what_is_started_while_the_tree_ends_is_ended_too() -> None:
    mark = session()
    script = "trap 'setsid sleep 64 & exit' TERM; echo up; sleep 60 & wait"
    with program(mark, script) as (_, identity):
        assert await processes.end_tree(mark, identity, signal.SIGTERM, 20) == 0
        assert processes.tree(mark, identity) == []


async def test_what_was_found_once_is_ended_although_nothing_leads_to_it_any_more() -> None:
    mark = session()
    tool = (
        "env -i setsid sh -c 'trap \"\" TERM; echo $$; while :; do /bin/sleep 0.1; done' & wait"  # no mark; its parent goes first
    )
    with program(mark, tool) as (process, identity):
        found = processes.tree(mark, identity)
        assert await processes.end_tree(mark, identity, signal.SIGTERM, 2.0) == 0
        assert process.wait(WAIT) == -signal.SIGTERM
        assert not [each for each in found if processes.alive(each)]


async def test_what_was_known_before_its_parent_went_is_ended() -> None:
    mark = session()
    with program(mark, "env -i setsid sh -c 'echo up; exec sleep 60' & wait") as (process, identity):
        known = processes.tree(mark, identity)
        process.kill()
        process.wait(WAIT)
        assert processes.tree(mark, None) == []
        assert await processes.end_tree(mark, None, signal.SIGTERM, 20, known=known) == 0
        assert not [each for each in known if processes.alive(each)]


def test_we_are_never_part_of_what_is_ended() -> None:
    mark = session()
    script = (
        "from sightline_server.capture import processes; import os;"
        f"print([p.pid for p in processes.tree({mark!r}, processes.identify(os.getpid()))])"
    )
    env = {"PATH": os.environ["PATH"], processes.SESSION_VARIABLE: mark}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, check=True, timeout=WAIT)
    assert done.stdout.strip() == b"[]"
