"""Batches are the same whether squares are held or decoded, and views are cut as they are drawn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
import torch

from lesionlab.core.artifacts import digest_bytes
from lesionlab.core.errors import StoreError
from lesionlab.dataset.store import ImageStore, write_shard
from lesionlab.imaging.preprocessing import Preprocessing
from lesionlab.inputs.augmentation import Transforms
from lesionlab.training import sources
from lesionlab.training.sources import MapSource, PixelSource, apply_transforms, open_pixels

torch.set_num_threads(1)

IDS = [f"ISIC_{number:07d}" for number in range(6)]
ROWS = np.array([4, 0, 0, 5])
VIEWS = np.array([0, 1, 2, 3])
SQUARES = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8))
IDENTITY = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def make_row(isic_id: str, image: bytes) -> dict[str, object]:
    digest = digest_bytes(image)
    return {"isic_id": isic_id, "image": image, "width": 60, "height": 40, "thumbnail": b"",
            "sha256": digest, "stored_sha256": digest, "perceptual_hash": 0, "pixels_x": 60,
            "pixels_y": 40, "file_bytes": len(image)}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ImageStore:
    folder = tmp_path_factory.mktemp("store")
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (6, 40, 60, 3), dtype=np.uint8)
    write_shard(folder / "000000.arrow", [
        make_row(isic_id, simplejpeg.encode_jpeg(picture))
        for isic_id, picture in zip(IDS, pictures, strict=True)])
    return ImageStore(folder=folder)


def open_small(
    store: ImageStore, *, size_px: int = 32, decode_side: int = 40, is_augmented: bool = True
) -> PixelSource:
    return open_pixels(store, IDS, size_px=size_px, decode_side=decode_side,
                       augmentation="strong", seed=3, device=torch.device("cpu"),
                       is_augmented=is_augmented)


def test_held_and_live_squares_give_the_same_batch(store: ImageStore) -> None:
    held = open_small(store)
    live = replace(held, held=None)
    assert held.held is not None
    batches = [source.load(ROWS, VIEWS) for source in (held, live)]
    assert (batches[0].shape, batches[0].dtype) == ((4, 32, 32, 3), torch.uint8)
    assert torch.equal(*batches)


def test_squares_that_do_not_fit_in_memory_are_decoded_for_each_batch(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = open_small(store).load(ROWS, VIEWS)
    monkeypatch.setattr(sources, "MOST_BYTES", 6 * 37 * 37 * 3 - 1)
    live = open_small(store)
    assert live.held is None
    assert torch.equal(live.load(ROWS, VIEWS), expected)


def test_a_batch_does_not_depend_on_its_neighbours(store: ImageStore) -> None:
    source = open_small(store)
    whole = source.load(ROWS, VIEWS)
    for number in range(len(ROWS)):
        alone = source.load(ROWS[number:number + 1], VIEWS[number:number + 1])
        assert torch.equal(alone[0], whole[number])
    assert not torch.equal(whole[1], whole[2])


def test_plain_views_are_what_prediction_sees(store: ImageStore) -> None:
    found = open_small(store, is_augmented=False).load(ROWS, np.zeros_like(ROWS))
    plain = Preprocessing(size_px=32, decode_side=40)
    for row, square in zip(ROWS, found.numpy(), strict=True):
        np.testing.assert_array_equal(square, plain.apply(store.decode(IDS[row])))


def test_a_plain_view_among_others_is_the_square_where_that_is_no_larger(
    store: ImageStore
) -> None:
    source = open_small(store, decode_side=32)
    plain = Preprocessing(size_px=32, decode_side=32).apply(store.decode(IDS[4]))
    np.testing.assert_array_equal(source.load(ROWS, VIEWS)[0].numpy(), plain)


@pytest.mark.parametrize(("size_px", "decode_side", "is_augmented", "side"), [
    (32, 40, True, 37), (32, 34, True, 34), (32, 24, True, 32), (32, 40, False, 32)])
def test_views_are_cut_from_squares_as_large_as_the_stored_image_allows(
    store: ImageStore, size_px: int, decode_side: int, is_augmented: bool, side: int
) -> None:
    source = open_small(store, size_px=size_px, decode_side=decode_side, is_augmented=is_augmented)
    assert source.preprocessing == Preprocessing(size_px=side, decode_side=decode_side)
    assert source.held is not None
    assert source.held.shape == (6, side, side, 3)


def test_an_image_that_does_not_decode_is_said(tmp_path: Path) -> None:
    write_shard(tmp_path / "000000.arrow", [make_row(IDS[0], b"no picture")])
    with pytest.raises(StoreError) as error:
        open_pixels(ImageStore(folder=tmp_path), IDS[:1], size_px=32, decode_side=40,
                    augmentation="light", seed=0, device=torch.device("cpu"), is_augmented=False)
    assert str(error.value) == (
        f"{tmp_path}: the image {IDS[0]} does not decode ({error.value.__cause__}); "
        "prepare the data again")


def transform(
    matrix: list[list[float]], gains: float = 1.0, offsets: float = 0.0, side: int = 8
) -> np.ndarray:
    """Views of SQUARES, all made the same way."""
    transforms = Transforms(matrices=np.float32([matrix] * 2),
                            gains=np.full((2, 3), gains, np.float32),
                            offsets=np.full((2, 3), offsets, np.float32))
    return apply_transforms(SQUARES, transforms, side).numpy()


def test_the_identity_changes_nothing() -> None:
    np.testing.assert_array_equal(transform(IDENTITY), SQUARES.numpy())


@pytest.mark.parametrize(("matrix", "axes"), [
    ([[-1, 0, 0], [0, 1, 0]], (2,)), ([[1, 0, 0], [0, -1, 0]], (1,)),
    ([[-1, 0, 0], [0, -1, 0]], (1, 2))])
def test_a_mirror_mirrors(matrix: list[list[float]], axes: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(transform(matrix), np.flip(SQUARES.numpy(), axes))


def test_a_quarter_turn_turns() -> None:
    np.testing.assert_array_equal(transform([[0, -1, 0], [1, 0, 0]]),
                                  np.rot90(SQUARES.numpy(), axes=(1, 2)))


def test_what_lies_outside_is_mirrored_at_the_edge() -> None:
    found = transform([[1, 0, 1], [0, 1, 0]])  # half a side to the right
    right = SQUARES.numpy()[:, :, 4:]
    np.testing.assert_array_equal(found, np.concatenate([right, right[:, :, ::-1]], axis=2))


def test_a_crop_is_the_part_it_names() -> None:
    found = transform([[0.5, 0, -0.5], [0, 0.5, 0.5]], side=4)
    np.testing.assert_array_equal(found, SQUARES.numpy()[:, 4:, :4])


def test_colours_are_scaled_shifted_and_cut_to_their_range() -> None:
    found = transform(IDENTITY, gains=1.5, offsets=-40)
    expected = np.clip(SQUARES.numpy() * 1.5 - 40, 0, 255)
    np.testing.assert_array_equal(found, np.round(expected))


@pytest.mark.parametrize("shape", [(2, 3, 4), (5,)])
def test_maps_are_those_of_row_and_view(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=(4, 6, int(np.prod(shape)))).astype(np.float16)
    source = MapSource(maps=[list(rows) for rows in values], shape=shape, start=3)
    found = source.load(ROWS, VIEWS)
    assert (found.shape, found.dtype) == ((4, *shape), torch.float32)
    np.testing.assert_array_equal(found.flatten(1).numpy(), values[VIEWS, ROWS].astype(np.float32))
    if found.ndim == 4:
        assert found.is_contiguous(memory_format=torch.channels_last)
