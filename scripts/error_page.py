"""Prints docs/errors.md from the server's own tree of errors and its table of status codes. `scripts/generate` calls it."""

from __future__ import annotations

import inspect
import re

from sightline_server.errors import SightlineError, StartupError
from sightline_server.rpc.status import CODES

HEAD = """\
# Errors

Written by `scripts/generate` from `server/sightline_server/errors.py`; never edited by hand.

An error of a call is a `google.rpc.Status` with one `ErrorInfo`: its `reason` is the word below and stable for programs, its
domain is `sightline`, its metadata holds the variables, which stand in `{braces}` here. The message is for people and may change.
"""


def reasons_of(branch: type[SightlineError]) -> list[type[SightlineError]]:
    """The classes below a branch that have a text of their own, and the branch itself if it has one; in the file's order."""
    found = [branch] if branch.text else []
    for child in branch.__subclasses__():
        found += reasons_of(child)
    return sorted(found, key=lambda error: inspect.getsourcelines(error)[1])


def plain(text: str) -> str:
    """A text as a table's cell: `{name!r}` is `{name}` to a reader."""
    return re.sub(r"\{(\w+)![rs]\}", r"{\1}", text).replace("|", "\\|")


def main() -> None:
    """Prints the page."""
    print(HEAD)
    for branch in SightlineError.__subclasses__():
        reasons = reasons_of(branch)
        if not reasons:
            continue
        code = "no call fails with these: the server does not start" if branch is StartupError else f"`{CODES[branch].name}`"
        print(f"## {branch.__name__}: {code}\n\n{(branch.__doc__ or '').strip()}\n\n| reason | text |\n|---|---|")
        for error in reasons:
            print(f"| `{error().reason}` | {plain(error.text)} |")
        print()
    print("Nothing else travels in `sightline`'s domain. `docs/troubleshooting.md` starts from what you see instead.")


if __name__ == "__main__":
    main()
