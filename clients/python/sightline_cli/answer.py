"""answer: what an agent asks, and the answer to it."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from sightline_cli import codes
from sightline_cli.command import Command, Complaint, add_json, add_session

if TYPE_CHECKING:
    from sightline import Client
    from sightline.v1.event_pb2 import Request

SAFE = re.compile(r"[A-Za-z0-9._:-]+")  # what a shell may be given for Tab: it would expand anything else


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser)
    parser.add_argument(
        "answer",
        metavar="[REQUEST] OPTION",
        nargs="*",
        help="the option to take, or the beginning of one; before it the request, where several are open; none: list what is asked",
    )
    parser.add_argument("--text", metavar="TEXT", help="an answer in your own words instead of an option")
    parser.add_argument("--author", metavar="WORD", default="", help="who answers, for the log; default: unix or tcp")
    parser.add_argument("--words", action="store_true", help=argparse.SUPPRESS)  # for completion
    add_json(parser, "print the answer's place in the log, or what is asked, as JSON")


async def _answer(chosen: argparse.Namespace) -> int:
    from sightline_cli import printing, reach, talk  # noqa: PLC0415

    async with reach.server(chosen) as client:
        session = await client.get(chosen.session)
        asked = await open_requests(client, session.id)
        if chosen.words:
            print("\n".join(filter(SAFE.fullmatch, _words(asked))))
            return codes.OK
        if not chosen.answer and chosen.text is None:
            for request in asked:
                question = f"{talk.asks(request)}\n  {talk.answer_with(request, session, several=len(asked) > 1)}"
                print(printing.to_json(request) if chosen.json else question)
            if not asked and not chosen.json:
                reach.note(f"{session.name} asks nothing")
            return codes.OK
        request_id, option = _meant(chosen, session.name, asked)
        given = await client.answer(session, request_id, option_id=option, text=chosen.text or "", author=chosen.author)
    if chosen.json:
        print(printing.to_json(given))
    return codes.OK


async def open_requests(client: Client, session: str) -> list[Request]:
    """What was asked and has no answer yet, the oldest first."""
    from sightline.v1.event_pb2 import Event  # noqa: PLC0415

    found: dict[str, Request] = {}
    async for event in client.list_events(session, kinds=("request", "request_resolved", "completed")):
        if not isinstance(event, Event):
            continue
        if event.HasField("request"):
            found[event.request.request_id] = event.request
        elif event.HasField("request_resolved"):
            found.pop(event.request_resolved.request_id, None)
        else:
            found.clear()
    return list(found.values())


def _meant(chosen: argparse.Namespace, name: str, asked: list[Request]) -> tuple[str, str]:
    """The request's id, and the option's; empty: the text is the answer. Raises Complaint."""
    words: list[str] = chosen.answer
    if len(words) + (chosen.text is not None) > 2:
        raise Complaint("give one answer: an option, or --text with words of your own", codes.USAGE)
    option = "" if chosen.text is not None else words.pop()
    if words:  # named: the server knows best whether it is open
        known = [request for request in asked if request.request_id == words[0]]
        return words[0], _option(known[0], option) if known and option else option
    if not asked:
        raise Complaint(f"{name} asks nothing: it was answered, or the agent went on (`sightline watch {name}` shows it)")
    if len(asked) > 1:
        ids = ", ".join(request.request_id for request in asked)
        raise Complaint(f"{name} asks {len(asked)} things: name the request before the answer ({ids})", codes.USAGE)
    return asked[0].request_id, _option(asked[0], option) if option else ""


def _option(request: Request, word: str) -> str:
    """The option that a word means: its id, or the beginning of one alone."""
    ids = [option.option_id for option in request.options]
    if word in ids:
        return word
    near = [one for one in ids if one.lower().startswith(word.lower())]
    if len(near) == 1:
        return near[0]
    if not ids:
        raise Complaint("it offers no options: answer with --text 'your own words'", codes.USAGE)
    what = "could be several of them" if near else "is none of them"
    raise Complaint(f"the answers are {', '.join(ids)}, and {word!r} {what}", codes.USAGE)


def _words(asked: list[Request]) -> list[str]:
    """What can stand behind the session's name."""
    options = [option.option_id for request in asked for option in request.options]
    return [*dict.fromkeys(options), *(request.request_id for request in asked if len(asked) > 1)]


ANSWER = Command(
    name="answer",
    summary="Answer what an agent asks: a permission, a question.",
    when="""\
For agents that were started with --two-way, and others whose requests Sightline can answer. Without
an answer it lists what is asked. The first answer wins: who comes second is told so, and everybody
who follows the session sees which it was.""",
    examples=(
        ("sightline answer fix", "what does it ask?"),
        ("sightline answer fix allow", "the one thing that it asks"),
        ("sightline answer fix --text 'use the other branch'", "in your own words"),
        ("sightline answer fix 7f3a allow", "one of several requests"),
    ),
    arguments=_arguments,
    run=_answer,
)
