"""Files that appear whole or not at all. Knows bytes and paths, nothing of what is in them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from sightline_cli.command import Complaint

BUFFER = 1024 * 1024  # bytes gathered before a write


class Saving:
    """Writes some files side by side under passing names, and gives them their own when all is written.

    Only their owner may read them. As a context manager: whatever ends it before `commit` leaves nothing behind.

    Args:
        paths: where they are to be; None: bytes for it are dropped. All but the first are made when something is written to them.
        replace: what is there already may be replaced.
        rare: the last of `paths` is often not written at all: what is there matters only when it is.

    Raises:
        Complaint: one is there already, or its directory is not. `write` raises it for a rare one.
    """

    def __init__(self, paths: Sequence[Path | None], *, replace: bool, rare: bool = False) -> None:
        self._paths = paths
        self._replace = replace
        self._files: dict[int, BinaryIO] = {}
        for path in filter(None, paths[:-1] if rare else paths):
            self._check(path)
        if paths and paths[0] is not None:
            self._open(0, paths[0])

    def __enter__(self) -> Saving:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for file in self._files.values():
            with suppress(OSError):  # a full disk says so once more
                file.close()
            with suppress(FileNotFoundError):
                os.unlink(file.name)

    def write(self, number: int, data: bytes) -> None:
        """Adds bytes to the file of that number."""
        path = self._paths[number]
        if data and path is not None:
            (self._files.get(number) or self._open(number, path)).write(data)

    def commit(self) -> None:
        """All is written: gives the files their names."""
        for file in self._files.values():
            file.close()
        for number, file in self._files.items():
            path = self._paths[number]
            assert path is not None  # noqa: S101 - for the type checker: it has a file
            if self._replace:
                os.replace(file.name, path)
            else:
                self._name(file.name, path)

    def _check(self, path: Path) -> None:
        if os.path.lexists(path) and not (self._replace and path.is_file()):
            what = "give --force to replace it" if path.is_file() else "it is no file that could be replaced"
            raise Complaint(f"{path} is there already: {what}")

    def _open(self, number: int, path: Path) -> BinaryIO:
        self._check(path)
        try:
            descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
        except OSError as error:
            raise Complaint(f"{path} cannot be written: {error.strerror}") from None
        os.close(descriptor)
        file = self._files[number] = open(name, "wb", buffering=BUFFER)  # noqa: SIM115 - closed by `commit` or `__exit__`
        return file

    def _name(self, passing: str, path: Path) -> None:
        try:
            os.link(passing, path)  # unlike a rename it replaces nothing that came meanwhile
        except FileExistsError:
            raise Complaint(f"{path} has come meanwhile: give --force to replace it") from None
        except OSError:  # a file system without links
            os.replace(passing, path)
