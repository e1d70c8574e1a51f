"""`adopt` and `release`: panes of somebody's own, undisturbed."""

from __future__ import annotations

import base64
import json
import secrets
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from clients.cli.program import Sightline, until
from support import scripted_agent


class Tmux:
    """A tmux server of somebody's own."""

    def __init__(self, socket: str) -> None:
        self.socket = socket

    def __call__(self, *words: str) -> str:
        return subprocess.run(["tmux", "-S", self.socket, *words], capture_output=True, text=True, check=True, timeout=20).stdout


@pytest.fixture
def tmux(served: Sightline) -> Iterator[Tmux]:
    # One for each test: a server that is just going takes a new one on the same socket with it.
    own = Tmux(str(served.home.parent / f"own{secrets.token_hex(2)}.sock"))
    own("-f", "/dev/null", "new-session", "-d", "-s", "work", "-x", "90", "-y", "20", "env PS1='READY> ' ENV= sh")
    yield own
    subprocess.run(["tmux", "-S", own.socket, "kill-server"], capture_output=True, check=False)


def test_alone_it_lists_what_could_be_adopted(served: Sightline, tmux: Tmux) -> None:
    head, line = served.out("adopt", "--socket", tmux.socket).splitlines()[:2]
    assert head.split() == ["TARGET", "COMMAND", "SIZE", "CWD", "NOTE"]
    assert line.split()[:3] == ["work:0.0", "sh", "90x20"]
    listed = served.out("adopt", "--socket", tmux.socket, "--json").splitlines()  # agents of this machine's user are, too
    candidate = json.loads(next(line for line in listed if '"tmux"' in line))
    assert candidate["tmux"]["target"] == "work:0.0"


def test_an_adopted_pane_is_followed_and_let_go_with_nothing_left(served: Sightline, tmux: Tmux) -> None:
    assert served.out("adopt", "work:0.0", "--socket", tmux.socket, "--name", "work") == "work\n"
    assert "followed already" in served.out("adopt", "--socket", tmux.socket)
    watching = served.start("watch", "work", "--from-start")
    tmux("send-keys", "-t", "work", "echo $((40+2))", "Enter")
    watching.expect(b"42\r\n")
    served.run("send", "work", "echo $((3+4))", "--enter")
    watching.expect(b"\n7\r\n")
    served.run("release", "work")
    assert watching.ended()[0] == 0
    until(lambda: tmux("display-message", "-p", "-t", "work", "#{pane_pipe}") == "0\n", "no pipe of ours")
    assert "released" in served.out("ls")


def test_stop_lets_an_adopted_pane_go_and_kill_ends_it(served: Sightline, tmux: Tmux) -> None:
    served.run("adopt", "work:0.0", "--socket", tmux.socket, "--name", "work")
    assert served.out("stop", "work").startswith("work: let go; it still runs in work:0.0")
    assert "work" in tmux("list-sessions")
    served.run("adopt", "work:0.0", "--socket", tmux.socket, "--name", "work")
    served.run("stop", "work", "--kill")
    until(
        lambda: (
            subprocess.run(["tmux", "-S", tmux.socket, "has-session", "-t", "work"], capture_output=True, check=False).returncode
        ),
        "it ended",
    )


def test_an_adopted_pane_keeps_its_size_and_attach_says_so(served: Sightline, tmux: Tmux) -> None:
    served.run("adopt", "work:0.0", "--socket", tmux.socket, "--name", "work")
    assert b"its size is changed where it is shown" in served.run("resize", "work", "50x10", code=1).stderr
    terminal = served.on_terminal("attach", "work")
    terminal.expect(rb"work is a pane of 90x20 and keeps its size; this terminal is 80x24")
    terminal.expect(rb"READY> ")
    terminal.type(b"echo $((40+2))\r")
    terminal.expect(rb"42\r\n")
    terminal.type(b"\x1d")
    assert terminal.ended() == 0
    assert tmux("display-message", "-p", "-t", "work", "#{window_width}x#{window_height}") == "90x20\n"


def test_where_no_screen_is_installed_only_whoever_asks_for_one_is_told(alone: Sightline, tmp_path: Path) -> None:
    for program in ("env", "sh", "tmux"):
        (tmp_path / program).symlink_to(shutil.which(program) or "")
    alone.env = {**alone.env, "PATH": str(tmp_path)}
    alone.serve()
    assert b"screen is not installed" not in alone.run("adopt").stderr
    assert b"screen is not installed" in alone.run("adopt", "--screen", "work", code=1).stderr


def test_a_pane_that_is_not_there_is_one_line(served: Sightline, tmux: Tmux) -> None:
    done = served.run("adopt", "nothing:1.2", "--socket", tmux.socket, code=1)
    assert b"no tmux pane 'nothing:1.2'" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_after_a_server_that_died_cleaning_leaves_nothing_on_panes(served: Sightline, tmux: Tmux) -> None:
    served.run("adopt", "work:0.0", "--socket", tmux.socket, "--name", "work")
    served.run("create", "--tty", "--name", "own", "--", "sh")
    served.kill_server()
    served.run("doctor", "--clean", "--yes")
    until(lambda: tmux("display-message", "-p", "-t", "work", "#{pane_pipe}") == "0\n", "no pipe of ours")
    assert "work" in tmux("list-sessions")
    assert not served.home.exists()
    served.serve()


def test_an_agent_in_a_pane_is_one_session_with_it_and_can_be_typed_to(served: Sightline, tmux: Tmux, tmp_path: Path) -> None:
    program = scripted_agent.install(tmp_path / "bin", "claude")
    recording = Path(__file__).parents[2] / "data" / "agents" / "claude-disk" / "ok.jsonl"
    config = tmp_path / "config"
    words = shlex.join(["env", f"CLAUDE_CONFIG_DIR={config}", f"HOME={tmp_path}", str(program), str(recording)])
    tmux("send-keys", "-t", "work", f"cd {shlex.quote(str(tmp_path))} && {words}", "Enter")
    until(lambda: list(config.glob("sessions/*.json")), "the agent has started")
    (note,) = config.glob("sessions/*.json")
    assert f"--agent claude --pid {note.stem}" in served.out("adopt", "--socket", tmux.socket)
    assert served.out("adopt", "--agent", "claude", "--pid", note.stem, "--name", "coder") == "coder\n"
    session = json.loads(served.out("show", "coder", "--json"))
    assert (session["kind"], session["agent"]) == ("SESSION_KIND_TMUX", "claude")
    served.run("send", "coder", "go 1000", "--enter")
    until(lambda: '"turnFinished"' in served.out("export", "coder", "--format", "jsonl"), "its turn is told")
    log = served.out("export", "coder", "--format", "jsonl")
    assert '"toolCall"' in log
    assert b"done go" in b"".join(base64.b64decode(e["output"]["data"]) for e in map(json.loads, log.splitlines()) if "output" in e)
    served.run("release", "coder")
    assert tmux("display-message", "-p", "-t", "work", "#{pane_pipe}") == "0\n"
    tmux("send-keys", "-t", "work", "exit 0", "Enter")
    until(lambda: not note.exists(), "the agent has ended by itself")


def test_words_that_name_two_agents_are_refused(served: Sightline) -> None:
    done = served.run("adopt", "--agent", "claude", "--pid", "1", "--cwd", ".", code=2)
    assert b"give one of them" in done.stderr
    done = served.run("adopt", "--agent", "claude", "--pid", "999999", code=1)
    assert b"process 999999 is no claude that runs here" in done.stderr
