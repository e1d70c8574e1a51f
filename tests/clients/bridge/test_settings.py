"""What the bridge is told, and what it refuses to be told."""

from __future__ import annotations

from pathlib import Path

import pytest
from sightline_bridge.errors import TokenUnusable
from sightline_bridge.settings import load


def told(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"SIGHTLINE_HOME": str(tmp_path), **more}


def test_it_listens_on_loopback_at_7412_by_default(tmp_path: Path) -> None:
    settings = load(told(tmp_path))
    assert settings.addresses == (("127.0.0.1", 7412),)
    assert settings.target.shown == f"unix:{tmp_path}/sightline.sock"
    assert not settings.open_dialects


def test_flags_come_before_the_environment_and_both_may_name_several(tmp_path: Path) -> None:
    environ = told(tmp_path, SIGHTLINE_WEB_ADDRESS="127.0.0.1:1, [::1]:2")
    assert load(environ).addresses == (("127.0.0.1", 1), ("[::1]", 2))
    assert load(environ, addresses=["localhost:32205", "127.0.0.2:0"]).addresses == (("localhost", 32205), ("127.0.0.2", 0))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "7412",
        ":7412",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:65536",
        "127.0.0.1:²",
        "127.0.0.1:-1",
        "::1:7412",
        "127.0.0.1:1,",
    ],
)
def test_what_is_no_address_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        load(told(tmp_path), addresses=[address])


@pytest.mark.parametrize("address", ["0.0.0.0:7412", "[::]:7412", "10.0.0.1:7412", "example.org:7412", "localhost.evil.example:1"])
def test_it_does_not_listen_where_other_machines_reach_it(tmp_path: Path, address: str) -> None:
    with pytest.raises(ValueError, match="ssh -L"):
        load(told(tmp_path), addresses=[address])


@pytest.mark.parametrize("origin", ["http://a", "https://example.org:8443", "http://[::1]:9000"])
def test_an_origin_is_taken_as_browsers_write_it(tmp_path: Path, origin: str) -> None:
    assert load(told(tmp_path), origins=[origin]).origins == (origin,)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "*",
        "null",
        "example.org",
        "http://",
        "http://a/",
        "http://a/path",
        "http://a?b",
        "http://A",
        "HTTP://a",
        "http://a:80",
        "https://a:443",
        "http://a:999999",
        "http://a:080",
        "http://user@a",
        "ftp://a",
        "file://",
        "http://a b",
        "http://a\n",
    ],
)
def test_an_origin_that_no_browser_writes_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        load(told(tmp_path), origins=[origin])


def test_the_token_file_may_be_elsewhere_and_has_to_be_private(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("abc")
    path.chmod(0o600)
    settings = load(told(tmp_path, SIGHTLINE_TOKEN_FILE=str(path)))
    assert settings.token == "abc"
    assert "abc" not in repr(settings)
    path.chmod(0o644)
    with pytest.raises(TokenUnusable):
        load(told(tmp_path, SIGHTLINE_TOKEN_FILE=str(path)))
