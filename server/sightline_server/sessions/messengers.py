"""The ways to the user: a command of their own, and a webhook. Each gets one message, in a bounded time; knows nothing of when."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
import signal
import ssl
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sightline_server.errors import BadSetting
from sightline_server.sessions.notify import Message, Messenger, NotTold
from sightline_server.settings import Settings, Webhook

PATIENCE = 10.0  # seconds for one try
PAUSES = (1.0, 5.0)  # seconds before the webhook's second and third try
MARK = "SIGHTLINE_SESSION_ID"  # who has this is one of a session's own processes
STATUS_LINE = 1024  # bytes of an answer that are read


class NotifyCommand:
    """A command: the facts in its environment, and on its stdin as JSON. Never in its argv, which everybody can read.

    Args:
        argv: the program and its arguments.
        environ: its environment, besides the facts.
    """

    name = "SIGHTLINE_NOTIFY"

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str]) -> None:
        self._argv = argv
        self._environ = {name: value for name, value in environ.items() if name != MARK}

    async def tell(self, message: Message) -> None:
        """See `Messenger`. Ends the command, with all that it started in its group, when it takes too long."""
        nothing = asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=nothing,
                stderr=nothing,
                env={**self._environ, **message.variables()},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise NotTold(f"{self._argv[0]} could not be started: {error}") from None
        try:
            async with asyncio.timeout(PATIENCE):
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it need not read
                    await process.communicate(message.body())
        except TimeoutError:
            raise NotTold(f"it took more than {PATIENCE:.0f} s and was ended") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode:
            raise NotTold(f"it ended with {process.returncode}")


class NotifyWebhook:
    """A POST of JSON. Follows no redirect, uses no proxy, reads no more of the answer than its status.

    With a secret, `Sightline-Signature` is `sha256=` and the HMAC-SHA256, in hex, of `Sightline-Timestamp`, a point, and the body.

    Args:
        url: where to.
        secret: for the signature; empty: none is sent.
    """

    name = "SIGHTLINE_WEBHOOK"

    def __init__(self, url: Webhook, secret: bytes = b"") -> None:
        self._url = url
        self._secret = secret

    async def tell(self, message: Message) -> None:
        """See `Messenger`. Tries again where that may help."""
        for pause in (*PAUSES, None):
            try:
                async with asyncio.timeout(PATIENCE):
                    status = await self._post(message)
                problem = f"{self._url.host} answered {status}"
            except TimeoutError:
                status, problem = 0, f"{self._url.host} did not answer within {PATIENCE:.0f} s"
            except (OSError, ValueError, asyncio.IncompleteReadError) as error:
                status, problem = 0, f"{self._url.host} could not be reached: {error}"
            if 200 <= status < 300:
                return
            if 300 <= status < 400:
                raise NotTold(f"{problem}: redirects are not followed")
            if pause is None or 400 <= status < 500:
                raise NotTold(problem)
            await asyncio.sleep(pause)

    async def _post(self, message: Message) -> int:
        url, body = self._url, message.body()
        context = ssl.create_default_context() if url.tls else None
        reader, writer = await asyncio.open_connection(url.host, url.port, ssl=context)
        try:
            writer.write(self._head(message, body) + body)
            await writer.drain()
            line = (await reader.readuntil(b"\n"))[:STATUS_LINE]
            version, status, *_ = line.split(None, 2)
            if not version.startswith(b"HTTP/"):
                raise ValueError("its answer is not HTTP")
            return int(status)
        except asyncio.LimitOverrunError:
            raise ValueError("its answer is not HTTP") from None
        finally:
            writer.transport.abort()  # the rest of the answer is nobody's business

    def _head(self, message: Message, body: bytes) -> bytes:
        url = self._url
        host = f"[{url.host}]" if ":" in url.host else url.host
        lines = [
            f"POST {url.path} HTTP/1.1",
            f"Host: {host}:{url.port}",
            "User-Agent: sightline",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"Sightline-Delivery: {message.delivery}",
            "Connection: close",
        ]
        if self._secret:
            stamp = str(int(time.time()))
            signature = hmac.new(self._secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
            lines += [f"Sightline-Timestamp: {stamp}", f"Sightline-Signature: sha256={signature}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def messengers(settings: Settings, environ: Mapping[str, str]) -> list[Messenger]:
    """Those that the settings name. Raises `BadSetting`."""
    found: list[Messenger] = [NotifyCommand(settings.notify, environ)] if settings.notify else []
    secret = read_secret(settings.webhook_secret_file)
    return [*found, NotifyWebhook(settings.webhook, secret)] if settings.webhook else found


def read_secret(path: Path | None) -> bytes:
    """The secret in a file that is its owner's alone. Raises `BadSetting`."""
    if path is None:
        return b""
    name = "SIGHTLINE_WEBHOOK_SECRET_FILE"
    try:
        if path.stat().st_mode & 0o077:
            raise BadSetting(name=name, value=path, problem="others may read it: chmod 600")
        secret = path.read_bytes().strip()
    except OSError as error:
        raise BadSetting(name=name, value=path, problem=error.strerror or error) from error
    if not secret:
        raise BadSetting(name=name, value=path, problem="it is empty")
    return secret
