"""What is pushed to the user: by a real command, and to a real HTTP server on loopback."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import Completed, Event, Outcome, SessionState, StateChanged, WaitingFor
from sightline.v1.session_pb2 import Published
from sightline.v1.session_service_pb2_grpc import SessionServiceStub as Stub
from sightline_server.errors import BadSetting
from sightline_server.sessions.messengers import read_secret
from sightline_server.settings import Webhook, load
from support.server import PATIENCE, ServerProcess, connect, create, follow, until

WORKING, WAITING = SessionState.SESSION_STATE_WORKING, SessionState.SESSION_STATE_WAITING
RECORDER = """
import json, os, sys
facts = {name: value for name, value in os.environ.items() if name.startswith("SIGHTLINE_")}
line = json.dumps({"argv": sys.argv[2:], "environ": facts, "stdin": json.load(sys.stdin)})
with open(sys.argv[1], "a") as file:
    file.write(line + "\\n")
sys.exit(3)
"""


def recorder(folder: Path) -> tuple[str, Path]:
    """A command that writes down what it is told, and fails behind it."""
    (folder / "recorder.py").write_text(RECORDER)
    return f"{sys.executable} {folder}/recorder.py {folder}/told", folder / "told"


def told(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@dataclass
class Posts:
    """What an HTTP server gets, and what it answers: the statuses in their order, then 200."""

    statuses: list[int] = field(default_factory=list)
    hang: threading.Event | None = None
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0
    certificate: Path | None = None


@pytest.fixture
def posts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Posts]:
    here = Posts()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here.got.append((self.path, dict(self.headers), body))
            if here.hang is not None:
                here.hang.wait(60)
            self.send_response(here.statuses.pop(0) if here.statuses else 200)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            here.got.append((self.path, {}, b"followed"))
            self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 # its name
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate := getattr(request, "param", ""):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        folder = tmp_path_factory.mktemp("tls")
        name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / certificate)]
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *name, *files]
        subprocess.run(make, check=True, capture_output=True)
        context.load_cert_chain(folder / certificate, folder / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        here.certificate = folder / certificate
    here.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield here
    if here.hang is not None:
        here.hang.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def notifying(request: pytest.FixtureRequest) -> Iterator[Any]:
    servers: list[ServerProcess] = []

    def start(**environ: str) -> ServerProcess:
        server = ServerProcess(None, **environ)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.close()


def published(stub: Stub, name: str) -> str:
    return stub.Create(pb.CreateRequest(name=name, published=Published()), timeout=PATIENCE).session.id


def publish(stub: Stub, session: str, first: int, *events: Event) -> None:
    request = pb.PublishRequest(session=session, producer_id="test", first_sequence=first, events=events)
    stub.Publish(request, timeout=PATIENCE)


def waits(reason: str = "may I?") -> Event:
    return Event(state_changed=StateChanged(state=WAITING, waiting_for=WaitingFor.WAITING_FOR_PERMISSION, reason=reason))


def works() -> Event:
    return Event(state_changed=StateChanged(state=WORKING))


def ends() -> Event:
    return Event(completed=Completed(outcome=Outcome.OUTCOME_SUCCEEDED))


def test_a_command_is_told_what_waits_and_what_has_ended_and_never_by_its_argv(tmp_path: Path, notifying: Any) -> None:
    command, path = recorder(tmp_path)
    server = notifying(SIGHTLINE_NOTIFY=command)
    with connect(server.target) as stub:
        session = create(stub, "bash", "-c", "read -p 'name? ' name; exit 4", name="asks", terminal=True, labels={"team": "a"}).id
        until(lambda: told(path))
        stub.Send(pb.SendRequest(session=session, text="me", submit=True), timeout=PATIENCE)
        until(lambda: len(told(path)) == 2)
    waiting, ended = told(path)
    assert waiting["argv"] == ended["argv"] == []
    assert {name: value for name, value in waiting["environ"].items() if name.startswith("SIGHTLINE_NOTIFY_")} == {
        "SIGHTLINE_NOTIFY_EVENT": "waiting",
        "SIGHTLINE_NOTIFY_SEQ": waiting["stdin"]["seq"],
        "SIGHTLINE_NOTIFY_SESSION": session,
        "SIGHTLINE_NOTIFY_NAME": "asks",
        "SIGHTLINE_NOTIFY_KIND": "terminal",
        "SIGHTLINE_NOTIFY_HOST": waiting["stdin"]["session"].get("host", ""),
        "SIGHTLINE_NOTIFY_CWD": waiting["stdin"]["session"].get("cwd", ""),
        "SIGHTLINE_NOTIFY_AGENT": "",
        "SIGHTLINE_NOTIFY_WAITING_FOR": "input",
        "SIGHTLINE_NOTIFY_OUTCOME": "",
        "SIGHTLINE_NOTIFY_EXIT_CODE": "",
        "SIGHTLINE_NOTIFY_REASON": "bash reads a line",
    }
    assert "SIGHTLINE_SESSION_ID" not in waiting["environ"]
    assert waiting["stdin"]["session"]["labels"] == {"team": "a"}
    assert waiting["stdin"]["stateChanged"]["waitingFor"] == "WAITING_FOR_INPUT"
    assert not {"argv", "screen"} & waiting["stdin"]["session"].keys()
    facts = ended["environ"]
    assert (facts["SIGHTLINE_NOTIFY_EVENT"], facts["SIGHTLINE_NOTIFY_OUTCOME"]) == ("ended", "failed")
    assert facts["SIGHTLINE_NOTIFY_EXIT_CODE"] == "4"
    until(lambda: "SIGHTLINE_NOTIFY: that asks is waiting was not told: it ended with 3" in server.log())


def test_what_is_answered_within_a_second_is_not_told_and_what_comes_back_soon_is_told_once(tmp_path: Path, notifying: Any) -> None:
    command, path = recorder(tmp_path)
    server = notifying(SIGHTLINE_NOTIFY=command)
    with connect(server.target) as stub:
        quick, slow = published(stub, "quick"), published(stub, "slow")
        publish(stub, quick, 1, waits(), works())
        publish(stub, slow, 1, waits("first"))
        until(lambda: told(path))
        publish(stub, slow, 2, works(), waits("second"))
        publish(stub, quick, 3, waits(), works(), ends())
        publish(stub, slow, 4, ends())
        until(lambda: len(told(path)) == 3)
    facts = [(each["stdin"]["session"]["name"], each["stdin"]["event"]) for each in told(path)]
    assert facts[0] == ("slow", "waiting")
    assert sorted(facts[1:]) == [("quick", "ended"), ("slow", "ended")]
    assert told(path)[0]["stdin"]["stateChanged"]["reason"] == "first"


def test_a_webhook_is_signed_tried_again_and_its_redirects_are_not_followed(tmp_path: Path, notifying: Any, posts: Posts) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open sesame\n")
    secret.chmod(0o600)
    posts.statuses = [503, 200, 302]
    server = notifying(
        SIGHTLINE_WEBHOOK=f"http://127.0.0.1:{posts.port}/hook?key=hidden", SIGHTLINE_WEBHOOK_SECRET_FILE=str(secret)
    )
    with connect(server.target) as stub:
        session = published(stub, "hooked")
        publish(stub, session, 1, ends())
        until(lambda: len(posts.got) == 2)
        publish(stub, published(stub, "redirected"), 1, ends())
        until(lambda: "redirected is ended was not told: 127.0.0.1 answered 302: redirects are not followed" in server.log())
    (path, head, body), (_, again, same), (_, _, last) = posts.got
    assert (path, head["Content-Type"], body) == ("/hook?key=hidden", "application/json", same)
    signed = head["Sightline-Timestamp"].encode() + b"." + body
    assert head["Sightline-Signature"] == "sha256=" + hmac.new(b"open sesame", signed, hashlib.sha256).hexdigest()
    content = json.loads(body)
    assert (content["event"], content["session"]["id"]) == ("ended", session)
    assert head["Sightline-Delivery"] == again["Sightline-Delivery"] == f"{session}-{content['seq']}"
    assert json.loads(last)["session"]["name"] == "redirected"
    assert "hidden" not in server.log()
    assert "sesame" not in server.log()


def test_a_webhook_that_hangs_and_one_that_is_not_there_hold_up_nobody(tmp_path: Path, notifying: Any, posts: Posts) -> None:
    command, path = recorder(tmp_path)
    posts.hang = threading.Event()
    server = notifying(SIGHTLINE_NOTIFY=command, SIGHTLINE_WEBHOOK=f"http://127.0.0.1:{posts.port}/")
    with connect(server.target) as stub:
        names = [create(stub, "true", name=f"n{number}").id for number in range(3)]
        for session in names:
            follow(stub, session)
        until(lambda: len(told(path)) == 3)
    assert len(posts.got) == 1
    posts.hang.set()
    until(lambda: len(posts.got) == 3)
    nobody = notifying(SIGHTLINE_NOTIFY="/nowhere/at-all --loud", SIGHTLINE_WEBHOOK="http://127.0.0.1:9/")
    with connect(nobody.target) as stub:
        follow(stub, create(stub, "true", name="alone").id)
    until(lambda: "SIGHTLINE_NOTIFY: that alone is ended was not told: /nowhere/at-all could not be started" in nobody.log())
    until(lambda: "SIGHTLINE_WEBHOOK: that alone is ended was not told: 127.0.0.1 could not be reached" in nobody.log())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate, and is not installed")
@pytest.mark.parametrize("posts", ["cert.pem"], indirect=True)
def test_over_tls_only_a_server_whose_certificate_is_trusted_gets_anything(notifying: Any, posts: Posts) -> None:
    url = f"https://localhost:{posts.port}/hook"
    trusting, doubting = notifying(SIGHTLINE_WEBHOOK=url, SSL_CERT_FILE=str(posts.certificate)), notifying(SIGHTLINE_WEBHOOK=url)
    with connect(doubting.target) as stub:
        publish(stub, published(stub, "doubted"), 1, ends())
    until(lambda: "doubted is ended was not told: localhost could not be reached" in doubting.log())
    with connect(trusting.target) as stub:
        publish(stub, published(stub, "trusted"), 1, ends())
    until(lambda: posts.got)
    assert [json.loads(body)["session"]["name"] for _, _, body in posts.got] == ["trusted"]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("http://hooks.example/x", "https"),
        ("ftp://127.0.0.1/x", "URL"),
        ("https://", "URL"),
        ("https://host:port/x", "URL"),
        ("https://me:secret@host/x", "password"),
        ("https://host/a b", "blanks"),
        ("https://host/\r\nX: y", "URL"),
    ],
)
def test_a_webhook_that_would_not_be_safe_is_refused_without_repeating_it(value: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=problem) as refused:
        load({}, {"SIGHTLINE_HOME": str(tmp_path), "SIGHTLINE_WEBHOOK": value})
    assert "host" not in str(refused.value).removeprefix("SIGHTLINE_WEBHOOK").split(": it must")[0]


def test_settings_of_notifications_come_from_flags_environment_and_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('notify = "notify-send -u critical \'Sightline says\'"\nwebhook = "https://host/x?y=z"\n')
    settings = load({"webhook_secret_file": "/s"}, {"SIGHTLINE_HOME": str(tmp_path), "SIGHTLINE_WEBHOOK": "http://[::1]:8000"})
    assert settings.notify == ("notify-send", "-u", "critical", "Sightline says")
    assert settings.webhook == Webhook("::1", 8000, "/", tls=False)
    assert settings.webhook_secret_file == Path("/s")
    assert load({}, {"SIGHTLINE_HOME": str(tmp_path)}).webhook == Webhook("host", 443, "/x?y=z", tls=True)


def test_a_secret_that_others_may_read_or_that_is_empty_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    with pytest.raises(BadSetting, match="No such file"):
        read_secret(secret)
    secret.write_text("x")
    secret.chmod(0o644)
    with pytest.raises(BadSetting, match="chmod 600"):
        read_secret(secret)
    secret.write_text(" \n")
    secret.chmod(0o600)
    with pytest.raises(BadSetting, match="empty"):
        read_secret(secret)
