"""Looking around: which panes there are, and which one a target means."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from server.capture.tmux.rooms import room, until
from sightline.v1.session_pb2 import SessionKind, Tmux
from sightline_server import errors
from sightline_server.capture.tmux import discovery as tmux_discovery
from sightline_server.capture.tmux import server as tmux_server

NOWHERE = Path("/nonexistent")


@pytest.fixture(autouse=True)
def no_servers_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's default directory is an empty one."""
    monkeypatch.setenv("TMUX_TMPDIR", str(tmp_path))
    return tmp_path


async def test_panes_are_found_with_what_people_want_to_know_of_them() -> None:
    async with room() as here:
        pane = here.pane("cat")
        here.user("rename-session", "my work|1", ";", "split-window", "-d", "sleep 1000")
        here.user("select-pane", "-t", pane.pane_id, "-T", "a ␞ title")
        here.user("pipe-pane", "-t", pane.pane_id, "cat >/dev/null")
        await until(lambda: here.user("list-panes", "-F", "#{pane_current_command}").split() == ["cat", "sleep"])
        candidates, problems = await tmux_discovery.discover([str(here.user_socket)], NOWHERE)
        assert problems == []
        first, second = candidates
        assert first.kind == SessionKind.SESSION_KIND_TMUX
        assert (first.tmux.target, first.tmux.pane_id, first.command) == ("my work|1:0.0", pane.pane_id, "cat")
        assert (first.tmux.socket_path, first.tmux.server_pid) == (str(here.user_socket), pane.server_pid)
        assert first.title.startswith("a ")
        assert first.piped
        assert (second.command, second.piped, second.terminal.columns) == ("sleep", False, 80)
        for candidate in candidates:
            assert (await tmux_discovery.resolve(candidate.tmux)).pane_id == candidate.tmux.pane_id


async def test_servers_in_the_default_directory_are_found_and_dead_panes_are_not(no_servers_of_this_machine: Path) -> None:
    async with room() as here:
        here.pane("cat")
        here.user("set-option", "-g", "remain-on-exit", "on", ";", "new-window", "-d", "true")
        await until(lambda: "1" in here.user("list-panes", "-a", "-F", "#{pane_dead}"))
        directory = tmux_discovery.default_directory()
        directory.mkdir()
        (directory / "default").symlink_to(here.user_socket)
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(str(directory / "stale"))
        stale.close()
        candidates, problems = await tmux_discovery.discover([], NOWHERE)
        assert ([candidate.command for candidate in candidates], problems) == (["cat"], [])
        assert (await tmux_discovery.resolve(Tmux(target="0:0.0"))).pane_id == candidates[0].tmux.pane_id
        assert (directory / "stale").exists()


async def test_our_own_server_is_left_out() -> None:
    async with room() as here:
        await here.terminal("cat")
        own = here.home / "tmux.sock"
        assert await tmux_discovery.discover([str(own)], own) == ([], [])


async def test_a_socket_that_was_named_and_does_not_answer_is_a_problem() -> None:
    candidates, problems = await tmux_discovery.discover(["/nonexistent/socket"], NOWHERE)
    assert candidates == []
    assert [problem.code for problem in problems] == ["TMUX_SERVER_NOT_FOUND"]


async def test_targets_that_mean_nothing_are_refused() -> None:
    async with room() as here:
        here.pane("cat")
        path = str(here.user_socket)
        for target in ("nosuch:0.0", "%99", "0:0.7", "0:7", "#{pane_id}", "0;kill-server"):
            with pytest.raises(errors.PaneNotFound):
                await tmux_discovery.resolve(Tmux(socket_path=path, target=target))
        with pytest.raises(errors.BadField):
            await tmux_discovery.resolve(Tmux(socket_path=path))
        with pytest.raises(errors.TmuxServerNotFound):
            await tmux_discovery.resolve(Tmux(socket_path="/nonexistent/socket", target="0"))


async def test_without_tmux_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async with room() as here:
        here.pane("cat")
        tmux_server.program.cache_clear()
        with monkeypatch.context() as patch:
            patch.setenv("PATH", "/nonexistent")
            with pytest.raises(errors.TmuxNotInstalled):
                await tmux_discovery.resolve(Tmux(socket_path=str(here.user_socket), target="0"))
            _, problems = await tmux_discovery.discover([str(here.user_socket)], NOWHERE)
            assert [problem.code for problem in problems] == ["TMUX_NOT_INSTALLED"]
            with pytest.raises(errors.TmuxNotInstalled):
                await here.terminal("/bin/cat")


async def test_an_old_tmux_is_refused_by_its_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "tmux"
    old.write_text("#!/bin/sh\necho tmux 3.1c\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    tmux_server.program.cache_clear()
    with pytest.raises(errors.TmuxTooOld) as refused:
        await asyncio.to_thread(tmux_server.program)
    assert refused.value.variables["version"] == "3.1c"
