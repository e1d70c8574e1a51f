"""A full-screen program that behaves like an agent of a version that is not at hand: a prompt, a spinner, a tool, a dialog.

Starts without any imports of ours; its first argument is whom it is like. It says on `STAGE_TRUTH` what it does.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import time
import tty

WORDS = "Looking into it now, with care, and telling what is found on the way to the end of it."
SPINNERS = {"claude": "·✢✳✶✻✽", "codex": "•◦", "gemini": "⠋⠙⠹⠸⠼⠴⠦⠧"}
SAID: list[str] = []


def tell(words: str) -> None:
    """The truth from now on."""
    with open(os.environ["STAGE_TRUTH"], "w") as file:
        file.write(words + "\n")


def boxed(rows: list[str], width: int) -> list[str]:
    """A frame around rows."""
    inner = [f"│ {row[: width - 4]:<{width - 4}} │" for row in rows]
    return ["╭" + "─" * (width - 2) + "╮", *inner, "╰" + "─" * (width - 2) + "╯"]


def prompt(like: str, width: int) -> list[str]:
    """Where it takes a prompt."""
    if like == "claude":
        return [*boxed(["> "], width), "  ? for shortcuts"]
    if like == "codex":
        return ["", "› Ask Codex to do anything", "", "  ? for shortcuts                    100% context left"]
    return [*boxed([" >   Type your message or @path/to/file"], width), "~/proj        no sandbox       gemini-2.5-pro"]


def working(like: str, width: int, seconds: float, frame: int) -> list[str]:
    """While it works."""
    spin = SPINNERS[like][frame % len(SPINNERS[like])]
    if like == "claude":
        return ["", f"{spin} Pondering… ({seconds:.0f}s · ↑ 1.2k tokens · esc to interrupt)", "", *prompt(like, width)]
    if like == "codex":
        return ["", f"• Working ({seconds:.0f}s • esc to interrupt)", *prompt(like, width)]
    return ["", f"{spin} Reading the runes (esc to cancel, {seconds:.0f}s)", "", *prompt(like, width)]


def dialog(like: str, width: int) -> list[str]:
    """When it needs somebody."""
    if like == "claude":
        rows = ["Bash command", "", "  ./checks.sh", "  Run the checks", "", "Do you want to proceed?", "❯ 1. Yes"]
        rows += ["  2. Yes, and don't ask again for ./checks.sh commands in /home/dev/proj", "  3. No, and tell Claude (esc)"]
        return boxed(rows, width)
    if like == "codex":
        rows = ["", "  Would you like to run the following command?", "", "  $ ./checks.sh", "", "› 1. Yes, proceed (y)"]
        return [*rows, "  2. No, and tell Codex what to do differently (esc)", "", "  Press enter to confirm or esc to cancel"]
    rows = ["?  Shell ./checks.sh", "", "Allow execution of: './checks.sh'?", "", "● 1. Yes, allow once", "  2. No (esc)"]
    return [*boxed(rows, width), "", "⠏ Waiting for user confirmation..."]


class Actor:
    """Draws everything anew whenever something changes, as such programs do."""

    def __init__(self, like: str) -> None:
        self.like = like
        self.begun = time.monotonic()
        self.below: list[str] = []
        signal.signal(signal.SIGWINCH, lambda *_: self.draw())

    def draw(self) -> None:
        """A whole frame."""
        size = shutil.get_terminal_size()
        rows = [*SAID, *self.below][-(size.lines - 1) :]
        frame = "\x1b[?2026h\x1b[H" + "".join(f"\x1b[2K{row[: size.columns]}\r\n" for row in rows) + "\x1b[J\x1b[?2026l"
        os.write(1, frame.encode())

    def work(self, seconds: float) -> None:
        """Spins for so long."""
        end = time.monotonic() + seconds
        for frame in range(10**6):
            if time.monotonic() > end:
                return
            self.below = working(self.like, shutil.get_terminal_size().columns, time.monotonic() - self.begun, frame)
            self.draw()
            time.sleep(0.12)

    def show(self, rows: list[str]) -> None:
        """Stands still."""
        self.below = rows
        self.draw()


def wait_for(keys: bytes) -> None:
    """One of these keys; a change of size does not disturb it."""
    while True:
        if select.select([0], [], [], 10)[0] and any(key in keys for key in os.read(0, 1024)):
            return


def main() -> None:
    """One turn with a tool that needs permission."""
    like = sys.argv[1]
    before = termios.tcgetattr(0)
    tty.setraw(0)
    os.write(1, b"\x1b[2J\x1b[?25l")
    actor = Actor(like)
    actor.show(prompt(like, shutil.get_terminal_size().columns))
    tell("IDLE")
    wait_for(b"\r")
    SAID.append("> please look into it")
    actor.begun = time.monotonic()
    actor.work(2.5)
    for end in range(5, len(WORDS) + 5, 5):
        SAID[1:] = ["", WORDS[:end]]
        actor.work(0.1)
    SAID.extend(["", "  ./checks.sh"])
    actor.show(dialog(like, shutil.get_terminal_size().columns))
    tell("WAITING PERMISSION")
    wait_for(b"\ry")
    tell("WORKING tool")
    actor.work(4)
    SAID.append("  ok")
    tell("WORKING")
    actor.work(1)
    SAID.extend(["", "The checks are finished."])
    actor.show(prompt(like, shutil.get_terminal_size().columns))
    tell("IDLE")
    wait_for(b"\x04")
    termios.tcsetattr(0, termios.TCSADRAIN, before)


if __name__ == "__main__":
    main()
