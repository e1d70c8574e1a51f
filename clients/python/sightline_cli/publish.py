"""publish: what comes on standard input becomes events of a session, for programs in any language, and for pipelines."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING

from sightline_cli import codes
from sightline_cli.command import Command, Complaint, pair

if TYPE_CHECKING:
    from sightline import Client
    from sightline.v1.event_pb2 import Completed, Event

OUTCOMES = ("succeeded", "failed", "interrupted", "cancelled", "lost")
MAX_EVENTS = 500  # in one call; the server takes 1000
MAX_BYTES = 2 * 1024 * 1024  # of events in one call; gRPC takes 4 MiB
MAX_LINE = 3 * 1024 * 1024  # bytes of one event as JSON: 1 MiB, and what base64 adds
AGAIN_SECONDS = 0.5  # between attempts while the server is away
UNSEEN = "its input ended, and a pipe does not tell how the program behind it ended"


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "session",
        metavar="NAME",
        nargs="?",
        default="",
        help="the session; made if no live one has the name; default: the one this runs in ($SIGHTLINE_SESSION_ID), else a new one",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="standard input is events, one a line, as canonical JSON (as `watch --json` prints them)",
    )
    parser.add_argument(
        "--source", metavar="WORD", default="", help="what the lines come from; default: stdin, or as the JSON says"
    )
    parser.add_argument("--stderr", action="store_true", help="the lines are errors: in the log they are stderr")
    parser.add_argument("--tee", action="store_true", help="pass standard input on to standard output, server or no server")
    parser.add_argument(
        "--outcome",
        metavar="WORD",
        choices=OUTCOMES,
        default="lost",
        help=f"how a new session ends: {', '.join(OUTCOMES)}; default: lost",
    )
    parser.add_argument("--label", metavar="K=V", type=pair, action="append", default=[], help="mark a new session; repeatable")


class Publishing:
    """One producer's way to a session: each event once, however often the server goes.

    Args:
        client: that does not repeat calls itself.
        session: its id.
        made: it was made for this input, and ends with it.
        stderr: what is published are errors.
    """

    def __init__(self, client: Client, session: str, *, made: bool, stderr: bool) -> None:
        from sightline.requests import new_request_id  # noqa: PLC0415

        from sightline_cli import reach  # noqa: PLC0415

        self.session = session
        self.made = made
        self.source = ("stderr" if stderr else "stdout") if made else "publish"
        self._client = client
        self._producer = new_request_id()
        self._next = 1
        self._unanswered: list[Event] = []
        self._connection = reach.Connection(reach.note)

    async def send(self, events: Sequence[Event]) -> None:
        """Returns when they are in the log; waits for a server that is away."""
        import asyncio  # noqa: PLC0415

        from sightline import errors  # noqa: PLC0415

        for event in events:
            event.source = event.source or self.source
            self.made = self.made and not event.HasField("completed")
        self._unanswered.extend(events)
        while self._unanswered:
            try:
                answer = await self._client.publish(
                    self.session, self._unanswered, producer_id=self._producer, first_sequence=self._next
                )
            except errors.Unavailable as error:
                if isinstance(error, errors.ServerNotFound) or not error.broken:
                    raise
                self._connection.lost()
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                self._connection.back()
                self._next = answer.next_sequence
                self._unanswered.clear()

    async def end(self, completed: Completed) -> None:
        """Ends the session, if it was made for this."""
        from sightline.v1.event_pb2 import Event  # noqa: PLC0415

        if self.made:
            await self.send([Event(completed=completed)])


async def _publish(chosen: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415

    import sightline  # noqa: PLC0415
    from sightline import errors  # noqa: PLC0415
    from sightline.v1.event_pb2 import Completed, Outcome  # noqa: PLC0415

    from sightline_cli import reach  # noqa: PLC0415

    async with sightline.connect(chosen.target, retry_for=0.0) as client:
        try:
            publishing = await _find(client, chosen)
        except errors.ServerNotFound as error:
            if not chosen.tee:
                raise
            reach.note(f"{error.message}; what comes is only passed on")
            async for _ in _input(chosen):
                pass
            return codes.OK
        try:
            async for events in _events(chosen):
                await publishing.send(events)
            outcome = Outcome.Value(f"OUTCOME_{chosen.outcome.upper()}")
            await publishing.end(Completed(outcome=outcome, error=UNSEEN if chosen.outcome == "lost" else ""))
        except asyncio.CancelledError:  # Ctrl-C, which the whole pipeline gets
            await publishing.end(Completed(outcome=Outcome.OUTCOME_INTERRUPTED))
            raise
        except Complaint as complaint:
            await publishing.end(Completed(outcome=Outcome.OUTCOME_FAILED, error=str(complaint)))
            raise
    return codes.OK


async def _find(client: Client, chosen: argparse.Namespace) -> Publishing:
    """The session to publish into, made if need be."""
    from sightline import errors  # noqa: PLC0415
    from sightline.v1.event_pb2 import SessionState  # noqa: PLC0415

    from sightline_cli import reach  # noqa: PLC0415

    name = chosen.session or os.environ.get("SIGHTLINE_SESSION_ID", "")
    if name:
        try:
            found = await client.get(name)
        except errors.NotFound:
            if not chosen.session:
                raise
        else:
            if found.state != SessionState.SESSION_STATE_ENDED:
                return Publishing(client, found.id, made=False, stderr=chosen.stderr)
    made = await client.create_published(name=chosen.session, cwd=os.getcwd(), labels=dict(chosen.label))
    if not chosen.session:
        reach.note(f"session {made.name}")
    return Publishing(client, made.id, made=True, stderr=chosen.stderr)


async def _events(chosen: argparse.Namespace) -> AsyncIterator[list[Event]]:
    """What comes, as events, a call's worth at a time. Nothing is read ahead, so whoever writes waits for the server."""
    from sightline.v1.event_pb2 import CHANNEL_STDERR, CHANNEL_STDOUT, Event, Output  # noqa: PLC0415

    if not chosen.json:
        channel = CHANNEL_STDERR if chosen.stderr else CHANNEL_STDOUT
        async for data in _input(chosen):
            yield [Event(output=Output(channel=channel, data=data), source=chosen.source)]
        return
    number, rest = 0, b""
    async for data in _input(chosen):
        *lines, rest = (rest + data).split(b"\n")
        if len(rest) > MAX_LINE:
            raise Complaint(f"line {number + len(lines) + 1} is longer than {MAX_LINE >> 20} MiB: no event is")
        for events in _parsed(lines, number, chosen.source):
            yield events
        number += len(lines)
    for events in _parsed([rest], number, chosen.source):
        yield events


def _parsed(lines: Sequence[bytes], number: int, source: str) -> Iterator[list[Event]]:
    """Events of lines behind line `number`. Those before a bad line are given first."""
    from google.protobuf.json_format import Parse, ParseError  # noqa: PLC0415
    from sightline.v1.event_pb2 import Event  # noqa: PLC0415

    events: list[Event] = []
    size = 0
    problem: Complaint | None = None
    for place, line in enumerate(lines, number + 1):
        if not line.strip():
            continue
        try:
            events.append(Parse(line, Event()))
        except (ParseError, UnicodeDecodeError) as error:
            what = (
                str(error).partition("Available Fields")[0].rstrip(". \n")
            )  # protobuf would list them all, in one line of 500 characters
            problem = Complaint(f"line {place} is no event as JSON: {what} (`sightline watch NAME --json` shows some)")
            break
        events[-1].source = source or events[-1].source
        size += len(line)
        if len(events) == MAX_EVENTS or size >= MAX_BYTES:
            yield events
            events, size = [], 0
    if events:
        yield events
    if problem is not None:
        raise problem


async def _input(chosen: argparse.Namespace) -> AsyncIterator[bytes]:
    """Standard input, passed on where that was asked for."""
    from sightline_cli import intake  # noqa: PLC0415

    async for data in intake.chunks(0):
        if chosen.tee:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        yield data


PUBLISH = Command(
    name="publish",
    summary="Make a session of what comes on standard input, or add it to one.",
    when="""\
For what is not started by Sightline: the end of a pipeline, a hook, a program that writes events as JSON.
If no live session has the name, one is made, and it ends with the input. A pipe does not tell how the
program behind it ended, so the outcome is `lost`, unless --outcome says better; `sightline run` sees it.
Each byte is in the log once and unchanged; while the server is away, the pipe waits.

With --json each line is an event, such as {"notice": {"text": "deployed"}}. Into a session that was made
this way, or by the client, also {"stateChanged": ...} and, as the last, {"completed": ...}.""",
    examples=(
        ("make 2>&1 | sightline publish build --tee", "a build that others can watch too"),
        ("echo deployed | sightline publish --source deploy", "from a script that runs in a session: a line in its log"),
        ("""echo '{"progress": {"done": 3, "total": 7}}' | sightline publish build --json""", "how far it is"),
    ),
    arguments=_arguments,
    run=_publish,
)
