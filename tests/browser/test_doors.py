"""Pages of other places, and names of other places that lead here: the browser's own requests, refused at the door."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Playwright
from support.browsing import Visitor, chromium
from support.dashboard import Dashboard

REFUSED = (
    r"status of 403|blocked by CORS policy|net::ERR_(FAILED|BLOCKED_BY_RESPONSE)|WebSocket connection to|frame-ancestors 'none'"
)
NAME = "rebound.example"
SOCKETS = ("/ws", "/ws/stream", "/ws/events", "/api/environments/create/stream", "/api/sessions/x/stream")

# What a page of somebody else can try: to ask, to open a socket, and to show ours inside itself.
ASK = """async (url) => {
  const answers = [];
  for (const mode of ["cors", "no-cors"]) {
    const asked = fetch(url + "/api/login", {method: "POST", mode, body: '{"ticket": "x"}'});
    answers.push(await asked.then((answer) => answer.type, () => "refused"));
  }
  return answers;
}"""
OPEN = """([url, protocol]) => new Promise((done) => {
  const socket = protocol ? new WebSocket(url, protocol) : new WebSocket(url);
  socket.onopen = () => done("open");
  socket.onclose = () => done("closed");
})"""

# Ends when the image has failed, with all that its own handler would have done by then. The page waits for it by itself:
# what Playwright waits for is text that it evaluates again and again, which our CSP forbids from the second time on.
FAILING_IMAGE = """() => new Promise((done) => {
  document.body.insertAdjacentHTML("beforeend", '<img src=x onerror="window.ran = 2">');
  document.querySelector("img[src=x]").addEventListener("error", () => done());
})"""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """A page of another port of this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Elsewhere</title>")

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def stranger(visitor: Visitor, elsewhere: str) -> Page:
    """A page that is not ours, in a browser where ours is open and logged in beside it."""
    page = visitor.open()
    visitor.watch.allow(REFUSED)
    visitor.watch.homes.append(urlsplit(elsewhere).netloc)
    other = page.context.new_page()
    other.goto(elsewhere)
    return other


def test_a_page_of_another_origin_reads_no_answer(stranger: Page, place: Dashboard) -> None:
    before = place.metric("sightline_bridge_refused_total")
    assert stranger.evaluate(ASK, place.url) == ["refused", "refused"]
    assert place.metric("sightline_bridge_refused_total") > before  # by the bridge, not only by the browser


def test_a_page_of_another_origin_opens_no_socket(stranger: Page, page: Page, place: Dashboard) -> None:
    ways = [(path, protocol) for path in SOCKETS for protocol in ("sightline.v1.protobuf", "sightline.v1.json", "")]
    sockets = [(place.url.replace("http", "ws") + path, protocol) for path, protocol in ways]
    assert [way for way, socket in zip(ways, sockets, strict=True) if stranger.evaluate(OPEN, socket) != "closed"] == []
    assert page.evaluate(OPEN, sockets[0]) == "open"  # what our own page may do


def test_a_page_of_another_origin_cannot_frame_the_dashboard(stranger: Page, place: Dashboard) -> None:
    stranger.evaluate("(url) => { document.body.innerHTML = `<iframe src='${url}'></iframe>` }", place.url)
    stranger.wait_for_function("() => frames.length === 1 && document.querySelector('iframe').contentDocument === null")
    frame = next(frame for frame in stranger.frames if frame != stranger.main_frame)
    assert frame.locator("#root").count() == 0


def test_a_name_of_another_site_that_leads_here_is_refused(playwright: Playwright, place: Dashboard) -> None:
    port = urlsplit(place.url).port
    with chromium(playwright, f"--host-resolver-rules=MAP {NAME} 127.0.0.1") as browser:
        page = browser.new_page()
        answer = page.goto(f"http://{NAME}:{port}/")
        assert answer is not None
        assert answer.status == 403
        assert answer.json()["reason"] == "BAD_HOST"
        assert page.evaluate(ASK, f"http://{NAME}:{port}") == ["basic", "basic"]  # the answer is the refusal itself
        assert page.evaluate("(url) => fetch(url + '/healthz').then((a) => a.status)", f"http://{NAME}:{port}") == 403
        assert page.evaluate(OPEN, [f"ws://{NAME}:{port}/ws", "sightline.v1.protobuf"]) == "closed"


def test_what_is_put_into_the_page_from_outside_does_not_run(visitor: Visitor) -> None:
    page = visitor.open()
    visitor.watch.allow("CSP|Content Security Policy", "status of 404")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))")
    page.evaluate(FAILING_IMAGE)
    blocked = page.evaluate("fetch('http://127.0.0.1:9/').then(() => false, () => true)")
    assert blocked
    assert page.evaluate("window.ran") is None
    assert any("script-src" in text or "CSP" in text for text in visitor.watch.passed)
