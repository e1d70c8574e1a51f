"""Just enough of HTTP/1.1 to listen to an agent's own server: GET and POST, chunked bodies, server-sent events. Over plain asyncio.

Only loopback is spoken to without TLS. Knows nothing of agents.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_HEAD = 64 * 1024  # bytes of one line of a head, or of one chunk's length
MAX_BODY = 256 * 1024 * 1024  # bytes of an answer; a long session's history is one
ANSWER_SECONDS = 30.0  # for an answer to begin


class HttpProblem(Exception):
    """It does not answer as it should; the text says how.

    Attributes:
        status: of the answer; 0: there was none.
    """

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class Address:
    """A server.

    Attributes:
        host: its name or address.
        port: its port.
        tls: whether it is spoken to over TLS.
        path: what stands behind; never empty.
        password: for basic authentication; empty: none. It is in no log and no `repr`.
    """

    host: str
    port: int
    tls: bool
    path: str = "/"
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}{self.path}"


def parse(url: str) -> Address:
    """Raises ValueError for what is no URL, has a secret in it, or would be spoken to in the clear beyond this host."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("give http://127.0.0.1:PORT")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("no user, password or query belongs there: a URL is seen by others")
    tls = parts.scheme == "https"
    if not tls and not is_loopback(parts.hostname):
        raise ValueError("only this host is spoken to without TLS: give a loopback address, or https")
    return Address(parts.hostname, parts.port or (443 if tls else 80), tls, parts.path or "/")


def is_loopback(host: str) -> bool:
    """Whether a host's name can mean nothing but this host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def fetch(address: Address, path: str, body: bytes | None = None) -> bytes:
    """The whole answer: of a GET, or of a POST of JSON. Raises `HttpProblem`, OSError."""
    found = bytearray()
    async for piece in stream(address, path, body):
        found += piece
        if len(found) > MAX_BODY:
            raise HttpProblem(f"{path}: its answer is longer than {MAX_BODY} bytes")
    return bytes(found)


async def events(address: Address, path: str) -> AsyncIterator[bytes]:
    """The data of server-sent events as they come. Raises `HttpProblem`, OSError; ends when the connection does."""
    data: list[bytes] = []
    rest = b""
    async for piece in stream(address, path):
        *lines, rest = (rest + piece).split(b"\n")
        for line in (one.removesuffix(b"\r") for one in lines):
            if not line and data:
                yield b"\n".join(data)
                data.clear()
            elif line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" "))
        if len(rest) > MAX_BODY:
            raise HttpProblem(f"{path}: an event is longer than {MAX_BODY} bytes")


async def stream(address: Address, path: str, body: bytes | None = None) -> AsyncIterator[bytes]:
    """The pieces of an answer's body. Raises `HttpProblem`, OSError."""
    context = ssl.create_default_context() if address.tls else None
    async with asyncio.timeout(ANSWER_SECONDS):
        reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context, limit=MAX_HEAD)
    try:
        writer.write(_request(address, path, body))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                status, headers = await _head(reader)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            raise HttpProblem(f"{address!r} does not speak HTTP") from None
        if not 200 <= status < 300:
            raise HttpProblem(f"{path}: it answers with status {status}", status)
        try:
            async for piece in _body(reader, headers):
                yield piece
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            raise HttpProblem(f"{path}: its answer broke off") from None
    finally:
        writer.close()
        with suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


def _request(address: Address, path: str, body: bytes | None) -> bytes:
    head = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", f"Host: {address.host}:{address.port}", "Connection: close"]
    if address.password:
        secret = base64.b64encode(f"{address.user}:{address.password}".encode()).decode()
        head.append(f"Authorization: Basic {secret}")
    if body is not None:
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + (body or b"")


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    words = (await reader.readuntil(b"\r\n")).decode("latin-1").split(maxsplit=2)
    if len(words) < 2 or not words[0].startswith("HTTP/1."):
        raise ValueError(words)
    headers: dict[str, str] = {}
    while line := (await reader.readuntil(b"\r\n")).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return int(words[1]), headers


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> AsyncIterator[bytes]:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            yield await reader.readexactly(size)
            await reader.readexactly(2)
        return
    left = int(headers["content-length"]) if "content-length" in headers else None
    while left is None or left > 0:
        piece = await reader.read(64 * 1024 if left is None else min(left, 64 * 1024))
        if not piece:
            if left:
                raise ValueError("cut")
            return
        left = None if left is None else left - len(piece)
        yield piece
