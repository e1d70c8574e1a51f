"""Tools that know nothing of Sightline call it: the commands in docs/clients.md, and a client made of reflection alone."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool
from google.protobuf.json_format import MessageToDict
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from support.server import PATIENCE, ServerProcess

ROOT = Path(__file__).parents[2]
COMMANDS = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/clients.md").read_text(), re.DOTALL)
DEFAULT_PORT = "7411"


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    server = ServerProcess(None, SIGHTLINE_GRPC_ADDRESS="127.0.0.1:0")
    try:
        server.start()
        yield server
    finally:
        server.close()


def run(server: ServerProcess, command: str) -> str:
    """A command of the page, with this server's port."""
    tool = command.split(maxsplit=1)[0]
    path = f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
    if shutil.which(tool, path=path) is None:
        pytest.skip(f"{tool} is not on this machine")
    environ = {**server.environ, "PATH": path}
    command = command.replace(DEFAULT_PORT, str(server.port))
    done = subprocess.run(["bash", "-c", command], env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_of_the_page_are_those_that_are_tried() -> None:
    assert [command.split()[0] for command in COMMANDS] == ["buf", "buf", "buf", "buf", "grpcurl"]


def test_buf_curl_finds_calls_and_follows_a_session(server: ServerProcess) -> None:
    methods, create, subscribe, by_token = COMMANDS[:4]
    assert "sightline.v1.SessionService/Subscribe" in run(server, methods).split()
    assert json.loads(run(server, create))["session"]["name"] == "hello"
    said = _documents(run(server, subscribe))
    assert said[0]["header"]["session"]["name"] == "hello"
    output = [event["output"]["data"] for one in said for event in one.get("events", []) if "output" in event]
    assert base64.b64decode("".join(output)) == b"hello\n"
    assert said[-1]["end"]["reason"] == "END_REASON_ALL_ENDED"
    assert len(json.loads(run(server, by_token))["sessions"]) == 1


def test_grpcurl_gets_a_session(server: ServerProcess) -> None:
    run(server, COMMANDS[1].replace('"hello",', '"greeting",', 1))
    assert json.loads(run(server, COMMANDS[4].replace('"hello"', '"greeting"')))["session"]["name"] == "greeting"


def test_without_the_token_nothing_is_told_over_tcp_not_even_what_there_is(server: ServerProcess) -> None:
    command = re.sub(r"-H @<\(.*?\) --reflect-header '\*'", "", COMMANDS[3], flags=re.DOTALL)
    assert "token" not in command
    with pytest.raises(AssertionError, match="failed to find service"):
        run(server, command)


def test_a_client_made_of_reflection_alone_tails_a_session(server: ServerProcess) -> None:
    with grpc.insecure_channel(server.target) as channel:
        pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        service = pool.FindServiceByName("sightline.v1.SessionService")

        def call(name: str, **fields: Any) -> Any:
            method = service.methods_by_name[name]
            request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
            make = channel.unary_stream if method.server_streaming else channel.unary_unary
            call: Any = make(f"/{service.full_name}/{name}", request.SerializeToString, response.FromString)
            return call(request(**fields), timeout=PATIENCE)

        made = call("Create", command={"argv": ["sh", "-c", "echo one; echo two"]}).session
        tailed = b""
        response = None
        for response in call("Subscribe", sessions=[made.id]):
            tailed += b"".join(event.output.data for event in response.events)
    assert tailed == b"one\ntwo\n"
    assert response is not None
    assert MessageToDict(response) == {"end": {"reason": "END_REASON_ALL_ENDED"}}


def _documents(text: str) -> list[dict[str, Any]]:
    """JSON documents, one behind the other."""
    decoder = json.JSONDecoder()
    found = []
    rest = text.lstrip()
    while rest:
        document, end = decoder.raw_decode(rest)
        found.append(document)
        rest = rest[end:].lstrip()
    return found
