"""Tests of what is done to the pixels of a file."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionlab.phantoms import edits
from lesionlab.phantoms.drawing import Lesion, View
from lesionlab.phantoms.pictures import Picture, draw_picture
from lesionlab.phantoms.scenes import draw_scene

EDITS = (
    edits.blank, edits.blur, edits.cast_colour, edits.change_brightness, edits.crop,
    edits.darken_corners, edits.draw_ink, edits.enlarge, edits.lay_hair, edits.lay_ruler,
    edits.mirror, edits.shrink, edits.swap_channels, edits.warm_light, draw_scene)
RESIZING = (edits.crop, edits.enlarge, edits.shrink)
SKIN = np.full((120, 160, 3), (220, 170, 150), np.uint8)


def edit(function, pixels: np.ndarray = SKIN, seed: int = 0) -> np.ndarray:
    return function(pixels, np.random.default_rng(seed)).astype(int)


@settings(max_examples=60)
@given(function=st.sampled_from(EDITS), seed=st.integers(0, 10_000),
       size=st.tuples(st.integers(32, 90), st.integers(32, 90)))
def test_every_edit_gives_a_picture_and_leaves_the_one_it_was_given(function, seed, size):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    before = pixels.copy()
    edited = function(pixels, np.random.default_rng(seed))
    assert edited.dtype == np.uint8
    assert edited.ndim == 3 and edited.shape[2] == 3
    assert function in RESIZING or edited.shape == pixels.shape
    assert np.array_equal(edited, function(pixels, np.random.default_rng(seed)))
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize("seed", range(5))
def test_dark_corners_are_black_and_the_centre_is_as_it_was(seed: int):
    edited = edit(edits.darken_corners, seed=seed)
    assert edited[[0, 0, -1, -1], [0, -1, 0, -1]].max() < 15
    assert np.abs(edited[40:80, 60:100] - SKIN[40:80, 60:100]).max() <= 1


def test_a_ruler_lies_along_the_lower_edge_only():
    edited = edit(edits.lay_ruler)
    assert np.array_equal(edited[:100], SKIN[:100])
    assert (edited[100:].max(axis=2) < 50).mean() > 0.03


@pytest.mark.parametrize("seed", range(5))
def test_ink_is_violet_and_leaves_the_centre_free(seed: int):
    edited = edit(edits.draw_ink, seed=seed)
    red, green, blue = np.moveaxis(edited, 2, 0)
    is_ink = (green < 0.6 * red) & (green < 0.8 * blue)
    assert 0.01 < is_ink.mean() < 0.2
    assert not is_ink[40:80, 60:100].any()


@pytest.mark.parametrize("seed", range(5))
def test_hair_is_dark_and_everywhere(seed: int):
    is_hair = edit(edits.lay_hair, seed=seed).mean(axis=2) < 120
    assert is_hair.mean() > 0.03
    assert all(quarter.any() for half in np.split(is_hair, 2) for quarter in np.split(half, 2, 1))


def test_channels_are_swapped_and_sides_mirrored():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    assert np.array_equal(edit(edits.swap_channels, pixels), pixels[:, :, ::-1])
    assert np.array_equal(edit(edits.mirror, pixels), pixels[:, ::-1])


def test_a_cast_moves_the_balance_of_channels_and_light_does_not():
    def balance(pixels: np.ndarray) -> np.ndarray:
        mean = pixels.mean(axis=(0, 1))
        return mean / mean.sum()

    grey = np.full((40, 50, 3), 120, np.uint8)
    casts = [np.abs(balance(edit(edits.cast_colour, grey, seed)) - 1 / 3).max()
             for seed in range(12)]
    assert min(casts) > 0.04
    lights = [edit(edits.change_brightness, grey, seed) for seed in range(12)]
    assert max(np.abs(balance(light) - 1 / 3).max() for light in lights) < 1e-6
    assert min(abs(light.mean() - 120) for light in lights) > 20


def test_blur_takes_detail_away():
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    assert edit(edits.blur, noise).std() < 0.25 * noise.std()


def test_blank_pictures_are_nearly_black_or_white():
    levels = {round(edit(edits.blank, seed=seed).mean() / 255) for seed in range(12)}
    spreads = [edit(edits.blank, seed=seed).std() for seed in range(12)]
    assert levels == {0, 1}
    assert max(spreads) < 2


def test_a_scene_has_nothing_of_the_picture():
    other = np.zeros_like(SKIN)
    for seed in range(12):
        assert np.array_equal(edit(draw_scene, seed=seed), edit(draw_scene, other, seed))
    assert len({edit(draw_scene, seed=seed).tobytes() for seed in range(12)}) == 12


def test_equal_pictures_have_equal_bytes_and_other_edits_other_bytes():
    lesion = Lesion(look="vascular", severity=0.3, skin_type="II", seed=(0, 1))
    view = View(width=48, height=36, is_dermoscopic=True, seed=(0, 2))
    pictures = [Picture(lesion=lesion, view=view), Picture(lesion=lesion, view=view),
                Picture(lesion=lesion, view=view, edits=(edits.mirror,)),
                Picture(lesion=lesion, view=view, quality=50),
                Picture(lesion=lesion, view=view, comment_bytes=100)]
    files = [draw_picture(picture) for picture in pictures]
    assert files[0] == files[1]
    assert len(set(files)) == 4
    assert [picture.is_drawn_only for picture in pictures] == [True, True, False, False, False]
    assert {picture.drawn for picture in pictures} == {pictures[0]}
