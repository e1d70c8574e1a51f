"""The bridge's HTTP, as a script or a browser asks it."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit


def ask(method: str, url: str, body: object = None, token: str = "") -> tuple[int, dict[str, object]]:
    """HTTP's status, and the answer's JSON."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request(method, parts.path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())
        assert isinstance(found, dict)
        return answer.status, found
    finally:
        connection.close()


def log_in(url: str) -> tuple[int, dict[str, object]]:
    """What comes of the ticket in an address, as the page shows it."""
    page, _, ticket = url.partition("/#ticket=")
    return ask("POST", page + "/api/login", {"ticket": ticket})


def base(url: str) -> str:
    """The address without its ticket."""
    return url.partition("/#")[0]


def answers(url: str) -> bool:
    """The bridge there answers, and its server answers it."""
    return ask("GET", base(url) + "/healthz") == (200, {"status": "SERVING"})
