"""Operating points against values worked out by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest
from synthetic import BINARY, SEVEN, make_predictions, make_sample

from lesionlab.core.errors import InputError
from lesionlab.core.predictions import Predictions
from lesionlab.evaluation import operating_point


def _predict(scores, targets, role="valid"):
    p = np.array(scores, dtype=float)
    names = [str(number) for number in range(len(p))]
    return Predictions.from_arrays(
        ids=names, groups=names, targets=[BINARY[k] for k in targets], classes=BINARY, role=role,
        probabilities=np.stack([1 - p, p], axis=1))


def test_thresholds_are_the_scores_that_meet_their_rule():
    scores = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.35, 0.99]
    targets = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]
    found = operating_point.choose_thresholds(_predict(scores, targets))["malignant"]
    assert found == {"max_youden": 0.99, "sensitivity_95": 0.35, "specificity_90": 0.95,
                     "specificity_95": 0.99}


def test_a_specificity_out_of_reach_flags_nothing():
    found = operating_point.choose_thresholds(_predict([0.9, 0.9, 0.1], [0, 1, 1]))["malignant"]
    assert found["specificity_90"] > 0.9


@pytest.mark.parametrize("classes", [BINARY, SEVEN])
def test_chosen_thresholds_keep_their_promise_on_their_own_rows(classes):
    predictions = make_predictions(400, classes, role="valid")
    for k, name in enumerate(classes):
        chosen = operating_point.choose_thresholds(predictions)[name]
        p, is_class = predictions.probabilities[:, k], predictions.target_index == k
        assert (p[is_class] >= chosen["sensitivity_95"]).mean() >= 0.95
        assert (p[~is_class] < chosen["specificity_90"]).mean() >= 0.90
        assert (p[~is_class] < chosen["specificity_95"]).mean() >= 0.95


def test_a_class_without_images_gets_no_threshold():
    found = operating_point.choose_thresholds(_predict([0.1, 0.2], [0, 0]))
    assert found == {"benign": {}, "malignant": {}}


def test_choosing_thresholds_refuses_test_rows():
    expected = "choosing thresholds refuses test rows (role 'test'); give rows of role 'valid'"
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        operating_point.choose_thresholds(_predict([0.1, 0.9], [0, 1], role="test"))


def test_operating_points_are_scored_with_intervals():
    sample = make_sample(300, 2)
    row = operating_point.score_thresholds(
        sample, BINARY, {"malignant": {"max_youden": 0.5}}, num_resamples=300).iloc[0]
    is_flagged, target = sample.probabilities[:, 1] >= 0.5, sample.target_index == 1
    assert row["sensitivity"] == is_flagged[target].mean()
    assert row["specificity"] == (~is_flagged[~target]).mean()
    assert row["precision"] == target[is_flagged].mean()
    assert row["npv"] == (~target[~is_flagged]).mean()
    assert row["number_needed_to_biopsy"] == pytest.approx(1 / row["precision"])
    assert row["sensitivity_low"] < row["sensitivity"] < row["sensitivity_high"]


def test_predictive_values_follow_bayes_rule():
    ppv, npv = operating_point.predictive_values(0.9, 0.8, 0.1)
    assert ppv == pytest.approx(0.09 / (0.09 + 0.18))
    assert npv == pytest.approx(0.72 / (0.72 + 0.01))
    assert np.isnan(operating_point.predictive_values(0, 1, 0.1)[0])


def test_net_benefit_weighs_false_alarms_by_the_odds_of_the_threshold():
    curve = operating_point.find_net_benefit(
        np.array([0.1, 0.3, 0.6, 0.9]), np.array([False, True, False, True]))
    at_half = curve[curve["threshold"] == 0.5].iloc[0]
    assert at_half["model"] == pytest.approx(1 / 4 - 1 / 4)
    at_fifth = curve[curve["threshold"] == 0.2].iloc[0]
    assert at_fifth["model"] == pytest.approx(2 / 4 - 1 / 4 * 0.25)
    assert at_fifth["flag_all"] == pytest.approx(0.5 - 0.5 * 0.25)
    assert (curve["flag_none"] == 0).all()
