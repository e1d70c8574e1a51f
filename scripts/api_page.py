"""Prints docs/api.md: the contract as a page, from the comments in proto/. Run by scripts/generate."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)

ROOT = Path(__file__).parents[1]
PACKAGE = ".sightline.v1."
FILES = ("session_service", "session", "event", "bridge")
"""In the order of reading: what can be called, what it is about, what comes, and the same over a WebSocket."""

HEAD = """\
# The contract

Written by `scripts/generate` from the comments in `proto/sightline/v1`; never edited by hand. How a stream behaves is in
[stream.md](stream.md), each reason of an error in [errors.md](errors.md), clients of other languages in [clients.md](clients.md).
"""

Path_ = tuple[int, ...]
SCALARS = {value: name.removeprefix("TYPE_").lower() for name, value in FieldDescriptorProto.Type.items()}
MESSAGE_FIELD, MESSAGE_NESTED, MESSAGE_ENUM, MESSAGE_ONEOF = 2, 3, 4, 8  # the numbers of DescriptorProto's own fields
FILE_MESSAGE, FILE_ENUM, FILE_SERVICE, ENUM_VALUE, SERVICE_METHOD, SYNTAX = 4, 5, 6, 2, 2, 12


class Page:
    """One file of the contract."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self._file = file
        located = file.source_code_info.location
        self._comments = {tuple(one.path): one.leading_comments for one in located}
        self._head = "".join(
            one.leading_detached_comments[0] if one.leading_detached_comments else ""
            for one in located
            if tuple(one.path) == (SYNTAX,)
        )
        self._head = self._head or self._comments.get((SYNTAX,), "")

    def lines(self) -> Iterator[str]:
        """The page's part about this file."""
        yield f"\n## {Path(self._file.name).name}\n"
        yield paragraphs(self._say((SYNTAX,)))
        for n, service in enumerate(self._file.service):
            yield from self._service(service, (FILE_SERVICE, n))
        for n, message in enumerate(self._file.message_type):
            yield from self._message(message, (FILE_MESSAGE, n), "")
        for n, enum in enumerate(self._file.enum_type):
            yield from self._enum(enum, (FILE_ENUM, n), "")

    def _say(self, path: Path_) -> str:
        return self._comments.get(path, "")

    def _service(self, service: ServiceDescriptorProto, path: Path_) -> Iterator[str]:
        yield f"\n### {service.name}\n"
        yield paragraphs(self._say(path))
        yield "\n| call | takes | gives | |\n|---|---|---|---|"
        for n, method in enumerate(service.method):
            stream = "a stream of " if method.server_streaming else ""
            words = cell(self._say((*path, SERVICE_METHOD, n)))
            yield f"| `{method.name}` | {link(method.input_type)} | {stream}{link(method.output_type)} | {words} |"

    def _message(self, message: DescriptorProto, path: Path_, outer: str) -> Iterator[str]:
        name = f"{outer}{message.name}"
        yield f"\n### {name}\n"
        yield paragraphs(self._say(path))
        if message.field:
            yield "\n| field | type | |\n|---|---|---|"
        said = -1
        for n, field in enumerate(message.field):
            of_one = field.HasField("oneof_index") and not field.proto3_optional
            if of_one and field.oneof_index != said:
                said = field.oneof_index
                yield f"| | one of: | {cell(self._say((*path, MESSAGE_ONEOF, said)))} |"
            sign = "· " if of_one else ""
            words = cell(self._say((*path, MESSAGE_FIELD, n)))
            yield f"| {sign}`{field.name}` = {field.number} | {kind(field, message)} | {words} |"
        for n, inner in enumerate(message.nested_type):
            if not inner.options.map_entry:
                yield from self._message(inner, (*path, MESSAGE_NESTED, n), f"{name}.")
        for n, enum in enumerate(message.enum_type):
            yield from self._enum(enum, (*path, MESSAGE_ENUM, n), f"{name}.")

    def _enum(self, enum: EnumDescriptorProto, path: Path_, outer: str) -> Iterator[str]:
        yield f"\n### {outer}{enum.name}\n"
        yield paragraphs(self._say(path))
        yield "\n| value | |\n|---|---|"
        for n, value in enumerate(enum.value):
            yield f"| `{value.name}` = {value.number} | {cell(self._say((*path, ENUM_VALUE, n)))} |"


def kind(field: FieldDescriptorProto, message: DescriptorProto) -> str:
    """A field's type, in words."""
    entry = next((one for one in message.nested_type if one.options.map_entry and field.type_name.endswith(f".{one.name}")), None)
    if entry is not None:
        return f"map of {kind(entry.field[0], entry)} to {kind(entry.field[1], entry)}"
    word = link(field.type_name) if field.type_name else SCALARS[field.type]
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"many {word}"
    return f"{word}, if set" if field.proto3_optional else word


def link(type_name: str) -> str:
    """A message's or an enum's name, which leads to it where it is on this page."""
    name = type_name.removeprefix(PACKAGE)
    if name == type_name:
        return name.removeprefix(".google.protobuf.")
    return f"[{name}](#{name.lower().replace('.', '')})"


def cell(comment: str) -> str:
    """A comment on one line of a table."""
    return " ".join(comment.split()).replace("|", "\\|")


def paragraphs(comment: str) -> str:
    """A comment as paragraphs."""
    return "\n".join(line.removeprefix(" ") for line in comment.strip("\n").split("\n"))


def described() -> dict[str, FileDescriptorProto]:
    """The contract's files, with their comments, by name."""
    with tempfile.TemporaryDirectory() as place:
        made = Path(place) / "contract"
        command = [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            "-I",
            "proto",
            "--include_source_info",
            f"--descriptor_set_out={made}",
        ]
        subprocess.run([*command, *(f"proto/sightline/v1/{name}.proto" for name in FILES)], cwd=ROOT, check=True)
        files = FileDescriptorSet.FromString(made.read_bytes()).file
    return {Path(one.name).stem: one for one in files}


def main() -> None:
    """Prints the page."""
    files = described()
    print(HEAD + "\n".join(line for name in FILES for line in Page(files[name]).lines()))


if __name__ == "__main__":
    main()
