"""A transform follows from augmentation, seed, view and key alone, and stays in its ranges."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.inputs.augmentation import (
    AUGMENTATIONS,
    TRANSFORM_VERSION,
    Transforms,
    draw_transforms,
    hash_keys,
)

NAMES = sorted(AUGMENTATIONS)
GOLDEN = {1: "7d81978caabafd676c8b60a6c9004037"}
"""Digest of some transforms by version: where it changes, TRANSFORM_VERSION has to be raised."""

names = st.sampled_from(NAMES)
seeds = st.integers(0, 2**31 - 1)


def make_keys(number: int) -> np.ndarray:
    return hash_keys([hashlib.sha256(str(n).encode()).hexdigest() for n in range(number)])


def draw(name: str, seed: int, views: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """(N, 12): all numbers of each transform side by side."""
    return flatten(draw_transforms(name, seed, views, keys))


def flatten(transforms: Transforms) -> np.ndarray:
    return np.concatenate([transforms.matrices.reshape(-1, 6), transforms.gains,
                           transforms.offsets], axis=1)


def test_keys_are_the_first_64_bits_of_the_digest() -> None:
    keys = hash_keys(["0000000000000010" + "f" * 48, "f" * 64])
    assert keys.dtype == np.uint64
    assert keys.tolist() == [16, 2**64 - 1]


@given(names, seeds, st.permutations(range(12)))
def test_the_order_of_work_does_not_matter(name: str, seed: int, order: list[int]) -> None:
    views, keys = np.arange(12) % 5, make_keys(12)
    whole = draw(name, seed, views, keys)
    np.testing.assert_array_equal(draw(name, seed, views[order], keys[order]), whole[order])
    one = order[0]
    np.testing.assert_array_equal(draw(name, seed, views[one:one + 1], keys[one:one + 1])[0],
                                  whole[one])


@given(names, seeds)
def test_the_first_view_changes_nothing(name: str, seed: int) -> None:
    found = draw(name, seed, np.zeros(8, np.int64), make_keys(8))
    np.testing.assert_array_equal(found, np.tile([1, 0, 0, 0, 1, 0, 1, 1, 1, 0, 0, 0], (8, 1)))
    assert found.dtype == np.float32


@pytest.mark.parametrize("name", NAMES)
def test_seed_view_and_key_each_give_another_transform(name: str) -> None:
    key, other = make_keys(2)
    drawn = [draw(name, seed, np.array([view]), np.array([image]))
             for seed, view, image in ((0, 1, key), (1, 1, key), (0, 2, key), (0, 1, other))]
    assert len({found.tobytes() for found in drawn}) == len(drawn)


@given(seeds, st.integers(1, 1000))
def test_views_that_are_not_turned_freely_stay_inside_the_square(seed: int, view: int) -> None:
    ranges = AUGMENTATIONS["light"]
    assert ranges.most_turn_deg == 0
    matrices = draw_transforms("light", seed, np.full(20, view), make_keys(20)).matrices
    corners = np.array([[x, y, 1] for x in (-1, 1) for y in (-1, 1)])
    assert np.abs(matrices @ corners.T).max() <= 1 + 1e-6


@given(names, seeds)
def test_transforms_stay_in_their_ranges(name: str, seed: int) -> None:
    ranges = AUGMENTATIONS[name]
    found = draw_transforms(name, seed, np.arange(1, 41), make_keys(40))
    areas = np.abs(np.linalg.det(found.matrices[:, :, :2].astype(float)))
    assert ranges.smallest_area - 1e-6 <= areas.min()
    assert areas.max() <= 1 + 1e-6
    factors = [1 + most for most in (ranges.most_light, ranges.most_tint, ranges.most_contrast)]
    assert found.gains.max() <= np.prod(factors) + 1e-6
    assert found.gains.min() >= np.prod([2 - factor for factor in factors]) - 1e-6
    greys = found.gains * 127.5 + found.offsets  # contrast leaves mid grey where it is
    assert greys.max() <= 127.5 * factors[0] * factors[1] + 1e-3
    assert greys.min() >= 127.5 * (2 - factors[0]) * (2 - factors[1]) - 1e-3


@pytest.mark.parametrize(("name", "has_quarters"), [("light", True), ("study", False)])
def test_views_are_mirrored_and_turned_as_often_as_not(name: str, has_quarters: bool) -> None:
    matrices = draw_transforms(name, 0, np.arange(1, 2001), make_keys(2000)).matrices
    assert 0.45 < (np.linalg.det(matrices[:, :, :2]) < 0).mean() < 0.55
    quarters = np.round(np.arctan2(-matrices[:, 0, 1], matrices[:, 1, 1]) / (np.pi / 2)) % 4
    shares = np.bincount(quarters.astype(int), minlength=4) / 2000
    assert shares == pytest.approx([0.25] * 4 if has_quarters else [1, 0, 0, 0], abs=0.04)


def test_the_same_seed_gives_the_transforms_of_this_version() -> None:
    drawn = np.concatenate([
        draw(name, seed, np.arange(50), make_keys(50)) for name in NAMES for seed in (0, 7)])
    # Coarse enough that the last bit of a cosine, which differs between machines, is not seen.
    rounded = np.round(drawn, 3) + 0.0
    digest = hashlib.sha256((rounded * 1000).round().astype("<i4").tobytes()).hexdigest()
    assert {TRANSFORM_VERSION: digest[:32]} == GOLDEN
