"""The public surface is a list, and loading it costs little."""

import inspect
import subprocess
import sys

import pytest
import sightline
import sightline.sync

SURFACE = [
    "Cancelled",
    "Client",
    "LogHandler",
    "RunResult",
    "SightlineError",
    "StreamWriter",
    "Subscription",
    "connect",
    "errors",
    "run",
    "sync",
]

CLIENT = {
    "adopt",
    "adopt_agent",
    "adopt_screen",
    "adopt_typescript",
    "answer",
    "close",
    "collect",
    "create",
    "create_published",
    "delete",
    "directories",
    "discover",
    "explain",
    "get",
    "interrupt",
    "list",
    "list_events",
    "metrics",
    "publish",
    "release",
    "resize",
    "search",
    "send",
    "snapshot",
    "subscribe",
    "terminate",
    "unwatch_directory",
    "usage",
    "wait",
    "wait_ready",
    "watch_directory",
}

RAW = {"channel", "judge", "stub"}  # beside the methods: access to what is below, in the async client alone


def public(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}


def test_the_public_names_are_these_and_each_is_there() -> None:
    assert sightline.__all__ == SURFACE
    for name in SURFACE:
        assert getattr(sightline, name) is not None
    assert set(SURFACE) <= set(dir(sightline))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        sightline.nothing  # noqa: B018 - reading it is the test


def test_both_clients_have_a_method_for_each_rpc() -> None:
    assert public(sightline.Client) == CLIENT | RAW
    assert public(sightline.sync.Client) == CLIENT


@pytest.mark.parametrize("kind", [sightline.Client, sightline.sync.Client, sightline.Subscription, sightline.sync.Subscription])
def test_every_public_method_is_documented(kind: type) -> None:
    for name in public(kind):
        assert inspect.getdoc(getattr(kind, name)), f"{kind.__name__}.{name} says nothing"


@pytest.mark.parametrize("statement", ["import sightline", "from sightline.v1 import event_pb2, session_service_pb2"])
def test_neither_grpc_nor_the_client_is_loaded_before_it_is_needed(statement: str) -> None:
    script = f"import sys; {statement}; print([name for name in ('grpc', 'sightline.client', 'asyncio') if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert loaded.stdout.strip() == "[]"


def test_connecting_loads_nothing_that_only_errors_need() -> None:
    script = "import sys, sightline; sightline.connect('unix:/x'); print([n for n in sys.modules if n.startswith('google.rpc')])"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert loaded.stdout.strip() == "[]"
