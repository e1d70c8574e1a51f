"""ls, show, wait, stop, rm, interrupt, send: the life of a session from the command line."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
from clients.cli.program import SIGHTLINE, Sightline, runs, until


def test_ls_shows_what_runs_and_what_ended(served: Sightline) -> None:
    served.run("run", "-d", "--name", "web", "--", "sleep", "60")
    served.run("run", "--name", "build", "--", "sh", "-c", "exit 2", code=2)
    head, build, web = served.out("ls").splitlines()
    assert head.split() == ["NAME", "STATE", "KIND", "AGE", "HEAD", "COMMAND", "OUTCOME"]
    assert build.split()[:3] == ["build", "ended", "command"]
    assert build.endswith("failed with exit code 2")
    assert web.split()[:3] == ["web", "working", "command"]
    assert served.out("ls", "-q", "--state", "working") == "web\n"


def test_ls_without_sessions_says_how_to_start_one(served: Sightline) -> None:
    done = served.run("ls")
    assert done.stdout == b""
    assert b"sightline run" in done.stderr


def test_show_tells_everything(served: Sightline) -> None:
    served.run("run", "--name", "build", "--label", "project=x", "--", "sh", "-c", "exit 2", code=2)
    text = served.out("show", "build")
    for fact in ("name ", "build", "sh -c 'exit 2'", str(Path.cwd()), "failed with exit code 2", "project=x", "took"):
        assert fact in text
    assert json.loads(served.out("show", "build", "--json"))["outcome"] == "OUTCOME_FAILED"


def test_an_unknown_session_is_one_line(served: Sightline) -> None:
    for words in (["show"], ["watch"], ["wait"], ["stop"], ["rm"], ["interrupt"], ["attach"], ["snapshot"]):
        if words == ["attach"]:
            continue  # needs a terminal
        done = served.run(*words, "nobody", code=1)
        assert done.stderr.startswith(b"sightline: there is no session 'nobody'"), words
        assert done.stderr.count(b"\n") == 1


def test_without_a_server_each_command_says_what_to_do(alone: Sightline) -> None:
    for words in (
        ["ls"],
        ["show", "x"],
        ["watch", "x"],
        ["send", "x", "y"],
        ["stop", "x"],
        ["adopt"],
        ["wait", "x"],
        ["create", "true"],
    ):
        done = alone.run(*words, code=3)
        assert done.stderr.startswith(b"sightline: no Sightline server answers at"), words
        assert b"sightline serve" in done.stderr
        assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 9", 9), ("kill -15 $$", 143)])
def test_wait_ends_with_the_sessions_exit_code(served: Sightline, script: str, code: int) -> None:
    served.run("run", "-d", "--name", "build", "--", "sh", "-c", script)
    served.run("wait", "build", code=code)


def test_wait_gives_up_with_124(served: Sightline) -> None:
    served.run("run", "-d", "--name", "web", "--", "sleep", "60")
    done = served.run("wait", "web", "--timeout", "100ms", code=124)
    assert done.stderr == b"sightline: web is not ended yet\n"


def test_stop_ends_the_tree_and_keeps_the_log(served: Sightline) -> None:
    served.run("run", "-d", "--name", "web", "--", "sh", "-c", "sleep 300 & echo $!; wait")
    until(lambda: served.out("watch", "web", "--from-start", "--until-caught-up").strip(), "the child's pid")
    child = served.out("watch", "web", "--from-start", "--until-caught-up").strip()
    assert served.out("stop", "web") == "web: cancelled by signal 15\n"
    assert not runs(int(child))
    assert served.out("watch", "web", "--from-start").strip() == child
    assert served.out("stop", "web") == "web: had ended before: cancelled by signal 15\n"


def test_stop_goes_on_when_one_of_several_is_not_there(served: Sightline) -> None:
    served.run("run", "-d", "--name", "web", "--", "sleep", "60")
    done = served.run("stop", "nobody", "web", "--kill", code=1)
    assert done.stdout == b"web: cancelled by signal 9\n"
    assert b"'nobody'" in done.stderr


def test_rm_forgets_what_has_ended_and_nothing_else(served: Sightline) -> None:
    served.run("run", "-d", "--name", "web", "--", "sleep", "60")
    served.run("run", "--name", "build", "--", "true")
    served.run("run", "--name", "test", "--", "true")
    assert b"'web'" in served.run("rm", "web", code=1).stderr
    served.run("rm", "build")
    assert served.out("rm", "--ended") == "1 forgotten\n"
    assert served.out("ls", "--all", "-q") == "web\n"


def test_send_types_into_an_open_stdin(served: Sightline) -> None:
    assert served.out("create", "--stdin", "--name", "cat", "--", "cat") == "cat\n"
    watching = served.start("watch", "cat", "--from-start")
    served.run("send", "cat", "hello", "there", "--enter")
    watching.expect(b"hello there\n")
    served.run("send", "cat", "--stdin", stdin=b"a\nb\n")
    watching.expect(b"a\nb\n")
    answer = json.loads(served.out("send", "cat", "--eof", "--json"))
    assert answer["delivered"] == "DELIVERY_DELIVERED"
    assert watching.ended()[0] == 0


def test_a_secret_is_a_length_in_the_log(served: Sightline) -> None:
    served.run("create", "--stdin", "--name", "login", "--", "sh", "-c", 'read secret; test "$secret" = hunter2')
    served.run("send", "login", "--stdin", "--sensitive", "--enter", stdin=b"hunter2\n")
    served.run("wait", "login", code=0)
    log = served.out("watch", "login", "--from-start", "--json")
    assert "hunter2" not in log
    assert "aHVudGVyMg" not in log  # base64
    typed = next(json.loads(line)["input"] for line in log.splitlines() if '"input"' in line)
    assert typed["redacted"] is True


def test_send_where_nothing_reads_is_one_line(served: Sightline) -> None:
    served.run("run", "-d", "--name", "web", "--", "sleep", "60")
    done = served.run("send", "web", "hello", code=1)
    assert done.stderr.startswith(b"sightline: session 'web' takes no input")


def test_interrupt_does_what_ctrl_c_does(served: Sightline) -> None:
    served.run("run", "-d", "--name", "web", "--", "sleep", "60")
    served.run("interrupt", "web")
    served.run("wait", "web", code=128 + signal.SIGINT)
    assert "interrupted" in served.out("show", "web")


@pytest.mark.parametrize("words", ["ls --json", "--help", "run --help", "completion bash"])
def test_a_pipe_that_is_not_read_to_its_end_ends_quietly(served: Sightline, words: str) -> None:
    served.run("run", "true")
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {SIGHTLINE} {words} | true"],
        env=served.env,
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert done.stderr == b""
