"""The entry: finds the command, runs it, and turns what goes wrong into one line and an exit code.

Imports neither gRPC nor asyncio: `--help` and a wrong word cost nothing. What a command needs, it imports when it runs.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from sightline_cli import (
    adopt,
    answer,
    attach,
    bridge,
    codes,
    completion,
    decode,
    directories,
    doctor,
    endings,
    export,
    hook,
    import_,
    keeping,
    open_,
    publish,
    replay,
    run,
    search,
    serve,
    sessions,
    steer,
    up,
    waiting,
    watch,
)
from sightline_cli.command import Command, Complaint, Parser, add_remote, describe, examples

IMPORTED = 50_000  # new objects between two looks for garbage

GROUPS: tuple[tuple[str, tuple[Command, ...]], ...] = (
    ("start something", (run.RUN, run.CREATE, adopt.ADOPT, directories.WATCH_DIR, publish.PUBLISH)),
    ("look at it", (sessions.LS, watch.WATCH, attach.ATTACH, sessions.SHOW, steer.SNAPSHOT, waiting.WAIT, waiting.EXPLAIN)),
    ("steer it", (steer.SEND, answer.ANSWER, steer.INTERRUPT, steer.RESIZE)),
    ("end it", (endings.STOP, adopt.RELEASE, endings.RM)),
    ("its past", (search.SEARCH, replay.REPLAY, export.EXPORT, import_.IMPORT, decode.DECODE)),
    ("the server and its dashboard", (up.UP, open_.OPEN, serve.SERVE, bridge.BRIDGE)),
    ("their upkeep", (keeping.DF, keeping.GC, keeping.METRICS, hook.HOOK, doctor.DOCTOR, completion.COMPLETION)),
)

OVERVIEW = """\
Sightline keeps a line of sight to everything that runs in your terminals: it captures each
session into one ordered, durable log, and serves that log, live and past.

  sightline up                       start the server and its dashboard (in a terminal of its own)
  sightline open                     the dashboard, in the browser
  sightline run -- make -j2          run a command as a session and follow it
  sightline run --tty -- bash        the same in a terminal of its own
  sightline adopt                    what runs already and could be followed
  sightline ls                       what runs, and what ran
  sightline watch NAME               follow a session, from anywhere
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program and returns its exit code; `arguments` default to those of the process."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        try:
            return _main(words)
        finally:
            sys.stdout.flush()  # here, where a reader that has left is met with understanding
    except BrokenPipeError:
        # Whoever read our output has left (`| head`). Python would complain once more when it closes stdout.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return codes.BY_SIGNAL + signal.SIGPIPE
    except KeyboardInterrupt:
        return codes.INTERRUPTED


def build_parser(command: Command) -> Parser:
    """The parser of one command."""
    parser = Parser(
        prog=f"sightline {command.name}",
        description=describe(command),
        epilog=examples(command),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.arguments(parser)
    if command.remote:
        add_remote(parser)
    return parser


def all_commands() -> list[Command]:
    """Every command, in the order of the overview."""
    return [command for _, commands in GROUPS for command in commands]


def overview() -> str:
    """What `sightline` alone prints."""
    parts = [OVERVIEW]
    for title, commands in GROUPS:
        parts.append(f"{title}:\n" + "\n".join(f"  {command.name:<11} {command.summary}" for command in commands) + "\n")
    return "\n".join([*parts, "`sightline COMMAND --help` explains a command, with examples."])


def _main(words: list[str]) -> int:
    if not words or words[0] in {"help", "--help", "-h"}:
        if words[1:]:
            return _main([words[1], "--help"])
        print(overview())
        return codes.OK
    if words[0] in {"--version", "-V"}:
        from importlib.metadata import version  # noqa: PLC0415

        print(f"sightline {version('sightline')}")
        return codes.OK
    command = next((one for one in all_commands() if one.name == words[0]), None)
    if command is None:
        return _unknown(words[0])
    chosen = build_parser(command).parse(words[1:])
    try:
        if getattr(chosen, "home", None):
            os.environ["SIGHTLINE_HOME"] = chosen.home
        return _run(command.run, chosen)
    except Complaint as complaint:
        return _say(str(complaint), complaint.code)


def _unknown(word: str) -> int:
    from difflib import get_close_matches  # noqa: PLC0415

    near = get_close_matches(word, [command.name for command in all_commands()], n=1)
    hint = f"did you mean `sightline {near[0]}`?" if near else "`sightline` alone lists the commands"
    kind = "option" if word.startswith("-") else "command"
    return _say(f"there is no {kind} {word!r}: {hint}", codes.USAGE)


def _run(run: Callable[[argparse.Namespace], int | Coroutine[Any, Any, int]], chosen: argparse.Namespace) -> int:
    result = run(chosen)
    if isinstance(result, int):
        return result
    # Importing gRPC makes a hundred thousand objects that all stay: looking through them again and again is a tenth of the start.
    gc.set_threshold(IMPORTED)
    # Read by gRPC when it is first imported: its fork handlers crash children that are started later.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    import asyncio  # noqa: PLC0415

    from sightline import errors  # noqa: PLC0415

    try:
        return asyncio.run(result)
    except errors.Unavailable as error:
        return _say(error.message, codes.NO_SERVER if error.broken or isinstance(error, errors.ServerNotFound) else codes.FAILED)
    except errors.SightlineError as error:
        return _say(error.message, codes.FAILED)
    except (ValueError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        return _say(str(error), codes.FAILED)
    finally:
        gc.freeze()  # the process ends: nor need they be looked through for a last time


def _say(text: str, code: int) -> int:
    sys.stdout.flush()
    sys.stderr.write("sightline: " + " ".join(text.split()) + "\n")
    return code
