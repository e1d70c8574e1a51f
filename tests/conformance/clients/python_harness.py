"""The harness of the Python client: orders in, what it saw out, one JSON object a line. See README.md."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import time
from contextlib import suppress
from typing import Any

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import sightline
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass
from sightline import errors
from sightline.subscription import Subscription
from sightline.transport import aio
from sightline.v1.session_service_pb2 import DESCRIPTOR, EndReason, SubscribeRequest

METHODS = DESCRIPTOR.services_by_name["SessionService"].methods_by_name
SIGNS = {
    "Event": "event",
    "Header": "header",
    "Snapshot": "snapshot",
    "CaughtUp": "caughtUp",
    "Gap": "gap",
    "Heartbeat": "heartbeat",
}


def say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def told(error: errors.SightlineError) -> dict[str, Any]:
    return {"code": error.code, "reason": error.reason, "message": error.message, "metadata": error.metadata}


class Harness:
    def __init__(self) -> None:
        self._client: sightline.Client | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def take(self, order: dict[str, Any]) -> None:
        match order["do"]:
            case "connect":
                os.environ["SIGHTLINE_TLS_CA"] = order.get("ca") or ""
                if self._client is not None:
                    await self._client.close()
                self._client = sightline.connect(order["target"], token=order.get("token") or "", retry_for=0)
                say(connected=True)
            case "call":
                self._tasks[order["id"]] = asyncio.create_task(self._call(order))
            case "subscribe":
                self._tasks[order["id"]] = asyncio.create_task(self._subscribe(order))
            case "cancel":
                self._tasks[order["id"]].cancel()

    @property
    def client(self) -> sightline.Client:
        assert self._client is not None
        return self._client

    async def _call(self, order: dict[str, Any]) -> None:
        described = METHODS[order["method"]]
        request = json_format.ParseDict(order["request"], GetMessageClass(described.input_type)())
        try:
            stub = getattr(self.client.stub, order["method"])
            response = await stub(request, metadata=self.client.metadata, timeout=order.get("timeout"))
        except aio.AioRpcError as error:
            say(id=order["id"], error=told(errors.from_rpc(error)))
        else:
            say(id=order["id"], response=json_format.MessageToDict(response))

    async def _subscribe(self, order: dict[str, Any]) -> None:
        number = order["id"]
        request = json_format.ParseDict(order["request"], SubscribeRequest())
        subscription = Subscription(self.client, request, on_disconnect=lambda error: say(id=number, lost=error.message))
        began = time.monotonic()
        totals: dict[str, Any] = {}
        try:
            async with subscription, asyncio.timeout(order.get("timeout")):
                if order.get("quiet"):
                    totals = await self._count(subscription)
                else:
                    async for item in subscription:
                        say(id=number, **{SIGNS[type(item).__name__]: json_format.MessageToDict(item)})
        except asyncio.CancelledError:
            say(id=number, cancelled=True)
        except TimeoutError:
            say(id=number, error={"code": "DEADLINE_EXCEEDED", "reason": "", "message": "its time was over", "metadata": {}})
        except errors.SightlineError as error:
            say(id=number, error=told(error))
        else:
            end = EndReason.Name(subscription.end.reason) if subscription.end else ""
            say(id=number, end=end, **totals, seconds=time.monotonic() - began)

    async def _count(self, subscription: Subscription) -> dict[str, Any]:
        events = size = 0
        digest = hashlib.sha256()
        async for response in subscription.batches():
            events += len(response.events)
            for event in response.events:
                size += len(event.output.data)
                digest.update(event.output.data)
        return {"events": events, "bytes": size, "sha256": digest.hexdigest()}

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        if self._client is not None:
            await self._client.close()


async def main() -> None:
    harness = Harness()
    reader = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        await harness.take(json.loads(line))
    await harness.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
