"""Images are found by id in any file, and damage is said with the file's name."""

import pickle
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from lesionlab.core.errors import StoreError
from lesionlab.dataset.store import SCHEMA, ImageStore, write_shard


def make_row(isic_id: str, image: bytes = b"") -> dict[str, object]:
    return {"isic_id": isic_id, "image": image or isic_id.encode(), "width": 2, "height": 1,
            "sha256": "a", "stored_sha256": f"sha of {isic_id}", "perceptual_hash": 2**64 - 1,
            "thumbnail": b"small " + isic_id.encode(), "pixels_x": 20, "pixels_y": 10,
            "file_bytes": 3}


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    for number in range(3):
        write_shard(tmp_path / f"{number:06d}.arrow",
                    [make_row(f"i{number * 4 + k:02d}") for k in range(4)])
    return ImageStore(folder=tmp_path)


def test_every_image_is_found_by_id_in_any_order(store: ImageStore) -> None:
    for isic_id in reversed(store.ids):
        assert store.read(isic_id) == isic_id.encode()
        assert store.thumbnail(isic_id) == b"small " + isic_id.encode()
    assert len(store) == 12


def test_columns_are_indexed_by_id(store: ImageStore) -> None:
    hashes = store.column("perceptual_hash")
    assert (hashes.dtype, hashes["i07"], hashes.index[-1]) == (np.uint64, 2**64 - 1, "i11")


def test_an_image_is_decoded_to_rgb(tmp_path: Path) -> None:
    buffer = BytesIO()
    Image.new("RGB", (64, 32), (200, 30, 40)).save(buffer, "JPEG")
    write_shard(tmp_path / "000000.arrow", [make_row("a", buffer.getvalue())])
    rgb = ImageStore(folder=tmp_path).decode("a")
    assert (rgb.shape, rgb.dtype) == ((32, 64, 3), np.uint8)


def test_digest_does_not_depend_on_how_the_images_are_dealt_to_files(tmp_path: Path) -> None:
    rows = [make_row(f"i{k}") for k in range(6)]
    for folder, cuts in (("a", [0, 6]), ("b", [0, 1, 4, 6])):
        for start, stop in pairwise(cuts):
            write_shard(tmp_path / folder / f"{start:06d}.arrow", rows[start:stop])
    left, right = (ImageStore(folder=tmp_path / folder).digest for folder in "ab")
    assert left == right


def test_a_folder_without_files_is_an_empty_store(tmp_path: Path) -> None:
    store = ImageStore(folder=tmp_path / "absent")
    assert (len(store), list(store.ids)) == (0, [])


def test_another_process_gets_the_folder_not_the_images(store: ImageStore) -> None:
    assert store.read("i03") == b"i03"
    data = pickle.dumps(store)
    assert len(data) < 1000
    assert pickle.loads(data).read("i03") == b"i03"


def test_an_unknown_id_is_refused(store: ImageStore) -> None:
    with pytest.raises(StoreError) as error:
        store.read("z")
    assert str(error.value) == f"no image 'z' in {store.folder}"


def test_images_that_are_not_there_are_named(store: ImageStore) -> None:
    store.check_covers(["i00"])
    with pytest.raises(StoreError) as error:
        store.check_covers(["i00", "x", "y"])
    assert str(error.value) == (
        f"2 images of the cohort are not in {store.folder}: x, y; prepare the data again")


@pytest.mark.parametrize(("size", "reason"), [
    (0, "File is too small: 0"), (9, "File is too small: 9"), (600, "Not an Arrow file")])
def test_a_damaged_file_is_named(store: ImageStore, size: int, reason: str) -> None:
    path = store.folder / "000001.arrow"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(StoreError) as error:
        store.read("i00")
    assert str(error.value) == f"{path} is damaged ({reason}); prepare the data again"


def test_a_file_of_other_columns_is_refused(store: ImageStore) -> None:
    path = store.folder / "000009.arrow"
    table = SCHEMA.empty_table().select(["isic_id", "image"])
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(StoreError) as error:
        len(store)
    assert str(error.value) == (f"{path} has other columns than this version reads "
                                "(isic_id, image); prepare the data again")


def test_an_image_that_stands_twice_is_refused(store: ImageStore) -> None:
    write_shard(store.folder / "000009.arrow", [make_row("i00")])
    with pytest.raises(StoreError) as error:
        store.read("i01")
    assert str(error.value) == (
        f"1 images stand twice in {store.folder}: i00; prepare the data again")
