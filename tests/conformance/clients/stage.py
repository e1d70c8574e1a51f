"""What a scenario's steps do: each verb a method. Knows the server, the door before it and one harness, and no scenario."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from conformance.clients.cuts import Cuts, cutting, of_unknown_kind
from conformance.clients.harness import PATIENCE, Harness, Line
from google.protobuf import json_format
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.event_pb2 import Event
from support.server import ServerProcess, connect

SIGNS = ("header", "snapshot", "caughtUp", "gap", "heartbeat")
MAX_TOLD = 400  # characters of a line
LAST = ("end", "error", "cancelled")


class Stage:
    """One scenario's world.

    Args:
        server: real, started.
        cuts: the door before it.
        door: the door's target.
        harness: the client under trial, not connected yet.
        ca: the authority of the server's TLS.
    """

    def __init__(self, server: ServerProcess, cuts: Cuts, door: str, harness: Harness, ca: Path) -> None:
        self._server = server
        self._cuts = cuts
        self._door = door
        self._harness = harness
        self._ca = ca
        self._sessions: dict[str, Line] = {}
        self._orders: dict[str, int] = {}

    async def do(self, step: Mapping[str, Any]) -> None:
        """One step: its first key is the verb, the rest its words."""
        verb, words = next(iter(step.items()))
        said = self._filled(
            {**(words if isinstance(words, dict) else {"it": words}), **{k: v for k, v in step.items() if k != verb}}
        )
        await getattr(self, f"do_{verb}")(**said)

    # --- the server's side

    async def do_session(self, request: Line, until: str = "") -> None:
        """Has the server start a session, and remembers it by its name; `until`: a state that is waited for."""
        made = await asyncio.to_thread(self._create, request)
        if until:
            await self._eventually(lambda: self._get(made["id"])["state"] == f"SESSION_STATE_{until}", f"it is not {until}")
        self._sessions[request["name"]] = await asyncio.to_thread(self._get, made["id"])

    async def do_server(self, it: str) -> None:
        """`restart`, `kill` (and start again), `stop`, `start`."""
        if it in {"restart", "stop"}:
            await asyncio.to_thread(self._server.terminate)
        elif it == "kill":
            await asyncio.to_thread(self._server.kill)
        if it != "stop":
            await asyncio.to_thread(self._server.start)

    async def do_release(self, it: str) -> None:
        """Lets a program that waits for a file of that name go on."""
        (self._server.home / it).touch()

    async def do_cut(self, after: int) -> None:
        """The next stream breaks off after so many messages."""
        self._cuts.after = after

    async def do_unknown(self, it: bool) -> None:
        """Output becomes events of a kind that nobody knows."""
        self._cuts.change = of_unknown_kind if it else bytes

    async def do_subscribers(self, session: str, count: int) -> None:
        """So many follow the session, sooner or later."""
        await self._eventually(lambda: len(self._get(session).get("subscribers", [])) == count, f"not {count} follow it")

    # --- the client's side

    async def do_connect(self, it: str, token: str = "") -> None:
        """By `socket`, `door`, `tcp` or `tls`; `token`: `right`, or what is to be shown."""
        target = {"socket": self._server.target, "door": self._door}.get(it) or f"127.0.0.1:{self._server.port}"
        where = {"target": f"https://{target}" if it == "tls" else target}
        if it == "tls":
            where["ca"] = str(self._ca)
        if token:
            where["token"] = (self._server.home / "token").read_text().strip() if token == "right" else token
        await self._harness.connect(**where)

    async def do_call(
        self, method: str, request: Line, response: Line | None = None, error: Line | None = None, **more: Any
    ) -> None:
        """The client calls once; what comes holds at least what is said."""
        answer = await self._harness.call(method, request, **more)
        assert holds(answer, {"error": error} if error else {"response": response or {}}), answer

    async def do_subscribe(self, request: Line, name: str = "it", **more: Any) -> None:
        """The client begins to follow."""
        self._orders[name] = await self._harness.subscribe(request, **more)

    async def do_until(self, it: str, count: int = 1, of: str = "it") -> None:
        """It has said so many lines of a kind: `event`, `caughtUp`, `lost`, `end`, ..."""

        def told(lines: list[Line]) -> bool:
            return sum(it in line for line in lines) >= count

        lines = await self._harness.until(self._orders[of], lambda lines: told(lines) or is_over(lines))
        assert told(lines), f"it ended before: {short(lines[-1])}"

    async def do_cancel(self, it: str) -> None:
        """The client lets go."""
        await self._harness.cancel(self._orders[it])

    async def do_expect(
        self,
        events: str | list[str] | None = None,
        signs: list[str] | None = None,
        last: Line | None = None,
        some: list[Line] | None = None,
        lost: int | None = None,
        count: int | None = None,
        of: str = "it",
    ) -> None:
        """What it said in all: its events are those of the session's log, or have these numbers; its signs, its last line."""
        lines = self._harness.lines[self._orders[of]]
        if last is not None:
            await self._harness.until(self._orders[of], is_over)
            assert holds(lines[-1], last), short(lines[-1])
        if some:
            await self._harness.until(
                self._orders[of], lambda lines: is_over(lines) or all(any(holds(n, one) for n in lines) for one in some)
            )
        got = [json_format.ParseDict(line["event"], Event()) for line in lines if "event" in line]
        if isinstance(events, str):
            kept = await asyncio.to_thread(self._log, events)
            assert [event.seq for event in got] == [event.seq for event in kept]
            assert all(one == other for one, other in zip(got, kept, strict=True)), "an event is not as the log has it"
        elif events is not None:
            assert [event.seq for event in got] == [int(seq) for seq in events]
        if count is not None:
            assert len(got) == count
        if signs is not None:
            assert [sign for line in lines for sign in SIGNS if sign in line] == signs
        for one in some or ():
            assert any(holds(line, one) for line in lines), f"{one} is not among {[short(line) for line in lines[:20]]}"
        if lost is not None:
            assert sum("lost" in line for line in lines) == lost

    async def do_output(self, it: str, session: str) -> None:
        """The output that it said, joined, is this text, and the log's."""
        lines = self._harness.lines[self._orders["it"]]
        said = b"".join(json_format.ParseDict(line["event"], Event()).output.data for line in lines if "event" in line)
        assert said.decode() == it
        assert said == b"".join(event.output.data for event in await asyncio.to_thread(self._log, session))

    async def do_same_bytes(self, it: str, bytes: int) -> None:  # noqa: A002 - the scenario's word
        """What it counted is what the log holds, to the byte."""
        line = self._harness.lines[self._orders["it"]][-1]
        kept = await asyncio.to_thread(self._log, it)
        data = b"".join(event.output.data for event in kept)
        assert len(data) == bytes
        assert holds(line, {"bytes": bytes, "events": len(kept), "sha256": hashlib.sha256(data).hexdigest()}), line

    async def do_cut_everywhere(self, request: Line, events: str, signs: list[str]) -> None:
        """Follows again and again, with the wire cut after one message more each time, until there is none left to cut behind."""
        for after in range(1000):
            began, self._cuts.after = self._cuts.cut, after
            await self.do_subscribe(request)
            await self.do_until("end")
            cut = self._cuts.cut > began
            await self.do_expect(events=events, lost=int(cut))
            said = [sign for line in self._harness.lines[self._orders["it"]] for sign in SIGNS if sign in line]
            # A session whose last event has come is not asked for again, so that a sign behind it may be missing.
            assert said in ([signs, signs[:-1]] if cut else [signs]), (after, said)
            if not cut:
                assert after > len(signs), "too few messages came for this to be a trial"
                return
        raise AssertionError("it never came to an end")

    # --- how

    def _filled(self, words: Any) -> Any:
        """`${NAME.field}` becomes what is known of a session; `${NAME.field+1}` one more; `${home}` the server's."""
        if isinstance(words, dict):
            return {key: self._filled(value) for key, value in words.items()}
        if isinstance(words, list):
            return [self._filled(one) for one in words]
        if not isinstance(words, str):
            return words

        def known(match: re.Match[str]) -> str:
            if match[1] == "home":
                return str(self._server.home)
            value = self._sessions[match[1]].get(match[2], "0")
            return str(int(value) + int(match[3])) if match[3] else str(value)

        return re.sub(r"\$\{(\w+)(?:\.(\w+)([+-]\d+)?)?\}", known, words)

    def _create(self, request: Line) -> Line:
        with connect(self._server.target) as stub:
            made = stub.Create(json_format.ParseDict(request, pb.CreateRequest()), timeout=PATIENCE)
        return json_format.MessageToDict(made.session)

    def _get(self, session: str) -> Line:
        with connect(self._server.target) as stub:
            return json_format.MessageToDict(stub.Get(pb.GetRequest(session=session), timeout=PATIENCE).session)

    def _log(self, session: str) -> list[Event]:
        found: list[Event] = []
        with connect(self._server.target) as stub:
            token = ""
            while True:
                request = pb.ListEventsRequest(session=session, page_size=10_000, page_token=token)
                page = stub.ListEvents(request, timeout=PATIENCE)
                found += page.events
                token = page.next_page_token
                if not token:
                    return found

    async def _eventually(self, holds: Any, otherwise: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not await asyncio.to_thread(holds):
            assert time.monotonic() < deadline, otherwise
            await asyncio.sleep(0.02)


def is_over(lines: list[Line]) -> bool:
    """Whether an order has had its last line."""
    return any(word in line for line in lines[-1:] for word in LAST)


def short(line: Any) -> str:
    """A line for people who read why a trial failed."""
    text = str(line)
    return text if len(text) < MAX_TOLD else f"{text[:MAX_TOLD]}…"


def holds(got: Any, wanted: Any) -> bool:
    """Whether all that is wanted is there; `*`: anything."""
    if wanted == "*":
        return bool(got)
    if isinstance(wanted, dict):
        return isinstance(got, dict) and all(holds(got.get(key), value) for key, value in wanted.items())
    return bool(got == wanted)


@contextlib.asynccontextmanager
async def staged(server: ServerProcess, harness: Harness, ca: Path) -> AsyncIterator[Stage]:
    """A stage with a door before the server."""
    door = f"unix:{server.home}/door.sock"
    async with cutting(server.target, door) as cuts:
        yield Stage(server, cuts, door, harness, ca)
