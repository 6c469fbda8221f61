"""What is known of a run besides its predictions, gathered for the checks of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lesionlab.core import artifacts
from lesionlab.core.predictions import Predictions
from lesionlab.dataset.prepared import PreparedData
from lesionlab.evaluation.background import Background
from lesionlab.evaluation.rivals import fit_metadata_rival, fit_shortcut_rival
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.predicting import predict_rows

MOST_TRAINED = 500
"""Training images that are predicted, as many of each class; that tells an AUROC to 0.05."""
FOLDS_FILE, OUT_OF_FOLD_FILE = "folds.json", "predictions_out_of_fold.parquet"
"""What a cross-validation leaves beside its ensemble."""


def gather_background(
    data: PreparedData, rows: pd.DataFrame, role: str, *, run: Path | None = None,
    bundle: ModelBundle | None = None,
) -> Background:
    """The background of predictions of `rows` of `data`.

    Args:
        data: the data that the model learned from, unless `role` is `external`.
        rows: of `data.frame`, those that are scored.
        role: `train`, `valid`, `test` or `external`.
        run: folder of the model; None for predictions of another tool.
        bundle: the model, likewise.
    """
    sees_image = bundle is None or bundle.preprocessing is not None
    has_rivals = sees_image and role in ("valid", "test")
    given = (data.rows("train"), rows, data.classes, data.target) if has_rivals else None
    return Background(
        rows=rows, sees_image=sees_image,
        metadata_rival=fit_metadata_rival(*given) if given else None,
        shortcut_rival=fit_shortcut_rival(*given) if given else None,
        others=_find_others(run, bundle, data, len(rows)) if run and bundle and role == "test"
        else {},
        balanced_by=None if bundle is None else list_balancing(bundle.manifest["recipe"]))


def list_balancing(recipe: Mapping[str, Any]) -> tuple[str, ...]:
    """Settings of a recipe, as bundles keep it, by which classes are made more equal.

    >>> list_balancing({"sample": {"train_per_class": 5000}, "fit": {"sampler": "shuffle"}})
    ('sample.train_per_class=5000',)
    """
    sample, fit = recipe.get("sample", {}), recipe.get("fit", {})
    settings = {"sample.train_per_class": sample.get("train_per_class", 0),
                "fit.sampler": fit.get("sampler", "shuffle"),
                "fit.class_weight_power": fit.get("class_weight_power", 0)}
    return tuple(f"{name}={value}" for name, value in settings.items()
                 if value not in (0, "shuffle"))


def _find_others(
    run: Path, bundle: ModelBundle, data: PreparedData, num_scored: int
) -> dict[str, Predictions]:
    """Predictions of the same model on other images of the cohort."""
    members = bundle.manifest.get("members", ())
    found: dict[str, Predictions] = {}
    if any(member["data"] != data.digest for member in members):
        # Members of a cross-validation learned from images of the valid role.
        if _is_of_folds(run.resolve().parent, members):
            path = run.resolve().parent / OUT_OF_FOLD_FILE
            found["cross-validation"] = Predictions.load(path)
    elif (path := run / "predictions_valid.parquet").is_file():
        found["validation"] = Predictions.load(path)
    found = {name: other for name, other in found.items()
             if other.data_digest == data.digest and other.classes == data.classes}
    if not bundle.score_names:  # which compare the images of a patient, all of them
        trained = _draw_trained(data, min(MOST_TRAINED, num_scored))
        found["training"] = predict_rows(bundle, data, trained, "train")
    return found


def _is_of_folds(folder: Path, members: list[dict[str, Any]]) -> bool:
    """Whether `folder` holds the cross-validation whose models these are."""
    path = folder / FOLDS_FILE
    if not path.is_file() or not (folder / OUT_OF_FOLD_FILE).is_file():
        return False
    folds = artifacts.read_json(path)["folds"]
    return [fold["bundle"] for fold in folds] == [member["bundle"] for member in members]


def _draw_trained(data: PreparedData, most: int) -> pd.DataFrame:
    """Rows of the train role, about as many of each class, the same for the same data."""
    rows, generator = data.rows("train"), np.random.default_rng(0)
    share = max(1, most // len(data.classes))
    kept = [generator.permutation(np.flatnonzero(rows["target"] == name))[:share]
            for name in data.classes]
    return rows.iloc[np.sort(np.concatenate(kept))]
