"""Findings judge what is wrong, not how few images there are."""

import numpy as np
import pytest

from lesionlab.core.predictions import Predictions
from lesionlab.evaluation.report import build_report


def make_binary(num_rows: int, seed: int, stretch: float) -> Predictions:
    """Outcomes drawn from honest risks, whose logits are then stretched."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1.2, 1.5, num_rows)
    happened = rng.random(num_rows) < 1 / (1 + np.exp(-logits))
    stated = 1 / (1 + np.exp(-logits * stretch))
    return Predictions.from_arrays(
        ids=[f"ISIC_{n:07d}" for n in range(num_rows)], groups=[f"g{n}" for n in range(num_rows)],
        targets=["malignant" if yes else "benign" for yes in happened],
        probabilities=np.stack([1 - stated, stated], axis=1),
        classes=("benign", "malignant"), role="test")


def judge_calibration(predictions: Predictions) -> str:
    report = build_report(predictions, num_resamples=200)
    return next(finding.section for finding in report.findings if finding.code == "LL703")


@pytest.mark.parametrize("seed", range(6))
def test_honest_probabilities_on_few_images_are_no_issue(seed: int) -> None:
    assert judge_calibration(make_binary(110, seed, stretch=1.0)) != "issue"


@pytest.mark.parametrize("seed", range(3))
def test_overconfident_probabilities_are_an_issue(seed: int) -> None:
    assert judge_calibration(make_binary(1000, seed, stretch=4.0)) == "issue"
