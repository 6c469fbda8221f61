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


def compare(runs: Sequence[Path]) -> pd.DataFrame:
    """A row per run, best AUROC first: each metric of `SHOWN` with its 95 % interval.

    Raises:
        InputError: a run has no report, or the runs were scored on different images or targets.
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
    targets = [_read_targets(run) for run in runs]
    for run, other in zip(runs[1:], targets[1:], strict=True):
        differ = sorted(targets[0].keys() ^ other.keys())
        if differ:
            raise InputError(f"{runs[0]} and {run} were scored on different images: "
                             f"{len(differ)} ids differ, {list_some(differ)}")
        differ = sorted(name for name in other if other[name] != targets[0][name])
        if differ:
            raise InputError(f"{runs[0]} and {run} were scored against different targets: those "
                             f"of {len(differ)} ids differ, {list_some(differ)}")


def _read_targets(run: Path) -> dict[str, str | None]:
    """The target of each image of the test role, by id."""
    path = run / "predictions_test.parquet"
    if not path.is_file():
        raise InputError(f"{run} has no predictions_test.parquet beside its report; "
                         f"make it with: lesionlab evaluate {run}")
    table = Predictions.load(path).table
    return dict(zip(table["isic_id"].to_pylist(), table["target"].to_pylist(), strict=True))


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
