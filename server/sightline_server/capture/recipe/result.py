"""What steps leave behind by name: the `key=value` lines of the file in `$SIGHTLINE_RESULT`. Pure: bytes to labels."""

from __future__ import annotations

import re

MAX_BYTES = 64 * 1024  # of the file: what lies behind is not looked at
MAX_VALUE = 4096  # bytes of one value
MAX_KEYS = 100
KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


def parse(data: bytes, *, whole: bool = True) -> tuple[dict[str, str], list[str]]:
    """The labels, and why lines were left out, a text for each such line. A later line of a key beats an earlier one.

    Lines end with LF or CRLF; empty ones are nothing. Of `data`, the first `MAX_BYTES` count. `whole`: the writers came to their
    end, so that a last line without a line end is one; False: it may be torn, and is left out.
    """
    labels: dict[str, str] = {}
    skipped: list[str] = []
    if len(data) > MAX_BYTES:
        skipped.append(f"what is behind the first {MAX_BYTES} bytes: more is not read")
        data, whole = data[:MAX_BYTES], False
    *lines, last = data.split(b"\n")
    if last:
        if whole:
            lines.append(last)
        else:
            skipped.append(f"line {len(lines) + 1}: it has no end")
    for number, line in enumerate(lines, 1):
        problem = _take(line.removesuffix(b"\r"), labels)
        if problem:
            skipped.append(f"line {number}: {problem}")
    return labels, skipped


def _take(line: bytes, labels: dict[str, str]) -> str:
    """Takes one line; what is wrong with it, empty when nothing is."""
    if not line:
        return ""
    key, equals, value = line.partition(b"=")
    name = key.decode("ascii", "replace")
    problem = ""
    if not equals:
        problem = "it is not of the form key=value"
    elif not KEY.fullmatch(name):
        problem = "its key is not made of 1 to 64 of the characters A-Z a-z 0-9 . _ -"
    elif name not in labels and len(labels) >= MAX_KEYS:
        problem = f"there are over {MAX_KEYS} keys"
    elif len(value) > MAX_VALUE:
        problem = f"the value of {name} is over {MAX_VALUE} bytes"
    elif b"\0" in value or not _is_utf8(value):
        problem = f"the value of {name} is no UTF-8 text, or holds a zero byte"
    else:
        labels[name] = value.decode()
    return problem


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
