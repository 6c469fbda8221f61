"""Patients are taken whole, by the seed, and never more than was allowed."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lesionlab.archive.selection import filter_rows, name_groups, select_images
from lesionlab.core.errors import InputError

PATIENTS = ["", "IP_0", "IP_1", "IP_2", "IP_3", "IP_4"]
LESIONS = ["", "IL_0", "IL_1", "IL_2"]
CLASSES = ["", "Benign", "Malignant", "Indeterminate"]


def make_rows(cells: list[tuple[str, str, str]]) -> pd.DataFrame:
    ids = pd.Index([f"ISIC_{number:07d}" for number in range(len(cells))], name="isic_id")
    return pd.DataFrame(cells, index=ids, columns=["patient_id", "lesion_id", "diagnosis_1"],
                        dtype=str)


rows_of_any = st.lists(
    st.tuples(*map(st.sampled_from, (PATIENTS, LESIONS, CLASSES))), min_size=1, max_size=40
).map(make_rows)
numbers = st.none() | st.integers(1, 12)
seeds = st.integers(0, 9)


def select(rows: pd.DataFrame, per_class: int | None, limit: int | None, seed: int) -> pd.DataFrame:
    """The selection; an example without one is no example."""
    try:
        return select_images(rows, per_class=per_class, limit=limit, seed=seed)
    except InputError:
        assume(False)
        raise


@given(rows_of_any, numbers, numbers, seeds)
def test_a_patient_is_taken_whole_or_not_at_all(
    rows: pd.DataFrame, per_class: int | None, limit: int | None, seed: int
) -> None:
    chosen = select(rows, per_class, limit, seed)
    able = rows if per_class is None else rows[rows["diagnosis_1"] != ""]
    groups = name_groups(able)
    taken = set(groups[chosen.index])
    assert set(chosen.index) == set(groups.index[groups.isin(taken)])


@given(rows_of_any, numbers, numbers, seeds)
def test_no_number_is_exceeded(
    rows: pd.DataFrame, per_class: int | None, limit: int | None, seed: int
) -> None:
    chosen = select(rows, per_class, limit, seed)
    assert limit is None or len(chosen) <= limit
    assert per_class is None or chosen["diagnosis_1"].value_counts().max() <= per_class
    assert per_class is None or (chosen["diagnosis_1"] != "").all()


@given(rows_of_any, numbers, numbers, seeds)
def test_no_patient_who_would_fit_is_left_out(
    rows: pd.DataFrame, per_class: int | None, limit: int | None, seed: int
) -> None:
    chosen = select(rows, per_class, limit, seed)
    able = rows if per_class is None else rows[rows["diagnosis_1"] != ""]
    for _, left in able.drop(chosen.index).groupby(name_groups(able)):
        counts = Counter(chosen["diagnosis_1"]) + Counter(left["diagnosis_1"])
        assert ((limit is not None and counts.total() > limit)
                or (per_class is not None and max(counts.values()) > per_class))


@given(rows_of_any, numbers, numbers, seeds, st.randoms(use_true_random=False))
def test_the_same_seed_takes_the_same_whatever_the_order_of_the_rows(
    rows: pd.DataFrame, per_class: int | None, limit: int | None, seed: int, rng
) -> None:
    order = list(rows.index)
    rng.shuffle(order)
    again = select(rows.loc[order], per_class, limit, seed)
    assert set(again.index) == set(select(rows, per_class, limit, seed).index)


@given(rows_of_any, seeds)
def test_without_a_number_all_are_taken(rows: pd.DataFrame, seed: int) -> None:
    assert select_images(rows, seed=seed).equals(rows)


def test_another_seed_takes_others() -> None:
    rows = make_rows([(f"IP_{number}", "", "Benign") for number in range(100)])
    first, second = (set(select_images(rows, limit=10, seed=seed).index) for seed in (0, 1))
    assert len(first) == len(second) == 10 and first != second


def test_a_patient_keeps_its_place_when_the_archive_grows() -> None:
    rows = make_rows([(f"IP_{number}", "", "Benign") for number in range(200)])
    few, all_of_them = (set(select_images(part, limit=50, seed=3).index)
                        for part in (rows[:150], rows))
    assert all_of_them & set(rows.index[:150]) <= few


def test_the_rarest_class_is_served_first() -> None:
    mixed = [(f"IP_{number}", "", name) for number in range(5) for name in ("Malignant", "Benign")]
    rows = make_rows([*mixed, *[(f"IP_b{number}", "", "Benign") for number in range(50)]])
    for seed in range(5):
        chosen = select_images(rows, per_class=5, seed=seed)
        assert chosen["diagnosis_1"].value_counts().to_dict() == {"Malignant": 5, "Benign": 5}


def test_a_lesion_stands_for_a_patient_who_is_not_known() -> None:
    rows = make_rows([("IP_0", "IL_0", "Benign"), ("", "IL_1", "Benign"), ("", "", "Benign")])
    assert list(name_groups(rows)) == ["patient_id IP_0", "lesion_id IL_1", "ISIC_0000002"]
    assert list(name_groups(rows[[]])) == list(rows.index)


def test_another_column_may_hold_the_class() -> None:
    rows = make_rows([(f"IP_{number}", "", "Benign") for number in range(9)]).assign(
        sex=["male"] * 5 + ["female"] * 4)
    chosen = select_images(rows, per_class=2, class_column="sex")
    assert chosen["sex"].value_counts().to_dict() == {"male": 2, "female": 2}


def test_conditions_on_one_column_are_alternatives_and_on_two_both_hold() -> None:
    rows = make_rows([("IP_0", "", "Benign"), ("IP_1", "", "Malignant"), ("IP_1", "", ""),
                      ("IP_2", "", "Benign")])

    def find(*conditions: str) -> list[int]:
        return [int(name[-1]) for name in filter_rows(rows, conditions).index]

    assert find("diagnosis_1=Benign") == [0, 3]
    assert find("diagnosis_1 = Benign", "diagnosis_1=Malignant") == [0, 1, 3]
    assert find("diagnosis_1=Benign", "patient_id=IP_2") == [3]
    assert find("diagnosis_1=") == [2]
    assert find() == [0, 1, 2, 3]


ROWS = make_rows([("IP_0", "", "Benign"), ("IP_0", "", "Malignant"), ("IP_0", "", "Malignant"),
                  ("IP_1", "", "")])


@pytest.mark.parametrize(("conditions", "said"), [
    (["diagnosis_1"], "where is 'diagnosis_1'; give COLUMN=VALUE, such as image_type=dermoscopic"),
    (["=x"], "where is '=x'; give COLUMN=VALUE, such as image_type=dermoscopic"),
    (["diagnosis=x"], "the Archive gave no column 'diagnosis'; did you mean 'diagnosis_1'?"),
    (["zzz=x"], "the Archive gave no column 'zzz'; known are diagnosis_1, lesion_id, patient_id"),
    (["diagnosis_1=benign"],
     "no image has diagnosis_1='benign'; its values are Malignant, Benign, unknown"),
    (["diagnosis_1=Benign", "patient_id=IP_1"],
     "no image has diagnosis_1=Benign and patient_id=IP_1")])
def test_a_condition_that_cannot_be_met_says_why(conditions: list[str], said: str) -> None:
    with pytest.raises(InputError) as caught:
        filter_rows(ROWS, conditions)
    assert str(caught.value) == said


WHOLE = "allows, and patients are taken whole; allow more images"


@pytest.mark.parametrize(("rows", "options", "said"), [
    (ROWS[:3], {"per_class": 1}, f"no patient has as few images as per_class 1 {WHOLE}"),
    (ROWS[:3], {"per_class": 9, "limit": 2},
     f"no patient has as few images as per_class 9 and limit 2 {WHOLE}"),
    (ROWS[3:], {"per_class": 9}, "no image has a diagnosis_1; name another column of classes"),
    (ROWS, {"per_class": 9, "class_column": "diagnosis"},
     "the Archive gave no column 'diagnosis'; did you mean 'diagnosis_1'?")])
def test_a_selection_without_an_image_says_why(
    rows: pd.DataFrame, options: dict, said: str
) -> None:
    with pytest.raises(InputError) as caught:
        select_images(rows, **options)
    assert str(caught.value) == said
