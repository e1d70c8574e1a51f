"""Nonsense in every field: hypothesis strategies that are made from a message's descriptor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

MAX_DEPTH = 4  # of messages within messages
F = FieldDescriptor
INTEGERS: Mapping[int, tuple[int, int]] = {
    F.TYPE_INT32: (-(2**31), 2**31 - 1),
    F.TYPE_INT64: (-(2**63), 2**63 - 1),
    F.TYPE_UINT32: (0, 2**32 - 1),
    F.TYPE_UINT64: (0, 2**64 - 1),
    F.TYPE_ENUM: (-(2**31), 2**31 - 1),  # proto3's enums are open
}
TEXTS = ("", "*", "\0", "-", "--help", "/", "..", "x" * 200, "name@host", "é\u202e\U0001f600", "%s{}", "1", "9" * 30, "²", "٣")


def nonsense(message: type[Message], known: Mapping[str, Sequence[Any]], depth: int = 0) -> st.SearchStrategy[Any]:
    """Messages of a type, each field unset, right, at a border or absurd.

    Args:
        message: the type.
        known: by a field's name: values that mean something, taken half of the time.
        depth: how deep it lies in another.
    """
    fields = {
        field.name: of_field(field, known, depth)
        for field in message.DESCRIPTOR.fields
        if depth < MAX_DEPTH or field.type != F.TYPE_MESSAGE
    }
    return st.fixed_dictionaries({}, optional=fields).map(lambda chosen: built(message, chosen))


def built(message: type[Message], fields: Mapping[str, Any]) -> Message:
    """A message; of a oneof the last one stays, as on the wire."""
    made = message()
    for name, value in fields.items():
        if isinstance(value, Message):
            getattr(made, name).CopyFrom(value)
        elif isinstance(value, dict):
            for key, inner in value.items():
                if isinstance(inner, Message):
                    getattr(made, name)[key].CopyFrom(inner)
                else:
                    getattr(made, name)[key] = inner
        elif isinstance(value, list):
            getattr(made, name).extend(value)
        else:
            setattr(made, name, value)
    return made


def of_field(field: Any, known: Mapping[str, Sequence[Any]], depth: int) -> st.SearchStrategy[Any]:
    """Values of a field."""
    inner = field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        key, value = (of_one(inner.fields_by_name[name], known, depth) for name in ("key", "value"))
        return st.dictionaries(key, value, max_size=3)
    one = of_one(field, known, depth)
    return st.lists(one, max_size=4) if field.is_repeated else one


def of_one(field: Any, known: Mapping[str, Sequence[Any]], depth: int) -> st.SearchStrategy[Any]:
    """One value of a field."""
    absurd = of_type(field, known, depth)
    if field.type == F.TYPE_MESSAGE or field.name not in known:
        return absurd
    return st.one_of(st.sampled_from(list(known[field.name])), absurd)


def of_type(field: Any, known: Mapping[str, Sequence[Any]], depth: int) -> st.SearchStrategy[Any]:
    """Any value of a field's type."""
    inner = field.message_type
    if inner is not None:
        return nonsense(GetMessageClass(inner), known, depth + 1)
    if field.type in INTEGERS:
        low, high = INTEGERS[field.type]
        borders = st.sampled_from([low, low + 1, high, high - 1, 2**31 - 1, 10_000, 0 if low else 1])
        return st.one_of(st.integers(0, 30), borders, st.integers(low, high))
    if field.type == F.TYPE_STRING:
        return st.one_of(st.sampled_from(TEXTS), st.text(max_size=20))
    if field.type == F.TYPE_BYTES:
        return st.binary(max_size=40)
    if field.type == F.TYPE_BOOL:
        return st.booleans()
    return st.floats()
