"""Addresses of images: files, frames and members of HDF5 files."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from lesionlab.core.errors import DecodeError
from lesionlab.imaging.addresses import ImageAddress
from lesionlab.imaging.decoding import DecodeLimits


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "train-image.hdf5"
    with h5py.File(path, "w") as file:
        file["ISIC_1"] = np.void(b"\xff\xd8one")
        file["ISIC_2"] = np.frombuffer(b"\xff\xd8two\0", np.uint8)
        file["text"] = "text of any length"
        file["empty"] = h5py.Empty("u1")
        file.create_group("folder")
    return path


def test_an_address_reads_its_own_member_of_an_hdf5_file(archive: Path) -> None:
    assert ImageAddress(path=archive, member="ISIC_1").read() == b"\xff\xd8one"
    assert ImageAddress(path=archive, member="ISIC_2").read() == b"\xff\xd8two\0"


@pytest.mark.parametrize("member", ["ISIC_3", "folder", "text", "empty"])
def test_a_member_that_is_no_image_is_named(archive: Path, member: str) -> None:
    with pytest.raises(DecodeError, match=f"holds no image '{member}'") as caught:
        ImageAddress(path=archive, member=member).read()
    assert caught.value.reason == "corrupt"


def test_a_member_over_the_limit_is_not_read(archive: Path) -> None:
    with pytest.raises(DecodeError) as caught:
        ImageAddress(path=archive, member="ISIC_2").read(DecodeLimits(max_bytes=3))
    assert caught.value.reason == "too_large_file"


@pytest.mark.parametrize("data", [None, b"no hdf5"])
def test_a_file_that_is_no_hdf5_cannot_be_read(tmp_path: Path, data: bytes | None) -> None:
    path = tmp_path / "images.h5"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(DecodeError) as caught:
        ImageAddress(path=path, member="ISIC_1").read()
    assert caught.value.reason == "unreadable"


@pytest.mark.parametrize("byte", [0, 0x86, 0xFF])
def test_a_damaged_file_gives_its_members_or_a_reason(archive: Path, byte: int) -> None:
    data = archive.read_bytes()
    for place in range(8, len(data), 29):
        path = archive.with_stem(f"damaged-{place}")  # another name, for it stays open
        path.write_bytes(data[:place] + bytes([byte]) + data[place + 1:])
        for member in ("ISIC_1", "ISIC_2", "text"):
            try:
                ImageAddress(path=path, member=member).read()
            except DecodeError as error:
                assert error.reason in ("corrupt", "unreadable", "too_large_file")


def test_the_member_is_the_frame_of_other_files(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    assert ImageAddress(path=path).frame == 0
    assert ImageAddress(path=path, member="3").frame == 3
    assert str(ImageAddress(path=path, member="3")) == f"{path}#3"


def test_the_state_tells_members_apart_and_a_missing_file_has_none(archive: Path) -> None:
    one, two = (ImageAddress(path=archive, member=name).read_state() for name in ("a", "b"))
    assert one[0] == "a" and two[0] == "b" and one[1:] == two[1:] and one[1] > 0
    assert ImageAddress(path=archive.parent / "gone.jpg").read_state() == []
