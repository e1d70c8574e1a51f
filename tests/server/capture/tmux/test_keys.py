"""Named keys: the bytes are those that tmux itself sends for them."""

from __future__ import annotations

import pytest
from server.capture.tmux.rooms import room, until
from sightline_server.capture.tmux.keys import key_bytes
from sightline_server.errors import UnknownKey

NAMES = [
    *("Enter", "Tab", "BTab", "Escape", "Space", "BSpace", "Up", "Down", "Left", "Right", "Home", "End", "IC", "DC"),
    *("PPage", "NPage", "PageUp", "PageDown", "PgUp", "PgDn", *(f"F{number}" for number in range(1, 13))),
    *("C-a", "C-c", "C-z", "C-Space", "C-@", "C-[", "C-]", "C-_", "M-x", "M-X", "M-Enter", "C-M-c", "M-C-c"),
    *("S-Up", "C-Left", "M-Right", "C-S-Down", "S-F5", "C-F1", "M-Home", "S-End", "C-PPage", "S-DC", "x", "é"),
]


@pytest.mark.parametrize("application_cursor", [False, True])
async def test_keys_are_what_tmux_sends(application_cursor: bool) -> None:
    async with room() as here:
        said = here.home / "said"
        mode = "\\033[?1h" if application_cursor else ""
        pane = here.pane("sh", "-c", f"stty raw -echo; printf '{mode}ready'; exec cat >{said}").pane_id
        await until(lambda: "ready" in here.user("capture-pane", "-p", "-t", pane))
        expected = b""
        for name in NAMES:
            expected += key_bytes(name, application_cursor=application_cursor) + b"|"
            here.user("send-keys", "-t", pane, name, ";", "send-keys", "-t", pane, "-l", "|")
        await until(lambda: said.stat().st_size >= len(expected))
        got = said.read_bytes()
        assert dict(zip(NAMES, got.split(b"|"), strict=False)) == dict(zip(NAMES, expected.split(b"|"), strict=False))
        assert got == expected


@pytest.mark.parametrize("name", ["", "Nope", "enter", "C-", "C-Enter", "C-é", "F13", "F0", "S-x", "C-C-c", "X-a", "ab", "\x1b"])
def test_what_is_no_key_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnknownKey) as refused:
        key_bytes(name)
    assert refused.value.variables["key"] == name


@pytest.mark.parametrize(
    ("alias", "name"), [("Insert", "IC"), ("Delete", "DC"), ("S-Tab", "BTab"), ("Esc", "Escape"), ("Return", "Enter")]
)
def test_a_key_may_have_two_names(alias: str, name: str) -> None:
    assert key_bytes(alias) == key_bytes(name)
