"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sightline_cli.command import Complaint
from sightline_cli.saving import Saving


def test_files_appear_together_when_all_is_written_and_are_their_owners_alone(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    with Saving(paths, replace=False) as files:
        files.write(0, b"one")
        files.write(1, b"two")
        files.write(1, b"!")
        assert not any(path.exists() for path in paths)
        files.commit()
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]
    assert paths[1].read_bytes() == b"two!"
    assert paths[0].stat().st_mode & 0o777 == 0o600


def test_what_ends_it_before_leaves_nothing(tmp_path: Path) -> None:
    with Saving([tmp_path / "a", tmp_path / "b"], replace=False) as files:
        files.write(0, b"x")
        files.write(1, b"x")
    assert os.listdir(tmp_path) == []


def test_a_file_that_is_there_is_not_touched_unless_it_may_be(tmp_path: Path) -> None:
    there = tmp_path / "b"
    there.write_bytes(b"mine")
    with pytest.raises(Complaint, match="--force"):
        Saving([tmp_path / "a", there], replace=False)
    assert os.listdir(tmp_path) == ["b"]
    with Saving([tmp_path / "a", there], replace=True) as files:
        files.write(1, b"new")
        files.commit()
    assert there.read_bytes() == b"new"


def test_a_file_that_came_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with Saving([path], replace=False) as files:
        files.write(0, b"x")
        path.write_bytes(b"mine")
        with pytest.raises(Complaint, match="come meanwhile"):
            files.commit()
    assert os.listdir(tmp_path) == ["a"]
    assert path.read_bytes() == b"mine"


def test_a_file_that_is_rarely_written_stands_in_the_way_only_then(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    paths[1].write_bytes(b"mine")
    with Saving(paths, replace=True, rare=True) as files:
        files.commit()
    assert paths[1].read_bytes() == b"mine"
    paths[0].unlink()
    with Saving(paths, replace=False, rare=True) as files, pytest.raises(Complaint, match="--force"):
        files.write(1, b"x")
    assert os.listdir(tmp_path) == ["b"]
    assert paths[1].read_bytes() == b"mine"


def test_a_directory_is_not_replaced_and_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Complaint, match="no file"):
        Saving([tmp_path], replace=True)
    with pytest.raises(Complaint, match="cannot be written: No such file"):
        Saving([tmp_path / "x" / "y"], replace=False)
