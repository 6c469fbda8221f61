"""Copies of a picture are found without comparing all pairs; different lesions are not joined."""

from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from copies import copy_pictures, draw_picture
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lesionlab.imaging.perceptual import (
    MAX_DISTANCE,
    find_near_duplicates,
    hash_thumbnail,
    near_duplicate_pairs,
    perceptual_hash,
)
from lesionlab.imaging.thumbnails import are_same_picture, make_thumbnail

HAM10000 = Path(__file__).parents[2] / "../shared/data/ham10000/images"
needs_ham10000 = pytest.mark.skipif(
    not HAM10000.is_dir(), reason="the HAM10000 images are not beside this checkout"
)


def distance(first: np.uint64, second: np.uint64) -> int:
    return int(np.bitwise_count(first ^ second))


def reading(thumbnails: np.ndarray) -> Callable[[int], bytes]:
    return lambda row: thumbnails[row].tobytes()


def connect(num_images: int, pairs: np.ndarray) -> list[int]:
    """The smallest position that each image is linked with."""
    label = list(range(num_images))
    for _ in range(num_images):
        for one, other in pairs:
            label[one] = label[other] = min(label[one], label[other])
    return label


def test_a_thumbnail_has_the_hash_of_its_picture() -> None:
    rgb = draw_picture(0)
    thumbnail = make_thumbnail(rgb)
    assert thumbnail.shape == (32, 32) and thumbnail.dtype == np.uint8
    assert hash_thumbnail(thumbnail) == perceptual_hash(rgb)
    assert isinstance(perceptual_hash(rgb), np.uint64)


@pytest.mark.parametrize("grey", [0, 127, 255])
def test_a_picture_of_one_colour_has_hash_0(grey: int) -> None:
    assert perceptual_hash(np.full((50, 60, 3), grey, np.uint8)) == 0


def test_the_hash_does_not_change_between_versions() -> None:
    ramp = np.arange(48 * 64 * 3, dtype=np.uint32).reshape(48, 64, 3)
    picture = (ramp * ramp // 7919 % 256).astype(np.uint8)
    assert f"{perceptual_hash(picture):016x}" == "8af8bcd2d2a4f812"


@pytest.mark.parametrize("seed", range(5))
def test_copies_of_a_picture_are_near_and_the_same(seed: int) -> None:
    rgb = draw_picture(seed)
    for name, copy in copy_pictures(rgb).items():
        assert distance(perceptual_hash(rgb), perceptual_hash(copy)) <= MAX_DISTANCE, name
        assert are_same_picture(make_thumbnail(rgb)[None], make_thumbnail(copy)[None])[0], name


# Few centres and few flipped bits, so that near and equal hashes are common.
near_hashes = st.lists(
    st.builds(
        lambda centre, bits: centre ^ sum(1 << bit for bit in bits),
        st.sampled_from([0, 2**64 - 1, 0x0F0F_1234_5678_9ABC]),
        st.sets(st.integers(0, 63), max_size=6),
    ),
    max_size=40,
)


@given(values=near_hashes, max_distance=st.integers(0, 12))
@settings(max_examples=150, deadline=None)
def test_pairs_are_those_of_comparing_all(values: list[int], max_distance: int) -> None:
    hashes = np.array(values, np.uint64)
    firsts = sorted({value: index for index, value in reversed(list(enumerate(values)))}.values())
    expected = {
        (one, other)
        for one in firsts
        for other in firsts
        if one < other and distance(hashes[one], hashes[other]) <= max_distance
    }
    for value in set(values):
        same = [index for index, other in enumerate(values) if other == value]
        expected |= set(pairwise(same))
    pairs = near_duplicate_pairs(hashes, max_distance)
    assert pairs.dtype == np.int64 and pairs.shape[1:] == (2,)
    assert [tuple(pair) for pair in pairs.tolist()] == sorted(expected)


def test_a_hundred_thousand_blanks_are_chained() -> None:
    hashes = np.zeros(100_000, np.uint64)
    assert len(near_duplicate_pairs(hashes, MAX_DISTANCE)) == 99_999


def test_many_unlike_hashes_are_compared_quickly() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**64, 50_000, dtype=np.uint64)
    hashes[40_000:40_100] = hashes[:100] ^ np.uint64(0b100001)
    pairs = near_duplicate_pairs(hashes, MAX_DISTANCE)
    assert pairs.tolist() == [[index, 40_000 + index] for index in range(100)]


def test_ten_thousand_blanks_are_one_group() -> None:
    blank = bytes(32 * 32)
    pairs = find_near_duplicates(np.zeros(10_000, np.uint64), lambda _: blank)
    assert pairs.tolist() == [[0, row] for row in range(1, 10_000)]


def test_duplicates_are_linked_even_where_hashes_collide() -> None:
    pictures = [make_thumbnail(draw_picture(seed)) for seed in (0, 1, 0, 1, 2, 0)]
    hashes = np.array([7, 7, 7, 7, 7, 5], np.uint64)
    pairs = find_near_duplicates(hashes, reading(np.stack(pictures)))
    assert connect(6, pairs) == [0, 1, 0, 1, 4, 0]


def test_no_images_have_no_duplicates() -> None:
    hashes = np.empty(0, np.uint64)
    assert near_duplicate_pairs(hashes, 3).shape == (0, 2)
    assert find_near_duplicates(hashes, reading(hashes)).shape == (0, 2)


@given(seeds=st.lists(st.integers(0, 3), max_size=12), shift=st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_duplicate_groups_do_not_depend_on_order(seeds: list[int], shift: int) -> None:
    thumbnails = np.array([make_thumbnail(draw_picture(seed)) for seed in seeds], np.uint8)
    thumbnails = thumbnails.reshape(-1, 32, 32)
    hashes = np.array([hash_thumbnail(thumbnail) for thumbnail in thumbnails], np.uint64)
    labels = connect(
        len(seeds), find_near_duplicates(hashes ^ np.uint64(shift), reading(thumbnails))
    )
    assert labels == [seeds.index(seed) for seed in seeds]


@given(st.lists(st.tuples(st.sampled_from(["noise", "spike", "blank"]), st.integers(0, 2),
                          st.sampled_from([0, 0.2, 0.4, 0.5, 0.6, 0.65, 0.7, 0.9, 1])),
                min_size=2, max_size=12))
def test_no_copy_is_lost_where_thumbnails_are_compared_in_short(
    kinds: list[tuple[str, int, float]]
) -> None:
    grain = np.random.default_rng(0).normal(0, 20, (32, 32))
    thumbnails = np.empty((len(kinds), 32, 32), np.uint8)
    for place, (kind, seed, share) in enumerate(kinds):
        own = np.random.default_rng(seed + 1).normal(0, 20, (32, 32))
        picture = {"noise": share * grain + (1 - share) * own, "spike": np.zeros((32, 32)),
                   "blank": np.full((32, 32), 20 * share)}[kind]
        if kind == "spike":
            picture[9 + seed, 9] = 100 * share
        thumbnails[place] = np.clip(128 + picture, 0, 255)
    # Of twelve hashes in four bits, all are near each other.
    pairs = find_near_duplicates(np.arange(len(kinds), dtype=np.uint64), reading(thumbnails))
    every = np.array(list(combinations(range(len(kinds)), 2)))
    is_same = are_same_picture(thumbnails[every[:, 0]], thumbnails[every[:, 1]])
    assert pairs.tolist() == every[is_same].tolist()


@needs_ham10000
def test_copies_of_real_lesions_are_found_and_different_lesions_are_not_joined() -> None:
    originals = [np.asarray(Image.open(path)) for path in sorted(HAM10000.iterdir())[::200]]
    thumbnails = [make_thumbnail(rgb) for rgb in originals]
    sources = list(range(len(originals)))
    for source, rgb in enumerate(originals):
        copies = copy_pictures(rgb).values()
        thumbnails += [make_thumbnail(copy) for copy in copies]
        sources += [source] * len(copies)
    hashes = np.array([hash_thumbnail(thumbnail) for thumbnail in thumbnails], np.uint64)
    pairs = find_near_duplicates(hashes, reading(np.stack(thumbnails)))
    assert connect(len(sources), pairs) == sources


@needs_ham10000
def test_one_photograph_filed_under_two_lesions_is_found() -> None:
    names = ["ISIC_0025226", "ISIC_0030074", "ISIC_0027757", "ISIC_0032082"]
    pictures = [np.asarray(Image.open(HAM10000 / f"{name}.jpg")) for name in names]
    hashes = np.array([perceptual_hash(rgb) for rgb in pictures], np.uint64)
    thumbnails = np.stack([make_thumbnail(rgb) for rgb in pictures])
    # The first two are one photograph with other colours; the last two are different lesions
    # whose hashes are as near as those of copies.
    assert distance(hashes[2], hashes[3]) <= MAX_DISTANCE
    assert find_near_duplicates(hashes, reading(thumbnails)).tolist() == [[0, 1]]
