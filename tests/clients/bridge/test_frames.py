"""The two forms of a frame: what is passed on is what came, and nothing that a client can send breaks anything."""

from __future__ import annotations

import json

import pytest
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from sightline.v1.bridge_pb2 import CallEnd, ClientFrame, ServerFrame
from sightline.v1.session_service_pb2 import DESCRIPTOR, ListResponse, SubscribeResponse
from sightline_bridge.calls import METHODS
from sightline_bridge.errors import BadFrame
from sightline_bridge.frames import BINARY, FORMS, Form, Json, varint
from support.nonsense import nonsense

JSON = Json()
SESSION = {"sessions": [{"name": "a", "headSeq": "9007199254740993"}]}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(["call", "credit", "list"]), inner, max_size=4)
    ),
    max_leaves=20,
)


def refused_or_read(form: Form, data: bytes | str) -> None:
    """Fails for anything but a frame or `BadFrame`; what a refusal says can be sent."""
    try:
        form.read(data)
    except BadFrame as error:
        form.frame(ServerFrame(end=CallEnd(message=str(error), reason=error.reason)))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_a_bad_frame(data: bytes) -> None:
    refused_or_read(BINARY, data)


@given(st.text(max_size=200) | ANY_JSON.map(json.dumps))
def test_any_text_and_any_json_is_a_frame_or_a_bad_frame(data: str) -> None:
    refused_or_read(JSON, data)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "{",
        "null",
        '"x"',
        "[" * 100_000,
        '{"a":' * 5_000 + "1" + "}" * 5_000,
        '{"call": -1}',
        '{"call": 4294967296}',
        '{"call": "x"}',
        '{"call": 1.5}',
        '{"call": ' + "9" * 5_000 + "}",
        '{"nothing": {}}',
        '{"list": 5}',
        '{"list": {}, "get": {}}',
        '{"get": {"session": "\\ud800"}}',
        '{"\\ud800": 1}',
        '{"subscribe": {"heartbeatInterval": "x"}}',
        '{"subscribe": {"atTime": "yesterday"}}',
        '{"call": 1, "call": 2}',
    ],
)
def test_text_that_is_no_frame_is_refused_with_words(data: str) -> None:
    with pytest.raises(BadFrame) as refused:
        JSON.read(data)
    assert JSON.frame(ServerFrame(end=CallEnd(message=str(refused.value))))


def test_text_on_the_binary_protocol_and_bytes_on_the_other_are_refused() -> None:
    with pytest.raises(BadFrame, match="is binary"):
        BINARY.read("{}")
    with pytest.raises(BadFrame, match="is text"):
        JSON.read(b"{}")


@given(nonsense(ClientFrame, {}, depth=2))
def test_both_forms_read_the_same(frame: ClientFrame) -> None:
    assert BINARY.read(frame.SerializeToString()) == frame
    try:
        text = json_format.MessageToJson(frame)
    except (json_format.SerializeToJsonError, ValueError):
        return  # a time or a length of time that is none
    read = JSON.read(text)
    assert read.SerializeToString(deterministic=True) == frame.SerializeToString(deterministic=True)


@given(st.integers(1, 2**32 - 1), st.binary(max_size=300))
def test_a_response_is_the_frames_last_field_as_it_came(call: int, data: bytes) -> None:
    for method in METHODS.values():
        written = BINARY.response(call, method, data)
        assert written.endswith(varint(len(data)) + data)
    read = ServerFrame.FromString(BINARY.response(call, METHODS["subscribe"], b""))
    assert (read.call, read.WhichOneof("say")) == (call, "subscribe")


def test_a_response_reads_the_same_in_both_forms() -> None:
    response = ListResponse()
    response.sessions.add(name="a", head_seq=2**53 + 1)
    binary = ServerFrame.FromString(BINARY.response(7, METHODS["list"], response.SerializeToString()))
    assert (binary.call, binary.list) == (7, response)
    told = json.loads(JSON.response(7, METHODS["list"], response.SerializeToString()))
    assert told == {"call": 7, "list": SESSION}


def test_bytes_that_are_no_response_are_told_apart_on_the_text_protocol() -> None:
    with pytest.raises(DecodeError):
        JSON.response(1, METHODS["subscribe"], b"\xff")
    assert SubscribeResponse.FromString(b"") == SubscribeResponse()


def test_every_call_of_the_service_has_a_field_of_one_number_in_both_frames() -> None:
    service = DESCRIPTOR.services_by_name["SessionService"]
    assert {one.path.rpartition("/")[2] for one in METHODS.values()} == {one.name for one in service.methods}
    assert {one.field for one in METHODS.values() if one.streams} == {"subscribe"}
    assert {one.field for one in METHODS.values() if one.lasts} == {"subscribe", "wait"}


def test_protobuf_is_the_better_one_of_two_that_are_asked_for() -> None:
    assert list(FORMS) == ["sightline.v1.protobuf", "sightline.v1.json"]
