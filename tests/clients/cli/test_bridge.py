"""`bridge`: the bridge alone, for a server that runs elsewhere."""

from __future__ import annotations

import signal
import socket

import pytest
from clients.cli.program import Sightline, address_in, runs, until
from clients.cli.web import answers, base, log_in


def test_it_serves_the_server_of_the_home_and_ends_alone(served: Sightline) -> None:
    bridge = served.start("bridge")
    bridge.expect(b"Ctrl-C ends it", 2)
    url = address_in(bridge.kept[2])
    assert answers(url)
    assert log_in(url)[0] == 200
    bridge.signal(signal.SIGTERM)
    code, out, _ = bridge.ended()
    assert (code, out) == (0, b"")
    assert served.out("ls", "-q") == ""


def test_it_serves_another_server_that_is_named(served: Sightline, alone: Sightline) -> None:
    bridge = alone.start("bridge", "--target", f"unix:{served.home}/sightline.sock")
    bridge.expect(b"Ctrl-C ends it", 2)
    assert f"unix:{served.home}/sightline.sock".encode() in bridge.kept[2]
    assert answers(address_in(bridge.kept[2]))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_that_ends_a_program_ends_it_in_order(alone: Sightline, number: signal.Signals) -> None:
    bridge = alone.start("bridge")
    bridge.expect(b"Ctrl-C ends it", 2)
    bridge.signal(number)
    assert bridge.ended()[0] == 0
    assert not (alone.home / "bridge.json").exists()


def test_it_waits_for_a_server_that_comes_later(alone: Sightline) -> None:
    bridge = alone.start("bridge")
    bridge.expect(b"Ctrl-C ends it", 2)
    url = address_in(bridge.kept[2])
    assert not answers(url)
    alone.serve()
    until(lambda: answers(url), "the bridge finds its server")


def test_a_home_has_one_bridge_and_the_second_says_where_it_is(alone: Sightline) -> None:
    bridge = alone.start("bridge")
    bridge.expect(b"Ctrl-C ends it", 2)
    done = alone.run("bridge", code=1)
    assert base(address_in(bridge.kept[2])).encode() in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert answers(address_in(bridge.kept[2])) is False, "no server runs, and the bridge still answers"
    assert alone.bridge_pid() == bridge.process.pid


def test_what_a_killed_bridge_left_behind_is_in_nobodys_way(alone: Sightline) -> None:
    first = alone.start("bridge")
    first.expect(b"Ctrl-C ends it", 2)
    first.process.kill()
    first.process.wait()
    assert (alone.home / "bridge.json").exists()
    second = alone.start("bridge")
    second.expect(b"Ctrl-C ends it", 2)
    assert alone.bridge_pid() == second.process.pid


def test_a_taken_address_is_named_also_when_it_is_the_second(alone: Sightline) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken = f"127.0.0.1:{listening.getsockname()[1]}"
        done = alone.run("bridge", "--web-address", "127.0.0.1:0", "--web-address", taken, code=1)
    assert f"sightline: another program listens on {taken}".encode() in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--web-address", "0.0.0.0:0"), b"other machines"),
        (("--web-address", "192.0.2.1:0", "--open-dialects"), b"other machines"),
        (("--web-address", "7412"), b"is no address"),
        (("--web-address", "::1:7412"), b"is no address"),
        (("--web-address", "127.0.0.1:99999"), b"is no address"),
        (("--allow-origin", "example.org"), b"is no origin"),
        (("--target", "nonsense"), b"is no target"),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_line(alone: Sightline, words: tuple[str, ...], said: bytes) -> None:
    done = alone.run("bridge", *words, code=1)
    assert said in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_a_token_that_others_may_read_is_refused(alone: Sightline) -> None:
    alone.home.mkdir(mode=0o700)
    (alone.home / "token").write_text("secret")
    (alone.home / "token").chmod(0o644)
    assert b"others may read the token" in alone.run("bridge", code=1).stderr


def test_open_dialects_are_said_loudly(alone: Sightline) -> None:
    bridge = alone.start("bridge", "--open-dialects")
    bridge.expect(b"Ctrl-C ends it", 2)
    assert b"WARNING: --open-dialects is on" in bridge.kept[2]
    assert runs(bridge.process.pid)
