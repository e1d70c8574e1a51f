"""search: places in all logs that hold some words."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from sightline_cli import codes, people
from sightline_cli.command import Command, Complaint, add_json
from sightline_cli.watch import count, moment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sightline import Client
    from sightline.v1.session_service_pb2 import IndexedThrough, SearchHit

DEFAULT_LIMIT = 50
MOST_AT_ONCE = 1000  # in one page
NAMED = 3  # sessions that are not indexed to their end, in the line that says so
START, END = "\x02", "\x03"  # around found words


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("query", metavar="QUERY", nargs="+", help='words that one line holds, "a phrase", or beginnings (`comp*`)')
    parser.add_argument(
        "--session", metavar="NAME", action="append", default=[], dest="within", help="only in this session; repeatable"
    )
    parser.add_argument("--since", metavar="WHEN", type=moment, help="only what is newer: 10m, 2h, or 2026-01-31T12:00")
    parser.add_argument("--until", metavar="WHEN", type=moment, help="only what is older")
    parser.add_argument(
        "--limit", metavar="N", type=count, default=DEFAULT_LIMIT, help=f"at most N places; default: {DEFAULT_LIMIT}; 0: all"
    )
    add_json(parser, "one place a line, as JSON, found words between U+0002 and U+0003")


async def _search(chosen: argparse.Namespace) -> int:
    from sightline import errors  # noqa: PLC0415

    from sightline_cli import reach  # noqa: PLC0415

    async with reach.server(chosen) as client:
        try:
            return await _show(client, chosen)
        except errors.InvalidArgument as error:
            raise Complaint(error.message, codes.USAGE) from None


async def _show(client: Client, chosen: argparse.Namespace) -> int:
    colour = people.wants_colour(sys.stdout)
    names = Names(client)
    shown, token = 0, ""
    behind: Iterable[IndexedThrough] = ()
    while True:
        left = chosen.limit - shown if chosen.limit else MOST_AT_ONCE
        page = await client.search(
            " ".join(chosen.query),
            sessions=chosen.within,
            from_time=chosen.since,
            to_time=chosen.until,
            page_size=min(left, MOST_AT_ONCE),
            page_token=token,
        )
        behind = behind or page.indexed_through
        for hit in page.hits:
            name = await names.of(hit.session_id)
            print(as_json(hit, name) if chosen.json else as_line(hit, name, colour), flush=bool(token))
        shown, token = shown + len(page.hits), page.next_page_token
        if not token or shown == chosen.limit:
            break
    if token and sys.stderr.isatty():
        _say(f"there are more: --limit 0 shows all of them, --since and --session narrow it down (shown: {shown})")
    if behind:
        _say(await still_indexing(names, list(behind)))
    return codes.OK if shown else codes.FAILED


class Names:
    """What sessions are called: by a name where that leads to them, else by the id."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, str] = {}

    async def of(self, session_id: str) -> str:
        """The word to use for it on the command line."""
        from sightline import errors  # noqa: PLC0415

        if session_id not in self._known:
            try:
                name = (await self._client.get(session_id)).name
                self._known[session_id] = name if (await self._client.get(name)).id == session_id else session_id
            except errors.NotFound:  # deleted meanwhile
                self._known[session_id] = session_id
        return self._known[session_id]


async def still_indexing(names: Names, behind: list[IndexedThrough]) -> str:
    """What could not be searched yet."""
    some = ", ".join([f"{await names.of(one.session_id)} (up to event {one.seq})" for one in behind[:NAMED]])
    more = f" and {len(behind) - NAMED} more" if len(behind) > NAMED else ""
    return f"not everything is indexed yet: {some}{more}"


def as_line(hit: SearchHit, name: str, colour: bool) -> str:
    """A place in one line; `watch NAME --from-seq SEQ` goes there."""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(hit.time.seconds))
    on, off = (people.COLOURS["red"] + people.COLOURS["bold"], people.RESET) if colour else ("", "")
    text = hit.snippet.strip().replace(START, on).replace(END, off)
    place = f"{people.paint(name, 'cyan', colour)}:{people.paint(str(hit.seq), 'green', colour)}"
    return f"{place}  {people.paint(when, 'dim', colour)}  {text}"


def as_json(hit: SearchHit, name: str) -> str:
    """The hit in canonical JSON, and its session's name."""
    import json  # noqa: PLC0415

    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415

    return json.dumps({"session": name, **MessageToDict(hit)}, ensure_ascii=False)


def _say(text: str) -> None:
    sys.stdout.flush()
    print(f"sightline: {text}", file=sys.stderr)


SEARCH = Command(
    name="search",
    summary="Find what was printed, typed or said, in all sessions, live and past.",
    when="""\
A place is a line that holds all the words, whatever their case and accents. Quotes for the shell and
for a phrase: '"connection refused"'. A star ends the beginning of a word: comp*. Signs mean
themselves: C++, --flag, src/main.py. The newest places come first, each with its session, the number
of its event and its time; `sightline watch NAME --from-seq SEQ` goes there.

The exit code is 0 when something was found and 1 when nothing was, as with grep.""",
    examples=(
        ("sightline search error --since 2h", "lines of the last two hours with that word"),
        ("sightline search '\"connection refused\"' --session web", "a phrase, in one session"),
        ("sightline search 'E0308 src/main.rs' --json --limit 0", "every place, for a program"),
        ("sightline search -- --no-cache", "what begins with a dash stands behind --"),
        ("sightline watch build --from-seq 1234", "the session from such a place on"),
    ),
    arguments=_arguments,
    run=_search,
)
