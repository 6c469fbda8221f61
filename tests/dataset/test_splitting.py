"""No group straddles roles, shares are near the wish, and a user's split is never mended."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.core.cohort import Cohort
from lesionlab.core.errors import SplitError
from lesionlab.core.split import ROLES
from lesionlab.dataset.grouping import link_groups
from lesionlab.dataset.splitting import (
    count_roles,
    draw_roles,
    make_split,
    name_strata,
    parse_shares,
    read_roles,
)

SHARES = parse_shares("70/10/20")
group_sizes = st.lists(st.integers(1, 9), min_size=30, max_size=60)
seeds = st.integers(0, 2**32)


def make_groups(sizes: list[int]) -> pd.Series:
    codes = np.repeat(np.arange(len(sizes)), sizes)
    return pd.Series([f"g{c:03d}" for c in codes], [f"i{k:04d}" for k in range(len(codes))])


def draw_classes(groups: pd.Series, seed: int, share: float = 0.3) -> pd.Series:
    is_malignant = np.random.default_rng(seed).random(len(groups)) < share
    return pd.Series(np.where(is_malignant, "Malignant", "Benign"), groups.index)


@given(group_sizes, seeds)
def test_no_group_straddles_the_split(sizes: list[int], seed: int) -> None:
    groups = make_groups(sizes)
    roles = draw_roles(groups, draw_classes(groups, seed), SHARES, seed)
    assert (roles.groupby(groups).nunique().max() == 1)
    assert set(roles) == set(ROLES)


@given(st.lists(st.sampled_from("pqrstuvwxyz"), min_size=80, max_size=80),
       st.lists(st.integers(0, 40), min_size=80, max_size=80), seeds)
def test_no_patient_or_lesion_crosses_the_split(patients: list, lesions: list, seed: int) -> None:
    cohort = Cohort.from_frame(pd.DataFrame({
        "isic_id": [f"i{k:02d}" for k in range(160)],
        "patient_id": patients + [None] * 80,
        "lesion_id": [None] * 40 + [f"l{k}" for k in lesions] + [None] * 40}))
    groups = link_groups(cohort.frame, [("i00", "i159"), ("i01", "i02")])
    strata = pd.Series("all", cohort.ids)
    split = make_split(cohort, groups, draw_roles(groups, strata, SHARES, seed), seed=seed,
                       group_key="patient_id+lesion_id+duplicates")
    frame = cohort.frame.join(split.frame)
    for key in ("patient_id", "lesion_id", "group_id"):
        assert frame.groupby(key)["role"].nunique().max() == 1
    assert split.cohort_digest == cohort.digest


@given(group_sizes, seeds)
def test_shares_are_near_the_wish(sizes: list[int], seed: int) -> None:
    groups = make_groups(sizes)
    roles = draw_roles(groups, pd.Series("all", groups.index), SHARES, seed)
    found = roles.value_counts()
    for role in ROLES:
        assert abs(found[role] - SHARES[role] * len(groups)) <= max(sizes)


@given(seeds)
def test_each_class_is_near_its_shares(seed: int) -> None:
    groups = make_groups([1, 2, 3, 4] * 100)
    classes = draw_classes(groups, seed, 0.05)
    roles = draw_roles(groups, classes, SHARES, seed)
    table = pd.crosstab(classes, roles, normalize="index")
    for role in ROLES:
        assert abs(table.loc["Benign", role] - SHARES[role]) < 0.01
        assert abs(table.loc["Malignant", role] - SHARES[role]) < 0.08


def test_many_rare_classes_leave_no_role_short() -> None:
    groups = make_groups([1] * 150)
    strata = pd.Series([f"s{k % 50}" for k in range(150)], groups.index)
    found = draw_roles(groups, strata, SHARES, 0).value_counts(normalize=True)
    assert found["valid"] > 0.04


@given(seeds)
def test_large_groups_are_found_in_every_role(seed: int) -> None:
    groups = make_groups([8] * 40 + [1] * 400)
    roles = draw_roles(groups, pd.Series("all", groups.index), SHARES, seed)
    sizes = groups.map(groups.value_counts())
    assert (sizes[sizes == 8].groupby(roles).count() / 8).to_dict() == {
        "train": 28, "valid": 4, "test": 8}


@given(group_sizes, seeds, st.randoms(use_true_random=False))
def test_the_draw_does_not_depend_on_the_order_of_rows(
    sizes: list[int], seed: int, random
) -> None:
    groups = make_groups(sizes)
    classes = draw_classes(groups, seed)
    mixed = random.sample(list(groups.index), len(groups))
    pd.testing.assert_series_equal(draw_roles(groups.loc[mixed], classes, SHARES, seed),
                                   draw_roles(groups, classes, SHARES, seed))


def test_another_seed_draws_another_split() -> None:
    groups = make_groups([1] * 100)
    strata = pd.Series("all", groups.index)
    first, other = (draw_roles(groups, strata, SHARES, seed) for seed in (0, 1))
    assert (first != other).any()


def test_a_role_without_images_is_refused() -> None:
    groups = make_groups([4, 1])
    with pytest.raises(SplitError) as error:
        draw_roles(groups, pd.Series("all", groups.index), SHARES, 0)
    assert str(error.value) == (
        "2 groups are too few to split: none is left for valid; give more patients or more "
        "even shares, such as --split 40/30/30")


@pytest.mark.parametrize("text", ["70/10/20", "7/1/2", " 0.7 / 0.1 / 0.2 ", "1400/200/400"])
def test_shares_sum_to_one(text: str) -> None:
    assert parse_shares(text) == pytest.approx({"train": 0.7, "valid": 0.1, "test": 0.2})


@pytest.mark.parametrize("text", [
    "", "70", "70/30", "1/2/3/4", "0/10/20", "-1/1/1", "a/b/c", "nan/1/1", "inf/1/1",
    "1e308/1e308/1e308"])
def test_shares_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(SplitError) as error:
        parse_shares(text)
    assert str(error.value) == (f"--split {text}: write three positive numbers for "
                                "train/valid/test, such as 70/10/20")


def make_cohort(roles: list) -> Cohort:
    return Cohort.from_frame(pd.DataFrame({
        "isic_id": list("abcd")[:len(roles)], "role": roles,
        "patient_id": ["p", "p", None, "q"][:len(roles)]}))


def test_the_users_own_names_are_read() -> None:
    cohort = make_cohort(["Training", "train", " VAL", "testing"])
    roles = read_roles(cohort, "role")
    assert roles.tolist() == ["train", "train", "valid", "test"]
    groups = link_groups(cohort.frame, [])
    split = make_split(cohort, groups, roles, seed=None, group_key="patient_id")
    assert (split.seed, list(split.ids("train"))) == (None, ["a", "b"])


@pytest.mark.parametrize(("roles", "column", "message"), [
    (["train"] * 4, "fold", "split column fold: no such column; the table has role, patient_id"),
    (["train", "dev", None, "?"], "role",
     ("split column role: 3 images have no known role ((empty), ?, dev): b, c, d; "
     "use train, valid, test")),
    (["train"] * 4, "role",
     "split column role: no image is valid or test; a split needs all of train, valid, test"),
])
def test_a_column_that_is_no_split_is_refused(roles: list, column: str, message: str) -> None:
    with pytest.raises(SplitError) as error:
        read_roles(make_cohort(roles), column)
    assert str(error.value) == message


@pytest.mark.parametrize(("group", "message"), [
    (lambda frame: link_groups(frame, []),
     "the split breaks its laws:\n  - 1 values of group_id stand in more than one role: a"),
    (lambda frame: pd.Series(frame.index, frame.index),
     "the split breaks its laws:\n  - 1 values of patient_id stand in more than one role: p"),
])
def test_the_users_split_is_refused_where_a_patient_straddles(
    group: Callable[[pd.DataFrame], pd.Series], message: str
) -> None:
    cohort = make_cohort(["train", "test", "valid", "test"])
    with pytest.raises(SplitError) as error:
        make_split(cohort, group(cohort.frame), read_roles(cohort, "role"), seed=None,
                   group_key="patient_id")
    assert str(error.value) == message


def test_sources_are_strata_only_where_there_are_several() -> None:
    target = pd.Series(["mel", "nv"], ["a", "b"])
    assert name_strata(target, None).tolist() == ["mel", "nv"]
    assert name_strata(target, pd.Series(["s", "s"], ["a", "b"])).tolist() == ["mel", "nv"]
    assert name_strata(target, pd.Series(["s", None], ["a", "b"])).tolist() == [
        "mel | s", "nv | unknown"]


def test_counts_of_each_role_name_every_class() -> None:
    cohort = make_cohort(["train", "train", "valid", "test"])
    split = make_split(cohort, link_groups(cohort.frame, []), read_roles(cohort, "role"),
                       seed=None, group_key="patient_id")
    counts = count_roles(pd.Series(["mel", "nv", "nv", "nv"], list("abcd")), split, ("mel", "nv"))
    assert counts["train"] == {"num_images": 2, "num_groups": 1, "classes": {"mel": 1, "nv": 1}}
    assert counts["test"] == {"num_images": 1, "num_groups": 1, "classes": {"mel": 0, "nv": 1}}
