"""How each agent is started so that it tells in lines what it does, as data; and what becomes of a request to run one. No I/O.

Words are added to a command only where its program is the agent's own; any other (`cat recording.jsonl`, a wrapper) runs as it is.
A prompt goes to stdin wherever the program reads it there: it can then never be taken for a flag.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sightline.v1.session_pb2 import Command
from sightline.v1.session_service_pb2 import CreateRequest

from sightline_server.capture.agent.two_way import TwoWay
from sightline_server.decode.agents.choose import PROGRAMS as OTHER_NAMES
from sightline_server.decode.agents.choose import STREAMS
from sightline_server.errors import AgentNotTwoWay, AgentUnknown, BadField

MAX_PROMPT = 1024 * 1024  # bytes
MIN_INTERVAL = 0.1  # seconds, between two `progress` events
MAX_INTERVAL = 3600.0
DEFAULT_INTERVAL = 5.0


@dataclass(frozen=True)
class Program:
    """One agent's program.

    Attributes:
        name: of the program.
        install: how it is installed, for people.
        subcommand: the word behind which `flags` stand; empty: it has none.
        subcommand_names: what the subcommand may be called as well.
        flags: what makes it tell in lines what it does; each with its value is one tuple.
        two_way: the flags for talking to it while it works; empty: that cannot be.
        from_stdin: what makes it read the prompt from stdin, at the end; None: the prompt stands in argv, behind `--`.
    """

    name: str
    install: str
    flags: Sequence[tuple[str, ...]]
    subcommand: str = ""
    subcommand_names: frozenset[str] = frozenset()
    two_way: Sequence[tuple[str, ...]] = ()
    from_stdin: tuple[str, ...] | None = ()


def _npm(package: str) -> str:
    return f"npm install -g {package}"


TABLE: Mapping[str, Program] = {
    "claude": Program(
        "claude",
        _npm("@anthropic-ai/claude-code"),
        (("-p", "--print"), ("--output-format", "stream-json"), ("--verbose",)),
        two_way=(("--input-format", "stream-json"), ("--permission-prompt-tool", "stdio"), ("--replay-user-messages",)),
    ),
    "codex": Program("codex", _npm("@openai/codex"), (("--json",),), "exec", frozenset({"exec", "e"}), from_stdin=("-",)),
    "gemini": Program("gemini", _npm("@google/gemini-cli"), (("--output-format", "stream-json"),)),
    "qwen": Program("qwen", _npm("@qwen-code/qwen-code"), (("--output-format", "stream-json"),)),
    "opencode": Program("opencode", _npm("opencode-ai"), (("--format", "json"),), "run", frozenset({"run"})),
    "cursor": Program(
        "cursor-agent",
        "see https://cursor.com/cli",
        (("-p", "--print"), ("--output-format", "stream-json")),
        from_stdin=None,
    ),
    "amp": Program("amp", _npm("@sourcegraph/amp"), (("-x", "--execute"), ("--stream-json",))),
    "goose": Program(
        "goose",
        "see https://block.github.io/goose",
        (("--output-format", "stream-json"),),
        "run",
        frozenset({"run"}),
        from_stdin=("-i", "-"),
    ),
}
"""By family."""

_OTHER_SPELLINGS = frozenset({"-p", "--print", "-x", "--execute"})  # a tuple of these is one flag under two names, not a value


def family(request: CreateRequest) -> str:
    """The family of the agent that a request names. Raises `AgentUnknown`."""
    name = request.agent.name
    found = OTHER_NAMES.get(name, name)
    if found not in STREAMS:
        raise AgentUnknown(agent=name[:64], known=", ".join(sorted(STREAMS)))
    return found


def is_own(family: str, argv: Sequence[str]) -> bool:
    """Whether a command is the agent's own program."""
    program = TABLE.get(family)
    return program is not None and bool(argv) and os.path.basename(argv[0]) == program.name


def interval_of(request: CreateRequest) -> float:
    """Seconds between two `progress` events. Raises `BadField`."""
    if not request.agent.HasField("progress_interval"):
        return DEFAULT_INTERVAL
    seconds = request.agent.progress_interval.seconds + request.agent.progress_interval.nanos / 1e9
    if not MIN_INTERVAL <= seconds <= MAX_INTERVAL:
        raise BadField(field="agent.progress_interval", problem=f"{seconds:g} s; it must be {MIN_INTERVAL} to {MAX_INTERVAL:.0f} s")
    return seconds


def talk_of(request: CreateRequest) -> TwoWay | None:
    """How the agent is talked to while it works; None: it is not. Raises `AgentNotTwoWay`."""
    if not request.agent.two_way:
        return None
    name = family(request)
    if name not in TABLE or not TABLE[name].two_way:
        raise AgentNotTwoWay(agent=name)
    return TwoWay()


def prepared(request: CreateRequest, talk: TwoWay | None) -> CreateRequest:
    """The request as the program is to be started: the whole argv, and in `agent.prompt` what is to stand on its stdin.

    Raises `AgentUnknown`, `AgentNotTwoWay`, `BadField`.
    """
    ready = CreateRequest()
    ready.CopyFrom(request)
    name = family(request)
    program = TABLE.get(name)
    argv = list(request.command.argv) or ([program.name] if program else [])
    prompt = request.agent.prompt
    if "\0" in prompt or len(prompt.encode()) > MAX_PROMPT:
        raise BadField(field="agent.prompt", problem=f"at most {MAX_PROMPT} bytes, and no zero byte")
    if program is None and not argv:
        raise BadField(field="command.argv", problem=f"{name} is a format, not a program: say which command writes it")
    if not request.command.argv and not prompt and not request.agent.two_way:
        raise BadField(field="agent.prompt", problem="say what the agent is to do, by a prompt or by a command of your own")
    if program is not None and is_own(name, argv):
        argv = with_flags(program, argv, two_way=talk is not None)
        if prompt and talk is None:
            if program.from_stdin is None:
                argv += ["--", prompt] if "--" not in argv else [prompt]
                prompt = ""
            else:
                argv += [word for word in program.from_stdin if "--" not in argv]
    del ready.command.argv[:]
    ready.command.argv.extend(argv)
    if talk is not None:
        ready.command.stdin = Command.STDIN_OPEN
        prompt = talk.begin(prompt).decode()
    ready.agent.prompt = prompt
    return ready


def with_flags(program: Program, argv: Sequence[str], *, two_way: bool) -> list[str]:
    """The agent's own command with what it lacks to tell in lines what it does, in front of the caller's own words."""
    words = [*argv]
    before_user_text = words[: words.index("--")] if "--" in words else words
    place = 1
    if program.subcommand:
        named = [index for index, word in enumerate(before_user_text) if index and word in program.subcommand_names]
        if named:
            place = named[0] + 1
        else:
            words.insert(1, program.subcommand)
            place = 2
    given = {word.partition("=")[0] for word in before_user_text}
    added: list[str] = []
    for flag in [*program.flags, *(program.two_way if two_way else ())]:
        same = set(flag) if set(flag) <= _OTHER_SPELLINGS else {flag[0]}
        if not same & given:
            added += flag[:1] if set(flag) <= _OTHER_SPELLINGS else flag
    words[place:place] = added
    return words
