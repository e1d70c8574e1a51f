"""Tab: what a shell offers."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from clients.cli.program import SIGHTLINE, Sightline
from google.protobuf.json_format import Parse
from sightline import sync
from sightline.v1.event_pb2 import Event, Request
from sightline_cli.main import all_commands

ASK = """
PATH={bin}:$PATH
source <(sightline completion bash)
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_sightline
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def offered(sightline: Sightline, words: str) -> set[str]:
    """What bash offers for the last of these words."""
    script = ASK.format(bin=Path(SIGHTLINE).parent, words=words)
    done = subprocess.run(["bash", "-c", script], env=sightline.env, capture_output=True, text=True, timeout=20, check=True)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_bash_offers_commands_flags_and_names(served: Sightline) -> None:
    served.run("run", "-d", "--name", "web", "--", "sleep", "60")
    assert offered(served, "sightline wa") == {"watch", "watch-dir", "wait"}
    assert offered(served, "sightline watch --ti --ta") == {"--tail", "--talk", "--target"}
    assert offered(served, "sightline watch w") == {"web"}
    assert offered(served, "sightline completion ''") == {"bash", "zsh", "fish"}
    assert "seq" in offered(served, "sightline run -- seq")


def test_bash_offers_what_an_option_takes_and_files_where_it_takes_a_file(served: Sightline) -> None:
    served.run("run", "-d", "--name", "web", "--", "sleep", "60")
    assert offered(served, "sightline export web --format ''") == {"v3", "v2", "typescript", "jsonl", "text"}
    assert offered(served, "sightline run --holder s") == {"script", "screen"}
    assert offered(served, "sightline up --web --allow") == {"--allow-origin"}
    assert offered(served, "sightline bridge --web") == {"--web-address"}
    assert offered(served, "sightline op") == {"open"}
    assert offered(served, "sightline bridge --life") == set(), "what `up` tells its child is nobody else's"
    assert offered(served, "sightline search --session ''") == {"web"}
    assert offered(served, "sightline export web -o ''") == set(), "nothing of ours: the shell goes on to files"


def test_bash_offers_the_answers_to_what_is_asked_and_nothing_that_it_would_run(served: Sightline, tmp_path: Path) -> None:
    asked = {"requestId": "r1", "options": [{"optionId": "allow"}, {"optionId": "deny"}, {"optionId": f"$(touch {tmp_path}/ran)"}]}
    served.run("publish", "fix", "--json", stdin=json.dumps({"request": asked}).encode() + b"\n")  # ends with its input
    assert offered(served, "sightline answer fix ''") == set()
    with sync.connect(f"unix:{served.home}/sightline.sock") as client:
        session = client.create_published(name="fix")
        client.publish(session, [Event(request=Parse(json.dumps(asked), Request()))])
    assert offered(served, "sightline answer f") == {"fix"}
    assert offered(served, "sightline answer fix ''") == {"allow", "deny"}
    assert offered(served, "sightline answer fix a") == {"allow"}
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_every_command_and_option(alone: Sightline, shell: str) -> None:
    script = alone.out("completion", shell)
    for word in [*(command.name for command in all_commands()), "until-caught-up", "detach-key"]:
        assert word in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script.encode(), check=True, timeout=20)
