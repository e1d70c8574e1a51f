"""Which decoder reads a stream or a transcript: by a hint, by the program's name, else by the first objects."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from sightline_server.decode.agents.blocks import Blocks
from sightline_server.decode.agents.claude import Claude
from sightline_server.decode.agents.claude_likes import Amp, Qwen
from sightline_server.decode.agents.codex import Codex
from sightline_server.decode.agents.codex_rollout import CodexRollout
from sightline_server.decode.agents.cursor import Cursor
from sightline_server.decode.agents.decoder import Decoder
from sightline_server.decode.agents.gemini import Gemini
from sightline_server.decode.agents.gemini_chat import GeminiChat
from sightline_server.decode.agents.goose import Goose
from sightline_server.decode.agents.json_lines import Lines, objects
from sightline_server.decode.agents.opencode import Opencode
from sightline_server.decode.agents.qwen_chat import QwenChat

SNIFFED = 64 * 1024  # bytes at the beginning of a stream that are looked at
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
    "codex": CodexRollout,
    "gemini": GeminiChat,
    "qwen": QwenChat,
}
"""What agents write to disk, by family."""

HOOKS: Mapping[str, type[Decoder]] = {}
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


def sniff(beginning: bytes, families: Mapping[str, type[Decoder]] = STREAMS) -> str:
    """The family whose first objects these are; empty: none says so."""
    lines = Lines()
    for line in [*lines.feed(beginning[:SNIFFED]), lines.rest()]:
        for one in objects(line) or ():
            for family, decoder in families.items():
                if decoder.claims(one):
                    return family
    return ""
