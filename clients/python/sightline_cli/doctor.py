"""doctor: says what is wrong with an installation and how to mend it; `--clean` removes everything of ours."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from sightline_cli import codes, people
from sightline_cli.command import Command, Complaint, add_json

if TYPE_CHECKING:
    from sightline_cli.checks import Finding

COLOUR = {"ok": "green", "warn": "yellow", "fail": "red"}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--home", metavar="DIR", help="the home to look at; default: $SIGHTLINE_HOME, else ~/.local/state/sightline"
    )
    parser.add_argument(
        "--clean", action="store_true", help="remove everything of ours: pipes in panes, programs we hold, logs, the home"
    )
    parser.add_argument("--yes", action="store_true", help="with --clean: do not ask")
    add_json(parser, "one finding a line, as JSON")


async def _doctor(chosen: argparse.Namespace) -> int:
    if chosen.clean:
        return await _clean(chosen)
    from sightline_cli.checks import examine  # noqa: PLC0415

    findings = await examine()
    colour = people.wants_colour(sys.stdout)
    for finding in findings:
        _print(finding, chosen.json, colour)
    return codes.FAILED if any(finding.level == "fail" for finding in findings) else codes.OK


def _print(finding: Finding, as_json: bool, colour: bool) -> None:
    if as_json:
        print(json.dumps({"check": finding.check, "level": finding.level, "text": finding.text, "mend": finding.mend}))
        return
    print(f"{people.paint(f'{finding.level:<4}', COLOUR[finding.level], colour)}  {finding.check}: {finding.text}")
    if finding.mend:
        print(f"      -> {finding.mend}")


async def _clean(chosen: argparse.Namespace) -> int:
    from sightline_cli import cleaning  # noqa: PLC0415

    left = cleaning.look()
    if left.server:
        raise Complaint(f"a server uses {left.home} (pid {left.server}): stop it first, then clean")
    if left.bridge:
        raise Complaint(f"a bridge uses {left.home} (pid {left.bridge}): stop it first, then clean")
    if not left.things:
        print(f"there is nothing of ours in {left.home}, and no pane is followed")
        return codes.OK
    print("this goes, for good:", file=sys.stderr)
    for thing in left.things:
        print(f"  {thing}", file=sys.stderr)
    if not chosen.yes and not _agreed():
        raise Complaint("nothing was removed (`--yes` does it without asking)")
    for line in await cleaning.clean(left):
        print(line)
    return codes.OK


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stderr.write("remove it? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


DOCTOR = Command(
    name="doctor",
    summary="Say what is wrong with this installation, and how to mend it.",
    when="""\
Looks at the home and its modes, the token, the database, disk space, tmux, the server, the bridge and its pages, limits
of the system, and what is left over from a server that is gone. The exit code is 1 when something does not work.
`--clean` removes everything that Sightline ever put on panes and on the disk, logs included: it asks first, and
refuses while a server or a bridge runs.""",
    examples=(
        ("sightline doctor", "when something does not work"),
        ("sightline doctor --clean", "before you uninstall it"),
    ),
    arguments=_arguments,
    run=_doctor,
    remote=False,
)
