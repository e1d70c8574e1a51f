"""Who may come in, by the names in the headers."""

from __future__ import annotations

import pytest
from sightline_bridge.doors import Doors, is_loopback
from sightline_bridge.errors import BadHost, BadOrigin

PAGE = "https://example.org:8443"
DOORS = Doors([("127.0.0.1", 7412)], [PAGE])


@pytest.mark.parametrize("host", ["127.0.0.1:7412", "localhost:7412", "LOCALHOST:7412", "[::1]:7412"])
def test_the_bridge_may_be_called_by_its_own_names(host: str) -> None:
    DOORS.check(host, None)
    DOORS.check(host, f"http://{host.lower()}")


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example:7412",
        "127.0.0.1",
        "127.0.0.1:7413",
        "127.0.0.1:7412.evil.example",
        "127.0.0.1.evil.example:7412",
        "localhost.:7412",
        "127.1:7412",
        "2130706433:7412",
        "127.0.0.1:7412, evil.example",
        "example.org:8443",
        "user@127.0.0.1:7412",
    ],
)
def test_no_other_name_leads_in(host: str | None) -> None:
    with pytest.raises(BadHost):
        DOORS.check(host, None)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://evil.example",
        "https://127.0.0.1:7412",
        "http://127.0.0.1:7413",
        "http://127.0.0.1",
        "http://127.0.0.1:7412/",
        "HTTP://127.0.0.1:7412",
        "https://example.org",
        "http://example.org:8443",
        "https://example.org:8443/",
        "https://example.org:8443.evil.example",
        "https://EXAMPLE.org:8443",
        "http://127.0.0.1:7412, http://evil.example",
    ],
)
def test_no_other_page_may_come_in(origin: str) -> None:
    with pytest.raises(BadOrigin):
        DOORS.check("127.0.0.1:7412", origin)


def test_a_page_that_was_named_may_come_in_and_its_browser_is_told() -> None:
    DOORS.check("localhost:7412", PAGE)
    assert DOORS.is_named(PAGE)
    assert not DOORS.is_named("http://127.0.0.1:7412")


def test_browsers_leave_the_port_out_where_it_is_80() -> None:
    doors = Doors([("127.0.0.1", 80)])
    doors.check("localhost", "http://localhost")
    with pytest.raises(BadHost):
        Doors([("127.0.0.1", 8080)]).check("localhost", None)


def test_a_forwarded_port_of_this_machine_may_be_named() -> None:
    doors = Doors([("127.0.0.1", 7412)], ["http://localhost:9000", PAGE])
    doors.check("localhost:9000", "http://localhost:9000")
    with pytest.raises(BadHost):
        doors.check("example.org:8443", PAGE)  # another site's name: whoever has its DNS could point it here


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("[::1]", True), ("localhost", True), ("0.0.0.0", False), ("", False)]
    + [(host, False) for host in ("[::]", "10.0.0.1", "localhost.evil.example", "[::ffff:127.0.0.1]", "example.org")],
)
def test_loopback_is_this_machine_and_nobody_else(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
