"""Where settings come from, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sightline_server.app import limits_of
from sightline_server.errors import BadSetting, StartupError, UnsafeBind
from sightline_server.log.expiry import Limits
from sightline_server.settings import Address, Settings, load


def test_defaults_live_in_the_state_directory(tmp_path: Path) -> None:
    assert load({}, {"HOME": "/home/me"}).home == Path("/home/me/.local/state/sightline")
    settings = load({}, {"HOME": "/home/me", "XDG_STATE_HOME": str(tmp_path)})
    assert settings.home == tmp_path / "sightline"
    assert settings.grpc_address == Address("127.0.0.1", 7411)
    assert settings.socket == tmp_path / "sightline" / "sightline.sock"


def test_flags_beat_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('grpc_address = "127.0.0.1:1"\nmax_session_bytes = "3MiB"\ntoken_file = "/from/file"\n')
    environ = {"SIGHTLINE_HOME": str(tmp_path), "SIGHTLINE_GRPC_ADDRESS": "127.0.0.1:2", "SIGHTLINE_MAX_SESSION_BYTES": "2MiB"}
    settings = load({"grpc_address": "127.0.0.1:3"}, environ)
    assert settings.grpc_address == Address("127.0.0.1", 3)
    assert settings.max_session_bytes == 2 * 1024 * 1024
    assert settings.token_path == Path("/from/file")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SIGHTLINE_GRPC_ADDRESS", "7411"),
        ("SIGHTLINE_GRPC_ADDRESS", "127.0.0.1:http"),
        ("SIGHTLINE_GRPC_ADDRESS", "127.0.0.1:65536"),
        ("SIGHTLINE_WEB_ADDRESS", ":"),
        ("SIGHTLINE_WEB_ADDRESS", "127.0.0.1:7412,"),
        ("SIGHTLINE_MAX_SESSION_BYTES", "many"),
        ("SIGHTLINE_MAX_SESSION_BYTES", "10 parsecs"),
        ("SIGHTLINE_MAX_SESSION_BYTES", "1"),
        ("SIGHTLINE_MAX_TOTAL_BYTES", "-5GiB"),
        ("SIGHTLINE_MAX_AGE", "a month"),
        ("SIGHTLINE_MAX_AGE", "30"),
        ("SIGHTLINE_MAX_AGE", "5s"),
        ("SIGHTLINE_MAX_AGE", "999999999999d"),
        ("SIGHTLINE_TOKEN_FILE", ""),
        ("SIGHTLINE_CONFIG", "/nowhere.toml"),
        ("SIGHTLINE_TLS_CERT", "/only/the/cert"),
    ],
)
def test_a_wrong_value_is_refused_by_name(variable: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting) as refused:
        load({}, {"SIGHTLINE_HOME": str(tmp_path), variable: value})
    assert variable.removesuffix("_CERT") in str(refused.value)


def test_an_unknown_setting_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("max_sesion_bytes = 5\n")
    with pytest.raises(BadSetting, match="max_sesion_bytes"):
        load({}, {"SIGHTLINE_HOME": str(tmp_path)})


@pytest.mark.parametrize("address", ["0.0.0.0:7411", "[::]:7411", "192.168.1.5:7411", "example.org:7411"])
def test_an_address_beyond_loopback_needs_tls(address: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafeBind, match="SIGHTLINE_TLS_CERT and SIGHTLINE_TLS_KEY") as refused:
        load({"grpc_address": address}, {"SIGHTLINE_HOME": str(tmp_path)})
    assert isinstance(refused.value, StartupError)
    settings = load({"grpc_address": address, "tls_cert": "/c", "tls_key": "/k"}, {"SIGHTLINE_HOME": str(tmp_path)})
    assert settings.has_tls


@pytest.mark.parametrize(("text", "size"), [("1048576", 2**20), ("4GiB", 2**32), ("1.5 gb", 1_500_000_000)])
def test_sizes_have_units(text: str, size: int, tmp_path: Path) -> None:
    assert load({"max_session_bytes": text}, {"SIGHTLINE_HOME": str(tmp_path)}).max_session_bytes == size


@pytest.mark.parametrize(("text", "age"), [("30d", timedelta(days=30)), ("1d12h", timedelta(hours=36)), ("2W", timedelta(days=14))])
def test_ages_have_units(text: str, age: timedelta, tmp_path: Path) -> None:
    assert load({"max_age": text}, {"SIGHTLINE_HOME": str(tmp_path)}).max_age == age


@pytest.mark.parametrize("text", ["999999999w", "999999999d1d", "4000000d"])
def test_an_age_beyond_all_calendars_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="none"):
        load({"max_age": text}, {"SIGHTLINE_HOME": str(tmp_path)})


def test_what_is_kept_has_limits_unless_told_otherwise(tmp_path: Path) -> None:
    settings = load({}, {"SIGHTLINE_HOME": str(tmp_path)})
    assert limits_of(settings) == Limits(4 << 30, 20 << 30, 30 * 24 * 3600 * 10**9)
    (tmp_path / "config.toml").write_text('max_session_bytes = "none"\nmax_total_bytes = 0\nmax_age = "none"\n')
    assert limits_of(load({}, {"SIGHTLINE_HOME": str(tmp_path)})) == Limits(0, 0, 0)


def test_the_bridge_may_have_several_addresses(tmp_path: Path) -> None:
    found = load({}, {"SIGHTLINE_HOME": str(tmp_path), "SIGHTLINE_WEB_ADDRESS": "127.0.0.1:7412, localhost:32205"})
    assert found.web_address == (Address("127.0.0.1", 7412), Address("localhost", 32205))
    assert load({"web_address": "none"}, {"SIGHTLINE_HOME": str(tmp_path)}).web_address == ()


def test_no_address_means_the_unix_socket_alone(tmp_path: Path) -> None:
    assert load({"grpc_address": "none"}, {"SIGHTLINE_HOME": str(tmp_path)}).grpc_address is None
    assert Settings(home=tmp_path).token_path == tmp_path / "token"
