"""`watch`: live and past, one session and several."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from clients.cli.program import Sightline, until


def numbered(served: Sightline, name: str, count: int) -> None:
    """A session with so many events of output, one line each."""
    script = f"i=1; while [ $i -le {count} ]; do echo $i; i=$((i+1)); sleep 0.005; done"
    served.run("run", "--name", name, "--", "sh", "-c", script)


def test_from_the_start_it_is_the_whole_output(served: Sightline) -> None:
    served.run("run", "--name", "build", "--", "sh", "-c", "seq 1 5000; echo oops >&2")
    done = served.run("watch", "build", "--from-start")
    assert done.stdout == b"".join(b"%d\n" % number for number in range(1, 5001))
    assert done.stderr == b"oops\n"


def test_the_tail_counts_events_of_output(served: Sightline) -> None:
    numbered(served, "build", 20)
    events = [
        json.loads(line)
        for line in served.out("watch", "build", "--from-start", "--json", "--text", "--kinds", "output").splitlines()
    ]
    last = "".join(event["text"] for event in events[-3:])
    assert served.out("watch", "build", "--tail", "3") == last


def test_nothing_is_older_than_since(served: Sightline) -> None:
    numbered(served, "build", 3)
    assert served.out("watch", "build", "--since", "1h") == "1\n2\n3\n"
    assert served.out("watch", "build", "--since", "2099-01-01T00:00", "--until-caught-up") == ""


def test_live_it_shows_what_comes_and_ends_with_the_session(served: Sightline, tmp_path: Path) -> None:
    go = tmp_path / "go"
    served.run("run", "-d", "--name", "web", "--", "sh", "-c", f"echo one; while [ ! -e {go} ]; do sleep 0.02; done; echo two")
    watching = served.start("watch", "web")
    watching.expect(b"one\n")
    go.touch()
    assert watching.ended() == (0, b"one\ntwo\n", b"")


def test_until_caught_up_it_does_not_wait(served: Sightline) -> None:
    served.run("run", "-d", "--name", "web", "--", "sh", "-c", "echo one; sleep 60")
    until(lambda: served.out("watch", "web", "--until-caught-up") == "one\n", "the first line")


def test_two_sessions_are_told_apart(served: Sightline) -> None:
    served.run("run", "--name", "web", "--", "echo", "from web")
    served.run("run", "--name", "db", "--", "echo", "from db")
    assert sorted(served.out("watch", "web", "db").splitlines()) == ["[db] from db", "[web] from web"]


def test_every_session_includes_those_to_come(served: Sightline) -> None:
    watching = served.start("watch", "*")
    served.run("run", "--name", "web", "--", "echo", "hello")
    watching.expect(b"[web] hello\n")
    watching.signal(signal.SIGINT)
    assert watching.ended() == (130, b"[web] hello\n", b"")


def test_other_kinds_are_lines_when_asked_for(served: Sightline) -> None:
    served.run("run", "--name", "build", "--", "sh", "-c", "exit 2", code=2)
    assert served.out("watch", "build", "--from-start", "--kinds", "completed") == "[sightline] failed with exit code 2\n"
    everything = served.out("watch", "build", "--from-start", "--all-events")
    assert "[sightline] failed with exit code 2" in everything
    assert "ended" in everything


def test_paced_it_is_the_same_output_in_fewer_events(served: Sightline) -> None:
    numbered(served, "build", 30)
    shown = ("watch", "build", "--from-start", "--kinds", "output")
    assert served.out(*shown, "--coalesce") == served.out(*shown)
    (merged,) = (json.loads(line) for line in served.out(*shown, "--coalesce", "--json", "--text").splitlines())
    assert merged["text"] == "".join(f"{number}\n" for number in range(1, 31))
    assert int(merged["firstSeq"]) < int(merged["seq"])


def test_what_is_left_out_over_the_rate_is_said(served: Sightline) -> None:
    served.run(
        "run", "--name", "build", "--", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo out; echo err >&2; sleep 0.01; done"
    )
    done = served.run("watch", "build", "--from-start", "--kinds", "output", "--max-rate", "2", "--shed")
    assert b"left out as asked" in done.stderr
    assert len(done.stdout.split()) < 9
    wrong = served.run("watch", "build", "--shed", code=2)
    assert b"--max-rate" in wrong.stderr


def test_a_kind_that_there_is_not_is_one_line(served: Sightline) -> None:
    done = served.run("watch", "x", "--kinds", "noise", code=1)
    assert done.stderr.startswith(b"sightline: 'noise' is no kind of event")
    assert done.stderr.count(b"\n") == 1


def test_ctrl_c_ends_it_quietly_and_not_the_session(served: Sightline) -> None:
    served.run("run", "-d", "--name", "web", "--", "sh", "-c", "echo one; sleep 60")
    watching = served.start("watch", "web", "--from-start")
    watching.expect(b"one\n")
    watching.signal(signal.SIGINT)
    assert watching.ended() == (130, b"one\n", b"")
    assert served.state("web") == "SESSION_STATE_WORKING"


def test_a_reader_that_leaves_ends_it_quietly(served: Sightline) -> None:
    served.run("run", "-d", "--name", "web", "--", "sh", "-c", "while :; do echo y; sleep 0.01; done")
    watching = served.start("watch", "web", "--from-start")
    watching.expect(b"y\n")
    assert watching.process.stdout is not None
    watching.process.stdout.close()
    code, _, err = watching.ended()
    assert (code, err) == (128 + signal.SIGPIPE, b"")


def test_stripped_of_escape_codes_it_is_text_and_a_progress_bar_is_as_it_ended(served: Sightline) -> None:
    progress = "for i in 1 2 3; do printf '\\r%d0%%' $i; done"
    script = rf"printf '\033[1;32mok\033[0m one\n'; {progress}; printf '\n\033]0;title\007done\n'"
    served.run("run", "--tty", "--name", "build", "--", "sh", "-c", script)
    assert served.out("watch", "build", "--from-start", "--strip-ansi") == "ok one\n30%\ndone\n"


def test_stripped_it_shows_a_prompt_that_waits_and_leaves_the_echo_out_when_asked(served: Sightline) -> None:
    script = r"""printf '\033[1mname? \033[0m'; read name; printf "hello $name\n"; cat"""
    served.run("run", "-d", "--tty", "--name", "ask", "--", "sh", "-c", script)
    quiet = served.start("watch", "ask", "--from-start", "--strip-ansi", "--no-echo")
    quiet.expect(b"name? ")
    served.run("send", "ask", "Ada", "--enter")
    quiet.expect(b"hello Ada\n")
    served.run("send", "ask", "--eof")
    assert quiet.ended() == (0, b"name? \nhello Ada\n", b"")
    assert served.out("watch", "ask", "--from-start", "--strip-ansi") == "name? Ada\nhello Ada\n"


def test_an_echo_is_left_out_of_text_alone(served: Sightline) -> None:
    refused = served.run("watch", "build", "--no-echo", code=2)
    assert b"--strip-ansi" in refused.stderr
