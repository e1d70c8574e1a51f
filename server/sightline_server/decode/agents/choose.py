"""Which decoder reads a stream or a transcript: by a hint, by the program's name, else by the first objects."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sightline_server.decode.agents.blocks import Blocks
from sightline_server.decode.agents.claude import Claude
from sightline_server.decode.agents.claude_hooks import ClaudeHooks
from sightline_server.decode.agents.claude_likes import Amp, Qwen
from sightline_server.decode.agents.claude_transcript import ClaudeTranscript
from sightline_server.decode.agents.codex import Codex
from sightline_server.decode.agents.codex_rollout import CodexRollout
from sightline_server.decode.agents.cursor import Cursor
from sightline_server.decode.agents.decoder import Decoder
from sightline_server.decode.agents.gemini import Gemini
from sightline_server.decode.agents.gemini_chat import GeminiChat
from sightline_server.decode.agents.goose import Goose
from sightline_server.decode.agents.json_lines import Lines, objects
from sightline_server.decode.agents.opencode import Opencode
from sightline_server.decode.agents.opencode_server import OpencodeServer
from sightline_server.decode.agents.qwen_chat import QwenChat

SNIFFED = 256 * 1024  # bytes at the beginning of a stream that are looked at
IMITATED = "claude"  # many write as it does: whoever begins like it and is nobody that is known is read as it
FALLBACK = "blocks"  # it claims nothing that it cannot read

STREAMS: Mapping[str, type[Decoder]] = {
    "qwen": Qwen,
    "amp": Amp,
    "claude": Claude,
    "codex": Codex,
    "cursor": Cursor,
    "goose": Goose,
    "gemini": Gemini,
    "opencode": Opencode,
    "blocks": Blocks,
}
"""What agents print, by family. The order is that of the asking: the most particular first."""

TRANSCRIPTS: Mapping[str, type[Decoder]] = {
    "claude": ClaudeTranscript,
    "codex": CodexRollout,
    "gemini": GeminiChat,
    "qwen": QwenChat,
    "opencode": OpencodeServer,
}
"""What agents write to disk, by family."""

HOOKS: Mapping[str, type[Decoder]] = {"claude": ClaudeHooks}
"""What agents give to the commands they call at certain moments, by family: one payload a line."""

PROGRAMS: Mapping[str, str] = {
    "claude-code": "claude",
    "cursor-agent": "cursor",
    "qwen-code": "qwen",
}
"""Families by the names of their programs, where those differ."""


def family_of(argv: Sequence[str]) -> str:
    """The family that a command line means, by its program's name; empty: none that is known."""
    name = os.path.basename(argv[0]) if argv else ""
    name = name.removesuffix(".js").removesuffix(".exe")
    family = PROGRAMS.get(name, name)
    return family if family in STREAMS else ""


def names() -> list[str]:
    """The families that something is known to be written by."""
    return sorted({*STREAMS, *TRANSCRIPTS, *HOOKS})


def by_name(name: str) -> type[Decoder] | None:
    """What reads the family that a hint names, its stream rather than its files; None: no such family."""
    family = PROGRAMS.get(name, name)
    return STREAMS.get(family) or TRANSCRIPTS.get(family) or HOOKS.get(family)


def reader(beginning: bytes, hint: str = "") -> type[Decoder] | None:
    """What reads a file or a stream that begins so: streams, files and hooks are all asked; with a hint those of that family.

    None: none says so, or none says so yet.
    """
    family = PROGRAMS.get(hint, hint)
    asked = [decoder for table in (STREAMS, TRANSCRIPTS, HOOKS) for name, decoder in table.items() if family in {"", name}]
    for one in _first(beginning):
        for decoder in asked:
            if decoder.claims(one):
                return decoder
        if family in {"", IMITATED} and _begins_like_the_imitated(one):
            return STREAMS[IMITATED]
    return None


def sniff(beginning: bytes, families: Mapping[str, type[Decoder]] = STREAMS) -> str:
    """The family whose first objects these are; empty: none says so."""
    for one in _first(beginning):
        for family, decoder in families.items():
            if decoder.claims(one):
                return family
        if families is STREAMS and _begins_like_the_imitated(one):
            return IMITATED
    return ""


def _begins_like_the_imitated(one: dict[str, Any]) -> bool:
    return one.get("type") == "system" and one.get("subtype") == "init"


def _first(beginning: bytes) -> Iterator[dict[str, Any]]:
    lines = Lines()
    for line in [*lines.feed(beginning[:SNIFFED]), lines.rest()]:
        yield from objects(line) or ()
