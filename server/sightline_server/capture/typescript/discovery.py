"""Typescripts that could be adopted: those in directories, and those that a running `script` writes, wherever they lie."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from sightline.v1.event_pb2 import Error, ErrorOrigin
from sightline.v1.session_pb2 import SessionKind, Terminal, Typescript
from sightline.v1.session_service_pb2 import Candidate

from sightline_server.capture.paths import is_utf8, utf8
from sightline_server.capture.typescript.writers import FileId, Writers
from sightline_server.decode import typescript
from sightline_server.errors import FileUnreadable, SightlineError

SUFFIX = ".typescript"
HEADER_BYTES = 4096  # of a file that is only looked at
NO_TEXT = "its name is no UTF-8, and so nobody could ask for it: rename it"


def read_header(path: str) -> typescript.Header | None:
    """The first line of a file; None: it has none, or cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return None
    try:
        return typescript.header(os.pread(fd, HEADER_BYTES, 0))
    except OSError:
        return None
    finally:
        os.close(fd)


def discover(directories: Iterable[str], writers: Writers) -> tuple[list[Candidate], list[Error]]:
    """What there is, each file once, in order of its path; and the directories that cannot be looked at."""
    found: dict[FileId, Candidate] = {}
    problems = []
    for directory in dict.fromkeys(os.path.realpath(directory) for directory in directories):
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if not entry.name.endswith(SUFFIX) or not entry.is_file():
                        continue
                    if not is_utf8(entry.path):
                        problems.append(_problem(FileUnreadable(path=utf8(entry.path), why=NO_TEXT)))
                    else:
                        status = entry.stat()
                        found[status.st_dev, status.st_ino] = _candidate(entry.path)
        except OSError as error:
            problems.append(_problem(FileUnreadable(path=utf8(directory), why=error.strerror)))
    _add_written(found, writers)
    return sorted(found.values(), key=lambda candidate: candidate.typescript.path), problems


def _add_written(found: dict[FileId, Candidate], writers: Writers) -> None:
    """Adds what a running `script` writes elsewhere, and where each runs."""
    for file, who in writers.items():
        for writer in who:
            if writer.program == "script":
                path = _name(writer.path)
                if file not in found and path and is_utf8(path) and (read_header(path) is not None or path.endswith(SUFFIX)):
                    found[file] = _candidate(path)
                if file in found:
                    found[file].cwd = utf8(_name(f"/proc/{writer.process.pid}/cwd"))


def _candidate(path: str) -> Candidate:
    header = read_header(path)
    size = Terminal(columns=header.columns, rows=header.rows) if header and header.columns else None
    return Candidate(
        kind=SessionKind.SESSION_KIND_TYPESCRIPT,
        typescript=Typescript(path=path),
        command=header.command if header else "",
        title=Path(path).name.removesuffix(SUFFIX),
        terminal=size,
    )


def _name(link: str) -> str:
    """What a link of /proc names; empty: nothing that is there."""
    try:
        path = os.readlink(link)
    except OSError:
        return ""
    return path if os.path.exists(path) else ""


def _problem(error: SightlineError) -> Error:
    return Error(code=error.reason, message=str(error), origin=ErrorOrigin.ERROR_ORIGIN_SIGHTLINE)
