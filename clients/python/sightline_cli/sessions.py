"""ls, show, wait, stop, rm: sessions as a list, one by one, and their end."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from typing import TYPE_CHECKING

from sightline_cli import codes, people
from sightline_cli.command import Command, Complaint, add_json, add_session, duration, pair, words

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp
    from sightline.v1.event_pb2 import SessionState
    from sightline.v1.session_pb2 import Session

RECENT = 3600.0  # seconds for which `ls` shows what has ended
COLUMNS = ("NAME", "STATE", "KIND", "AGE", "HEAD", "COMMAND", "OUTCOME")
COMMAND = 5  # the column that gives way when the terminal is narrow
STATES = ("starting", "working", "waiting", "idle", "unknown", "ended")
UNTIL = ("waiting", "idle", "ended")


# --- ls


def _ls_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-a", "--all", action="store_true", help="also what ended more than an hour ago")
    parser.add_argument(
        "--state", metavar="S,S", type=words, default=[], help=f"only sessions in these states: {', '.join(STATES)}"
    )
    parser.add_argument(
        "--label", metavar="K=V", type=pair, action="append", default=[], help="only sessions with this label; repeatable"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="names only, for scripts")
    add_json(parser, "one session a line, as JSON")


async def _ls(chosen: argparse.Namespace) -> int:
    from sightline.v1.event_pb2 import SessionState  # noqa: PLC0415

    from sightline_cli import printing, reach  # noqa: PLC0415

    now = time.time()
    states = [_state(SessionState, word) for word in chosen.state]
    found, older = [], 0
    async with reach.server(chosen) as client:
        async for session in client.list(states=states, labels=dict(chosen.label)):
            if chosen.all or chosen.state or not session.HasField("end_time") or now - seconds(session.end_time) < RECENT:
                found.append(session)
            else:
                older += 1
    if chosen.json:
        for session in found:
            print(printing.to_json(session))
    elif chosen.quiet:
        print("".join(f"{session.name}\n" for session in found), end="")
    elif found:
        _print_table(found, now)
    else:
        print("there are no sessions: `sightline run -- CMD` starts one, `sightline adopt` lists panes to follow", file=sys.stderr)
    if older and not chosen.quiet and not chosen.json:
        print(f"{older} more ended over an hour ago: `sightline ls --all` shows them", file=sys.stderr)
    return codes.OK


def _state(states: type[SessionState], word: str) -> SessionState.ValueType:
    try:
        return states.Value(f"SESSION_STATE_{word.upper()}")
    except ValueError:
        raise Complaint(f"{word!r} is no state: they are {', '.join(STATES)}", codes.USAGE) from None


def _print_table(found: list[Session], now: float) -> None:
    width = people.width_of(sys.stdout)
    lines = people.table(COLUMNS, [_row(session, now) for session in found], width, flexible=COMMAND)
    colour = people.wants_colour(sys.stdout)
    print(people.paint(lines[0], "bold", colour))
    for session, line in zip(found, lines[1:], strict=True):
        print(people.paint(line, "dim", colour and session.HasField("end_time")))


def _row(session: Session, now: float) -> tuple[str, ...]:
    from sightline_cli import words as say  # noqa: PLC0415

    state = say.state(session.state)
    if session.waiting_for:
        state += f" for {say.waiting_for(session.waiting_for)}"
    elif not session.HasField("end_time") and say.capture(session.capture) not in {"following", "unspecified"}:
        state += f", {say.capture(session.capture)}"
    end = say.ending(session.outcome, exit_code_of(session), session.signal) if session.outcome else ""
    age = people.age(now - seconds(session.create_time))
    return session.name, state, say.kind(session.kind), age, str(session.head_seq), what(session), end


def seconds(moment: Timestamp) -> float:
    """A time as seconds since 1970."""
    return moment.seconds + moment.nanos / 1e9


def what(session: Session) -> str:
    """What it follows, in one line: its command, or its pane."""
    return shlex.join(session.argv) if session.argv else session.tmux.target or session.tmux.pane_id


def exit_code_of(session: Session) -> int | None:
    """The exit code, where there is one."""
    return session.exit_code if session.HasField("exit_code") else None


# --- show


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser)
    add_json(parser, "the session as JSON")


async def _show(chosen: argparse.Namespace) -> int:
    from sightline_cli import printing, reach  # noqa: PLC0415

    async with reach.server(chosen) as client:
        session = await client.get(chosen.session)
    if chosen.json:
        print(printing.to_json(session))
        return codes.OK
    facts = [(name, value) for name, value in _facts(session, time.time()) if value]
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        print(f"{name:<{width}}  {value}")
    return codes.OK


def _facts(session: Session, now: float) -> list[tuple[str, str]]:
    from sightline_cli import words as say  # noqa: PLC0415

    size = f"{session.terminal.columns}x{session.terminal.rows}" if session.HasField("terminal") else ""
    kept = f"{session.oldest_seq} to {session.head_seq}, {people.size(session.bytes)}" if session.head_seq else "none yet"
    ended = session.HasField("end_time")
    return [
        ("name", session.name),
        ("id", session.id),
        ("kind", say.kind(session.kind)),
        ("host", session.host),
        ("command", shlex.join(session.argv)),
        ("agent", session.agent),
        ("pane", f"{session.tmux.target} ({session.tmux.pane_id})" if session.HasField("tmux") else ""),
        ("tmux server", f"{session.tmux.socket_path} (pid {session.tmux.server_pid})" if session.tmux.server_pid else ""),
        ("directory", session.cwd),
        ("terminal", size),
        ("state", say.state(session.state) + (f" for {say.waiting_for(session.waiting_for)}" if session.waiting_for else "")),
        ("capture", "" if ended else " ".join(filter(None, (say.capture(session.capture), session.capture_reason)))),
        ("turn", session.turn_id),
        ("created", _moment(session.create_time, now)),
        ("ended", _moment(session.end_time, now) if ended else ""),
        ("took", people.span(seconds(session.end_time) - seconds(session.create_time)) if ended else ""),
        ("outcome", say.ending(session.outcome, exit_code_of(session), session.signal) if session.outcome else ""),
        ("exit code", str(session.exit_code) if session.HasField("exit_code") else ""),
        ("events kept", kept),
        ("epoch", str(session.epoch)),
        ("labels", " ".join(f"{key}={value}" for key, value in sorted(session.labels.items()))),
        ("watchers", ", ".join(_watcher(one.lag_events, one.lag_bytes) for one in session.subscribers)),
    ]


def _watcher(events: int, count: int) -> str:
    return f"{events} events ({people.size(count)}) behind" if events else "up to date"


def _moment(moment: Timestamp, now: float) -> str:
    when = seconds(moment)
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(when))} ({people.age(now - when)} ago)"


# --- wait


def _wait_arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser)
    parser.add_argument(
        "--until", metavar="S,S", type=words, default=["ended"], help="which state to wait for: ended (default), waiting, idle"
    )
    parser.add_argument("--timeout", metavar="TIME", type=duration, help="give up after this long (30s, 10m), with exit code 124")
    parser.add_argument("--after", metavar="SEQ", type=int, default=0, help="only a state reached behind this event counts")
    add_json(parser, "print the answer as JSON: the session, and the event that was waited for")


async def _wait(chosen: argparse.Namespace) -> int:
    from sightline.v1.event_pb2 import SessionState  # noqa: PLC0415

    from sightline_cli import printing, reach  # noqa: PLC0415

    if not set(chosen.until) <= set(UNTIL):
        raise Complaint(f"one can wait until a session is {', '.join(UNTIL)}, not {', '.join(chosen.until)}", codes.USAGE)
    states = [_state(SessionState, word) for word in chosen.until]
    async with reach.server(chosen) as client:
        answer = await client.wait(chosen.session, until=states, after_seq=chosen.after, timeout=chosen.timeout)
    if chosen.json:
        print(printing.to_json(answer))
    if answer.timed_out:
        if not chosen.json:
            print(f"sightline: {chosen.session} is not {' or '.join(chosen.until)} yet", file=sys.stderr)
        return codes.TIMED_OUT
    session = answer.session
    if not session.HasField("end_time"):
        return codes.OK
    return codes.of_ending(exit_code_of(session), session.signal)


# --- stop


def _stop_arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser, "+")
    parser.add_argument("--signal", metavar="SIG", help="the signal to begin with, by name or number; default: TERM")
    parser.add_argument("--grace", metavar="TIME", type=duration, help="KILL follows after this long; default: 5s")
    parser.add_argument("--kill", action="store_true", help="KILL at once; and end adopted panes too, instead of letting them go")
    add_json(parser, "print each session as it is then, as JSON")


async def _stop(chosen: argparse.Namespace) -> int:
    from sightline_cli import printing, reach  # noqa: PLC0415

    number = _signal(chosen.signal) if chosen.signal else 9 if chosen.kill else 0
    async with reach.server(chosen) as client:

        async def stop(name: str) -> None:
            before = await client.get(name)
            if _is_adopted(before) and not chosen.kill and not before.HasField("end_time"):
                after = await client.release(before)
                text = f"let go; it still runs in {what(before)} (`--kill` would end it)"
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


LS = Command(
    name="ls",
    summary="List sessions.",
    when="""\
What runs, and what ended within the last hour, newest first. HEAD is the number of the newest event: it
grows while a session writes.""",
    examples=(
        ("sightline ls", "what runs"),
        ("sightline ls --all --json", "everything that is kept, for a program"),
        ("sightline stop $(sightline ls -q --label project=web)", "names for another command"),
    ),
    arguments=_ls_arguments,
    run=_ls,
)

SHOW = Command(
    name="show",
    summary="Print everything that is known about a session.",
    when="A name means the live session of that name, else the one that ended last.",
    examples=(("sightline show build", "state, command, directory, outcome, log, watchers"),),
    arguments=_show_arguments,
    run=_show,
)

WAIT = Command(
    name="wait",
    summary="Wait until a session ends, or needs somebody.",
    when="""\
The exit code is the session's own when it ends (128 + N for signal N), 0 when it waits or idles as
asked, and 124 when the time is over first. Does not print its output: `sightline watch` does.""",
    examples=(
        ("sightline wait build && sightline run -- ./deploy", "go on when it has succeeded"),
        ("sightline wait build --timeout 10m", "at most ten minutes"),
        ("sightline wait agent --until waiting,idle", "until somebody must answer"),
    ),
    arguments=_wait_arguments,
    run=_wait,
)

STOP = Command(
    name="stop",
    summary="End sessions: the whole tree of processes. Adopted panes are let go.",
    when="""\
SIGTERM first, SIGKILL to what is left after 5 seconds; returns when it is over. The log stays. A pane that
was adopted is not ours to end: it is released and still runs, unless --kill is given.""",
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
