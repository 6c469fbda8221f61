"""Each image is held out once, with its whole group, and the test role never."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories import clean_frame, make_prepared
from lesionlab.core.errors import InputError, SplitError
from lesionlab.dataset.folds import deal_folds, draw_folds, name_roles

group_sizes = st.lists(st.integers(1, 9), min_size=12, max_size=40)
seeds = st.integers(0, 2**32)
fold_counts = st.integers(3, 12)


def make_groups(sizes: list[int]) -> pd.Series:
    codes = np.repeat(np.arange(len(sizes)), sizes)
    return pd.Series([f"g{c:03d}" for c in codes], [f"i{k:04d}" for k in range(len(codes))])


def draw_classes(groups: pd.Series, seed: int, share: float = 0.3) -> pd.Series:
    is_malignant = np.random.default_rng(seed).random(len(groups)) < share
    return pd.Series(np.where(is_malignant, "Malignant", "Benign"), groups.index)


@given(group_sizes, fold_counts, seeds)
def test_no_group_straddles_folds_and_no_fold_is_empty(
    sizes: list[int], num_folds: int, seed: int
) -> None:
    groups = make_groups(sizes)
    folds = deal_folds(groups, draw_classes(groups, seed), num_folds, seed=seed)
    assert folds.groupby(groups).nunique().max() == 1
    assert set(folds) == set(range(num_folds))
    assert sorted(folds.index) == sorted(groups.index)


@given(group_sizes, fold_counts, seeds)
def test_each_image_is_held_out_exactly_once_and_valid_once(
    sizes: list[int], num_folds: int, seed: int
) -> None:
    groups = make_groups(sizes)
    folds = deal_folds(groups, draw_classes(groups, seed), num_folds, seed=seed)
    roles = pd.DataFrame({k: name_roles(folds, k) for k in range(num_folds)})
    assert set((roles == "test").sum(axis=1)) == set((roles == "valid").sum(axis=1)) == {1}
    for k in range(num_folds):
        assert set(roles[k]) == {"train", "valid", "test"}


@given(group_sizes, fold_counts, seeds, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_has_no_say(
    sizes: list[int], num_folds: int, seed: int, random: object
) -> None:
    groups = make_groups(sizes)
    classes = draw_classes(groups, seed)
    shuffled = list(groups.index)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    found = deal_folds(groups.loc[shuffled], classes, num_folds, seed=seed)
    pd.testing.assert_series_equal(found, deal_folds(groups, classes, num_folds, seed=seed))


@given(seeds)
def test_each_class_is_spread_evenly(seed: int) -> None:
    groups = make_groups([1, 2, 3, 4] * 60)
    classes = draw_classes(groups, seed, 0.1)
    folds = deal_folds(groups, classes, 5, seed=seed)
    share = pd.crosstab(classes, folds, normalize="index")
    assert (share.loc["Benign"] - 0.2).abs().max() < 0.02
    assert (share.loc["Malignant"] - 0.2).abs().max() < 0.08


def test_another_seed_gives_other_folds() -> None:
    groups = make_groups([1] * 60)
    classes = draw_classes(groups, 0)
    assert not deal_folds(groups, classes, 5, seed=0).equals(
        deal_folds(groups, classes, 5, seed=1))


def test_the_test_role_is_in_no_fold(tmp_path: Path) -> None:
    data = make_prepared(tmp_path, clean_frame())
    folds = draw_folds(data, 4, seed=0)
    outside = data.frame["role"] == "test"
    assert list(folds.index) == sorted(data.frame.index[~outside])
    assert folds.value_counts().max() - folds.value_counts().min() <= 2


@pytest.mark.parametrize("num_folds", [2, 0, -1])
def test_fewer_than_three_folds_are_refused(num_folds: int) -> None:
    groups = make_groups([1] * 9)
    with pytest.raises(InputError) as error:
        deal_folds(groups, draw_classes(groups, 0), num_folds, seed=0)
    assert str(error.value) == (
        f"--folds {num_folds}: give 3 or more; one fold is held out, one is for early stopping "
        "and calibration, the rest is trained on")


def test_more_folds_than_groups_are_refused() -> None:
    groups = make_groups([5, 5, 5, 5])
    with pytest.raises(SplitError) as error:
        deal_folds(groups, draw_classes(groups, 0), 5, seed=0)
    assert str(error.value) == (
        "--folds 5: the train and valid roles hold 4 groups, and each fold needs one; give fewer "
        "folds or prepare more data")
