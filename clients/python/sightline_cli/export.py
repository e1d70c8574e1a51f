"""export: a session's log as a file that others read."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from sightline_cli import codes
from sightline_cli.command import Command, Complaint, add_session

if TYPE_CHECKING:
    from sightline import Client
    from sightline.v1.event_pb2 import Event
    from sightline.v1.session_pb2 import Session, Terminal

    from sightline_cli.recordings.recording import Head, Writer

FORMATS = ("v3", "v2", "typescript", "jsonl", "text")
OUT = 1  # descriptor


def add_format(parser: argparse.ArgumentParser, otherwise: str) -> None:
    """`--format`."""
    parser.add_argument(
        "-f", "--format", choices=FORMATS, help=f"asciicast v3 or v2, typescript with timing, JSON lines, plain text; {otherwise}"
    )


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser)
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="the file to write; default, or `-`: standard output")
    add_format(parser, "default: by FILE's ending (.cast, .typescript, .jsonl, .txt), else v3")
    parser.add_argument("--timing", metavar="FILE", type=Path, help="of a typescript; default: beside it, with the ending .timing")
    parser.add_argument("--classic", action="store_true", help="the classic timing, for an old scriptreplay: no sizes, no input")
    parser.add_argument("--no-input", action="store_true", help="leave out what was typed (what was hidden is never there)")
    parser.add_argument("--full", action="store_true", help="of JSON lines: events that were cut to fit the log, whole")
    parser.add_argument("--force", action="store_true", help="replace files that are there")


async def _export(chosen: argparse.Namespace) -> int:
    from sightline.v1.event_pb2 import Event  # noqa: PLC0415
    from sightline.v1.session_service_pb2 import Gap, Header  # noqa: PLC0415

    from sightline_cli import people, printing, reach, talk  # noqa: PLC0415
    from sightline_cli.meter import Meter  # noqa: PLC0415
    from sightline_cli.outlet import Outlet  # noqa: PLC0415
    from sightline_cli.recordings.recording import Timeline  # noqa: PLC0415
    from sightline_cli.saving import Saving  # noqa: PLC0415

    path: Path | None = None if chosen.output in {None, Path("-")} else chosen.output
    written_as = _format(chosen, path)
    outlet = Outlet()
    events = written = 0
    notes: list[str] = []
    paths = _paths(chosen, path, written_as)
    with Saving(paths, replace=chosen.force, rare=len(paths) > 1) as files:
        async with reach.server(chosen) as client:
            session = await client.get(chosen.session)
            writer = _writer(written_as, chosen, session, await _first_size(client, session))
            timeline = Timeline(session.kind)
            meter = Meter(f"exporting {session.name}", session.head_seq)

            async def write(parts: tuple[bytes, ...]) -> int:
                for number, data in enumerate(parts):
                    if number or path is not None:
                        files.write(number, data)
                    else:
                        outlet.put(OUT, data)
                await outlet.room()
                return sum(map(len, parts))

            kinds = ("output", *talk.SHOWN) if written_as == "text" else ()
            async with client.subscribe(session, until_caught_up=True, kinds=kinds, text=written_as == "text") as stream:
                async for item in stream:
                    if isinstance(item, Event):
                        events += 1
                        event = await _whole(client, session, item) if chosen.full and item.truncated_bytes else item
                        written += await write(writer.event(event, timeline.moment(item)))
                        meter.at(item.seq, written)
                    elif isinstance(item, Gap):
                        notes.append(f"missing: {printing.gap_text(item)}")
                    elif isinstance(item, Header):
                        session = item.session
                        notes += printing.forgotten(session)
            written += await write(writer.finish())
        await outlet.drain()
        files.commit()
    meter.done()
    for problem in (*notes, *writer.problems):
        reach.note(problem)
    if path is not None:
        still = "" if session.HasField("end_time") else f"; {session.name} goes on, and this is what there was"
        reach.note(f"{path}: {people.count(events, 'event')}, {people.size(written)}{still}")
    return codes.OK


async def _whole(client: Client, session: Session, cut: Event) -> Event:
    from sightline.v1.event_pb2 import Event  # noqa: PLC0415

    async for item in client.list_events(session, full=cut.seq):
        if isinstance(item, Event):
            return item
    return cut  # it was removed just now


def _format(chosen: argparse.Namespace, path: Path | None) -> str:
    from sightline_cli.recordings import formats  # noqa: PLC0415

    found = chosen.format or (formats.by_name(path) if path is not None else None) or formats.V3
    if found != formats.JSONL and chosen.full:
        raise Complaint("--full is of JSON lines: give --format jsonl, or leave it out", codes.USAGE)
    if found != formats.TYPESCRIPT and (chosen.timing or chosen.classic):
        raise Complaint("--timing and --classic are of a typescript: give --format typescript, or neither", codes.USAGE)
    return str(found)


def _paths(chosen: argparse.Namespace, path: Path | None, written_as: str) -> list[Path | None]:
    from sightline_cli.recordings import formats  # noqa: PLC0415

    if written_as != formats.TYPESCRIPT:
        return [path]
    if path is None:
        return [None, chosen.timing, None]
    timing, typed = formats.beside(path)
    return [path, chosen.timing or timing, None if chosen.no_input or chosen.classic else typed]


async def _first_size(client: Client, session: Session) -> Terminal:
    """The terminal's size at the start: what the log says first, else what the session says now."""
    from sightline.v1.event_pb2 import Event  # noqa: PLC0415
    from sightline.v1.session_pb2 import Terminal  # noqa: PLC0415

    async for event in client.list_events(session, kinds=("resized",), page_size=1):
        if isinstance(event, Event):
            return Terminal(columns=event.resized.columns, rows=event.resized.rows)
    return session.terminal


def _writer(written_as: str, chosen: argparse.Namespace, session: Session, size: Terminal) -> Writer:
    from sightline_cli import printing  # noqa: PLC0415
    from sightline_cli.recordings import asciicast, formats, jsonl, plain, typescript  # noqa: PLC0415
    from sightline_cli.talk import Talk  # noqa: PLC0415

    keep_input = not chosen.no_input
    if written_as == formats.JSONL:
        return jsonl.Writer(keep_input=keep_input)
    if written_as == formats.TEXT:
        return plain.Writer(Talk(session) if printing.is_told(session) else None)
    head = _head(session, size)
    if written_as == formats.TYPESCRIPT:
        return typescript.Writer(head, advanced=not chosen.classic, keep_input=keep_input)
    return asciicast.Writer(3 if written_as == formats.V3 else 2, head, keep_input=keep_input)


def _head(session: Session, size: Terminal) -> Head:
    from sightline_cli.recordings.recording import Head  # noqa: PLC0415

    return Head(
        started=session.create_time.ToNanoseconds(),
        columns=size.columns,
        rows=size.rows,
        command=shlex.join(session.argv) or session.labels.get("command", ""),
        title=session.labels.get("title", "") or session.name,
    )


EXPORT = Command(
    name="export",
    summary="Write a session's log as an asciicast, a typescript, JSON lines or plain text.",
    when="""\
Everything that is kept, up to now. A file appears when it is whole, readable by you alone.

  v3, v2      asciicast, for asciinema and its players: output, what was typed, sizes, marks for
              steps and turns, the exit code (v3). Bytes that are no UTF-8 cannot be in it.
  typescript  for scriptreplay: every byte of the output; the times in FILE.timing, what was
              typed in FILE.input
  jsonl       every event with everything in it, one a line: nothing is lost
  text        what there is to read, without escape codes; of an agent what it said and did""",
    examples=(
        ("sightline export build -o build.cast", "then: asciinema play build.cast"),
        ("sightline export build -o build.typescript", "then: scriptreplay -O build.typescript -T build.timing"),
        ("sightline export build -f jsonl | gzip > build.jsonl.gz", "an archive that `sightline import` takes back"),
        ("sightline export build -f text | grep -c warning", "the words alone"),
    ),
    arguments=_arguments,
    run=_export,
)
