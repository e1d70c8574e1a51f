"""`run --agent` and what follows an agent: recordings of the real programs, and a program that talks as they do."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from clients.cli.program import SIGHTLINE, Sightline, until

TESTS = Path(__file__).parents[2]
RECORDED = TESTS / "data" / "agents"
TALKER = TESTS / "support" / "talking_agent.py"
ANSWER = "Done: `hello.py` prints a greeting and I wrote `notes.txt`.\n\n- files seen: 2\n- café ☃ 🚀"
CLAUDE = """\
#!/bin/sh
printf '%s\\n' "$@" >"$HEARD.argv"
cat >"$HEARD.stdin"
exec cat "$RECORDING"
"""


def plays(name: str) -> list[str]:
    """The command that writes a recording."""
    return ["--agent", name.partition("/")[0], "--", "cat", str(RECORDED / f"{name}.jsonl")]


@pytest.fixture
def heard(served: Sightline, tmp_path: Path) -> Path:
    """A program called `claude` is on the PATH: where it keeps what it is told."""
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text(CLAUDE)
    program.chmod(0o755)
    served.env |= {"PATH": f"{program.parent}:{served.env['PATH']}", "HEARD": str(tmp_path / "heard")}
    served.env["RECORDING"] = str(RECORDED / "claude" / "hello.jsonl")
    return tmp_path / "heard"


def test_piped_it_prints_the_last_word_as_a_run_without_streaming_would(served: Sightline) -> None:
    for name in ("claude/ok", "claude/ok_partial", "codex/ok", "gemini/ok", "opencode/ok"):
        done = served.run("run", *plays(name))
        assert done.stdout.decode() == ANSWER + "\n", name
        assert done.stderr == b"", name


@pytest.mark.parametrize(
    ("name", "code"),
    [("claude/ok", 0), ("claude/apierr", 1), ("claude/sigint_tool", 130), ("claude/sigterm_tool", 1), ("gemini/apierr", 1)],
)
def test_the_exit_code_is_the_truth_and_not_the_programs(served: Sightline, name: str, code: int) -> None:
    done = served.run("run", *plays(name), code=code)
    assert bool(done.stderr) == bool(code), "what went wrong is told"


def test_an_interrupted_agent_is_130_whatever_its_program_exits_with(served: Sightline) -> None:
    says = f"cat '{RECORDED}/claude/sigint_tool.jsonl'; exit 1"
    served.run("run", "--agent", "claude", "--", "sh", "-c", says, code=130)


def test_on_a_terminal_it_is_shown_as_it_comes(served: Sightline) -> None:
    terminal = served.on_terminal("run", *plays("claude/ok_partial"), columns=200)
    for part in (rb"claude 2.1.329", rb"I'll list the files first", rb"Bash: ls -1 && cat hello.py ", rb"succeeded.*?tokens"):
        terminal.expect(part)
    assert terminal.ended() == 0


def test_with_stdout_in_a_pipe_the_terminal_still_shows_what_it_does(served: Sightline) -> None:
    words = [SIGHTLINE, "run", *plays("claude/ok")]
    terminal = served.on_terminal("run", "--", "true")
    assert terminal.ended() == 0
    terminal = served.on_terminal("run", "--tty", "--", "sh", "-c", 'out=$("$@"); printf "<%s>" "$out"', "sh", *map(str, words))
    terminal.expect(rb"Bash: ls -1")
    terminal.expect(rb"succeeded")
    terminal.expect(b"<" + ANSWER.encode().replace(b"\n", b"\r\n") + b">")
    assert terminal.ended() == 0


def test_as_json_each_event_is_a_line_and_kinds_can_be_left_out(served: Sightline) -> None:
    def kinds(*words: str) -> set[str]:
        lines = served.out("run", "--json", *words, *plays("claude/ok")).splitlines()
        known = {"message", "thinking", "toolCall", "toolResult", "notice", "completed", "turnStarted", "usage", "agentInfo"}
        return {key for line in lines for key in json.loads(line)} & known

    assert kinds() >= {"message", "thinking", "toolCall", "completed", "usage"}
    left = kinds("--without", "thinking,notice", "--without", "tool_call")
    assert {"message", "completed"} <= left
    assert not left & {"thinking", "notice", "toolCall"}
    assert b"cannot be left out" in served.run("run", "--without", "completed", *plays("claude/ok"), code=2).stderr
    assert b"is no kind of event" in served.run("run", "--without", "thoughts", *plays("claude/ok"), code=1).stderr


def test_the_prompt_reaches_the_agent_and_is_never_an_option(served: Sightline, heard: Path, tmp_path: Path) -> None:
    file = tmp_path / "task.md"
    file.write_text("--version\nfrom a file\n")
    ways: list[tuple[list[str], bytes, str]] = [
        (["--prompt=--dangerously-skip-permissions"], b"", "--dangerously-skip-permissions"),
        (["--prompt-file", str(file)], b"", file.read_text()),
        (["--prompt-file", "-"], b"--version", "--version"),
        (["-"], "größe".encode(), "größe"),
        (["-", "--", "claude", "--model", "x"], b"with words", "with words"),
        (["--prompt", "hi", "--", "claude", "--model", "x"], b"", "hi"),
    ]
    for words, stdin, prompt in ways:
        served.run("run", "--agent", "claude", *words, stdin=stdin)
        assert Path(f"{heard}.stdin").read_text() == prompt
        argv = Path(f"{heard}.argv").read_text().split("\n")
        assert prompt not in argv
        assert "stream-json" in argv
        assert ("--model" in argv) == ("claude" in words)


def test_what_makes_no_sense_is_refused_before_anything_runs(served: Sightline, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "bytes").write_bytes(b"\xff")
    for words, why in [
        (["--prompt", "hi", "--", "true"], b"--prompt is for an agent"),
        (["--two-way", "--", "true"], b"--two-way is for an agent"),
        (["--agent", "claude"], b"there is nothing to ask claude"),
        (["--agent", "claude", "--prompt", "hi", "-"], b"give no other"),
        (["--agent", "claude", "--stdin", "-"], b"cannot be both"),
        (["--agent", "claude", "--tty", "--two-way"], b"--two-way is for pipes"),
        (["--agent", "claude", "--prompt-file", str(tmp_path / "none")], b"No such file"),
        (["--agent", "claude", "--prompt-file", str(tmp_path / "empty")], b"nothing to ask"),
        (["--agent", "claude", "--prompt-file", str(tmp_path / "bytes")], b"no text in UTF-8"),
    ]:
        done = served.run("run", *words, code=None)
        assert done.returncode in {1, 2}
        assert why in done.stderr
        assert done.stderr.count(b"\n") == 1
    assert served.out("ls", "-q") == ""


def test_typed_lines_are_turns_and_what_it_asks_is_answered_from_elsewhere(served: Sightline, tmp_path: Path) -> None:
    served.env["HEARD"] = str(tmp_path / "heard")
    talker = ["--", sys.executable, str(TALKER)]
    terminal = served.on_terminal("run", "--name", "fix", "--agent", "claude", "--two-way", "--prompt", "first", *talker)
    terminal.expect(rb"\xe2\x97\x8f first")
    terminal.type(b"second\n")
    terminal.expect(rb"\xe2\x97\x8f second")
    terminal.type(b"ask\n")
    terminal.expect(rb"permission: Write: /etc/zz.*allow  Allow.*answer with: sightline answer fix allow\|deny")
    assert "permission: Write: /etc/zz" in served.out("answer", "fix")
    served.run("answer", "fix", "den", "--author", "me")
    terminal.expect(rb"answered by me: deny")
    done = served.run("answer", "fix", "allow", code=1)
    assert b"fix asks nothing" in done.stderr
    terminal.type(b"\x04")
    terminal.expect(rb"succeeded")
    assert terminal.ended() == 0


def test_the_first_answer_wins_and_the_second_is_told_so(served: Sightline, tmp_path: Path) -> None:
    served.env["HEARD"] = str(tmp_path / "heard")
    served.run("run", "-d", "--name", "fix", "--agent", "claude", "--two-way", "--prompt", "ask", "--", sys.executable, str(TALKER))
    until(lambda: served.out("answer", "fix"), "the request")
    request = json.loads(served.out("answer", "fix", "--json"))["requestId"]
    assert int(json.loads(served.out("answer", "fix", request, "allow", "--json"))["seq"]) > 0
    done = served.run("answer", "fix", request, "deny", code=1)
    assert done.stderr.count(b"\n") == 1
    served.run("send", "fix", "--eof")
    served.run("wait", "fix")
    assert "answered by unix: allow\n\n● edit Write: /etc/zz → ok" in served.out("export", "fix", "-f", "text")


def test_ctrl_c_stops_the_turn_and_the_agent_stays(served: Sightline, tmp_path: Path) -> None:
    served.env["HEARD"] = str(tmp_path / "heard")
    talker = ["--", sys.executable, str(TALKER)]
    terminal = served.on_terminal("run", "--agent", "claude", "--two-way", "--prompt", "slow", *talker)
    terminal.expect(rb"Write: /etc/zz")
    terminal.type(b"\x03")
    terminal.expect(rb"Request interrupted")
    terminal.type(b"and now\n")
    terminal.expect(rb"\xe2\x97\x8f and now")
    terminal.type(b"\x04")
    terminal.expect(rb"succeeded")
    assert terminal.ended() == 0


def test_create_starts_one_and_others_watch_replay_and_export_it(served: Sightline) -> None:
    served.run("create", "--name", "fix", *plays("claude/ok"))
    served.run("wait", "fix")
    watched = served.out("watch", "fix", "--from-start")
    assert "● execute Bash: ls -1 && cat hello.py → ok" in watched
    assert "■ succeeded" in watched
    assert served.out("export", "fix", "-f", "text") == watched
    assert served.out("replay", "fix", "--speed", "inf") == watched
    without = served.out("watch", "fix", "--from-start", "--without", "thinking,tool_call,tool_result")
    assert "✻" not in without
    assert "ls -1" not in without
    assert "● Done: `hello.py`" in without


def test_several_agents_side_by_side_have_their_names_before_each_line(served: Sightline) -> None:
    served.run("create", "--name", "one", *plays("claude/hello"))
    served.run("create", "--name", "two", *plays("codex/ok"))
    served.run("wait", "one")
    served.run("wait", "two")
    lines = served.out("watch", "one", "two", "--from-start").splitlines()
    assert {line.partition(" ")[0] for line in lines} == {"[one]", "[two]"}


def test_without_a_server_it_is_the_same(alone: Sightline) -> None:
    done = alone.run("run", *plays("claude/ok"))
    assert done.stdout.decode() == ANSWER + "\n"
