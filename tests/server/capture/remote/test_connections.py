"""Connections that break, stall or change: nothing is lost or doubled, and the capture says what is the matter."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest
from server.capture.remote.ground import DISCONNECTED, Ground, flood, flooded, ground
from sightline_server.capture.base import Typed
from sightline_server.errors import HostDisconnected

LINES = 600_000  # 60 MB: several segments


async def outage(ground_: Ground, *, terminal: bool, seconds: float, lines: int = LINES) -> None:
    """A flood, and in the middle of it nobody can reach the host for so long."""
    followed = await ground_.run(*flood(lines), terminal=terminal)
    end = b"\r\n" if terminal else b"\n"
    await followed.sink.until(lambda: followed.size > 1_000_000)
    ground_.host.stop()
    reason = await followed.disconnected()
    assert "box" in reason
    assert len(followed.output()) < lines * (99 + len(end))
    began = time.monotonic()
    with pytest.raises(HostDisconnected):
        followed.source.check_send(Typed(data=b"x"))
    with pytest.raises(HostDisconnected):
        await followed.source.interrupt()
    assert time.monotonic() - began < 5  # at once, not when the host is back
    await asyncio.sleep(seconds)  # the outage itself
    ground_.host.start()
    await followed.following()
    ending = await followed.sink.ending(100)
    assert followed.output() == flooded(lines, end)
    assert not followed.sink.of_kind("output_lost")
    assert ending.exit_code == 0


@pytest.mark.parametrize("terminal", [False, True], ids=["pipes", "terminal"])
async def test_an_outage_in_mid_flood_loses_and_doubles_nothing(terminal: bool) -> None:
    async with ground() as here:
        await outage(here, terminal=terminal, seconds=2.0)


@pytest.mark.soak
@pytest.mark.timeout(400)
@pytest.mark.parametrize("terminal", [False, True], ids=["pipes", "terminal"])
async def test_an_outage_of_half_a_minute_in_mid_flood_loses_and_doubles_nothing(terminal: bool) -> None:
    async with ground() as here:
        await outage(here, terminal=terminal, seconds=30.0, lines=3 * LINES)


async def test_connections_that_are_killed_again_and_again_lose_and_double_nothing() -> None:
    async with ground() as here:
        followed = await here.run(*flood(LINES))
        for part in range(1, 5):
            await followed.sink.until(lambda part=part: followed.size > part * LINES * 15)  # type: ignore[misc] # a loop's own
            here.host.drop()
        await followed.sink.ending(60)
        assert followed.output() == flooded(LINES)
        assert DISCONNECTED in {state for state, _ in followed.sink.states}


async def test_killed_ssh_processes_lose_and_double_nothing() -> None:
    async with ground() as here:
        followed = await here.run(*flood(LINES))
        for part in range(1, 4):
            await followed.sink.until(lambda part=part: followed.size > part * LINES * 15)  # type: ignore[misc] # a loop's own
            for pid in own_children("ssh"):
                os.kill(pid, signal.SIGKILL)
        await followed.sink.ending(60)
        assert followed.output() == flooded(LINES)


async def test_a_connection_that_stalls_is_noticed_and_made_again() -> None:
    async with ground() as here:
        followed = await here.run(*flood(LINES))
        await followed.sink.until(lambda: followed.size > 1_000_000)
        stalled = here.host.stall()
        try:
            assert "did not answer" in await followed.disconnected(30)
        finally:
            here.host.unstall(stalled)
        await followed.following()
        await followed.sink.ending(60)
        assert followed.output() == flooded(LINES)


async def test_a_host_that_has_another_key_gets_nothing_and_the_capture_says_why() -> None:
    async with ground() as here:
        followed = await here.run("sh", "-c", "echo one; sleep 600", terminal=True)
        await followed.sink.until(lambda: followed.output() == b"one\r\n")
        here.host.stop()
        here.host.change_key()
        here.host.start()
        await followed.sink.until(lambda: any("somebody may be listening in" in why for _, why in followed.sink.states))
        attempts = (here.host.root / "sshd.log").read_text().count("Connection closed by")
        with pytest.raises(HostDisconnected, match="somebody may be listening in"):
            followed.source.check_send(Typed(data=b"secret"))
        assert attempts < 10
        assert "Accepted" not in (here.host.root / "sshd.log").read_text().rpartition("Server listening")[2]


async def test_a_restarted_server_goes_on_while_its_host_cannot_be_reached() -> None:
    async with ground() as here:
        followed = await here.run(*flood(LINES))
        await followed.sink.until(lambda: followed.size > 1_000_000)
        here.host.stop()
        await followed.disconnected()
        followed = await here.restart(followed)
        await followed.disconnected()
        here.host.start()
        await followed.sink.ending(60)
        assert followed.output() == flooded(LINES)


async def test_nothing_of_ours_runs_there_when_the_server_is_gone_but_what_was_started() -> None:
    async with ground() as here:
        followed = await here.run("sleep", "600")
        await followed.source.detach()
        await here.sources.close()
        async with asyncio.timeout(20):
            while here.host.connections():  # noqa: ASYNC110 - nobody would tell
                await asyncio.sleep(0.02)


def own_children(name: str) -> list[int]:
    """Our own processes of a name."""
    found = []
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/children") as children:
            for pid in children.read().split():
                with open(f"/proc/{pid}/comm") as comm:
                    if comm.read().strip() == name:
                        found.append(int(pid))
    return found
