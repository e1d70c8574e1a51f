"""What `run` and `create` say about an agent: the options, and what they mean together."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sightline_cli import codes
from sightline_cli.command import Complaint, given, words

if TYPE_CHECKING:
    from sightline.v1.session_pb2 import Agent

FAMILIES = ("claude", "codex", "gemini", "opencode", "qwen", "cursor", "amp", "goose")
"""What Tab offers; the server says what it knows."""
SOURCES = frozenset({*FAMILIES, "blocks"})
"""`Event.source` of what agents wrote."""
STDIN = "-"
MAX_PROMPT = 1024 * 1024  # bytes


def add_agent(parser: argparse.ArgumentParser) -> None:
    """`--agent` and what belongs to it."""
    group = parser.add_argument_group("a coding agent", "docs/agents.md describes what becomes of what it writes")
    group.add_argument(
        "--agent",
        metavar="NAME",
        type=given,
        help=f"what runs is this agent: {', '.join(FAMILIES)}; without CMD it is started in its usual way",
    )
    prompt = group.add_mutually_exclusive_group()
    prompt.add_argument("--prompt", metavar="TEXT", default="", help="what to ask it; --prompt=TEXT where it begins with -")
    prompt.add_argument("--prompt-file", metavar="FILE", type=given, help="what to ask it, from a file; `-`: from standard input")
    group.add_argument(
        "--two-way",
        action="store_true",
        help="keep talking: `sightline send` is the next turn, `sightline answer` answers what it asks; claude",
    )
    group.add_argument("--keep-raw", action="store_true", help="events carry the agent's own lines in `raw`")


def add_without(parser: argparse.ArgumentParser) -> None:
    """`--without`."""
    parser.add_argument(
        "--without",
        metavar="KIND,KIND",
        type=words,
        action="extend",
        default=[],
        help="leave these kinds of events out, such as thinking,progress; they are in the log all the same",
    )


def take_dash(chosen: argparse.Namespace) -> None:
    """`-` in place of the command, or before it: the prompt comes on standard input."""
    if chosen.agent and chosen.argv[:1] == [STDIN]:
        if chosen.prompt or chosen.prompt_file:
            raise Complaint("`-` says that the prompt comes on standard input: give no other", codes.USAGE)
        chosen.prompt_file = STDIN
        chosen.argv = chosen.argv[1:]


def read(chosen: argparse.Namespace, *, has_command: bool, stdin_taken: bool) -> Agent | None:
    """The agent to run; None where none was asked for. Raises Complaint.

    Args:
        chosen: the options.
        has_command: a command line was given: what to ask may be in it.
        stdin_taken: standard input is for something else.
    """
    if not chosen.agent:
        for option in ("prompt", "prompt_file", "two_way", "keep_raw"):
            if getattr(chosen, option):
                raise Complaint(f"--{option.replace('_', '-')} is for an agent: give --agent NAME with it", codes.USAGE)
        return None
    prompt = _prompt(chosen, stdin_taken)
    if chosen.two_way and chosen.tty:
        raise Complaint("--two-way is for pipes, --tty for a terminal that you type on: give one of them", codes.USAGE)
    if not (prompt or chosen.two_way or has_command or chosen.tty):
        raise Complaint(f"there is nothing to ask {chosen.agent}: give --prompt TEXT, --prompt-file FILE or `-`", codes.USAGE)
    from sightline.v1.session_pb2 import Agent  # noqa: PLC0415

    return Agent(name=chosen.agent, prompt=prompt, two_way=chosen.two_way)


def _prompt(chosen: argparse.Namespace, stdin_taken: bool) -> str:
    if not chosen.prompt_file:
        return str(chosen.prompt)
    if chosen.prompt_file == STDIN and stdin_taken:
        raise Complaint("standard input cannot be both the prompt and the program's: give --prompt-file FILE", codes.USAGE)
    where = "standard input" if chosen.prompt_file == STDIN else chosen.prompt_file
    try:
        if chosen.prompt_file == STDIN:
            data = sys.stdin.buffer.read(MAX_PROMPT + 1)
        else:
            with Path(chosen.prompt_file).open("rb") as file:
                data = file.read(MAX_PROMPT + 1)
    except OSError as error:
        raise Complaint(f"the prompt cannot be read: {error.strerror}: {where}") from error
    if len(data) > MAX_PROMPT:
        raise Complaint(
            f"{where} holds more than {MAX_PROMPT >> 20} MiB, which is the most for a prompt: let the agent read the file"
        )
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Complaint(f"{where} is no text in UTF-8: let the agent read the file") from None
    if not text.strip():
        raise Complaint(f"there is nothing to ask in {where}")
    return text


def kinds_without(left_out: list[str]) -> list[str]:
    """The kinds to ask for when some are left out; none: all. Raises ValueError for what is no kind, Complaint for the end."""
    if not left_out:
        return []
    from sightline.requests import kind  # noqa: PLC0415
    from sightline.v1.event_pb2 import EventKind  # noqa: PLC0415

    unwanted = set(map(kind, left_out))
    if EventKind.EVENT_KIND_COMPLETED in unwanted:
        raise Complaint("completed is how it ended, and cannot be left out", codes.USAGE)
    values = (value for value in EventKind.values()[1:] if value not in unwanted)
    return [EventKind.Name(value).removeprefix("EVENT_KIND_").lower() for value in values]
