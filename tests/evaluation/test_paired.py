"""P values of differences, their correction, and which pairs are compared."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionlab.evaluation.paired import (
    Drawn,
    correct,
    count_resamples,
    find_p_value,
    list_differences,
)

P_VALUES = st.lists(st.floats(1e-4, 1), min_size=1, max_size=12)


def make_drawn(value: float, draws: list[float]) -> Drawn:
    """Both metrics alike."""
    names = ("auroc", "average_precision")
    return Drawn(values=dict.fromkeys(names, value), draws={name: np.array(draws)
                                                            for name in names})


def test_a_p_value_counts_the_rarer_side_twice() -> None:
    draws = np.array([0.1] * 17 + [-0.1] * 2)
    assert find_p_value(draws) == pytest.approx(2 * (2 + 1) / 20)
    assert find_p_value(-draws) == find_p_value(draws)


def test_draws_at_zero_stand_on_both_sides() -> None:
    assert find_p_value(np.array([0.0, 0.0, 0.2, 0.2, 0.2, 0.2, 0.2])) == 0.75
    assert find_p_value(np.zeros(7)) == 1.0


def test_undefined_draws_are_left_out() -> None:
    assert find_p_value(np.array([np.nan, 0.1, 0.1, 0.1, np.nan])) == 0.5
    assert np.isnan(find_p_value(np.full(3, np.nan)))


def test_holm_agrees_with_a_hand_computation() -> None:
    found = correct({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})


def test_an_undefined_p_value_is_not_counted() -> None:
    found = correct({"a": 0.01, "b": float("nan"), "c": 0.03})
    assert (found["a"], found["c"]) == (0.02, 0.03)
    assert np.isnan(found["b"])


@given(P_VALUES)
def test_holm_lies_between_no_correction_and_bonferroni(p_values: list[float]) -> None:
    before = dict(enumerate(p_values))
    after = correct(before)
    assert after.keys() == before.keys()
    for key, p in before.items():
        assert p <= after[key] <= min(1.0, len(p_values) * p)


@given(P_VALUES)
def test_holm_keeps_the_order(p_values: list[float]) -> None:
    after = correct(dict(enumerate(p_values)))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff([after[k] for k in order]) >= 0).all()


@pytest.mark.parametrize("num_models", [1, 2, 5, 18, 60])
def test_the_least_p_value_survives_the_correction(num_models: int) -> None:
    num_tests = 2 * max(0, 2 * num_models - 3)
    assert 2 / (count_resamples(num_models) + 1) * num_tests < 0.011


def test_best_against_reference_is_one_test_seen_from_both_sides() -> None:
    drawn = {"a": make_drawn(0.9, [0.9, 0.8, 0.9]), "b": make_drawn(0.7, [0.7, 0.7, 0.6]),
             "c": make_drawn(0.6, [0.6, 0.6, 0.8])}
    table = list_differences(drawn, best="a", reference="c")
    auroc = table[table["metric"] == "auroc"].set_index(["name", "against"])
    assert list(auroc.index) == [("a", "reference"), ("b", "best"), ("b", "reference"),
                                 ("c", "best")]
    assert auroc["other"].tolist() == ["c", "a", "c", "a"]
    one, other = auroc.loc[("a", "reference")], auroc.loc[("c", "best")]
    assert (one["difference"], one["low"], one["high"]) == (
        -other["difference"], -other["high"], -other["low"])
    assert one["p_corrected"] == other["p_corrected"]
    # Six tests, all with p of 0.5 or 1.
    assert table["p_corrected"].tolist() == [1.0] * len(table)


def test_a_reference_that_is_the_best_has_no_rows_of_its_own() -> None:
    drawn = {"a": make_drawn(0.9, [0.9]), "b": make_drawn(0.7, [0.7])}
    table = list_differences(drawn, best="a", reference="a")
    assert table[["name", "against"]].to_numpy().tolist() == [["b", "best"]] * 2


def test_without_a_best_nothing_is_compared() -> None:
    assert len(list_differences({"a": make_drawn(np.nan, [np.nan])}, best=None,
                                reference=None)) == 0
