"""Synthetic predictions with a known strength, for the tests of evaluation."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lesionlab.core.predictions import Predictions
from lesionlab.evaluation.metrics import Sample

BINARY = ("benign", "malignant")
SEVEN = ("NV", "MEL", "BKL", "BCC", "AKIEC", "VASC", "DF")


def make_predictions(
    num_rows: int, classes: tuple[str, ...], *, strength: float = 2.0, seed: int = 0,
    role: str = "test",
) -> Predictions:
    """Softmax of noise and `strength` on the true class; about 1.4 images per group."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, max(1, int(num_rows * 0.7)), num_rows)
    target = rng.integers(0, len(classes), num_rows)[group]
    logits = rng.normal(size=(num_rows, len(classes)))
    logits[np.arange(num_rows), target] += strength
    weights = np.exp(logits)
    return Predictions.from_arrays(
        ids=[f"ISIC_{number:07d}" for number in range(num_rows)],
        groups=[f"lesion-{number}" for number in group],
        targets=[classes[number] for number in target],
        probabilities=weights / weights.sum(axis=1, keepdims=True), classes=classes, role=role)


def make_sample(num_rows: int, num_classes: int, seed: int = 0, decimals: int = 2) -> Sample:
    """A sample with tied probabilities."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, num_classes, num_rows)
    weights = rng.random((num_rows, num_classes)) + 0.4 * np.eye(num_classes)[target]
    probabilities = (weights / weights.sum(axis=1, keepdims=True)).round(decimals)
    probabilities[:, -1] = np.clip(1 - probabilities[:, :-1].sum(axis=1), 0, 1)
    groups = np.unique(rng.integers(0, num_rows, num_rows), return_inverse=True)[1]
    return Sample(probabilities=probabilities, target_index=target, group_index=groups,
                  decision_index=probabilities.argmax(axis=1), num_groups=int(groups.max()) + 1)


def make_subgroups(predictions: Predictions, seed: int = 0) -> pd.DataFrame:
    """Sex with missing values, and site with a rare value."""
    rng = np.random.default_rng(seed)
    number = len(predictions)
    return pd.DataFrame({
        "sex": rng.choice(np.array(["female", "male", None]), number, p=[0.5, 0.45, 0.05]),
        "site": rng.choice(["trunk", "head/neck", "palms/soles"], number, p=[0.5, 0.49, 0.01]),
    }, index=predictions.frame.index)
