"""Retention under a whole server: readers are told what went, and room can be made on a full disk."""

from __future__ import annotations

import grpc
import pytest
from sightline.v1 import session_service_pb2 as pb
from sightline.v1.session_service_pb2_grpc import SessionServiceStub as Stub
from support.disks import fill, small_disk
from support.server import PATIENCE, ServerProcess, connect, create, follow, running, until
from support.store import build_home


def collect(stub: Stub, *, session: int = 0, total: int = 0) -> pb.CollectResponse:
    limits = pb.RetentionLimits(max_session_bytes=session, max_total_bytes=total)
    return stub.Collect(pb.CollectRequest(limits=limits), timeout=PATIENCE)


def test_a_stream_under_way_meets_the_gap_and_goes_on() -> None:
    with running() as server, connect(server.target) as stub:
        session = create(stub, "head", "-c", "3000000", "/dev/urandom")
        whole = follow(stub, session.id)
        last = pb.ListEventsRequest(session=session.id, after_seq=2, page_size=1)
        page = stub.ListEvents(last, timeout=PATIENCE)
        collect(stub, session=1_000_000)
        last.page_token = page.next_page_token
        page = stub.ListEvents(last, timeout=PATIENCE)
        oldest = stub.Get(pb.GetRequest(session=session.id)).session.oldest_seq
        assert (page.gap.first_seq, page.gap.last_seq) == (4, oldest - 1)
        assert page.events[0].seq == oldest
        assert whole[-1].seq == stub.Get(pb.GetRequest(session=session.id)).session.head_seq


def test_the_background_keeps_all_logs_within_their_limit() -> None:
    with running(SIGHTLINE_MAX_TOTAL_BYTES="2MiB") as server, connect(server.target) as stub:
        names = [create(stub, "head", "-c", "900000", "/dev/urandom", name=f"s{number}").name for number in range(4)]
        for name in names:
            stub.Wait(pb.WaitRequest(session=name), timeout=PATIENCE)
        until(lambda: stub.Usage(pb.UsageRequest(), timeout=PATIENCE).log_bytes <= 2 << 20)
        kept = {session.name: session for session in stub.List(pb.ListRequest(), timeout=PATIENCE).sessions}
        assert "s0" not in kept or kept["s0"].oldest_seq > 1
        assert kept["s3"].oldest_seq == 1


def test_a_forgotten_session_is_not_found_any_more() -> None:
    with running() as server, connect(server.target) as stub:
        session = create(stub, "true", name="gone")
        follow(stub, session.id)
        assert collect(stub, total=1).removed_sessions == 1
        with pytest.raises(grpc.RpcError) as error:
            stub.Get(pb.GetRequest(session="gone"), timeout=PATIENCE)
        assert error.value.code() == grpc.StatusCode.NOT_FOUND


def test_a_limit_that_makes_no_sense_is_refused() -> None:
    with running() as server, connect(server.target) as stub:
        request = pb.CollectRequest()
        request.limits.max_age.seconds = -5
        with pytest.raises(grpc.RpcError) as error:
            stub.Collect(request, timeout=PATIENCE)
        assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert collect(stub, session=2**64 - 1, total=2**64 - 1).events == 0


def test_room_can_be_made_on_a_disk_that_is_full() -> None:
    with small_disk(64 * 1024 * 1024) as home:
        build_home(home, sessions=6, bytes_each=4_000_000)
        server = ServerProcess(home)
        server.start()
        filler = home / "filler"
        try:
            with connect(server.target) as stub:
                fill(filler)
                assert stub.Usage(pb.UsageRequest(), timeout=PATIENCE).free_bytes < 65536
                removed = collect(stub, total=9_000_000)
                assert removed.removed_sessions >= 3
                until(lambda: stub.Usage(pb.UsageRequest(), timeout=PATIENCE).free_bytes > 9_000_000)
                follow(stub, create(stub, "true").id)
        finally:
            filler.unlink()
            server.close()
