"""run and create: start something as a session; `run` follows it to its end."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from sightline_cli import agents, codes, recipe
from sightline_cli.command import Command, Complaint, add_json, given, pair

if TYPE_CHECKING:
    from sightline import Client
    from sightline.v1.session_pb2 import Session

DETACH_KEY = "C-]"  # as telnet's: free in shells, editors and agents, and no signal in cooked terminals
DEFAULT_SIZE = (80, 24)  # columns, rows: of a terminal that nobody looks at


def _start_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("argv", metavar="CMD", nargs=argparse.REMAINDER, help="the program and its arguments; no shell reads them")
    parser.add_argument("--name", default="", help="the session's name; default: one made from the command")
    parser.add_argument("--tty", action="store_true", help="run it in a terminal of its own instead of pipes")
    parser.add_argument(
        "--holder",
        choices=("script", "screen", "tmux"),
        default="auto",
        help="what holds the command's terminal over a restart of the server; implies --tty; default: tmux",
    )
    parser.add_argument("--host", metavar="NAME", type=given, help="run it on another host, by ssh; default: the server's own")
    parser.add_argument(
        "--cwd", metavar="DIR", type=given, help="the directory to run in; default: this one, on another host the home there"
    )
    parser.add_argument(
        "--env", metavar="K=V", type=pair, action="append", default=[], help="add a variable to the environment; repeatable"
    )
    parser.add_argument("--label", metavar="K=V", type=pair, action="append", default=[], help="mark the session; repeatable")
    parser.add_argument(
        "--watch-files", action="store_true", help="changes of files below the directory become events, but for what git ignores"
    )
    agents.add_agent(parser)
    recipe.add_steps(parser)


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    _start_arguments(parser)
    parser.add_argument("-d", "--detach", action="store_true", help="start it, print its name, and return")
    parser.add_argument(
        "--stdin", action="store_true", help="pass this command's standard input on to the program; only its length is logged"
    )
    parser.add_argument(
        "--detach-key", metavar="KEY", default=DETACH_KEY, help=f"with --tty: the key that leaves; default: {DETACH_KEY}"
    )
    agents.add_without(parser)
    add_json(parser, "one event a line, as canonical JSON, instead of the output")
    parser.add_argument("--text", action="store_true", help="with --json: add the output's text, decoded, as `text`")


def _create_arguments(parser: argparse.ArgumentParser) -> None:
    _start_arguments(parser)
    parser.add_argument("--size", metavar="COLSxROWS", help="with --tty: the terminal's size; default: this terminal's, else 80x24")
    parser.add_argument("--stdin", action="store_true", help="keep its standard input open for `sightline send`")
    add_json(parser, "print the session as JSON instead of its name")


def command_of(chosen: argparse.Namespace) -> list[str]:
    """The program and its arguments: what stands behind the options, with or without `--`. Steps and agents can do without."""
    argv: list[str] = chosen.argv[1:] if chosen.argv[:1] == ["--"] else chosen.argv
    if not argv and not recipe.has_steps(chosen) and not chosen.agent:
        raise Complaint("there is no command to run: give it behind the options, as in `sightline run -- CMD ...`", codes.USAGE)
    return argv


def read(chosen: argparse.Namespace) -> None:
    """What the arguments mean together: `planned` and `asked`. Raises Complaint."""
    agents.take_dash(chosen)
    argv = command_of(chosen)
    chosen.planned = recipe.read(chosen)
    chosen.asked = agents.read(chosen, has_command=bool(argv), stdin_taken=chosen.stdin)


async def start(client: Client, chosen: argparse.Namespace, *, stdin_open: bool, size: tuple[int, int] | None) -> Session:
    """Creates the session that the arguments describe. A missing program is told as a shell does, by exit code 127."""
    from sightline import errors  # noqa: PLC0415
    from sightline.requests import environment  # noqa: PLC0415

    planned, steps = chosen.planned
    variables = {} if planned is None else dict(planned.env)
    if size is None and planned is not None and planned.command.HasField("terminal") and not planned.command.terminal.columns:
        size = size_here()
    try:
        return await client.create(
            command_of(chosen) or None,
            name=chosen.name,
            terminal=size,
            stdin_open=stdin_open,
            cwd=chosen.cwd or None,
            env=({} if chosen.host else environment(None)) | variables | dict(chosen.env),
            host=chosen.host or "",
            labels=dict(chosen.label),
            recipe=planned,
            steps=steps,
            log_steps=chosen.log_steps,
            holder=chosen.holder,
            watch_files=chosen.watch_files or None,
            agent=chosen.asked,
            keep_raw=chosen.keep_raw,
        )
    except errors.NotFound as error:
        raise Complaint(error.message, codes.NOT_FOUND if error.reason == "PROGRAM_NOT_FOUND" else codes.FAILED) from error


def size_here() -> tuple[int, int]:
    """Columns and rows of the terminal that output goes to, else of the one that is typed on, else the default."""
    for descriptor in (1, 0, 2):
        try:
            columns, rows = os.get_terminal_size(descriptor)
        except OSError:
            continue
        if columns and rows:
            return columns, rows
    return DEFAULT_SIZE


async def _create(chosen: argparse.Namespace) -> int:
    from sightline_cli import printing, reach  # noqa: PLC0415

    chosen.tty = chosen.tty or chosen.holder != "auto"
    from sightline_cli.command import columns_and_rows  # noqa: PLC0415

    if chosen.size and not chosen.tty:
        raise Complaint("--size is a terminal's: give --tty with it", codes.USAGE)
    try:
        size = columns_and_rows(chosen.size) if chosen.size else size_here()
    except argparse.ArgumentTypeError as error:
        raise Complaint(str(error), codes.USAGE) from None
    read(chosen)
    async with reach.server(chosen) as client:
        session = await start(client, chosen, stdin_open=chosen.stdin, size=size if chosen.tty else None)
    print(printing.to_json(session) if chosen.json else session.name)
    return codes.OK


async def _run(chosen: argparse.Namespace) -> int:
    if chosen.text and not chosen.json:
        raise Complaint("--text adds to --json: give both, or neither (output is shown as it is)", codes.USAGE)
    chosen.tty = chosen.tty or chosen.holder != "auto"
    if chosen.stdin and chosen.tty:
        raise Complaint("--stdin is for pipes, --tty for a terminal: give one of them", codes.USAGE)
    if chosen.detach:
        chosen.size = None
        return await _create(chosen)
    read(chosen)
    chosen.kinds = agents.kinds_without(chosen.without)
    from sightline_cli.foreground import run_here  # noqa: PLC0415

    return await run_here(chosen)


RUN = Command(
    name="run",
    summary="Run a command as a session and follow it to its end.",
    when="""\
The command runs under the server, so that it can be watched from elsewhere, is logged
whole, and goes on when this terminal or the server goes. To scripts it looks like the
command itself: its stdout comes on stdout and its stderr on stderr, byte for byte (stderr
in colour on a terminal); lines from named sources, such as the steps of a recipe, begin with
[NAME], and Sightline's own with [sightline], on stderr. The exit code is the command's,
128 + N when signal N ended it, 127 when there is no such program.

Ctrl-C is sent to the command as an interrupt. Twice within 2 seconds leaves it running and
returns with 130. With --tty on a terminal you are attached: see `sightline attach`.
If no server runs, the same happens within this process, and nothing is kept.

With --agent what the program prints is understood and shown as what the agent says and does.
When stdout is no terminal, the agent's last word goes there, and nothing else. The exit code
is 0 when the agent says that it succeeded, the program's own or 1 when not, 130 when it was
interrupted. With --two-way on a terminal (or with --stdin) each line that you type is the next turn.""",
    examples=(
        ("sightline run -- make -j2", "build, and follow it"),
        ("sightline run -d --name web -- npm run dev", "start it and return; `sightline watch web` looks at it"),
        ("sightline run --tty -- htop", "a full-screen program in a terminal of its own"),
        ("sightline run --cwd ~/src --env CI=1 -- ./test.sh | tee log", "as in any pipeline"),
        ("tar c . | sightline run --stdin -- ssh host tar x", "with standard input passed on"),
        ("sightline run --host build1 --cwd /src -- make", "on another host, with nothing installed there; `build1` as for ssh"),
        ("sightline run --worktree fix -- make", "in a git worktree of the branch fix, beside the repository"),
        ("sightline run --recipe web --set PORT=8080", "the steps of recipes/web.toml in the home, then its command"),
        ("sightline run --agent claude --prompt 'fix the test' -- claude --model opus", "an agent, with an option of its own"),
        ("sightline run --agent codex - < task.md > answer.txt", "what to do from a file, its last word into another"),
    ),
    arguments=_run_arguments,
    run=_run,
)

CREATE = Command(
    name="create",
    summary="Start a command as a session and return at once.",
    when="""\
Prints the session's name, which is what the other commands take. Needs a server. `run -d` is
the same; `create` has the options that only matter when nobody follows at once.""",
    examples=(
        ("sightline create --name web -- npm run dev", "start it in pipes"),
        ("sightline create --tty --size 120x40 --name shell -- bash", "a terminal to attach to later"),
        ("sightline create --stdin --name calc -- bc", "a program that `sightline send calc` can write to"),
        ("sightline create --recipe ./setup.toml", "steps that the server does whether you stay or not"),
    ),
    arguments=_create_arguments,
    run=_create,
)
