"""Cohorts and models with a known fault, for the tests of checks after training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lesionlab.core.findings import Finding
from lesionlab.core.predictions import Predictions
from lesionlab.evaluation.background import Background
from lesionlab.evaluation.dependences import Case
from lesionlab.evaluation.rivals import fit_metadata_rival, fit_shortcut_rival
from lesionlab.evaluation.suspicions import judge

BINARY = ("Benign", "Malignant")
PERCENTAGES = {"train": 60, "valid": 20, "test": 20}


def make_cohort(num_images: int = 1500, seed: int = 0, share: float = 0.3) -> pd.DataFrame:
    """Rows whose age tells a little of the label and whose file and source tell nothing."""
    rng = np.random.default_rng(seed)
    number = np.arange(num_images) // 2  # two images a group
    size = number[-1] + 1
    is_malignant = (rng.random(size) < share)[number]
    roles = rng.choice(list(PERCENTAGES), size, p=[0.6, 0.2, 0.2])
    return pd.DataFrame({
        "age_approx": (50 + rng.normal(0, 15, size)[number] + 10 * is_malignant).round(),
        "sex": rng.choice(["male", "female"], size)[number],
        "source": rng.choice(["Barcelona", "Graz", "Vienna"], size)[number],
        "file_bytes": rng.integers(20_000, 40_000, num_images).astype(float),
        "pixels_x": rng.choice([600.0, 1024.0], size)[number], "pixels_y": 450.0,
        "target": np.where(is_malignant, "Malignant", "Benign"),
        "role": roles[number], "group_id": [f"L{n}" for n in number],
    }, index=pd.Index([f"ISIC_{n:07d}" for n in range(num_images)], name="isic_id"))


def score(rows: pd.DataFrame, strength: float = 1.5, *, seed: int = 0, shift: Any = 0.0) -> Any:
    """(N, 2) probabilities, calibrated where `shift`, added to the logit, is 0.

    Noise is of groups and of images, as large; a class is `strength` standard deviations away.
    """
    rng = np.random.default_rng([seed, 1])
    groups = pd.factorize(rows["group_id"])[0]
    noise = (rng.normal(size=groups.max() + 1)[groups] + rng.normal(size=len(rows))) / 2**0.5
    is_malignant = (rows["target"] == "Malignant").to_numpy()
    share = is_malignant.mean()
    logits = strength * (noise + strength * is_malignant - strength / 2)
    p = 1 / (1 + np.exp(-logits - np.log(share / (1 - share)) - shift))
    return np.stack([1 - p, p], axis=1)


def predict(rows: pd.DataFrame, probabilities: np.ndarray, role: str) -> Predictions:
    """Predictions of the rows of one role; `probabilities` are of all rows."""
    is_in = (rows["role"] == role).to_numpy()
    kept = rows[is_in]
    return Predictions.from_arrays(
        ids=list(kept.index), groups=list(kept["group_id"]), targets=list(kept["target"]),
        probabilities=probabilities[is_in], classes=BINARY, role=role)


def suspect(
    rows: pd.DataFrame, probabilities: np.ndarray, **known: Any
) -> Mapping[str, Finding]:
    """The findings on the test role of `rows` by code, with the rivals that evaluate would fit."""
    train, test = (rows[rows["role"] == role] for role in ("train", "test"))
    given = (train, test, BINARY, "malignancy")
    background = Background(**{
        "rows": test, "metadata_rival": fit_metadata_rival(*given),
        "shortcut_rival": fit_shortcut_rival(*given),
        "others": {"validation": predict(rows, probabilities, "valid"),
                   "training": predict(rows, probabilities, "train")}} | known)
    case = Case.of(predict(rows, probabilities, "test"), background, num_resamples=100)
    return {finding.code: finding for finding in judge(case)}
