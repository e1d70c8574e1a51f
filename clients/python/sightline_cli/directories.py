"""watch-dir: directories in which every typescript becomes a session."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from sightline_cli import codes, people
from sightline_cli.command import Command, Complaint, add_json, given

if TYPE_CHECKING:
    from sightline.v1.session_service_pb2 import Directory

COLUMNS = ("DIRECTORY", "HOST", "NOTE")
DIRECTORY = 0  # the column that gives way when the terminal is narrow


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", metavar="DIR", type=given, nargs="?", help="the directory; none: list those that are watched")
    parser.add_argument("--stop", action="store_true", help="watch it no longer; its sessions go on")
    add_json(parser)


async def _watch_dir(chosen: argparse.Namespace) -> int:
    from sightline_cli import printing, reach  # noqa: PLC0415

    if chosen.stop and not chosen.directory:
        raise Complaint("--stop needs the directory: sightline watch-dir DIR --stop (alone, it lists them)", codes.USAGE)
    async with reach.server(chosen) as client:
        if chosen.stop:
            await client.unwatch_directory(chosen.directory)
            return codes.OK
        asked = chosen.directory
        found = [await client.watch_directory(asked)] if asked else list(await client.directories())
    if chosen.json:
        for directory in found:
            print(printing.to_json(directory))
    elif chosen.directory:
        print(found[0].path)
    elif found:
        print("\n".join(people.table(COLUMNS, [_row(one) for one in found], people.width_of(sys.stdout), flexible=DIRECTORY)))
    else:
        print("no directory is watched: sightline watch-dir DIR makes every typescript in DIR a session", file=sys.stderr)
    return codes.OK


def _row(directory: Directory) -> tuple[str, ...]:
    notes = [directory.problem] if directory.problem else []
    if directory.from_settings:
        notes.append("from the server's settings")
    return directory.path, directory.host, "; ".join(notes)


WATCH_DIR = Command(
    name="watch-dir",
    summary="Make every typescript in a directory a session.",
    when="""\
`script -f NAME.typescript` (better with `--log-timing NAME.timing`) records a terminal into a file.
Every *.typescript in a watched directory that somebody writes becomes a session named after the
file, also those that come later, and also over restarts of the server. Finished ones that were there
before are left alone: `sightline adopt --typescript FILE` follows one, `sightline import` reads it.
Alone, lists the watched directories and what is wrong with them. `sightline serve --stream-dir DIR`
($SIGHTLINE_STREAM_DIR) names one that is always watched.""",
    examples=(
        ("sightline watch-dir ~/recordings", "from now on"),
        ("sightline watch-dir", "which directories are watched"),
        ("sightline watch-dir ~/recordings --stop", "no longer; its sessions go on"),
    ),
    arguments=_arguments,
    run=_watch_dir,
)
