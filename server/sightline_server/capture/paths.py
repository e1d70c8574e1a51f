"""Paths and other words of the system as the contract can carry them: they are bytes there, and text here. Knows nothing else."""

from __future__ import annotations

import os


def utf8(text: str) -> str:
    """The same with bytes that are no UTF-8 replaced: to be shown, not to be opened."""
    return os.fsencode(text).decode("utf-8", "replace")


def is_utf8(text: str) -> bool:
    """Whether it can be said as it is, and so be asked for."""
    return text.isascii() or utf8(text) == text
