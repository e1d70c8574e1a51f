"""A pane's screen: what to ask tmux for, and the answer as a `Snapshot`.

Pure: bytes in, message out. Knows tmux's formats and how a terminal draws, nothing of servers.
"""

from __future__ import annotations

import re

from sightline.v1.session_pb2 import Snapshot

from sightline_server.capture.tmux.control import Command

# Names of modes in a `Snapshot`, tmux's flag, and what puts a terminal into the mode. A flag that this tmux does not know is off.
_MODES = (
    ("application_cursor_keys", "keypad_cursor_flag", b"\x1b[?1h"),
    ("application_keypad", "keypad_flag", b"\x1b="),
    ("bracketed_paste", "bracket_paste_flag", b"\x1b[?2004h"),
    ("mouse_standard", "mouse_standard_flag", b"\x1b[?1000h"),
    ("mouse_button", "mouse_button_flag", b"\x1b[?1002h"),
    ("mouse_all", "mouse_all_flag", b"\x1b[?1003h"),
    ("mouse_sgr", "mouse_sgr_flag", b"\x1b[?1006h"),
    ("insert", "insert_flag", b"\x1b[4h"),
    ("origin", "origin_flag", b"\x1b[?6h"),
)
_NUMBERS = ("pane_width", "pane_height", "cursor_x", "cursor_y", "scroll_region_upper", "scroll_region_lower")
_FLAGS = ("cursor_flag", "wrap_flag", "alternate_on", *(flag for _, flag, _ in _MODES))
_FORMAT = " ".join(f"#{{{name}}}" for name in _NUMBERS) + "|" + ",".join(f"#{{{name}}}" for name in _FLAGS) + "|#{pane_title}"

_CODES = re.compile(rb"\x1b\[[0-9;:]*m|\x1b\][^\x07\x1b]*(?:\x1b\\|\x07)")
_LINES = re.compile(rb"\x0e([^\x0f]*)\x0f?")  # between these two, letters are drawings
_DRAWINGS = dict(zip(b"`afgijklmnopqrstuvwxyz{|}~+,-.0", "◆▒°±☃┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·→←↑↓█", strict=True))


def questions(pane: str) -> tuple[Command, Command]:
    """The commands whose replies `snapshot` takes; to be sent at once, so that nothing is drawn between them."""
    return ["display-message", "-p", "-t", pane, _FORMAT], ["capture-pane", "-p", "-e", "-N", "-t", pane]


def snapshot(facts: bytes, rows: tuple[bytes, ...]) -> Snapshot:
    """The screen from the replies to `questions`; `exact` is left to who knows what was logged."""
    numbers, flags, title = facts.split(b"|", 2)
    width, height, x, y, upper, lower = map(int, numbers.split())
    on = {name: value not in (b"", b"0") for name, value in zip(_FLAGS, flags.split(b","), strict=True)}
    screen = Snapshot(columns=width, rows=height, cursor_column=min(x, width - 1), cursor_row=y)
    screen.cursor_visible = on["cursor_flag"]
    screen.modes.extend(["alternate_screen"] if on["alternate_on"] else [])
    screen.modes.extend(name for name, flag, _ in _MODES if on[flag])
    screen.modes.extend([] if on["wrap_flag"] else ["no_wrap"])
    screen.title = title.decode("utf-8", "replace")
    screen.text.extend(plain(rows))
    parts = [b"\x1b[?1049h" if on["alternate_on"] else b"", b"\x1b[0m\x1b)0\x1b[H\x1b[2J", b"\r\n".join(rows), b"\x0f\x1b[0m"]
    if (upper, lower) != (0, height - 1):
        parts.append(b"\x1b[%d;%dr" % (upper + 1, lower + 1))
    parts += [draw for _, flag, draw in _MODES if on[flag]]
    parts.append(b"" if on["wrap_flag"] else b"\x1b[?7l")
    row = y - upper if on["origin_flag"] else y
    parts.append(b"\x1b[%d;%dH" % (max(0, row) + 1, screen.cursor_column + 1))
    parts.append(b"" if on["cursor_flag"] else b"\x1b[?25l")
    screen.ansi = b"".join(parts)
    return screen


def plain(rows: tuple[bytes, ...]) -> list[str]:
    """Captured rows as text, without codes and trailing blanks."""
    drawn = _LINES.sub(_draw, _CODES.sub(b"", b"\n".join(rows)))
    return [row.decode("utf-8", "replace").rstrip(" ") for row in drawn.split(b"\n")]


def _draw(match: re.Match[bytes]) -> bytes:
    return "".join(_DRAWINGS.get(code, chr(code)) for code in match[1]).encode()
