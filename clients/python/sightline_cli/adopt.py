"""adopt and release: following what runs already in the user's own tmux or screen, is recorded by `script`, or is an agent."""

from __future__ import annotations

import argparse
import os
import re
import sys
from typing import TYPE_CHECKING

from sightline_cli import codes, people
from sightline_cli.command import Command, Complaint, add_json, add_session, given

if TYPE_CHECKING:
    from sightline.client import Client
    from sightline.v1.session_pb2 import Session
    from sightline.v1.session_service_pb2 import Candidate, DiscoverResponse

COLUMNS = ("TARGET", "COMMAND", "SIZE", "CWD", "NOTE")
CWD = 3  # the column that gives way when the terminal is narrow


def _adopt_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "pane", metavar="TARGET", nargs="?", help="the pane: session:window.pane, or its id such as %%3; none: list what there is"
    )
    parser.add_argument(
        "--agent",
        metavar="NAME",
        type=given,
        help="a coding agent that runs already: claude, codex, gemini, qwen, opencode. TARGET is then its pane, or the file "
        "that it writes (for opencode the URL of its server); none: the one that runs",
    )
    parser.add_argument("--pid", metavar="PID", type=int, help="the agent's process")
    parser.add_argument("--cwd", metavar="DIR", type=given, help="the directory that the agent works in")
    parser.add_argument("--name", default="", help="the session's name; default: one made from the pane")
    parser.add_argument(
        "--socket", metavar="PATH", default="", help="the tmux server's socket; default: the one you are in, else yours"
    )
    parser.add_argument(
        "--host",
        metavar="NAME",
        type=given,
        action="append",
        default=[],
        help="where, by ssh; repeatable to list; default: the server's host",
    )
    parser.add_argument("--typescript", metavar="FILE", type=given, help="instead of a pane: a file that `script -f` writes")
    parser.add_argument("--screen", metavar="SESSION", type=given, help="instead of a pane: a GNU screen session, NAME or PID.NAME")
    parser.add_argument(
        "--window", metavar="NUMBER", type=int, help="with --screen: which of its windows; default: the one that is current"
    )
    parser.add_argument(
        "--dir", metavar="DIR", action="append", default=[], help="without a TARGET: list the typescripts in DIR too; repeatable"
    )
    add_json(parser)


def _check(chosen: argparse.Namespace) -> None:
    """Raises Complaint for options that do not go together."""
    targets = [target for target in (chosen.pane, chosen.typescript, chosen.screen) if target]
    if len(targets) > 1:
        raise Complaint(f"{' and '.join(targets)} are two sessions: adopt one after the other", codes.USAGE)
    if chosen.agent and (chosen.typescript or chosen.screen or chosen.host):
        raise Complaint("--agent goes with a tmux pane, a process, a directory or a file of this host alone", codes.USAGE)
    if (chosen.pid is not None or chosen.cwd) and bool(chosen.pane) + (chosen.pid is not None) + bool(chosen.cwd) > 1:
        raise Complaint("--pid, --cwd and a TARGET each name an agent: give one of them", codes.USAGE)
    if chosen.pid is not None and chosen.pid < 1:
        raise Complaint(f"{chosen.pid} is no process: `sightline adopt` lists agents with theirs", codes.USAGE)
    if chosen.window is not None and (not chosen.screen or chosen.window < 0):
        raise Complaint("--window is the number of a window of a screen session: give --screen SESSION too", codes.USAGE)
    if targets and len(chosen.host) > 1:
        raise Complaint(f"{' and '.join(chosen.host)} are two hosts: say on which of them {targets[0]} is", codes.USAGE)
    if not targets and chosen.name and not names_agent(chosen):
        raise Complaint(
            "--name needs the pane to adopt: sightline adopt TARGET --name NAME (`sightline adopt` lists them)", codes.USAGE
        )


async def _adopt(chosen: argparse.Namespace) -> int:
    from sightline_cli import printing, reach  # noqa: PLC0415

    _check(chosen)
    async with reach.server(chosen) as client:
        if names_agent(chosen):
            session = await _agent(chosen, client)
            print(printing.to_json(session) if chosen.json else session.name)
            return codes.OK
        if chosen.typescript:
            session = await client.adopt_typescript(chosen.typescript, host="".join(chosen.host), name=chosen.name)
            print(printing.to_json(session) if chosen.json else session.name)
            return codes.OK
        if chosen.screen:
            session = await client.adopt_screen(chosen.screen, window=chosen.window, name=chosen.name)
            print(printing.to_json(session) if chosen.json else session.name)
            return codes.OK
        if chosen.pane:
            host = "".join(chosen.host)
            socket = chosen.socket or ("" if host else own_socket())
            session = await client.adopt(chosen.pane, socket_path=socket, host=host, name=chosen.name)
            print(printing.to_json(session) if chosen.json else session.name)
            return codes.OK
        socket = chosen.socket or ("" if chosen.host else own_socket())
        directories = [directory if chosen.host else os.path.abspath(directory) for directory in chosen.dir]  # noqa: ASYNC240 - once
        found = await client.discover(hosts=chosen.host, socket_paths=[socket] if socket else [], directories=directories)
    if chosen.json:
        for candidate in found.candidates:
            print(printing.to_json(candidate))
    else:
        _list(found)
    for problem in found.problems:
        if problem.code == "SCREEN_NOT_INSTALLED":
            continue  # most have no screen, and miss nothing in a list
        print(f"sightline: {problem.message}", file=sys.stderr)
    return codes.OK


def names_agent(chosen: argparse.Namespace) -> bool:
    """Whether it is an agent that is to be followed."""
    return bool(chosen.agent or chosen.cwd) or chosen.pid is not None


async def _agent(chosen: argparse.Namespace, client: Client) -> Session:
    agent, target = chosen.agent or "", chosen.pane or ""
    if target and is_pane(target):
        return await client.adopt_agent(agent, pane=target, socket_path=chosen.socket or own_socket(), name=chosen.name)
    return await client.adopt_agent(agent, target or None, pid=chosen.pid or 0, cwd=chosen.cwd, name=chosen.name)


def is_pane(target: str) -> bool:
    """Whether a word means a pane of tmux rather than a file: an id, or a name with its window, and no file of that name."""
    if re.fullmatch(r"%[0-9]+", target):
        return True
    return "/" not in target and ":" in target and not os.path.exists(target)


def own_socket() -> str:
    """The tmux server this command runs in; empty: none, and the user's default one is meant."""
    return os.environ.get("TMUX", "").rpartition(",")[0].rpartition(",")[0]


def _list(found: DiscoverResponse) -> None:
    if not found.candidates:
        print("there is nothing to adopt: no tmux pane, no screen session, no typescript and no agent was found", file=sys.stderr)
        print("(`--socket PATH` looks at another tmux server, `--dir DIR` for typescripts)", file=sys.stderr)
        return
    width = people.width_of(sys.stdout)
    rows = [_row(candidate) for candidate in found.candidates]
    print("\n".join(people.table(COLUMNS, rows, width, flexible=CWD)))
    options = any(note.startswith("--") for *_, note in rows)
    print(f"\nfollow one with: sightline adopt {'[options in NOTE] ' * options}TARGET", file=sys.stderr)
    if any(candidate.agent for candidate in found.candidates):
        print("an agent by its options in NOTE alone, without a TARGET", file=sys.stderr)


def _row(candidate: Candidate) -> tuple[str, ...]:
    target = (
        candidate.tmux.target
        or candidate.tmux.pane_id
        or candidate.screen.name
        or candidate.typescript.path
        or candidate.transcript.path
    )
    # Such that `sightline adopt OPTIONS TARGET` is what follows it.
    options = [f"--host {candidate.host}"] * bool(candidate.host)
    if candidate.agent:
        return _agent_row(candidate)
    if candidate.typescript.path:
        options.append("--typescript")
    if candidate.screen.name:
        options.append(f"--window {candidate.screen.window} --screen")
    if candidate.tmux.socket_path:
        options.append(f"--socket {candidate.tmux.socket_path}")
    notes = [" ".join(options)] * bool(options)
    if candidate.session_id:
        notes.append("followed already")
    elif candidate.piped:
        notes.append("has a pipe of its own")
    size = f"{candidate.terminal.columns}x{candidate.terminal.rows}" if candidate.HasField("terminal") else ""
    return target, candidate.command, size, candidate.cwd, ", ".join(notes)


def _agent_row(candidate: Candidate) -> tuple[str, ...]:
    """An agent: what it writes, or will, is found by its process."""
    notes = [f"--agent {candidate.agent} --pid {candidate.transcript.pid}"]
    notes += [f"in pane {candidate.pane.target}"] * bool(candidate.pane.target)
    notes += ["followed already"] * bool(candidate.session_id)
    return os.path.basename(candidate.transcript.path) or "(nothing yet)", candidate.command, "", candidate.cwd, ", ".join(notes)


def _release_arguments(parser: argparse.ArgumentParser) -> None:
    add_session(parser, "+")


async def _release(chosen: argparse.Namespace) -> int:
    from sightline_cli import reach  # noqa: PLC0415

    async with reach.server(chosen) as client:
        return await reach.each(chosen.sessions, client.release)


ADOPT = Command(
    name="adopt",
    summary="Follow a tmux pane, a screen session, a typescript or a coding agent of yours that runs already.",
    when="""\
Alone, lists what could be followed: panes, screen windows, typescripts. With a TARGET, follows it from now on, without
disturbing it, and prints the session's name. What the pane wrote before is not in the log. A pane that
you pipe elsewhere keeps its pipe. A window of GNU screen is followed by screen's own log, a typescript
(`script -f FILE`) from its beginning, a coding agent by the transcript that it writes, from its beginning too;
where it runs in a tmux pane, the pane is followed in the same session.
`sightline release` lets it go, with nothing of ours left on it.""",
    examples=(
        ("sightline adopt", "what there is"),
        ("sightline adopt work:1.0 --name editor", "follow pane 0 of window 1 of your tmux session `work`"),
        ("sightline adopt %3 --socket /tmp/tmux-1000/other", "a pane of another tmux server"),
        ("sightline adopt --screen build --window 1", "window 1 of your screen session `build`"),
        ("sightline adopt --typescript build.typescript", "what `script -f build.typescript` records"),
        ("sightline adopt --agent claude --cwd .", "the Claude Code that works here, with its pane"),
    ),
    arguments=_adopt_arguments,
    run=_adopt,
)

RELEASE = Command(
    name="release",
    summary="Stop following adopted panes, and leave them running.",
    when="The session ends with the outcome `released`; its log stays.",
    examples=(("sightline release editor", "let it go"),),
    arguments=_release_arguments,
    run=_release,
)
