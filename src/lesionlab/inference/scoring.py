"""evaluate(): a run, or another tool's table, to a report on prepared data."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd

import lesionlab
from lesionlab.core import artifacts
from lesionlab.core.errors import InputError, StoreError
from lesionlab.core.split import ROLES, Role
from lesionlab.dataset.prepared import PreparedData
from lesionlab.evaluation.contents import FlowStep, Report, ReportContext
from lesionlab.evaluation.external import read_predictions
from lesionlab.evaluation.report import build_report, save_report
from lesionlab.inference.bundle import ModelBundle
from lesionlab.inference.predicting import predict_role

SUBGROUPS = ("sex", "anatom_site_1", "image_type", "fitzpatrick_skin_type", "source")
"""Columns whose values are reported on their own, beside bands of age."""
AGE_BANDS = [0, 30, 50, 70, 200]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A report and where it stands."""

    folder: Path
    report: Report

    @property
    def content(self) -> dict[str, Any]:
        """The content of report.json."""
        return self.report.to_dict()

    @property
    def lines(self) -> list[str]:
        """The headline and what was found, for a terminal."""
        bad = [finding for finding in self.report.findings if finding.section == "issue"]
        return [self.report.headline, *(f"issue {f.code}: {f.explanation}" for f in bad)]


def evaluate(
    run: Path, *, role: str = "test", data: Path | None = None, out: Path | None = None,
    seed: int = 0,
) -> Evaluation:
    """Predict a role of the data by the run's bundle, and write `RUN/report/`.

    Args:
        run: folder of `lesionlab train`.
        role: `test`, `valid` or `train`.
        data: prepared folder; by default the one that the run was trained on.
        out: folder of the report; by default `report` in the run, with the role's name behind
            it unless it is the test role.
        seed: of the bootstrap.

    Raises:
        InputError: the data are not those that the run was trained on.
        StoreError, BundleError: the run or the data are missing or damaged.
    """
    role = _check_role(role)
    if not (run / "training.json").is_file():
        raise StoreError(f"{run} is not a run: it has no training.json; "
                         f"make one with: lesionlab train DATA --recipe R --out {run}")
    bundle = ModelBundle.load(run / "bundle")
    prepared = _open_data(run, data, bundle)
    predictions = predict_role(bundle, prepared, role)
    predictions.save(run / f"predictions_{role}.parquet")
    recipe = bundle.manifest["recipe"]["name"]
    context = _context(prepared, role, title=f"{recipe} on {prepared.target}", recipe=recipe,
                       digests=bundle.manifest["digests"] | {"bundle": bundle.digest})
    report = build_report(predictions, thresholds=bundle.manifest["thresholds"],
                          subgroups=subgroup_columns(prepared.rows(role)),
                          context=context, seed=seed)
    folder = out or run / ("report" if role == "test" else f"report_{role}")
    save_report(report, folder)
    return Evaluation(folder=folder, report=report)


def evaluate_predictions(
    path: Path, *, data: Path | None, role: str = "test", out: Path | None = None, seed: int = 0,
) -> Evaluation:
    """Score another tool's predictions, joined to the prepared data by id.

    Raises:
        InputError: no data were named.
        PredictionsError: ids missing, extra or repeated, or values that are no probabilities.
    """
    role = _check_role(role)
    if data is None:
        raise InputError(f"{path}: predictions of another tool need --data, the prepared folder "
                         "whose images they are of")
    prepared = PreparedData.load(data)
    truth = prepared.frame[["role", "group_id", "target"]]
    predictions = read_predictions(path, truth, classes=prepared.classes, role=role,
                                   data_digest=prepared.digest)
    context = _context(prepared, role, title=f"{path.name} on {prepared.target}", recipe=None,
                       digests={"data": prepared.digest, "split": prepared.split.digest})
    report = build_report(predictions, context=context, seed=seed,
                          subgroups=subgroup_columns(prepared.rows(role)))
    folder = out or path.parent / f"{path.stem}_report"
    save_report(report, folder)
    return Evaluation(folder=folder, report=report)


def subgroup_columns(rows: pd.DataFrame) -> pd.DataFrame:
    """The categories that results are broken down by, a column each, indexed by id."""
    columns = rows[[name for name in SUBGROUPS if name in rows]].copy()
    if "age_approx" in rows:
        labels = ["under 30", "30 to 49", "50 to 69", "70 and over"]
        columns["age"] = pd.cut(rows["age_approx"], AGE_BANDS, right=False, labels=labels)
    return columns.astype("object").where(columns.notna(), None)


def _check_role(role: str) -> Role:
    if role not in ROLES:
        raise InputError(f"--role {role}: choose {', '.join(ROLES)}")
    return cast(Role, role)


def _open_data(run: Path, folder: Path | None, bundle: ModelBundle) -> PreparedData:
    """The data to score on; they must be those of the training."""
    if folder is None:
        folder = Path(os.path.normpath(run / artifacts.read_json(run / "training.json")["data"]))
        if not folder.is_dir():
            raise StoreError(f"the data of {run} are no longer at {folder}; name them by --data")
    prepared = PreparedData.load(folder)
    trained_on = bundle.manifest["digests"]["data"]
    if prepared.digest != trained_on:
        raise InputError(
            f"{run} was trained on data {trained_on[:12]}, {folder} holds {prepared.digest[:12]}: "
            "its test images may be among those that the run was trained on; name the data of the "
            "run by --data, or train again")
    return prepared


def _context(
    data: PreparedData, role: Role, *, title: str, recipe: str | None, digests: dict[str, str]
) -> ReportContext:
    counts = data.manifest["counts"]
    chosen = counts["roles"][role]

    def count(key: str) -> int:
        return sum(counts[key].values())

    def reasons(*keys: str) -> str:
        found = {name: number for key in keys for name, number in counts[key].items()}
        return ", ".join(f"{name} {number:,}" for name, number in found.items())

    num_read, num_known = counts["num_rows_read"], counts["num_rows_read"]
    num_known -= count("dropped_by_source")
    num_classed = num_known - count("dropped_by_target")
    flow = (
        FlowStep(label="rows read", count=num_read),
        FlowStep(label="rows with an image and a usable diagnosis", count=num_known,
                 note=reasons("dropped_by_source")),
        FlowStep(label=f"with a class of {data.target}", count=num_classed,
                 note=reasons("dropped_by_target")),
        FlowStep(label="images that decode", count=counts["num_images"],
                 note=reasons("rejected_images")),
        FlowStep(label=f"in the {role} role", count=chosen["num_images"],
                 note=f"{chosen['num_groups']:,} groups of {data.split.group_key}"),
    )
    has_lesions = data.split.group_key.startswith("lesion_id")
    return ReportContext(
        title=title, recipe=recipe, flow=flow, digests=digests,
        group_name="lesions" if has_lesions else "groups", licences=data.manifest["licences"],
        software_version=lesionlab.__version__)
