"""Control clients of a real tmux."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from server.capture.tmux.rooms import ENVIRONMENT, room
from sightline_server.capture.tmux.control import ControlClient


def open_files() -> set[str]:
    here = Path("/proc/self/fd")
    return {f"{fd} {(here / fd).readlink()}" for fd in os.listdir(here) if (here / fd).exists()}


@pytest.mark.parametrize("turns", range(8))
async def test_an_attach_that_is_given_up_leaves_no_pipe_open(turns: int) -> None:
    async with room() as here:
        here.user("new-session", "-d", "-s", "mine", "sleep 1000")
        argv = [shutil.which("tmux") or "tmux", "-S", str(here.user_socket), "-N", "-C", "attach-session", "-t", "mine"]
        before = open_files()
        attaching = asyncio.create_task(ControlClient.attach(argv, ENVIRONMENT, lambda: None))
        for _ in range(turns):
            await asyncio.sleep(0)
        attaching.cancel()
        with suppress(asyncio.CancelledError):
            await (await attaching).close()
        assert open_files() - before == set()
