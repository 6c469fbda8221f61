"""What a leaderboard holds, and how it shows itself as text."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from lesionlab.core import artifacts, displays
from lesionlab.core.errors import InputError
from lesionlab.core.terms import RESEARCH_USE
from lesionlab.evaluation.contents import clean
from lesionlab.evaluation.paired import ALPHA, DIFFERENCES
from lesionlab.evaluation.terms import METRICS

SCHEMA_VERSION = 1
SHOWN = ("auroc", "average_precision", "balanced_accuracy", "accuracy", "brier")
"""Metrics of a leaderboard, each with its 95 % interval."""
TIMED = ("training_seconds", "latency_ms")
"""Columns that differ from time to time and are left out of the digest."""

_ROWS: dict[str, Any] = {
    "name": object, "is_control": bool,
    **{f"{name}{end}": float for name in SHOWN for end in ("", "_low", "_high")},
    "n_images": int, "n_groups": int, "threshold": float, "training_seconds": float,
    "num_parameters": "Int64", "latency_ms": float, "published": object, "said": object}


def make_rows(records: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """The table of rows from a dictionary each; what is None becomes missing."""
    return pd.DataFrame(list(records), columns=list(_ROWS), dtype=object).astype(_ROWS)


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """Models on the same images, best first; a value, written by `save_leaderboards`."""

    target: str
    role: str
    classes: tuple[str, ...]
    n_images: int
    n_groups: int
    group_name: str
    prevalence: dict[str, float]
    best: str | None
    """The highest AUROC; None where none is defined."""
    reference: str | None
    """The model that the others are compared with besides the best."""
    rows: pd.DataFrame
    """A row per model, best AUROC first and controls last: `name`, `is_control`, each metric of
    `SHOWN` with `_low` and `_high`, `n_images`, `n_groups`, `threshold`, `training_seconds`,
    `num_parameters`, `latency_ms`, `published` and `said` (text)."""
    differences: pd.DataFrame
    """See `lesionlab.evaluation.paired.list_differences`; controls have none."""
    curves: dict[str, np.ndarray]
    """Sensitivity at false positive rates evenly from 0 to 1, by name."""
    confusions: dict[str, np.ndarray]
    """(K, K) int64 images by true and decided class, by name."""
    num_resamples: int
    seed: int

    @property
    def positive_class(self) -> str | None:
        """The last of two classes; None where there are more."""
        return self.classes[-1] if len(self.classes) == 2 else None

    @property
    def records(self) -> list[dict[str, Any]]:
        """The rows as a dictionary each."""
        return [{str(key): value for key, value in row.items()}
                for row in self.rows.to_dict("records")]

    @property
    def num_tests(self) -> int:
        """How many p values were corrected together; a pair that stands twice is one."""
        pairs = {(frozenset((row["name"], row["other"])), row["metric"])
                 for row in self.differences.to_dict("records")}
        return len(pairs)

    def difference(self, name: str, against: str, metric: str = "auroc") -> pd.Series | None:
        """The row of `differences` of one model; None where it is not compared."""
        table = self.differences
        is_it = ((table["name"] == name) & (table["against"] == against)
                 & (table["metric"] == metric))
        return table[is_it].iloc[0] if is_it.any() else None

    @property
    def headline(self) -> str:
        """What was compared, one line."""
        num_rivals = int((~self.rows["is_control"]).sum())
        share = ("" if self.positive_class is None else
                 f", {100 * self.prevalence[self.positive_class]:.1f} % {self.positive_class}")
        models = "1 model" if num_rivals == 1 else f"{num_rivals} models"
        return (f"{self.target}: {models} on the same {self.n_images:,} images, "
                f"{self.n_groups:,} {self.group_name}{share}")

    @property
    def overview(self) -> pd.DataFrame:
        """The most telling columns as text, a row per model."""
        records = []
        for row in self.records:
            record = {"model": row["name"] + (" (control)" if row["is_control"] else ""),
                      "AUROC": _interval(row, "auroc")}
            for against, other in (("best", "best"), ("reference", self.reference)):
                if other is not None and not (against == "reference" and other == self.best):
                    found = self.difference(row["name"], against)
                    record[f"less {other}"] = "" if found is None else _signed(found)
            for name in ("average_precision", "balanced_accuracy", "brier"):
                record[METRICS[name].label] = _interval(row, name)
            record |= {"training s": _number(row["training_seconds"], 0),
                       "parameters": _number(row["num_parameters"], 0),
                       "ms/image": _number(row["latency_ms"], 1)}
            if self.rows["published"].notna().any():
                record["published"] = row["published"] or ""
            records.append(record)
        return pd.DataFrame(records)

    @property
    def lines(self) -> list[str]:
        """The leaderboard for a terminal."""
        said = [f"note, {row['name']}: {row['said']}"
                for row in self.records if row["said"]]
        return [self.headline, *self.overview.to_string(index=False).splitlines(), *said,
                *([self._reading] if self._reading else [])]

    @property
    def _reading(self) -> str:
        """What a star means; empty where nothing was compared."""
        if not self.num_tests:
            return ""
        tests = "1 comparison" if self.num_tests == 1 else f"{self.num_tests} comparisons"
        return (f"* differs at {100 * ALPHA:.0f} %, by a paired bootstrap over {self.group_name} "
                f"and Holm's correction for {tests}")

    def _repr_html_(self) -> str:
        table = self.overview
        return displays.show_value(
            "Leaderboard", {self.headline: ""},
            displays.show_table(self._reading, list(table.columns), table.to_numpy().tolist()),
            f"<p>{RESEARCH_USE}</p>")

    def to_dict(self) -> dict[str, Any]:
        """The leaderboard as a JSON object; undefined numbers are null."""
        return clean({
            "schema_version": SCHEMA_VERSION, "target": self.target, "role": self.role,
            "classes": list(self.classes), "positive_class": self.positive_class,
            "n_images": self.n_images, "n_groups": self.n_groups, "group_name": self.group_name,
            "prevalence": self.prevalence, "best": self.best, "reference": self.reference,
            "rows": self.records,
            "differences": self.differences.to_dict("records"),
            "curves": {name: curve.tolist() for name, curve in self.curves.items()},
            "confusions": {name: counts.tolist() for name, counts in self.confusions.items()},
            "bootstrap": {"num_resamples": self.num_resamples, "seed": self.seed, "unit": "group",
                          "num_tests": self.num_tests, "correction": "Holm"},
            "notice": RESEARCH_USE})

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the content, without what was timed."""
        content = self.to_dict()
        content["rows"] = [{key: value for key, value in row.items() if key not in TIMED}
                           for row in content["rows"]]
        return artifacts.digest_json(content)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Leaderboard:
        """Read what `to_dict` gave.

        Raises:
            InputError: a leaderboard of another format.
        """
        if value.get("schema_version") != SCHEMA_VERSION:
            raise InputError(f"leaderboard of format {value.get('schema_version')}; this version "
                             f"reads {SCHEMA_VERSION}: compare again")
        same = {name: value[name] for name in (
            "target", "role", "n_images", "n_groups", "group_name", "prevalence", "best",
            "reference")}
        differences = pd.DataFrame(value["differences"], columns=list(DIFFERENCES), dtype=object)
        return cls(
            **same, classes=tuple(value["classes"]), rows=make_rows(value["rows"]),
            differences=differences.astype(DIFFERENCES),
            curves={name: np.array(curve, float) for name, curve in value["curves"].items()},
            confusions={name: np.array(counts, np.int64)
                        for name, counts in value["confusions"].items()},
            num_resamples=value["bootstrap"]["num_resamples"], seed=value["bootstrap"]["seed"])


def _number(value: Any, digits: int) -> str:
    return "-" if pd.isna(value) else f"{value:,.{digits}f}"


def _interval(row: dict[str, Any], name: str) -> str:
    """A metric with its interval: `0.926 (0.909-0.941)`."""
    if math.isnan(row[name]):
        return "-"
    if math.isnan(row[f"{name}_low"]):
        return f"{row[name]:.3f}"
    return f"{row[name]:.3f} ({row[f'{name}_low']:.3f}-{row[f'{name}_high']:.3f})"


def _signed(row: pd.Series) -> str:
    """A difference with its sign, starred where it is significant."""
    if math.isnan(row["difference"]):
        return "-"
    return f"{row['difference']:+.3f}" + ("*" if row["is_significant"] else "")
