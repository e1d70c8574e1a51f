"""ls and show: sessions as a list, and one by one."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from typing import TYPE_CHECKING

from sightline_cli import codes, people
from sightline_cli.command import Command, Complaint, add_json, add_session, pair, words

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp
    from sightline.v1.event_pb2 import SessionState
    from sightline.v1.session_pb2 import Session

RECENT = 3600.0  # seconds for which `ls` shows what has ended
COLUMNS = ("NAME", "STATE", "KIND", "AGE", "HEAD", "COMMAND", "OUTCOME")
COMMAND = 5  # the column that gives way when the terminal is narrow
STATES = ("starting", "working", "waiting", "idle", "unknown", "ended")


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
    states = [state_of(SessionState, word) for word in chosen.state]
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
        print(
            "there are no sessions: `sightline run -- CMD` starts one, `sightline adopt` lists what runs already", file=sys.stderr
        )
    if older and not chosen.quiet and not chosen.json:
        print(f"{older} more ended over an hour ago: `sightline ls --all` shows them", file=sys.stderr)
    return codes.OK


def state_of(states: type[SessionState], word: str) -> SessionState.ValueType:
    """The state of that name. Raises Complaint where there is none."""
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
    name = f"{session.name}@{session.host}" if session.host else session.name
    return name, state, say.kind(session.kind), age, str(session.head_seq), what(session), end


def seconds(moment: Timestamp) -> float:
    """A time as seconds since 1970."""
    return moment.seconds + moment.nanos / 1e9


def what(session: Session) -> str:
    """What it follows, in one line: its command, its pane, its screen session, its file, or how many steps it has."""
    if session.argv:
        return shlex.join(session.argv)
    followed = session.tmux.target or session.tmux.pane_id or session.screen.name or session.typescript.path
    return followed or (people.count(session.steps, "step") if session.steps else "")


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
        ("steps", str(session.steps) if session.steps else ""),
        ("agent", session.agent),
        ("pane", f"{session.tmux.target} ({session.tmux.pane_id})" if session.HasField("tmux") else ""),
        ("tmux server", f"{session.tmux.socket_path} (pid {session.tmux.server_pid})" if session.tmux.server_pid else ""),
        ("screen", f"{session.screen.name}, window {session.screen.window}" if session.screen.name else ""),
        ("typescript", session.typescript.path),
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
    return f"{people.count(events, 'event')} ({people.size(count)}) behind" if events else "up to date"


def _moment(moment: Timestamp, now: float) -> str:
    when = seconds(moment)
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(when))} ({people.age(now - when)} ago)"


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
