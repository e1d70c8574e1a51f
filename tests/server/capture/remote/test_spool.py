"""The script that fills a spool on a host, alone: exact, bounded, and honest about what it could not keep."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import sightline_server.capture.remote
from sightline_server.capture.remote.scripts import SEGMENT_BYTES, marker
from support.server import until

SCRIPT = Path(sightline_server.capture.remote.__file__).parent / "sh" / "spool.sh"
NAME = "terminal"


def spool(directory: Path, full: str) -> subprocess.Popen[bytes]:
    """One that is fed by hand."""
    return subprocess.Popen(["sh", str(SCRIPT), str(directory), NAME, full, "id"], stdin=subprocess.PIPE)


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob(f"{NAME}.[0-9]*"), key=lambda path: int(path.suffix[1:]))


def kept(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in segments(directory))


def pattern(count: int) -> bytes:
    return (b"".join(b"%015d\n" % number for number in range(1 << 16)) * (count // (1 << 20) + 1))[:count]


def feed(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(data)
    process.stdin.flush()


def finish(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(30) == 0


def test_segments_are_cut_at_the_byte_and_end_with_the_marker(tmp_path: Path) -> None:
    data = pattern(2 * SEGMENT_BYTES + 12345)
    process = spool(tmp_path, "wait 9")
    feed(process, data)
    finish(process)
    assert [path.stat().st_size for path in segments(tmp_path)][:2] == [SEGMENT_BYTES] * 2
    assert kept(tmp_path) == data + marker("id")


def test_a_byte_is_there_as_soon_as_it_is_written(tmp_path: Path) -> None:
    process = spool(tmp_path, "wait 9")
    for number in range(1, 400):
        feed(process, b"x")
        until(lambda number=number: kept(tmp_path) == b"x" * number)  # type: ignore[misc] # a loop's own
    finish(process)


def test_a_full_spool_that_waits_takes_no_more_until_there_is_room(tmp_path: Path) -> None:
    data = pattern(4 * SEGMENT_BYTES)
    process = spool(tmp_path, "wait 2")
    assert process.stdin is not None
    import threading  # noqa: PLC0415

    writer = threading.Thread(target=feed, args=(process, data))
    writer.start()
    until(lambda: len(segments(tmp_path)) == 2 and segments(tmp_path)[1].stat().st_size == SEGMENT_BYTES)
    time.sleep(0.5)  # in which it could take more
    assert kept(tmp_path) == data[: 2 * SEGMENT_BYTES]
    taken = b""
    while len(taken) < 3 * SEGMENT_BYTES:
        until(lambda: segments(tmp_path) and segments(tmp_path)[0].stat().st_size == SEGMENT_BYTES)
        taken += segments(tmp_path)[0].read_bytes()
        segments(tmp_path)[0].unlink()
    writer.join()
    finish(process)
    assert taken + kept(tmp_path) == data + marker("id")


def test_a_full_spool_that_drops_says_how_much_and_goes_on(tmp_path: Path) -> None:
    data = pattern(5 * SEGMENT_BYTES)
    process = spool(tmp_path, "drop 2")
    feed(process, data)  # never waits
    segments(tmp_path)[0].unlink()
    until((tmp_path / f"{NAME}.lost").exists)
    feed(process, b"after")
    finish(process)
    offset, lost, since, to = map(int, (tmp_path / f"{NAME}.lost").read_text().split())
    assert offset == 2 * SEGMENT_BYTES
    assert since <= to
    rest = kept(tmp_path)
    assert rest.startswith(data[SEGMENT_BYTES : 2 * SEGMENT_BYTES])
    assert rest.endswith(b"after" + marker("id"))
    assert SEGMENT_BYTES + len(rest) - len(marker("id")) + lost == len(data) + len(b"after")


def test_one_that_was_killed_is_gone_on_from_where_it_was(tmp_path: Path) -> None:
    process = spool(tmp_path, "wait 9")
    feed(process, b"before ")
    until(lambda: kept(tmp_path) == b"before ")
    process.kill()
    process.wait()
    assert process.stdin is not None
    process.stdin.close()
    process = spool(tmp_path, "wait 9")
    feed(process, b"after")
    finish(process)
    assert kept(tmp_path) == b"before after" + marker("id")
