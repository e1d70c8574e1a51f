"""`doctor`: what is wrong, how to mend it, and nothing left behind."""

from __future__ import annotations

import json
import subprocess

import pytest
from clients.cli.program import Sightline, runs, until
from clients.cli.web import base


def findings(sightline: Sightline, code: int | None = 0) -> dict[str, dict[str, str]]:
    lines = sightline.out("doctor", "--json", code=code).splitlines()
    return {finding["check"]: finding for finding in map(json.loads, lines)}


def test_with_a_server_all_is_well(alone: Sightline) -> None:
    alone.serve()
    found = findings(alone)
    assert {name: finding["text"] for name, finding in found.items() if finding["level"] == "fail"} == {}
    assert found["server"]["level"] == "ok"
    assert "database" in found
    assert "layout" in found["database"]["text"]


def test_the_bridge_and_its_pages_are_looked_at(alone: Sightline) -> None:
    assert "none runs" in findings(alone)["bridge"]["text"]
    url = base(alone.up())
    found = findings(alone)
    assert found["bridge"] == {"check": "bridge", "level": "ok", "text": found["bridge"]["text"], "mend": ""}
    assert url in found["bridge"]["text"]
    assert found["dashboard"]["level"] in {"ok", "warn"}, "built or not: the bridge works"


def test_a_bridge_whose_server_is_gone_is_named_and_cleaning_waits_for_its_end(alone: Sightline) -> None:
    bridge = alone.start("bridge")
    bridge.expect(b"Ctrl-C ends it", 2)
    assert "its server does not" in findings(alone, code=1)["bridge"]["text"]
    assert f"a bridge uses {alone.home} (pid {bridge.process.pid})".encode() in alone.run("doctor", "--clean", code=1).stderr
    bridge.process.kill()
    bridge.process.wait()
    alone.run("doctor", "--clean", "--yes")
    assert not alone.home.exists(), "what it left behind goes too"


def test_without_a_server_it_says_how_to_start_one_and_makes_nothing(alone: Sightline) -> None:
    assert findings(alone)["server"]["mend"] == "sightline serve"
    assert not alone.home.exists()


@pytest.mark.parametrize(
    ("harm", "check"),
    [
        ("chmod 755 .", "home"),
        ("chmod 644 token", "token"),
        (": > token", "token"),
        ("echo nonsense, long enough > sightline.db", "database"),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(alone: Sightline, harm: str, check: str) -> None:
    alone.home.mkdir(mode=0o700)
    (alone.home / "token").touch(mode=0o600)
    (alone.home / "token").write_text("secret")
    subprocess.run(["sh", "-c", harm], cwd=alone.home, check=True)
    found = findings(alone, code=1)[check]
    assert found["level"] == "fail"
    assert found["mend"]


def test_a_home_that_is_too_long_is_named(alone: Sightline) -> None:
    alone.env["SIGHTLINE_HOME"] = f"/tmp/{'x' * 120}"
    assert findings(alone, code=1)["socket"]["mend"] == "set SIGHTLINE_HOME to a shorter path"


def test_a_wrong_setting_is_named(alone: Sightline) -> None:
    alone.env["SIGHTLINE_GRPC_ADDRESS"] = "here"
    assert "SIGHTLINE_GRPC_ADDRESS" in findings(alone, code=1)["settings"]["text"]


def test_a_target_that_does_not_answer_is_named(alone: Sightline) -> None:
    alone.env["SIGHTLINE_TARGET"] = f"unix:{alone.home}/nothing.sock"
    assert findings(alone, code=1)["target"]["level"] == "fail"


def test_cleaning_is_refused_while_a_server_runs(alone: Sightline) -> None:
    alone.serve()
    done = alone.run("doctor", "--clean", "--yes", code=1)
    assert b"stop it first" in done.stderr
    assert (alone.home / "token").exists()


def test_cleaning_asks_first(alone: Sightline) -> None:
    alone.home.mkdir(mode=0o700)
    (alone.home / "token").touch()
    assert b"nothing was removed" in alone.run("doctor", "--clean", code=1).stderr
    terminal = alone.on_terminal("doctor", "--clean")
    terminal.expect(rb"remove it\? \[y/N\] ")
    terminal.type(b"y\r")
    assert terminal.ended() == 0
    assert not alone.home.exists()


def test_cleaning_ends_what_runs_and_removes_the_home(alone: Sightline) -> None:
    alone.serve()
    alone.run("run", "-d", "--name", "web", "--", "sh", "-c", "sleep 300 & echo $!; wait")
    until(lambda: alone.out("watch", "web", "--from-start", "--until-caught-up").strip(), "the child's pid")
    child = int(alone.out("watch", "web", "--from-start", "--until-caught-up"))
    alone.kill_server()
    assert str(child) in findings(alone)["leftovers"]["text"]
    alone.run("doctor", "--clean", "--yes")
    assert not runs(child)
    assert not alone.home.exists()


def test_cleaning_keeps_what_is_not_ours(alone: Sightline) -> None:
    alone.home.mkdir(mode=0o700)
    for name in ("token", "thesis.tex"):
        (alone.home / name).touch()
    assert "thesis.tex" in alone.out("doctor", "--clean", "--yes")
    assert [path.name for path in alone.home.iterdir()] == ["thesis.tex"]
