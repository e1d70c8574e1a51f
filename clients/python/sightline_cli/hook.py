"""hook: what Claude Code calls at certain moments, and its place in the settings."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from pathlib import Path

from sightline_cli import codes
from sightline_cli.command import Command, Complaint, given


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        metavar="install|remove",
        nargs="?",
        choices=("install", "remove"),
        help="put the hook into Claude Code's settings, or take it out; neither: be the hook, with its payload on standard input",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--settings",
        metavar="FILE",
        type=given,
        help="the settings; default: settings.json in $CLAUDE_CONFIG_DIR, else ~/.claude",
    )
    where.add_argument("--project", action="store_true", help="those of the project in this directory: .claude/settings.json")
    parser.add_argument("--home", metavar="DIR", help="the server's home; default: $SIGHTLINE_HOME, else ~/.local/state/sightline")


def _hook(chosen: argparse.Namespace) -> int:
    if chosen.action is None:
        if chosen.settings or chosen.project:
            raise Complaint("--settings and --project go with install and remove", codes.USAGE)
        from sightline_cli.hooks.intake import take  # noqa: PLC0415

        take()
    from sightline_cli.hooks import settings  # noqa: PLC0415

    file = settings.File(Path(chosen.settings) if chosen.settings else settings.path_of(os.environ, project=chosen.project))
    if chosen.action == "install":
        made, done = settings.with_hook(file.settings, command_line(chosen.home)), "calls `sightline hook` from now on"
    else:
        made, done = settings.without_hook(file.settings), "does not call `sightline hook` any more"
    if made == file.settings:
        print(f"{file.path}: nothing to change")
        return codes.OK
    backup = file.write(made)
    print(f"{file.path}: {done}" + (f"; what it was is in {backup.name}" if backup else ""))
    return codes.OK


def command_line(home: str | None) -> str:
    """What Claude Code's shell is to run: this program, by its full path."""
    program = sys.argv[0] if os.path.basename(sys.argv[0]) == "sightline" and os.path.isfile(sys.argv[0]) else None
    program = program or shutil.which("sightline")
    if program is None:
        raise Complaint("the program `sightline` is not on the PATH: call it by its full path")
    words = [os.path.abspath(program), "hook"]
    if home:
        words = ["env", f"SIGHTLINE_HOME={os.path.abspath(home)}", *words]
    return shlex.join(words)


HOOK = Command(
    name="hook",
    summary="Let Claude Code's hooks tell a session what happens; install or remove them.",
    when="""\
With the hook in its settings, Claude Code calls `sightline hook` when a turn begins or ends, a tool is
used, or somebody is asked. That reaches the session in which Claude Code runs, or the one that follows
its transcript; what the session learns in another way is not told twice. The hook takes some hundredths of
a second, prints nothing and always ends with 0, whether a server runs or not.

`install` adds to the settings and `remove` takes out what it added: the rest keeps its order and its
place, the file is replaced as a whole, and what it was is kept beside it.""",
    examples=(
        ("sightline hook install", "for all of your projects"),
        ("sightline hook install --project", "for the one in this directory"),
        ("sightline hook remove", "as if it had never been there"),
    ),
    arguments=_arguments,
    run=_hook,
    remote=False,
)
