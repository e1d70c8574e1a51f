"""What runs on a host, and how words are written for its shell.

Knows the files in `sh/` and the syntax of sh, nothing of connections. What may be a secret is only ever written into a script that
goes over a shell's stdin: never into an argv, which everybody on the host can read.
"""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from sightline_server.errors import BadField

SEGMENT_BYTES = 16 * 1024 * 1024  # in `sh/spool.sh` too
PANE_SEGMENTS = 128  # of a pane, unread: 2 GiB, half a minute of the fastest flood that tmux manages; then bytes are lost
OF_THE_PANE = frozenset({"TERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "TMUX", "TMUX_PANE"})
OF_THE_SHELL = frozenset({"UID", "EUID", "PPID", "SHELLOPTS", "BASHOPTS", "BASH_VERSINFO", "IFS", "PWD", "OLDPWD"})

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

TMUX_CONFIG = """\
# Written by Sightline.
set -s escape-time 0
set -s exit-empty on
set -s set-clipboard off
set -g history-limit 2000
set -g status off
set -g set-titles off
set -g update-environment ''
set -g detach-on-destroy off
set -g destroy-unattached off
set -g allow-rename off
set -g automatic-rename off
set -gq allow-passthrough off
set -g remain-on-exit off
"""


@functools.cache
def script(name: str) -> str:
    """A file of `sh/`."""
    return (Path(__file__).parent / "sh" / name).read_text(encoding="utf-8")


def quote(word: str) -> str:
    """A word as sh takes it. Raises `BadField` for a NUL, which no program could get."""
    if "\0" in word:
        raise BadField(field="command", problem="a zero byte ends a word for every program: it cannot be given")
    return shlex.quote(word)


def line(*words: str) -> str:
    """A command of these words."""
    return " ".join(map(quote, words))


def put(path: str, text: str) -> str:
    """Writes a file that only its owner can read."""
    return f"printf %s {quote(text)} >{quote(path)}"


def octal(data: bytes) -> str:
    """Bytes for `printf`, which gives exactly these."""
    plain = {byte: chr(byte) for byte in range(32, 127) if chr(byte) not in "%-\\'"}
    return "'" + "".join(plain.get(byte) or f"\\{byte:03o}" for byte in data) + "'"


def spec(argv: Sequence[str], env: Mapping[str, str], cwd: str, path: str) -> str:
    """The script that `sh/program.sh` takes a program from; it removes itself. Raises `BadField`."""
    lines = [f"rm -f -- {quote(path)}"]
    for name, value in env.items():
        if name in OF_THE_PANE or name in OF_THE_SHELL:
            continue
        if not _VARIABLE.fullmatch(name):
            raise BadField(field="env", problem=f"{name[:64]!r} is no name that a shell on another host could set")
        lines.append(f"export {name}={quote(value)}")
    lines.append(f"cd -- {quote(cwd)} || sl_failed cwd" if cwd else "cd || sl_failed cwd")
    lines.append(f"set -- {line(*argv)}")
    return "\n".join(lines) + "\n"


def marker(session_id: str) -> bytes:
    """What stands behind the last byte of a spool: a terminal's command of an unused number, as `sh/spool.sh` writes it."""
    return b"\x1b]5379;" + session_id.encode() + b"\x07"
