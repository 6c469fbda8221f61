"""AUROCs that are compared are those of the report, on the same resamples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from synthetic import make_sample

from lesionlab.evaluation.areas import Bench, Estimate
from lesionlab.evaluation.metrics import measure


@pytest.mark.parametrize("num_classes", [2, 4])
def test_values_and_draws_are_those_of_the_report(num_classes: int) -> None:
    sample = make_sample(300, num_classes)
    bench = Bench(sample=sample, seed=3, num_resamples=40)
    found = bench.measure(sample.probabilities, bench.find_classes())
    measured = measure(sample, num_resamples=40, seed=3)
    assert found.value == measured.value("auroc")
    assert np.array_equal(found.draws, measured.draws_of("auroc"))


def test_the_same_scores_have_a_difference_of_nothing() -> None:
    sample = make_sample(200, 2)
    bench = Bench(sample=sample)
    one, two = (bench.measure(p, [1]) for p in (sample.probabilities, sample.probabilities**3))
    bounds = (one - two).bound()
    assert (bounds.value, bounds.low, bounds.high) == (0, 0, 0)


@given(st.integers(0, 50))
def test_pairs_within_strata_are_counted_as_by_hand(seed: int) -> None:
    sample = make_sample(60, 2, seed)
    strata = np.random.default_rng([seed, 1]).integers(-1, 3, 60)
    score, is_class = sample.probabilities[:, 1], sample.target_index == 1
    sums = np.zeros(2)
    for number in range(3):
        part = strata == number
        pairs = is_class[part].sum() * (~is_class[part]).sum()
        if pairs:
            sums += np.array([roc_auc_score(is_class[part], score[part]), 1]) * pairs
    found = Bench(sample=sample, num_resamples=2).measure_within(sample.probabilities, [1], strata)
    assert found.value == pytest.approx(sums[0] / sums[1])


def test_intervals_widen_with_the_number_of_comparisons() -> None:
    estimate = Estimate(value=0.1, draws=np.random.default_rng(0).normal(0.1, 0.02, 500))
    one, many = estimate.bound(), estimate.bound(20)
    assert one.low == pytest.approx(0.1 - 2.576 * 0.02, abs=0.005)
    assert many.low < one.low < one.high < many.high
    assert str(one).startswith("0.10 (0.05 to 0.1")


def test_a_class_of_few_groups_is_not_compared() -> None:
    sample = make_sample(300, 3)
    few = sample.select((sample.target_index != 2) | (np.cumsum(sample.target_index == 2) < 9))
    assert Bench(sample=sample).find_classes() == (0, 1, 2)
    assert Bench(sample=few).find_classes() == (0, 1)
