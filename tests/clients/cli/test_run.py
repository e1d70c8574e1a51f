"""`run`: to a script it is the command itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from clients.cli.program import SIGHTLINE, Sightline, runs, until
from google.protobuf.json_format import Parse
from sightline.v1.event_pb2 import Event

TRAPS = "trap 'echo interrupted; exit 7' INT; echo ready; while :; do sleep 0.05; done"


def test_output_passes_byte_for_byte_each_to_its_own_place(served: Sightline) -> None:
    done = served.run("run", "--", "sh", "-c", r"printf 'a\r\n\377\0b'; printf 'oops' >&2")
    assert (done.stdout, done.stderr) == (b"a\r\n\xff\0b", b"oops")


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$", 128 + 9), ("true", 0)])
def test_the_exit_code_is_the_commands(served: Sightline, script: str, code: int) -> None:
    served.run("run", "--", "sh", "-c", script, code=code)


def test_a_missing_program_is_told_as_a_shell_does(served: Sightline) -> None:
    done = served.run("run", "--", "no-such-program-at-all", code=127)
    assert done.stderr.startswith(b"sightline: there is no program 'no-such-program-at-all'")
    assert done.stderr.count(b"\n") == 1


def test_no_dashes_are_needed_before_the_command(served: Sightline) -> None:
    assert served.out("run", "echo", "-n", "--name") == "--name"


def test_it_runs_here_with_this_environment_and_what_was_added(served: Sightline, tmp_path: Path) -> None:
    served.env["FROM_HERE"] = "1"
    script = 'echo "$PWD $FROM_HERE $ADDED ${SIGHTLINE_SESSION_ID:+known}"'
    line = served.out("run", "--cwd", str(tmp_path), "--env", "ADDED=a=b", "--", "sh", "-c", script)
    assert line == f"{tmp_path} 1 a=b known\n"
    assert served.out("run", "pwd") == f"{Path.cwd()}\n"


def test_a_directory_that_is_not_there_is_one_line(served: Sightline) -> None:
    done = served.run("run", "--cwd", "/no/such/place", "--", "true", code=1)
    assert b"/no/such/place" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_a_name_that_is_taken_is_one_line(served: Sightline) -> None:
    served.run("run", "-d", "--name", "web", "--", "sleep", "60")
    done = served.run("run", "--name", "web", "--", "true", code=1)
    assert b"'web'" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_detached_it_prints_the_name_and_returns(served: Sightline) -> None:
    assert served.out("run", "-d", "--name", "web", "--label", "a=b", "--", "sleep", "60") == "web\n"
    assert served.out("ls", "-q", "--label", "a=b") == "web\n"


def test_json_is_one_event_a_line_and_the_last_is_the_end(served: Sightline) -> None:
    lines = served.out("run", "--json", "--text", "--", "sh", "-c", "echo hällo; exit 2", code=2).splitlines()
    events = [json.loads(line) for line in lines]
    assert [int(event["seq"]) for event in events] == list(range(1, len(events) + 1))
    assert "".join(event.get("text", "") for event in events) == "hällo\n"
    assert events[-1]["completed"]["exitCode"] == 2


def test_a_partial_line_is_shown_at_once(served: Sightline) -> None:
    program = served.start("run", "--", "sh", "-c", "printf 50%%; sleep 60")
    program.expect(b"50%")


def test_stdin_is_passed_on_with_its_end(served: Sightline) -> None:
    data = os.urandom(3_000_000)
    assert served.run("run", "--stdin", "--", "cat", stdin=data).stdout == data


def test_stdin_is_not_touched_unasked(served: Sightline) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{SIGHTLINE} run -- cat; cat"],
        env=served.env,
        input=b"mine",
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert done.stdout == b"mine"


def test_ctrl_c_is_an_interrupt(served: Sightline) -> None:
    program = served.start("run", "--", "sh", "-c", TRAPS)
    program.expect(b"ready")
    program.signal(signal.SIGINT)
    code, out, _ = program.ended()
    assert (code, out) == (7, b"ready\ninterrupted\n")


def test_ctrl_c_twice_leaves_the_session_running(served: Sightline) -> None:
    program = served.start("run", "--name", "web", "--", "sh", "-c", "trap '' INT; echo ready; sleep 60")
    program.expect(b"ready")
    program.signal(signal.SIGINT)
    program.signal(signal.SIGINT)
    until(program.interrupted, "the second Ctrl-C leaves")
    code, _, err = program.ended()
    assert code == 130
    assert b"sightline watch web" in err
    assert served.state("web") == "SESSION_STATE_WORKING"


def test_sigterm_leaves_the_session_running(served: Sightline) -> None:
    program = served.start("run", "--name", "web", "--", "sh", "-c", "echo ready; sleep 60")
    program.expect(b"ready")
    program.signal(signal.SIGTERM)
    assert program.ended()[0] == 128 + 15
    assert served.state("web") == "SESSION_STATE_WORKING"


def test_a_reader_that_leaves_ends_run_and_not_the_session(served: Sightline) -> None:
    program = served.start("run", "--name", "web", "--", "sh", "-c", "while :; do echo y; sleep 0.01; done")
    program.expect(b"y\n")
    assert program.process.stdout is not None
    program.process.stdout.close()
    code, _, err = program.ended()
    assert code == 128 + 13
    assert err == b"[sightline] nobody reads the output any more; web goes on: `sightline stop web` ends it\n"
    assert served.state("web") == "SESSION_STATE_WORKING"


def test_a_server_that_dies_is_waited_for_and_no_byte_is_lost_or_repeated(served: Sightline, tmp_path: Path) -> None:
    go = tmp_path / "go"
    script = f"seq 1 1000; while [ ! -e {go} ]; do sleep 0.02; done; seq 1001 2000; exit 5"
    program = served.start("run", "--name", "web", "--", "sh", "-c", script)
    program.expect(b"\n1000\n")
    served.kill_server()
    program.expect(b"the server went away", 2)
    go.touch()
    served.serve()
    code, out, err = program.ended()
    assert out == b"".join(b"%d\n" % number for number in range(1, 2001))
    assert code == 5
    assert b"the server is back" in err


def test_without_a_server_it_says_so_and_does_the_same(alone: Sightline) -> None:
    done = alone.run("run", "--", "sh", "-c", "echo out; echo oops >&2; exit 3", code=3)
    assert done.stdout == b"out\n"
    assert done.stderr.startswith(b"[sightline] no server runs")
    assert sorted(done.stderr.splitlines())[1:] == [b"oops"]
    assert not alone.home.exists()


def test_without_a_server_nothing_is_left(alone: Sightline, tmp_path: Path) -> None:
    alone.env["TMPDIR"] = str(tmp_path)
    alone.run("run", "true")
    assert list(tmp_path.iterdir()) == []


def test_without_a_server_a_second_ctrl_c_ends_the_tree(alone: Sightline) -> None:
    program = alone.start("run", "--", "sh", "-c", "trap '' INT; sleep 300 & echo $!; wait")
    program.expect(b"\n")
    child = int(program.kept[1])
    until(program.interrupted, "the second Ctrl-C ends it")
    assert program.ended()[0] == 130
    assert not runs(int(child))


@pytest.mark.parametrize("seconds", [0.25, 0.35])
def test_without_a_server_a_ctrl_c_at_any_time_leaves_nothing_running(alone: Sightline, tmp_path: Path, seconds: float) -> None:
    alone.env["TMPDIR"] = str(tmp_path)
    program = alone.start("run", "--", "sleep", f"300.{seconds}")
    with suppress(subprocess.TimeoutExpired):
        program.process.wait(seconds)
    program.signal(signal.SIGINT)
    until(lambda: program.process.poll() is not None, "the end")
    assert subprocess.run(["pgrep", "-fx", f"sleep 300.{seconds}"], capture_output=True, check=False).stdout == b""
    assert list(tmp_path.iterdir()) == []


def test_without_a_server_nothing_can_be_detached(alone: Sightline) -> None:
    done = alone.run("run", "-d", "--", "true", code=3)
    assert b"sightline serve" in done.stderr


def test_a_server_that_was_named_is_not_replaced(alone: Sightline) -> None:
    done = alone.run("run", "--target", f"unix:{alone.home}/other.sock", "--", "true", code=3)
    assert b"other.sock" in done.stderr


def test_events_in_json_are_those_of_the_contract(served: Sightline) -> None:
    for line in served.out("run", "--json", "--", "echo", "hello").splitlines():
        assert Parse(line, Event()).seq > 0
