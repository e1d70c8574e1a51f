"""A program that is started on a host: its files there, waiting until it runs, and how it ended.

Knows `sh/program.sh`, nothing of panes or pipes.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sightline_server import errors
from sightline_server.capture import processes
from sightline_server.capture.base import Ending
from sightline_server.capture.remote.host import Facts, Host
from sightline_server.capture.remote.scripts import line, put, quote, script, spec
from sightline_server.capture.remote.shell import Refused

START_SECONDS = 10.0  # for a program to run
TICK_SECONDS = 0.005  # between looks at whether it does, beside the way there and back
SIGNALS = range(129, 129 + 64)  # exit codes by which a shell tells of a signal


@dataclass(frozen=True)
class Program:
    """What to start.

    Attributes:
        argv: not empty.
        env: variables added to those of the host.
        cwd: absolute; empty: the home there.
        clear_env: start from an empty environment instead of the host's.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str = ""
    clear_env: bool = False


async def lay_out(host: Host, facts: Facts, session_id: str, program: Program, more: Mapping[str, str]) -> None:
    """Makes the session's directory there with all that the start needs. Raises `BadField`, `HostDisconnected`, `Refused`."""
    directory = f"{facts.state}/{session_id}"
    path = f"{directory}/spec"
    # Strange characters are refused here, before anything is there.
    text = spec(program.argv, {**program.env, processes.SESSION_VARIABLE: session_id}, program.cwd, path)
    files = {"spool.sh": script("spool.sh"), "program.sh": script("program.sh"), "spec": text, **more}
    made = [
        line("mkdir", "-p", facts.state),
        line("mkdir", directory),
        *(put(f"{directory}/{name}", files[name]) for name in files),
    ]
    await host.ask(" && ".join(made))


def words_of(directory: str, session_id: str, mode: str, program: Program) -> list[str]:
    """The argv of `program.sh`."""
    return ["sh", f"{directory}/program.sh", directory, session_id, mode, *["clear"] * program.clear_env]


async def until_started(host: Host, directory: str, program: Program) -> int:
    """Waits until the program runs; the pid of the shell around it. Raises why it does not."""
    look = f"cat {line(f'{directory}/program')} 2>/dev/null || cat {line(f'{directory}/exit')} 2>/dev/null || :"
    try:
        async with asyncio.timeout(START_SECONDS):
            while not (said := await host.ask(look)).isdecimal() and not said.startswith("error"):  # noqa: ASYNC110
                await asyncio.sleep(TICK_SECONDS)  # also when it has ended between the two looks: then the first is there now
    except TimeoutError:
        raise errors.StartTimeout(what=program.argv[0], seconds=START_SECONDS) from None
    if said.isdecimal():
        return int(said)
    match said.removeprefix("error "):
        case "program":
            name = program.argv[0]
            if os.sep in name and not await host.ask(f"[ ! -e {quote(name)} ] || echo there"):
                raise errors.ProgramNotFound(program=name)
            if os.sep in name:
                raise errors.ProgramNotStarted(program=name, why="it may not be run there")
            raise errors.ProgramNotFound(program=name)
        case "cwd":
            raise errors.CwdNotFound(cwd=program.cwd)
        case why:
            raise errors.ProgramNotStarted(program=program.argv[0], why=f"its shell on the host says: {why}")


async def read_exit(host: Host, directory: str) -> Ending | None:
    """How it ended; None: it says nothing. Raises `HostDisconnected`."""
    with suppress(Refused):
        kind, _, value = (await host.ask(line("cat", f"{directory}/exit"))).partition(" ")
        if kind == "code" and value.isdecimal():
            code = int(value)
            # A shell tells of a signal by 128 and its number; nobody can tell that from a program that exits so.
            return Ending(signal=code - 128) if code in SIGNALS else Ending(exit_code=code)
        if kind == "error":
            return Ending(started=False, error=value)
    return None


async def count_left(host: Host, session_id: str) -> int:
    """How many of the session's processes still run. Raises `HostDisconnected`."""
    return int(await host.ask(line("sl_signal", session_id, "0")))
