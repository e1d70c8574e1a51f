"""What a screen session's log was set to before we came. screen does not tell, so this is read where the owner wrote it down.

The last `logfile` of the command line, the user's and the system's startup file, else screen's default. What somebody has typed
into the running session (`:logfile ...`) cannot be known. Knows files and /proc.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MAX_FILE = 256 * 1024  # bytes of a startup file that are looked at


@dataclass(frozen=True)
class LogSettings:
    """A session's settings for all of its logs.

    Attributes:
        name: of the files, as screen takes it: `%n` is the window's number.
        flush: seconds until what was written is in the file.
    """

    name: str = "screenlog.%n"
    flush: int = 10

    def path(self, pid: int, window: int) -> Path | None:
        """The file of a window's log; None: its name holds more than the window's number, or the directory cannot be seen."""
        plain = self.name.replace("%n", str(window))
        with suppress(OSError):
            return None if "%" in plain or "^" in plain else Path(os.readlink(f"/proc/{pid}/cwd"), plain)
        return None


def log_settings(pid: int, environ: Mapping[str, str]) -> LogSettings:
    """The settings that a screen process began with. `environ` stands for its own where that cannot be read."""
    words = _words(pid)
    own = _environ(pid) or environ
    home = own.get("HOME", "")
    user_file = _after(words, "-c") or own.get("SCREENRC") or (f"{home}/.screenrc" if home else "")
    found = LogSettings()
    for path in (own.get("SYSSCREENRC") or "/etc/screenrc", user_file):
        for line in _lines(path):
            if line[0] == "logfile" and len(line) == 2:
                found = LogSettings(_expanded(line[1], own), found.flush)
            elif line[:2] == ["logfile", "flush"] and len(line) == 3 and line[2].isdigit():
                found = LogSettings(found.name, int(line[2]))
    return LogSettings(_after(words, "-Logfile") or found.name, found.flush)


def _lines(path: str) -> Iterator[list[str]]:
    with suppress(OSError):
        with Path(path).open("rb") as file:
            text = os.fsdecode(file.read(MAX_FILE))
        for line in text.splitlines():
            with suppress(ValueError):  # a quote without its end
                words = shlex.split(line, comments=True)
                if words:
                    yield words


def _expanded(name: str, environ: Mapping[str, str]) -> str:
    """With the home that screen puts in for `~/` and `$HOME`."""
    home = environ.get("HOME", "~")
    name = name.replace("${HOME}", home).replace("$HOME", home)
    return f"{home}{name[1:]}" if name.startswith("~/") else name


def _after(words: list[str], option: str) -> str:
    """The word behind an option, or glued to it; empty: it was not given. What comes behind the program's name is not screen's."""
    options = iter(words)
    for word in options:
        if not word.startswith("-"):
            return ""
        if word == option:
            return next(options, "")
        if word in ("-S", "-c", "-e", "-h", "-p", "-s", "-t", "-T", "-Logfile") or (word[-1] == "S" and word[1:2] in "dDm"):
            next(options, "")
    return ""


def _words(pid: int) -> list[str]:
    with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return [os.fsdecode(word) for word in file.read().split(b"\0")[1:]]
    return []


def _environ(pid: int) -> dict[str, str]:
    with suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
        lines = (line.partition(b"=") for line in file.read().split(b"\0"))
        return {os.fsdecode(name): os.fsdecode(value) for name, _, value in lines if name}
    return {}
