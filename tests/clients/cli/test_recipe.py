"""`--recipe` and `--worktree`: the same with a server and without one."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from clients.cli.conftest import new_home
from clients.cli.program import Sightline

RECIPE = """\
[labels]
mode = "dev"

[env]
WORD = "default"
BRANCH = "fix"

[[step]]
worktree = "${BRANCH}"

[[step]]
source = "script:setup"
script = '''
printf 'word %s\\nno newline' "$WORD"
echo oops >&2
echo id=env-7 >>$SIGHTLINE_RESULT
'''

[[step]]
source = "docker"
argv = ["sh", "-c", "exit 4"]
allow_failure = true

[command]
argv = ["sh", "-c", "pwd; printf 'out\\\\377\\\\r\\\\n'; echo err >&2; exit 3"]
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = tmp_path / "repository"
    made.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=made, check=True)
    identity = ["-c", "user.name=n", "-c", "user.email=e"]
    subprocess.run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "x"], cwd=made, check=True)
    return made


def put(sightline: Sightline, text: str = RECIPE) -> None:
    (sightline.home / "recipes").mkdir(mode=0o700, parents=True, exist_ok=True)
    sightline.home.chmod(0o700)
    (sightline.home / "recipes" / "web.toml").write_text(text)


def events(printed: bytes) -> list[dict[str, Any]]:
    """A session's events without what differs from run to run: ids, times, durations."""
    found = []
    for line in printed.decode().splitlines():
        event = json.loads(line)
        event = {key: value for key, value in event.items() if key not in {"sessionId", "time"}}
        event.get("stepFinished", {}).pop("duration", None)
        found.append(event)
    return found


def told(events: list[dict[str, Any]]) -> tuple[dict[tuple[str, str], bytes], list[dict[str, Any]]]:
    """What was written, by source and channel, and everything else in its order. Into how many events a writer's bytes are cut,
    and which of two pipes is read first, is nobody's promise.
    """
    written: dict[tuple[str, str], bytes] = {}
    for event in events:
        if "output" in event:
            key = event["source"], event["output"]["channel"]
            written[key] = written.get(key, b"") + base64.b64decode(event["output"]["data"])
    return written, [{**event, "seq": ""} for event in events if "output" not in event]


def test_a_recipe_runs_the_same_with_a_server_and_without(alone: Sightline, repository: Path) -> None:
    words = ("run", "--recipe", "web", "--cwd", str(repository), "--set", "WORD=mine", "--name", "cooked")
    put(alone)
    first = alone.run(*words, code=3)
    json_alone = events(alone.run(*words, "--json", code=3).stdout)
    with new_home() as served:
        put(served)
        served.serve()
        json_served = events(served.run(*words, "--json", code=3).stdout)
        subprocess.run(["git", "worktree", "remove", "../fix"], cwd=repository, check=True)
        subprocess.run(["git", "branch", "-q", "-D", "fix"], cwd=repository, check=True)
        second = served.run(*words, code=3)
        leading = served.run(*words, code=3)
    place = f"{repository.parent}/fix".encode()
    assert first.stdout == second.stdout
    assert first.stdout.startswith(b"[git] HEAD is now at ")
    behind = b"\n[setup] word mine\n[setup] no newline\n" + place + b"\nout\xff\r\n"
    assert first.stdout.endswith(behind), first.stdout
    assert leading.stdout.startswith(b"[git] the worktree " + place)
    notice = rb"\[sightline\] no server runs[^\n]*\n"
    assert re.sub(notice, b"", first.stderr) == second.stderr
    assert b"[git] Preparing worktree" in first.stderr
    assert b"[setup] oops\n[sightline] docker failed with exit code 4, which is allowed\nerr\n" in first.stderr
    assert told(json_alone) == told(json_served)
    last = json_served[-1]["completed"]
    assert last["labels"] == {
        "id": "env-7",
        "name": "cooked",
        "project": "web",
        "mode": "dev",
        "status": "failed",
        "worktree": place.decode(),
        "branch": "fix",
    }


def test_a_step_that_fails_is_said_in_one_line_and_gives_the_exit_code(served: Sightline) -> None:
    put(served, '[[step]]\nsource = "script:prepare"\nscript = "exit 4"\n')
    done = served.run("run", "--recipe", "web", code=4)
    assert b"script:prepare failed with exit code 4" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_create_returns_at_once_and_the_server_goes_on(served: Sightline, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    (tmp_path / "mine.toml").write_text('[[step]]\nsource = "docker"\nscript = "read go <gate; echo $go"\n')
    name = served.out("create", "--recipe", f"{tmp_path}/mine.toml", "--cwd", str(tmp_path)).strip()
    assert name == "mine"
    assert served.state(name) == "SESSION_STATE_WORKING"
    assert "1 step\n" in served.out("ls")
    (tmp_path / "gate").write_text("went on\n")
    served.run("wait", name)
    assert served.out("watch", name, "--from-start") == "[docker] went on\n"


def test_a_worktree_is_made_for_one_command(served: Sightline, repository: Path) -> None:
    done = served.run(
        "run", "--cwd", str(repository), "--worktree", "fix", "--base", "main", "--", "git", "branch", "--show-current"
    )
    assert done.stdout.endswith(b"\nfix\n")
    assert (repository.parent / "fix").is_dir()


def test_the_steps_of_a_recipe_follow_the_worktree_that_was_asked_for(served: Sightline, repository: Path) -> None:
    put(served, '[[step]]\nsource = "docker"\nscript = "git branch --show-current"\n')
    assert served.out("run", "--recipe", "web", "--cwd", str(repository), "--worktree", "fix").endswith("[docker] fix\n")


def test_ctrl_c_ends_the_recipe(served: Sightline, tmp_path: Path) -> None:
    traps = "trap 'exit 130' INT; echo up; while :; do sleep 0.05; done"  # a shell that is just forking loses an interrupt
    put(served, f'[[step]]\nsource = "docker"\nscript = "{traps}"\n\n[command]\nargv = ["touch", "never"]\n')
    program = served.start("run", "--recipe", "web", "--cwd", str(tmp_path))
    program.expect(b"up")
    program.signal(signal.SIGINT)
    code, _, err = program.ended()
    assert code == 128 + signal.SIGINT
    assert b"interrupted" in err
    assert not (tmp_path / "never").exists()


def test_stdin_waits_for_the_command(served: Sightline) -> None:
    put(served, '[[step]]\nsource = "docker"\nscript = "sleep 0.3; cat; echo done"\n')
    data = os.urandom(300_000)
    assert served.run("run", "--recipe", "web", "--stdin", "--", "cat", stdin=data).stdout == b"[docker] done\n" + data


def test_a_terminal_is_attached_to_when_the_steps_are_done(served: Sightline) -> None:
    put(served, '[[step]]\nsource = "docker"\nscript = "echo stepping"\n')
    terminal = served.on_terminal("run", "--recipe", "web", "--tty", "--", "sh", "-c", "read word; echo got $word")
    terminal.expect(rb"\[docker\] stepping")
    terminal.expect(b"attached to")
    terminal.type(b"it\r")
    terminal.expect(b"got it")
    assert terminal.ended() == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("run", "--recipe", "no-such-project"), 1, b"there is no such recipe"),
        (("create", "--recipe", "web", "--set", "WROD=x"), 1, b"there is no variable 'WROD' in its [env]: it has WORD, BRANCH"),
        (("run", "--set", "A=b", "--", "true"), 2, b"--recipe"),
        (("run", "--base", "main", "--", "true"), 2, b"--worktree"),
        (("run", "--log-steps", "--", "true"), 2, b"--log-steps"),
        (("run",), 2, b"there is no command"),
        (("run", "--worktree", "", "--", "true"), 2, b"--worktree: it is empty"),
        (("run", "--host", "", "--", "true"), 2, b"--host: it is empty"),
    ],
)
def test_what_makes_no_sense_is_one_line(served: Sightline, words: tuple[str, ...], code: int, said: bytes) -> None:
    put(served)
    done = served.run(*words, code=code)
    assert said in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_a_key_that_there_is_not_is_refused_before_anything_runs(alone: Sightline) -> None:
    put(alone, RECIPE.replace("allow_failure", "alow_failure"))
    done = alone.run("run", "--recipe", "web", code=1)
    assert done.stdout == b""
    assert (
        done.stderr
        == (
            f"sightline: {alone.home}/recipes/web.toml, line 22: there is no key 'alow_failure' in step 3; "
            "there are source, argv, script, worktree, cwd, env, timeout, allow_failure\n"
        ).encode()
    )
