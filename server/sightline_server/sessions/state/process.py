"""What the foreground of a terminal says of the state. Pure: facts in, a statement out.

A shell that edits a line is at its prompt; a program that waits for a line needs one, and without an echo it needs a secret. A
program that takes keys one by one and waits for nothing else has nothing to do (an editor, a REPL); but a pager keeps what it
shows the pages of from ending. Everything else works, as far as can be seen from here; what runs behind another machine's or
another terminal's program cannot be.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sightline.v1.event_pb2 import SessionState, WaitingFor

from sightline_server.capture.foreground import Foreground
from sightline_server.decode.agents import choose
from sightline_server.sessions.state.judge import IDLE, WAITING, WORKING
from sightline_server.sessions.state.observation import Observation, Trust

EDITING_SHELLS = frozenset({"bash", "zsh", "fish", "ksh", "mksh", "tcsh", "csh", "nu", "xonsh", "elvish", "pwsh"})
UNKNOWN = SessionState.SESSION_STATE_UNKNOWN
PLAIN_SHELLS = frozenset({"sh", "dash", "ash", "busybox"})
INTERPRETERS = frozenset({"node", "bun", "deno", "python", "python3", "ruby", "sh", "bash", "env", "npx"})
PAGERS = frozenset({"less", "more", "most", "man", "bat"})
OPAQUE = frozenset(
    {"ssh", "mosh", "mosh-client", "telnet", "tmux", "screen", "zellij", "docker", "podman", "kubectl", "nsenter", "machinectl"}
    | {"su", "sudo", "doas", "script", "asciinema", "expect", "socat", "minicom", "picocom"}
)
"""What runs inside these cannot be seen from outside."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A look, and what follows from it at once.

    Attributes:
        seen: the look.
        name: of what runs.
        shell: it is a shell that takes commands from the terminal.
        command_runs: the shell says by its marks that it runs a command.
    """

    seen: Foreground
    name: str
    shell: bool
    command_runs: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what holds then, and what that means. `reason` is said of the program's name."""

    name: str
    holds: Callable[[Facts], bool]
    state: SessionState.ValueType
    confidence: float
    reason: str
    waiting_for: WaitingFor.ValueType = WaitingFor.WAITING_FOR_UNSPECIFIED


RULES: Sequence[Rule] = (
    Rule("busy", lambda it: it.seen.unread > 0, WORKING, 0.6, "{} has not read what was typed"),
    Rule(
        "secret",
        lambda it: it.seen.by_line and not it.seen.echo and it.seen.asleep and it.seen.reads is not False,
        WAITING,
        0.9,
        "{} reads a line without showing it, as passwords are",
        WaitingFor.WAITING_FOR_LOGIN,
    ),
    Rule("shell-prompt", lambda it: it.shell and not it.seen.by_line and it.seen.asleep, IDLE, 0.9, "{} is at its prompt"),
    Rule(
        "shell-reads",
        lambda it: it.seen.by_line and it.seen.reads is True and it.shell and it.name in PLAIN_SHELLS and not it.command_runs,
        IDLE,
        0.6,
        "{} reads a line: at its prompt, most likely",
    ),
    Rule(
        "reads-line",
        lambda it: it.seen.by_line and it.seen.reads is True,
        WAITING,
        0.7,
        "{} reads a line",
        WaitingFor.WAITING_FOR_INPUT,
    ),
    Rule("opaque", lambda it: it.name in OPAQUE, UNKNOWN, 0.4, "what runs inside {} cannot be seen"),
    Rule(
        "pager",
        lambda it: it.seen.reads is True and it.name in PAGERS,
        WAITING,
        0.7,
        "{} shows a page and waits for a key",
        WaitingFor.WAITING_FOR_INPUT,
    ),
    Rule("reads-keys", lambda it: it.seen.reads is True, IDLE, 0.5, "{} waits for a key"),
    Rule("shell-works", lambda it: it.shell, WORKING, 0.7, "{} works"),
    Rule("program", lambda it: it.seen.by_line, WORKING, 0.8, "{} runs"),
    Rule("keys", lambda _: True, WORKING, 0.3, "{} has the screen; what it does cannot be told from outside"),
)
"""The first that holds speaks."""


def of_foreground(seen: Foreground, *, command_runs: bool = False) -> Observation:
    """What a look at the foreground says. `command_runs`: the shell says by its marks that it runs a command."""
    name = program_of(seen)
    facts = Facts(seen, name, is_shell(seen), command_runs)
    rule = next(rule for rule in RULES if rule.holds(facts))
    mode = f"{'whole lines' if seen.by_line else 'each key'}, echo {'on' if seen.echo else 'off'}, {seen.unread} bytes unread"
    does = "waits for input" if seen.reads else "sleeps" if seen.asleep else "runs"
    # The program's name alone: the words behind it may hold secrets, and they are nobody's business here.
    evidence = (f"foreground: {name} (process group {seen.group}), it {does}", f"terminal: {mode}")
    reason = rule.reason.format(name)
    return Observation(Trust.PROCESS, rule.state, f"process/{rule.name}", reason, rule.waiting_for, rule.confidence, evidence)


def program_of(seen: Foreground) -> str:
    """The name of what runs, as people know it: of a script its own, not its interpreter's."""
    if not seen.argv:
        return seen.name or "a program"
    first = os.path.basename(seen.argv[0].split(" ")[0]).lstrip("-")
    if first.rstrip("0123456789.") in INTERPRETERS:
        script = next((word for word in seen.argv[1:] if not word.startswith("-")), "")
        if script and not any(word in ("-c", "-e", "-m") for word in seen.argv[1:]):
            return os.path.basename(script)
    return first or seen.name


def agent_of(seen: Foreground) -> str:
    """The family of the agent that has the foreground; empty: none that is known."""
    return choose.family_of(seen.argv) or choose.family_of([program_of(seen)])


def is_shell(seen: Foreground) -> bool:
    """Whether it is a shell that takes commands from the terminal, not from a file or its own words."""
    if program_of(seen) not in EDITING_SHELLS | PLAIN_SHELLS:
        return False
    return not any(word == "-c" or not word.startswith("-") for word in _operands(seen.argv))


def _operands(argv: Sequence[str]) -> Sequence[str]:
    """The words behind the program; those of options that take one are left out."""
    words = list(argv[1:])
    for option in ("--rcfile", "--init-file", "-o", "-O", "+O"):
        while option in words:
            place = words.index(option)
            del words[place : place + 2]
    return words
