from functools import cache
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from lesionlab.imaging.placement import NUM_TURNS, Placement, turn_picture
from lesionlab.imaging.registration import (
    PART_SIDE,
    WHOLE_SIDE,
    Likeness,
    compare_pictures,
    square_picture,
)

FULL = Placement(turn=0, left=0, top=0, width=1, height=1)


@cache
def draw_skin(seed: int, noise: int = 0) -> Image.Image:
    """256 x 192 of one scene; another `noise` is another photograph of it, with other detail."""
    rngs = np.random.default_rng(seed), np.random.default_rng([seed, noise])
    grey = np.full((192, 256), 150.0)
    for side, strength, rng in ((6, 18, rngs[0]), (20, 12, rngs[0]), (64, 14, rngs[1])):
        blotches = Image.fromarray(rng.normal(size=(side, side)).astype(np.float32))
        grey += strength * np.asarray(blotches.resize((256, 192), Image.Resampling.BICUBIC))
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).convert("RGB")


def compress(picture: Image.Image, quality: int = 75) -> Image.Image:
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def compare(whole: Image.Image, part: Image.Image, start: Placement = FULL) -> Likeness:
    return compare_pictures(square_picture(np.asarray(whole), WHOLE_SIDE),
                            square_picture(np.asarray(part), PART_SIDE), start)


def test_the_same_picture_encoded_again_is_the_same():
    found = compare(draw_skin(1), compress(draw_skin(1).resize((160, 120))))
    assert (found.is_same, found.describe()) == (True, "encoded again")


@pytest.mark.parametrize("seed", range(4))
def test_a_crop_is_fitted_from_a_place_that_is_a_little_off(seed: int):
    part = compress(draw_skin(seed).crop((20, 30, 20 + 210, 30 + 158)))
    start = Placement(turn=0, left=0.06, top=0.18, width=0.8, height=0.8)
    found = compare(draw_skin(seed), part, start)
    assert (found.is_same, found.describe()) == (True, "cropped")
    assert found.place.left == pytest.approx(20 / 256, abs=0.01)
    assert found.place.height == pytest.approx(158 / 192, abs=0.01)


def test_what_shows_more_than_the_whole_is_called_cropped_too():
    part = draw_skin(2).crop((13, 10, 13 + 230, 10 + 172))
    start = Placement(turn=0, left=-0.05, top=-0.05, width=1.1, height=1.1)
    found = compare(part, draw_skin(2), start)
    assert (found.is_same, found.is_cropped) == (True, True)
    assert found.place.area > 1


@pytest.mark.parametrize("factor", [0.7, 1.25])
def test_a_lighter_or_darker_picture_is_the_same_and_called_retouched(factor: float):
    found = compare(draw_skin(1), compress(ImageEnhance.Brightness(draw_skin(1)).enhance(factor)))
    assert (found.is_same, found.describe()) == (True, "retouched")


@pytest.mark.parametrize(("turn", "words"), [
    (1, "mirrored"), (2, "mirrored"), (3, "turned"), (4, "mirrored"), (5, "turned")])
def test_a_turn_is_told_from_a_mirror(turn: int, words: str):
    whole = square_picture(np.asarray(draw_skin(1)), WHOLE_SIDE)
    part = turn_picture(square_picture(np.asarray(draw_skin(1)), PART_SIDE), turn)
    back = next(back for back in range(NUM_TURNS)
                if np.array_equal(turn_picture(turn_picture(whole, turn), back), whole))
    start = Placement(turn=back, left=0, top=0, width=1, height=1)
    found = compare_pictures(whole, part, start)
    assert (found.is_same, found.describe()) == (True, words)


@pytest.mark.parametrize("seed", range(5))
def test_two_photographs_of_one_scene_are_not_one_picture(seed: int):
    found = compare(draw_skin(seed), draw_skin(seed, noise=1))
    assert found.coarse > 0.3
    assert not found.is_same


def test_two_round_fields_of_view_have_only_their_edge_in_common():
    y, x = np.ogrid[-1:1:192j, -1:1:256j]
    is_outside = (x**2 + y**2 > 0.8)[..., None]
    one, other = (Image.fromarray(np.where(is_outside, 0, np.asarray(draw_skin(seed))))
                  for seed in (1, 2))
    assert compare(one, compress(one)).is_same
    assert compare(one, other).coarse < 0.3


def test_pictures_that_overlap_by_a_tenth_are_not_compared():
    start = Placement(turn=0, left=0.95, top=0.5, width=1, height=1)
    found = compare_pictures(np.zeros((WHOLE_SIDE, WHOLE_SIDE), np.float32),
                             np.zeros((PART_SIDE, PART_SIDE), np.float32), start)
    assert (found.coarse, found.fine, found.is_same) == (0, 0, False)
