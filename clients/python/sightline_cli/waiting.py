"""wait and explain: what a session does, for scripts that go on when it has changed, and for people who want to know why."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from sightline_cli import codes
from sightline_cli.command import Command, Complaint, add_json, add_session, duration, words
from sightline_cli.sessions import exit_code_of, state_of

if TYPE_CHECKING:
    from sightline.v1.event_pb2 import StateChanged
    from sightline.v1.session_pb2 import Session
    from sightline.v1.session_service_pb2 import ExplainResponse

UNTIL = ("waiting", "idle", "ended")
MAX_SEQ = (1 << 63) - 1


# --- wait


def _place(text: str) -> int:
    """The number of an event. Raises `ArgumentTypeError`."""
    if not text.isdecimal() or int(text) > MAX_SEQ:
        raise argparse.ArgumentTypeError(f"{text!r} is no event's number: `sightline send --json` gives the one of what was typed")
    return int(text)


def _wait_arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser)
    parser.add_argument(
        "--until", metavar="S,S", type=words, default=["ended"], help="which state to wait for: ended (default), waiting, idle"
    )
    parser.add_argument("--timeout", metavar="TIME", type=duration, help="give up after this long (30s, 10m), with exit code 124")
    parser.add_argument("--after", metavar="SEQ", type=_place, default=0, help="only a state reached behind this event counts")
    add_json(parser, "print the answer as JSON: the session, and the event that was waited for")


async def _wait(chosen: argparse.Namespace) -> int:
    from sightline.v1.event_pb2 import SessionState  # noqa: PLC0415

    from sightline_cli import printing, reach  # noqa: PLC0415

    if not chosen.until or not set(chosen.until) <= set(UNTIL):
        raise Complaint(f"one can wait until a session is {', '.join(UNTIL)}, not {', '.join(chosen.until)}", codes.USAGE)
    states = [state_of(SessionState, word) for word in chosen.until]
    async with reach.server(chosen) as client:
        answer = await client.wait(chosen.session, until=states, after_seq=chosen.after, timeout=chosen.timeout)
    if chosen.json:
        print(printing.to_json(answer))
    if answer.timed_out:
        if not chosen.json:
            print(f"sightline: {chosen.session} is not {' or '.join(chosen.until)} yet", file=sys.stderr)
        return codes.TIMED_OUT
    return _reached(answer.session, chosen)


def _reached(session: Session, chosen: argparse.Namespace) -> int:
    """Says where it is now, if there was more than one possibility; the exit code."""
    from sightline_cli import words as say  # noqa: PLC0415

    if not session.HasField("end_time"):
        if len(chosen.until) > 1 and not chosen.json:
            print(say.state(session.state) + (f" for {say.waiting_for(session.waiting_for)}" if session.waiting_for else ""))
        return codes.OK
    code = codes.of_ending(exit_code_of(session), session.signal)
    if session.agent:
        code = codes.of_agent(say.outcome(session.outcome), code)
    if "ended" in chosen.until:
        return code
    if not chosen.json:
        how = say.ending(session.outcome, exit_code_of(session), session.signal)
        print(
            f"sightline: {chosen.session} has ended ({how}) and will not be {' or '.join(chosen.until)} any more", file=sys.stderr
        )
    return codes.ENDED


# --- explain


def _explain_arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser)
    add_json(parser, "the state, the rule and what it saw, as JSON")


async def _explain(chosen: argparse.Namespace) -> int:
    from sightline_cli import printing, reach  # noqa: PLC0415

    async with reach.server(chosen) as client:
        answer = await client.explain(chosen.session)
        session = await client.get(chosen.session)
    if chosen.json:
        print(printing.to_json(answer))
        return codes.OK
    print("\n".join(explained(answer, session)))
    return codes.OK


def explained(answer: ExplainResponse, session: Session) -> list[str]:
    """A state and its reasons, in lines for people."""
    from sightline_cli import words as say  # noqa: PLC0415

    said = answer.state
    doing = say.state(said.state) + (f" for {say.waiting_for(said.waiting_for)}" if said.waiting_for else "")
    if session.HasField("end_time"):
        doing += f": {say.ending(session.outcome, exit_code_of(session), session.signal)}"
    facts = [("state", doing), ("why", said.reason), ("said by", _speaker(said)), ("rule", answer.rule)]
    facts += [("saw" if not number else "", line) for number, line in enumerate(answer.evidence)]
    facts += [("since", f"event {answer.seq}" if answer.seq else "")]
    if not session.HasField("end_time") and say.capture(said.capture) not in {"following", "unspecified"}:
        facts += [("capture", f"{say.capture(said.capture)}: what it does from here on may not be seen")]
    return [f"{name:<8} {value}".rstrip() for name, value in facts if value]


def _speaker(said: StateChanged) -> str:
    sure = "" if said.confidence >= 1 else f", {said.confidence:.0%} sure"
    return f"{said.provenance}{sure}" if said.provenance else ""


WAIT = Command(
    name="wait",
    summary="Wait until a session ends, or needs somebody, or is idle.",
    when="""\
Returns when the session has ended, with its exit code, or is in another state that was asked for, with 0;
with more than one of them it prints which. Exit code 124: not within --timeout; 4: it ended, and only
other states were waited for. With --after, what was so before that event does not count: give the number
of what you have sent. Does not print the session's output: `sightline watch` does.""",
    examples=(
        ("sightline wait build && sightline run -- ./deploy", "go on when it has succeeded"),
        ("sightline wait build --timeout 10m", "at most ten minutes"),
        ("sightline wait agent --until waiting,idle", "until somebody must answer, or it is done"),
        ("sightline wait shell --until idle --after 42", "until what was typed with event 42 is done"),
    ),
    arguments=_wait_arguments,
    run=_wait,
)

EXPLAIN = Command(
    name="explain",
    summary="Say why a session is in the state that it is in.",
    when="""\
The state, who says so (the agent's protocol, its transcript or hooks, the terminal's title and marks, the
screen, the process), by which rule, how sure that is, and what was seen.""",
    examples=(
        ("sightline explain agent", "why it is called waiting"),
        ("sightline explain agent --json", "the same for a program"),
    ),
    arguments=_explain_arguments,
    run=_explain,
)
