"""import: a recording in a file becomes a session that has ended."""

from __future__ import annotations

import argparse
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sightline_cli import codes
from sightline_cli.command import Command, Complaint, add_json, pair
from sightline_cli.export import add_format

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from sightline import Client
    from sightline.v1.event_pb2 import Event
    from sightline.v1.session_pb2 import Session

    from sightline_cli.meter import Meter
    from sightline_cli.reading import Opened

MAX_BATCH = 1024 * 1024  # bytes from which events are sent: a call may have 4 MiB, an event 1 MiB
MAX_EVENTS = 1000  # in one call
MAX_TOLD = 256  # characters of a title or a command that become a label
CLEAN_WITHIN = 10.0  # seconds to take back what was begun
IMPORTED = "imported"
"""`Event.source` of what another server had to say: `sightline` is what this one says."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="the recording; `-`: standard input")
    parser.add_argument("--name", metavar="NAME", default="", help="of the session; default: the file's, without its ending")
    add_format(parser, "default: by what is in the file")
    parser.add_argument("--timing", metavar="FILE", type=Path, help="of a typescript; default: the one beside it, if there is one")
    parser.add_argument("--label", metavar="K=V", type=pair, action="append", default=[], help="a mark of your own; repeatable")
    add_json(parser, "print the session as JSON instead of its name")


async def _import(chosen: argparse.Namespace) -> int:
    from sightline import errors  # noqa: PLC0415

    from sightline_cli import people, printing, reach, reading  # noqa: PLC0415
    from sightline_cli.meter import Meter  # noqa: PLC0415

    name = chosen.name or re.sub(r"[^A-Za-z0-9._-]+", "-", chosen.file.stem).strip("-.")[:64] or IMPORTED
    with reading.opened(chosen.file, chosen.format, chosen.timing) as file:
        head = file.recording.head
        async with reach.server(chosen) as client:
            try:
                session = await _created(
                    client,
                    client.create_published(
                        name=name,
                        terminal=(head.columns, head.rows) if head.columns and head.rows else None,
                        labels={**_labels(file, chosen.file), **dict(chosen.label)},
                    ),
                )
            except errors.AlreadyExists as error:
                raise Complaint(f"{error.message} Give the import another name with --name.") from None
            meter = Meter(f"importing {chosen.file.name}", file.size)
            try:
                count, size = await _publish(client, session, file, meter)
            except BaseException as error:
                await _take_back(client, session, error)
                raise
            finally:
                meter.done()
            if chosen.json:
                session = await client.get(session)  # as it has ended
        for problem in file.recording.problems:
            reach.note(problem)
        reach.note(f"{session.name}: {people.count(count, 'event')}, {people.size(size)} of output, from {chosen.file}")
    print(printing.to_json(session) if chosen.json else session.name)
    return codes.OK


def _labels(file: Opened, path: Path) -> dict[str, str]:
    head = file.recording.head
    labels = {"imported_from": path.name, "imported_as": file.kind, "command": head.command, "title": head.title}
    return {key: " ".join(value.split())[:MAX_TOLD] for key, value in labels.items() if value.strip()}


async def _created(client: Client, creating: Coroutine[None, None, Session]) -> Session:
    """The session. Broken off meanwhile, the server may have made it all the same: then it is taken back."""
    import asyncio  # noqa: PLC0415

    from sightline import errors  # noqa: PLC0415

    task = asyncio.ensure_future(creating)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError as error:
        with suppress(errors.SightlineError, TimeoutError):
            async with asyncio.timeout(CLEAN_WITHIN):
                session = await task
            await _take_back(client, session, error)
        raise


async def _publish(client: Client, session: Session, file: Opened, meter: Meter) -> tuple[int, int]:
    """Publishes everything; how many events that were, and how many bytes of output."""
    producer = f"import-{session.id}"
    count = size = waiting = 0
    batch: list[Event] = []
    for event in _ready(file):
        batch.append(event)
        count += 1
        waiting += event.ByteSize()
        size += len(event.output.data)
        if waiting >= MAX_BATCH or len(batch) == MAX_EVENTS:
            await client.publish(session, batch, producer_id=producer, first_sequence=count - len(batch) + 1)
            meter.at(size, size)
            batch, waiting = [], 0
    if batch:
        await client.publish(session, batch, producer_id=producer, first_sequence=count - len(batch) + 1)
    return count, size


def _ready(file: Opened) -> Iterator[Event]:
    """The events as they can be published, with an end in any case."""
    from sightline.v1.event_pb2 import SessionState  # noqa: PLC0415

    from sightline_cli.recordings.recording import SERVER, ended  # noqa: PLC0415

    said_by_servers = {SessionState.SESSION_STATE_STARTING, SessionState.SESSION_STATE_ENDED}
    last = None
    for event in file.recording.events:
        if event.HasField("state_changed") and event.state_changed.state in said_by_servers:
            continue  # the server says so itself, of the new session
        if event.source == SERVER:
            event.source = IMPORTED
        last = event
        yield event
    if last is None or not last.HasField("completed"):
        yield ended(None, file.recording.head.started if last is None else last.source_time.ToNanoseconds())


async def _take_back(client: Client, session: Session, why: BaseException) -> None:
    """Half an import is none. Where it cannot be taken back, the person hears what there is."""
    import asyncio  # noqa: PLC0415

    from sightline import errors  # noqa: PLC0415
    from sightline.running import finish  # noqa: PLC0415

    async def remove() -> None:
        async with asyncio.timeout(CLEAN_WITHIN):
            await client.terminate(session)
            await client.delete(session)

    try:
        await finish(remove())  # Ctrl-C may be why, and be told only now
    except (errors.SightlineError, TimeoutError) as error:
        raise Complaint(
            f"the import was broken off ({why}), and what was read stays as session {session.id} ({error}): "
            f"`sightline stop {session.id}` and `sightline rm {session.id}` remove it"
        ) from why


IMPORT = Command(
    name="import",
    summary="Make a session of a recording: asciicast, typescript, JSON lines or text.",
    when="""\
The session has ended as the recording says, keeps its times, and can be watched, searched, replayed and
exported like any other. Its name is printed. The format is found by what is in the file. Of a
typescript the timing (FILE.timing) and what was typed (FILE.input) are found beside it.

A torn last line, or a timing that does not fit, loses nothing else: what could be read is imported, and
what could not is said. Where the file is broken in the middle nothing is imported.""",
    examples=(
        ("sightline import demo.cast", "a recording by asciinema"),
        ("sightline import build.typescript --label project=web", "one by script, with the timing beside it"),
        ("zcat build.jsonl.gz | sightline import - --name build", "an archive by `sightline export -f jsonl`"),
    ),
    arguments=_arguments,
    run=_import,
)
