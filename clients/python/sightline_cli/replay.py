"""replay: shows a session or a recording again, as it was and when it was."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from sightline_cli import codes
from sightline_cli.command import Command, add_session, duration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sightline.v1.event_pb2 import Event

    from sightline_cli.reading import Opened


def speed(text: str) -> float:
    """`2`, `0.5`, `inf`; `0` is `inf`: at once."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not found >= 0 or 0 < found < 1 / 64:
        raise argparse.ArgumentTypeError(f"{text!r} is no speed: write 2 for twice as fast, 0.5 for half, inf for at once")
    return found or math.inf


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser, doing="or a file: a path with a / in it, or one that ends in .cast, .typescript, .jsonl")
    parser.add_argument("--speed", metavar="N", type=speed, default=1.0, help="so many times as fast; 0 or inf: at once")
    parser.add_argument("--max-idle", metavar="TIME", type=duration, help="a pause lasts so long at most (2s); default: as it was")
    parser.add_argument(
        "--from", dest="skip", metavar="TIME", type=duration, default=0.0, help="show what came before at once (10m)"
    )

    parser.add_argument(
        "--talk", action="store_true", help="of an agent with a terminal what it says and does, instead of its screen"
    )


async def _replay(chosen: argparse.Namespace) -> int:
    from pathlib import Path  # noqa: PLC0415

    from sightline_cli import printing, reach, reading, talk  # noqa: PLC0415
    from sightline_cli.replaying import Replaying  # noqa: PLC0415

    if reading.is_file(chosen.session):
        with reading.opened(Path(chosen.session)) as file:
            head = file.recording.head
            max_idle = head.idle_limit if chosen.max_idle is None else chosen.max_idle
            size = (head.columns, head.rows)
            replaying = Replaying(chosen.session, size, chosen.speed, max_idle, chosen.skip, screens=not chosen.talk)
            code = await replaying.run(_of_file(file))
            for problem in file.recording.problems:
                reach.note(problem)
            return code
    async with reach.server(chosen) as client:
        session = await client.get(chosen.session)
        for gone in printing.forgotten(session):
            reach.note(gone)
        size = (session.terminal.columns, session.terminal.rows)
        kinds = {"output", "output_lost", "state_changed", *talk.SHOWN} - ({"output"} if chosen.talk else set())
        async with client.subscribe(session, until_caught_up=True, kinds=kinds) as stream:
            replaying = Replaying(session.name, size, chosen.speed, chosen.max_idle, chosen.skip, screens=not chosen.talk)
            code = await replaying.run(stream)
        if code == codes.OK and not session.HasField("end_time"):
            reach.note(f"{session.name} goes on: `sightline watch {session.name}` follows it")
        return code


async def _of_file(file: Opened) -> AsyncIterator[Event]:
    for event in file.recording.events:
        yield event


REPLAY = Command(
    name="replay",
    summary="Show a session or a recording again, with the timing it had.",
    when="""\
What was written, at the pace at which it was written: of a session up to now, or of a file that
`sightline export`, asciinema or script wrote. Nothing runs, and nothing is typed anywhere: questions to
the terminal and writes to the clipboard are left out. On a terminal space pauses, + and - change
the speed, q leaves.""",
    examples=(
        ("sightline replay build --speed 8 --max-idle 1", "eight times as fast, no pause over a second"),
        ("sightline replay demo.cast", "a recording by asciinema"),
        ("sightline replay shell --from 10m", "the first ten minutes at once, then as it was"),
    ),
    arguments=_arguments,
    run=_replay,
)
