import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.auditing.tallies import (
    LEAST_PAIRS,
    MISSING,
    MOST_CLASSES,
    MOST_VALUES,
    OTHER_CLASSES,
    bin_numbers,
    correlate,
    count_values,
    find_edges,
    fold_classes,
    measure_gaps,
    name_values,
    spread_values,
)

CLASSES = ("Benign", "Malignant")


def random_target(num: int, seed: int = 0) -> pd.Series:
    return pd.Series(np.random.default_rng(seed).choice(CLASSES, num), name="target")


@given(st.lists(st.one_of(st.none(), st.integers(0, 30).map(str)), min_size=1, max_size=200))
def test_every_image_is_counted_once(texts: list[str | None]):
    values = pd.Series(texts, dtype=object)
    table = count_values(values, random_target(len(values)), CLASSES)
    assert table["n_images"].sum() == len(values)
    assert len(table) <= 2 * (MOST_VALUES + 2)


def test_the_frequent_values_stand_alone_and_the_rare_ones_together():
    values = pd.Series([f"v{number}" for number in range(20) for _ in range(number + 1)])
    named, names = name_values(values)
    assert names == [*(f"v{number}" for number in range(19, 7, -1)), "other (8 values)"]
    assert (named == "other (8 values)").sum() == sum(range(1, 9))


def test_one_value_too_many_is_not_called_other():
    values = pd.Series([f"v{number}" for number in range(MOST_VALUES + 1)])
    assert sorted(name_values(values)[1]) == sorted(values)


def test_values_in_a_given_order_come_first_and_missing_ones_last():
    values = pd.Series(["II", "x", None, "I", "x"], dtype=object)
    assert name_values(values, ("I", "II", "III"))[1] == ["I", "II", "x", MISSING]


@pytest.mark.parametrize(("values", "names"), [
    (pd.Series([True, False, True, None], dtype="boolean"), ["yes", "no", MISSING]),
    (pd.Series([90.0, 90.0, 75.5]), ["90", "75.5"]),
    (pd.Series([1, 2, 2], dtype="int32"), ["2", "1"]),
])
def test_values_of_any_kind_are_named_as_people_write_them(values: pd.Series, names: list[str]):
    assert name_values(values)[1] == names


def test_shares_are_of_the_images_with_the_value():
    table = count_values(pd.Series(["a", "a", "a", "b"]),
                         pd.Series(["Benign", "Malignant", "Malignant", "Benign"]), CLASSES)
    assert table.to_dict("list") == {
        "value": ["a", "a", "b", "b"], "class": ["Benign", "Malignant"] * 2,
        "n_images": [1, 2, 1, 0], "share": [1 / 3, 2 / 3, 1.0, 0.0]}


def test_many_classes_become_few_in_their_own_order():
    names = tuple(f"c{number:02}" for number in range(12))
    target = pd.Series([name for number, name in enumerate(names) for _ in range(number + 1)])
    folded, shown = fold_classes(target, names)
    assert shown == (*names[5:], OTHER_CLASSES)
    assert len(shown) == MOST_CLASSES
    assert (folded == OTHER_CLASSES).sum() == sum(range(1, 6))


@given(st.lists(st.one_of(st.just(np.nan), st.floats(-1e6, 1e6)), min_size=1, max_size=100).filter(
    lambda numbers: np.isfinite(numbers).any()))
def test_every_known_number_falls_into_a_bin(numbers: list[float]):
    values = pd.Series(numbers, dtype=float)
    table = bin_numbers(values, random_target(len(values)), CLASSES, find_edges(values))
    assert table["n_images"].sum() == values.notna().sum()
    shares = table.groupby("class")["share"].sum(min_count=1).dropna()
    assert np.allclose(shares, 1)


def test_the_outermost_bins_hold_what_lies_beyond():
    table = bin_numbers(pd.Series([-50.0, 1.0, 10.0, 99.0]), pd.Series(["Benign"] * 4), CLASSES,
                        np.array([0.0, 5.0, 10.0]))
    assert table.loc[table["class"] == "Benign", "n_images"].tolist() == [2, 2]


def test_a_code_for_unknown_does_not_widen_the_bins():
    values = pd.Series([*np.linspace(1, 20, 999), 9999.0])
    assert find_edges(values).max() < 25


def test_bins_of_a_logarithmic_scale_have_one_ratio():
    edges = find_edges(pd.Series(np.geomspace(1, 1e6, 500)), is_log=True)
    assert np.allclose(np.diff(np.log(edges)), np.log(edges[1] / edges[0]))


def test_gaps_are_counted_by_part_the_emptiest_column_first():
    frame = pd.DataFrame({"a": [1, None, None, 1], "b": [1, 1, 1, 1], "c": [None, None, None, 1]})
    first = pd.Series([True, True, False, False])
    table = measure_gaps(frame, {"all": pd.Series(True, index=frame.index), "first": first})
    assert table.to_dict("list") == {
        "column": ["c", "c", "a", "a", "b", "b"], "part": ["all", "first"] * 3,
        "n_missing": [3, 2, 2, 1, 0, 0], "share": [0.75, 1.0, 0.5, 0.5, 0.0, 0.0]}


def test_correlation_counts_pairs_and_is_undefined_for_few_of_them():
    rng = np.random.default_rng(0)
    numbers = pd.DataFrame({"x": rng.normal(size=50)})
    numbers["y"] = 2 * numbers["x"]
    numbers["z"] = numbers["x"].where(numbers.index < LEAST_PAIRS - 1)
    table = correlate(numbers).set_index(["row", "column"])
    assert table.loc[("x", "y"), "correlation"] == pytest.approx(1)
    assert table.loc[("x", "y"), "n_images"] == 50
    assert np.isnan(table.loc[("x", "z"), "correlation"])
    assert table.loc[("x", "z"), "n_images"] == LEAST_PAIRS - 1


def test_values_are_spread_to_columns_that_are_missing_where_they_are():
    spread = spread_values(pd.Series(["a", "b", "a", None]), "site", 1)
    assert list(spread) == ["site: a"]
    assert spread["site: a"].tolist()[:3] == [1, 0, 1]
    assert np.isnan(spread["site: a"].iloc[3])
