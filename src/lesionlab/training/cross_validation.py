"""cross_validate(): every train and valid image scored by a model that has not seen it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

import lesionlab
from lesionlab.core import artifacts
from lesionlab.core.errors import InputError, RecipeError
from lesionlab.core.predictions import Predictions
from lesionlab.core.recipe import Recipe
from lesionlab.core.settings import FitSettings, ModelSettings
from lesionlab.dataset.deriving import derive
from lesionlab.dataset.folds import draw_folds, name_roles
from lesionlab.dataset.prepared import PreparedData
from lesionlab.evaluation.contents import Report, ReportContext, clean
from lesionlab.evaluation.report import build_report, load_report, save_report
from lesionlab.inference.scoring import evaluate, subgroup_columns
from lesionlab.training.ensembling import pack_ensemble
from lesionlab.training.fit import MOST_CACHE_BYTES, train
from lesionlab.training.run import TrainedRun

FORMAT_VERSION = 1
ROLE = "out_of_fold"
"""The role of predictions by the fold that did not see the image."""


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """What `cross_validate` wrote."""

    folder: Path
    runs: tuple[TrainedRun, ...]
    """Of the folds, in order."""
    metrics: pd.DataFrame
    """The content of folds.csv; see `summarise_folds`."""
    predictions: Predictions
    """Of every train and valid image, by the fold that did not see it."""
    report: Report
    """Of `predictions`, all folds together."""
    ensemble: TrainedRun
    """The mean of the folds' models."""

    @property
    def lines(self) -> list[str]:
        """The spread over folds and the headline of all together, for a terminal."""
        row = self.metrics[(self.metrics["name"] == "auroc") & self.metrics["class"].isna()].iloc[0]
        return [(f"AUROC of {row['num_folds']} folds: mean {row['mean']:.3f}, standard deviation "
                 f"{row['sd']:.3f}, {row['min']:.3f} to {row['max']:.3f}"),
                f"out of fold, all together: {self.report.headline}"]


def cross_validate(
    data: PreparedData, recipe: Recipe, out: Path, *, num_folds: int, cache: Path | None = None,
    most_cache_bytes: int = MOST_CACHE_BYTES,
) -> CrossValidation:
    """Train a recipe once a fold of the train and valid role, and score what each held out.

    A fold that is finished is found again, so a killed cross-validation goes on where it was. The
    test role of `data` is in no fold; `evaluate` scores the ensemble on it.

    Args:
        data: prepared data.
        recipe: trained in each fold; its seed also draws the folds.
        out: folder for `fold_0` and so on, `predictions_out_of_fold.parquet`, `folds.json`,
            `folds.csv`, `report` and `ensemble`.
        num_folds: three or more.
        cache: of features, as in `train`.
        most_cache_bytes: as in `train`.

    Raises:
        InputError: too few folds, a fold lacks a class that is needed, or this is one of several
            processes of torchrun.
        SplitError: fewer groups than folds.
        StoreError: `out` holds something else.
        RecipeError: the recipe is a stack, or as in `train`.
        WeightsError, BundleError: as in `train`.
    """
    if recipe.model.head == "stack":
        raise RecipeError("--folds with a stack: it has folds of its own inside; leave --folds out")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError("--folds under torchrun: the processes would write each other's folds; "
                         "start it without torchrun")
    folds = draw_folds(data, num_folds, seed=recipe.seed)
    runs = tuple(_train_fold(data, recipe, out / f"fold_{k}", folds, k, cache, most_cache_bytes)
                 for k in range(num_folds))
    reports = [_score_fold(run) for run in runs]
    predictions = _pool(data, runs)
    predictions.save(out / f"predictions_{ROLE}.parquet")
    report = build_report(
        predictions, context=_context(data, recipe, num_folds), seed=recipe.seed,
        subgroups=subgroup_columns(data.frame.loc[folds.index]))
    save_report(report, out / "report")
    ensemble = _pack(data, recipe, runs, out, predictions)
    metrics = summarise_folds(reports)
    artifacts.write_text(out / "folds.csv", metrics.to_csv(index=False))
    artifacts.write_json(out / "folds.json", _describe(data, recipe, runs, reports, metrics))
    return CrossValidation(folder=out, runs=runs, metrics=metrics, predictions=predictions,
                           report=report, ensemble=ensemble)


def summarise_folds(reports: list[Report]) -> pd.DataFrame:
    """A row per metric, and class of it, with its spread over folds.

    Columns: `name`, `class` (None over classes), `mean`, `sd` (of a sample), `min`, `max`,
    `num_folds` in which it is defined, and `fold_0` and so on.
    """
    keys = reports[0].metrics[reports[0].metrics["subgroup"].isna()][["name", "class"]]
    values = pd.DataFrame({
        f"fold_{k}": [report.metric(name, class_name)["value"]
                      for name, class_name in keys.itertuples(index=False)]
        for k, report in enumerate(reports)}, dtype=float)
    spread = {"mean": values.mean(axis=1), "sd": values.std(axis=1), "min": values.min(axis=1),
              "max": values.max(axis=1), "num_folds": values.notna().sum(axis=1)}
    return pd.concat([keys.reset_index(drop=True), pd.DataFrame(spread), values], axis=1)


def _train_fold(
    data: PreparedData, recipe: Recipe, folder: Path, folds: pd.Series, held_out: int,
    cache: Path | None, most_cache_bytes: int,
) -> TrainedRun:
    """The run whose test role is the held-out fold."""
    rows = data.frame.loc[folds.index].assign(role=name_roles(folds, held_out))
    own = derive(data, folder / "data", rows, target=(data.target, data.classes),
                 note=f"fold {held_out} of {folds.max() + 1} held out of the train and valid role")
    return train(own, recipe, folder / "run", cache=cache, most_cache_bytes=most_cache_bytes)


def _score_fold(run: TrainedRun) -> Report:
    """The report of a run on its held-out fold, made once."""
    folder = run.folder / "report"
    if (folder / "report.json").is_file():
        return load_report(folder)
    return evaluate(run.folder, seed=run.recipe.seed).report


def _pool(data: PreparedData, runs: tuple[TrainedRun, ...]) -> Predictions:
    """The folds' predictions of what they held out."""
    tables = [Predictions.load(run.folder / "predictions_test.parquet").table for run in runs]
    pooled = Predictions(table=pa.concat_tables(tables), classes=data.classes, role=ROLE,
                         data_digest=data.digest)
    outside = data.frame.index[data.frame["role"] != "test"]
    assert set(pooled.table["isic_id"].to_pylist()) == set(outside), "each image is held out once"
    return pooled


def _context(data: PreparedData, recipe: Recipe, num_folds: int) -> ReportContext:
    has_lesions = data.split.group_key.startswith("lesion_id")
    return ReportContext(
        title=f"{recipe.name} on {data.target}, {num_folds} folds", recipe=recipe.name,
        group_name="lesions" if has_lesions else "groups",
        digests={"data": data.digest, "split": data.split.digest, "recipe": recipe.digest},
        licences=data.licences, attributions=data.attributions,
        software_version=lesionlab.__version__)


def _pack(
    data: PreparedData, recipe: Recipe, runs: tuple[TrainedRun, ...], out: Path,
    predictions: Predictions,
) -> TrainedRun:
    """The ensemble of the folds; paths in its recipe start at `out`."""
    members = tuple(run.folder.relative_to(out).as_posix() for run in runs)
    own = Recipe(name=f"{recipe.name}_folds", seed=recipe.seed,
                 model=ModelSettings(head="ensemble", members=members),
                 fit=FitSettings(decision_power=recipe.fit.decision_power))
    return pack_ensemble(data, own, [run.folder for run in runs], out / "ensemble",
                         unseen=predictions)


def _describe(
    data: PreparedData, recipe: Recipe, runs: tuple[TrainedRun, ...], reports: list[Report],
    metrics: pd.DataFrame,
) -> dict[str, Any]:
    """The content of folds.json."""
    return clean({
        "format_version": FORMAT_VERSION, "recipe": recipe.to_dict(),
        "digests": {"data": data.digest, "recipe": recipe.digest},
        "folds": [{
            "fold": k, "run": f"fold_{k}/run", "data": run.bundle.manifest["digests"]["data"],
            "bundle": run.bundle.digest, "num_images": report.n_images,
            "num_groups": report.n_groups, "prevalence": report.prevalence,
        } for k, (run, report) in enumerate(zip(runs, reports, strict=True))],
        "metrics": metrics.to_dict("records")})
