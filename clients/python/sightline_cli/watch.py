"""watch: follows sessions, live and past."""

from __future__ import annotations

import argparse
import re
from datetime import UTC
from typing import TYPE_CHECKING, Any

from sightline_cli import agents, codes
from sightline_cli.command import Command, Complaint, add_json, add_session, duration, words

if TYPE_CHECKING:
    from datetime import datetime

    from sightline import Client

    from sightline_cli.printing import Printer

DEFAULT_TAIL = 50  # events shown of what was before
SHOWN = ("output", "output_lost", "error")
"""What is asked for when nothing else is: what a person sees of a program."""


def moment(text: str) -> datetime:
    """`10m`, `2h` (so long ago), or an ISO 8601 time; without a time zone it is the local one."""
    from datetime import datetime, timedelta  # noqa: PLC0415

    if re.fullmatch(r"[\d.]+(ms|s|m|h|d)?([\d.]+(ms|s|m|h|d))*", text):
        return datetime.now(UTC) - timedelta(seconds=duration(text))
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write how long ago (10m, 2h) or 2026-01-31T12:00") from None


def count(text: str) -> int:
    """A number of events."""
    if not text.isdigit() or int(text) > 2**32 - 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of events")
    return int(text)


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser, "+", "`*` is all of them, also those to come")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--from-start", action="store_true", help="begin at the oldest event that is kept")
    start.add_argument(
        "--tail", metavar="N", type=count, help=f"begin N events before now; default: {DEFAULT_TAIL}; 0: only what is new"
    )
    start.add_argument(
        "--since", metavar="WHEN", type=moment, help="begin so long ago (30s, 10m, 2h), or at a time like 2026-01-31T12:00"
    )
    start.add_argument(
        "--from-seq", metavar="SEQ", type=count, help="begin at this event of one session, as `sightline search` names it"
    )
    parser.add_argument("--until-caught-up", action="store_true", help="end when everything that is there now has been shown")
    parser.add_argument(
        "--kinds", metavar="K,K", type=words, default=[], help="only these kinds of events, such as output,input,state_changed"
    )
    parser.add_argument(
        "--strip-ansi",
        action="store_true",
        help="output as text: without escape codes, a progress bar as it ended; from the server",
    )
    parser.add_argument(
        "--no-echo", action="store_true", help="with --strip-ansi: without the terminal's echo of what was typed through sightline"
    )
    parser.add_argument("--interval", metavar="TIME", type=duration, help="gather for so long (200ms, 2s); an error comes at once")
    parser.add_argument(
        "--max-rate", metavar="N", type=count, default=0, help="at most N events a second: more is merged, or waits"
    )
    parser.add_argument("--coalesce", action="store_true", help="merge neighbouring output into one event")
    parser.add_argument("--shed", action="store_true", help="with --max-rate: leave output out rather than wait, and say so")
    agents.add_without(parser)
    parser.add_argument(
        "--talk", action="store_true", help="of an agent with a terminal what it says and does, instead of its screen"
    )
    parser.add_argument("--all-events", action="store_true", help="show also what is not output, a line for each event")
    add_json(parser, "one event a line, as canonical JSON: all kinds, unless --kinds says which")
    parser.add_argument("--text", action="store_true", help="with --json: add the output's text, decoded, as `text`")


async def _watch(chosen: argparse.Namespace) -> int:
    from sightline.requests import pacing  # noqa: PLC0415

    from sightline_cli import printing, reach  # noqa: PLC0415
    from sightline_cli.follow import follow  # noqa: PLC0415
    from sightline_cli.outlet import Outlet  # noqa: PLC0415

    if chosen.text and not chosen.json:
        raise Complaint("--text adds to --json: give both, or neither (output is shown as it is)", codes.USAGE)
    if chosen.shed and not chosen.max_rate:
        raise Complaint("--shed says what happens over --max-rate: give both, or neither", codes.USAGE)
    if chosen.no_echo and not chosen.strip_ansi:
        raise Complaint("--no-echo goes with --strip-ansi: give both, or neither (output is shown as it is)", codes.USAGE)
    several = len(chosen.sessions) > 1 or chosen.sessions == ["*"]
    if several and chosen.from_seq is not None:
        raise Complaint("--from-seq names an event of one session: give one", codes.USAGE)
    if chosen.talk and (chosen.json or chosen.all_events or chosen.kinds):
        raise Complaint("--talk chooses what is shown: --json, --kinds and --all-events do that too", codes.USAGE)
    outlet = Outlet()
    everything = chosen.all_events or bool(chosen.kinds)
    printer: Printer
    if chosen.json:
        printer = printing.JsonPrinter(outlet, chosen.text)
    else:
        printer = printing.ScreenPrinter(outlet, printing.look(names=several, everything=everything, screens=not chosen.talk))
    connection = reach.Connection(printer.note)
    async with reach.server(chosen) as client:
        kinds = await _kinds(chosen, client)
        stream = client.subscribe(
            *chosen.sessions,
            kinds=kinds,
            text=chosen.strip_ansi,
            omit_echo=chosen.no_echo,
            pacing=pacing(chosen.interval, chosen.max_rate, coalesce=chosen.coalesce, shed=chosen.shed),
            until_caught_up=chosen.until_caught_up,
            on_disconnect=connection.lost,
            on_reconnect=connection.back,
            **await _start(chosen, client),
        )
        try:
            await follow(stream, printer, outlet)
        finally:
            await outlet.drain()
    return codes.OK


async def _kinds(chosen: argparse.Namespace, client: Client) -> list[str]:
    """The kinds of events to ask for; none: all. What is not shown is not asked for: `--tail` would count it."""
    from sightline_cli import printing, talk  # noqa: PLC0415

    kinds: list[str] = chosen.kinds
    if not (kinds or chosen.json or chosen.all_events):
        told = chosen.talk or "*" in chosen.sessions
        told = told or any([printing.is_told(await client.get(name)) for name in chosen.sessions])
        kinds = [*(() if chosen.talk else SHOWN), *(talk.SHOWN if told else ())]
    left = agents.kinds_without(chosen.without)
    return [kind for kind in kinds if kind in left] if kinds and left else kinds or left


async def _start(chosen: argparse.Namespace, client: Client) -> dict[str, Any]:
    if chosen.from_start:
        return {}
    if chosen.from_seq is not None:
        from sightline.v1.session_pb2 import Cursor  # noqa: PLC0415

        session = await client.get(chosen.sessions[0])
        if chosen.from_seq > session.head_seq + 1:
            raise Complaint(f"the log of {chosen.sessions[0]} ends at event {session.head_seq}: it has none {chosen.from_seq} yet")
        return {"after": [Cursor(session_id=session.id, epoch=session.epoch, seq=max(0, chosen.from_seq - 1))]}
    if chosen.since is not None:
        return {"at_time": chosen.since}
    tail = DEFAULT_TAIL if chosen.tail is None else chosen.tail
    return {"tail": tail} if tail else {"latest": True}


WATCH = Command(
    name="watch",
    summary="Follow one or several sessions, live and past.",
    when=f"""\
Shows the last {DEFAULT_TAIL} events of output and then what comes, until the sessions end. Any number of
watchers can follow a session: none of them disturbs it or another. When the server is
restarted, watch waits for it and goes on at the exact byte.

A program's stdout goes to stdout and its stderr to stderr, as they were written. With
several sessions each line begins with [NAME]. An agent's words, tool calls, plans and requests
are shown as they come; of one in a terminal its screen is, unless --talk is given. Of a
terminal the bytes are reproduced; on
a terminal of yours, questions to the terminal are left out, so that it does not answer.
Ctrl-C ends watch and never the session; the exit code says nothing of the session's
(`sightline wait` does).""",
    examples=(
        ("sightline watch build", "what build writes from here on, after a look back"),
        ("sightline watch build --from-start --until-caught-up > build.log", "its whole output, as a file"),
        ("sightline watch build --strip-ansi | grep -i error", "its output as plain text, for other programs"),
        ("sightline watch web db --since 10m", "two sessions side by side, from ten minutes ago"),
        ("sightline watch web --max-rate 10 --shed", "ten pieces a second however much it writes"),
        ("sightline watch fix --without thinking", "what an agent says and does, but not what it thinks"),
        ("sightline watch '*' --json --kinds state_changed,completed", "what happens to all sessions, for a program"),
    ),
    arguments=_arguments,
    run=_watch,
)
