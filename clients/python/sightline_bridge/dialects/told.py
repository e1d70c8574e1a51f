"""What a dialect is told by the environment: a variable, or one that another program has set already. Pure."""

from __future__ import annotations

from collections.abc import Mapping

WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def number(environ: Mapping[str, str], names: tuple[str, ...], default: int, most: int) -> int:
    """A whole number from 0 to `most`, by the first of `names` that is set. Raises ValueError."""
    name, text = _said(environ, names)
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(most)) or int(text) > most:
        raise ValueError(f"{name}={text!r} is no number from 0 to {most}")
    return int(text)


def switch(environ: Mapping[str, str], names: tuple[str, ...], *, default: bool) -> bool:
    """On or off, by the first of `names` that is set. Raises ValueError."""
    name, text = _said(environ, names)
    if text and text.lower() not in WORDS:
        raise ValueError(f"{name}={text!r} is neither true nor false")
    return WORDS[text.lower()] if text else default


def _said(environ: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, str]:
    return next(((name, text) for name in names if (text := environ.get(name, "").strip())), ("", ""))
