"""A cached file is read only while its content is what its name says."""

import logging
from pathlib import Path

import pytest

from lesionlab.training.checked_files import read_checked, write_checked


def test_what_was_written_is_read_in_name_order(tmp_path: Path) -> None:
    for content in (b"one", b"two", b"one"):
        write_checked(tmp_path / "new", "part", ".bin", content)
    write_checked(tmp_path / "new", "other", ".bin", b"three")
    assert sorted(read_checked(tmp_path / "new", "part", ".bin")) == [b"one", b"two"]
    assert list(read_checked(tmp_path / "absent", "part", ".bin")) == []


@pytest.mark.parametrize("damage", [b"", b"on", b"onE", b"one+"])
def test_a_damaged_file_is_removed_and_said(
    damage: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_checked(tmp_path, "part", ".bin", b"one")
    path, = tmp_path.iterdir()
    path.write_bytes(damage)
    with caplog.at_level(logging.WARNING):
        assert list(read_checked(tmp_path, "part", ".bin")) == []
    assert not path.exists()
    assert caplog.messages == [
        f"{path} was damaged and is removed from the cache; its content is computed again"]
