"""Typescripts on another host: followed at the byte over outages and restarts; truncated, replaced, gone; to the last line."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conformance.rig import until
from server.capture.remote.ground import Followed, Ground, ground
from sightline.v1.event_pb2 import CaptureState
from sightline.v1.session_pb2 import SessionKind, Typescript
from sightline.v1.session_service_pb2 import CreateRequest, DiscoverRequest
from sightline_server.capture.base import Typed
from sightline_server.errors import FileNotThere, NoKeyboard

# `tail` where processors are busy: between the parts of what it says about a file, each a write of its own, time passes.
BUSY_TAIL = f"""#!{sys.executable}
import os, subprocess, sys, time
argv = ["tail", f"--pid={{os.getpid()}}", *sys.argv[1:]]
tail = subprocess.Popen(argv, executable="{shutil.which("tail")}", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
while data := os.read(tail.stdout.fileno(), 65536):
    before, said, behind = data.partition(b"tail: ")
    for part in (before + said, behind[:20], behind[20:]):
        os.write(1, part)
        time.sleep(0.1)
sys.exit(tail.wait())
"""


async def adopted(here: Ground, path: Path) -> Followed:
    return await here.create(CreateRequest(host="box", typescript=Typescript(path=str(path))))


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


async def test_what_script_records_comes_without_its_own_lines_and_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "work.typescript"
    async with ground() as here:
        argv = ["script", "-q", "-e", "-f", "-c", "echo one; read x; echo two; exit 3", str(path)]
        recorder = await asyncio.create_subprocess_exec(*argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        await until(lambda: path.exists() and b"one" in path.read_bytes())
        followed = await adopted(here, path)
        await followed.sink.until(lambda: followed.output() == b"one\r\n")
        with pytest.raises(NoKeyboard):
            followed.source.check_send(Typed(data=b"x"))
        await recorder.communicate(b"\n")
        ending = await followed.sink.ending()
        assert ending.exit_code == 3
        assert followed.output().endswith(b"two\r\n")
        assert b"Script" not in followed.output()


async def test_outages_and_restarts_lose_and_double_nothing(tmp_path: Path) -> None:
    path = tmp_path / "plain.typescript"
    written = b""
    path.touch()
    async with ground() as here:
        followed = await adopted(here, path)
        for number in range(3):
            for place in (b"up", b"away", b"down"):
                if place == b"away":
                    here.host.stop()
                    await followed.disconnected()
                data = b"%s %d\n" % (place, number) + bytes(range(256)) * 400 + b"\n"
                append(path, data)
                written += data
            followed = await here.restart(followed)
            here.host.start()
            await followed.following()
        await followed.sink.until(lambda: followed.size >= len(written))
        assert followed.output() == written


async def test_a_truncated_typescript_is_read_from_its_beginning_again(tmp_path: Path) -> None:
    path = tmp_path / "cut.typescript"
    path.write_bytes(b"before the cut\n")
    async with ground() as here:
        followed = await adopted(here, path)
        await followed.sink.until(lambda: followed.output() == b"before the cut\n")
        path.write_bytes(b"")
        append(path, b"anew\n")
        await followed.sink.until(lambda: followed.output() == b"before the cut\nanew\n")
        assert ["truncated" in event.notice.text for event in followed.sink.of_kind("notice")] == [True]


async def test_that_a_typescript_was_truncated_is_known_however_slowly_it_is_said(tmp_path: Path) -> None:
    tail = tmp_path / "bin" / "tail"
    tail.parent.mkdir()
    tail.write_text(BUSY_TAIL)
    tail.chmod(0o755)
    path = tmp_path / "cut.typescript"
    path.write_bytes(b"before the cut\n")
    async with ground(PATH=f"{tail.parent}:{os.environ['PATH']}") as here:
        followed = await adopted(here, path)
        await followed.sink.until(lambda: followed.output() == b"before the cut\n")
        path.write_bytes(b"")
        append(path, b"anew\n")
        await followed.sink.until(lambda: followed.output().endswith(b"anew\n"))
        assert followed.output() == b"before the cut\nanew\n"


async def test_a_replaced_typescript_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "turned.typescript"
    path.write_bytes(b"the old one\n")
    async with ground() as here:
        followed = await adopted(here, path)
        await followed.sink.until(lambda: followed.output() == b"the old one\n")
        (tmp_path / "new").write_bytes(b"the new one, which is longer\n")
        (tmp_path / "new").replace(path)
        await followed.sink.until(lambda: followed.output() == b"the old one\nthe new one, which is longer\n")
        assert followed.sink.of_kind("notice")


async def test_a_typescript_that_vanishes_is_said_to_be_gone_and_taken_up_when_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "gone.typescript"
    path.write_bytes(b"here\n")
    async with ground() as here:
        followed = await adopted(here, path)
        await followed.sink.until(lambda: followed.output() == b"here\n")
        path.rename(tmp_path / "elsewhere")
        await followed.sink.until(lambda: followed.sink.states[-1][0] == CaptureState.CAPTURE_STATE_BLIND)
        path.write_bytes(b"again\n")
        await followed.following()
        await followed.sink.until(lambda: followed.output() == b"here\nagain\n")
        await followed.source.release()
        assert (await followed.sink.ending()).released


async def test_a_typescript_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    async with ground() as here:
        with pytest.raises(FileNotThere, match="on box"):
            await adopted(here, tmp_path / "nothing.typescript")


async def test_typescripts_are_found_in_the_directories_that_are_named(tmp_path: Path) -> None:
    (tmp_path / "one.typescript").touch()
    (tmp_path / "other").touch()
    async with ground() as here:
        request = DiscoverRequest(hosts=["box"], directories=[str(tmp_path), str(tmp_path / "missing")])
        found, problems = await here.sources.discover(request)
        assert [(one.kind, one.host, one.typescript.path) for one in found] == [
            (SessionKind.SESSION_KIND_TYPESCRIPT, "box", str(tmp_path / "one.typescript"))
        ]
        assert [problem.code for problem in problems] == ["FILE_NOT_THERE"]
