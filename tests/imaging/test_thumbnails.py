"""Copies agree in fine detail, different lesions do not, whatever frames they have."""

from collections.abc import Callable

import numpy as np
import pytest
from copies import copy_pictures, draw_picture

from lesionlab.imaging.thumbnails import are_same_picture, make_thumbnail


def draw_framed(seed: int) -> np.ndarray:
    """Pale skin in the round field of a dermatoscope, all else black."""
    rows, columns = np.mgrid[:90, :120]
    is_field = (rows - 45) ** 2 + (columns - 60) ** 2 < 40**2
    return np.where(is_field[..., None], 120 + draw_picture(seed) // 3, 4).astype(np.uint8)


@pytest.mark.parametrize("draw", [draw_picture, draw_framed])
def test_different_pictures_are_not_the_same(draw: Callable[[int], np.ndarray]) -> None:
    thumbnails = np.stack([make_thumbnail(draw(seed)) for seed in range(20)])
    assert not are_same_picture(thumbnails[1:], thumbnails[:-1]).any()


@pytest.mark.parametrize("seed", range(5))
def test_copies_in_a_black_frame_are_the_same(seed: int) -> None:
    rgb = draw_framed(seed)
    for name, copy in copy_pictures(rgb).items():
        assert are_same_picture(make_thumbnail(rgb)[None], make_thumbnail(copy)[None])[0], name


def test_an_empty_field_is_the_same_as_another() -> None:
    thumbnails = make_thumbnail(np.where(draw_framed(0) > 4, 160, 4).astype(np.uint8))[None]
    assert are_same_picture(thumbnails, np.where(thumbnails > 100, thumbnails + 1, thumbnails))[0]


def test_flat_pictures_are_the_same_where_their_grey_is() -> None:
    flat = np.stack([np.full((32, 32), grey, np.uint8) for grey in (10, 20, 200)])
    detailed = make_thumbnail(draw_picture(0))
    first = np.stack([flat[0], flat[0], flat[0]])
    second = np.stack([flat[1], flat[2], detailed])
    assert are_same_picture(first, second).tolist() == [True, False, False]


def test_no_pairs_of_thumbnails_give_no_answers() -> None:
    nothing = np.empty((0, 32, 32), np.uint8)
    assert are_same_picture(nothing, nothing).shape == (0,)
