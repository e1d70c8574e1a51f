"""What a session may be called. Pure."""

from __future__ import annotations

import re

LONGEST = 64  # characters
NAME = re.compile(rf"[A-Za-z0-9._-]{{1,{LONGEST}}}")


def is_name(text: str) -> bool:
    """Whether a session may be called so."""
    return NAME.fullmatch(text) is not None


def fitting(text: str) -> str:
    """The nearest name to some words: `feature/login` is `feature-login`; empty: there is none."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:LONGEST].strip("-")
