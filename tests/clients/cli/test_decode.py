"""decode: recordings and pipes as events, without a server."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path

import pytest
from clients.cli.program import SIGHTLINE
from sightline_cli.main import main
from support.recordings import DATA, Recording, recordings

BOUND = 60.0  # seconds
MIB = 1024 * 1024


@pytest.mark.parametrize("one", [one for one in recordings() if one.data and one.decoder], ids=lambda one: one.name)
def test_a_recording_is_printed_as_its_events_and_its_outcome(one: Recording, capsys: pytest.CaptureFixture[str]) -> None:
    ending = ["--signal", str(one.signal)] if one.signal else []
    ending += [] if one.exit_code is None else ["--exit-code", str(one.exit_code)]
    assert main(["decode", *ending, str(DATA / f"{one.name}.jsonl")]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.split("\n")[:-1]]
    assert printed == [json.loads(line) for line in one.golden.read_text().split("\n")[:-1]]
    assert printed[-1]["completed"]["outcome"] == f"OUTCOME_{one.outcome}"


def test_an_event_is_printed_as_soon_as_its_line_is_there() -> None:
    program = subprocess.Popen([SIGHTLINE, "decode"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert program.stdin is not None
    assert program.stdout is not None
    watch = threading.Timer(BOUND, program.kill)  # a reader that hangs ends
    watch.start()
    try:
        os.write(program.stdin.fileno(), b'{"type":"text","text":"one"}\n{"type":"te')
        assert json.loads(program.stdout.readline())["turnStarted"] == {}
        assert json.loads(program.stdout.readline())["message"]["text"] == "one"
        os.write(program.stdin.fileno(), b'xt","text":"two"}\n')
        assert json.loads(program.stdout.readline())["message"]["text"] == "two"
        program.stdin.close()
        assert "completed" in json.loads(program.stdout.read().splitlines()[-1])
        assert program.wait(BOUND) == 0
    finally:
        watch.cancel()
        program.kill()
        program.wait()
        program.stdout.close()


@pytest.mark.parametrize(
    ("words", "data", "said"),
    [
        (["decode", "/no/such/file"], b"", "/no/such/file cannot be read: No such file or directory"),
        (["decode", "/"], b"", "/ cannot be read: Is a directory"),
        (["decode"], b"", "standard input does not say who wrote it (it is empty): name the agent with --agent (amp,"),
        (["decode", "-"], b"some text\n", "none of its first lines is an agent's that is known"),
        (["decode", "--agent", "gemni", "-"], b"", "there is no agent 'gemni': did you mean gemini?"),
        (["decode", "--agent", "vi", "-"], b"", "there is no agent 'vi': known are amp, "),
        (["decode", "--signal", "HUGE", "-"], b"", "'HUGE' is no signal"),
        (["decode", "--exit-code", "256", "-"], b"", "'256' is no exit code"),
    ],
)
def test_what_cannot_be_decoded_is_said_in_one_line(words: list[str], data: bytes, said: str) -> None:
    done = subprocess.run([SIGHTLINE, *words], input=data, capture_output=True, timeout=BOUND, check=False)
    assert done.returncode in {1, 2}
    assert done.stdout == b""
    assert said in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


def test_a_hint_reads_what_says_nothing_itself() -> None:
    done = subprocess.run(
        [SIGHTLINE, "decode", "--agent", "opencode", "--exit-code", "1"],
        input=b"boom\n",
        capture_output=True,
        timeout=BOUND,
        check=True,
    )
    notice, completed = map(json.loads, done.stdout.splitlines())
    assert notice["notice"]["code"] == "not_json"
    assert completed["completed"]["outcome"] == "OUTCOME_FAILED"


def test_a_long_recording_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    script = (
        "import re, sys\nfrom sightline_cli.main import main\nmain(['decode', sys.argv[1]])\n"
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], file=sys.stderr)"
    )

    def peak(calls: int) -> int:
        file = tmp_path / f"{calls}.jsonl"
        with file.open("wb") as out:
            for number in range(calls):
                out.write(b'{"type":"tool_use","id":"t%d","name":"Bash","input":{}}\n' % number)
                out.write(b'{"type":"tool_result","tool_use_id":"t%d","content":"%s"}\n' % (number, b"x" * MIB))
        python = Path(SIGHTLINE).parent / "python"
        done = subprocess.run(
            [python, "-c", script, file], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=BOUND, check=True
        )
        return int(done.stderr)  # KiB

    assert peak(100) < peak(10) + 30 * 1024
