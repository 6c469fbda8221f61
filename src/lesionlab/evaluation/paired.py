"""Differences between models on the same resamples, with p values corrected for their number."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lesionlab.evaluation import bootstrap

COMPARED = ("auroc", "average_precision")
"""Metrics whose differences are judged."""
ALPHA = 0.05
"""A corrected p value below it is called significant."""
LEAST_RESAMPLES = 2000
RESAMPLES_PER_TEST = 200
"""With R resamples a p value is 2 / (R + 1) or more: so many keep the least at 0.01, corrected."""

DIFFERENCES = {"name": object, "against": object, "other": object, "metric": object,
               "difference": float, "low": float, "high": float, "p": float, "p_corrected": float,
               "is_significant": bool}
"""Columns of the table of differences, with their types."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The metrics of `COMPARED` of one model."""

    values: dict[str, float]
    draws: dict[str, np.ndarray]
    """(R,) float64 each, NaN where a resample lacks a class; resamples are those of all models."""


def count_resamples(num_models: int) -> int:
    """How many resamples the comparisons of so many models need."""
    num_tests = len(COMPARED) * max(0, 2 * num_models - 3)
    return max(LEAST_RESAMPLES, RESAMPLES_PER_TEST * num_tests)


def list_differences(
    drawn: Mapping[str, Drawn], *, best: str | None, reference: str | None,
) -> pd.DataFrame:
    """Each model less the best and less the reference, a row per pair and metric.

    Columns: `name`, `against` (`best` or `reference`), `other` (whose name that is), `metric`,
    `difference` (name less other), `low` and `high` (95 %), `p` (two-sided), `p_corrected` (Holm,
    over all tests of the table) and `is_significant` at `ALPHA`. A reference that is the best has
    no rows of its own.
    """
    sides = {"best": best, "reference": None if reference == best else reference}
    rows, tests = [], {}
    for name in drawn:
        for against, other in sides.items():
            if other is None or other == name:
                continue
            for metric in COMPARED:
                row = _compare(drawn[name], drawn[other], metric)
                rows.append({"name": name, "against": against, "other": other, "metric": metric,
                             **row})
                # The best against the reference stands in the table twice and is one test.
                tests[frozenset((name, other)), metric] = row["p"]
    corrected = correct(tests)
    for row in rows:
        row["p_corrected"] = corrected[frozenset((row["name"], row["other"])), row["metric"]]
        row["is_significant"] = row["p_corrected"] < ALPHA
    return pd.DataFrame(rows, columns=list(DIFFERENCES)).astype(DIFFERENCES)


def _compare(one: Drawn, other: Drawn, metric: str) -> dict[str, float]:
    draws = one.draws[metric] - other.draws[metric]
    interval = bootstrap.find_interval(draws)
    return {"difference": one.values[metric] - other.values[metric], "low": interval.low,
            "high": interval.high, "p": find_p_value(draws)}


def find_p_value(draws: np.ndarray) -> float:
    """The two-sided p value of no difference from (R,) draws of a difference; NaN draws are left.

    Twice the share of draws on the rarer side of 0, draws at 0 on both sides, one draw added so
    that it is never 0 (Davison and Hinkley, Bootstrap Methods and their Application, 1997, 4.2).

    >>> find_p_value(np.zeros(99)), find_p_value(np.ones(99))
    (1.0, 0.02)
    """
    used = draws[np.isfinite(draws)]
    if not len(used):
        return float("nan")
    rarer = min((used <= 0).sum(), (used >= 0).sum())
    return min(1.0, float(2 * (1 + rarer) / (len(used) + 1)))


def correct(p_values: Mapping[Hashable, float]) -> dict[Hashable, float]:
    """Holm's step-down correction; undefined p values stay so and are not counted.

    >>> correct({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'c': 0.06, 'b': 0.06}
    """
    known = sorted((p, number, key) for number, (key, p) in enumerate(p_values.items())
                   if not np.isnan(p))
    found: dict[Hashable, float] = {}
    highest = 0.0
    for rank, (p, _, key) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        found[key] = highest
    return found | {key: p for key, p in p_values.items() if np.isnan(p)}
