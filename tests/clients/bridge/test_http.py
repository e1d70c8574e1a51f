"""The doors, the login and the small HTTP calls, over real connections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from sightline.v1.bridge_pb2 import Login
from sightline.v1.session_service_pb2 import ListRequest
from sightline_bridge.limits import LOGINS_PER_SECOND, Limits
from sightline_bridge.pages import HEADERS
from sightline_bridge.passes import TOKEN_SECONDS
from support.bridge import BINARY, JSON, Clock, RunningBridge, bridging, parsed
from support.server import ServerProcess, eventually

PAGE = "https://example.org:8443"
PATHS = (
    "/",
    "/s/x/terminal",
    "/assets/a.js",
    "/assets/none.js",
    "/nothing",
    "/healthz",
    "/metrics",
    "/api/ticket",
    "/ws",
    "/ws/events",
)


@pytest.fixture
def dashboard(tmp_path: Path) -> Path:
    """A built bundle, as small as can be, and a secret beside it."""
    root = tmp_path / "dashboard"
    (root / "assets").mkdir(parents=True)
    (root / "index.html").write_text("<!doctype html><p>the page")
    (root / "assets" / "a.js").write_text("// the script")
    (root / "assets" / "deeper").mkdir()
    (tmp_path / "secret").write_text("a secret")
    (root / "secret").write_text("a secret")
    return root


@pytest.fixture
async def paged(bridged_server: ServerProcess, dashboard: Path) -> AsyncIterator[RunningBridge]:
    async with bridging(bridged_server, dashboard=dashboard, origins=(PAGE,)) as running:
        yield running


async def status_and_reason(bridge: RunningBridge, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    async with bridge.http.request(method, bridge.url + path, headers=headers) as response:
        told = await response.json() if response.content_type == "application/json" else {}
        return response.status, told.get("reason", "")


async def refusal(bridge: RunningBridge, path: str = "/ws", protocol: str = BINARY, **headers: str) -> int:
    """The status with which a WebSocket is refused before it is accepted."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with bridge.connect(protocol, path=path, headers={**bridge.bearer, **headers}):
            pass
    return refused.value.status


async def raw(bridge: RunningBridge, request: str) -> tuple[str, str]:
    """Head and body of the answer to exactly these bytes."""
    host, port = bridge.bridge.addresses[0]
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request.replace("HOST", f"{host}:{port}").encode("latin-1"))
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.decode("latin-1").partition("\r\n\r\n")
    return head, body


# --- Host and Origin


@pytest.mark.parametrize("path", PATHS)
async def test_a_name_that_was_pointed_here_leads_nowhere(paged: RunningBridge, path: str) -> None:
    for host in ("evil.example", f"evil.example:{paged.bridge.addresses[0][1]}", "127.0.0.1:1", "example.org:8443"):
        assert await status_and_reason(paged, path, Host=host, **paged.bearer) == (403, "BAD_HOST")


@pytest.mark.parametrize("path", PATHS)
async def test_another_page_gets_nothing_and_is_told_nothing(paged: RunningBridge, path: str) -> None:
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", PAGE + "0", "https://example.org"):
        for method in ("GET", "POST", "OPTIONS"):
            headers = {**paged.bearer, "Origin": origin, "Access-Control-Request-Method": "GET"}
            async with paged.http.request(method, paged.url + path, headers=headers) as response:
                assert response.status == 403
                assert (await response.json())["reason"] == "BAD_ORIGIN"
                assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(("path", "protocol"), [("/ws", BINARY), ("/ws", JSON), ("/ws", ""), ("/ws/events", "")])
async def test_sockets_have_the_same_doors_and_are_refused_before_they_are_accepted(
    paged: RunningBridge, path: str, protocol: str
) -> None:
    for origin in ("http://evil.example", "null", PAGE + "0"):
        assert await refusal(paged, path, protocol, Origin=origin) == 403
    assert await refusal(paged, path, protocol, Host="evil.example") == 403


async def test_headers_that_stand_there_twice_are_refused(paged: RunningBridge) -> None:
    own = paged.url
    twice = await raw(
        paged, f"GET / HTTP/1.1\r\nHost: HOST\r\nOrigin: {own}\r\nOrigin: http://evil.example\r\nConnection: close\r\n\r\n"
    )
    assert "403" in twice[0].splitlines()[0]
    hosts = await raw(paged, "GET /healthz HTTP/1.1\r\nHost: HOST\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert hosts[0].split()[1] in {"400", "403"}
    none = await raw(paged, "GET /healthz HTTP/1.0\r\n\r\n")
    assert "403" in none[0].splitlines()[0]


async def test_the_bridges_own_page_comes_in(paged: RunningBridge) -> None:
    own = {**paged.bearer, "Origin": paged.url}
    async with paged.connect(headers=own) as peer:
        assert (await peer.ask(1, list=ListRequest())).HasField("list")
    async with paged.http.get(paged.url + "/", headers={"Origin": paged.url}) as response:
        assert response.status == 200
        assert "Access-Control-Allow-Origin" not in response.headers


async def test_a_page_that_was_named_comes_in_and_its_browser_is_told_so(paged: RunningBridge) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    async with paged.http.options(paged.url + "/api/ticket", headers=asked) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == PAGE
        assert "authorization" in response.headers["Access-Control-Allow-Headers"]
        assert "POST" in response.headers["Access-Control-Allow-Methods"]
        assert "Access-Control-Allow-Credentials" not in response.headers
        assert response.headers["Vary"] == "Origin"
    for headers, status in (({"Origin": PAGE}, 401), ({"Origin": PAGE, **paged.bearer}, 200)):
        async with paged.http.post(paged.url + "/api/ticket", headers=headers) as response:
            assert response.status == status
            assert response.headers["Access-Control-Allow-Origin"] == PAGE
    async with paged.connect(headers={"Origin": PAGE, **paged.bearer}) as peer:
        assert (await peer.ask(1, list=ListRequest())).HasField("list")


# --- tickets and tokens


async def logged_in(bridge: RunningBridge, ticket: str) -> tuple[int, dict[str, str]]:
    async with bridge.http.post(bridge.url + "/api/login", json={"ticket": ticket}) as response:
        return response.status, await response.json()


async def test_a_ticket_is_exchanged_once_for_a_token_that_opens_everything(bridge: RunningBridge) -> None:
    ticket = bridge.bridge.ticket_url().partition("#ticket=")[2]
    status, told = await logged_in(bridge, ticket)
    assert status == 200
    token = told["token"]
    assert token != bridge.token
    assert await logged_in(bridge, ticket) == (401, {"reason": "TICKET_SPENT", "message": told_of(TICKET)})
    assert await status_and_reason(bridge, "/metrics", Authorization=f"Bearer {token}") == (200, "")
    async with bridge.connect(headers={"Authorization": f"Bearer {token}"}) as peer:
        assert (await peer.ask(1, list=ListRequest())).HasField("list")


TICKET = "a ticket works once, for 60 s: `sightline open` prints a new one"


def told_of(what: str) -> str:
    return f"not logged in: {what}"


async def test_whoever_has_the_token_gets_tickets(bridge: RunningBridge) -> None:
    async with bridge.http.post(bridge.url + "/api/ticket", headers=bridge.bearer) as response:
        told = await response.json()
        assert response.headers["Cache-Control"] == "no-store"
    assert told["expires_in"] == 60
    assert (await logged_in(bridge, told["ticket"]))[0] == 200
    assert await status_and_reason(bridge, "/api/ticket", "POST") == (401, "UNAUTHENTICATED")


async def test_tickets_and_tokens_end_in_time_and_tokens_outlive_the_bridge(bridged_server: ServerProcess) -> None:
    clock, wall = Clock(), Clock(1_800_000_000)
    async with bridging(bridged_server, clock=clock, wall=wall) as first:
        urls = [first.bridge.ticket_url().partition("=")[2] for _ in range(2)]
        token = (await logged_in(first, urls[0]))[1]["token"]
        clock.now += 60
        assert (await logged_in(first, urls[1]))[0] == 401
    async with bridging(bridged_server, clock=clock, wall=wall) as second:
        shown = {"Authorization": f"Bearer {token}"}
        assert await status_and_reason(second, "/metrics", **shown) == (200, "")
        wall.now += TOKEN_SECONDS
        assert await status_and_reason(second, "/metrics", **shown) == (401, "UNAUTHENTICATED")
        assert await refusal(second, **shown) == 401


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        "5",
        '"x"',
        "{}",
        '{"ticket": null}',
        '{"ticket": 5}',
        '{"ticket": ["x"]}',
        "[" * 60_000,
        "\ud800",
        "é",
    ],
)
async def test_a_login_that_is_none_is_refused_with_a_reason(bridge: RunningBridge, body: str) -> None:
    for headers in ({}, {"Content-Type": "application/json; charset=none-such"}):
        data = body.encode(errors="surrogatepass")
        async with bridge.http.post(bridge.url + "/api/login", data=data, headers=headers) as response:
            assert response.status in {400, 401}
            assert (await response.json())["reason"] in {"BAD_REQUEST", "TICKET_SPENT"}


async def test_a_body_that_is_too_large_is_refused(bridge: RunningBridge) -> None:
    async with bridge.http.post(bridge.url + "/api/login", data=b"x" * 100_000) as response:
        assert (response.status, (await response.json())["reason"]) == (413, "REQUEST_ENTITY_TOO_LARGE")


async def test_guessing_is_slowed_down_for_those_who_guess_alone(bridged_server: ServerProcess) -> None:
    async with bridging(bridged_server, clock=Clock()) as bridge:
        ticket = bridge.bridge.ticket_url().partition("=")[2]
        wrong = [(await logged_in(bridge, "wrong"))[0] for _ in range(4 * LOGINS_PER_SECOND + 2)]
        assert wrong == [401] * 4 * LOGINS_PER_SECOND + [429, 429]
        assert await status_and_reason(bridge, "/metrics", Authorization="Bearer wrong") == (429, "TOO_FAST")
        assert await status_and_reason(bridge, "/metrics", **bridge.bearer) == (200, "")
        assert (await logged_in(bridge, ticket))[0] == 200


@pytest.mark.parametrize("shown", ["Bearer wrong", "Bearer sl1.99999999999.x.y", "Bearer é"])
async def test_a_wrong_token_opens_no_socket(bridge: RunningBridge, shown: str) -> None:
    assert await refusal(bridge, Authorization=shown) == 401


@pytest.mark.parametrize("protocol", [BINARY, JSON])
async def test_the_first_message_may_show_the_token(bridge: RunningBridge, protocol: str) -> None:
    async with bridge.connect(protocol, headers={}, welcome=False) as peer:
        await peer.say(login=Login(token=bridge.token))
        welcome = (await peer.hear()).welcome
        assert (welcome.max_frame_bytes, welcome.max_calls) == (4 * 1024 * 1024, 1024)
        assert (await peer.ask(1, list=ListRequest())).HasField("list")
        again = await peer.ask(0, login=Login(token=bridge.token))
        assert again.end.reason == "BAD_FRAME"


@pytest.mark.parametrize("protocol", [BINARY, JSON])
async def test_a_first_message_without_a_valid_token_closes_with_4401(bridge: RunningBridge, protocol: str) -> None:
    for say in ({"login": Login(token="wrong")}, {"login": Login()}, {"list": ListRequest()}):
        async with bridge.connect(protocol, headers={}, welcome=False) as peer:
            await peer.say(1, **say)
            assert await peer.closed() == 4401
    for data in (b"\xff", b""):
        async with bridge.connect(protocol, headers={}, welcome=False) as peer:
            await peer.ws.send_bytes(data)
            assert await peer.closed() == 4401


async def test_a_socket_that_shows_nothing_is_closed_in_time(bridged_server: ServerProcess) -> None:
    assert Limits().login_seconds == 10
    hasty = Limits(login_seconds=0.05)
    async with bridging(bridged_server, allowed=hasty) as bridge, bridge.connect(headers={}, welcome=False) as peer:
        assert await peer.closed() == 4401


async def test_of_too_many_sockets_that_show_nothing_the_oldest_goes(bridged_server: ServerProcess) -> None:
    async with bridging(bridged_server, allowed=Limits(waiting=2)) as bridge, AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(bridge.connect(headers={}, welcome=False)) for _ in range(3)]
        assert await silent[0].closed() == 1006
        for late in (silent[1], silent[2]):
            await late.say(login=Login(token=bridge.token))
            assert (await late.hear()).HasField("welcome")


async def test_a_login_whose_body_is_not_what_it_says_is_refused_and_logged_by_nobody(
    bridge: RunningBridge, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    async with bridge.http.post(f"{bridge.url}/api/login", data=b"no gzip", headers=headers) as answer:
        assert answer.status == 400
    async with bridge.http.get(f"{bridge.url}/healthz") as answer:  # by then the other connection has ended
        assert answer.status == 200
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


# --- what stands on every answer


async def test_every_answer_has_the_headers_and_none_a_cookie(paged: RunningBridge) -> None:
    statuses = set()
    for path in (*PATHS, "/favicon.svg", "/s/", "/assets/deeper"):
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
            for headers in ({}, paged.bearer, {"Host": "evil.example"}, {"Range": "bytes=9999-"}, {"If-None-Match": "*"}):
                async with paged.http.request(method, paged.url + path, headers=headers) as response:
                    statuses.add(response.status)
                    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS, (method, path, response.status)
                    assert "Set-Cookie" not in response.headers
    assert statuses >= {200, 304, 400, 401, 403, 404, 405, 416}


async def test_no_inline_script_and_nothing_from_elsewhere_may_run(paged: RunningBridge) -> None:
    policy = dict(part.strip().partition(" ")[::2] for part in HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"


async def test_the_page_comes_under_all_its_paths_and_assets_by_their_names(paged: RunningBridge) -> None:
    for path in ("/", "/s/abc/activity?seq=5", "/s/abc"):
        async with paged.http.get(paged.url + path) as response:
            assert (response.status, response.content_type) == (200, "text/html")
            assert response.headers["Cache-Control"] == "no-cache"
    async with paged.http.get(paged.url + "/assets/a.js") as response:
        assert await response.text() == "// the script"
        assert response.content_type in {"text/javascript", "application/javascript"}
        assert "immutable" in response.headers["Cache-Control"]


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../secret",
        "/assets/../../secret",
        "/assets/..%2fsecret",
        "/assets/..%2f..%2fsecret",
        "/assets/%2e%2e/secret",
        "/assets/%2e%2e%2fsecret",
        "/assets/..%5csecret",
        "/assets/%2fetc%2fpasswd",
        "//etc/passwd",
        "/assets//etc/passwd",
        "/assets/a.js/../../secret",
        "/assets/..%00",
        "/assets/a.js%00",
        "/assets/deeper",
        "/assets/",
        "/secret",
        "/../secret",
        "/favicon.svg/../secret",
    ],
)
async def test_no_path_leads_out_of_the_assets(paged: RunningBridge, path: str) -> None:
    head, body = await raw(paged, f"GET {path} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n")
    assert head.split()[1] in {"404", "400"}
    assert "a secret" not in body
    assert "root:" not in body


async def test_where_the_dashboard_is_not_built_the_page_says_so(bridged_server: ServerProcess, tmp_path: Path) -> None:
    async with bridging(bridged_server, dashboard=tmp_path / "none") as bridge, bridge.http.get(bridge.url) as response:
        assert response.status == 503
        assert "scripts/setup" in await response.text()


# --- health, metrics, limits


async def test_health_needs_no_token_and_tells_no_path(server: ServerProcess) -> None:
    async with bridging(server) as bridge:
        async with bridge.http.get(bridge.url + "/healthz") as response:
            assert (response.status, await response.json()) == (200, {"status": "SERVING"})
        server.kill()
        async with bridge.http.get(bridge.url + "/healthz") as response:
            assert response.status == 503
            assert str(server.home) not in await response.text()
        assert await status_and_reason(bridge, "/metrics", **bridge.bearer) == (200, "")
        server.start()
        async with bridge.http.get(bridge.url + "/healthz") as response:
            assert response.status == 200


async def test_metrics_need_the_token_and_are_what_prometheus_reads(bridge: RunningBridge) -> None:
    assert await status_and_reason(bridge, "/metrics") == (401, "UNAUTHENTICATED")
    async with bridge.connect(), bridge.http.get(bridge.url + "/metrics", headers=bridge.bearer) as response:
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        found = parsed(await response.text())
    assert found["sightline_bridge_sockets", ()] == 1
    assert found["sightline_bridge_connects_total", ()] == 1
    assert found["sightline_bridge_refused_total", ()] == 1
    assert found["sightline_bridge_sent_bytes_total", ()] > 0
    assert len([name for name, _ in found if not name.startswith("sightline_bridge_")]) > 5  # the server's


async def test_more_sockets_than_may_be_open_are_refused_until_one_has_gone(bridged_server: ServerProcess) -> None:
    async with bridging(bridged_server, allowed=Limits(sockets=2)) as bridge, bridge.connect() as kept:
        async with bridge.connect():
            assert await refusal(bridge) == 503
        await eventually(lambda: bridge.bridge.sockets == 1)
        async with bridge.connect():
            assert (await kept.ask(1, list=ListRequest())).HasField("list")


async def test_more_connects_than_may_come_at_once_are_refused_for_a_while(bridged_server: ServerProcess) -> None:
    clock = Clock()
    async with bridging(bridged_server, clock=clock, allowed=Limits(connects_at_once=3)) as bridge:
        for _ in range(3):
            async with bridge.connect():
                pass
        assert await refusal(bridge) == 429
        clock.now += 0.02
        async with bridge.connect():
            pass


# --- secrets


async def test_no_token_and_no_ticket_is_in_any_log_line(server: ServerProcess, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with bridging(server, origins=(PAGE,)) as bridge:
        ticket = bridge.bridge.ticket_url().partition("=")[2]
        token = (await logged_in(bridge, ticket))[1]["token"]
        await logged_in(bridge, ticket)
        shown = {"Authorization": f"Bearer {token}"}
        for headers in (shown, bridge.bearer, {**shown, "Host": "evil.example"}, {**shown, "Origin": "null"}):
            for path in PATHS:
                await status_and_reason(bridge, path, **headers)
        for protocol in (BINARY, JSON):
            async with bridge.connect(protocol, headers={}, welcome=False) as peer:
                await peer.say(login=Login(token=token))
                await peer.hear()
                await peer.ws.send_str(f'{{"login": {{"token": "{token}"')
                await peer.ws.send_bytes(token.encode())
                server.kill()
                await peer.say(1, list=ListRequest())
                await peer.hear()
                server.start()
            async with bridge.connect(protocol, headers={}, welcome=False) as peer:
                await peer.say(login=Login(token=token + "x"))
                await peer.closed()
        for words in (f"Authorization: Bearer {token}\x01", f"{ticket}: \x01", f"Authorization Bearer {token}", f"A: {token}\x00"):
            await raw(bridge, f"GET /healthz HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n{words}\r\n\r\n")
        await raw(bridge, f"GET /#ticket={ticket}\x01 HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n")
        await raw(bridge, f"{token} / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n")
        secrets = {bridge.token, token, ticket, *token.split(".")[2:]}
    assert "a request that cannot be read: BadHttpMessage" in caplog.text  # so what is logged there is captured
    for secret in secrets:
        assert secret not in caplog.text
        assert not [record for record in caplog.records if secret in repr(vars(record))]
