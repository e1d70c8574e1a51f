"""Which screen sessions and windows there are, which one a name means, and what is said where there is none."""

from __future__ import annotations

import os
import signal as signals
import socket
from pathlib import Path

import pytest
from server.capture.screen.rooms import SHELL, room, until
from sightline.v1.session_pb2 import Screen
from sightline_server import errors
from sightline_server.capture.screen import discovery
from sightline_server.capture.screen.client import ScreenProgram
from sightline_server.capture.screen.settings import LogSettings, log_settings


async def test_every_window_is_shown_with_what_can_be_known_of_it() -> None:
    async with room() as here:
        pid = await here.session("work", *SHELL)
        other = await here.window(pid, "sleep", "600")
        found, problems = await discovery.discover(here.program)
        assert problems == []
        assert [(one.screen.name, one.screen.pid, one.screen.window) for one in found] == [
            (f"{pid}.work", pid, 0),
            (f"{pid}.work", pid, other),
        ]
        assert [one.command for one in found] == ["sh", "sleep 600"]
        assert {one.cwd for one in found} == {str(here.place)}
        assert {(one.terminal.columns, one.terminal.rows) for one in found} == {(80, 24)}


async def test_the_socket_of_a_question_that_is_being_asked_is_no_session() -> None:
    async with room() as here:
        pid = await here.session("work", *SHELL)
        asked = here.screens / f"{pid}.work-queryA"
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.bind(str(asked))
            waiting.listen()
            assert f"{pid}.work-queryA\t" in here.screen("-ls")
            assert [one.address for one in await here.program.sessions()] == [f"{pid}.work"]
        assert f"{pid}.work-queryA\t" in here.screen("-ls")  # its asker was killed
        found, _ = await discovery.discover(here.program)
        assert [one.screen.name for one in found] == [f"{pid}.work"]


async def test_a_dead_sessions_socket_is_neither_shown_nor_adopted() -> None:
    async with room() as here:
        pid = await here.session("work", *SHELL)
        os.kill(pid, signals.SIGKILL)
        await until(lambda: "Dead" in here.screen("-ls"))
        assert await discovery.discover(here.program) == ([], [])
        with pytest.raises(errors.ScreenNotFound):
            await discovery.resolve(here.program, Screen(name="work"))


async def test_two_sessions_of_one_name_must_be_told_apart_by_pid() -> None:
    async with room() as here:
        first, second = await here.session("work", *SHELL), await here.session("work", *SHELL)
        with pytest.raises(errors.ScreenAmbiguous) as raised:
            await discovery.resolve(here.program, Screen(name="work"))
        assert str(first) in str(raised.value)
        assert str(second) in str(raised.value)
        session, _ = await discovery.resolve(here.program, Screen(name=f"{second}.work"))
        assert session.pid == second


async def test_a_part_of_a_name_is_no_name() -> None:
    async with room() as here:
        await here.session("work", *SHELL)
        with pytest.raises(errors.ScreenNotFound):
            await discovery.resolve(here.program, Screen(name="wor"))
        with pytest.raises(errors.BadField):
            await discovery.resolve(here.program, Screen())


async def test_without_a_number_the_current_window_is_meant() -> None:
    async with room() as here:
        pid = await here.session("work", *SHELL)
        other = await here.window(pid, *SHELL)
        _, window = await discovery.resolve(here.program, Screen(name="work"))
        assert window.number == other


async def test_a_window_that_is_not_there_is_told_with_those_that_are() -> None:
    async with room() as here:
        await here.session("work", *SHELL)
        with pytest.raises(errors.ScreenWindowNotFound) as raised:
            await discovery.resolve(here.program, Screen(name="work", window=7))
        assert "there are: 0" in str(raised.value)


async def test_without_screen_the_error_says_so() -> None:
    nowhere = ScreenProgram({"PATH": "/nonexistent"})
    with pytest.raises(errors.ScreenNotInstalled):
        await discovery.resolve(nowhere, Screen(name="work"))
    found, problems = await discovery.discover(nowhere)
    assert found == []
    assert [problem.code for problem in problems] == ["SCREEN_NOT_INSTALLED"]


def test_the_log_was_set_to_what_the_startup_files_say(tmp_path: Path) -> None:
    system, own = tmp_path / "screenrc", tmp_path / ".screenrc"
    environ = {"HOME": str(tmp_path), "SYSSCREENRC": str(system)}
    nobody = 2**22 + 1  # no process has this pid
    assert log_settings(nobody, environ) == LogSettings("screenlog.%n", 10)
    system.write_text("logfile /var/log/%n\nlogfile flush 3\n")
    assert log_settings(nobody, environ) == LogSettings("/var/log/%n", 3)
    own.write_text("# logfile no\nlogfile '$HOME/a b.%n' # mine\nunclosed '\n")
    assert log_settings(nobody, environ) == LogSettings(f"{tmp_path}/a b.%n", 3)


async def test_a_session_started_with_a_log_name_has_it_back(tmp_path: Path) -> None:
    async with room() as here:
        here.screen("-L", "-Logfile", str(tmp_path / "named"), "-dmS", "work", *SHELL)
        await until(lambda: any(here.screens.iterdir()))
        pid = int(next(here.screens.iterdir()).name.partition(".")[0])
        assert log_settings(pid, here.environ).name == str(tmp_path / "named")
