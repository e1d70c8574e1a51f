"""publish: standard input as events of a session."""

from __future__ import annotations

import json
import signal
import subprocess

from clients.cli.program import SIGHTLINE, Sightline, until

NOT_UTF8 = b"caf\xe9 \xff\x00\r\nlast, without an end"


def so_far(sightline: Sightline, session: str) -> bytes:
    """What the log holds; nothing without a session or a server."""
    return sightline.run("watch", session, "--from-start", "--until-caught-up", code=None).stdout


def test_standard_input_becomes_a_session_that_ends_with_it(served: Sightline) -> None:
    done = served.run("publish", "build", "--label", "of=make", stdin=NOT_UTF8)
    assert (done.stdout, done.stderr) == (b"", b"")
    assert served.run("watch", "build", code=None).stdout == NOT_UTF8
    shown = json.loads(served.out("show", "build", "--json"))
    assert (shown["kind"], shown["outcome"], shown["labels"]) == ("SESSION_KIND_PUBLISHED", "OUTCOME_LOST", {"of": "make"})


def test_the_outcome_can_be_said_and_the_name_left_out(served: Sightline) -> None:
    done = served.run("publish", "--tee", "--stderr", "--outcome", "succeeded", stdin=NOT_UTF8)
    assert done.stdout == NOT_UTF8
    name = done.stderr.decode().split()[-1]
    watched = served.run("watch", name)
    assert watched.stderr == NOT_UTF8


def test_a_hook_adds_lines_to_the_session_it_runs_in(served: Sightline) -> None:
    script = f"echo before; echo hooked | {SIGHTLINE} publish --source hook; echo after"
    served.run("run", "--name", "work", "--", "sh", "-c", script)
    lines = [json.loads(line) for line in served.out("watch", "work", "--json").splitlines()]
    assert [line["source"] for line in lines if "output" in line] == ["stdout", "hook", "stdout"]
    assert lines[-1]["completed"]["outcome"] == "OUTCOME_SUCCEEDED"


def test_events_as_json_are_published_as_they_are(served: Sightline) -> None:
    events = [
        {"stateChanged": {"state": "SESSION_STATE_WAITING", "waitingFor": "WAITING_FOR_ANSWER"}},
        {"output": {"data": "/wA=", "channel": "CHANNEL_STDOUT"}, "source": "mine", "seq": "99"},
        {"completed": {"exitCode": 4}},
    ]
    served.run("publish", "typed", "--json", stdin="\n\n".join(map(json.dumps, events)).encode())
    lines = [json.loads(line) for line in served.out("watch", "typed", "--json", code=None).splitlines()]
    output = next(line for line in lines if "output" in line)
    assert (output["output"]["data"], output["source"]) == ("/wA=", "mine")
    assert (lines[-1]["completed"]["outcome"], lines[-1]["completed"]["exitCode"]) == ("OUTCOME_FAILED", 4)
    assert [line["seq"] for line in lines] == [str(number) for number in range(1, len(lines) + 1)]


def test_a_line_that_is_no_event_is_named_and_what_was_before_it_is_kept(served: Sightline) -> None:
    done = served.run("publish", "torn", "--json", stdin=b'{"notice": {"text": "kept"}}\n{"notice"', code=1)
    assert b"line 2 is no event" in done.stderr
    lines = [json.loads(line) for line in served.out("watch", "torn", "--json", code=None).splitlines()]
    assert any(line.get("notice") == {"text": "kept"} for line in lines)
    assert lines[-1]["completed"]["outcome"] == "OUTCOME_FAILED"


def test_ctrl_c_ends_the_session_as_interrupted(served: Sightline) -> None:
    publishing = served.start("publish", "stopped", stdin=subprocess.PIPE)
    try:
        assert publishing.process.stdin is not None
        publishing.process.stdin.write(b"begun\n")
        publishing.process.stdin.flush()
        until(lambda: b"begun" in so_far(served, "stopped"), "the line")
        publishing.signal(signal.SIGINT)
        assert publishing.ended()[0] == 130
    finally:
        publishing.close()
    assert json.loads(served.out("show", "stopped", "--json"))["outcome"] == "OUTCOME_INTERRUPTED"


def test_without_a_server_a_pipeline_that_passes_on_is_not_broken(alone: Sightline) -> None:
    done = alone.run("publish", "nobody", "--tee", stdin=NOT_UTF8)
    assert done.stdout == NOT_UTF8
    assert b"only passed on" in done.stderr
    assert b"no Sightline server answers" in alone.run("publish", "nobody", stdin=NOT_UTF8, code=3).stderr


def test_while_the_server_is_away_the_pipe_waits_and_nothing_is_lost_or_doubled(alone: Sightline) -> None:
    alone.serve()
    publishing = alone.start("publish", "long", stdin=subprocess.PIPE)
    try:
        assert publishing.process.stdin is not None
        for number in range(3):
            publishing.process.stdin.write(b"%d\n" % number * 20_000)
            publishing.process.stdin.flush()
            if number < 2:
                until(lambda line=b"%d\n" % number: line in so_far(alone, "long"), "the first of it")  # type: ignore[misc]
                alone.kill_server()
                publishing.process.stdin.write(b"while away %d\n" % number)
                publishing.process.stdin.flush()
                alone.serve()
        publishing.process.stdin.close()
        assert publishing.ended()[0] == 0
    finally:
        publishing.close()
    wanted = b"0\n" * 20_000 + b"while away 0\n" + b"1\n" * 20_000 + b"while away 1\n" + b"2\n" * 20_000
    assert alone.run("watch", "long", code=None).stdout == wanted
