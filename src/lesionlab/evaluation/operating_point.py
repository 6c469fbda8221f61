"""Operating points: thresholds chosen on validation rows, and what they do elsewhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from lesionlab.core.predictions import Predictions
from lesionlab.evaluation import bootstrap
from lesionlab.evaluation.calibration import refuse_test_rows
from lesionlab.evaluation.metrics import Sample, decision_metrics

Thresholds = dict[str, dict[str, float]]
"""Class name to name of the operating point to threshold; a score at the threshold is flagged."""

NAMES = {"max_youden": "Highest sensitivity + specificity",
         "sensitivity_95": "Sensitivity of 95 % or more",
         "specificity_90": "Specificity of 90 % or more",
         "specificity_95": "Specificity of 95 % or more"}
"""The operating points that `choose_thresholds` looks for."""

SHARES = ("sensitivity", "specificity", "precision", "npv", "number_needed_to_biopsy")
"""What is measured at each operating point, `<share>_low` and `<share>_high` beside it."""

STATED_PREVALENCES = (0.01, 0.05, 0.10, 0.20)
"""Where predictive values are worked out, besides the prevalence of the rows themselves."""


def choose_thresholds(predictions: Predictions) -> Thresholds:
    """The thresholds of every class against the rest, by the names of `NAMES`.

    Each is a score of these rows. A class with no positive or no negative here gets none.

    Raises:
        InputError: the predictions are of role `test`.
    """
    refuse_test_rows(predictions.role, "choosing thresholds")
    known = predictions.target_index >= 0
    target, scores = predictions.target_index[known], predictions.probabilities[known]
    return {name: _choose(scores[:, k], target == k)
            for k, name in enumerate(predictions.classes)}


def _choose(scores: np.ndarray, is_positive: np.ndarray) -> dict[str, float]:
    """The thresholds of one class: scores (N,) float, is_positive (N,) bool."""
    num_pos, num_neg = int(is_positive.sum()), int((~is_positive).sum())
    if not num_pos or not num_neg:
        return {}
    # Falling, with one above all scores first, which flags nothing.
    cuts = np.append(np.nextafter(scores.max(), np.inf), np.unique(scores)[::-1])
    num_below_pos = np.searchsorted(np.sort(scores[is_positive]), cuts)
    specificity = np.searchsorted(np.sort(scores[~is_positive]), cuts) / num_neg
    sensitivity = 1 - num_below_pos / num_pos

    def lowest(share: float) -> float:
        return float(cuts[np.flatnonzero(specificity >= share - 1e-9)[-1]])

    first = np.flatnonzero(sensitivity >= 0.95 - 1e-9)[0]
    return {"max_youden": float(cuts[np.argmax(sensitivity + specificity)]),
            "sensitivity_95": float(cuts[first]),
            "specificity_90": lowest(0.90), "specificity_95": lowest(0.95)}


def score_thresholds(
    sample: Sample, classes: tuple[str, ...], thresholds: Thresholds,
    *, num_resamples: int = 2000, seed: int = 0,
) -> pd.DataFrame:
    """A row per class and threshold, with 95 % intervals from the bootstrap over groups.

    Columns: `class`, `name`, `threshold`, `share_flagged`, and `SHARES` with their `_low` and
    `_high`. Undefined values are NaN.
    """
    points = [(name, point, cut) for name in classes
              for point, cut in thresholds.get(name, {}).items()]
    cells = np.zeros((len(sample), len(points), 4))
    for column, (name, _, cut) in enumerate(points):
        k = classes.index(name)
        is_flagged = sample.probabilities[:, k] >= cut
        cell = 2 * (sample.target_index == k) + is_flagged
        cells[np.arange(len(sample)), column, cell] = 1
    draws = _draw_tables(sample, cells, num_resamples, seed)
    tables = cells.sum(axis=0)
    rows = [_describe(tables[column], draws[:, column])
            | {"class": name, "name": point, "threshold": cut}
            for column, (name, point, cut) in enumerate(points)]
    columns = ["class", "name", "threshold", "share_flagged",
               *(f"{share}{end}" for share in SHARES for end in ("", "_low", "_high"))]
    return pd.DataFrame(rows, columns=columns)


def _draw_tables(sample: Sample, cells: np.ndarray, num_resamples: int, seed: int) -> np.ndarray:
    """(R, P, 4) counts of each point's 2 by 2 table in each resample."""
    sums = np.zeros((sample.num_groups, cells.shape[1] * 4), np.float32)
    np.add.at(sums, sample.group_index, cells.reshape(len(cells), -1))
    chunk_size = bootstrap.size_chunk(sample.num_groups)
    chunks = bootstrap.draw_counts(sample.num_groups, num_resamples, seed, chunk_size)
    with threadpool_limits(1, user_api="blas"):
        drawn = [np.empty((0, sums.shape[1])), *(counts @ sums for counts in chunks)]
    return np.concatenate(drawn).reshape(num_resamples, cells.shape[1], 4)


def _describe(table: np.ndarray, draws: np.ndarray) -> dict[str, float | str]:
    """Shares of a (4,) table of tn, fp, fn, tp, with intervals from (R, 4) draws of it."""
    values, drawn = _shares(table[None]), _shares(draws)
    row: dict[str, float | str] = {"share_flagged": (table[1] + table[3]) / table.sum()}
    for share in SHARES:
        interval = bootstrap.find_interval(drawn[share])
        row |= {share: float(values[share][0]), f"{share}_low": interval.low,
                f"{share}_high": interval.high}
    return row


def _shares(tables: np.ndarray) -> dict[str, np.ndarray]:
    with np.errstate(divide="ignore", invalid="ignore"):
        found = decision_metrics(tables.reshape(-1, 2, 2), 1)
        found["npv"] = tables[:, 0] / (tables[:, 0] + tables[:, 2])
    return {share: np.where(np.isfinite(found[share]), found[share], np.nan) for share in SHARES}


def predictive_values(
    sensitivity: float, specificity: float, prevalence: float,
) -> tuple[float, float]:
    """PPV and NPV at a prevalence, by Bayes' rule; NaN where nothing is flagged or left alone.

    >>> [round(float(value), 3) for value in predictive_values(0.9, 0.8, 0.1)]
    [0.333, 0.986]
    """
    tp, fp = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    tn, fn = specificity * (1 - prevalence), (1 - sensitivity) * prevalence
    ppv = tp / (tp + fp) if tp + fp > 0 else float("nan")
    npv = tn / (tn + fn) if tn + fn > 0 else float("nan")
    return ppv, npv


def find_net_benefit(scores: np.ndarray, is_positive: np.ndarray) -> pd.DataFrame:
    """The decision curve of (N,) scores: net benefit per image at thresholds 0.01 to 0.99.

    Columns: `threshold`, `model`, `flag_all`, `flag_none`. Net benefit is tp / n - fp / n *
    threshold / (1 - threshold) (Vickers and Elkin, Medical Decision Making 2006).
    """
    cuts = np.arange(1, 100) / 100
    odds, number = cuts / (1 - cuts), len(scores)
    tp = is_positive.sum() - np.searchsorted(np.sort(scores[is_positive]), cuts)
    fp = (~is_positive).sum() - np.searchsorted(np.sort(scores[~is_positive]), cuts)
    share = is_positive.mean() if number else float("nan")
    return pd.DataFrame({"threshold": cuts, "model": (tp - fp * odds) / max(number, 1),
                         "flag_all": share - (1 - share) * odds, "flag_none": 0.0})
