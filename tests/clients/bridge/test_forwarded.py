"""A bridge whose port is forwarded to another one: what a browser then calls it, and what still may not come in."""

from __future__ import annotations

import pytest
from sightline_bridge.doors import Doors
from sightline_bridge.errors import BadHost, BadOrigin
from support.bridge import bridging
from support.server import ServerProcess

LISTENING = [("127.0.0.1", 7412)]


def test_a_page_of_this_machine_that_is_named_admits_its_name() -> None:
    doors = Doors(LISTENING, ["http://localhost:9000", "http://[::1]:9001"])
    doors.check("localhost:9000", "http://localhost:9000")
    doors.check("LOCALHOST:9000", None)
    doors.check("[::1]:9001", "http://[::1]:9001")
    doors.check("localhost:7412", "http://localhost:7412")


@pytest.mark.parametrize(
    "host", ["localhost:9001", "127.0.0.1:9000", "localhost.evil.example:9000", "evil.example:9000", "localhost"]
)
def test_no_other_name_is_admitted_by_it(host: str) -> None:
    with pytest.raises(BadHost):
        Doors(LISTENING, ["http://localhost:9000"]).check(host, None)


@pytest.mark.parametrize(
    "origin", ["https://app.example.org", "http://localhost.evil.example:9000", "http://localhost@evil.example"]
)
def test_a_page_of_elsewhere_that_is_named_does_not_give_the_bridge_its_name(origin: str) -> None:
    doors = Doors(LISTENING, [origin])
    doors.check("127.0.0.1:7412", origin)
    with pytest.raises(BadHost):
        doors.check(origin.partition("//")[2], origin)


def test_other_pages_of_the_forwarded_machine_stay_out() -> None:
    with pytest.raises(BadOrigin):
        Doors(LISTENING, ["http://localhost:9000"]).check("localhost:9000", "http://localhost:3000")


@pytest.mark.parametrize(
    ("host", "named"), [("localhost:9000", True), ("[::1]:80", True), ("evil.example:9000", False), ("[", False)]
)
def test_the_refusal_names_the_way_for_a_port_of_this_machine_alone(host: str, named: bool) -> None:
    with pytest.raises(BadHost) as refused:
        Doors(LISTENING).check(host, None)
    assert (f"--allow-origin http://{host}" in str(refused.value)) is named


async def test_the_page_is_served_under_the_forwarded_name_and_under_no_other(bridged_server: ServerProcess) -> None:
    async with bridging(bridged_server, origins=("http://localhost:9000",)) as running:
        for host, status in (("localhost:9000", 200), ("localhost:9001", 403), ("evil.example:9000", 403)):
            async with running.http.get(running.url + "/healthz", headers={"Host": host}) as answer:
                assert answer.status == status
