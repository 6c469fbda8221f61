"""The whole picture, squeezed into a square, as a new array."""

import numpy as np
import pytest

from lesionlab.imaging.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(size_px=32, decode_side=64)


@pytest.mark.parametrize("shape", [(1, 1), (2, 90), (32, 32), (33, 32), (32, 60), (450, 600)])
def test_any_picture_becomes_a_new_square(shape: tuple[int, int]) -> None:
    rgb = np.full((*shape, 3), 7, np.uint8)
    square = PREPROCESSING.apply(rgb)
    assert (square.shape, square.dtype) == ((32, 32, 3), np.uint8)
    assert (square == 7).all()
    square[:] = 0
    assert (rgb == 7).all()


def test_the_whole_picture_is_seen() -> None:
    rgb = np.zeros((64, 128, 3), np.uint8)
    rgb[:, :64], rgb[:32, :, 1] = (255, 0, 0), 255
    square = PREPROCESSING.apply(rgb)
    corners = square[[2, 2, -3, -3], [2, -3, 2, -3]]
    assert corners.tolist() == [[255, 255, 0], [0, 255, 0], [255, 0, 0], [0, 0, 0]]


def test_a_picture_of_the_right_size_is_not_resampled() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    np.testing.assert_array_equal(PREPROCESSING.apply(rgb), rgb)


def test_settings_round_trip() -> None:
    settings = Preprocessing(size_px=224, decode_side=256)
    assert Preprocessing(**settings.to_dict()) == settings
