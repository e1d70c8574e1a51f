"""What each release wrote is read by this version: its logs, to the event, and its requests. See scripts/release-corpus."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.session_pb2 import Command, Session
from support import corpus
from support.server import PATIENCE, ServerProcess, connect

RELEASES = sorted(path for path in (Path(__file__).parents[1] / "data/releases").iterdir() if path.is_dir())


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_logs_of_a_release_are_read_to_the_event(release: Path) -> None:
    server = ServerProcess()
    try:
        corpus.unpack((release / corpus.HOME).read_bytes(), server.home)
        server.start()
        with connect(server.target) as stub:
            assert list(corpus.events_of(stub)) == corpus.read(release / corpus.EVENTS)
            command: Session = stub.Get(pb.GetRequest(session="command"), timeout=PATIENCE).session
            assert (command.exit_code, dict(command.labels)) == (3, {"of": "corpus"})
            made = stub.Create(pb.CreateRequest(name="new", command=Command(argv=["true"])), timeout=PATIENCE).session
            stub.Wait(pb.WaitRequest(session=made.id), timeout=PATIENCE)
    finally:
        server.close()


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_requests_of_a_release_mean_the_same(release: Path) -> None:
    tried = set()
    for line in corpus.read(release / corpus.REQUESTS):
        request = GetMessageClass(corpus.SERVICE.methods_by_name[line["method"]].input_type).FromString(
            base64.b64decode(line["bytes"])
        )
        assert json_format.MessageToDict(request) == line["request"], line["method"]
        tried.add(line["method"])
    assert len(tried) >= 24


def test_every_request_of_this_version_is_known_whole() -> None:
    for line in corpus.requests():
        kind = GetMessageClass(corpus.SERVICE.methods_by_name[line["method"]].input_type)
        request = kind.FromString(base64.b64decode(line["bytes"]))
        assert request == json_format.ParseDict(line["request"], kind())
        assert request.ByteSize() or not kind.DESCRIPTOR.fields


def test_there_is_a_release_to_read() -> None:
    assert RELEASES
