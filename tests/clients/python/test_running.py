"""`run` where timing matters: against a server whose answers the test holds back. Everything else is tested end to end."""

import asyncio
from pathlib import Path

import pytest
import sightline
from sightline.v1 import session_service_pb2 as v1
from sightline.v1.session_pb2 import Session
from support.partial_server import Context, listening


async def test_cancelled_while_the_server_starts_it_a_run_ends_what_was_started(tmp_path: Path) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    ended: list[str] = []

    async def create(_request: v1.CreateRequest, _context: Context) -> v1.CreateResponse:
        asked.set()
        await go_on.wait()
        return v1.CreateResponse(session=Session(id="started"))

    async def terminate(request: v1.TerminateRequest, _context: Context) -> v1.TerminateResponse:
        ended.append(request.session)
        return v1.TerminateResponse()

    async with listening(f"unix:{tmp_path}/s", Create=create, Terminate=terminate):
        run = asyncio.create_task(sightline.run(["true"], target=f"unix:{tmp_path}/s"))
        await asked.wait()
        run.cancel()
        await asyncio.sleep(0)
        run.cancel()  # an impatient caller changes nothing
        go_on.set()
        with pytest.raises(sightline.Cancelled) as raised:
            await run
    assert ended == ["started"]
    assert raised.value.__notes__ == ["session started and its processes were ended"]
