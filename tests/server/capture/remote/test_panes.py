"""Panes of the user's own on another host: followed, undisturbed, and let go."""

from __future__ import annotations

import functools
import os
import signal
from pathlib import Path

from conformance.rig import is_running, until
from server.capture.remote.ground import Followed, Ground, ground
from sightline.v1.event_pb2 import CaptureState
from sightline.v1.session_pb2 import Tmux
from sightline.v1.session_service_pb2 import CreateRequest
from sightline_server.capture.base import Typed

TYPES_BACK = 'stty -echo; echo up; while read x; do echo "got $x"; done'


async def adopted(here: Ground, program: str = TYPES_BACK) -> Followed:
    here.host.tmux("new-session", "-d", "-s", "work", "-x", "90", "-y", "30", "sh", "-c", program)
    await until(lambda: "up" in here.host.tmux("capture-pane", "-p", "-t", "work"))
    return await here.create(CreateRequest(host="box", tmux=Tmux(target="work:0.0")))


async def say(here: Ground, words: str) -> None:
    """The pane's owner types."""
    here.host.tmux("send-keys", "-t", "work", words, "Enter")


async def test_a_pane_with_a_pipe_of_its_owners_keeps_it_and_is_followed_all_the_same(tmp_path: Path) -> None:
    async with ground() as here:
        here.host.tmux("new-session", "-d", "-s", "work", "-x", "90", "-y", "30", "sh", "-c", TYPES_BACK)
        here.host.tmux("pipe-pane", "-t", "work", f"cat >{tmp_path}/theirs")
        followed = await here.create(CreateRequest(host="box", tmux=Tmux(target="work:0.0")))
        await until(lambda: any("piped elsewhere" in why for _, why in followed.sink.states))
        await followed.source.send(Typed(data=b"one", submit=True))
        await followed.sink.until(lambda: b"got one\r\n" in followed.output())
        await until(lambda: b"got one" in (tmp_path / "theirs").read_bytes())
        here.host.drop()
        await followed.disconnected()
        await followed.following()
        await until(lambda: bool(followed.sink.of_kind("output_lost")))
        await followed.source.send(Typed(data=b"two", submit=True))
        await followed.sink.until(lambda: b"got two\r\n" in followed.output())
        await followed.source.release()
        assert (await followed.sink.ending()).released
        assert here.host.tmux("list-panes", "-a", "-F", "#{pane_pipe}") == "1\n"


async def test_a_pipe_that_is_taken_away_stays_away() -> None:
    async with ground() as here:
        followed = await adopted(here)
        here.host.tmux("pipe-pane", "-t", "work")
        await until(lambda: (CaptureState.CAPTURE_STATE_BLIND) in {state for state, _ in followed.sink.states})
        await followed.source.send(Typed(data=b"x", submit=True))
        assert here.host.tmux("list-panes", "-a", "-F", "#{pane_pipe}") == "0\n"
        await followed.source.release()
        assert (await followed.sink.ending()).released


async def test_a_pane_that_is_closed_is_lost_with_a_reason() -> None:
    async with ground() as here:
        followed = await adopted(here)
        here.host.tmux("new-session", "-d", "-s", "other", "sleep 600")
        here.host.tmux("kill-session", "-t", "work")
        ending = await followed.sink.ending()
        assert not ending.observed
        assert "closed" in ending.error
        assert not here.host.state.joinpath("sightline").exists()


async def test_a_tmux_server_that_goes_ends_its_panes() -> None:
    async with ground() as here:
        followed = await adopted(here)
        here.host.tmux("kill-server")
        ending = await followed.sink.ending()
        assert not ending.observed
        assert "tmux server is gone" in ending.error


async def test_terminate_ends_the_panes_program_with_what_it_started() -> None:
    async with ground() as here:
        followed = await adopted(here, "sleep 611 & echo up; wait")
        here.host.tmux("new-session", "-d", "-s", "other", "sleep 600")
        pid = int(here.host.tmux("display-message", "-p", "-t", "work", "#{pane_pid}"))
        (child,) = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())  # noqa: ASYNC240 - no disk behind it
        await followed.source.terminate(signal.SIGTERM, 2.0)
        await followed.sink.ending()
        assert not is_running(pid)
        assert not is_running(child)
        assert "other" in here.host.tmux("list-sessions")


async def test_a_killed_writer_at_a_pane_is_replaced_and_the_hole_is_named() -> None:
    async with ground() as here:
        followed = await adopted(here)
        os.kill(int((here.spool(followed) / "terminal.writer").read_text().split()[0]), signal.SIGKILL)
        await until(lambda: bool(followed.sink.of_kind("output_lost")))
        await say(here, "again")
        await followed.sink.until(lambda: b"got again\r\n" in followed.output())


async def test_a_pane_is_followed_over_restarts_and_outages_without_a_trace_in_the_end() -> None:
    async with ground() as here:
        followed = await adopted(here)
        before = len(followed.output())
        said = b""
        for number in range(3):
            here.host.stop()
            await followed.disconnected()
            await say(here, f"away {number}")
            followed = await here.restart(followed)
            here.host.start()
            await say(here, f"back {number}")
            said += b"got away %d\r\ngot back %d\r\n" % (number, number)
            await until(functools.partial(has_come, followed, before + len(said)))
        assert followed.output()[before:] == said
        await followed.source.release()
        assert (await followed.sink.ending()).released
        assert not here.host.state.joinpath("sightline").exists()
        assert here.host.tmux("list-panes", "-a", "-F", "#{pane_pipe}") == "0\n"


def has_come(followed: Followed, count: int) -> bool:
    return len(followed.output()) >= count
