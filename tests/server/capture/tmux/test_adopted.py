"""Panes of the user's own: followed exactly, left undisturbed, let go without a trace; and what happens when they go."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import signal as signals
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from server.capture.memory_sink import MemorySink
from server.capture.tmux.rooms import ENVIRONMENT, FileSink, Room, counted, hosted, outcome, room, until
from sightline.v1.event_pb2 import CaptureState
from sightline.v1.session_pb2 import Tmux
from sightline_server import errors
from sightline_server.capture import processes
from sightline_server.capture.base import Ending, Typed
from sightline_server.capture.tmux import AdoptedSource
from sightline_server.capture.tmux import pipe as tmux_pipe

TERMINAL = "terminal"
SHELL = ("env", "PS1=$ ", "sh")


async def shown(sink: MemorySink, data: bytes) -> None:
    """Waits until a pane has shown something."""
    await sink.until(lambda: data in sink.written(TERMINAL))


def traces(here: Room) -> str:
    """All that could be changed on the user's tmux server, and who is attached to it."""
    asked = [
        ("show-options", "-s"),
        ("show-options", "-g"),
        ("show-options", "-gw"),
        ("show-hooks", "-g"),
        ("list-sessions", "-F", "#{session_id} #{session_name} #{session_attached}"),
        ("list-windows", "-a", "-F", "#{window_id} #{window_width} #{window_height} #{window_active} #{window_layout}"),
        ("list-panes", "-a", "-F", "#{pane_id} #{pane_width} #{pane_height} #{pane_active} #{pane_pipe} #{pane_in_mode}"),
        ("list-clients", "-F", "#{client_pid}"),
        ("list-buffers",),
    ]
    sessions = here.user("list-sessions", "-F", "#{session_id}").split()
    asked += [(show, "-t", session) for session in sessions for show in ("show-options", "show-environment", "show-hooks")]
    asked += [("show-options", "-p", "-t", pane) for pane in here.user("list-panes", "-a", "-F", "#{pane_id}").split()]
    return "\n".join(here.user(*words) for words in asked)


@contextmanager
def a_person_attached(here: Room, columns: int, rows: int) -> Iterator[None]:
    """A real client of the user's, in a terminal of some size."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    argv = ["tmux", "-S", str(here.user_socket), "attach-session"]
    env = {**ENVIRONMENT, "TERM": "xterm"}
    process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True)
    os.close(theirs)
    try:
        yield
    finally:
        process.kill()
        process.wait()
        os.close(ours)


async def test_a_pane_is_followed_typed_into_and_let_go_without_a_trace() -> None:
    async with room() as here:
        pane = here.pane(*SHELL)
        here.pane("cat")
        before = traces(here)
        sink, source = await here.adopted(pane)
        await source.send(Typed(b"echo $((6*7))", submit=True))
        await shown(sink, b"\n42\r\n")
        assert "control-mode" in here.user("list-clients", "-F", "#{client_flags}")
        await source.release()
        assert await outcome(sink) == Ending(released=True)
        await until(lambda: traces(here) == before)
        relay = tmux_pipe.read_relay(sink.directory)
        assert relay is not None
        assert not processes.alive(relay)
        here.user("send-keys", "-t", pane.pane_id, "echo still here", "Enter")
        await until(lambda: "\nstill here" in here.user("capture-pane", "-p", "-t", pane.pane_id))


async def test_a_server_that_goes_leaves_the_pipe_and_takes_its_client_along() -> None:
    async with room() as here:
        pane = here.pane(*SHELL)
        sink, source = await here.adopted(pane)
        await source.send(Typed(b"echo one", submit=True))
        await shown(sink, b"\none\r\n")
        await source.detach()
        await until(lambda: here.user("list-clients") == "")
        here.user("send-keys", "-t", pane.pane_id, "echo two", "Enter")
        await until(lambda: "\ntwo" in here.user("capture-pane", "-p", "-t", pane.pane_id))
        resumed = AdoptedSource(sink, here.inotify, here.server)
        await resumed.resume()
        await shown(sink, b"\ntwo\r\n")
        await resumed.release()
        assert (await sink.ending()).released
        assert here.user("display-message", "-p", "-t", pane.pane_id, "#{pane_pipe}") == "0\n"


async def test_windows_keep_their_size_and_place_while_somebody_is_attached() -> None:
    async with room() as here:
        pane = here.pane(*SHELL)
        here.user("new-window", "cat")
        ask = ("list-windows", "-a", "-F", "#{window_id} #{window_width}x#{window_height} #{window_active}")
        with a_person_attached(here, 100, 30):
            await until(lambda: "100x29 1" in here.user(*ask))
            before = here.user(*ask)
            sink, source = await here.adopted(pane)
            await source.send(Typed(b"echo typed", submit=True))
            await shown(sink, b"\ntyped\r\n")
            await source.snapshot()
            assert here.user(*ask) == before
            with pytest.raises(errors.NotResizable):
                await source.resize(10, 10)
            await source.release()
            await sink.ending()
            assert here.user(*ask) == before


async def test_input_reaches_the_program_while_its_owner_reads_back() -> None:
    async with room() as here:
        pane = here.pane(*SHELL)
        sink, source = await here.adopted(pane)
        here.user("copy-mode", "-t", pane.pane_id)
        await source.send(Typed(b"echo in", keys=("Space", "m", "o", "d", "e"), submit=True))
        await shown(sink, b"\nin mode\r\n")
        assert here.user("display-message", "-p", "-t", pane.pane_id, "#{pane_in_mode}") == "1\n"
        assert here.user("list-buffers") == ""
        assert "in mode" in (await source.snapshot()).text


async def test_input_goes_to_this_pane_alone_when_panes_are_synchronized() -> None:
    async with room() as here:
        pane = here.pane("cat")
        here.user("split-window", "-d", "-t", pane.pane_id, "cat", ";", "set-option", "-w", "synchronize-panes", "on")
        sink, source = await here.adopted(pane)
        await source.send(Typed(b"mine alone", submit=True))
        await shown(sink, b"mine alone\r\nmine alone\r\n")
        other = here.user("list-panes", "-a", "-F", "#{pane_id}").split()[-1]
        assert other != pane.pane_id
        assert here.user("capture-pane", "-p", "-t", other).strip() == ""


async def test_input_that_is_switched_off_is_refused() -> None:
    async with room() as here:
        pane = here.pane("cat")
        _, source = await here.adopted(pane)
        here.user("select-pane", "-d", "-t", pane.pane_id)
        with pytest.raises(errors.NoInput):
            await source.send(Typed(b"x"))


async def test_interrupt_and_terminate_reach_the_users_program() -> None:
    async with room() as here:
        pane = here.pane("sh", "-c", "trap 'echo caught' INT; echo ready; while :; do sleep 0.05; done")
        sink, source = await here.adopted(pane)
        await source.interrupt()
        await shown(sink, b"caught")
        await source.terminate(signals.SIGTERM, 5)
        ending = await sink.ending()
        assert (ending.observed, ending.exit_code) == (False, None)
        assert "not known" in ending.error


async def test_the_exit_code_is_known_where_the_user_keeps_dead_panes() -> None:
    async with room() as here:
        pane = here.pane("sh", "-c", "read x; exit 3")
        here.user("set-option", "-w", "-t", pane.pane_id, "remain-on-exit", "on")
        sink, source = await here.adopted(pane)
        await source.send(Typed(submit=True))
        assert await outcome(sink) == Ending(exit_code=3)
        assert here.user("display-message", "-p", "-t", pane.pane_id, "#{pane_dead}") == "1\n"


async def test_a_pane_that_closes_is_an_end_with_every_byte_before_it() -> None:
    async with room() as here:
        here.pane("cat")
        pane = here.pane("sh", "-c", "read x; seq 1 200000")
        sink, source = await here.adopted(pane)
        await source.send(Typed(submit=True))
        ending = await sink.ending()
        assert not ending.observed
        assert "the pane was closed" in ending.error
        assert sink.written(TERMINAL) == b"\r\n" + counted(200_000)


async def test_a_tmux_server_that_is_killed_is_an_end_that_nobody_saw() -> None:
    async with room() as here:
        pane = here.pane(*SHELL)
        sink, source = await here.adopted(pane)
        await source.send(Typed(b"echo one", submit=True))
        await shown(sink, b"\none\r\n")
        os.kill(pane.server_pid, signals.SIGKILL)
        ending = await sink.ending()
        assert not ending.observed
        assert "its tmux server is gone" in ending.error


async def test_another_tmux_server_on_the_same_socket_is_not_taken_for_the_first() -> None:
    async with room() as here:
        pane = here.pane(*SHELL)
        sink, source = await here.adopted(pane)
        await source.detach()
        os.kill(pane.server_pid, signals.SIGKILL)
        await until(lambda: not Path(f"/proc/{pane.server_pid}").exists())
        assert here.pane("cat").pane_id == pane.pane_id
        resumed = AdoptedSource(sink, here.inotify, here.server)
        await resumed.resume()
        assert not (await sink.ending()).observed
        assert here.user("list-clients") == ""


async def test_a_pipe_that_is_there_is_left_in_place_and_the_output_followed_beside_it() -> None:
    async with room() as here:
        pane = here.pane(*SHELL)
        theirs = here.home / "theirs"
        here.user("pipe-pane", "-t", pane.pane_id, f"cat >{theirs}")
        sink, source = await here.adopted(pane)
        assert sink.states[-1][0] == CaptureState.CAPTURE_STATE_FOLLOWING
        assert "piped elsewhere" in sink.states[-1][1]
        await source.send(Typed(b"seq 1 50000; printf '\\\\134 \\303\\244 \\033[0m\\n'; echo done", submit=True))
        await shown(sink, b"\ndone\r\n")
        await until(lambda: theirs.read_bytes().endswith(b"\ndone\r\n$ "))
        await shown(sink, b"\ndone\r\n$ ")
        assert theirs.read_bytes() == sink.written(TERMINAL)
        assert not (await source.snapshot()).exact
        await source.release()
        assert (await sink.ending()).released
        await until(lambda: here.user("list-clients") == "")
        assert here.user("display-message", "-p", "-t", pane.pane_id, "#{pane_pipe}") == "1\n"
        assert not (sink.directory / "started").exists()


async def test_a_piped_pane_is_taken_up_again_after_a_restart_and_the_hole_is_named() -> None:
    async with room() as here:
        pane = here.pane(*SHELL)
        here.user("pipe-pane", "-t", pane.pane_id, "cat >/dev/null")
        sink, source = await here.adopted(pane)
        await source.detach()
        resumed = AdoptedSource(sink, here.inotify, here.server)
        await resumed.resume()
        await sink.until(lambda: bool(sink.of_kind("output_lost")))
        await resumed.send(Typed(b"echo again", submit=True))
        await shown(sink, b"\nagain\r\n")
        here.user("kill-pane", "-t", pane.pane_id)
        assert not (await sink.ending()).observed


async def test_a_slow_log_does_not_hold_a_piped_panes_program_back() -> None:
    async with room() as here:
        done = here.home / "done"
        pane = here.pane("sh", "-c", f"read x; seq 1 3000000; : >{done}; read x")
        here.user("pipe-pane", "-t", pane.pane_id, "cat >/dev/null")
        sink, source = await here.adopted(pane)
        sink.gate.clear()
        await source.send(Typed(submit=True))
        await until(done.exists, 30)
        sink.gate.set()
        whole = len(b"\r\n" + counted(3_000_000))
        await sink.until(lambda: sink.position(TERMINAL) == whole, 60)
        lost = sum(event.output_lost.bytes for event in sink.of_kind("output_lost"))
        assert len(sink.written(TERMINAL)) + lost == whole  # how much is lost depends on how fast tmux is


async def test_a_server_killed_in_mid_flow_loses_and_repeats_nothing() -> None:
    async with room() as here:
        pane = here.pane("sh", "-c", "read x; seq 1 400000; read x; seq 1 400000; read x")
        spool, log = here.home / "its spool", here.home / "its.log"
        spool.mkdir(mode=0o700)
        async with hosted("adopted", here.user_socket, pane.pane_id, pane.server_pid, spool, log):
            await until((spool / "started").exists)
            here.user("send-keys", "-t", pane.pane_id, "Enter")
            await until(lambda: log.exists() and log.stat().st_size > 200_000)
        sink = FileSink(spool, log)
        source = AdoptedSource(sink, here.inotify, here.server)
        await source.resume()
        await until(lambda: log.stat().st_size == 2 + len(counted(400_000)))
        await source.send(Typed(submit=True))
        await until(lambda: log.stat().st_size == 4 + 2 * len(counted(400_000)))
        await source.release()
        await until(log.with_suffix(".ended").exists)
        assert json.loads(log.with_suffix(".ended").read_text())["released"]
        assert log.read_bytes() == (b"\r\n" + counted(400_000)) * 2


async def test_panes_of_one_server_share_one_client() -> None:
    async with room() as here:
        panes = [here.pane(*SHELL) for _ in range(3)]
        followed = await asyncio.gather(*(here.adopted(pane) for pane in panes))
        for sink, source in followed:
            await source.send(Typed(b"echo here", submit=True))
            await shown(sink, b"\nhere\r\n")
        assert len(here.user("list-clients").splitlines()) == 1
        # The session that it is attached to goes, and with it the client: the others are reached by another one.
        here.user("kill-session", "-t", here.user("list-clients", "-F", "#{session_id}").strip())
        await until(lambda: sum(bool(sink.endings) for sink, _ in followed) == 1)
        for sink, source in followed:
            if not sink.endings:
                await source.send(Typed(b"echo again", submit=True))
                await shown(sink, b"\nagain\r\n")


async def test_what_is_not_there_is_refused() -> None:
    async with room() as here:
        pane = here.pane("cat")
        sink = here.sink()
        wrong = Tmux(socket_path=str(here.user_socket), target="x:1.1", pane_id="%99", server_pid=pane.server_pid)
        with pytest.raises(errors.PaneNotFound):
            await AdoptedSource(sink, here.inotify, here.server, pane=wrong).start()
        here.user("kill-server")
        with pytest.raises(errors.TmuxServerNotFound):
            await AdoptedSource(here.sink(), here.inotify, here.server, pane=pane).start()
        assert not here.user_socket.exists() or here.user("list-panes") == ""
