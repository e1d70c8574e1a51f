"""Named keys and the bytes that a terminal sends for them, those of tmux's own table.

Bytes rather than tmux's `send-keys NAME`, because that would be taken by copy mode when the pane's owner is reading back.
"""

from __future__ import annotations

from sightline_server.errors import UnknownKey

_PLAIN = {
    "Enter": b"\r",
    "Tab": b"\t",
    "BTab": b"\x1b[Z",
    "Escape": b"\x1b",
    "Space": b" ",
    "BSpace": b"\x7f",
}
_CURSOR = {"Up": b"A", "Down": b"B", "Right": b"C", "Left": b"D"}
_NUMBERED = {
    "Home": 1,
    "Insert": 2,
    "Delete": 3,
    "End": 4,
    "PageUp": 5,
    "PageDown": 6,
    **{f"F{key}": number for key, number in zip(range(5, 13), (15, 17, 18, 19, 20, 21, 23, 24), strict=True)},
}
_FUNCTION = {"F1": b"P", "F2": b"Q", "F3": b"R", "F4": b"S"}
_LETTERED_WITH_MODIFIER = {**_CURSOR, **_FUNCTION, "Home": b"H", "End": b"F"}
_ALIASES = {
    "PPage": "PageUp",
    "PgUp": "PageUp",
    "NPage": "PageDown",
    "PgDn": "PageDown",
    "IC": "Insert",
    "DC": "Delete",
    "Backspace": "BSpace",
    "Return": "Enter",
    "Esc": "Escape",
    "C-Space": "C-@",
    "S-Tab": "BTab",
}
_MODIFIERS = {"S": 1, "M": 2, "C": 4}  # xterm's weights

END_OF_FILE = b"\x04"
INTERRUPT = b"\x03"


def key_bytes(name: str, *, application_cursor: bool = False) -> bytes:
    """What a terminal sends for a key: `Enter`, `Up`, `F5`, `C-c`, `M-x`, `S-Left`, or one character.

    `application_cursor`: the program has asked for the other form of the arrow keys. Raises `UnknownKey`.
    """
    modifiers, key = _split(name)
    plain = _without_modifiers(key, application_cursor)
    if not modifiers:
        if plain is None:
            raise UnknownKey(key=name)
        return plain
    special = _with_modifiers(key, modifiers)
    if special is not None:
        return special
    if "S" in modifiers or plain is None:
        raise UnknownKey(key=name)
    if "C" in modifiers:
        plain = _control(key)
        if plain is None:
            raise UnknownKey(key=name)
    return b"\x1b" + plain if "M" in modifiers else plain


def _split(name: str) -> tuple[str, str]:
    """Modifiers and key."""
    name = _ALIASES.get(name, name)
    modifiers = ""
    while len(name) > 2 and name[1] == "-" and name[0] in _MODIFIERS and name[0] not in modifiers:
        modifiers += name[0]
        name = name[2:]
    return modifiers, _ALIASES.get(name, name)


def _without_modifiers(key: str, application_cursor: bool) -> bytes | None:
    if key in _PLAIN:
        return _PLAIN[key]
    if key in _CURSOR:
        return (b"\x1bO" if application_cursor else b"\x1b[") + _CURSOR[key]
    if key in _NUMBERED:
        return b"\x1b[%d~" % _NUMBERED[key]
    if key in _FUNCTION:
        return b"\x1bO" + _FUNCTION[key]
    if len(key) == 1 and key.isprintable():
        return key.encode("utf-8", "surrogateescape")
    return None


def _with_modifiers(key: str, modifiers: str) -> bytes | None:
    weight = 1 + sum(_MODIFIERS[modifier] for modifier in modifiers)
    if key in _LETTERED_WITH_MODIFIER:
        return b"\x1b[1;%d%s" % (weight, _LETTERED_WITH_MODIFIER[key])
    if key in _NUMBERED:
        return b"\x1b[%d;%d~" % (_NUMBERED[key], weight)
    return None


def _control(key: str) -> bytes | None:
    """The control character of a letter, or of one of its neighbours in the code."""
    if key == "?":
        return b"\x7f"
    code = ord(key.upper()) if len(key) == 1 else 0
    return bytes((code - 64,)) if 64 <= code < 96 else None
