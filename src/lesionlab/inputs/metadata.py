"""MetadataEncoder: columns of a cohort to numbers, fitted on the train role alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from lesionlab.core import artifacts
from lesionlab.core.cohort import join_problems
from lesionlab.core.errors import InputError, RecipeError
from lesionlab.core.raw_values import as_number, as_text
from lesionlab.core.settings import refuse_feature
from lesionlab.core.terms import COLUMNS

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class NumberCode:
    """A number becomes two features: its standard score (0 where missing) and 1 where missing."""

    name: str
    median: float
    """Of the known train values; stands in for a missing one."""
    mean: float
    """Of the train values after filling."""
    std: float
    """Of the train values after filling; 1 where the known ones are all alike."""

    @property
    def feature_names(self) -> list[str]:
        """Names of the two features."""
        return [self.name, f"{self.name}=missing"]

    def encode(self, values: pd.Series) -> np.ndarray:
        """(N, 2) float32 from N numbers, NaN where missing."""
        raw = as_number(values)
        is_missing = np.isnan(raw)
        filled = np.where(is_missing, np.float32(self.median), raw)
        scores = (filled - np.float32(self.mean)) / np.float32(self.std)
        return np.stack([scores, is_missing], axis=1).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class CategoryCode:
    """A category becomes one feature a level, one for missing and one for unseen."""

    name: str
    levels: tuple[str, ...]
    """The train values in alphabetical order."""

    @property
    def feature_names(self) -> list[str]:
        """Names of the features: the levels, `missing`, `unseen`."""
        return [f"{self.name}={level}" for level in (*self.levels, "missing", "unseen")]

    def encode(self, values: pd.Series) -> np.ndarray:
        """(N, levels + 2) float32 of 0 and 1 from N texts, missing allowed."""
        texts = as_text(values)
        index = pd.Index(self.levels).get_indexer(pd.Index(texts))
        index = np.where(index < 0, len(self.levels) + 1, index)
        index = np.where(texts == "", len(self.levels), index)
        return np.eye(len(self.levels) + 2, dtype=np.float32)[index]


Code = NumberCode | CategoryCode


@dataclass(frozen=True, kw_only=True)
class MetadataEncoder:
    """The codes of each column, in order; nothing in it depends on rows that it did not see."""

    codes: tuple[Code, ...]
    unused: tuple[str, ...] = ()
    """Columns that were asked for and have no value in the train role."""

    @classmethod
    def fit(cls, frame: pd.DataFrame, columns: Sequence[str]) -> MetadataEncoder:
        """The encoder of `columns` for the rows of `frame`, which are the train role's.

        Raises:
            InputError: rows of another role, or none.
            RecipeError: columns that are no input, with the reasons.
        """
        roles = set(frame["role"].fillna("no role")) if "role" in frame else {"train"}
        if roles != {"train"} or frame.empty:
            got = "no rows" if frame.empty else f"rows of {', '.join(sorted(roles))}"
            raise InputError(f"the metadata encoder is fitted on the train role alone; got {got}")
        problems = [f"{name!r}: {reason}" for name in columns if (reason := refuse_feature(name))]
        if problems:
            raise RecipeError(join_problems("these columns cannot be features", problems))
        used = [name for name in columns if name in frame and (as_text(frame[name]) != "").any()]
        codes = [_fit_number(frame[name]) if COLUMNS[name].kind == "number"
                 else _fit_category(frame[name]) for name in used]
        return cls(codes=tuple(codes), unused=tuple(n for n in columns if n not in used))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are used."""
        return tuple(code.name for code in self.codes)

    @cached_property
    def feature_names(self) -> list[str]:
        """Name of each feature, such as `age_approx` or `sex=female`."""
        return [name for code in self.codes for name in code.feature_names]

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """(N, features) float32 for the rows of `frame`; a column that it lacks is all missing."""
        empty = pd.Series(np.nan, index=frame.index, dtype=object)
        parts = [code.encode(frame.get(code.name, empty)) for code in self.codes]
        return np.concatenate([np.zeros((len(frame), 0), np.float32), *parts], axis=1)

    def to_dict(self) -> dict[str, Any]:
        """The state as a JSON object."""
        return {"format_version": FORMAT_VERSION, "unused": list(self.unused),
                "codes": [{"kind": type(code).__name__} | asdict(code) for code in self.codes]}

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> MetadataEncoder:
        """Read what `to_dict` gave."""
        if value["format_version"] != FORMAT_VERSION:
            raise InputError(f"metadata encoder of format {value['format_version']}; this version "
                             f"reads {FORMAT_VERSION}")
        kinds = {"NumberCode": NumberCode, "CategoryCode": CategoryCode}
        codes = []
        for item in value["codes"]:
            fields = {k: tuple(v) if k == "levels" else v for k, v in item.items() if k != "kind"}
            codes.append(kinds[item["kind"]](**fields))
        return cls(codes=tuple(codes), unused=tuple(value["unused"]))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the state."""
        return artifacts.digest_json(self.to_dict())


def _fit_number(values: pd.Series) -> NumberCode:
    known = values.dropna().astype(float)
    median = float(known.median())
    filled = values.astype(float).fillna(median)
    # Rounding makes the deviation of equal numbers 1e-17, not 0.
    std = float(filled.std(ddof=0)) if known.max() > known.min() else 1.0
    return NumberCode(name=str(values.name), median=median, mean=float(filled.mean()), std=std)


def _fit_category(values: pd.Series) -> CategoryCode:
    levels = sorted(set(as_text(values)) - {""})
    return CategoryCode(name=str(values.name), levels=tuple(levels))
