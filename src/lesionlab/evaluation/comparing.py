"""Runs side by side, on the same images only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lesionlab.core import artifacts
from lesionlab.core.cohort import list_some
from lesionlab.core.errors import InputError
from lesionlab.core.predictions import Predictions

SHOWN = ("auroc", "average_precision", "balanced_accuracy", "brier")


def compare_runs(runs: Sequence[Path]) -> pd.DataFrame:
    """A row per run, best AUROC first: each metric of `SHOWN` with its 95 % interval.

    Raises:
        InputError: a run has no report, or the runs were scored on different images.
    """
    if len(runs) < 2:
        raise InputError("compare needs two or more runs")
    for run in runs:
        if not (run / "report" / "report.json").is_file():
            raise InputError(f"{run} has no report; make one with: lesionlab evaluate {run}")
    _check_same_images(runs)
    rows = [_row(run.name, artifacts.read_json(run / "report" / "report.json")) for run in runs]
    table = pd.DataFrame(rows).sort_values("sort_key", ascending=False, kind="stable")
    return table.drop(columns="sort_key").reset_index(drop=True)


def _check_same_images(runs: Sequence[Path]) -> None:
    tables = [Predictions.load(run / "predictions_test.parquet").table for run in runs]
    first = set(tables[0]["isic_id"].to_pylist())
    for run, table in zip(runs[1:], tables[1:], strict=True):
        other = set(table["isic_id"].to_pylist())
        if other != first:
            raise InputError(f"{runs[0]} and {run} were scored on different images: "
                             f"{len(first ^ other)} ids differ, {list_some(sorted(first ^ other))}")


def _row(name: str, report: dict[str, Any]) -> dict[str, Any]:
    found = {metric["name"]: metric for metric in report["metrics"]
             if metric["class"] is None and metric["subgroup"] is None}
    cells = {key: _cell(found[key]) for key in SHOWN if key in found}
    value = found["auroc"]["value"] if "auroc" in found else None
    return {"run": name} | cells | {
        "images": report["n_images"], "groups": report["n_groups"],
        "sort_key": -1.0 if value is None else value}


def _cell(metric: dict[str, Any]) -> str:
    if metric["value"] is None:
        return "-"
    if metric["ci_low"] is None:
        return f"{metric['value']:.3f}"
    return f"{metric['value']:.3f} ({metric['ci_low']:.3f}-{metric['ci_high']:.3f})"
