"""Contenders with a known order, for the tests of leaderboards."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd
from synthetic import BINARY, make_predictions

from lesionlab.core.predictions import Predictions
from lesionlab.evaluation.comparing import Contender
from lesionlab.evaluation.decision import choose_decision


def make_contender(
    name: str, *, strength: float = 1.0, num_rows: int = 60,
    classes: tuple[str, ...] = BINARY, **facts: Any,
) -> Contender:
    """The noise is the same for all: the greater the strength, the higher the AUROC."""
    return Contender(**{
        "name": name, "target": "malignancy", "group_name": "lesions",
        "decision": choose_decision(classes, {}, {}),
        "predictions": make_predictions(num_rows, classes, strength=strength)} | facts)


def change(contender: Contender, **columns: dict[str, str | None]) -> Contender:
    """The contender with other values by id in the columns of its predictions."""
    old = contender.predictions
    frame = old.frame.reset_index()
    for column, values in columns.items():
        frame[column] = [values.get(key, value)
                         for key, value in zip(frame["isic_id"], frame[column], strict=True)]
    return dataclasses.replace(contender, predictions=rebuild(frame, old))


def rebuild(frame: pd.DataFrame, old: Predictions) -> Predictions:
    """Predictions of the rows of `frame`, otherwise like `old`."""
    targets = [None if pd.isna(value) else value for value in frame["target"]]
    return Predictions.from_arrays(
        ids=list(frame["isic_id"]), groups=list(frame["group_id"]), targets=targets,
        probabilities=frame[[f"p_{name}" for name in old.classes]].to_numpy(),
        classes=old.classes, role=old.role)
