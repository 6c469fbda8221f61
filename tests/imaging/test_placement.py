from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lesionlab.imaging.placement import (
    LEAST_SCORE,
    NUM_TURNS,
    Placement,
    PlacementSearch,
    turn_picture,
)
from lesionlab.imaging.thumbnails import THUMBNAIL_SIDE, make_thumbnail


@cache
def draw_scene(seed: int) -> np.ndarray:
    """(120, 160, 3) uint8: soft blotches of all sizes, with a dark spot in the middle."""
    rng = np.random.default_rng(seed)
    grey = np.zeros((120, 160))
    for side in (4, 8, 16):
        blotches = Image.fromarray(rng.normal(size=(side, side)).astype(np.float32))
        grey += np.asarray(blotches.resize((160, 120), Image.Resampling.BICUBIC))
    y, x = np.ogrid[-1:1:120j, -1:1:160j]
    grey = 150 + 14 * grey - 70 * (x**2 + y**2 < 0.15)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


@cache
def learn_scenes() -> PlacementSearch:
    return PlacementSearch.learn(np.stack([make_thumbnail(draw_scene(seed))
                                           for seed in range(60)]))


def crop(rgb: np.ndarray, left: float, top: float, share: float) -> np.ndarray:
    height, width = rgb.shape[:2]
    rows = slice(round(top * height), round((top + share) * height))
    return rgb[rows, round(left * width):round((left + share) * width)]


def find_one(whole: np.ndarray, part: np.ndarray) -> tuple[Placement, float]:
    places, scores = learn_scenes().find(make_thumbnail(whole), make_thumbnail(part)[None])
    return places[0], float(scores[0])


def test_the_eight_turns_are_all_there_are_and_keep_the_pixels():
    square = np.arange(9).reshape(3, 3)
    turned = [turn_picture(square, turn) for turn in range(NUM_TURNS)]
    assert len({one.tobytes() for one in turned}) == NUM_TURNS
    assert all(sorted(one.ravel()) == list(range(9)) for one in turned)


@pytest.mark.parametrize("turn", range(NUM_TURNS))
def test_a_turned_picture_is_found_with_the_turn_that_brings_it_back(turn: int):
    scene = draw_scene(3)
    turned = turn_picture(scene.transpose(2, 0, 1), turn).transpose(1, 2, 0)
    place, score = find_one(scene, np.ascontiguousarray(turned))
    assert score > 0.95
    back = turn_picture(turn_picture(np.arange(9).reshape(3, 3), turn), place.turn)
    assert back.ravel().tolist() == list(range(9))


@given(seed=st.integers(0, 50), left=st.floats(0, 0.2), top=st.floats(0, 0.2))
def test_a_crop_is_found_near_where_it_was_cut(seed: int, left: float, top: float):
    scene = draw_scene(seed)
    place, score = find_one(scene, crop(scene, left, top, 0.8))
    assert (place.turn, score >= LEAST_SCORE) == (0, True)
    assert place.left == pytest.approx(left, abs=0.06)
    assert place.top == pytest.approx(top, abs=0.06)
    assert place.area == pytest.approx(0.64, abs=0.15)


def test_pictures_of_the_same_kind_are_not_taken_for_one():
    wholes, parts = (np.stack([make_thumbnail(draw_scene(seed)) for seed in seeds])
                     for seeds in (range(100, 120), range(200, 220)))
    scores = np.stack([learn_scenes().find(whole, parts)[1] for whole in wholes])
    assert scores.max() < LEAST_SCORE


def test_pictures_without_any_detail_are_like_nothing():
    flat = np.full((1, THUMBNAIL_SIDE, THUMBNAIL_SIDE), 128, np.uint8)
    assert learn_scenes().find(flat[0], flat)[1] == pytest.approx([0])
    assert PlacementSearch.learn(flat).find(flat[0], flat)[1] == pytest.approx([0])
