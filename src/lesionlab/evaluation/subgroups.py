"""Subgroups: the metrics of parts of the images, and whether a part does worse than the whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from lesionlab.evaluation.metrics import Measurement, Sample

LEAST_GROUPS = 20
"""Groups with, and without, a positive image that a part needs before it is judged."""
MOST_LEVELS = 20
"""Values of a column that are shown; the most frequent first, the rest together as `other`."""
UNKNOWN = "unknown"
WORSE = ("no better than chance", "clearly worse")
"""Verdicts on a part that does worse than the whole, the graver first."""


def find_parts(columns: pd.DataFrame) -> dict[str, np.ndarray]:
    """Masks of the rows of each part, `column=value` to (N,) bool.

    A missing value is a part of its own, `column=unknown`; a column with one value is left out.
    """
    parts: dict[str, np.ndarray] = {}
    for name in columns.columns:
        values = columns[name].astype("object")
        values = values.where(columns[name].notna(), UNKNOWN).astype(str)
        kept = values.value_counts().index[:MOST_LEVELS]
        values = values.where(values.isin(kept), "other")
        levels = sorted(values.unique(), key=lambda level: (level == UNKNOWN, level))
        if len(levels) > 1:
            parts |= {f"{name}={level}": (values == level).to_numpy() for level in levels}
    return parts


def compare_subgroups(
    parts: dict[str, Sample], measured: dict[str, Measurement], whole: Measurement,
    classes: tuple[str, ...], shown: tuple[str, ...],
) -> pd.DataFrame:
    """The AUROC of each class in each part against the AUROC of all images, on the same resamples.

    Columns: `subgroup`, `class`, `n_images`, `n_groups`, `n_positive`, `n_positive_groups`,
    `difference`, `ci_low`, `ci_high` (part less all, 95 %) and `verdict`: `too few`, where there
    are under 20 groups with a positive or without one; `clearly worse`, where the difference is
    below 0 at 5 % over all comparisons (Bonferroni), `no better than chance` where besides the
    part's own AUROC may be 0.5; or `no clear difference`.
    """
    rows = [_compare(part, sample, measured[part], whole, name, classes.index(name))
            for part, sample in parts.items() for name in shown]
    table = pd.DataFrame(rows, columns=[
        "subgroup", "class", "n_images", "n_groups", "n_positive", "n_positive_groups",
        "difference", "ci_low", "ci_high", "is_judged", "spread", "auroc", "own_spread"])
    z = norm.ppf(1 - 0.025 / max(1, int(table["is_judged"].sum())))
    is_worse = table["difference"] + z * table["spread"] < 0
    is_chance = is_worse & (table["auroc"] - z * table["own_spread"] <= 0.5)
    verdict = np.select([is_chance, is_worse], WORSE, "no clear difference")
    table["verdict"] = np.where(table["is_judged"], verdict, "too few")
    return table.drop(columns=["is_judged", "spread", "auroc", "own_spread"])


def _compare(
    part: str, sample: Sample, measured: Measurement, whole: Measurement, name: str, k: int,
) -> dict[str, object]:
    is_class = sample.target_index == k
    num_with = len(np.unique(sample.group_index[is_class]))
    num_without = len(np.unique(sample.group_index[~is_class]))
    auroc, own = measured.value("auroc", k), measured.draws_of("auroc", k)
    difference, draws = auroc - whole.value("auroc", k), own - whole.draws_of("auroc", k)
    own, draws = own[np.isfinite(own)], draws[np.isfinite(draws)]
    is_judged = min(num_with, num_without) >= LEAST_GROUPS and len(draws) > 1
    low, high = np.quantile(draws, [0.025, 0.975]) if is_judged else (np.nan, np.nan)
    return {"subgroup": part, "class": name, "n_images": len(sample),
            "n_groups": len(np.unique(sample.group_index)), "n_positive": int(is_class.sum()),
            "n_positive_groups": num_with, "difference": difference, "ci_low": low,
            "ci_high": high, "is_judged": is_judged, "auroc": auroc,
            "spread": float(draws.std()) if is_judged else np.nan,
            "own_spread": float(own.std()) if is_judged else np.nan}
