"""Recipes on a log in memory: what is timed to the moment between two steps, and what stands between session and step."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from server.capture.memory_sink import MemorySink
from sightline.v1.session_pb2 import Session as SessionMessage
from sightline.v1.session_pb2 import Step
from sightline.v1.session_service_pb2 import CreateRequest
from sightline_server.capture import processes, relay_link
from sightline_server.capture.base import Source
from sightline_server.capture.recipe import worktree
from sightline_server.capture.recipe.sinks import Lines, harmless
from sightline_server.capture.sources import Sources
from sightline_server.settings import Settings


class Kitchen:
    """One recipe, and the server around it, which can be restarted."""

    def __init__(self, home: Path) -> None:
        directory = home / "spool" / "session"
        directory.mkdir(mode=0o700, parents=True)
        self.settings = Settings(home=home)
        self.sink = MemorySink(directory, f"s-{uuid.uuid4().hex[:12]}", "recipe")
        self.where = home.parent
        self.source: Source
        self._record = SessionMessage()
        self._sources = self._new_sources()

    def _new_sources(self) -> Sources:
        return Sources(self.settings, {"PATH": os.environ["PATH"], "HOME": "/"})

    async def begin(self, *steps: Step, command: bool = False) -> None:
        request = CreateRequest(cwd=str(self.where), steps=steps, labels={"project": "p"})
        if command:
            request.command.argv.extend(["touch", "commanded"])
        kind = self._sources.of_request(request)
        kind.check(request)
        self._record = await kind.record(request)
        self._record.labels.update(request.labels)
        self.source = kind.new(request, self._record, self.sink)
        await self.source.start()

    async def restart(self) -> None:
        """The server goes, with whatever waits at the gate, and the next one takes over."""
        await self.source.detach()
        await self._sources.close()
        self.sink.gate.set()
        self.sink = self.sink.as_committed()
        self._sources = self._new_sources()
        self.source = self._sources.resumed(self._record, self.sink)
        await self.source.resume()

    async def close(self) -> None:
        await self.source.detach()
        await self._sources.close()
        await processes.end_tree(self.sink.session_id, None, signal.SIGKILL, 0)


@pytest_asyncio.fixture
async def kitchen() -> AsyncIterator[Kitchen]:
    place = Path(tempfile.mkdtemp(prefix="slk"))
    (place / "home").mkdir(mode=0o700)
    made = Kitchen(place / "home")
    yield made
    await made.close()
    shutil.rmtree(place, ignore_errors=True)


def script(text: str, **fields: object) -> Step:
    return Step(source="script:step", script=text, **fields)  # type: ignore[arg-type]


def kinds(sink: MemorySink) -> list[str]:
    return [event.WhichOneof("payload") or "" for event in sink.log]


async def at_the_gate(kitchen: Kitchen, *steps: Step, command: bool = False) -> None:
    """Begins a recipe whose first step has ended, and whose end cannot be logged yet."""
    os.mkfifo(kitchen.where / "go")
    await kitchen.begin(script("read go <go"), *steps, command=command)
    await kitchen.sink.until(lambda: "step_started" in kinds(kitchen.sink))
    kitchen.sink.gate.clear()
    await asyncio.to_thread((kitchen.where / "go").write_text, "go\n")
    await wait_until((kitchen.sink.directory / "step-1" / "exit").exists)


async def wait_until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - another process sets no event of ours
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("command", [False, True])
async def test_terminate_between_two_programs_is_the_end(kitchen: Kitchen, command: bool) -> None:
    await at_the_gate(kitchen, *([] if command else [script("touch never")]), command=command)
    await kitchen.source.terminate(signal.SIGTERM, 1)
    kitchen.sink.gate.set()
    ending = await kitchen.sink.ending()
    assert ending.error == "cancelled in script:step"
    assert not (kitchen.where / "never").exists()
    assert not (kitchen.where / "commanded").exists()


async def test_an_interrupt_between_two_steps_is_the_end(kitchen: Kitchen) -> None:
    await at_the_gate(kitchen, script("touch never", allow_failure=True))
    await wait_until(lambda: kitchen.source._programs.present is None)  # type: ignore[attr-defined]
    await kitchen.source.interrupt()
    kitchen.sink.gate.set()
    ending = await kitchen.sink.ending()
    assert (ending.signal, ending.error) == (signal.SIGINT, "interrupted before script:step")
    assert not (kitchen.where / "never").exists()


async def test_a_server_that_goes_between_two_steps_is_followed_by_one_that_does_the_next(kitchen: Kitchen) -> None:
    await at_the_gate(kitchen, script("echo second"), command=True)
    await kitchen.restart()
    ending = await kitchen.sink.ending()
    assert ending.exit_code == 0
    assert kinds(kitchen.sink).count("step_started") == kinds(kitchen.sink).count("step_finished") == 2
    assert kitchen.sink.written("script:step") == b"second\n"
    assert (kitchen.where / "commanded").exists()


async def test_a_step_that_was_said_to_begin_and_had_not_is_begun_by_the_next_server(kitchen: Kitchen) -> None:
    await kitchen.begin(script("echo once >>ran; echo out"))
    await kitchen.sink.until(lambda: "step_started" in kinds(kitchen.sink))
    await kitchen.sink.ending()
    survivor = kitchen.sink.as_committed()
    first = next(n for n, event in enumerate(survivor.log) if event.HasField("step_started")) + 1
    del survivor.log[first:]
    survivor.positions = {"recipe": 1}
    assert first == 1
    assert (kitchen.where / "ran").read_text() == "once\n"
    shutil.rmtree(kitchen.sink.directory / "step-1")
    request = CreateRequest(cwd=str(kitchen.where), steps=[script("echo twice >>ran")], clear_env=True)
    request.env["PATH"] = os.environ["PATH"]
    (kitchen.sink.directory / "plan.secret").write_bytes(request.SerializeToString())
    kitchen.sink = survivor
    await kitchen.restart()
    assert (await kitchen.sink.ending()).exit_code == 0
    assert (kitchen.where / "ran").read_text() == "once\ntwice\n"


async def test_a_recipe_that_was_never_written_down_is_told(kitchen: Kitchen) -> None:
    await kitchen.begin(script("sleep 600"))
    (kitchen.sink.directory / "plan").unlink()
    await kitchen.restart()
    ending = await kitchen.sink.ending()
    assert not ending.started
    assert ending.error


async def test_what_a_step_wrote_by_name_is_in_the_result_and_what_is_no_line_is_named(kitchen: Kitchen) -> None:
    await kitchen.begin(script("printf 'id=7\\nnonsense\\nstatus=ready' >>$SIGHTLINE_RESULT"))
    ending = await kitchen.sink.ending()
    assert ending.labels == {"project": "p", "id": "7", "name": "recipe", "status": "ready"}
    assert [event.notice.code for event in kitchen.sink.of_kind("notice")] == ["result_skipped"]


async def test_what_the_steps_left_is_told_when_they_are_done_where_a_command_follows(kitchen: Kitchen) -> None:
    await kitchen.begin(script("echo id=7 >>$SIGHTLINE_RESULT"), script("echo port=80 >>$SIGHTLINE_RESULT"), command=True)
    await kitchen.sink.ending()
    first, last = (event.step_finished for event in kitchen.sink.of_kind("step_finished"))
    assert not first.labels
    assert last.labels == {"project": "p", "id": "7", "name": "recipe", "port": "80"}


@pytest.mark.parametrize("instead", ["rm $SIGHTLINE_RESULT", "rm $SIGHTLINE_RESULT; mkfifo $SIGHTLINE_RESULT"])
async def test_a_result_that_is_no_file_any_more_holds_nothing_up(kitchen: Kitchen, instead: str) -> None:
    await kitchen.begin(script(instead))
    assert (await kitchen.sink.ending()).labels["id"] == kitchen.sink.session_id


async def test_a_lost_relay_is_a_failure_that_nobody_saw(kitchen: Kitchen) -> None:
    await kitchen.begin(script("echo up; sleep 600"), script("touch never"))
    await kitchen.sink.until(lambda: kitchen.sink.written("script:step") == b"up\n")
    started = relay_link.read_started(kitchen.sink.directory / "step-1")
    assert started
    processes.send_signal(started.relay, signal.SIGKILL)
    ending = await kitchen.sink.ending()
    assert not ending.observed
    assert "script:step was lost" in ending.error
    assert not (kitchen.where / "never").exists()


# --- a worktree that was stopped in the middle


def test_a_worktree_that_git_was_killed_over_is_taken_back(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    identity = ["-c", "user.name=n", "-c", "user.email=e"]
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=repository, check=True)
    subprocess.run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "x"], cwd=repository, check=True)
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.write_text("#!/bin/sh\nkill -9 $(ps -o ppid= -p $PPID) $PPID\n")
    hook.chmod(0o755)
    record = tmp_path / "worktree"
    words = [sys.executable, "-I", "-S", worktree.__file__]
    killed = subprocess.run([*words, "add", str(record), "", "fix", ""], cwd=repository, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "fix").exists()
    done = subprocess.run([*words, "remove", str(record), "name"], cwd="/", check=True, capture_output=True, text=True)
    assert "is removed" in done.stdout
    assert not (tmp_path / "fix").exists()
    listed = subprocess.run(["git", "branch"], cwd=repository, check=True, capture_output=True, text=True).stdout
    assert listed == "* main\n"


def test_within_a_hook_of_git_the_directorys_own_repository_is_meant(tmp_path: Path) -> None:
    for name in ("one", "other"):
        subprocess.run(["git", "init", "-q", "-b", "main", name], cwd=tmp_path, check=True)
        commit = ["git", "-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "--allow-empty", "-m", name]
        subprocess.run(commit, cwd=tmp_path / name, check=True)
    env = {**os.environ, "GIT_DIR": str(tmp_path / "other" / ".git"), "GIT_INDEX_FILE": "nonsense"}
    words = [sys.executable, "-I", "-S", worktree.__file__, "add", str(tmp_path / "record"), "", "fix", ""]
    subprocess.run(words, cwd=tmp_path / "one", check=True, env=env, capture_output=True)
    said = subprocess.run(["git", "log", "-1", "--format=%s"], cwd=tmp_path / "fix", check=True, capture_output=True, text=True)
    assert said.stdout == "one\n"


# --- lines in the server's log


def test_lines_are_one_record_each_however_they_come(caplog: pytest.LogCaptureFixture) -> None:
    text = b"one\r\n\ntwo\x1b]0;title\x07\x80\xe2\x80\xae\xc3\xa9\n" + b"x" * 5000 + b"\nopen"
    whole, bytewise = Lines("w"), Lines("w")
    with caplog.at_level(logging.INFO, "sightline.steps"):
        whole.feed("stdout", [text])
        whole.finish()
        first = [record.message for record in caplog.records]
        caplog.clear()
        for byte in text:
            bytewise.feed("stdout", [bytes([byte])])
        bytewise.finish()
    assert first == [record.message for record in caplog.records]
    assert first == ["w one", "w ", r"w two\x1b]0;title\x07\x80\u202eé", "w " + "x" * 4096, "w " + "x" * 904, "w open"]


def test_nothing_of_a_line_is_obeyed_by_a_terminal() -> None:
    for number in range(256):
        assert all(char.isprintable() or char == "\t" for char in harmless(bytes([number])))
