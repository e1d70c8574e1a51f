"""Plays with shells, plain programs and full-screen actors, recorded with what is true: `python -m support.plays [NAME...]`.

The programs tell the truth themselves, by the file that `STAGE_TRUTH` names: a shell before each prompt, a script before it asks.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.replay import DATA
from support.stage import Stage, staged

READ_SECONDS = 4.5  # longer than the 3 s for which idleness is not believed
BASH = ("bash", "--norc", "--noprofile", "-i")
TELL = 'tell() { echo "$*" > "$STAGE_TRUTH"; }\n'
ACTOR = Path(__file__).with_name("actor.py")

SUDO = """
tell WAITING LOGIN; read -r -s -p "[sudo] password for dev: "; echo; tell WORKING tool
sleep 3; echo "apt: 3 packages upgraded"
"""
YES_NO = """
tell WORKING tool; echo "The following NEW packages will be installed:"; echo "  tmux"; sleep 1
tell WAITING ANSWER; read -r -p "Do you want to continue? [Y/n] "; tell WORKING tool; sleep 2; echo done
"""
NAMES = """
tell WORKING tool; sleep 1; tell WAITING INPUT; read -r -p "Name of the release: " name; tell WORKING tool; sleep 1; echo "$name"
"""
BUILD = """
tell WORKING tool
for n in 1 2 3 4 5 6; do echo "[$n/9] CC src/part$n.c"; sleep 0.4; done
echo "[7/9] LINK program"; sleep 5
for n in 8 9; do echo "[$n/9] TEST part$n"; sleep 0.3; done; echo "ok"
"""
PROGRESS = """
tell WORKING tool
for n in $(seq 0 2 100); do
  printf '\\rdownloading %3d%% [%-50s]' "$n" "$(printf '#%.0s' $(seq 0 $((n / 2))))"; sleep 0.08
done; echo
"""
PAGED = "tell WAITING INPUT\nseq 1 500 | LESS= less\n"
PYTHON = """
import getpass, os, time
def tell(words): open(os.environ["STAGE_TRUTH"], "w").write(words + "\\n")
tell("WORKING tool"); print("connecting"); time.sleep(1)
tell("WAITING LOGIN"); getpass.getpass("Passphrase for key 'id_ed25519': ")
tell("WORKING tool"); time.sleep(1.5)
tell("WAITING INPUT"); input("Press Enter to continue...")
tell("WORKING tool"); time.sleep(1); print("bye")
"""


@dataclass(frozen=True)
class Play:
    """What is played, and by which program; `scripts` lie in its directory."""

    title: str
    drive: Callable[[Stage], None]
    argv: Sequence[str] = BASH
    env: tuple[tuple[str, str], ...] = (("PROMPT_COMMAND", 'echo IDLE > "$STAGE_TRUTH"'), ("PS1", r"dev@box:\W\$ "))


def command(stage: Stage, line: str, prompts: int) -> None:
    """A command of the shell, until its `prompts`th prompt."""
    stage.type(line, submit=False)
    stage.is_true("WORKING", tool=True)
    stage.press("Enter")
    stage.until_told("IDLE", prompts)
    stage.pause(READ_SECONDS)


def commands(*lines: str) -> Callable[[Stage], None]:
    """Some commands of a shell, one after the other."""

    def drive(stage: Stage) -> None:
        stage.until_told("IDLE")
        stage.pause(READ_SECONDS)
        for prompts, line in enumerate(lines, 2):
            command(stage, line, prompts)

    return drive


def script(line: str, *answers: str, key: str = "") -> Callable[[Stage], None]:
    """A command that asks, and is answered each time after a while."""

    def drive(stage: Stage) -> None:
        stage.until_told("IDLE")
        stage.pause(READ_SECONDS)
        stage.type(line, submit=False)
        stage.is_true("WORKING", tool=True)
        stage.press("Enter")
        for count, answer in enumerate(answers, 1):
            stage.until_told("WAITING", count)
            stage.pause(2.0)
            stage.type(answer, submit=False)
            stage.is_true("WORKING", tool=True)
            stage.press("Enter")
        if key:
            stage.until_told("WAITING")
            stage.pause(2.0)
            stage.is_true("WORKING", tool=True)
            stage.press(key)
        stage.until_told("IDLE", 2)
        stage.pause(READ_SECONDS)

    return drive


def dash(stage: Stage) -> None:
    """A shell that tells nothing: its prompt is seen."""
    stage.until_seen("$")
    stage.is_true("IDLE")
    stage.pause(READ_SECONDS)
    stage.type("echo begin; sleep 4; echo over; echo IDLE > $STAGE_TRUTH", submit=False)
    stage.is_true("WORKING", tool=True)
    stage.press("Enter")
    stage.until_told("IDLE", 2)
    stage.pause(READ_SECONDS)


def acted(*keys: str, sizes: Sequence[tuple[int, int]] = ()) -> Callable[[Stage], None]:
    """An actor that asks once for each key, told a prompt first."""

    def drive(stage: Stage) -> None:
        stage.until_told("IDLE")
        stage.pause(READ_SECONDS)
        stage.type("please look into it", submit=False)
        stage.is_true("WORKING")
        stage.press("Enter")
        left = [*sizes]
        for count, key in enumerate(keys, 1):
            if left:
                stage.pause(1.0)
                stage.resize(*left.pop())
            stage.until_told("WAITING", count)
            stage.pause(1.0)
            if left:
                stage.resize(*left.pop())
            stage.pause(1.5)
            stage.is_true("WORKING")
            stage.press(key)
        stage.until_told("IDLE", 2)
        stage.pause(READ_SECONDS)

    return drive


def actor(name: str) -> Sequence[str]:
    """The actor under the name of the program that it is like."""
    return ("sh", "-c", f'cp "{ACTOR}" ./{name} && exec "{sys.executable}" -S ./{name} {name}')


PLAYS = {
    "bash-sleep": Play("bash: a command that says nothing for 5 s", commands("sleep 5", "ls /")),
    "bash-quick": Play("bash: quick commands", commands("true", "echo hello", "cd /; pwd")),
    "bash-build": Play("bash: a build with a quiet linker", script("./build.sh")),
    "bash-progress": Play("bash: a progress bar", script("./progress.sh")),
    "bash-sudo": Play("bash: a password, then work", script("./sudo.sh", "secret")),
    "bash-yes-no": Play("bash: yes or no", script("./yes_no.sh", "y")),
    "bash-read": Play("bash: a line is asked for", script("./names.sh", "1.0")),
    "bash-pager": Play("bash: a pager", script("./paged.sh", key="q")),
    "bash-python": Play("bash: a Python program with a passphrase and a pause", script("./program.py", "secret", "")),
    "sh-sleep": Play("sh: a command that sleeps", dash, argv=("sh", "-i"), env=(("PS1", "$ "),)),
    "actor-claude": Play("like Claude Code 2.0: boxes, a spinner, a permission", acted("Enter"), actor("claude"), ()),
    "actor-claude-resized": Play(
        "like Claude Code 2.0: sizes change at work and in a dialog",
        acted("Enter", sizes=((110, 34), (72, 22))),
        actor("claude"),
        (),
    ),
    "actor-codex": Play("like Codex 0.98: no title, a permission", acted("y"), actor("codex"), ()),
    "actor-gemini": Play("like an older Gemini CLI: no title, a permission", acted("Enter"), actor("gemini"), ()),
}
SCRIPTS = {
    "sudo.sh": SUDO,
    "yes_no.sh": YES_NO,
    "names.sh": NAMES,
    "build.sh": BUILD,
    "progress.sh": PROGRESS,
    "paged.sh": PAGED,
}


def record(name: str, folder: Path) -> None:
    """Plays one, and writes its recording into the folder."""
    play = PLAYS[name]
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "project"
        home.mkdir()
        programs = {name: f"#!/bin/bash\n{TELL}{text}" for name, text in SCRIPTS.items()}
        for file, text in {**programs, "program.py": f"#!{sys.executable}{PYTHON}"}.items():
            (home / file).write_text(text)
            (home / file).chmod(0o700)
        with staged(play.argv, Path(scratch), env=dict(play.env), cwd=home) as stage:
            stage.is_true("STARTING")
            play.drive(stage)
            stage.save(folder / name, {"title": play.title})


if __name__ == "__main__":
    for wanted in sys.argv[1:] or PLAYS:
        record(wanted, DATA)
