"""What agents say on stderr, beside their stream: the messages that mean an error, or something worth a notice. Pure; a table.

The bytes themselves are `output` all the same. Only whole lines are known: what is cut in two by a pause is output alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sightline.v1.event_pb2 import Error, ErrorOrigin, Event, Notice

MAX_LOOKED_AT = 64 * 1024  # bytes of one piece: who floods says nothing that is known
MAX_LINE = 2000  # bytes of a line that is told
MAX_TOLD = 20  # messages of one piece

PROGRAM = ErrorOrigin.ERROR_ORIGIN_PROGRAM
UPSTREAM = ErrorOrigin.ERROR_ORIGIN_UPSTREAM
CALLER = ErrorOrigin.ERROR_ORIGIN_CALLER


@dataclass(frozen=True)
class Message:
    """A known one.

    Attributes:
        code: stable, for programs.
        pattern: what the line holds.
        origin: whose fault an error is; None: it is a notice.
    """

    code: str
    pattern: re.Pattern[bytes]
    origin: ErrorOrigin.ValueType | None = None


def _known(code: str, pattern: bytes, origin: ErrorOrigin.ValueType | None = None) -> Message:
    return Message(code, re.compile(pattern), origin)


CLAUDE = (
    _known("STDIN_SILENT", rb"no stdin data received in \d+s"),
    _known("BAD_FLAGS", rb"^Error: When using --print|^error: unknown option", CALLER),
    _known("INPUT_MISSING", rb"^Error: Input must be provided", CALLER),
    _known("LOGIN_NEEDED", rb"Invalid API key|Please run /login|OAuth token has expired", CALLER),
)
CODEX = (
    _known("STDIN_READ", rb"^Reading (additional input|prompt) from stdin"),
    _known("TOOL_REFUSED", rb"ERROR codex_core::tools::router: error=", PROGRAM),
    _known("UNTRUSTED_DIRECTORY", rb"^Not inside a trusted directory", CALLER),
    _known("LOGIN_NEEDED", rb"Not logged in|401 Unauthorized|Missing environment variable", CALLER),
    _known("BAD_FLAGS", rb"^error: (unexpected argument|invalid value|the argument)", CALLER),
    _known("PANIC", rb"^thread '.*' panicked at|^thread '.*' \(\d+\) panicked at", PROGRAM),
    _known("AGENT_ERROR", rb"^\S+Z +ERROR ", PROGRAM),
    _known("AGENT_WARNING", rb"^\S+Z +WARN |^WARNING: "),
)
GEMINI = (
    _known("TOOL_FAILED", rb"^Error executing tool ", PROGRAM),
    _known("RETRYING", rb"^Attempt \d+ failed", UPSTREAM),
    _known("API_ERROR", rb"^Error when talking to Gemini API", UPSTREAM),
    _known("LOGIN_NEEDED", rb"^Please set an Auth method|GEMINI_API_KEY environment variable not found", CALLER),
    _known("UNTRUSTED_DIRECTORY", rb"is not running in a trusted directory|untrusted folder", CALLER),
    _known("EVERYTHING_ALLOWED", rb"^YOLO mode is enabled|^Warning: running headless with --yolo"),
    _known("SLOWER_SEARCH", rb"^Ripgrep (is )?not available"),
    _known("CANCELLED", rb"^Operation cancelled\.?$"),
)
OPENCODE = (
    _known("PERMISSION_REFUSED", rb"permission requested: .*auto-rejecting", PROGRAM),
    _known("MODEL_UNKNOWN", rb"ProviderModelNotFoundError|Model not found", CALLER),
    _known("AGENT_ERROR", rb"^(\x1b\[[0-9;]*m)*Error: ", PROGRAM),
)
CURSOR = (
    _known("LOGIN_NEEDED", rb"Authentication required|Not logged in|cursor-agent login", CALLER),
    _known("AGENT_ERROR", rb"^(\x1b\[[0-9;]*m)*(Error|S): ", PROGRAM),
)
OTHERS = (_known("AGENT_ERROR", rb"^(\x1b\[[0-9;]*m)*[Ee]rror: ", PROGRAM),)

KNOWN: Mapping[str, Sequence[Message]] = {
    "claude": CLAUDE,
    "codex": CODEX,
    "gemini": GEMINI,
    "qwen": GEMINI,
    "opencode": OPENCODE,
    "cursor": CURSOR,
    "amp": OTHERS,
    "goose": OTHERS,
}
"""By family; the first that fits is it."""

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def messages(family: str, data: bytes) -> list[Event]:
    """What is known of these bytes, as events."""
    known = KNOWN.get(family, ())
    if not known or len(data) > MAX_LOOKED_AT:
        return []
    found = []
    for line in data.split(b"\n"):
        message = next((one for one in known if one.pattern.search(line)), None)
        if message is not None:
            found.append(_event(family, message, line))
    return found[:MAX_TOLD]


def _event(family: str, message: Message, line: bytes) -> Event:
    text = plain(line[:MAX_LINE])
    if message.origin is None:
        return Event(source=family, notice=Notice(code=message.code.lower(), text=text))
    return Event(source=family, error=Error(code=message.code, message=text, origin=message.origin))


def plain(line: bytes) -> str:
    """A line as text without what steers a terminal."""
    text = _ESCAPES.sub("", line.decode("utf-8", "replace"))
    return "".join(char for char in text if char.isprintable() or char == "\t").strip()


def last_words(data: bytes) -> str:
    """The last line that says something, for people; empty: none does."""
    lines = [plain(line) for line in data[-MAX_LINE:].split(b"\n")]
    return next((line for line in reversed(lines) if line), "")
