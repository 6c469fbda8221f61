import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from lesionlab.auditing.association import associate, correct_p_values, measure_auroc


def series(*values: str) -> pd.Series:
    return pd.Series(list(values))


def test_columns_that_are_one_have_full_strength():
    left = series(*"ab" * 50)
    found = associate(left, left)
    assert found.strength == pytest.approx(1.0)
    assert found.is_strong


def test_a_column_of_one_value_goes_with_nothing():
    found = associate(series(*"aaaa"), series(*"abab"))
    assert (found.strength, found.p_value) == (0.0, 1.0)


def test_small_tables_agree_with_fishers_test():
    # 3 of 3 against 0 of 3: one table in twenty on either side.
    found = associate(series(*"aaabbb"), series(*"xxxyyy"))
    assert found.p_value == pytest.approx(0.1, abs=0.01)


def test_chance_is_seldom_called_a_pattern():
    rng = np.random.default_rng(0)
    p_values = [associate(pd.Series(rng.integers(0, 3, 200)), pd.Series(rng.integers(0, 2, 200)))
                .p_value for _ in range(300)]
    assert np.mean(np.array(p_values) < 0.05) < 0.09


def test_p_values_are_corrected_for_their_number():
    np.testing.assert_allclose(correct_p_values([0.01, 0.5, 0.02]), [0.03, 0.5, 0.04])


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_auroc_is_that_of_scikit_learn(rows: list[tuple[int, bool]]):
    values, is_class = (np.array(column) for column in zip(*rows, strict=True))
    if is_class.all() or not is_class.any():
        return
    auroc, error = measure_auroc(values.astype(float), is_class, np.arange(len(rows)))
    assert auroc == pytest.approx(roc_auc_score(is_class, values))
    assert error >= 0


def test_the_error_is_that_of_a_bootstrap_over_groups():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(120), rng.integers(1, 8, 120))
    taste = rng.normal(size=120)[groups]
    is_class = taste + rng.normal(size=len(groups)) > 0.8
    values = taste + rng.normal(size=len(groups))
    members = [np.flatnonzero(groups == group) for group in range(120)]
    drawn = [np.concatenate([members[group] for group in rng.integers(0, 120, 120)])
             for _ in range(600)]
    spread = np.std([roc_auc_score(is_class[rows], values[rows]) for rows in drawn])
    _, error = measure_auroc(values, is_class, groups)
    assert error == pytest.approx(spread, rel=0.12)


def test_copies_of_a_row_in_its_group_add_no_certainty():
    rng = np.random.default_rng(0)
    values, is_class = rng.normal(size=60), rng.random(60) < 0.4
    once = measure_auroc(values, is_class, np.arange(60))
    thrice = measure_auroc(*(np.tile(column, 3) for column in (values, is_class, np.arange(60))))
    assert thrice == pytest.approx(once)
