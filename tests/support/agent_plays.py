"""Plays with the real programs of agents, recorded with what is true: `python -m support.agent_plays OUT AGENT PLAY... -- CMD...`.

The program must have a model server that answers a prompt by the `SCENARIO=` in it, and in its directory a `checks.sh` that says on
`STAGE_TRUTH` when it runs. What is true is told by that script, by the keys that are pressed, and by the first sight of words that
the model server has just sent; what the program itself draws around them is taken only where a dialog opens.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from support.stage import Stage, staged

READ_SECONDS = 4.5  # what a person takes to read an answer: longer than the 3 s for which idleness is not believed


@dataclass(frozen=True)
class Words:
    """What one program draws at the moments that a play waits for.

    Attributes:
        ready: it takes a prompt.
        asks: it asks whether a command may run.
        asks_edit: it asks whether a file may be written.
        allow: the key that allows it.
        first: what it asks at its very first start, the keys that answer, and what that is waiting for.
        failed: it says that the model server refused.
        interrupted: it says that it was interrupted.
        question: it shows a question of the model.
        escape: the keys that interrupt it.
        start_seconds: how long its first screen is left alone.
        lingers: it works on for a while behind its last words, and draws nothing at rest.
    """

    ready: str
    asks: str
    asks_edit: str
    failed: str
    interrupted: str
    first: tuple[tuple[str, tuple[str, ...], str], ...] = ()
    question: str = ""
    allow: tuple[str, ...] = ("Enter",)
    escape: tuple[str, ...] = ("Escape",)
    lingers: bool = False
    start_seconds: float = READ_SECONDS


AGENTS = {
    "claude": Words(
        ready="\n❯",
        asks="Do you want to proceed?",
        asks_edit="Do you want to create",
        failed="stub says",
        interrupted="Interrupted",
        first=(
            ("Yes, I trust this folder", ("Down", "Enter"), "PERMISSION"),
            ("Do you want to use this API key?", ("Up", "Enter"), "LOGIN"),
        ),
        question="Which colour shall it have?",
    ),
    "codex": Words(
        ready="› Ask Codex",
        asks="Would you like to run the following command?",
        asks_edit="Would you like to make the following edits?",
        failed="stub says",
        interrupted="interrupted",
        first=(("Trust and continue", ("Enter",), "PERMISSION"), ("Try new model", ("Down", "Enter"), "ANSWER")),
    ),
    "gemini": Words(
        ready="Type your message",
        asks="Allow execution of",
        asks_edit="Apply this change?",
        failed="stub says",
        interrupted="cancelled",
        first=(("Do you trust the files", ("Enter",), "PERMISSION"),),
        question="Which colour shall it have?",
    ),
    "opencode": Words(
        ready="ctrl+p commands",
        asks="Permission required",
        asks_edit="Permission required",
        failed="stub says",
        interrupted="interrupted",
        question="Which colour shall it have?",
        escape=("Escape", "Escape"),
        lingers=True,
        start_seconds=13.0,
    ),
    "qwen": Words(
        ready="Type your message",
        asks="Allow execution of",
        asks_edit="Apply this change?",
        failed="stub says",
        interrupted="cancelled",
        question="Which colour shall it have?",
    ),
}


def ready(stage: Stage, words: Words) -> None:
    """It has started, and takes a prompt."""
    stage.is_true("STARTING")
    stage.until_seen(words.ready)
    stage.until_quiet()
    stage.is_true("IDLE")
    stage.pause(words.start_seconds)


def ask(stage: Stage, scenario: str) -> None:
    """A prompt."""
    stage.type(f"SCENARIO={scenario} please", submit=False)
    stage.pause(0.3)
    stage.is_true("WORKING")
    stage.press("Enter")


def answered(stage: Stage, text: str, words: Words) -> None:
    """The last words of the answer are there."""
    stage.until_seen(text)
    if words.lingers:
        stage.until_quiet()
    stage.is_true("IDLE", since=stage.last_output if words.lingers else None)
    stage.pause(READ_SECONDS)


def asked(stage: Stage, words: str, keys: tuple[str, ...], waiting_for: str = "PERMISSION") -> None:
    """A dialog opens, is looked at, and answered. Codex says that it is blocked some time before it draws what it asks."""
    stage.until_seen(words)
    stage.is_true("WAITING", waiting_for, since=stage.heard("7501;state=blocked"))
    stage.pause(2.0)
    for key in keys[:-1]:
        stage.press(key)
        stage.pause(0.4)
    stage.is_true("WORKING")
    stage.press(keys[-1])


def turns(stage: Stage, words: Words) -> None:
    """A streamed answer, then one for which the model takes its time."""
    ready(stage, words)
    ask(stage, "think6")
    answered(stage, "word59", words)
    ask(stage, "mute8")
    answered(stage, "I had to think for long.", words)


def tool(stage: Stage, words: Words) -> None:
    """A command that takes four seconds and says little, without a question where the program allows."""
    ready(stage, words)
    ask(stage, "tool5")
    answered(stage, "The checks are finished.", words)


def permission(stage: Stage, words: Words) -> None:
    """A command that needs permission, then an edit that does."""
    ready(stage, words)
    ask(stage, "perm")
    asked(stage, words.asks, words.allow)
    answered(stage, "The checks are finished.", words)
    ask(stage, "write")
    asked(stage, words.asks_edit, words.allow)
    answered(stage, "The notes are written.", words)


def resized(stage: Stage, words: Words) -> None:
    """The terminal's size changes while it works, while it asks and while it idles."""
    ready(stage, words)
    ask(stage, "perm")
    stage.pause(0.3)
    stage.resize(80, 24)
    stage.until_seen(words.asks)
    stage.is_true("WAITING", "PERMISSION")
    stage.pause(1.5)
    stage.resize(120, 36)
    stage.pause(1.5)
    stage.is_true("WORKING")
    stage.press("Enter")
    stage.pause(2.0)
    stage.resize(70, 20)
    stage.until_seen("The checks are finished.")
    stage.is_true("IDLE")
    stage.pause(READ_SECONDS)
    stage.resize(100, 30)
    stage.pause(READ_SECONDS)


def question(stage: Stage, words: Words) -> None:
    """The model asks something."""
    ready(stage, words)
    ask(stage, "ask")
    asked(stage, words.question, ("Enter",), "ANSWER")
    answered(stage, "Thank you.", words)


def error(stage: Stage, words: Words) -> None:
    """The model server refuses."""
    ready(stage, words)
    ask(stage, "apierr")
    answered(stage, words.failed, words)


def interrupt(stage: Stage, words: Words) -> None:
    """It is interrupted in the middle of an answer."""
    ready(stage, words)
    ask(stage, "think6")
    stage.until_seen("word9")
    for key in words.escape:
        stage.press(key)
        stage.pause(0.3)
    answered(stage, words.interrupted, words)


def first(stage: Stage, words: Words) -> None:
    """Its very first start: what it asks before it takes a prompt."""
    stage.is_true("STARTING")
    for text, keys, waiting_for in words.first:
        asked(stage, text, keys, waiting_for)
    stage.until_seen(words.ready)
    stage.until_quiet()
    stage.is_true("IDLE")
    stage.pause(READ_SECONDS)


PLAYS: dict[str, Callable[[Stage, Words], None]] = {
    play.__name__: play for play in (turns, tool, permission, resized, question, error, interrupt, first)
}


def main() -> None:
    """Records the plays that are named."""
    place = sys.argv.index("--")
    out, agent, *names = sys.argv[1:place]
    for name in names:
        with tempfile.TemporaryDirectory() as scratch, staged(sys.argv[place + 1 :], Path(scratch)) as stage:
            try:
                PLAYS[name](stage, AGENTS[agent])
            finally:
                stage.save(Path(out) / f"{agent}-{name}", {"title": f"{agent}: {(PLAYS[name].__doc__ or '').splitlines()[0]}"})


if __name__ == "__main__":
    main()
