"""What a release leaves behind for every later one: a home with logs, what is in them, and every request with all of its fields."""

from __future__ import annotations

import base64
import io
import json
import lzma
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.session_service_pb2_grpc import SessionServiceStub

SERVICE = pb.DESCRIPTOR.services_by_name["SessionService"]
HOME, EVENTS, REQUESTS = "home.tar.xz", "events.jsonl.xz", "requests.jsonl"
LEFT_OUT = ("lock", "sightline.sock", "token", "search.db", "sightline.db.reserve")  # made again, and no log
MAX_DEPTH = 4  # of messages within messages: deeper ones are left empty
PATIENCE = 20.0  # seconds


def pack(home: Path) -> bytes:
    """A home as an archive, without what a server makes again."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in sorted(home.rglob("*")):
            if path.is_file() and not path.relative_to(home).parts[0].startswith(LEFT_OUT):
                info = archive.gettarinfo(str(path), str(path.relative_to(home)))
                info.uid = info.gid = 0
                info.uname = info.gname = ""
                with path.open("rb") as file:
                    archive.addfile(info, file)
    return lzma.compress(packed.getvalue(), preset=9)


def unpack(packed: bytes, home: Path) -> None:
    """The home again."""
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(packed))) as archive:
        archive.extractall(home, filter="data")


def events_of(stub: SessionServiceStub) -> Iterator[dict[str, Any]]:
    """All events of all sessions, the oldest session first, each as proto3 JSON."""
    sessions = stub.List(pb.ListRequest(page_size=1000), timeout=PATIENCE).sessions
    for session in sorted(sessions, key=lambda one: one.create_time.ToNanoseconds()):
        token = ""
        while True:
            request = pb.ListEventsRequest(session=session.id, page_size=10_000, page_token=token)
            page = stub.ListEvents(request, timeout=PATIENCE)
            yield from map(json_format.MessageToDict, page.events)
            token = page.next_page_token
            if not token:
                break


def requests() -> Iterator[dict[str, Any]]:
    """Every request of the contract with all of its fields, once for each choice in it: as bytes and as JSON."""
    for method in SERVICE.methods:
        for request in filled(GetMessageClass(method.input_type)):
            encoded = base64.b64encode(request.SerializeToString(deterministic=True)).decode()
            yield {"method": method.name, "bytes": encoded, "request": json_format.MessageToDict(request)}


def filled(kind: type[Message]) -> Iterator[Message]:
    """Messages with all fields set: as many as the largest choice among its fields has members."""
    choices = max([1, *(len(one.fields) for one in kind.DESCRIPTOR.oneofs)])
    for choice in range(choices):
        message = kind()
        _fill(message, choice, MAX_DEPTH)
        yield message


def _fill(message: Message, choice: int, depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        group = field.containing_oneof
        if group is not None and group.fields[choice % len(group.fields)].number != field.number:
            continue
        _set(message, field, choice, depth)


def _set(message: Message, field: Any, choice: int, depth: int) -> None:
    place: Any = getattr(message, field.name)
    if _is_map(field):
        if field.message_type.fields_by_name["value"].message_type is None:
            place["key"] = "value"
        else:
            _fill(place["key"], choice, depth - 1)
    elif field.message_type is None:
        value = _scalar(field)
        if field.is_repeated:
            place.extend([value, value])
        else:
            setattr(message, field.name, value)
    elif depth > 0:
        inner = place.add() if field.is_repeated else place
        inner.SetInParent()
        _fill(inner, choice, depth - 1)


def _is_map(field: Any) -> bool:
    kind: Descriptor | None = field.message_type
    return bool(kind is not None and kind.GetOptions().map_entry)


def _scalar(field: Any) -> Any:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return b"\x00\xff" if field.type == FieldDescriptor.TYPE_BYTES else f"{field.name} é"
        case FieldDescriptor.CPPTYPE_BOOL:
            return True
        case FieldDescriptor.CPPTYPE_ENUM:
            return field.enum_type.values[-1].number
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return 0.5
        case _:
            return field.number + 1  # small enough for the nanoseconds of a time


def write(place: Path, home: bytes, events: list[dict[str, Any]]) -> None:
    """A release's corpus."""
    place.mkdir(parents=True)
    (place / HOME).write_bytes(home)
    (place / EVENTS).write_bytes(lzma.compress(_lines(events).encode(), preset=9))
    (place / REQUESTS).write_text(_lines(list(requests())))


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of one of its files."""
    text = lzma.decompress(path.read_bytes()).decode() if path.suffix == ".xz" else path.read_text()
    return [json.loads(line) for line in text.splitlines()]


def _lines(objects: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(one, ensure_ascii=False, sort_keys=True) + "\n" for one in objects)
