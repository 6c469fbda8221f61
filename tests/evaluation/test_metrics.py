"""Metrics against scikit-learn and values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression
from synthetic import make_sample

from lesionlab.evaluation import bootstrap, ranking
from lesionlab.evaluation.metrics import NAMES, Sample, measure

weighted_rows = st.integers(2, 40).flatmap(lambda number: st.tuples(
    st.lists(st.integers(0, 8), min_size=number, max_size=number),
    st.lists(st.booleans(), min_size=number, max_size=number),
    st.lists(st.integers(0, 4), min_size=number, max_size=number)))


def _trace(scores, is_positive, weights):
    found = ranking.rank(scores, is_positive, np.arange(len(scores)))
    counts = weights[None].astype(float)
    return ranking.trace(found, counts, ranking.cumulate(found, counts))


def _isic_2024_score(target, scores):
    """The challenge's own function, without its data frames."""
    swapped, flipped, max_fpr = np.abs(target - 1), 1 - scores, 0.2
    scaled = sk.roc_auc_score(swapped, flipped, max_fpr=max_fpr)
    return 0.5 * max_fpr**2 + (max_fpr - 0.5 * max_fpr**2) / 0.5 * (scaled - 0.5)


@given(weighted_rows)
@settings(max_examples=150, deadline=None)
def test_weighted_ranking_metrics_are_those_of_scikit_learn_ties_included(rows):
    scores, target, weights = (np.array(column) for column in rows)
    scores = scores / 8
    curve = _trace(scores, target.astype(bool), weights)
    if not weights[target].sum() or not weights[~target].sum():
        assert np.isnan(ranking.auroc(curve)).all()
        return
    kept = weights > 0
    target, scores, weights = target[kept].astype(int), scores[kept], weights[kept]
    expected = sk.roc_auc_score(target, scores, sample_weight=weights)
    assert ranking.auroc(curve)[0] == pytest.approx(expected, abs=1e-12)
    expected = sk.average_precision_score(target, scores, sample_weight=weights)
    assert ranking.average_precision(curve)[0] == pytest.approx(expected, abs=1e-12)
    target, scores = np.repeat(target, weights), np.repeat(scores, weights)
    expected = _isic_2024_score(target, scores)
    assert ranking.partial_auroc(curve)[0] == pytest.approx(expected, abs=1e-9)
    fpr, tpr, _ = sk.roc_curve(target, scores, drop_intermediate=False)
    for share in (0.9, 0.95):
        expected = tpr[fpr <= 1 - share + 1e-9].max()
        assert ranking.sensitivity_at(curve, share)[0] == pytest.approx(expected)
        expected = 1 - fpr[tpr >= share - 1e-9].min()
        assert ranking.specificity_at(curve, share)[0] == pytest.approx(expected)


@pytest.mark.parametrize("num_classes", [2, 4])
def test_a_resample_scores_as_the_repeated_rows_would(num_classes):
    sample = make_sample(120, num_classes)
    counts = next(bootstrap.draw_counts(sample.num_groups, 1, 3, 1))[0].astype(int)
    rows = np.repeat(np.arange(len(sample)), counts[sample.group_index])
    repeated = Sample(
        probabilities=sample.probabilities[rows], target_index=sample.target_index[rows],
        decision_index=sample.decision_index[rows], group_index=np.arange(len(rows)),
        num_groups=len(rows))
    drawn = measure(sample, num_resamples=1, seed=3).draws[0]
    expected = measure(repeated, num_resamples=0).values
    np.testing.assert_allclose(drawn, expected, rtol=2e-3, atol=1e-5)
    exact = [name not in ("calibration_slope", "calibration_intercept") for name in NAMES]
    np.testing.assert_allclose(drawn[exact], expected[exact], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("num_classes", [2, 4])
def test_values_per_class_are_those_of_scikit_learn(num_classes):
    sample = make_sample(300, num_classes)
    found = measure(sample, num_resamples=0)
    for k in range(num_classes):
        target, decided = sample.target_index == k, sample.decision_index == k
        p = sample.probabilities[:, k]
        expected = {
            "auroc": sk.roc_auc_score(target, p), "accuracy": sk.accuracy_score(target, decided),
            "balanced_accuracy": sk.balanced_accuracy_score(target, decided),
            "f1": sk.f1_score(target, decided), "precision": sk.precision_score(target, decided),
            "sensitivity": sk.recall_score(target, decided),
            "specificity": sk.recall_score(~target, ~decided),
            "number_needed_to_biopsy": 1 / sk.precision_score(target, decided),
            "brier": sk.brier_score_loss(target, p), "log_loss": sk.log_loss(target, p),
            "pauc_above_80_sensitivity": _isic_2024_score(target.astype(int), p)}
        for name, value in expected.items():
            assert found.value(name, k) == pytest.approx(value, abs=1e-9), name


def test_the_summary_of_two_classes_is_the_last_class():
    found = measure(make_sample(100, 2), num_resamples=3)
    np.testing.assert_array_equal(found.values[:, -1], found.values[:, 1])
    np.testing.assert_array_equal(found.draws[:, :, -1], found.draws[:, :, 1])


def test_the_summary_of_many_classes_is_as_declared():
    sample = make_sample(400, 4)
    found = measure(sample, num_resamples=0)
    target, p = sample.target_index, sample.probabilities
    assert found.value("auroc") == pytest.approx(sk.roc_auc_score(
        np.eye(4)[target], p, average="macro"))
    assert found.value("accuracy") == sk.accuracy_score(target, sample.decision_index)
    assert found.value("balanced_accuracy") == pytest.approx(
        sk.balanced_accuracy_score(target, sample.decision_index))
    assert found.value("f1") == pytest.approx(
        sk.f1_score(target, sample.decision_index, average="macro"))
    assert found.value("brier") == pytest.approx(((p - np.eye(4)[target]) ** 2).sum(axis=1).mean())
    chosen = np.clip(p[np.arange(400), target], 2.2e-16, 1)
    assert found.value("log_loss") == pytest.approx(-np.log(chosen).mean())
    assert np.isnan(found.value("number_needed_to_biopsy"))


def test_an_absent_class_is_nan_and_left_out_of_the_mean():
    sample = make_sample(200, 3)
    is_kept = sample.target_index != 2
    found = measure(sample.select(is_kept), num_resamples=20)
    assert np.isnan(found.value("auroc", 2))
    assert np.isnan(found.interval("auroc", 2).low)
    assert found.value("auroc") == pytest.approx(
        (found.value("auroc", 0) + found.value("auroc", 1)) / 2)


def test_resamples_without_a_class_are_not_used_and_counted():
    sample = make_sample(60, 2, seed=4)
    rare = np.zeros(60, np.int64)
    rare[0] = 1
    lone = Sample(probabilities=sample.probabilities, target_index=rare, num_groups=60,
                  decision_index=sample.decision_index, group_index=np.arange(60))
    found = measure(lone, num_resamples=500)
    # One group of 60 is missing from (1 - 1 / 60) ** 60 = 36 % of the resamples.
    assert 0.55 < found.interval("auroc").num_used / 500 < 0.73
    assert found.interval("brier").num_used == 500


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_metrics_do_not_depend_on_row_order(seed):
    sample = make_sample(60, 3, seed)
    order = np.random.default_rng(seed).permutation(60)
    shuffled = Sample(
        probabilities=sample.probabilities[order], target_index=sample.target_index[order],
        decision_index=sample.decision_index[order], group_index=sample.group_index[order],
        num_groups=sample.num_groups)
    left, right = (measure(rows, num_resamples=8) for rows in (sample, shuffled))
    np.testing.assert_allclose(left.values, right.values, atol=1e-9)
    exact = [not name.startswith("calibration") for name in NAMES]
    np.testing.assert_allclose(left.draws[:, exact], right.draws[:, exact], atol=1e-5)


def test_calibration_slope_and_intercept_are_those_of_a_logistic_regression():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=3000)
    target = (rng.random(3000) < 1 / (1 + np.exp(-(0.5 + 0.7 * logits)))).astype(np.int64)
    p = 1 / (1 + np.exp(-logits))
    sample = Sample(probabilities=np.stack([1 - p, p], 1), target_index=target,
                    decision_index=(p > 0.5).astype(int), group_index=np.arange(3000),
                    num_groups=3000)
    found = measure(sample, num_resamples=200)
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(logits[:, None], target)
    assert found.value("calibration_slope") == pytest.approx(model.coef_[0, 0], abs=1e-5)
    at_slope_1 = found.value("calibration_intercept")
    assert (1 / (1 + np.exp(-(at_slope_1 + logits)))).mean() == pytest.approx(target.mean())
    interval = found.interval("calibration_slope")
    assert interval.low < 0.7 < interval.high
    # The textbook standard error, 1 / sqrt(information), is what the bootstrap should find.
    assert (interval.high - interval.low) / 3.92 == pytest.approx(0.041, rel=0.3)


def test_separated_classes_have_no_calibration_slope():
    p = np.array([0.1, 0.2, 0.8, 0.9])
    sample = Sample(probabilities=np.stack([1 - p, p], 1), target_index=np.array([0, 0, 1, 1]),
                    decision_index=np.array([0, 0, 1, 1]), group_index=np.arange(4), num_groups=4)
    found = measure(sample, num_resamples=0)
    assert found.value("auroc") == 1
    assert found.value("pauc_above_80_sensitivity") == pytest.approx(0.2)
    assert np.isnan(found.value("calibration_slope"))


def test_resamples_depend_on_seed_and_groups_alone():
    def draw(seed, chunk_size):
        return np.concatenate(list(bootstrap.draw_counts(50, 9, seed, chunk_size)))
    np.testing.assert_array_equal(draw(1, 2), draw(1, 9))
    assert (draw(1, 2) != draw(2, 2)).any()
    assert (draw(1, 2).sum(axis=1) == 50).all()


def test_intervals_are_as_wide_as_groups_make_them():
    rows = make_sample(150, 2, seed=1)
    def repeat(num_copies, group_index, num_groups):
        copies = np.tile(np.arange(150), num_copies)
        return Sample(probabilities=rows.probabilities[copies], group_index=group_index,
                      target_index=rows.target_index[copies], num_groups=num_groups,
                      decision_index=rows.decision_index[copies])
    once = measure(repeat(1, np.arange(150), 150), num_resamples=300).interval("auroc")
    grouped = measure(repeat(4, np.tile(np.arange(150), 4), 150), num_resamples=300)
    loose = measure(repeat(4, np.arange(600), 600), num_resamples=300).interval("auroc")
    assert grouped.interval("auroc").low == pytest.approx(once.low, abs=1e-5)
    assert (loose.high - loose.low) < 0.7 * (once.high - once.low)


def test_without_recalibration_all_else_is_the_same() -> None:
    sample = make_sample(80, 3)
    whole, rest = (measure(sample, num_resamples=60, is_recalibrated=flag)
                   for flag in (True, False))
    is_left_out = np.array([name.startswith("calibration_") for name in NAMES])
    assert np.isnan(rest.draws[:, is_left_out]).all()
    np.testing.assert_array_equal(rest.draws[:, ~is_left_out], whole.draws[:, ~is_left_out])
    np.testing.assert_array_equal(rest.values[~is_left_out], whole.values[~is_left_out])


def test_more_resamples_begin_with_the_same_ones() -> None:
    sample = make_sample(80, 2)
    few, many = (measure(sample, num_resamples=number).draws for number in (50, 120))
    np.testing.assert_allclose(many[:50], few)
