"""`serve`: what it says when it starts, when it cannot, and how it goes."""

from __future__ import annotations

import signal

from clients.cli.program import Sightline


def test_it_says_where_it_listens_and_what_to_do_next(alone: Sightline) -> None:
    alone.serve()
    assert alone.server is not None
    alone.server.expect(b"sightline run -- CMD", 2)
    said = alone.server.kept[2].decode()
    assert f"{alone.home}/sightline.sock" in said
    assert f"(token in {alone.home}/token)" in said
    assert "127.0.0.1:0" not in said


def test_sigterm_ends_it_in_order(alone: Sightline) -> None:
    alone.serve()
    assert alone.server is not None
    alone.server.signal(signal.SIGTERM)
    code, out, _ = alone.server.ended()
    assert (code, out) == (0, b"")


def test_a_second_server_is_refused_in_one_line(alone: Sightline) -> None:
    alone.serve()
    assert alone.server is not None
    done = alone.run("serve", code=1)
    assert f"another server uses {alone.home} (pid {alone.server.process.pid})".encode() in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_a_wrong_setting_is_refused_by_name(alone: Sightline) -> None:
    assert b"sightline: --grpc-address is 'here'" in alone.run("serve", "--grpc-address", "here", code=1).stderr
    alone.env["SIGHTLINE_MAX_SESSION_BYTES"] = "much"
    assert b"sightline: SIGHTLINE_MAX_SESSION_BYTES is 'much'" in alone.run("serve", code=1).stderr


def test_flags_go_before_the_environment(alone: Sightline) -> None:
    alone.env["SIGHTLINE_GRPC_ADDRESS"] = "nonsense"
    server = alone.start("serve", "--grpc-address", "none")
    server.expect(b"From another terminal", 2)
    assert b"on TCP" not in server.kept[2]


def test_clients_reach_it_over_tcp_with_its_token(alone: Sightline) -> None:
    alone.serve()
    assert alone.server is not None
    alone.server.expect(b"(token in", 2)
    address = alone.server.kept[2].split(b"on TCP")[1].split()[0].decode()
    assert alone.out("run", "--target", address, "--name", "web", "--", "echo", "hello") == "hello\n"
    alone.env["SIGHTLINE_TARGET"] = address
    assert alone.out("ls", "-q") == "web\n"
    alone.env["SIGHTLINE_TOKEN_FILE"] = "/dev/null"
    assert b"token" in alone.run("ls", code=1).stderr
    del alone.env["SIGHTLINE_TARGET"]
