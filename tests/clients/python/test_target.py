"""Where the client looks for the server, and what it shows it."""

from pathlib import Path

import pytest
from sightline import target, transport


def test_the_argument_beats_the_environment_and_that_beats_the_home(tmp_path: Path) -> None:
    environ = {"SIGHTLINE_TARGET": "127.0.0.1:7", "SIGHTLINE_HOME": str(tmp_path)}
    assert target.find("127.0.0.1:9", "t", environ).address == "127.0.0.1:9"
    assert target.find(None, "t", environ).address == "127.0.0.1:7"
    del environ["SIGHTLINE_TARGET"]
    assert target.find(None, None, environ).address == f"unix:{tmp_path}/sightline.sock"


def test_the_home_follows_the_state_directory(tmp_path: Path) -> None:
    assert target.home({"XDG_STATE_HOME": str(tmp_path)}) == tmp_path / "sightline"
    assert target.home({}) == Path.home() / ".local/state/sightline"
    assert target.home({"SIGHTLINE_HOME": "~/elsewhere"}) == Path.home() / "elsewhere"


@pytest.mark.parametrize("given", ["unix:/a b/s%.sock", "unix:///a b/s%.sock"])
def test_a_sockets_path_is_written_as_grpc_reads_it_and_shown_as_it_is(given: str) -> None:
    found = target.find(given, None, {})
    assert found.address == "unix:/a%20b/s%25.sock"
    assert found.shown == "unix:/a b/s%.sock"


def test_the_token_is_the_argument_else_the_named_file_else_the_homes(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of-home\n")
    (tmp_path / "other").write_text("of-file\n")
    environ = {"SIGHTLINE_HOME": str(tmp_path)}
    assert target.find("localhost:7", None, environ).token == "of-home"
    environ["SIGHTLINE_TOKEN_FILE"] = str(tmp_path / "other")
    assert target.find("localhost:7", None, environ).token == "of-file"
    assert target.find("localhost:7", "of-argument", environ).token == "of-argument"
    assert "of-argument" not in repr(target.find("localhost:7", "of-argument", environ))


def test_a_missing_token_is_the_servers_to_refuse_but_a_named_file_must_be_there(tmp_path: Path) -> None:
    assert target.find("localhost:7", None, {"SIGHTLINE_HOME": str(tmp_path)}).token == ""
    with pytest.raises(FileNotFoundError):
        target.find("localhost:7", None, {"SIGHTLINE_TOKEN_FILE": str(tmp_path / "none")})


def test_the_token_is_not_shown_on_a_unix_socket(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    environ = {"SIGHTLINE_HOME": str(tmp_path)}
    assert transport.metadata(target.find(None, None, environ)) == ()
    assert transport.metadata(target.find("localhost:7", None, environ)) == (("authorization", "Bearer secret"),)


@pytest.mark.parametrize("given", ["nonsense", "host:", ":7", "host:port", "https://host"])
def test_what_is_no_target_is_refused_with_the_forms_there_are(given: str) -> None:
    with pytest.raises(ValueError, match="unix:PATH, host:port, or https"):
        target.find(given, "", {})


@pytest.mark.parametrize("given", ["127.0.0.1:7", "127.1.2.3:7", "localhost:7", "[::1]:7", "http://localhost:7"])
def test_this_machine_needs_no_tls(given: str) -> None:
    assert not target.find(given, "", {}).tls


@pytest.mark.parametrize("given", ["10.0.0.1:7", "host.example:7", "localhost.example:7", "127.example:7", "http://10.0.0.1:7"])
def test_another_machine_needs_tls(given: str) -> None:
    with pytest.raises(ValueError, match="SIGHTLINE_TLS_CA"):
        target.find(given, "", {})
    secured = target.find(given, "", {"SIGHTLINE_TLS_CA": "/ca.pem"})
    assert (secured.tls, secured.ca) == (True, Path("/ca.pem"))


def test_https_is_tls_with_the_systems_authorities() -> None:
    found = target.find("https://host.example:7", "", {})
    assert (found.address, found.tls, found.ca) == ("host.example:7", True, None)
