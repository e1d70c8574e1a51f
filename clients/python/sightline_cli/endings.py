"""stop, rm: the end of sessions."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from sightline_cli import codes
from sightline_cli.command import Command, Complaint, add_json, add_session, duration
from sightline_cli.sessions import exit_code_of, what

if TYPE_CHECKING:
    from sightline.v1.session_pb2 import Session

# --- stop


def _stop_arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser, "+")
    parser.add_argument("--signal", metavar="SIG", help="the signal to begin with, by name or number; default: TERM")
    parser.add_argument("--grace", metavar="TIME", type=duration, help="KILL follows after this long; default: 5s")
    parser.add_argument("--kill", action="store_true", help="KILL at once; and end what was adopted too, instead of letting it go")
    add_json(parser, "print each session as it is then, as JSON")


async def _stop(chosen: argparse.Namespace) -> int:
    from sightline_cli import printing, reach  # noqa: PLC0415

    number = _signal(chosen.signal) if chosen.signal else 9 if chosen.kill else 0
    async with reach.server(chosen) as client:

        async def stop(name: str) -> None:
            before = await client.get(name)
            if _is_adopted(before) and not chosen.kill and not before.HasField("end_time"):
                after = await client.release(before)
                does = "writes" if before.typescript.path and not before.screen.name else "runs in"
                text = f"let go; it still {does} {what(before)} (`--kill` would end it)"
            else:
                after = await client.terminate(before, signal=number, grace=chosen.grace)
                text = _how(before, after)
            print(printing.to_json(after) if chosen.json else f"{after.name}: {text}")

        return await reach.each(chosen.sessions, stop)


def _how(before: Session, after: Session) -> str:
    from sightline_cli import words as say  # noqa: PLC0415

    how = say.ending(after.outcome, exit_code_of(after), after.signal)
    return f"had ended before: {how}" if before.HasField("end_time") else how


def _is_adopted(session: Session) -> bool:
    """Sightline did not start it, so it does not end it unasked."""
    from sightline_cli import words as say  # noqa: PLC0415

    return say.kind(session.kind) not in {"command", "terminal"}


def _signal(word: str) -> int:
    import signal  # noqa: PLC0415

    if word.isdigit() and 0 < int(word) < signal.NSIG:
        return int(word)
    name = "SIG" + word.upper().removeprefix("SIG")
    try:
        return signal.Signals[name].value
    except KeyError:
        raise Complaint(f"{word!r} is no signal: give a name such as TERM or INT, or a number", codes.USAGE) from None


# --- rm


def _rm_arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser, "*")
    parser.add_argument("--ended", action="store_true", help="every session that has ended")


async def _rm(chosen: argparse.Namespace) -> int:
    from sightline.v1.event_pb2 import SessionState  # noqa: PLC0415

    from sightline_cli import reach  # noqa: PLC0415

    if bool(chosen.sessions) == chosen.ended:
        raise Complaint("name the sessions to forget, or give --ended for all that have ended", codes.USAGE)
    async with reach.server(chosen) as client:
        sessions = chosen.sessions
        if chosen.ended:
            sessions = [session.id async for session in client.list(states=[SessionState.SESSION_STATE_ENDED])]
        code = await reach.each(sessions, client.delete)
    if chosen.ended and code == codes.OK:
        print(f"{len(sessions)} forgotten")
    return code


STOP = Command(
    name="stop",
    summary="End sessions: the whole tree of processes. What was adopted is let go.",
    when="""\
SIGTERM first, SIGKILL to what is left after 5 seconds; returns when it is over. The log stays. What was
adopted (a pane, a screen session, a typescript) is not ours to end: it is released and still runs, unless
--kill is given.""",
    examples=(
        ("sightline stop web", "end it"),
        ("sightline stop web --signal INT --grace 30s", "more gently"),
        ("sightline stop web --kill", "at once"),
    ),
    arguments=_stop_arguments,
    run=_stop,
)

RM = Command(
    name="rm",
    summary="Forget ended sessions and their logs.",
    when="There is no way back. Sessions that still run are refused: stop them first.",
    examples=(("sightline rm build", "forget one"), ("sightline rm --ended", "forget all that have ended")),
    arguments=_rm_arguments,
    run=_rm,
)
