"""How strongly two columns go together, with images of one group counted as one or together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from lesionlab.core.findings import Section

ALPHA = 0.01
"""Chance that one check speaks up where there is nothing."""
WEAK, STRONG = 0.1, 0.3
"""Cramer's V that is worth a tip, and an issue: Cohen's small and medium effect for one degree of
freedom (Statistical Power Analysis for the Behavioral Sciences, 1988)."""
NOTABLE, LARGE = 0.1, 0.25
"""How far from 0.5 an AUROC interval must stay to be worth a tip, and an issue."""
LEAST_GROUPS = 10
"""Groups with, and without, a class under which nothing is said of its AUROC."""

_NUM_TABLES = 9_999


@dataclass(frozen=True, kw_only=True)
class Association:
    """How two categorical columns go together."""

    strength: float
    """Cramer's V, corrected for chance, in [0, 1]."""
    p_value: float

    @property
    def is_weak(self) -> bool:
        """Whether it is worth a word: not chance, and not negligible."""
        return self.p_value < ALPHA and self.strength >= WEAK

    @property
    def is_strong(self) -> bool:
        """Whether a model could live on it."""
        return self.is_weak and self.strength >= STRONG


@dataclass(frozen=True, kw_only=True)
class Separation:
    """How well a number tells one class from the rest."""

    name: str
    """Of the number."""
    class_name: str
    auroc: float
    low: float
    high: float
    """Interval over groups, wider the more separations were looked at."""

    @property
    def distance(self) -> float:
        """How far the interval stays from 0.5, 0 where it holds it."""
        return max(self.low - 0.5, 0.5 - self.high, 0.0)

    def __str__(self) -> str:
        below = f", lower in {self.class_name}" if self.high < 0.5 else ""
        return f"AUROC {self.auroc:.2f} ({self.low:.2f}-{self.high:.2f}){below}"


def grade(distance: float) -> Section:
    """What an AUROC is worth whose interval stays so far from 0.5."""
    return "issue" if distance >= LARGE else "tip" if distance >= NOTABLE else "passed"


def take_units(frame: pd.DataFrame, column: str = "target") -> pd.DataFrame:
    """One row per group and class: images of one group say the same thing, not a new one.

    What is told of another column than the class, such as `role`, takes its rows by that one.
    """
    return frame[~frame.duplicated(["group_id", column])]


def associate(left: pd.Series, right: pd.Series) -> Association:
    """How two columns of the same rows go together, rows taken as independent.

    The p-value is of the chi-square test; where a cell expects fewer than five rows, of the same
    statistic over random tables of these margins, which for two by two is Fisher's test in kind.
    The strength is corrected for chance as of Bergsma 2013, doi 10.1016/j.jkss.2012.10.002.
    """
    table = pd.crosstab(left, right).to_numpy()
    num, (rows, columns) = table.sum(), table.shape
    if min(rows, columns) < 2:
        return Association(strength=0.0, p_value=1.0)
    expected = np.outer(table.sum(1), table.sum(0)) / num
    found, freedom = ((table - expected) ** 2 / expected).sum(), (rows - 1) * (columns - 1)
    if expected.min() >= 5:
        p_value = stats.chi2.sf(found, freedom)
    else:
        drawn = stats.random_table(table.sum(1), table.sum(0)).rvs(_NUM_TABLES, random_state=0)
        by_chance = ((drawn - expected) ** 2 / expected).sum(axis=(1, 2))
        p_value = (1 + (by_chance >= found - 1e-9).sum()) / (1 + _NUM_TABLES)
    phi = max(0.0, found / num - freedom / (num - 1))
    least = min(size - (size - 1) ** 2 / (num - 1) for size in (rows, columns)) - 1
    return Association(strength=float(min(1.0, np.sqrt(phi / least))) if least > 0 else 0.0,
                       p_value=float(p_value))


def associate_columns(columns: Mapping[str, pd.Series], other: pd.Series) -> dict[str, Association]:
    """How each column goes with another, p-values corrected; those beyond chance first.

    Rows where a column is missing are left out of its table.
    """
    found = {name: associate(column.dropna(), other[column.dropna().index])
             for name, column in columns.items()}
    corrected = correct_p_values([one.p_value for one in found.values()])
    judged = {name: replace(one, p_value=float(p_value))
              for (name, one), p_value in zip(found.items(), corrected, strict=True)}
    return dict(sorted(judged.items(), key=lambda item: (not item[1].is_weak, -item[1].strength)))


def correct_p_values(p_values: Sequence[float]) -> np.ndarray:
    """(n,) float64 in [0, 1]: the p-values corrected for their number (Holm 1979)."""
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    corrected = np.empty(len(given))
    corrected[order] = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    return np.minimum(corrected, 1.0)


def name_strangest_cell(left: pd.Series, right: pd.Series) -> tuple[str, str]:
    """The pair of values whose rows are most above what independence would give."""
    table = pd.crosstab(left, right)
    counts = table.to_numpy()
    expected = np.outer(counts.sum(1), counts.sum(0)) / counts.sum()
    row, column = np.unravel_index(((counts - expected) / expected**0.5).argmax(), counts.shape)
    return str(table.index[row]), str(table.columns[column])


def separate_classes(
    frame: pd.DataFrame, numbers: pd.DataFrame, classes: Sequence[str]
) -> list[Separation]:
    """Every number against every class and the rest, that with the surest distance first.

    Args:
        frame: `target` and `group_id`, indexed by id.
        numbers: what to separate by, the same index; rows with a missing value are left out.
        classes: of the target; of two, only the second is looked at.
    """
    shown = classes[1:] if len(classes) == 2 else classes
    cases = [(name, class_name) for name in numbers for class_name in shown]
    found = [separate_class(frame, numbers[name].dropna(), class_name, ALPHA / len(cases))
             for name, class_name in cases]
    return sorted((one for one in found if one is not None),
                  key=lambda one: -one.distance)


def separate_class(
    frame: pd.DataFrame, values: pd.Series, class_name: str, alpha: float, *, widen: float = 1.0
) -> Separation | None:
    """How well a number tells one class from the rest, with an interval that misses in `alpha`.

    The standard error is taken `widen` times. None where the number never changes, or fewer than
    `LEAST_GROUPS` are on one side.
    """
    rows = frame.loc[values.index]
    is_class = (rows["target"] == class_name).to_numpy()
    sides = [rows.loc[side, "group_id"].nunique() for side in (is_class, ~is_class)]
    if min(sides) < LEAST_GROUPS or values.nunique() < 2:
        return None
    auroc, error = measure_auroc(values.to_numpy(np.float64), is_class,
                                 pd.factorize(rows["group_id"])[0])
    reach = stats.norm.isf(alpha / 2) * widen * error
    return Separation(name=str(values.name), class_name=class_name, auroc=auroc,
                      low=float(max(0.0, auroc - reach)), high=float(min(1.0, auroc + reach)))


def measure_auroc(
    values: np.ndarray, is_class: np.ndarray, groups: np.ndarray
) -> tuple[float, float]:
    """AUROC and its standard error where rows of one group hang together.

    Obuchowski 1997, doi 10.2307/2533958; with a row a group it is DeLong's. Closed form, so it
    needs no draws.

    Args:
        values: (N,) float64.
        is_class: (N,) bool, both values at least once.
        groups: (N,) int64 numbers from 0.
    """
    num_pos, num_neg = int(is_class.sum()), int((~is_class).sum())
    ranks, own = stats.rankdata(values), np.empty(len(values))
    own[is_class], own[~is_class] = (stats.rankdata(values[side]) for side in (is_class, ~is_class))
    placement = (ranks - own) / np.where(is_class, num_neg, num_pos)
    # Of a row outside the class, the share of the class that is above it.
    placement[~is_class] = 1 - placement[~is_class]
    auroc = float(placement[is_class].mean())
    excess = placement - auroc
    size = int(groups.max()) + 1
    pos, neg = (np.bincount(groups, excess * side, size) for side in (is_class, ~is_class))
    held_pos, held_neg = (len(np.unique(groups[side])) for side in (is_class, ~is_class))
    total = (_widen(held_pos) * (pos**2).sum() / num_pos**2
             + _widen(held_neg) * (neg**2).sum() / num_neg**2
             + 2 * _widen(size) * (pos * neg).sum() / (num_pos * num_neg))
    return auroc, float(np.sqrt(max(total, 0.0)))


def _widen(num_groups: int) -> float:
    """What makes up for a mean that was taken from the same groups, n / (n - 1)."""
    return num_groups / max(num_groups - 1, 1)
