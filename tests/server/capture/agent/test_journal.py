"""What an agent has said, over restarts."""

from __future__ import annotations

from pathlib import Path

import pytest
from sightline_server.capture.agent.journal import MAX_RECORDS, Journal, Record


def record(place: int, data: bytes = b"data") -> Record:
    return Record(b"o", place, place * 1000, data)


def read(directory: Path) -> tuple[object, list[Record]]:
    return Journal(directory).read()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(tmp_path)
    made.keep({"at": 0})
    return made


def test_records_are_read_in_the_order_in_which_they_came(journal: Journal, tmp_path: Path) -> None:
    records = [record(1), record(2, b""), record(3, bytes(range(256)))]
    for one in records:
        journal.append(one)
    assert read(tmp_path) == ({"at": 0}, records)


def test_a_new_state_takes_the_place_of_the_records(journal: Journal, tmp_path: Path) -> None:
    journal.append(record(1))
    journal.keep({"at": 1})
    journal.append(record(2))
    assert read(tmp_path) == ({"at": 1}, [record(2)])
    assert len(list(tmp_path.iterdir())) == 2


def test_half_a_record_is_none(journal: Journal, tmp_path: Path) -> None:
    journal.append(record(1))
    journal.append(record(2))
    [path] = tmp_path.glob("agent.journal.*")
    whole = path.read_bytes()
    for size in range(len(whole) // 2, len(whole)):
        path.write_bytes(whole[:size])
        assert read(tmp_path) == ({"at": 0}, [record(1)])


def test_what_was_never_committed_is_cut_and_comes_again(journal: Journal, tmp_path: Path) -> None:
    for place in (1, 2, 3):
        journal.append(record(place, b"x" * place))
    journal.close()
    behind = Journal(tmp_path)
    _, records = behind.read()
    behind.cut(records[:1])
    behind.append(record(2, b"again"))
    assert read(tmp_path)[1] == [record(1, b"x"), record(2, b"again")]


def test_a_journal_of_a_state_that_was_never_kept_is_not_read(journal: Journal, tmp_path: Path) -> None:
    """A kill between the new journal and its state leaves the old pair as it is."""
    journal.append(record(1))
    (tmp_path / "agent.journal.2").write_bytes(b"")
    (tmp_path / ".agent.state.new").write_bytes(b"half")
    assert read(tmp_path) == ({"at": 0}, [record(1)])


def test_a_journal_becomes_long_and_a_state_makes_it_short(journal: Journal) -> None:
    journal.append(record(1, bytes(MAX_RECORDS)))
    assert journal.is_long
    journal.keep({"at": 1})
    assert not journal.is_long


def test_only_the_user_can_read_it(journal: Journal, tmp_path: Path) -> None:
    journal.append(record(1))
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
