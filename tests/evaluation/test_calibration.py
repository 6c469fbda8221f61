"""Calibration against closed forms, and its refusal of test rows."""

from __future__ import annotations

import re

import numpy as np
import pytest

from lesionlab.core.errors import InputError
from lesionlab.evaluation import calibration


def test_the_temperature_undoes_a_scaling_of_the_logits():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3)) * 2
    weights = np.exp(logits)
    shares = (weights / weights.sum(axis=1, keepdims=True)).cumsum(axis=1)
    target = (rng.random((4000, 1)) > shares).sum(axis=1)
    found = calibration.fit_temperature(logits, target)
    assert found == pytest.approx(1, abs=0.08)
    assert calibration.fit_temperature(2.5 * logits, target) == pytest.approx(2.5 * found, rel=1e-4)


def test_rows_without_a_target_do_not_move_the_temperature():
    rng = np.random.default_rng(1)
    logits, target = rng.normal(size=(200, 2)), rng.integers(0, 2, 200)
    more = np.concatenate([logits, 30 * rng.normal(size=(50, 2))])
    known = calibration.fit_temperature(logits, target)
    assert calibration.fit_temperature(more, np.append(target, np.full(50, -1))) == known


def test_the_temperature_refuses_test_rows():
    expected = "fitting a temperature refuses test rows (role 'test'); give rows of role 'valid'"
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
        calibration.fit_temperature(np.zeros((2, 2)), np.array([0, 1]), role="test")


def test_the_temperature_needs_targets():
    expected = "fitting a temperature needs rows with a target, got none"
    with pytest.raises(InputError, match=f"^{expected}$"):
        calibration.fit_temperature(np.zeros((2, 2)), np.array([-1, -1]))


def test_calibration_error_is_the_weighted_gap_of_the_bins():
    p = np.array([0.1, 0.1, 0.5, 0.5, 0.5, 1.0])
    happened = np.array([0, 1, 1, 0, 0, 1])
    expected = (2 * abs(0.1 - 1 / 2) + 3 * abs(0.5 - 1 / 3)) / 6
    assert calibration.expected_calibration_error(p, happened) == pytest.approx(expected)


def test_reliability_lists_the_bins_that_hold_images():
    table = calibration.find_reliability(np.array([0.1, 0.1, 0.5, 1.0]), np.array([0, 1, 1, 1]))
    assert table["n_images"].tolist() == [2, 1, 1]
    assert table["frequency"].tolist() == [0.5, 1, 1]
    assert table["mean_probability"].tolist() == pytest.approx([0.1, 0.5, 1])
    # Wilson's interval of 1 of 2.
    assert table[["low", "high"]].iloc[0].tolist() == pytest.approx([0.0945, 0.9055], abs=1e-4)
