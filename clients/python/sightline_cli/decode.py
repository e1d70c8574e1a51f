"""decode: what an agent wrote, in a file or a pipe, as typed events. Needs no server, and keeps nothing but where it stands."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sightline_cli import codes
from sightline_cli.agents import FAMILIES
from sightline_cli.command import Command, Complaint, add_json, given

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sightline.v1.event_pb2 import Event
    from sightline_server.decode.agents.decoder import Decoder, End

STDIN = "-"
PIECE = 256 * 1024  # bytes read at a time
MAX_EXIT_CODE = 255


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default=STDIN, help="a recording or a transcript; `-`, the default: stdin"
    )
    parser.add_argument(
        "--agent", metavar="NAME", type=given, help=f"who wrote it: {', '.join(FAMILIES)}; default: found by its first lines"
    )
    parser.add_argument(
        "--exit-code", metavar="N", type=_exit_code, help="the program's, which the outcome may need; default: not known"
    )
    parser.add_argument("--signal", metavar="N", type=_signal, default=0, help="the signal that ended it: 9, KILL or SIGKILL")
    add_json(parser, "print JSON, one event a line: there is no other way yet")


def _exit_code(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_EXIT_CODE:
        raise argparse.ArgumentTypeError(f"{text!r} is no exit code: write a number from 0 to {MAX_EXIT_CODE}")
    return int(text)


def _signal(text: str) -> int:
    try:
        if text.isdecimal():
            return signal.Signals(int(text)).value
        return signal.Signals["SIG" + text.upper().removeprefix("SIG")].value
    except (KeyError, ValueError):
        raise argparse.ArgumentTypeError(f"{text!r} is no signal: write its number or name, like 9 or KILL") from None


def _decode(chosen: argparse.Namespace) -> int:
    from sightline_server.decode.agents.decoder import End  # noqa: PLC0415

    if chosen.file == STDIN:
        if sys.stdin.isatty():
            raise Complaint("there is nothing to decode: name a FILE, or put a program's output into stdin", codes.USAGE)
        return _print(sys.stdin.buffer, chosen, _end(End, chosen))
    path = Path(chosen.file)
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise Complaint(f"{path} cannot be read: {error.strerror}") from None
    with file:
        return _print(file, chosen, _end(End, chosen))


def _end(end: type[End], chosen: argparse.Namespace) -> End:
    observed = chosen.exit_code is not None or chosen.signal != 0
    return end(exit_code=chosen.exit_code, signal=chosen.signal, observed=observed)


def _print(file: BinaryIO, chosen: argparse.Namespace, end: End) -> int:
    pieces = _pieces(file, chosen.file)
    beginning, kind = _reader(pieces, chosen)
    decoder = kind()
    _out(decoder.feed(beginning))
    for piece in pieces:
        _out(decoder.feed(piece))
    _out(decoder.close(end))
    return codes.OK


def _pieces(file: BinaryIO, name: str) -> Iterator[bytes]:
    """What is there as soon as it is there."""
    try:
        while piece := os.read(file.fileno(), PIECE):
            yield piece
    except OSError as error:
        where = "standard input" if name == STDIN else name
        raise Complaint(f"{where} cannot be read: {error.strerror}") from None


def _reader(pieces: Iterator[bytes], chosen: argparse.Namespace) -> tuple[bytes, type[Decoder]]:
    """The beginning, as much of it as it took, and what reads it."""
    from sightline_server.decode.agents import choose  # noqa: PLC0415

    if chosen.agent and choose.by_name(chosen.agent) is None:
        from difflib import get_close_matches  # noqa: PLC0415

        near = get_close_matches(chosen.agent, choose.names(), n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(choose.names())}"
        raise Complaint(f"there is no agent {chosen.agent!r}: {hint}", codes.USAGE)
    beginning = b""
    kind = None
    for piece in pieces:
        beginning += piece
        kind = choose.reader(beginning, chosen.agent or "")
        if kind is not None or len(beginning) >= choose.SNIFFED:
            break
    if kind is None and chosen.agent:
        kind = choose.by_name(chosen.agent)
    if kind is None:
        where = "standard input" if chosen.file == STDIN else chosen.file
        what = "none of its first lines is an agent's that is known" if beginning.strip() else "it is empty"
        raise Complaint(f"{where} does not say who wrote it ({what}): name the agent with --agent ({', '.join(choose.names())})")
    return beginning, kind


def _out(events: Iterable[Event]) -> None:
    from sightline_cli.printing import to_json  # noqa: PLC0415

    lines = [to_json(event) for event in events]
    if lines:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()  # whoever reads a pipe wants it now


DECODE = Command(
    name="decode",
    summary="Turn a coding agent's output, or the file it wrote itself, into typed events.",
    when="""\
No server is needed, and nothing is stored. Prints each event as one line of canonical proto3 JSON as soon as
its line is there; the last one is `completed`, with the outcome. Whatever no decoder understands becomes a
`notice` that carries the line in `raw`: nothing is dropped.

Some agents say nothing at their end, or exit with 0 though they failed. So say how the program ended, where
it is known: without it such a stream's outcome is LOST, its end was not observed.""",
    examples=(
        ("sightline decode run.jsonl", "the events of a recording; who wrote it is found by its lines"),
        ("sightline decode --agent opencode --exit-code 1 run.jsonl", "said: who wrote it, and how it ended"),
        ("claude -p --output-format stream-json --verbose hello </dev/null | sightline decode", "live"),
    ),
    arguments=_arguments,
    run=_decode,
    remote=False,
)
