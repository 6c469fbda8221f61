"""Reports: predictions in; metrics, findings and figures out, as one folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from lesionlab.core import artifacts
from lesionlab.core.cohort import list_some
from lesionlab.core.errors import PredictionsError, StoreError
from lesionlab.core.predictions import Predictions
from lesionlab.evaluation import curves, operating_point, page, suspicions, verdicts
from lesionlab.evaluation.areas import NUM_RESAMPLES, take_known
from lesionlab.evaluation.background import Background, Case
from lesionlab.evaluation.contents import Report, ReportContext
from lesionlab.evaluation.decision import Decision, choose_decision
from lesionlab.evaluation.metrics import NAMES, Measurement, Sample, measure_parts
from lesionlab.evaluation.operating_point import Thresholds
from lesionlab.evaluation.subgroups import compare_subgroups, find_parts
from lesionlab.evaluation.suspicions import score_rival

SUBGROUP_METRICS = ("auroc", "average_precision", "sensitivity", "specificity",
                    "balanced_accuracy", "brier", "ece")
"""Metrics that are reported for subgroups too."""


def build_report(
    predictions: Predictions, *, thresholds: Thresholds | None = None,
    class_weights: Mapping[str, float] | None = None,
    subgroups: pd.DataFrame | None = None, context: ReportContext | None = None,
    background: Background | None = None, seed: int = 0, num_resamples: int = 2000,
) -> Report:
    """The report of `predictions`; rows without a target are counted and left out.

    Args:
        predictions: of any role and any model.
        thresholds: chosen on validation rows by `choose_thresholds`. Of two classes, the last
            is decided where its probability reaches its `max_youden`; without it at 0.5.
        class_weights: of more than two classes, the highest probability times these decides.
        subgroups: categories indexed by `isic_id`, a column per kind of subgroup.
        context: what the page says of the run.
        background: what the checks LL721 to LL728 need; without it they are not made.
        seed: of the bootstrap.
        num_resamples: of the bootstrap.

    Raises:
        PredictionsError: no row has a target, or an image has no row in `subgroups`.
    """
    decision = choose_decision(predictions.classes, thresholds or {}, class_weights or {})
    sample = take_sample(predictions, decision)
    columns = _take_columns(predictions, predictions.target_index >= 0, subgroups)
    parts = {name: sample.select(is_in) for name, is_in in find_parts(columns).items()}
    report = _assemble(predictions, sample, parts, decision, thresholds or {},
                       context or ReportContext(), seed, num_resamples)
    if background is None:
        return report
    case = Case.of(predictions, background, seed=seed,
                   num_resamples=min(num_resamples, NUM_RESAMPLES))
    return _judge_by(case, report)


def _assemble(
    predictions: Predictions, sample: Sample, parts: dict[str, Sample], decision: Decision,
    thresholds: Thresholds, context: ReportContext, seed: int, num_resamples: int,
) -> Report:
    """Measure the rows and their parts, and put everything together."""
    classes = predictions.classes
    shown = classes[-1:] if len(classes) == 2 else classes
    whole, rest = measure_parts(
        sample, list(parts.values()), num_resamples=num_resamples, seed=seed)
    measured = dict(zip(parts, rest, strict=True))
    compared = compare_subgroups(parts, measured, whole, classes, shown)
    num_unlabelled = len(predictions) - len(sample)
    share = np.bincount(sample.target_index, minlength=len(classes)) / len(sample)
    return Report(
        context=context, role=predictions.role, classes=classes, n_images=len(sample),
        n_groups=sample.num_groups, num_unlabelled=num_unlabelled,
        prevalence=dict(zip(classes, share.tolist(), strict=True)), decision=decision,
        metrics=_list_metrics({None: sample, **parts}, {None: whole, **measured}, classes),
        operating_points=operating_point.score_thresholds(
            sample, classes, {name: thresholds.get(name, {}) for name in shown},
            num_resamples=num_resamples, seed=seed),
        subgroups=compared, num_resamples=num_resamples, seed=seed,
        findings=verdicts.judge(sample, whole, classes, decision, compared, num_unlabelled),
        figures=curves.find_figures(sample, classes, shown, decision.threshold),
        predictions_digest=predictions.digest)


def _judge_by(case: Case, report: Report) -> Report:
    """The report with what shows against the background."""
    rivals = (case.background.metadata_rival, case.background.shortcut_rival)
    context = replace(report.context, baselines=tuple(
        score_rival(case, rival) for rival in rivals if rival is not None))
    return replace(report, context=context, looks=case.background.looks,
                   findings=report.findings + suspicions.judge(case))


def save_report(report: Report, folder: Path) -> None:
    """Write `report.json` and `report.html` into `folder`, which is replaced as a whole."""
    with artifacts.new_folder(folder) as new:
        artifacts.write_json(new / "report.json", report.to_dict())
        artifacts.write_text(new / "report.html", page.render(report))


def load_report(folder: Path) -> Report:
    """Read the report that `save_report` wrote into `folder`.

    Raises:
        StoreError: there is none.
        InputError: it has another format.
    """
    path = folder / "report.json"
    if not path.is_file():
        raise StoreError(f"{folder} holds no report.json; make one with: lesionlab evaluate RUN")
    return Report.from_dict(artifacts.read_json(path))


def take_sample(predictions: Predictions, decision: Decision) -> Sample:
    """The rows that have a target, decided.

    Raises:
        PredictionsError: no row has a target.
    """
    is_known = predictions.target_index >= 0
    if not is_known.any():
        raise PredictionsError(
            f"none of the {len(predictions)} images of role '{predictions.role}' has a target; "
            "a report needs the truth")
    sample = take_known(predictions)
    return replace(sample, decision_index=decision.decide(sample.probabilities))


def _take_columns(
    predictions: Predictions, is_known: np.ndarray, columns: pd.DataFrame | None,
) -> pd.DataFrame:
    """The subgroup columns of the rows that are scored, in their order."""
    ids = pd.Index(predictions.table["isic_id"].to_pandas())
    if columns is None:
        return pd.DataFrame(index=ids[is_known])
    missing = ids.difference(columns.index)
    if len(missing):
        raise PredictionsError(f"{len(missing)} images have no row in the subgroup columns: "
                               f"{list_some(missing)}; give every image one row")
    return columns.loc[ids[is_known]]


def _list_metrics(
    samples: dict[str | None, Sample], measured: dict[str | None, Measurement],
    classes: tuple[str, ...],
) -> pd.DataFrame:
    """A row per metric, class and part; a part has the metrics of `SUBGROUP_METRICS` only."""
    rows = []
    for part, sample in samples.items():
        names = NAMES if part is None else SUBGROUP_METRICS
        n_groups = len(np.unique(sample.group_index))
        numbers = [*((k, name) for k, name in enumerate(classes)), (-1, None)]
        for k, class_name in numbers[-1:] + numbers[:-1]:
            positive = len(classes) - 1 if k == -1 and len(classes) == 2 else k
            n_positive = int((sample.target_index == positive).sum()) if positive >= 0 else None
            rows += [_describe(measured[part], name, k) | {
                "class": class_name, "subgroup": part, "n_images": len(sample),
                "n_groups": n_groups, "n_positive": n_positive} for name in names]
    columns = ["name", "class", "subgroup", "value", "ci_low", "ci_high", "n_images", "n_groups",
               "n_positive", "num_resamples_used"]
    table = pd.DataFrame(rows, columns=columns)
    table["n_positive"] = table["n_positive"].astype("Int64")
    # None, not NaN: these are names or nothing.
    for name in ("class", "subgroup"):
        table[name] = table[name].astype("object").where(table[name].notna(), None)
    return table


def _describe(measured: Measurement, name: str, k: int) -> dict[str, object]:
    interval = measured.interval(name, k)
    return {"name": name, "value": measured.value(name, k), "ci_low": interval.low,
            "ci_high": interval.high, "num_resamples_used": interval.num_used}
