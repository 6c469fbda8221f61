"""A view is decided by seed, number and key alone, and the first is what prediction sees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.imaging.preprocessing import Preprocessing
from lesionlab.inputs.views import draw_view

PREPROCESSING = Preprocessing(size_px=32, decode_side=64)
PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def draw(view: int, seed: int = 0, key: str = "a", rgb: np.ndarray = PICTURE) -> np.ndarray:
    return draw_view(rgb, view, preprocessing=PREPROCESSING, seed=seed, image_key=key)


@given(st.integers(0, 63), st.integers(0, 2**31 - 1), st.text(max_size=5))
def test_a_view_is_drawn_the_same_each_time(view: int, seed: int, key: str) -> None:
    np.testing.assert_array_equal(draw(view, seed, key), draw(view, seed, key))


@given(st.integers(0, 9), st.text(max_size=5))
def test_the_first_view_is_what_prediction_sees(seed: int, key: str) -> None:
    np.testing.assert_array_equal(draw(0, seed, key), PREPROCESSING.apply(PICTURE))


def test_seed_view_and_key_each_give_another_view() -> None:
    views = [draw(1), draw(2), draw(1, seed=1), draw(1, key="b"), draw(0)]
    assert len({view.tobytes() for view in views}) == len(views)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 5))
def test_any_picture_gives_a_square(height: int, width: int, view: int) -> None:
    square = draw(view, rgb=PICTURE[:1, :1].repeat(height, 0).repeat(width, 1))
    assert (square.shape, square.dtype) == ((32, 32, 3), np.uint8)
    assert square.flags.c_contiguous
    assert square.flags.writeable


@pytest.mark.parametrize("view", range(4))
def test_drawing_leaves_the_picture_as_it_was(view: int) -> None:
    before = PICTURE.copy()
    draw(view)[:] = 0
    np.testing.assert_array_equal(PICTURE, before)
