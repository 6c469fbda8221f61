import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.auditing.covering import VIEWS, CoveredViews, cover_all_but_rim, cover_lesion
from lesionlab.imaging.preprocessing import Preprocessing
from lesionlab.training.embedding import FeatureViews

sides = st.integers(1, 60)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(sides, sides)
def test_what_is_covered_has_one_colour_and_the_rest_is_as_it_was(height: int, width: int):
    rgb = noise(height, width)
    for cover in (cover_lesion, cover_all_but_rim):
        covered = cover(rgb)
        is_changed = (covered != rgb).any(axis=2)
        assert len(np.unique(covered[is_changed], axis=0)) <= 1
        assert (covered.shape, covered.dtype) == (rgb.shape, rgb.dtype)


def test_the_lesion_in_the_middle_has_no_say():
    left, right = noise(48, 64), noise(48, 64)
    right[18:30, 22:42] = 7
    assert (left != right).any()
    assert (cover_lesion(left) == cover_lesion(right)).all()
    assert (cover_all_but_rim(left) == cover_all_but_rim(right)).all()


def test_corners_are_left():
    rgb = noise(48, 64)
    for cover in (cover_lesion, cover_all_but_rim):
        assert (cover(rgb)[:2, :2] == rgb[:2, :2]).all()


def test_a_whole_picture_shares_the_features_of_training():
    square = Preprocessing(size_px=32, decode_side=64)
    described = [CoveredViews(preprocessing=square, view=view).describe(0) for view in VIEWS]
    assert described[0] == FeatureViews(preprocessing=square, seed=0).describe(0)
    assert len({str(one) for one in described}) == len(VIEWS)
